//! Where objects go: below one prefix of one bucket, under keys that say what they hold.

use crate::manifest::near::quoted;
use crate::policy::{ARCH, s3};
use crate::{Architecture, Code, Digest, Refusal};

/// A bucket and what all keys begin with.
#[derive(Debug)]
pub(super) struct Destination {
    pub(super) bucket: String,
    /// `s3://bucket/` or `s3://bucket/prefix/`
    base: String,
}

impl Destination {
    /// Reads `s3://BUCKET` or `s3://BUCKET/PREFIX`, with or without `/` at the end.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let base = format!("{}/", text.trim_end_matches('/'));
        let example = format!("{base}x");
        let refuse = || {
            Refusal::new(Code::Usage, "", format!("{} names no bucket and prefix", quoted(text)))
                .hint("give s3://BUCKET/PREFIX, as in s3://my-artifacts/orders")
        };
        match s3::parse(&example) {
            Ok(object) if object.version.is_none() && !text.contains(['?', '{', '}']) && base.matches("//").count() == 1 => {
                Ok(Destination { bucket: object.bucket.to_owned(), base })
            }
            _ => Err(refuse()),
        }
    }

    /// Where an artifact goes: below its digest. A manifest names one URI for all architectures: files of several lie below the digest of
    /// their list, as `sha256sum` would print it.
    pub(super) fn artifact(&self, digests: &[(Architecture, Digest)], file: &str) -> String {
        match digests {
            [(_, digest)] => format!("{}sha256/{digest}/{file}", self.base),
            _ => {
                let list: String = digests.iter().map(|(of, digest)| format!("{digest}  {of}\n")).collect();
                format!("{}sha256/{}/{ARCH}/{file}", self.base, Digest::of(list.as_bytes()))
            }
        }
    }

    /// Where the manifest of a stage goes.
    pub(super) fn manifest(&self, stage: Option<&str>, digest: Digest) -> String {
        let folder = stage.map(|stage| format!("{stage}/")).unwrap_or_default();
        format!("{}{folder}manifest-{digest}.json", self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_a_bucket_and_perhaps_a_prefix() {
        let digest = Digest::of(b"abc");
        let check = |text: &str, expected: &str| {
            let found = Destination::parse(text).map(|to| to.manifest(None, digest)).unwrap();
            assert_eq!(found, format!("{expected}manifest-{digest}.json"), "{text}");
        };
        check("s3://my-bucket", "s3://my-bucket/");
        check("s3://my-bucket/", "s3://my-bucket/");
        check("s3://my-bucket/a/b", "s3://my-bucket/a/b/");
        check("s3://my-bucket/a/b//", "s3://my-bucket/a/b/");
        for wrong in [
            "",
            "my-bucket",
            "s3://",
            "s3:///a",
            "s3://B",
            "s3://my-bucket/a?versionId=x",
            "s3://my-bucket/a?",
            "s3://my-bucket//a",
            "s3://my-bucket/../a",
            "s3://my-bucket/a#b",
            "s3://my-bucket/{arch}",
            "s3://my-bucket/a\nb",
        ] {
            let refusal = Destination::parse(wrong).unwrap_err();
            assert_eq!(refusal.code, Code::Usage, "{wrong}");
            assert!(refusal.to_string().contains("names no bucket and prefix"), "{refusal}");
        }
    }

    #[test]
    fn a_key_says_which_bytes_lie_there() {
        let to = Destination::parse("s3://my-bucket/a").unwrap();
        let (one, other) = (Digest::of(b"abc"), Digest::of(b"def"));
        let digests = [(Architecture::X86_64, one), (Architecture::Aarch64, other)];
        assert_eq!(to.artifact(&digests[1..], "libx.so"), format!("s3://my-bucket/a/sha256/{other}/libx.so"));
        let both = Digest::of(format!("{one}  x86_64\n{other}  aarch64\n").as_bytes());
        assert_eq!(to.artifact(&digests, "libx.so"), format!("s3://my-bucket/a/sha256/{both}/{{arch}}/libx.so"));
        assert_eq!(to.manifest(Some("prod"), one), format!("s3://my-bucket/a/prod/manifest-{one}.json"));
    }
}
