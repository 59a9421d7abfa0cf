//! A handler that asks another server, over HTTP or HTTPS: what any client library of the async world needs works in a plugin.

#![deny(unsafe_code)]

use std::time::Duration;

use http::uri::{Parts, PathAndQuery};
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use lambda_plugin_abi::{Context, Error};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use serde::{Deserialize, Serialize};

/// The manifest's `config`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Scheme and host, `https://api.example.com`. An event names a path there, never another server.
    base: String,
    /// File with the certificates to trust instead of the system's, in PEM.
    authorities: Option<String>,
    /// Longer bodies are refused.
    #[serde(default = "most_bytes")]
    most_bytes: usize,
}

fn most_bytes() -> usize {
    1 << 20
}

/// Connections stay open from one invocation to the next.
struct Remote {
    client: Client<HttpsConnector<HttpConnector>, Empty<&'static [u8]>>,
    base: Parts,
    most_bytes: usize,
}

async fn start(config: Config) -> Result<Remote, Error> {
    let base = config.base.parse::<Uri>()?;
    if base.host().is_none() || base.path() != "/" || base.query().is_some() {
        return Err(Error::new("ConfigInvalid", "`base` is not a scheme and a host (hint: write https://api.example.com)"));
    }
    let mut authorities = RootCertStore::empty();
    match &config.authorities {
        Some(file) => {
            for certificate in CertificateDer::pem_file_iter(file)? {
                authorities.add(certificate?)?;
            }
        }
        // What of the system's is not understood is left out, as every client does it.
        None => _ = authorities.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
    }
    // Named, because rustls cannot choose where several are linked in.
    let provider = rustls::crypto::ring::default_provider();
    let tls = ClientConfig::builder_with_provider(provider.into()).with_safe_default_protocol_versions()?;
    let tls = tls.with_root_certificates(authorities).with_no_client_auth();
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
    let client = Client::builder(TokioExecutor::new()).build(connector);
    Ok(Remote { client, base: base.into_parts(), most_bytes: config.most_bytes })
}

#[derive(Deserialize)]
struct Operation {
    input: Wanted,
}

/// What an event asks for.
#[derive(Deserialize)]
struct Wanted {
    path: String,
}

#[derive(Serialize)]
struct Fetched {
    status: u16,
    body: String,
}

async fn get(event: Operation, cx: Context<Remote>) -> Result<Fetched, Error> {
    let remote = cx.state();
    let mut parts = Parts::default();
    parts.scheme.clone_from(&remote.base.scheme);
    parts.authority.clone_from(&remote.base.authority);
    parts.path_and_query = Some(event.input.path.parse::<PathAndQuery>()?);
    let request = Request::get(Uri::from_parts(parts)?).body(Empty::new())?;
    let fetch = async {
        let (head, body) = remote.client.request(request).await?.into_parts();
        let body = Limited::new(body, remote.most_bytes).collect().await.map_err(|error| Error::new("BodyRead", error))?;
        tracing::info!(status = head.status.as_u16(), "fetched");
        Ok(Fetched { status: head.status.as_u16(), body: String::from_utf8_lossy(&body.to_bytes()).into_owned() })
    };
    // Ends a little before the loader would end it, for an error that says what took so long.
    let time = cx.remaining().map_or(Duration::from_secs(30), |left| left * 9 / 10);
    tokio::time::timeout(time, fetch).await.map_err(|_| Error::new("RemoteSlow", "the other server did not answer in time"))?
}

lambda_plugin_abi::export! { start, handlers: { get } }

#[cfg(test)]
mod tests;
