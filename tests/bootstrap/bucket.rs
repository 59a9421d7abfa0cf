//! What stands for S3, reached under names of AWS by the real TLS client. The names lead here by a hosts file of the process's own,
//! which takes a mount namespace.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::{Arc, Mutex};

use lambda_loader::local::{Bootstrap, Lambda, Options};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::{bootstrap_path, folder::Folder};
use crate::world::World;

pub(crate) const HOST: &str = "cloudformation-custom-resource-response-useast1.s3.amazonaws.com";

/// What stands for S3: what it was asked, head and body, and what it answers.
pub(crate) struct Bucket {
    pub(crate) address: SocketAddr,
    pub(crate) asked: Arc<Mutex<Vec<(String, String)>>>,
    pub(crate) certificate: String,
}

impl Bucket {
    /// With that status; an empty one: it hangs.
    pub(crate) fn start(status: &'static str) -> Self {
        Self::of(&[HOST], status, "")
    }

    /// With these names in its certificate; it answers everything with that body.
    pub(crate) fn of(names: &[&str], status: &'static str, answer: &'static str) -> Self {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let chain = vec![CertificateDer::from(made.cert.der().to_vec())];
        let config = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into());
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = Arc::new(config.with_single_cert(chain, key).unwrap());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = BufReader::new(StreamOwned::new(connection, stream));
                let mut head = String::new();
                // A client that does not trust the certificate ends here.
                while stream.read_line(&mut head).is_ok_and(|read| read > 2) {}
                if head.is_empty() {
                    continue;
                }
                let length =
                    head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
                let mut body = vec![0; length.unwrap_or(0)];
                stream.read_exact(&mut body).unwrap();
                log.lock().unwrap().push((head, String::from_utf8(body).unwrap()));
                if status.is_empty() {
                    // Never an answer, and the connection stays.
                    std::mem::forget(stream);
                    continue;
                }
                let _gone = write!(stream.get_mut(), "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
            }
        });
        Bucket { address, asked, certificate: made.cert.pem() }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{HOST}:{}/arn%3Aaws%3Astack?X-Amz-Signature=s3cr3t", self.address.port())
    }

    pub(crate) fn asked(&self) -> Vec<(String, String)> {
        self.asked.lock().unwrap().clone()
    }
}

/// A `bootstrap` that finds `names` on this machine, with the bucket's certificate as the only one to trust, and with these variables;
/// `None` where the system gives no mount namespace.
pub(crate) fn world_within(
    folder: impl FnOnce() -> Folder,
    bucket: &Bucket,
    names: &str,
    more: &[(&str, &str)],
) -> Option<World> {
    if !Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: this system gives no mount namespace (unshare -rm)");
        return None;
    }
    let (lambda, folder) = (Lambda::start(Options::default()).unwrap(), folder());
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let hosts = file("hosts", format!("127.0.0.1 localhost {names}\n"));
    let certificates = file("ca.pem", bucket.certificate.clone());
    let bootstrap = bootstrap_path().display().to_string();
    let script = file(
        "start",
        format!(
            "#!/bin/sh\nPATH=/usr/bin:/bin:/usr/sbin:/sbin\nexport PATH\nexec unshare -rm sh -c 'mount --bind {hosts} /etc/hosts && exec {bootstrap}'\n"
        ),
    );
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let manifest = folder.manifest();
    let mut variables = vec![
        ("LOADER_MANIFEST", manifest.to_str().unwrap()),
        ("LOADER_MANIFEST_SHA256", folder.pin.as_str()),
        ("SSL_CERT_FILE", certificates.as_str()),
    ];
    variables.extend_from_slice(more);
    let process = Bootstrap::spawn(&lambda, script.as_ref(), &variables).unwrap();
    Some(World { process, lambda, folder })
}
