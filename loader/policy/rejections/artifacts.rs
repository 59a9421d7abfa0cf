//! Paths, S3 objects, digests.

use super::*;

/// Files and objects.
#[test]
fn files_and_objects() {
    check(
        r#"{"version":1,"plugins":{"p":{}}}"#,
        Code::ManifestType,
        r#"m.json:1:29: plugins.p: neither "path" nor "s3" is given (hint: add one of the two; a stage that sets one of path, s3 and sha256 replaces all three)"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p","s3":"s3://my-bucket/p"}}}"#,
        Code::ManifestValue,
        r#"m.json:1:41: plugins.p.s3: both "path" and "s3" are given (hint: remove one of the two)"#,
    );
    check(
        r#"{"version":1,"settings":{}}"#,
        Code::ManifestType,
        r#"m.json:1:25: settings: neither "path" nor "s3" is given (hint: add one of the two; a stage that sets one of path, s3 and sha256 replaces all three)"#,
    );
    check(
        r#"{"version":1,"settings":{"path":"s","sha256":{"x86_64":""}}}"#,
        Code::ManifestType,
        "m.json:1:46: settings.sha256: expected a string, found an object",
    );
    check(
        r#"{"version":1,"libraries":{"l.so":{"path":"../l.so"}}}"#,
        Code::PathOutsideRoots,
        r#"m.json:1:42: libraries["l.so"].path: "../l.so" has a component ".." (hint: write a path without "..", or an absolute one)"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"/usr/lib/p.so"}}}"#,
        Code::PathOutsideRoots,
        r#"m.json:1:37: plugins.p.path: "/usr/lib/p.so" lies in none of the allowed roots (hint: move the file, or add its folder to allow.roots)"#,
    );
    check(
        r#"{"version":1,"allow":{"roots":["lib"]},"plugins":{"p":{"path":"libx/p.so"}}}"#,
        Code::PathOutsideRoots,
        r#"m.json:1:63: plugins.p.path: "libx/p.so" lies in none of the allowed roots (hint: move the file, or add its folder to allow.roots)"#,
    );
    check(
        r#"{"version":1,"allow":{"roots":[]},"plugins":{"p":{"path":"p.so"}}}"#,
        Code::PathOutsideRoots,
        r#"m.json:1:58: plugins.p.path: "p.so" lies in none of the allowed roots (hint: move the file, or add its folder to allow.roots)"#,
    );
    check(
        r#"{"version":1,"allow":{"roots":["a/../.."]}}"#,
        Code::PathOutsideRoots,
        r#"m.json:1:32: allow.roots[0]: "a/../.." has a component ".." (hint: write a path without "..", or an absolute one)"#,
    );
    check(
        r#"{"version":1,"allow":{"roots":["a","/"]}}"#,
        Code::ManifestValue,
        "m.json:1:36: allow.roots[1]: the whole file system cannot be a root (hint: name the folders that artifacts lie in)",
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"./p.so"}}}"#,
        Code::ManifestValue,
        r#"m.json:1:37: plugins.p.path: "./p.so" has a component "." (hint: leave the "./" out)"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p//p.so"}}}"#,
        Code::ManifestValue,
        r#"m.json:1:37: plugins.p.path: "p//p.so" has an empty component (hint: write a path without // and without / at its end)"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p\u0000.so"}}}"#,
        Code::ManifestValue,
        r#"m.json:1:37: plugins.p.path: "p\0.so" holds a control character"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"{ARCH}/p.so"}}}"#,
        Code::ManifestValue,
        r#"m.json:1:37: plugins.p.path: "{ARCH}/p.so" holds a brace that is not part of {arch} (hint: {arch} is the only placeholder: x86_64 or aarch64)"#,
    );
    check(
        r#"{"version":1,"allow":{"buckets":["s3://my-bucket"]}}"#,
        Code::ManifestValue,
        r#"m.json:1:34: allow.buckets[0]: "s3://my-bucket" does not name a bucket (hint: write the bucket's name alone)"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"s3":"s3://my-bucket/p"}}}"#,
        Code::BucketNotAllowed,
        r#"m.json:1:35: plugins.p.s3: the bucket "my-bucket" is not allowed (hint: add it to allow.buckets)"#,
    );
    check(
        r#"{"version":1,"allow":{"buckets":["my-bucket"]},"settings":{"s3":"s3://my-bucket2/p"}}"#,
        Code::BucketNotAllowed,
        r#"m.json:1:65: settings.s3: the bucket "my-bucket2" is not allowed (hint: add it to allow.buckets)"#,
    );
    check(
        r#"{"version":1,"allow":{"buckets":["my-bucket"]},"settings":{"s3":"my-bucket/p"}}"#,
        Code::ManifestValue,
        r#"m.json:1:65: settings.s3: "my-bucket/p" is not an s3:// URI (hint: write s3://bucket/key or s3://bucket/key?versionId=ID)"#,
    );
    check(
        r#"{"version":1,"allow":{"buckets":["my-bucket"]},"settings":{"s3":"s3://my-bucket/p?version=1"}}"#,
        Code::ManifestValue,
        r#"m.json:1:65: settings.s3: "s3://my-bucket/p?version=1" has a query that is not versionId=ID (hint: write s3://bucket/key or s3://bucket/key?versionId=ID)"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p","sha256":""}}}"#,
        Code::ManifestValue,
        "m.json:1:50: plugins.p.sha256: this is not a SHA-256 of 64 lower-case hexadecimal digits (hint: it has 0 digits; leave the key out, and `lambda-loader lock` writes it)",
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p","sha256":"ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB"}}}"#,
        Code::ManifestValue,
        "m.json:1:50: plugins.p.sha256: this is not a SHA-256 of 64 lower-case hexadecimal digits (hint: write a-f in lower case)",
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p","sha256":"ababababababababababababababababababababababababababababababab"}}}"#,
        Code::ManifestValue,
        "m.json:1:50: plugins.p.sha256: this is not a SHA-256 of 64 lower-case hexadecimal digits (hint: it has 62 digits; leave the key out, and `lambda-loader lock` writes it)",
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p","sha256":"sha256:abababababababababababababababababababababababababababababababab"}}}"#,
        Code::ManifestValue,
        "m.json:1:50: plugins.p.sha256: this is not a SHA-256 of 64 lower-case hexadecimal digits (hint: leave the key out, and `lambda-loader lock` writes it)",
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p","sha256":{"x86_64":"abababababababababababababababababababababababababababababababab","aarch64":"?"}}}}"#,
        Code::ManifestValue,
        "m.json:1:137: plugins.p.sha256.aarch64: this is not a SHA-256 of 64 lower-case hexadecimal digits (hint: leave the key out, and `lambda-loader lock` writes it)",
    );
    check(
        r#"{"version":1,"settings":{"path":"s","sha256":"x"}}"#,
        Code::ManifestValue,
        "m.json:1:46: settings.sha256: this is not a SHA-256 of 64 lower-case hexadecimal digits (hint: leave the key out, and `lambda-loader lock` writes it)",
    );
}

#[test]
fn a_manifest_on_s3_has_no_folder() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(refused(text.as_bytes(), &Base::Remote).to_string(), expected);
    }
    check(
        r#"{"version":1,"allow":{"roots":["plugins"]}}"#,
        "m.json:1:32: allow.roots[0]: \"plugins\" is relative, and a manifest on S3 lies in no folder \
         (hint: write an absolute path, or use \"s3\")",
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}}}"#,
        "m.json:1:37: plugins.p.path: \"p.so\" is relative, and a manifest on S3 lies in no folder \
         (hint: write an absolute path, or use \"s3\")",
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"/opt/p.so"}}}"#,
        "m.json:1:37: plugins.p.path: \"/opt/p.so\" lies in none of the allowed roots \
         (hint: move the file, or add its folder to allow.roots)",
    );
}

#[test]
fn the_manifests_own_folder_is_absolute() {
    for folder in ["", "relative", "/opt/../etc"] {
        let refusal = refused(br#"{"version":1}"#, &Base::Folder(folder.into()));
        assert_eq!(refusal.code, Code::Internal, "{folder}");
    }
}
