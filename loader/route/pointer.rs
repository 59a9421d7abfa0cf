//! Where in an event something stands: JSON pointers, and the two extensions that the table of sources needs.

/// One step of a pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A member of that name; in an array, the element of that number.
    Key(Box<str>),
    /// A member of that name whatever its case, lower case here: an HTTP header.
    Header(Box<str>),
    /// Every element of an array.
    Each,
}

/// How deep a `where` may look: reading along a pointer recurses, once a step.
pub(super) const DEEPEST: usize = 32;

/// A pointer of the table of sources: `/Records/*/eventSource` is each element's, `/headers/^host` any spelling's.
pub(super) fn of_table(pointer: &str) -> Vec<Step> {
    pointer
        .split('/')
        .skip(1)
        .map(|step| match step.strip_prefix('^') {
            _ if step == "*" => Step::Each,
            Some(header) => Step::Header(header.into()),
            None => Step::Key(step.into()),
        })
        .collect()
}

/// A JSON pointer (<https://www.rfc-editor.org/rfc/rfc6901>) of a `where`.
///
/// # Errors
/// Why it is not one, or not one that may stand here.
pub(super) fn of_manifest(pointer: &str) -> Result<Vec<Step>, &'static str> {
    let Some(steps) = pointer.strip_prefix('/') else { return Err("a JSON pointer begins with `/`") };
    let steps = steps
        .split('/')
        .map(|step| {
            let mut unescaped = String::with_capacity(step.len());
            let mut rest = step.chars();
            while let Some(character) = rest.next() {
                unescaped.push(match character {
                    '~' => match rest.next() {
                        Some('0') => '~',
                        Some('1') => '/',
                        _ => return Err("in a JSON pointer `~` is followed by `0` or `1`"),
                    },
                    other => other,
                });
            }
            Ok(Step::Key(unescaped.into()))
        })
        .collect::<Result<Vec<_>, _>>()?;
    if steps.len() > DEEPEST { Err("a JSON pointer here has at most 32 steps") } else { Ok(steps) }
}

/// The array index that a step can stand for: digits without a leading zero.
pub(super) fn index(step: &str) -> Option<usize> {
    let canonical = step == "0" || (step.bytes().all(|byte| byte.is_ascii_digit()) && !step.starts_with('0'));
    if canonical { step.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_pointers() {
        #[track_caller]
        fn check(pointer: &str, expected: Result<&[&str], &str>) {
            let expected = expected.map(|steps| steps.iter().map(|step| Step::Key((*step).into())).collect::<Vec<_>>());
            assert_eq!(of_manifest(pointer), expected, "{pointer}");
        }
        check("/a/b", Ok(&["a", "b"]));
        check("/", Ok(&[""]));
        check("/a~1b/m~0n/~01", Ok(&["a/b", "m~n", "~1"]));
        check("/*/^host", Ok(&["*", "^host"]));
        check("", Err("a JSON pointer begins with `/`"));
        check("a", Err("a JSON pointer begins with `/`"));
        check("/a~", Err("in a JSON pointer `~` is followed by `0` or `1`"));
        check("/a~2", Err("in a JSON pointer `~` is followed by `0` or `1`"));
        check(&"/a".repeat(33), Err("a JSON pointer here has at most 32 steps"));
    }

    #[test]
    fn pointers_of_the_table_know_each_element_and_headers() {
        let key = |name: &str| Step::Key(name.into());
        assert_eq!(of_table("/Records/*/s3"), [key("Records"), Step::Each, key("s3")]);
        assert_eq!(of_table("/headers/^host/0"), [key("headers"), Step::Header("host".into()), key("0")]);
        assert_eq!(of_table(""), []);
    }

    #[test]
    fn indices_are_canonical() {
        for (step, expected) in [("0", Some(0)), ("12", Some(12)), ("01", None), ("-1", None), ("", None), ("a", None)] {
            assert_eq!(index(step), expected, "{step}");
        }
        assert_eq!(index(&"9".repeat(40)), None);
    }
}
