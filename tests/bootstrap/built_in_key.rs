//! A `bootstrap` with a key built in: nothing in its environment replaces that key, joins it, or does without it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_loader::Code;
use minisign::{KeyPair, PublicKey, SecretKey};

use crate::signatures::{Function, STRANGER, manifest, sign};
use crate::support::build::Build;

/// Made by minisign for this test, and good for nothing else: a key of its own for each run would be a build of its own.
const PUBLIC: &str = "RWRBk3kmK6X63koQfqxHngQ1HR2XU02SOCmqV5OvSjXnxVd4vFc5EA2a";
const SECRET: &str = concat!(
    "RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQZN5Jiul+t6XTEgi2PGIa0BW5vEEWZhbBLvEsFNHPO6W",
    "f0N0TkXr5EoQfqxHngQ1HR2XU02SOCmqV5OvSjXnxVd4vFc5EA2aAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
);
const ID: &str = "DEFAA52B26799341";

static OWNER: LazyLock<KeyPair> = LazyLock::new(|| {
    let sk = SecretKey::from_bytes(&STANDARD.decode(SECRET).unwrap()).unwrap();
    KeyPair { pk: PublicKey::from_secret_key(&sk).unwrap(), sk }
});

fn program() -> PathBuf {
    Build::binary("bootstrap").no_default_features().variable("LOADER_BUILT_IN_KEY", PUBLIC).path()
}

/// With a manifest that the owner signed, and no key in the environment.
fn function() -> Function {
    let function = Function::new(manifest()).under(program()).without("LOADER_MANIFEST_KEY");
    let signature = sign(&OWNER, &function.bytes());
    function.signed(signature)
}

#[test]
fn what_the_built_in_key_signed_runs() {
    function().starts(&format!("signed by {ID}"));
    function().with("LOADER_MANIFEST_KEY", PUBLIC).starts(&format!("signed by {ID}"));
    let version = Command::new(program()).arg("--version").env_clear().output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    assert!(version.ends_with(&format!("\nbuilt-in manifest key {PUBLIC}\n")), "{version}");
}

#[test]
fn environment_key_beside_a_built_in_key() {
    let words = format!("it is not {ID}, which is built into this program");
    let function = function();
    let theirs = sign(&STRANGER, &function.bytes());
    function.signed(theirs).with("LOADER_MANIFEST_KEY", STRANGER.pk.to_base64()).is_refused(Code::KeyInvalid, &words);
    // Nor does it do harm to what is signed, or switch the check off.
    self::function().with("LOADER_MANIFEST_KEY", STRANGER.pk.to_base64()).is_refused(Code::KeyInvalid, &words);
    self::function().with("LOADER_MANIFEST_KEY", "").is_refused(Code::KeyInvalid, &words);
}

#[test]
fn pin_in_the_environment_instead_of_a_signature_by_the_built_in_key() {
    function().unsigned().pinned().is_refused(Code::ManifestUnsigned, "a key is configured");
    function().unsigned().own_code().is_refused(Code::ManifestUnsigned, "a key is configured");
    let function = function();
    let theirs = sign(&STRANGER, &function.bytes());
    function.signed(theirs).pinned().is_refused(Code::SignatureInvalid, "it is by another key");
}
