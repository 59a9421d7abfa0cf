//! What is wrong with one value of a manifest, by its path; the manifest knows where that is.

use std::borrow::Cow;
use std::ops::Range;

use crate::manifest::Fault;
use crate::refusal::{Code, Refusal};

/// One problem.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    /// The keys that lead to the value, from the manifest's top; where the last ones are not there: what should have held them.
    pub(crate) path: Vec<String>,
    /// Whether the last key is meant, rather than its value.
    pub(crate) on_key: bool,
    pub(crate) code: Code,
    pub(crate) what: String,
    /// Text between the fact and a second key's position, and the path of that key.
    pub(crate) also: Option<(&'static str, Vec<String>)>,
    pub(crate) hint: Option<Cow<'static, str>>,
}

impl Problem {
    pub(crate) fn new(code: Code, what: impl Into<String>) -> Self {
        Problem { path: Vec::new(), on_key: false, code, what: what.into(), also: None, hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same inside `path`.
    pub(crate) fn within<const N: usize>(mut self, path: [&str; N]) -> Self {
        self.path.splice(0..0, path.map(str::to_owned));
        self
    }

    /// The same, meaning the key itself.
    pub(crate) fn on_key(mut self) -> Self {
        self.on_key = true;
        self
    }

    /// The same where there is no manifest around it; without a place.
    pub(crate) fn refusal(self) -> Refusal {
        let refusal = Refusal::new(self.code, "", self.what);
        match self.hint {
            Some(hint) => refusal.hint(hint),
            None => refusal,
        }
    }

    /// The same at `span`.
    pub(crate) fn fault(&self, span: Range<usize>) -> Fault {
        let fault = Fault::new(self.code, self.what.clone()).at(span);
        match &self.hint {
            Some(hint) => fault.hint(hint.clone()),
            None => fault,
        }
    }
}
