//! Manifests from S3: believed for a pin or a signature, never for where they lie.

use std::sync::LazyLock;

use lambda_loader::{Code, Digest};
use minisign::KeyPair;
use serde_json::json;

use crate::proxy::{ALWAYS, Fault};
use crate::world::{BUCKET, Scene};

static OWNER: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate_unencrypted_keypair().unwrap());
static STRANGER: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate_unencrypted_keypair().unwrap());

fn signature(pair: &KeyPair, bytes: &[u8]) -> String {
    minisign::sign(Some(&pair.pk), &pair.sk, bytes, Some("release 7"), None).unwrap().into_string()
}

/// A scene whose function takes what the owner has signed, with this beside the manifest.
fn signed(scene: Scene, signature: &str) -> Scene {
    scene.server.put(BUCKET, "release/manifest.json.minisig", signature.as_bytes());
    scene.remote().with("LOADER_MANIFEST_KEY", OWNER.pk.to_base64())
}

#[test]
fn a_pinned_manifest_from_s3_starts_and_one_with_another_pin_does_not() {
    let scene = Scene::new();
    let pin = Digest::of(scene.manifest.to_string().as_bytes()).to_string();
    let scene = scene.remote().with("LOADER_MANIFEST_SHA256", pin);
    let world = scene.start();
    world.answers();
    world.says(r#""manifest":"s3://artifacts/release/manifest.json""#);
    let scene = Scene::new().remote().with("LOADER_MANIFEST_SHA256", "0".repeat(64));
    scene.is_refused(Code::ManifestPinMismatch, &["s3://artifacts/release/manifest.json: its SHA-256 is "]);
    assert_eq!(scene.proxy.asked(), ["GET /artifacts/release/manifest.json"], "nothing that it names is asked for");
}

#[test]
fn nothing_vouches_for_a_manifest_because_it_lies_in_a_bucket() {
    let scene = Scene::new().remote();
    scene.is_refused(Code::ManifestUntrusted, &["nothing vouches for it", "whoever may write to its bucket may replace it"]);
    assert_eq!(scene.proxy.asked(), ["GET /artifacts/release/manifest.json"]);
}

#[test]
fn a_signed_manifest_starts_with_a_version_of_its_own() {
    let scene = Scene::new();
    let signature = signature(&OWNER, scene.manifest.to_string().as_bytes());
    let scene = signed(scene, &signature).with("LOADER_MANIFEST", "s3://artifacts/release/manifest.json?versionId=null");
    scene.start().answers();
    let mut asked = scene.proxy.asked();
    asked[..2].sort();
    let wanted = ["GET /artifacts/release/manifest.json.minisig", "GET /artifacts/release/manifest.json?versionId=null"];
    assert_eq!(asked[..2], wanted, "the signature has no version");
}

#[test]
fn a_signature_that_is_missing_altered_or_a_stranger_s_is_refused_before_anything_is_fetched() {
    let check = |scene: Scene, code, words: &[&str]| {
        scene.is_refused(code, words);
        let artifacts = scene.proxy.asked().into_iter().filter(|asked| asked.ends_with(".so")).count();
        assert_eq!(artifacts, 0, "{:?}", scene.proxy.asked());
    };
    let key = || OWNER.pk.to_base64();
    let place = "s3://artifacts/release/manifest.json.minisig";
    check(
        Scene::new().remote().with("LOADER_MANIFEST_KEY", key()),
        Code::ManifestUnsigned,
        &[place, "takes signed manifests alone"],
    );
    let scene = Scene::new();
    let good = signature(&OWNER, scene.manifest.to_string().as_bytes());
    check(signed(scene, &good.replace("release 7", "release 8")), Code::SignatureInvalid, &[place, "was changed"]);
    let mut scene = Scene::new();
    scene.manifest["serial"] = json!(8);
    check(signed(scene, &good), Code::SignatureInvalid, &[place, "did not sign this"]);
    let scene = Scene::new();
    let strange = signature(&STRANGER, scene.manifest.to_string().as_bytes());
    check(signed(scene, &strange), Code::SignatureInvalid, &[place, "it is by another key"]);
    check(signed(Scene::new(), &"x".repeat(17 << 10)), Code::SignatureInvalid, &[place, "larger than 16 KiB"]);
    // A key that is none is known before anybody is asked.
    let scene = Scene::new().remote().with("LOADER_MANIFEST_KEY", "no key");
    scene.is_refused(Code::KeyInvalid, &["it is not a minisign public key"]);
    assert_eq!(scene.proxy.asked(), [""; 0]);
}

#[test]
fn an_old_serial_and_a_foreign_function_are_refused() {
    let old = |serial: &str| {
        let mut scene = Scene::new();
        scene.manifest["serial"] = json!(6);
        let signature = signature(&OWNER, scene.manifest.to_string().as_bytes());
        signed(scene, &signature).with("LOADER_MANIFEST_MIN_SERIAL", serial)
    };
    old("7").is_refused(Code::SerialTooOld, &["s3://artifacts/release/manifest.json: serial: 6 is below"]);
    old("6").start().answers();
    let mut scene = Scene::new();
    scene.manifest["functions"] = json!(["orders-*"]);
    let signature = signature(&OWNER, scene.manifest.to_string().as_bytes());
    signed(scene, &signature).is_refused(Code::FunctionNotListed, &["it is for \"orders-*\", not for \"local\""]);
}

#[test]
fn a_manifest_in_s3_lies_in_no_folder_and_may_name_no_bucket_but_those_that_it_allows() {
    let pinned = |scene: Scene| {
        let pin = Digest::of(scene.manifest.to_string().as_bytes()).to_string();
        scene.remote().with("LOADER_MANIFEST_SHA256", pin)
    };
    let mut scene = Scene::new();
    scene.manifest["plugins"]["echo"] = json!({ "path": "libecho.so", "sha256": "0".repeat(64) });
    pinned(scene).is_refused(Code::ManifestValue, &["\"libecho.so\" is relative, and a manifest on S3 lies in no folder"]);
    let mut scene = Scene::new();
    scene.manifest["plugins"]["echo"]["s3"] = "s3://elsewhere/libecho.so".into();
    let scene = pinned(scene);
    scene.is_refused(Code::BucketNotAllowed, &["the bucket \"elsewhere\" is not allowed"]);
    assert_eq!(scene.proxy.asked(), ["GET /artifacts/release/manifest.json"], "a bucket that is not allowed is never asked");
}

#[test]
fn a_manifest_that_is_missing_too_large_or_no_uri_is_refused() {
    let scene = || Scene::new().remote().with("LOADER_MANIFEST_SHA256", "0".repeat(64));
    scene().with("LOADER_MANIFEST", "s3://artifacts/none.json").is_refused(
        Code::RemoteMissing,
        &["s3://artifacts/none.json: S3 answered 404 NoSuchKey", "upload it, or correct the key"],
    );
    scene().with("LOADER_MANIFEST", "s3://artifacts").is_refused(Code::ManifestValue, &["\"s3://artifacts\" has no key"]);
    let large = scene();
    large.server.put(BUCKET, "release/manifest.json", &vec![b' '; (1 << 20) + 1]);
    large.is_refused(Code::ManifestTooLarge, &["larger than 1 MiB"]);
    let endless = scene();
    endless.proxy.on("manifest.json", Fault::Endless, ALWAYS);
    endless.is_refused(Code::ManifestTooLarge, &["larger than 1 MiB"]);
}
