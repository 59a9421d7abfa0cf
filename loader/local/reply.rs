//! The Runtime API's own replies, as bytes-only HTTP responses.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

/// A response of the Runtime API.
pub(super) type Reply = Response<Full<Bytes>>;

/// A JSON reply.
fn json(status: StatusCode, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

/// `202`: taken.
pub(super) fn accepted() -> Reply {
    json(StatusCode::ACCEPTED, Bytes::from_static(b"{\"status\":\"OK\"}\n"))
}

/// An error as the service words it.
pub(super) fn error(status: StatusCode, error_type: &str, message: &str) -> Reply {
    let body = serde_json::json!({ "errorMessage": message, "errorType": error_type });
    json(status, Bytes::from(body.to_string()))
}

/// `400`: no invocation with this id waits for an answer.
pub(super) fn unknown_id() -> Reply {
    error(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
}

/// `413`: more than the service takes.
pub(super) fn too_large() -> Reply {
    let message = format!("Exceeded maximum allowed payload size ({} bytes).", super::REPLY_LIMIT);
    error(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
}

/// `403`: not in this state.
pub(super) fn forbidden(message: &str) -> Reply {
    error(StatusCode::FORBIDDEN, "InvalidStateTransition", message)
}

/// An answer that a scripted fault asks for.
pub(super) fn scripted(status: u16) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    error(status, "ScriptedFault", "a fault was ordered")
}
