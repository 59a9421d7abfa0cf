//! Applications that clients see beneath a path that the application itself does not know.

use std::task::{Context, Poll};

use ::http::uri::PathAndQuery;
use ::http::{Request, Uri};
use tower_service::Service;

/// An application without the base path before its requests' paths. See [`beneath`].
#[derive(Clone, Debug)]
pub struct BasePath<S> {
    base: String,
    application: S,
}

/// Takes a base path off: that of a custom domain's mapping, which API Gateway leaves on the path, or of a load balancer's rule.
///
/// Only at the border of a segment: beneath `/shop`, `/shop/cart` becomes `/cart` and `/shop` becomes `/`; `/shopping`, and whatever
/// else is not beneath it, stays as it is. (A `Router` that is to answer 404 there is put under `Router::nest` instead.)
///
/// ```
/// use axum::{Router, routing::get};
/// use lambda_plugin_abi::http::{BasePath, beneath};
///
/// fn web() -> BasePath<Router> {
///     beneath("/shop", Router::new().route("/cart", get(async || "empty")))
/// }
/// lambda_plugin_abi::export! { http: { web } }
/// # fn main() {}
/// ```
pub fn beneath<S>(base: &str, application: S) -> BasePath<S> {
    let base = base.trim_matches('/');
    BasePath { base: if base.is_empty() { String::new() } else { format!("/{base}") }, application }
}

impl<S, B> Service<Request<B>> for BasePath<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.application.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if let Some(uri) = without(request.uri(), &self.base) {
            *request.uri_mut() = uri;
        }
        self.application.call(request)
    }
}

/// The URI without `base`, if it is beneath it.
fn without(uri: &Uri, base: &str) -> Option<Uri> {
    let rest = uri.path_and_query()?.as_str().strip_prefix(base).filter(|_| !base.is_empty())?;
    let rest = match rest.chars().next() {
        Some('/') => PathAndQuery::try_from(rest).ok()?,
        None | Some('?') => PathAndQuery::try_from(format!("/{rest}")).ok()?,
        Some(_) => return None,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(rest);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_path_is_taken_off_at_the_border_of_a_segment() {
        for (base, given, expected) in [
            ("/shop", "/shop/cart?a=b", "/cart?a=b"),
            ("shop/", "/shop/cart", "/cart"),
            ("/shop", "/shop", "/"),
            ("/shop", "/shop?a=/shop", "/?a=/shop"),
            ("/shop", "/shop/", "/"),
            ("/shop", "/shopping/cart", "/shopping/cart"),
            ("/shop", "/cart", "/cart"),
            ("/shop", "/shop//x", "//x"),
            ("/shop/v1", "/shop/v1/cart", "/cart"),
            ("/shop/v1", "/shop/v10/cart", "/shop/v10/cart"),
            ("/", "/shop", "/shop"),
            ("", "/shop", "/shop"),
            ("/shop", "/%73hop/cart", "/%73hop/cart"),
        ] {
            let uri: Uri = given.parse().unwrap();
            assert_eq!(without(&uri, &beneath(base, ()).base).unwrap_or(uri), expected, "{base}");
        }
    }
}
