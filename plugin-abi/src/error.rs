//! What a handler fails with.

use lambda_plugin_abi_v1 as v1;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A handler's error: the `errorType` and `errorMessage` that Lambda shows.
///
/// `?` makes one of any error that is `Send`, `Sync` and `'static`, and takes its type's name for the error type; of
/// `Box<dyn std::error::Error + Send + Sync>` and `anyhow::Error`, which then have the type `Error`; and of text.
///
/// ```
/// use lambda_plugin_abi::Error;
///
/// fn pieces(text: &str) -> Result<u32, Error> {
///     let pieces = text.trim().parse()?;
///     if pieces == 0 {
///         return Err(Error::new("OutOfStock", "nothing left"));
///     }
///     Ok(pieces)
/// }
///
/// assert_eq!(pieces("x").unwrap_err().kind(), "ParseIntError");
/// assert_eq!(pieces("0").unwrap_err().to_string(), "OutOfStock: nothing left");
/// ```
#[derive(Clone, Serialize, Deserialize)]
pub struct Error {
    #[serde(rename = "errorType")]
    kind: String,
    #[serde(rename = "errorMessage")]
    message: String,
}

impl Error {
    /// An error of the given type, such as `OutOfStock`.
    ///
    /// ```
    /// let error = lambda_plugin_abi::Error::new("OutOfStock", format_args!("{} left", 0));
    /// assert_eq!((error.kind(), error.message()), ("OutOfStock", "0 left"));
    /// ```
    pub fn new(kind: impl Into<String>, message: impl fmt::Display) -> Self {
        Error { kind: kind.into(), message: message.to_string() }
    }

    /// The error type: Lambda's `errorType`.
    ///
    /// ```
    /// let error = lambda_plugin_abi::Error::from(std::fmt::Error);
    /// assert_eq!(error.kind(), "Error");
    /// ```
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The message: Lambda's `errorMessage`, with the causes behind it.
    ///
    /// ```
    /// let error = lambda_plugin_abi::Error::from("nothing left");
    /// assert_eq!(error.message(), "nothing left");
    /// ```
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What a plugin says of its own failure.
    pub(crate) fn of_outcome(outcome: &v1::Outcome) -> Self {
        let error = Error::of_json(outcome.body.as_ref());
        match outcome.kind {
            v1::Outcome::PANIC => Error { kind: "Runtime.LoaderHandlerPanicked".to_owned(), ..error },
            _ => error,
        }
    }

    pub(crate) fn of_json(json: &[u8]) -> Self {
        serde_json::from_slice(json).unwrap_or_else(|_| Error::new("Unknown", "the plugin did not say why"))
    }

    pub(crate) fn outcome(&self, kind: u32) -> v1::Outcome {
        v1::Outcome::failure(kind, v1::Buffer::new(self.json()))
    }

    pub(crate) fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Whatever becomes a boxed error becomes one of these by `?`: `std::error::Error` types, `Box<dyn Error + Send + Sync>`,
/// `anyhow::Error`, text.
impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for Error {
    fn from(error: E) -> Self {
        let error = error.into();
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
        Error { kind: short_name(std::any::type_name::<E>()).to_owned(), message }
    }
}

/// `orders::stock::OutOfStock<alloc::string::String>` is `OutOfStock`. What has no name of its own, text or a box, is an `Error`.
pub(crate) fn short_name(path: &str) -> &str {
    let path = path.split('<').next().unwrap_or(path);
    match path.rsplit("::").next().unwrap_or(path) {
        "Box" | "Cow" | "String" | "&str" => "Error",
        name => name,
    }
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

/// What may stand in the error place of a handler's `Result`: [`Error`], and all that `?` makes one of.
///
/// ```
/// use lambda_plugin_abi::{Error, IntoError};
///
/// fn handler(event: String) -> Result<u32, std::num::ParseIntError> {
///     event.parse()
/// }
///
/// let error: Error = handler("seven".into()).unwrap_err().into_error();
/// assert_eq!(error.kind(), "ParseIntError");
/// ```
#[diagnostic::on_unimplemented(
    message = "a handler cannot fail with `{Self}`",
    label = "not an error that the loader can report",
    note = "write `Result<MyReply, lambda_plugin_abi::Error>` and use `?`, or implement `std::error::Error` for your own type",
    note = "an error has to be `Send`, `Sync` and `'static`"
)]
pub trait IntoError<Marker> {
    /// The error as Lambda shows it.
    fn into_error(self) -> Error;
}

/// Marker of [`IntoError`] for all that becomes an [`Error`].
#[derive(Debug)]
pub struct Any;

impl<E: Into<Error>> IntoError<Any> for E {
    fn into_error(self) -> Error {
        self.into()
    }
}

/// A `lambda_runtime` handler may choose type and message by itself.
#[cfg(feature = "lambda_runtime")]
impl IntoError<lambda_runtime::Diagnostic> for lambda_runtime::Diagnostic {
    fn into_error(self) -> Error {
        Error::new(self.error_type, self.error_message)
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

    #[test]
    fn every_kind_of_error_becomes_one_by_the_question_mark() {
        fn boxed() -> Result<(), Error> {
            let fails = || -> Result<(), Box<dyn std::error::Error + Send + Sync>> { Err("from a box".into()) };
            Ok(fails()?)
        }
        fn any() -> Result<(), Error> {
            use anyhow::Context as _;
            let fails = || -> anyhow::Result<u8> { "x".parse::<u8>().context("no number") };
            fails()?;
            Ok(())
        }
        fn text() -> Result<(), Error> {
            Err(format!("number {}", 1))?
        }
        fn same() -> Result<(), Error> {
            Err(Error::new("OutOfStock", "nothing left"))?
        }
        let texts = [boxed(), any(), text(), same()].map(|result| result.unwrap_err().to_string());
        assert_eq!(
            texts,
            [
                "Error: from a box",
                "Error: no number: invalid digit found in string",
                "Error: number 1",
                "OutOfStock: nothing left"
            ]
        );
    }
}
