//! What was asked of the Runtime API, and what it answered.

use std::time::Instant;

/// A path of the Runtime API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `GET …/invocation/next`
    Next,
    /// `POST …/invocation/{id}/response`
    Response,
    /// `POST …/invocation/{id}/error`
    Error,
    /// `POST …/init/error`
    InitError,
    /// Any other path, `…/restore/next` among them: a function without SnapStart does not have it.
    Other,
}

/// One answered request.
#[derive(Clone, Debug)]
pub struct Access {
    /// When it was answered.
    pub at: Instant,
    /// What was asked.
    pub endpoint: Endpoint,
    /// The invocation's id, where the path has one.
    pub request_id: Option<String>,
    /// The HTTP status; `None` where a scripted fault broke the connection instead.
    pub status: Option<u16>,
}

/// The path and method of a request, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target<'a> {
    pub(super) endpoint: Endpoint,
    pub(super) request_id: Option<&'a str>,
    /// The only method that the path takes.
    pub(super) method: &'static str,
}

/// Takes a path apart.
pub(super) fn target(path: &str) -> Target<'_> {
    let other = Target { endpoint: Endpoint::Other, request_id: None, method: "" };
    let Some(path) = path.strip_prefix("/2018-06-01/runtime/") else { return other };
    match path {
        "invocation/next" => Target { endpoint: Endpoint::Next, method: "GET", ..other },
        "init/error" => Target { endpoint: Endpoint::InitError, method: "POST", ..other },
        _ => match path.strip_prefix("invocation/").and_then(|rest| rest.split_once('/')) {
            Some((id, "response")) => Target { endpoint: Endpoint::Response, request_id: Some(id), method: "POST" },
            Some((id, "error")) => Target { endpoint: Endpoint::Error, request_id: Some(id), method: "POST" },
            _ => other,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_paths_of_the_2018_runtime_api_exist() {
        let check = |path, endpoint, id| {
            let found = target(path);
            assert_eq!((found.endpoint, found.request_id), (endpoint, id), "{path}");
        };
        check("/2018-06-01/runtime/invocation/next", Endpoint::Next, None);
        check("/2018-06-01/runtime/invocation/a-b/response", Endpoint::Response, Some("a-b"));
        check("/2018-06-01/runtime/invocation/a-b/error", Endpoint::Error, Some("a-b"));
        check("/2018-06-01/runtime/invocation//error", Endpoint::Error, Some(""));
        check("/2018-06-01/runtime/init/error", Endpoint::InitError, None);
        check("/2018-06-01/runtime/restore/next", Endpoint::Other, None);
        check("/2018-06-01/runtime/invocation/next/", Endpoint::Other, None);
        check("/2018-06-01/runtime/invocation/a/b/response", Endpoint::Other, None);
        check("/2019-01-01/runtime/invocation/next", Endpoint::Other, None);
        check("/", Endpoint::Other, None);
    }
}
