//! One request over TLS, for answers that go elsewhere than to the Runtime API. Nothing of it exists before the first such answer, and
//! nothing is kept after it. What it costs is file: with TLS and inflating `bootstrap` grew from 2.5 to 4.1 MB, and its start by seven
//! page faults, 0.03 of 1.0 ms to `main` and back.
//!
//! Whom to trust is the system's to say: its certificates, read when they are needed. Lambda's images carry them, they are renewed with
//! the image, and whoever sets the function's variables may name others by `SSL_CERT_FILE`; the manifest may not.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::runtime_api::chain;

/// Puts `body` to `address`, and returns the status of the answer. No redirection is followed.
///
/// # Errors
/// Why there is no answer, on one line, without the address, which may be a secret, and in no words of the peer's.
pub(crate) async fn put(address: &Uri, body: String) -> Result<StatusCode, String> {
    let host = address.host().ok_or("the address has no host")?;
    let stream = TcpStream::connect((host, address.port_u16().unwrap_or(443))).await.map_err(|error| chain(&error))?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| chain(&error))?;
    let stream = TlsConnector::from(config()?).connect(name, stream).await.map_err(|error| handshake(&error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| chain(&error))?;
    let path = address.path_and_query().map_or("/", |path| path.as_str());
    let host = address.authority().map_or(host, |authority| authority.as_str());
    let request = Request::builder()
        .method(Method::PUT)
        .uri(path)
        .header(header::HOST, host)
        // Signed addresses were signed without one.
        .header(header::CONTENT_TYPE, "")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| chain(&error))?;
    let response = sender.send_request(request);
    tokio::pin!(response, connection);
    let ended = tokio::select! {
        biased;
        response = &mut response => return response.map(|response| response.status()).map_err(|error| chain(&error)),
        ended = &mut connection => ended,
    };
    // A server may answer and hang up at once, and not even say so: the answer counts.
    match (response.await, ended) {
        (Ok(response), _) => Ok(response.status()),
        (Err(_), Err(error)) | (Err(error), Ok(())) => Err(chain(&error)),
    }
}

/// Why there is no TLS: what rustls says of it may quote the peer's certificate, whatever names that claims.
fn handshake(error: &io::Error) -> String {
    use rustls::{CertificateError, Error};
    let Some(cause) = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>()) else {
        return format!("TLS handshake: {}", error.kind());
    };
    match cause {
        Error::InvalidCertificate(cause) => {
            let why = match cause {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => "expired",
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "not valid yet",
                CertificateError::UnknownIssuer => "unknown issuer",
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => "for another name",
                CertificateError::BadEncoding => "malformed",
                _ => "not acceptable",
            };
            format!("invalid peer certificate: {why}")
        }
        // A name out of the standard, or a number.
        Error::AlertReceived(alert) => format!("TLS handshake: the peer sent the alert {alert:?}"),
        _ => "TLS handshake: the peer does not keep to the protocol".into(),
    }
}

fn config() -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    // What of the system's is not understood is left out, as every client does it.
    let (added, _ignored) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        return Err("the system has no certificates to trust (hint: name a file of them by SSL_CERT_FILE)".into());
    }
    let config = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into());
    let config = config.with_safe_default_protocol_versions().map_err(|error| chain(&error))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
