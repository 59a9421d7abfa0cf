use super::*;

const GOOD: &str = r#"{"abi":0,"name":"echo","version":"0.1.0","handlers":["echo"],"compiler":"rustc 1.95.0 (59807616e 2026-04-14)","panic":"unwind","kit":"0.1.0","layout":"00ff"}"#;

#[test]
fn a_note_is_one_json_object_of_a_spoken_generation() {
    let check = |text: &str, expected: Result<(), (Code, &str)>| match (read(&[(KIND, text.into())], &[0, 1]), expected) {
        (Ok(note), Ok(())) => assert_eq!(note.raw, text.as_bytes()),
        (Err(refusal), Err((code, words))) => {
            assert_eq!(refusal.code, code, "{text}: {refusal}");
            assert!(refusal.what.contains(words), "{text}: {refusal}");
            assert!(refusal.hint.is_some(), "{refusal}");
        }
        (got, wanted) => panic!("{text}: {got:?}, wanted {wanted:?}"),
    };
    fn bad(words: &str) -> Result<(), (Code, &str)> {
        Err((Code::AbiNoteMalformed, words))
    }
    let with = |from: &str, to: &str| {
        assert!(GOOD.contains(from));
        GOOD.replace(from, to)
    };
    check(GOOD, Ok(()));
    check(&with(r#","kit":"0.1.0""#, ""), Ok(()));
    check(&with(r#","layout":"00ff""#, ""), Ok(()));
    check(&with(r#""abi":0"#, r#""later":[{"x":1}],"abi":1"#), Ok(()));
    check(&with(r#"["echo"]"#, "[]"), Ok(()));
    check(&with(r#"["echo"]"#, r#"["a","b_2-c"]"#), Ok(()));
    check(&with("unwind", "abort"), Ok(()));

    check("", bad("eof"));
    check("null", bad("invalid type"));
    check("{}", bad("missing field `abi`"));
    check(&GOOD[..GOOD.len() - 1], bad("eof"));
    check(&format!("{GOOD}\0"), bad("trailing characters"));
    check(&format!("{GOOD}{GOOD}"), bad("trailing characters"));
    check(&with(r#""abi":0"#, r#""abi":0,"abi":1"#), bad("duplicate field `abi`"));
    check(&with(r#""abi":0"#, r#""abi":0,"name":"x""#), bad("duplicate field `name`"));
    for abi in ["-1", "\"0\"", "0.0", "4294967296", "null"] {
        check(&with(r#""abi":0"#, &format!(r#""abi":{abi}"#)), bad("invalid"));
    }
    for key in ["name", "version", "handlers", "compiler", "panic"] {
        let words = format!("missing field `{key}`");
        check(&with(&format!(r#""{key}":"#), &format!(r#""x{key}":"#)), bad(&words));
    }
    for name in ["", "Echo", "1a", "-a", "e cho", "é", "a.b", &"a".repeat(129)] {
        check(&with(r#""name":"echo""#, &format!(r#""name":"{name}""#)), bad("its name is not"));
        check(&with(r#"["echo"]"#, &format!(r#"["{name}"]"#)), bad("the name of a handler is not"));
    }
    check(&with(r#"["echo"]"#, r#"["a","b","a"]"#), bad("handler \"a\" twice"));
    check(&with(r#"["echo"]"#, r#""echo""#), bad("invalid type"));
    check(&with("0.1.0\",\"handlers", "0\\n1\",\"handlers"), bad("its version"));
    check(&with(r#""version":"0.1.0""#, r#""version":"""#), bad("its version"));
    check(&with("rustc 1.95.0", "\\u001b[2J"), bad("its compiler"));
    check(&with("rustc 1.95.0", &"r".repeat(200)), bad("its compiler"));
    check(&with(r#""kit":"0.1.0""#, r#""kit":"\u0007""#), bad("its kit"));
    check(&with("unwind", "catch"), bad("unknown variant"));
    check(&format!("{GOOD}{}", " ".repeat(LARGEST)), bad("larger than 64 KiB"));
    check(&"[".repeat(60_000), bad("cannot be read"));

    // Another generation may have any other keys.
    check(r#"{"abi":2}"#, Err((Code::AbiVersion, "it speaks ABI 2, and this loader speaks 0, 1")));
}

#[test]
fn exactly_one_note_of_the_right_type_is_read() {
    let check = |notes: &[(u32, &str)], code: Code| {
        let notes: Vec<_> = notes.iter().map(|(kind, text)| (*kind, text.as_bytes().to_vec())).collect();
        assert_eq!(read(&notes, &[0]).unwrap_err().code, code);
    };
    check(&[], Code::AbiNoteMissing);
    check(&[(1, GOOD), (1, GOOD)], Code::AbiNoteDuplicate);
    check(&[(1, GOOD), (2, "")], Code::AbiNoteDuplicate);
    check(&[(2, GOOD)], Code::AbiNoteMalformed);
}

#[test]
fn a_handler_is_found_by_name_or_as_the_only_one() {
    let note = |handlers: &str| read(&[(KIND, GOOD.replace(r#"["echo"]"#, handlers).into())], &[0]).unwrap();
    let check = |handlers: &str, name: Option<&str>, expected: Result<usize, &str>| match (note(handlers).handler(name), expected)
    {
        (Ok(place), Ok(wanted)) => assert_eq!(place, wanted),
        (Err(refusal), Err(text)) => {
            assert_eq!(refusal.code, Code::HandlerMissing);
            assert_eq!(refusal.to_string(), text);
        }
        (got, wanted) => panic!("{handlers} {name:?}: {got:?}, wanted {wanted:?}"),
    };
    check(r#"["a"]"#, None, Ok(0));
    check(r#"["a","b"]"#, Some("b"), Ok(1));
    check(r#"["a","b"]"#, None, Err("it has 2 handlers, and none is named (hint: name one as plugin.handler: a, b)"));
    check("[]", None, Err("it has no handlers (hint: export a handler, or take the route out)"));
    check(r#"["a","b"]"#, Some("c"), Err("it has no handler \"c\" (hint: it has: a, b)"));
}

/// Found by fuzzing: keys that nobody knows are passed over, and what stands there was not even text.
#[test]
fn a_note_is_text_also_where_nobody_reads_it() {
    let later = GOOD.replace("\"abi\"", "\"later\":\"?\",\"abi\"").replace('?', "\u{1}").into_bytes();
    let later: Vec<u8> = later.into_iter().map(|byte| if byte == 1 { 0xff } else { byte }).collect();
    let refusal = read(&[(KIND, later)], &[0]).unwrap_err();
    assert_eq!(
        (refusal.code, refusal.what.as_str()),
        (Code::AbiNoteMalformed, "its ABI note cannot be read: not utf-8 at byte 10")
    );
}
