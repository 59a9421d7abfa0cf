use super::*;

fn scan(text: &str) -> Result<Kind, Fault> {
    let mut scanner = Scanner::new(text.as_bytes());
    let kind = scanner.skip().and_then(|kind| scanner.end().map(|()| kind));
    kind.map_err(|Stop| scanner.fault())
}

#[test]
fn what_is_json_and_what_is_not_and_where() {
    #[track_caller]
    fn check(text: &str, expected: Result<Kind, (usize, &str)>) {
        assert_eq!(scan(text).map_err(|fault| (fault.at, fault.what)), expected, "{text}");
    }
    check("null", Ok(Kind::Absent));
    check(" [ ] \n", Ok(Kind::Array));
    check("{}", Ok(Kind::Object));
    check("-0.5e+10", Ok(Kind::Scalar));
    check("1e999", Ok(Kind::Scalar));
    check(r#""\ud800""#, Ok(Kind::Text));
    check(r#"{"a":[{"b":{}},[],1,"x"],"c":null}"#, Ok(Kind::Object));
    check("", Err((0, "the text ends too early")));
    check("  ", Err((2, "the text ends too early")));
    check("nul", Err((0, "no value begins like this")));
    check("\u{feff}{}", Err((0, "no value begins like this")));
    check("{} x", Err((3, "something follows the value")));
    check("[1,]", Err((3, "no value begins like this")));
    check("[1 2]", Err((3, "an element is followed by `,` or `]`")));
    check("[1}", Err((2, "an element is followed by `,` or `]`")));
    check(r#"{"a" 1}"#, Err((5, "a key is followed by `:`")));
    check(r#"{"a":1]"#, Err((6, "a member is followed by `,` or `}`")));
    check(r#"{"a":1,}"#, Err((7, "a key is a string")));
    check("{1:1}", Err((1, "a key is a string")));
    check("01", Err((1, "something follows the value")));
    check("-", Err((1, "a number lacks a digit")));
    check("1.", Err((2, "a number lacks a digit")));
    check("1e", Err((2, "a number lacks a digit")));
    check("\"a\u{1}\"", Err((2, "a string holds a control character")));
    check("\"0123456789\u{1f}\"", Err((11, "a string holds a control character")));
    check(r#""\x""#, Err((2, "a string holds an escape that JSON does not have")));
    check(r#""\u12g4""#, Err((5, "`\\u` is followed by four hexadecimal digits")));
    check(r#""0123456789"#, Err((11, "the text ends too early")));
    check(r#""\"#, Err((2, "the text ends too early")));
}

#[test]
fn a_million_levels_need_no_stack() {
    let depth = 1_000_000;
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        assert!(scan(&text).is_ok());
        assert!(scan(&text[..text.len() - 1]).is_err());
    }
    let mixed = format!("{}1{}", r#"[{"a":"#.repeat(depth), "}]".repeat(depth));
    assert!(scan(&mixed).is_ok());
    assert!(scan(&mixed.replacen("}]", "]}", 1)).is_err());
}

/// A small random generator, so that failures repeat.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

#[test]
fn agrees_with_serde_json_on_random_text() {
    const PIECES: &[&str] = &[
        "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\\", "\\\"", "\\u00e9", "\\n", "1", "-", "0", ".5", "e3", "null", "true",
        "false", " ", "\n", "é", "\u{1}", "abcdefgh", "\"a\":", "{\"a\":", "[1,",
    ];
    let mut random = Random(7);
    let (mut good, mut bad) = (0, 0);
    for round in 0..60_000 {
        let mut text = String::new();
        for _ in 0..=random.below(if round % 2 == 0 { 5 } else { 14 }) {
            text.push_str(PIECES[random.below(PIECES.len())]);
        }
        let expected = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        assert_eq!(scan(&text).is_ok(), expected, "{text}");
        if expected { good += 1 } else { bad += 1 }
    }
    assert!(good > 500 && bad > 500, "{good} {bad}");
}

#[test]
fn every_length_and_place_of_an_escape_or_of_a_wrong_byte_in_a_string() {
    for length in (0..24).chain(50..80).chain(120..136) {
        let texts = |piece: &'static str| {
            (0..=length).map(move |place| (place, format!("\"{}{piece}{}\"", "x".repeat(place), "y".repeat(length - place))))
        };
        for escape in ["", "\\\"", "\\\\", "\\u0041", "é", "\\\\\\\"", "\\n\\/", "\\\\\\\\\\\\"] {
            for (_, text) in texts(escape) {
                let string = Scanner::new(text.as_bytes()).string("").unwrap();
                assert_eq!(string.decode(), serde_json::from_str::<String>(&text).unwrap(), "{text}");
                let followed = format!("[{text}\n,\t{text}]");
                assert_eq!(scan(&followed), Ok(Kind::Array), "{followed}");
                let fault = scan(&text[..text.len() - 1]).unwrap_err();
                assert_eq!((fault.at, fault.what), (text.len() - 1, "the text ends too early"), "{text}");
            }
        }
        for (wrong, offset) in
            [("\u{1f}", 1), ("\\x", 2), ("\\\n", 2), ("\\\\\\x", 4), ("\\u00_0", 5), ("\\u\"", 3), ("\\u004\"", 6)]
        {
            for (place, text) in texts(wrong) {
                assert_eq!(scan(&text).unwrap_err().at, place + offset, "{text}");
                assert!(serde_json::from_str::<serde::de::IgnoredAny>(&text).is_err(), "{text}");
            }
        }
    }
}

#[test]
fn bytes_that_are_no_utf_8_are_found_wherever_they_stand() {
    let scan = |text: &[u8]| {
        let mut scanner = Scanner::new(text);
        let kind = scanner.skip().and_then(|kind| scanner.end().map(|()| kind));
        kind.map_err(|Stop| scanner.fault())
    };
    const PIECES: [&[u8]; 9] = [
        b"\xff",
        b"\xc3",
        b"\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc0\xaf",
        "é".as_bytes(),
        "\u{10ffff}".as_bytes(),
        b"e",
    ];
    for piece in PIECES {
        for before in (0..24).chain(56..72).chain(120..136) {
            for after in [0, 1, 7, 70] {
                let string = [b"\"", "x".repeat(before).as_bytes(), piece, "y".repeat(after).as_bytes(), b"\""].concat();
                let expected = match std::str::from_utf8(&string) {
                    Ok(_) => Ok(Kind::Array),
                    Err(error) => Err(Fault { at: 1 + error.valid_up_to(), what: "a string is not UTF-8" }),
                };
                assert_eq!(scan(&[b"[", string.as_slice(), b"]"].concat()), expected, "{piece:?} {before} {after}");
                let key = scan(&[b"{", string.as_slice(), b":1}"].concat());
                assert_eq!(key, expected.map(|_| Kind::Object), "{piece:?} {before} {after}");
            }
        }
        // Nowhere else is there room for more than ASCII.
        if piece != b"e" {
            for text in [[piece, b"{}"], [b"{}", piece], [b"1", piece], [b"[", piece]] {
                assert!(scan(&text.concat()).is_err(), "{text:?}");
            }
        }
    }
}

#[test]
fn strings_are_compared_by_their_characters() {
    #[track_caller]
    fn check(quoted: &str, wanted: &str, expected: bool) {
        assert_eq!(Scanner::new(quoted.as_bytes()).string("").unwrap().is(wanted), expected, "{quoted} {wanted}");
    }
    check(r#""""#, "", true);
    check(r#""ab""#, "ab", true);
    check(r#""ab""#, "a", false);
    check(r#""é""#, "é", true);
    check(r#""\u0061\u0062""#, "ab", true);
    check(r#""\u0061\u0062""#, "a", false);
    check(r#""\ud83d\ude00""#, "\u{1f600}", true);
    check(r#""\ud800""#, "\u{fffd}", false);
}
