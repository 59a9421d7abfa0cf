//! Names in messages: quoted, shortened, and the nearest known one to a mistyped one.

/// The known name that `found` most likely meant.
pub(crate) fn nearest<'k>(found: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // A name of the manifest may be a megabyte; the distance is quadratic.
    if found.len() > 64 {
        return None;
    }
    let lower = found.to_ascii_lowercase().replace('-', "_");
    known
        .into_iter()
        .filter(|name| name.len() <= 64)
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_ascii_lowercase().replace('-', "_")), name))
        .filter(|(distance, name)| *distance <= (name.chars().count() / 3).max(1) && *distance < name.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// A name as it stands in messages: in double quotes, escaped, at most 80 characters of it.
pub(crate) fn quoted(name: &str) -> String {
    match name.char_indices().nth(80) {
        Some((end, _)) => format!("{:?}…", name.get(..end).unwrap_or_default()),
        None => format!("{name:?}"),
    }
}

/// `"a", "b", "c"`, at most 20 of them.
pub(crate) fn all<'k>(names: impl IntoIterator<Item = &'k str>) -> String {
    let mut names = names.into_iter();
    let mut text = names.by_ref().take(20).map(quoted).collect::<Vec<_>>().join(", ");
    if names.next().is_some() {
        text.push_str(", …");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_one_that_could_have_been_meant() {
        #[track_caller]
        fn check(found: &str, expected: Option<&str>) {
            assert_eq!(nearest(found, ["sha256", "path", "s3", "resource", "on_failure"]), expected, "{found}");
        }
        check("sha265", Some("sha256"));
        check("SHA256", Some("sha256"));
        check("pth", Some("path"));
        check("S3", Some("s3"));
        check("x", None);
        check("on-failure", Some("on_failure"));
        check("resources", Some("resource"));
        check("entirely", None);
        check("", None);
        check(&"p".repeat(1 << 20), None);
    }

    #[test]
    fn a_name_in_a_message_is_short_and_on_one_line() {
        assert_eq!(quoted("a\n\"b"), r#""a\n\"b""#);
        assert_eq!(quoted(&"é".repeat(81)), format!("\"{}\"…", "é".repeat(80)));
        assert_eq!(all(["a", "b"]), r#""a", "b""#);
        assert!(all(["a"; 21]).ends_with("\"a\", …"));
    }
}
