//! A manifest in S3, and its signature beside it.

use std::ops::ControlFlow;

use super::{Body, Form, Store, Wanted};
use crate::verify::trust::{LARGEST_MANIFEST, LARGEST_SIGNATURE, ManifestFile, Origin};
use crate::{Code, Refusal};

/// Fetches a manifest, and, where it has to be `signed`, its signature: the object of the same name with `.minisig` behind it. That one
/// is asked for without a version: versions of two objects have nothing to do with each other.
///
/// What is wrong with the signature is told by whoever checks it.
///
/// # Errors
/// `remote-…`, `manifest-too-large`, `manifest-value` for what is no S3 URI.
pub fn manifest(store: &mut Store, uri: &str, signed: bool) -> Result<ManifestFile, Refusal> {
    let beside = signature_uri(uri);
    let mut wanted = vec![Wanted { place: "manifest", uri, form: Form::Buffer(LARGEST_MANIFEST) }];
    if signed {
        wanted.push(Wanted { place: "the manifest's signature", uri: &beside, form: Form::Buffer(LARGEST_SIGNATURE) });
    }
    let mut found = Vec::new();
    store.each(&wanted, &mut |_, body| {
        let failed = body.is_err();
        found.push(body);
        if failed { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let mut found = found.into_iter().map(|body| match body? {
        Body::Buffer(bytes) => Ok(bytes),
        Body::Sealed(_) => Err(Refusal::new(Code::Internal, uri, "it was sealed, and not to be")),
    });
    let none = || Err(Refusal::new(Code::Internal, uri, "nothing became of a fetch"));
    let bytes = found.next().unwrap_or_else(none).map_err(|refusal| match refusal.code {
        Code::ArtifactTooLarge => {
            Refusal::new(Code::ManifestTooLarge, uri, "larger than 1 MiB").hint("move configuration into settings")
        }
        _ => refusal,
    })?;
    let signature = signed.then(|| found.next().unwrap_or_else(none).map_err(|refusal| unsigned(refusal, &beside)));
    Ok(ManifestFile { origin: Origin::Object { uri: uri.to_owned(), signature }, bytes })
}

/// Where the signature of a manifest in S3 lies.
#[must_use]
pub fn signature_uri(manifest: &str) -> String {
    let object = manifest.split_once('?').map_or(manifest, |(object, _)| object);
    format!("{object}.minisig")
}

fn unsigned(refusal: Refusal, signature: &str) -> Refusal {
    match refusal.code {
        Code::RemoteMissing => {
            let what = format!("{}: a key is configured, and takes signed manifests alone", refusal.what);
            Refusal::new(Code::ManifestUnsigned, refusal.place, what)
                .hint("sign the manifest with lambda-loader sign, and upload both files")
        }
        Code::ArtifactTooLarge => {
            Refusal::new(Code::SignatureInvalid, signature, "larger than 16 KiB").hint("sign the manifest again")
        }
        _ => refusal,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_signature_has_the_manifest_s_name_and_no_version() {
        let check = |manifest, signature| assert_eq!(super::signature_uri(manifest), signature);
        check("s3://bucket/a/manifest.json", "s3://bucket/a/manifest.json.minisig");
        check("s3://bucket/manifest.json?versionId=x", "s3://bucket/manifest.json.minisig");
    }
}
