//! What services and networks do: each ends in the right answer, or in a refusal with its code before any plugin code has run.

use std::net::TcpListener;
use std::time::Duration;

use lambda_loader::Code;
use lambda_loader::verify::open::LARGEST;

use crate::proxy::{ALWAYS, Fault};
use crate::server;
use crate::world::Scene;

/// With `fault` done to the plugin that marks, as often as it is asked for.
fn refused(fault: Fault, code: Code, words: &[&str]) {
    let scene = Scene::new().local();
    scene.proxy.on("libmisbehave.so", fault, ALWAYS);
    let mut all = vec!["plugin \"misbehave\": "];
    all.extend_from_slice(words);
    scene.is_refused(code, &all);
}

fn status(status: u16, code: &'static str) -> Fault {
    Fault::Status(status, code, String::new())
}

#[test]
fn whoever_may_not_read_it_is_told_what_to_allow() {
    let words = ["s3://artifacts/libmisbehave.so: S3 answered 403 AccessDenied (request REQUEST7)", "allow s3:GetObject on it"];
    refused(status(403, "AccessDenied"), Code::RemoteDenied, &words);
    refused(status(403, "SignatureDoesNotMatch"), Code::RemoteDenied, &["correct the credentials"]);
    refused(status(400, "ExpiredToken"), Code::RemoteDenied, &["S3 answered 400 ExpiredToken", "sign in again"]);
    // The server's own word on a secret that is not the right one.
    let scene = Scene::new().with("AWS_SECRET_ACCESS_KEY", "another").local();
    scene.is_refused(Code::RemoteDenied, &["S3 answered 403 SignatureDoesNotMatch"]);
}

#[test]
fn what_is_not_there_is_missing() {
    refused(status(404, "NoSuchKey"), Code::RemoteMissing, &["S3 answered 404 NoSuchKey", "upload it, or correct the key"]);
    refused(status(404, "NoSuchBucket"), Code::RemoteMissing, &["correct the bucket's name"]);
    refused(status(405, "MethodNotAllowed"), Code::RemoteMissing, &["name a version that is not a deletion"]);
    let mut scene = Scene::new();
    scene.manifest["plugins"]["misbehave"]["s3"] = "s3://artifacts/none.so".into();
    scene.local().is_refused(Code::RemoteMissing, &["s3://artifacts/none.so: S3 answered 404 NoSuchKey"]);
    let mut scene = Scene::new();
    scene.manifest["plugins"]["misbehave"]["s3"] = "s3://artifacts/libmisbehave.so?versionId=old".into();
    let scene = scene.local();
    scene.proxy.on("versionId=old", status(404, "NoSuchVersion"), ALWAYS);
    scene.is_refused(Code::RemoteMissing, &["S3 answered 404 NoSuchVersion", "name a version that is still there"]);
}

#[test]
fn trouble_of_the_service_is_waited_out_and_told_if_it_stays() {
    let scene = Scene::new().local();
    scene.proxy.on("libmisbehave.so", status(500, "InternalError"), 1).on("libecho.so", status(503, "SlowDown"), 1);
    scene.start().answers();
    assert_eq!(scene.proxy.asked().len(), 4, "{:?}", scene.proxy.asked());
    refused(status(500, "InternalError"), Code::RemoteFailed, &["S3 answered 500 InternalError", "this is S3's own trouble"]);
}

#[test]
fn a_slow_first_byte_is_waited_for() {
    let scene = Scene::new().local();
    scene.proxy.on("libmisbehave.so", Fault::Late(Duration::from_millis(1500)), 1);
    scene.start().answers();
}

#[test]
fn a_body_that_breaks_off_is_fetched_again_and_refused_if_it_always_does() {
    let scene = Scene::new().local();
    scene.proxy.on("libmisbehave.so", Fault::Breaks(70_000), 1);
    let world = scene.start();
    world.answers();
    assert!(scene.mark().exists());
    assert_eq!(scene.proxy.asked().len(), 3, "{:?}", scene.proxy.asked());
    refused(Fault::Breaks(70_000), Code::RemoteTruncated, &["it broke off after 70000 of "]);
    refused(Fault::Claims(LARGEST - 1), Code::RemoteTruncated, &[&format!("of {} bytes", LARGEST - 1)]);
}

#[test]
fn other_bytes_are_refused_by_their_digest() {
    refused(Fault::Flips(5_000), Code::DigestMismatch, &["the file's SHA-256 is "]);
    refused(Fault::Shortens(70_000), Code::DigestMismatch, &["the file's SHA-256 is "]);
}

#[test]
fn what_has_no_digest_to_match_is_never_asked_for() {
    for load in ["init", "first-use"] {
        let mut scene = Scene::new();
        let plugin = scene.manifest["plugins"]["misbehave"].as_object_mut().unwrap();
        plugin.remove("sha256");
        plugin.insert("load".to_owned(), load.into());
        let scene = scene.local();
        scene.is_refused(Code::DigestMissing, &["plugin \"misbehave\": it has no sha256 for"]);
        assert_eq!(scene.proxy.asked(), [""; 0], "{load}");
    }
}

#[test]
fn what_is_too_large_is_refused_by_what_it_claims_and_by_what_comes() {
    refused(Fault::Claims(LARGEST + 1), Code::ArtifactTooLarge, &["it is larger than 256 MiB"]);
    let scene = Scene::new().local();
    scene.proxy.on("libmisbehave.so", Fault::Endless, ALWAYS);
    let world = scene.start();
    let status = world.process.wait_exit(crate::support::SOON).expect("it ends");
    // Whichever ends first on this machine: the size or the time.
    assert!(matches!(status.code(), Some(4 | 6)), "{}", world.output());
    let said = ["it is larger than 256 MiB", "were over (hint: "];
    assert!(said.iter().any(|words| world.output().contains(words)), "{}", world.output());
    assert!(!scene.mark().exists());
}

#[test]
fn a_redirection_is_not_followed() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    other.set_nonblocking(true).unwrap();
    let location = format!("location: http://{}/artifacts/libmisbehave.so\r\n", other.local_addr().unwrap());
    let moved = format!("{location}x-amz-bucket-region: eu-west-1\r\n");
    let words = ["S3 answered 301 PermanentRedirect", "the bucket is in eu-west-1: set AWS_REGION to it"];
    refused(Fault::Status(301, "PermanentRedirect", moved), Code::RemoteFailed, &words);
    refused(Fault::Status(307, "TemporaryRedirect", location), Code::RemoteFailed, &["redirections are not followed"]);
    assert_eq!(other.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "the other host was asked");
}

#[test]
fn where_nobody_listens_or_nobody_speaks_http_the_refusal_says_so() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let mut scene = Scene::new().local();
    for (name, value) in server::variables(address) {
        scene = scene.with(name, value);
    }
    scene.is_refused(Code::RemoteUnreachable, &["S3 cannot be reached", "onnection refused"]);
    let scene = Scene::new().local();
    scene.proxy.on(".so", Fault::Gibberish, ALWAYS);
    scene.is_refused(Code::RemoteUnreachable, &["S3 cannot be reached"]);
}

#[test]
fn without_a_region_or_credentials_nobody_is_asked() {
    let scene = Scene::new().local().with("AWS_REGION", "").with("AWS_DEFAULT_REGION", "");
    scene.is_refused(Code::RemoteNotConfigured, &["nothing says in which region S3 is to be asked", "set AWS_REGION"]);
    assert_eq!(scene.proxy.asked(), [""; 0]);
    let scene = Scene::new().local().with("AWS_ACCESS_KEY_ID", "").with("AWS_SECRET_ACCESS_KEY", "");
    scene.is_refused(Code::RemoteNotConfigured, &["there are no credentials to ask for it with"]);
    assert_eq!(scene.proxy.asked(), [""; 0]);
}

#[test]
fn of_several_failures_the_first_of_the_manifest_is_told() {
    // That of the first one comes last: it is asked for again.
    let scene = Scene::new().local();
    scene.proxy.on("libecho.so", status(500, "InternalError"), ALWAYS).on("libmisbehave.so", status(404, "NoSuchKey"), ALWAYS);
    scene.is_refused(Code::RemoteFailed, &["plugin \"echo\""]);
    let scene = Scene::new().local();
    scene.proxy.on("libecho.so", Fault::Late(Duration::from_millis(300)), 1).on(
        "libmisbehave.so",
        status(404, "NoSuchKey"),
        ALWAYS,
    );
    scene.is_refused(Code::RemoteMissing, &["plugin \"misbehave\""]);
}

/// Starts the program in a sandbox that answers EPERM to `memfd_create`.
const SANDBOX: &str = r#"#!PYTHON
import ctypes, os, platform, struct
libc = ctypes.CDLL(None, use_errno=True)
number = {"x86_64": 319, "aarch64": 279}[platform.machine()]
ld, jeq, ret = 0x20, 0x15, 0x06
rules = [(ld, 0, 0, 0), (jeq, 0, 1, number), (ret, 0, 0, 0x00050001), (ret, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(rules), ctypes.addressof(code)))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
os.execv("PROGRAM", ["bootstrap"])
"#;

#[test]
fn without_sealed_memory_nothing_is_fetched_to_be_loaded_from_anything_less() {
    let python =
        std::process::Command::new("python3").args(["-c", "import sys; print(sys.executable, end='')"]).output().unwrap();
    let python = String::from_utf8(python.stdout).unwrap();
    let scene = Scene::new();
    let program = scene.folder.path().join("bootstrap");
    let script = SANDBOX.replace("PYTHON", &python).replace("PROGRAM", crate::world::program().to_str().unwrap());
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let words =
        ["plugin \"echo\": no sealed copy can be made of what is fetched (memfd: operation not permitted", "allow memfd_create"];
    scene.under(program).local().is_refused(Code::SealUnavailable, &words);
}

#[test]
fn a_profile_that_names_a_program_to_run_is_not_read() {
    let scene = Scene::new();
    let (config, ran) = (scene.folder.path().join("config"), scene.folder.path().join("ran"));
    let process = format!("[default]\nregion = us-east-1\ncredential_process = /bin/touch {}\n", ran.display());
    std::fs::write(&config, process).unwrap();
    let config = config.display().to_string();
    let scene = scene.local().with("AWS_CONFIG_FILE", config).with("AWS_ACCESS_KEY_ID", "").with("AWS_SECRET_ACCESS_KEY", "");
    scene.is_refused(Code::RemoteNotConfigured, &["there are no credentials"]);
    assert!(!ran.exists(), "it was run");
}
