//! The Lambda Runtime API, as a client: next event, answers, failed starts.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>. Connections are `lambda_runtime_api_client`'s; the poll loop is our
//! own (`slot`), because `lambda_runtime` sets an environment variable for every event while plugins, each with its own copy of
//! std and of its environment lock, may be reading the environment.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use http_body_util::BodyExt as _;
use lambda_runtime::Diagnostic;
use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{PooledClient, build_request};

use crate::invocation::Invocation;
use crate::{Code, Refusal};

/// The largest reply that Lambda takes, in bytes: 6 MB and 100 bytes
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>; the service names this number when it refuses one).
pub const REPLY_LIMIT: usize = 6_291_556;

const VERSION: &str = "/2018-06-01/runtime";

/// One connection to the Runtime API.
#[derive(Debug)]
pub struct Client {
    client: PooledClient,
    place: String,
}

/// Why a call failed.
#[derive(Debug)]
pub enum Failure {
    /// No connection, or it broke.
    Broken(String),
    /// The service said so.
    Status(StatusCode),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Broken(why) => f.write_str(why),
            Failure::Status(status) => write!(f, "answered {status}"),
        }
    }
}

impl Client {
    /// A client of `address`, the value of `AWS_LAMBDA_RUNTIME_API`: `host:port`. Emulators that serve several functions have
    /// `http://` before it or a path behind it (<https://www.cargo-lambda.info/commands/watch.html>).
    ///
    /// # Errors
    /// Where it is no address.
    pub fn new(address: &str) -> Result<Self, Refusal> {
        let uri = format!("http://{}", address.strip_prefix("http://").unwrap_or(address));
        let uri = uri.parse::<Uri>().ok().filter(|uri| uri.authority().is_some()).ok_or_else(|| {
            Refusal::new(Code::Usage, "AWS_LAMBDA_RUNTIME_API", "is not host:port").hint("Lambda sets it; do not set it yourself")
        })?;
        // Chosen here and not read from the environment again, which the client's own default would do, with a panic.
        let client = PooledClient::builder().with_endpoint(uri).with_pool_size(1).build();
        Ok(Client { client, place: format!("runtime API {address}") })
    }

    /// A failure of this API as a refusal.
    #[must_use]
    pub fn refusal(&self, what: &str, failure: &Failure) -> Refusal {
        Refusal::new(Code::RuntimeApi, self.place.clone(), format!("{what}: {failure}"))
            .hint("see whether the Lambda service or the local emulator is healthy")
    }

    /// Waits for the next event: its headers and its bytes.
    ///
    /// # Errors
    /// Where the service cannot be reached, breaks off, or answers with anything but 200.
    pub async fn next(&self) -> Result<(HeaderMap, Bytes), Failure> {
        let request =
            build_request().method(Method::GET).uri(Uri::from_static("/2018-06-01/runtime/invocation/next")).body(Body::empty());
        let response = self.send(request).await?;
        let (parts, mut body) = response.into_parts();
        let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        let broken = |error: hyper::Error| Failure::Broken(format!("event: {}", chain(&error)));
        let mut first = None;
        let mut rest = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
            match first.take() {
                // An event in one piece is not copied.
                None if rest.is_empty() => first = Some(data),
                None => rest.extend_from_slice(&data),
                Some(head) => {
                    // The header is a hint; what arrives decides.
                    rest.reserve(length.unwrap_or(0).clamp(head.len() + data.len(), 8 << 20));
                    rest.extend_from_slice(&head);
                    rest.extend_from_slice(&data);
                }
            }
        }
        if parts.status != StatusCode::OK {
            return Err(Failure::Status(parts.status));
        }
        Ok((parts.headers, first.unwrap_or_else(|| rest.freeze())))
    }

    /// Posts a whole reply.
    ///
    /// # Errors
    /// Where the service cannot be reached or does not accept it.
    pub async fn respond(&self, invocation: &Invocation, reply: Bytes) -> Result<(), Failure> {
        let uri = format!("{VERSION}/invocation/{}/response", invocation.request_id());
        let request = build_request().method(Method::POST).uri(uri).header(header::CONTENT_TYPE, "application/json");
        self.post(request, invocation.invocation_id(), reply.into()).await
    }

    /// Posts a reply in pieces, as they come out of `body`.
    ///
    /// # Errors
    /// Where the service cannot be reached or does not accept it.
    pub async fn stream(&self, invocation: &Invocation, content_type: &'static str, body: Body) -> Result<(), Failure> {
        let uri = format!("{VERSION}/invocation/{}/response", invocation.request_id());
        let request = build_request()
            .method(Method::POST)
            .uri(uri)
            .header("lambda-runtime-function-response-mode", "streaming")
            .header(header::TRANSFER_ENCODING, "chunked")
            // hyper sends only trailers that were announced.
            .header(header::TRAILER, "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body")
            .header(header::CONTENT_TYPE, content_type);
        self.post(request, invocation.invocation_id(), body).await
    }

    /// Posts that the invocation failed.
    ///
    /// # Errors
    /// Where the service cannot be reached or does not accept it.
    pub async fn fail(&self, invocation: &Invocation, error_type: &str, body: Bytes) -> Result<(), Failure> {
        let uri = format!("{VERSION}/invocation/{}/error", invocation.request_id());
        self.post_error(uri, error_type, invocation.invocation_id(), body).await
    }

    /// Posts that the start failed.
    ///
    /// # Errors
    /// Where the service cannot be reached or does not accept it.
    pub async fn fail_start(&self, refusal: &Refusal) -> Result<(), Failure> {
        let body = error_body(refusal.code.error_type(), &refusal.to_string());
        self.post_error(format!("{VERSION}/init/error"), refusal.code.error_type(), None, body).await
    }

    async fn post_error(
        &self,
        uri: String,
        error_type: &str,
        invocation_id: Option<&HeaderValue>,
        body: Bytes,
    ) -> Result<(), Failure> {
        let request = build_request()
            .method(Method::POST)
            .uri(uri)
            .header(header::CONTENT_TYPE, "application/json")
            .header("lambda-runtime-function-error-type", error_type);
        self.post(request, invocation_id, body.into()).await
    }

    async fn post(
        &self,
        request: http::request::Builder,
        invocation_id: Option<&HeaderValue>,
        body: Body,
    ) -> Result<(), Failure> {
        let request = match invocation_id {
            Some(id) => request.header(crate::invocation::header::INVOCATION_ID, id),
            None => request,
        };
        let response = self.send(request.body(body)).await?;
        let status = response.status();
        // Read to the end, so that the connection can be used again.
        let mut body = response.into_body();
        while let Some(Ok(_)) = body.frame().await {}
        if status.is_success() { Ok(()) } else { Err(Failure::Status(status)) }
    }

    async fn send(&self, request: http::Result<http::Request<Body>>) -> Result<http::Response<hyper::body::Incoming>, Failure> {
        let request = request.map_err(|error| Failure::Broken(chain(&error)))?;
        self.client.call(request).await.map_err(|error| Failure::Broken(chain(&*error)))
    }
}

/// The body of an error answer.
#[must_use]
pub fn error_body(error_type: &str, message: &str) -> Bytes {
    let diagnostic = Diagnostic { error_type: error_type.to_owned(), error_message: message.to_owned() };
    serde_json::to_vec(&diagnostic).unwrap_or_default().into()
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
