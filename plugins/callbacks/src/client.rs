//! HTTPS, and nothing else.

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use lambda_plugin_abi::Error;
use rustls::{ClientConfig, RootCertStore};

/// Larger objects take a handler that passes them on piece by piece.
const MOST_BYTES: usize = 10 << 20;

pub(super) struct Https(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Https {
    pub(super) fn new() -> Result<Self, Error> {
        let mut authorities = RootCertStore::empty();
        _ = authorities.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = rustls::crypto::ring::default_provider();
        let tls = ClientConfig::builder_with_provider(provider.into()).with_safe_default_protocol_versions()?;
        let tls = tls.with_root_certificates(authorities).with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().build();
        Ok(Https(Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// Sends a request, and returns the body of an answer that is a success. Redirections are none.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Bytes, Error> {
        let answer = self.0.request(request).await?;
        if !answer.status().is_success() {
            return Err(Error::new("NotAccepted", format_args!("the other side answered {}", answer.status())));
        }
        let body = Limited::new(answer.into_body(), MOST_BYTES).collect().await.map_err(|error| Error::new("BodyRead", error))?;
        Ok(body.to_bytes())
    }
}

/// An address of the event, if its host is one that `own` knows. It is signed: what is wrong with it is said without it.
pub(super) fn address(text: &str, own: impl FnOnce(&str) -> bool) -> Result<Uri, Error> {
    let refused = || Error::new("AddressRefused", "the event names a server that is none of AWS's for this");
    let address: Uri = text.parse().map_err(|_| refused())?;
    if address.host().is_some_and(own) { Ok(address) } else { Err(refused()) }
}
