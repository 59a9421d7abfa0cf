//! What is uploaded, and how it is known again.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use crate::manifest::Manifest;
use crate::verify::trust::Key;
use crate::{Digest, Refusal};

/// An object to upload.
#[derive(Debug)]
pub(super) struct Object {
    /// For messages: `plugin "orders"`.
    pub(super) place: String,
    pub(super) uri: String,
    pub(super) bytes: Bytes,
    pub(super) digest: Digest,
    pub(super) media: &'static str,
    pub(super) same: Same,
}

/// Bytes that no longer change.
#[derive(Clone, Debug)]
pub(super) enum Bytes {
    /// In memory.
    Memory(bytes::Bytes),
    /// As verification keeps them.
    Sealed { file: Arc<File>, size: u64 },
}

/// What may lie at the object's key already.
#[derive(Clone, Debug)]
pub(super) enum Same {
    /// These bytes.
    Bytes,
    /// A signature by that key of the manifest's bytes: no two are the same, for each says when it was made.
    Signature { key: Arc<Key>, of: bytes::Bytes },
}

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is there now.
    Uploaded,
    /// It was there.
    There,
    /// It is not there, and was not to be uploaded.
    Missing,
}

impl State {
    pub(super) const fn word(self) -> &'static str {
        match self {
            State::Uploaded => "uploaded",
            State::There => "there",
            State::Missing => "missing",
        }
    }
}

impl Bytes {
    pub(super) fn sealed(descriptor: OwnedFd, size: u64) -> Self {
        Bytes::Sealed { file: Arc::new(File::from(descriptor)), size }
    }

    /// How many.
    pub(super) fn size(&self) -> u64 {
        match self {
            Bytes::Memory(bytes) => bytes.len() as u64,
            Bytes::Sealed { size, .. } => *size,
        }
    }
}

impl Object {
    /// What the manifest names.
    pub(super) fn artifact(place: String, uri: String, bytes: Bytes, digest: Digest) -> Self {
        Object { place, uri, bytes, digest, media: "application/octet-stream", same: Same::Bytes }
    }

    /// The manifest.
    pub(super) fn manifest(uri: &str, manifest: &Manifest) -> Self {
        let (place, uri, bytes) = ("manifest".to_owned(), uri.to_owned(), text(manifest));
        Object {
            place,
            uri,
            bytes: Bytes::Memory(bytes),
            digest: manifest.digest(),
            media: "application/json",
            same: Same::Bytes,
        }
    }

    /// The signature of the manifest.
    pub(super) fn signature(uri: &str, signature: String, key: Key, manifest: &Manifest) -> Self {
        Object {
            place: "signature".to_owned(),
            uri: uri.to_owned(),
            digest: Digest::of(signature.as_bytes()),
            bytes: Bytes::Memory(signature.into()),
            media: "text/plain",
            same: Same::Signature { key: Arc::new(key), of: text(manifest) },
        }
    }

    /// A refusal that is about it.
    pub(super) fn refuse(&self, refusal: Refusal) -> Refusal {
        refusal.at(self.place.clone())
    }
}

fn text(manifest: &Manifest) -> bytes::Bytes {
    manifest.text().to_owned().into()
}
