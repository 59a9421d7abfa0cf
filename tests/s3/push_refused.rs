//! What `push` does not upload, and what it makes of everything that can go wrong on the way.

use crate::proxy::{ALWAYS, Fault};
use crate::pushing::{Desk, TO};
use crate::world::{BUCKET, plugin};

fn status(status: u16, code: &'static str) -> Fault {
    Fault::Status(status, code, String::new())
}

#[test]
fn nothing_is_uploaded_unless_all_of_it_would_be_taken() {
    let mut desk = Desk::new();
    desk.run(&["push", "s3://other-bucket/releases", "--stage", "prod"], &[]).refused(
        3,
        "bucket-not-allowed",
        &["manifest.json:1:", "allow.buckets", "the bucket \"other-bucket\" is not allowed", "add it to allow.buckets"],
    );
    desk.run(&["push", "artifacts/releases"], &[]).refused(2, "usage", &["names no bucket and prefix"]);
    desk.run(&["push", TO], &[]).refused(3, "stage-not-chosen", &["dev", "prod"]);
    desk.push(&["--glibc", "2.2"]).refused(4, "glibc-version-missing", &["it is to run with glibc 2.2"]);
    desk.manifest["routes"]["echo"]["to"] = "echo.none".into();
    desk.push(&[]).refused(5, "handler-missing", &["route \"echo\""]);
    desk.manifest["routes"]["echo"]["to"] = "echo".into();
    desk.manifest["plugins"]["echo"]["sha256"] = "0".repeat(64).into();
    desk.push(&[]).refused(
        4,
        "digest-stale",
        &["plugins.echo: the file's SHA-256", "run lambda-loader lock if this one is meant"],
    );
    desk.manifest["plugins"]["echo"].as_object_mut().unwrap().remove("sha256");
    desk.file("settings.json", br#"{"OTHER":"value-of-a-setting"}"#);
    desk.push(&[]).refused(3, "variable-not-allowed", &["OTHER"]);
    desk.file("settings.json", b"{}");
    let mut foreign = plugin("echo");
    foreign[18] ^= 183 ^ 62;
    desk.file("plugins/libecho.so", &foreign);
    desk.push(&[]).refused(4, "elf-foreign", &["no architecture has all files"]);
    std::fs::remove_file(desk.path("plugins/libecho.so")).unwrap();
    desk.push(&[]).refused(4, "artifact-missing", &["plugin \"echo\""]);
    desk.file("plugins/lib echo?.so", &plugin("echo"));
    desk.push(&["--from", "echo=plugins/lib echo?.so"]).refused(2, "usage", &["cannot be named in S3"]);
    assert!(desk.proxy.asked().is_empty(), "{:?}", desk.proxy.asked());
}

#[test]
fn other_bytes_under_a_key_are_neither_overwritten_nor_taken_for_ours() {
    let desk = Desk::new();
    let key = desk.key("libecho.so");
    let mut same_length = plugin("echo");
    same_length[0] ^= 1;
    for (other, words) in [(b"short".to_vec(), "5 bytes lie there"), (same_length, "the SHA-256 of what lies there is")] {
        desk.server.put(BUCKET, &key, &other);
        desk.push(&[]).refused(4, "digest-mismatch", &["plugin \"echo\": s3://artifacts/", words, "nothing is overwritten"]);
        assert!(std::fs::read(desk.server.path(BUCKET, &key)).unwrap() == other);
        assert!(!desk.published());
    }
    // Somebody else's upload of the very bytes, of which S3 has no such checksum, is read and found the same.
    desk.server.put(BUCKET, &key, &plugin("echo"));
    let run = desk.push(&[]).done();
    assert!(run.out.contains(&format!("there     s3://artifacts/{key}")), "{run:?}");
    assert_eq!(desk.count("PUT", "libecho.so"), 0);
}

#[test]
fn what_comes_between_the_question_and_the_upload_is_compared_and_not_replaced() {
    let desk = Desk::new();
    let key = desk.key("libecho.so");
    desk.server.put(BUCKET, &key, &plugin("echo"));
    // It seems not to be there: S3 itself refuses to replace it (412), and then it is seen.
    desk.proxy.on("HEAD /artifacts/releases/sha256", status(404, ""), 3);
    let run = desk.push(&[]).done();
    assert!(run.out.contains(&format!("there     s3://artifacts/{key}")), "{run:?}");
    assert_eq!((desk.count("PUT", "libecho.so"), desk.count("HEAD", "libecho.so")), (1, 2));
}

#[test]
fn whoever_may_not_list_the_bucket_may_push_and_not_take_for_ours_what_is_hidden() {
    let desk = Desk::new();
    desk.proxy.on("HEAD ", status(403, ""), ALWAYS);
    desk.push(&[]).done();
    let again = desk.push(&[]);
    again.refused(6, "remote-denied", &["something lies there already", "s3:GetObject", "s3:ListBucket"]);
}

#[test]
fn an_upload_that_meets_another_one_is_tried_again() {
    let desk = Desk::new();
    desk.proxy.on("PUT /artifacts/releases/sha256", status(409, "ConditionalRequestConflict"), 2);
    desk.push(&[]).done();
    assert!(desk.published());
    let desk = Desk::new();
    desk.proxy.on("PUT ", status(409, "ConditionalRequestConflict"), ALWAYS);
    desk.push(&[]).refused(6, "remote-failed", &["S3 answered 409 ConditionalRequestConflict"]);
    assert!(!desk.published());
}

#[test]
fn a_server_without_conditions_is_asked_first_and_then_told_none() {
    let desk = Desk::new();
    desk.proxy.on("libecho.so", status(404, ""), 1).on("PUT /artifacts/releases/sha256", status(501, "NotImplemented"), 1);
    desk.push(&[]).done();
    let heads = desk.proxy.heads();
    let bare: Vec<_> = heads.iter().filter(|head| head.starts_with("put ") && !head.contains("if-none-match")).collect();
    assert!(bare.len() == 1 && bare[0].contains("x-amz-checksum-sha256"), "{bare:?}");
}

#[test]
fn a_failing_service_is_asked_again() {
    let desk = Desk::new();
    desk.proxy.on("PUT ", status(500, "InternalError"), 2);
    desk.push(&[]).done();
    assert!(desk.published());
    assert_eq!(desk.count("PUT", ""), 6);
}

#[test]
fn nothing_is_published_before_all_that_it_names_is_there() {
    #[track_caller]
    fn check(part: &str, fault: Fault, code: &str, words: &[&str]) {
        let desk = Desk::new();
        desk.run(&["keygen", "--no-password"], &[]).done();
        desk.proxy.on(part, fault, ALWAYS);
        let words: Vec<&str> = words.iter().copied().chain(["s3://artifacts/releases/"]).collect();
        desk.push(&["--key", "manifest.key"]).refused(6, code, &words);
        assert_eq!(desk.count("PUT", "/prod/manifest-"), usize::from(part.contains("minisig")), "{:?}", desk.proxy.asked());
        assert!(!desk.published(), "{:?}", desk.proxy.asked());
    }
    let echo = "plugin \"echo\": ";
    check("PUT /artifacts/releases/sha256", status(403, "AccessDenied"), "remote-denied", &["403 AccessDenied", "s3:PutObject"]);
    check("libecho.so", status(403, "AccessDenied"), "remote-denied", &[echo, "(request REQUEST7)"]);
    check("minisig", status(403, "AccessDenied"), "remote-denied", &["signature: ", "403 AccessDenied"]);
    check("libecho.so", status(404, "NoSuchBucket"), "remote-missing", &[echo, "NoSuchBucket"]);
    check("libecho.so", status(500, "InternalError"), "remote-failed", &[echo, "S3 answered 500"]);
    check("libecho.so", Fault::Gibberish, "remote-unreachable", &[echo]);
    check("libecho.so", Fault::Damages(77), "remote-failed", &[echo, "S3 answered 400", "it was damaged on its way"]);
    let elsewhere = Fault::Status(301, "PermanentRedirect", "x-amz-bucket-region: eu-west-1\r\n".to_owned());
    check("libecho.so", elsewhere, "remote-failed", &[echo, "S3 answered 301", "the bucket is in eu-west-1"]);
    check("libecho.so", status(400, "ExpiredToken"), "remote-denied", &[echo, "sign in again"]);
}

#[test]
fn without_a_region_credentials_or_a_service_it_says_what_is_missing() {
    let desk = Desk::new();
    let push = |more: &[(&str, &str)]| desk.run(&["push", TO, "--stage", "prod"], more);
    push(&[("AWS_REGION", "")]).refused(6, "remote-not-configured", &["in which region", "set AWS_REGION"]);
    let nobody = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", ""), ("AWS_EC2_METADATA_DISABLED", "true")];
    push(&nobody).refused(6, "remote-not-configured", &["there are no credentials"]);
    assert!(desk.proxy.asked().is_empty(), "{:?}", desk.proxy.asked());
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    push(&[("AWS_ENDPOINT_URL_S3", &format!("http://{free}"))]).refused(6, "remote-unreachable", &["S3 cannot be reached"]);
}
