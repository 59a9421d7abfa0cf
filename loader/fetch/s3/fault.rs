//! What a service or the way to it did wrong, as a refusal: what was asked, what it said, and the mend.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::runtime_api::chain;
use crate::{Code, Refusal};

/// The most characters of somebody else's words.
const WORDS: usize = 300;

/// What whoever fetches has to be allowed.
pub(super) const READING: &str = "allow s3:GetObject on it (s3:GetObjectVersion with a versionId) for the function's role; S3 says the \
     same of what is not there to whoever may not list the bucket";

/// Why a request for `uri` failed; `allow` is the mend where the caller may not ask.
pub(crate) fn request<E>(uri: &str, allow: &'static str, error: &SdkError<E, HttpResponse>) -> Refusal
where
    E: Error + ProvideErrorMetadata + 'static,
{
    if let Some(response) = error.raw_response().filter(|response| !response.status().is_success()) {
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
        return answered(uri, allow, code, response);
    }
    let (code, what, hint) = match error {
        _ if holds::<CredentialsError>(error) => (
            Code::RemoteNotConfigured,
            "there are no credentials to ask for it with",
            "give the function a role, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        SdkError::ConstructionFailure(_) => {
            (Code::RemoteNotConfigured, "it cannot be asked for", "correct AWS_REGION, AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL")
        }
        SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => (
            Code::RemoteUnreachable,
            "S3 cannot be reached",
            "let the function's network reach S3, by a VPC endpoint for one, or correct AWS_REGION and AWS_ENDPOINT_URL_S3",
        ),
        _ => (Code::RemoteFailed, "the answer is none of S3", "correct AWS_ENDPOINT_URL_S3, and what stands between"),
    };
    Refusal::new(code, "", format!("{uri}: {what}: {}", words(error))).hint(hint)
}

/// What the service said in the place of the object.
fn answered(uri: &str, allow: &'static str, code: Option<&str>, response: &HttpResponse) -> Refusal {
    let status = response.status().as_u16();
    let header = |name: &str| response.headers().get(name).map(name_of).filter(|text| !text.is_empty());
    let code = code.map(name_of).unwrap_or_default();
    let id = header("x-amz-request-id").map(|id| format!(" (request {id})")).unwrap_or_default();
    let said = if code.is_empty() { format!("{status}") } else { format!("{status} {code}") };
    let region = header("x-amz-bucket-region");
    let elsewhere = || match &region {
        Some(region) => format!("the bucket is in {region}: set AWS_REGION to it, or use a bucket of this region"),
        None => {
            "set AWS_REGION to the bucket's region, and correct AWS_ENDPOINT_URL_S3; redirections are not followed".to_owned()
        }
    };
    let (refused, hint) = match (status, code.as_str()) {
        (404, "NoSuchBucket") => (Code::RemoteMissing, "correct the bucket's name, or make it".to_owned()),
        (404, "NoSuchVersion") | (400, "InvalidArgument") if uri.contains("?versionId=") => {
            (Code::RemoteMissing, "name a version that is still there".to_owned())
        }
        (404, _) => (Code::RemoteMissing, "upload it, or correct the key".to_owned()),
        // What a version that is a deletion gets
        // (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html>).
        (405, _) => (Code::RemoteMissing, "name a version that is not a deletion".to_owned()),
        (_, "ExpiredToken" | "InvalidToken" | "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "TokenRefreshRequired") => {
            (Code::RemoteDenied, "sign in again, or correct the credentials".to_owned())
        }
        (_, "RequestTimeTooSkewed") => (Code::RemoteDenied, "set this machine's clock".to_owned()),
        (401 | 403, _) => (Code::RemoteDenied, allow.to_owned()),
        (400, "BadDigest" | "IncompleteBody" | "XAmzContentSHA256Mismatch" | "XAmzContentChecksumMismatch") => {
            (Code::RemoteFailed, "try again: it was damaged on its way, and is not kept".to_owned())
        }
        (300..=399, _) | (400, "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException") => {
            (Code::RemoteFailed, elsewhere())
        }
        (500..=599, _) => (Code::RemoteFailed, "try again: this is S3's own trouble".to_owned()),
        _ => (Code::RemoteFailed, "correct the bucket, the key, AWS_REGION and AWS_ENDPOINT_URL_S3".to_owned()),
    };
    Refusal::new(refused, "", format!("{uri}: S3 answered {said}{id}")).hint(hint)
}

/// Why the bytes of an object broke off.
pub(crate) fn body(uri: &str, received: u64, announced: Option<u64>, error: &(dyn Error + 'static)) -> Refusal {
    let of = announced.map(|announced| format!(" of {announced}")).unwrap_or_default();
    Refusal::new(Code::RemoteTruncated, "", format!("{uri}: it broke off after {received}{of} bytes: {}", words(error)))
        .hint("try again; where it stays so, upload the object again, and look at what stands between")
}

fn holds<T: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<T>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// An error with its causes, on one line and not for ever.
fn words(error: &(dyn Error + 'static)) -> String {
    let text = chain(error);
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(WORDS).collect()
}

/// A name that the service gave; what else it may hold is not repeated.
fn name_of(text: &str) -> String {
    text.chars().filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.')).take(64).collect()
}
