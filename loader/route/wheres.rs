//! `where`: what must stand at places that only the owner of the manifest knows.

use super::condition::Relation;
use super::pointer::{Step, of_manifest};
use crate::manifest::wire;

/// What must stand at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Where {
    /// The place as the manifest writes it.
    pub(super) pointer: String,
    /// The same, step by step.
    pub(super) steps: Vec<Step>,
    /// The string; `None`: anything but `null`.
    pub(super) equals: Option<String>,
}

impl Where {
    /// Reads one entry.
    ///
    /// # Errors
    /// Why it cannot be, and the mend.
    pub(super) fn new(pointer: &str, value: &wire::Where) -> Result<Self, (String, String)> {
        let steps = of_manifest(pointer).map_err(|what| (what.to_owned(), "write it like `/detail/state`".to_owned()))?;
        let equals = match value {
            wire::Where::Equals(text) => Some(text.clone()),
            wire::Where::Present(true) => None,
            wire::Where::Present(false) => {
                return Err(("`false` says nothing".into(), "write a string, or `true` for anything but `null`".into()));
            }
        };
        Ok(Where { pointer: pointer.to_owned(), steps, equals })
    }

    /// Whether whoever satisfies `self` satisfies `other`. What stands further down makes what is above it present.
    fn implies(&self, other: &Where) -> bool {
        match &other.equals {
            Some(_) => self == other,
            None => self.steps.starts_with(&other.steps),
        }
    }

    /// Whether no event satisfies both: a string is not another string, and has nothing below it.
    fn excludes(&self, other: &Where) -> bool {
        let under = |string: &Where, below: &Where| {
            string.equals.is_some() && below.steps.len() > string.steps.len() && below.steps.starts_with(&string.steps)
        };
        let other_string =
            self.steps == other.steps && self.equals.is_some() && other.equals.is_some() && self.equals != other.equals;
        other_string || under(self, other) || under(other, self)
    }
}

/// How what all of `one` take lies to what all of `two` take.
pub(super) fn relation(one: &[Where], two: &[Where]) -> Relation {
    if one.iter().any(|one| two.iter().any(|two| one.excludes(two))) {
        return Relation::Apart;
    }
    let within = |inner: &[Where], outer: &[Where]| outer.iter().all(|outer| inner.iter().any(|inner| inner.implies(outer)));
    Relation::of(within(two, one), within(one, two), || true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wheres(list: &[(&str, Option<&str>)]) -> Vec<Where> {
        let value = |text: &Option<&str>| text.map_or(wire::Where::Present(true), |text| wire::Where::Equals(text.into()));
        list.iter().map(|(pointer, text)| Where::new(pointer, &value(text)).unwrap()).collect()
    }

    #[test]
    fn relations() {
        type Constraints<'a> = &'a [(&'a str, Option<&'a str>)];
        #[track_caller]
        fn check(one: Constraints<'_>, two: Constraints<'_>, expected: Relation) {
            assert_eq!(relation(&wheres(one), &wheres(two)), expected, "{one:?} {two:?}");
        }
        let ready = ("/state", Some("ready"));
        check(&[], &[], Relation::Same);
        check(&[ready], &[], Relation::Within);
        check(&[ready], &[ready], Relation::Same);
        check(&[ready], &[("/state", Some("done"))], Relation::Apart);
        check(&[ready], &[("/state", None)], Relation::Within);
        check(&[ready], &[("/kind", Some("x"))], Relation::Across);
        check(&[ready, ("/kind", Some("x"))], &[("/kind", None)], Relation::Within);
        check(&[("/a/b", None)], &[("/a", None)], Relation::Within);
        check(&[("/ab", None)], &[("/a", None)], Relation::Across);
        check(&[("/a", Some("x"))], &[("/a/b", None)], Relation::Apart);
    }

    #[test]
    fn what_cannot_be() {
        let what = |pointer: &str, value| Where::new(pointer, &value).unwrap_err().0;
        assert_eq!(what("state", wire::Where::Present(true)), "a JSON pointer begins with `/`");
        assert_eq!(what("/state", wire::Where::Present(false)), "`false` says nothing");
    }
}
