//! The public key that manifests have to be signed with, and the check of a signature.
//!
//! Keys and signatures are those of minisign (<https://jedisct1.github.io/minisign/>). `minisign-verify` is by its author, depends on
//! nothing, and checks both signatures of a file: that of the content, and that of the trusted comment.

use std::ffi::OsStr;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minisign_verify::{Error, PublicKey, Signature};

use crate::refusal::{Code, Refusal};

/// The variable of a key that was not built in.
pub const VARIABLE: &str = "LOADER_MANIFEST_KEY";

/// The key that this program was built with, as `LOADER_BUILT_IN_KEY` gave it to the build script, which has checked it.
#[must_use]
pub fn built_in() -> Option<&'static str> {
    let key = env!("LOADER_CHECKED_KEY");
    (!key.is_empty()).then_some(key)
}

/// What minisign calls a key; it says nothing about whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyId(u64);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    public: PublicKey,
    id: KeyId,
}

impl Key {
    /// Reads the second line of a `.pub` file: 56 characters of Base64.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let id = key_id(text, 42)?;
        Some(Key { public: PublicKey::from_base64(text).ok()?, id })
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Whether `signature`, the content of a `.minisig` file, is this key's signature of exactly these bytes, and its trusted comment is
    /// the signed one. Returns that comment.
    ///
    /// Signatures of the bytes themselves, as `minisign -S -l` makes them, are not taken: which of the two forms a signature has is not
    /// signed, so with one form no signature of other bytes can be passed off as one of a manifest.
    ///
    /// # Errors
    /// `signature-invalid`, without a place.
    pub fn verify(&self, bytes: &[u8], signature: &[u8]) -> Result<String, Refusal> {
        let refuse = |what: String, hint: &'static str| Refusal::new(Code::SignatureInvalid, "", what).hint(hint);
        let malformed =
            |_| refuse("not a minisign signature, or not all of one".to_owned(), "ship the file as lambda-loader sign wrote it");
        let text = std::str::from_utf8(signature).map_err(|error| malformed(error.to_string()))?;
        let parsed = Signature::decode(text).map_err(|error| malformed(error.to_string()))?;
        self.public.verify(bytes, &parsed, false).map_err(|error| match error {
            Error::UnexpectedKeyId => {
                let by = text.lines().nth(1).and_then(|line| key_id(line, 74));
                let by = by.map(|id| format!(", {id}")).unwrap_or_default();
                refuse(
                    format!("it is by another key{by}, and the manifest has to be signed by {}", self.id),
                    "sign the manifest with that key, or configure the other one",
                )
            }
            Error::UnexpectedAlgorithm => refuse(
                "it signs the file itself instead of its hash, as `minisign -S -l` does".to_owned(),
                "sign the manifest with lambda-loader sign, or minisign -S without -l",
            ),
            _ => refuse(
                format!("{} did not sign this: the manifest, the trusted comment or the signature was changed", self.id),
                "ship the manifest that was signed with the signature that was made of it, or sign this one if it is meant",
            ),
        })?;
        Ok(parsed.trusted_comment().to_owned())
    }
}

/// The key's number in a key or signature of `size` bytes, which both begin with an algorithm and this number.
fn key_id(text: &str, size: usize) -> Option<KeyId> {
    let bytes = STANDARD.decode(text).ok().filter(|bytes| bytes.len() == size)?;
    let ([b'E', b'd' | b'D'], rest) = bytes.split_first_chunk()? else { return None };
    Some(KeyId(u64::from_le_bytes(*rest.first_chunk()?)))
}

/// The key that manifests have to be signed with: the one that was built in, else the one of the environment, else none.
///
/// A key in the environment protects from whoever may write the manifest, and not from whoever may set the environment.
///
/// # Errors
/// `key-invalid`: it is no key, or stands beside another one that was built in, which it can neither replace nor join.
pub fn in_force(built_in: Option<&str>, environment: Option<&OsStr>) -> Result<Option<Key>, Refusal> {
    let given = built_in.map(OsStr::new).or(environment);
    let Some(given) = given else { return Ok(None) };
    let Some(key) = given.to_str().and_then(Key::parse) else {
        return Err(Refusal::new(Code::KeyInvalid, VARIABLE, "it is not a minisign public key")
            .hint("set it to the second line of the .pub file, as lambda-loader keygen prints it"));
    };
    if environment.is_some_and(|environment| environment != given) {
        let what = format!("it is not {}, which is built into this program and cannot be replaced from outside", key.id());
        return Err(Refusal::new(Code::KeyInvalid, VARIABLE, what).hint("unset it, or build with the other key"));
    }
    Ok(Some(key))
}

#[cfg(test)]
pub(super) mod tests;
