//! Parts of a URI as events give them, made fit to stand in one. What is percent-encoded already stays as it is.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

/// What cannot stand in a path: <https://www.rfc-editor.org/rfc/rfc3986#section-3.3>.
const NOT_IN_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// What cannot stand in a query.
const NOT_IN_QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');

/// What is encoded in a decoded name or value of a query.
const NOT_IN_PARAMETER: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A path: HTTP APIs hand it over decoded, the others as the client wrote it.
pub(super) fn path(path: &str) -> String {
    fit(path, NOT_IN_PATH)
}

/// A query that is encoded, though maybe not properly.
pub(super) fn query(query: &str) -> String {
    fit(query, NOT_IN_QUERY)
}

/// A name or value of a query that was decoded.
pub(super) fn parameter(text: &str) -> String {
    utf8_percent_encode(text, NOT_IN_PARAMETER).to_string()
}

/// Encodes what may not stand there, and every `%` that encodes nothing.
fn fit(text: &str, not_there: &'static AsciiSet) -> String {
    let mut fit = String::with_capacity(text.len());
    for (number, piece) in text.split('%').enumerate() {
        if number > 0 {
            let encodes = matches!(piece.as_bytes(), [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
            fit.push_str(if encodes { "%" } else { "%25" });
        }
        fit.extend(utf8_percent_encode(piece, not_there));
    }
    fit
}

/// The path without the stage that an HTTP API puts before it, whatever the domain the client asked; only at the border of a segment.
pub(super) fn without_stage<'p>(path: &'p str, stage: Option<&str>) -> &'p str {
    let Some(stage) = stage.filter(|stage| !stage.is_empty() && *stage != "$default") else { return path };
    match path.strip_prefix('/').and_then(|rest| rest.strip_prefix(stage)) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_stays_and_the_rest_becomes_so() {
        for (given, expected) in [
            ("/a/b", "/a/b"),
            ("/my path/é", "/my%20path/%C3%A9"),
            ("/a%2Fb%20c", "/a%2Fb%20c"),
            ("/100%", "/100%25"),
            ("/%zz%4", "/%25zz%254"),
            ("/%é1", "/%25%C3%A91"),
            ("/a?b#c", "/a%3Fb%23c"),
        ] {
            assert_eq!(path(given), expected);
            assert!(expected.parse::<::http::Uri>().is_ok(), "{expected}");
        }
        assert_eq!(query("a=b&c=d%20e+f?/é \"#"), "a=b&c=d%20e+f?/%C3%A9%20%22%23");
        assert_eq!(parameter("a b&c=d+%20/é-._~"), "a%20b%26c%3Dd%2B%2520%2F%C3%A9-._~");
    }

    #[test]
    fn the_stage_is_cut_off_at_the_border_of_a_segment() {
        for (path, stage, expected) in [
            ("/prod/a", Some("prod"), "/a"),
            ("/prod", Some("prod"), "/"),
            ("/production/a", Some("prod"), "/production/a"),
            ("/$default/a", Some("$default"), "/$default/a"),
            ("/prod", None, "/prod"),
            ("/prod", Some(""), "/prod"),
        ] {
            assert_eq!(without_stage(path, stage), expected);
        }
    }
}
