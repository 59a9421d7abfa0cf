//! What a handler fails with.

use lambda_plugin_abi_v1 as v1;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A handler's error: the `errorType` and `errorMessage` that Lambda shows.
///
/// Made by `?` from any `std::error::Error`, which then gives its type's name, or by [`Error::new`].
#[derive(Clone, Serialize, Deserialize)]
pub struct Error {
    #[serde(rename = "errorType")]
    kind: String,
    #[serde(rename = "errorMessage")]
    message: String,
}

impl Error {
    /// An error of the given type, such as `OutOfStock`.
    pub fn new(kind: impl Into<String>, message: impl fmt::Display) -> Self {
        Error { kind: kind.into(), message: message.to_string() }
    }

    /// The error type.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn outcome(&self, kind: u32) -> v1::Outcome {
        v1::Outcome::failure(kind, v1::Buffer::new(self.json()))
    }

    pub(crate) fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            // Many errors already repeat their cause.
            if !message.contains(&cause_text) {
                message = format!("{message}: {cause_text}");
            }
            source = cause.source();
        }
        Error { kind: short_name(std::any::type_name::<E>()), message }
    }
}

/// `orders::stock::OutOfStock<alloc::string::String>` is `OutOfStock`.
fn short_name(path: &str) -> String {
    let path = path.split('<').next().unwrap_or(path);
    path.rsplit("::").next().unwrap_or(path).to_owned()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What may stand in the error place of a handler's `Result`. The marker keeps the implementations apart.
pub trait IntoError<Marker> {
    /// The error as Lambda shows it.
    fn into_error(self) -> Error;
}

impl IntoError<Error> for Error {
    fn into_error(self) -> Error {
        self
    }
}

/// Marker of [`IntoError`] for `std::error::Error` types.
#[derive(Debug)]
pub struct Std;

impl<E: std::error::Error> IntoError<Std> for E {
    fn into_error(self) -> Error {
        Error::from(self)
    }
}

impl IntoError<Box<()>> for Box<dyn std::error::Error + Send + Sync> {
    fn into_error(self) -> Error {
        // The type behind the box is not known any more; `lambda_runtime` calls it the same.
        Error::new("Error", self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct OutOfStock(std::num::ParseIntError);
    impl fmt::Display for OutOfStock {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("nothing left")
        }
    }
    impl std::error::Error for OutOfStock {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn an_error_keeps_its_type_s_name_and_its_causes() {
        let cause = "x".parse::<u8>().unwrap_err();
        let error = Error::from(OutOfStock(cause));
        assert_eq!(error.kind(), "OutOfStock");
        assert_eq!(error.message(), "nothing left: invalid digit found in string");
        assert_eq!(
            String::from_utf8(error.json()).unwrap(),
            r#"{"errorType":"OutOfStock","errorMessage":"nothing left: invalid digit found in string"}"#
        );
        assert_eq!(short_name("a::B<c::D>"), "B");
    }
}
