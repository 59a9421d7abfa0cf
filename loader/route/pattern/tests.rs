use super::*;

/// `%` is a star that does not take `/`.
fn pattern(text: &str) -> Pattern {
    Pattern::build(text.chars().map(|character| match character {
        '*' => Token::Any,
        '%' => Token::Within,
        other => Token::Just(other),
    }))
}

#[test]
fn matching() {
    #[track_caller]
    fn check(text: &str, yes: &[&str], no: &[&str]) {
        yes.iter().for_each(|found| assert!(pattern(text).matches(found), "{text} {found}"));
        no.iter().for_each(|found| assert!(!pattern(text).matches(found), "{text} {found}"));
    }
    check("orders", &["orders"], &["", "order", "orders2", "Orders"]);
    check("orders-*", &["orders-", "orders-a*"], &["orders", "x-orders-a"]);
    check("*", &["", "a/b"], &[]);
    check("a*b*c", &["abc", "aXbXbXc", "abcc"], &["ab", "acb", "abcd"]);
    check("%", &["", "ab"], &["/", "a/b"]);
    check("rule/%", &["rule/a"], &["rule/bus/a"]);
    check("*/%x", &["/x", "a/b/cx"], &["a/bx/c", "x"]);
    check("%a/%b", &["a/b", "aa/ab", "xa/yb"], &["a/b/b", "x/a/b"]);
    check("%a*%b", &["ab", "ab/b"], &["/ab"]);
    check("é*", &["éa"], &["e"]);
}

#[test]
fn containment_and_overlap() {
    #[track_caller]
    fn check(one: &str, other: &str, one_holds: bool, other_holds: bool, overlap: bool) {
        let (a, b) = (pattern(one), pattern(other));
        assert_eq!(
            (a.contains(&b), b.contains(&a), a.intersects(&b), b.intersects(&a)),
            (one_holds, other_holds, overlap, overlap),
            "{one} {other}"
        );
    }
    check("a", "a", true, true, true);
    check("a", "b", false, false, false);
    check("*", "a", true, false, true);
    check("*", "%", true, false, true);
    check("a*", "*b", false, false, true);
    check("a*", "b*", false, false, false);
    check("a*b", "a*", false, true, true);
    check("%/a", "*/a", false, true, true);
    check("%", "a/*", false, false, false);
    check("rule/%", "rule/%/n", false, false, false);
    check("**", "*", true, true, true);
    check("", "*", false, true, true);
}

#[test]
fn a_star_in_a_bare_name_does_not_leave_the_name() {
    let pattern = Pattern::named("rule/{}", "n*");
    assert!(pattern.matches("rule/nightly") && !pattern.matches("rule/news/nightly"));
    assert!(Pattern::named("{}", "a*").matches("a/b"));
    assert!(Pattern::named("table/{}/stream/*", "t").matches("table/t/stream/2016-12-01T00:00:00.000"));
}

/// All texts over a small alphabet up to a length. The letter `x` occurs in no pattern.
fn texts(length: usize) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..length {
        last = last.iter().flat_map(|text| ["a", "/", "x"].map(|letter| format!("{text}{letter}"))).collect();
        all.extend(last.iter().cloned());
    }
    all
}

/// What a pattern stands for, by its definition.
fn stands_for(tokens: &[Token], text: &[char]) -> bool {
    match tokens.split_first() {
        None => text.is_empty(),
        Some((Token::Just(expected), rest)) => text.first() == Some(expected) && stands_for(rest, &text[1..]),
        Some((star, rest)) => (0..=text.len())
            .take_while(|taken| *star == Token::Any || !text[..*taken].contains(&'/'))
            .any(|taken| stands_for(rest, &text[taken..])),
    }
}

#[test]
fn agrees_with_enumeration() {
    let texts: Vec<(String, Vec<char>)> = texts(7).into_iter().map(|text| (text.clone(), text.chars().collect())).collect();
    let mut patterns = vec![String::new()];
    let mut last = patterns.clone();
    for _ in 0..3 {
        last = last.iter().flat_map(|text| ["a", "/", "*", "%"].map(|piece| format!("{text}{piece}"))).collect();
        patterns.extend(last.iter().cloned());
    }
    let sets: Vec<(Pattern, Vec<bool>)> = patterns
        .iter()
        .map(|text| {
            let pattern = pattern(text);
            let set = texts.iter().map(|(_, letters)| stands_for(&pattern.tokens, letters)).collect::<Vec<_>>();
            for ((text, _), expected) in texts.iter().zip(&set) {
                assert_eq!(pattern.matches(text), *expected, "{pattern:?} {text}");
            }
            (pattern, set)
        })
        .collect();
    for (one, ones) in &sets {
        for (other, others) in &sets {
            assert_eq!(
                one.contains(other),
                ones.iter().zip(others).all(|(one, other)| *one || !*other),
                "{one:?} contains {other:?}"
            );
            assert_eq!(one.intersects(other), ones.iter().zip(others).any(|(one, other)| *one && *other), "{one:?} {other:?}");
        }
    }
}
