//! `s3://bucket/key?versionId=…`

use super::problem::Problem;
use crate::manifest::near::quoted;
use crate::refusal::Code;

/// The parts of an S3 URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct S3<'u> {
    /// The bucket.
    pub bucket: &'u str,
    /// The key, as it is: an S3 URI is not percent-encoded.
    pub key: &'u str,
    /// The version, where one is named.
    pub version: Option<&'u str>,
}

const HINT: &str = "write s3://bucket/key or s3://bucket/key?versionId=ID";

/// Reads an S3 URI.
pub(crate) fn parse(uri: &str) -> Result<S3<'_>, Problem> {
    let wrong = |why: &str| Problem::new(Code::ManifestValue, format!("{} {why}", quoted(uri))).hint(HINT);
    let rest = uri.strip_prefix("s3://").ok_or_else(|| wrong("is not an s3:// URI"))?;
    let (bucket, rest) = rest.split_once('/').ok_or_else(|| wrong("has no key"))?;
    if !is_bucket(bucket) {
        return Err(wrong("does not name a bucket"));
    }
    let (key, version) = match rest.split_once('?') {
        None => (rest, None),
        Some((key, query)) => match query.strip_prefix("versionId=") {
            Some(version) if is_version(version) => (key, Some(version)),
            _ => return Err(wrong("has a query that is not versionId=ID")),
        },
    };
    if key.is_empty() || key.len() > 1024 || key.contains('#') || key.chars().any(char::is_control) {
        return Err(wrong("does not name an object"));
    }
    // HTTP clients resolve such components away: another object would be fetched.
    if key.split('/').any(|component| matches!(component, "." | "..")) {
        return Err(wrong("has a component \".\" or \"..\""));
    }
    Ok(S3 { bucket, key, version })
}

/// Whether a bucket may have this name: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>.
pub(super) fn is_bucket(name: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.bytes().all(|byte| alphanumeric(byte) || matches!(byte, b'-' | b'.'))
        && name.bytes().next().is_some_and(alphanumeric)
        && name.bytes().last().is_some_and(alphanumeric)
        && !name.contains("..")
}

/// S3 makes version ids of characters that need no encoding in a URL.
fn is_version(id: &str) -> bool {
    (1..=1024).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_s3_uri_is_a_bucket_a_key_and_perhaps_a_version() {
        #[track_caller]
        fn check(uri: &str, expected: Result<(&str, &str, Option<&str>), &str>) {
            let found = parse(uri).map(|s3| (s3.bucket, s3.key, s3.version)).map_err(|problem| problem.what);
            assert_eq!(found, expected.map_err(|why| format!("{uri:?} {why}")));
        }
        check("s3://my-bucket/a.so", Ok(("my-bucket", "a.so", None)));
        check("s3://my.bucket/a/b c+ü.so", Ok(("my.bucket", "a/b c+ü.so", None)));
        check(
            "s3://my-bucket/a?versionId=3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY",
            Ok(("my-bucket", "a", Some("3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY"))),
        );
        check("s3://my-bucket/a?versionId=null", Ok(("my-bucket", "a", Some("null"))));
        check("", Err("is not an s3:// URI"));
        check("S3://my-bucket/a", Err("is not an s3:// URI"));
        check("https://my-bucket.s3.amazonaws.com/a", Err("is not an s3:// URI"));
        check("s3:/my-bucket/a", Err("is not an s3:// URI"));
        check("s3://my-bucket", Err("has no key"));
        check("s3://my-bucket/", Err("does not name an object"));
        check("s3:///a", Err("does not name a bucket"));
        check("s3://My-bucket/a", Err("does not name a bucket"));
        check("s3://user@my-bucket/a", Err("does not name a bucket"));
        check("s3://my-bucket:80/a", Err("does not name a bucket"));
        check("s3://-a-/a", Err("does not name a bucket"));
        check("s3://ab/a", Err("does not name a bucket"));
        check("s3://a..b/a", Err("does not name a bucket"));
        check("s3://my-bucket/a?versionId=", Err("has a query that is not versionId=ID"));
        check("s3://my-bucket/a?versionid=x", Err("has a query that is not versionId=ID"));
        check("s3://my-bucket/a?versionId=x&y=z", Err("has a query that is not versionId=ID"));
        check("s3://my-bucket/a?versionId=x?y", Err("has a query that is not versionId=ID"));
        check("s3://my-bucket/?versionId=x", Err("does not name an object"));
        check("s3://my-bucket/a#b", Err("does not name an object"));
        check("s3://my-bucket/a\nb", Err("does not name an object"));
        check("s3://my-bucket/../other/a", Err("has a component \".\" or \"..\""));
        check("s3://my-bucket/a/./b", Err("has a component \".\" or \"..\""));
    }
}
