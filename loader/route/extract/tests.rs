use super::super::pointer::{of_manifest, of_table};
use super::*;

fn trie(pointers: &[&str]) -> (Trie, Vec<Place>) {
    let mut trie = Trie::default();
    let places = pointers.iter().map(|pointer| trie.place(&of_table(pointer))).collect();
    (trie, places)
}

/// `kind text differs`, one place after the other.
#[track_caller]
fn check(pointers: &[&str], event: &str, expected: &[&str]) {
    let (trie, places) = trie(pointers);
    let found = extract(&trie, event.as_bytes()).unwrap_or_else(|fault| panic!("{fault:?}: {event}"));
    let shown: Vec<String> = places
        .iter()
        .map(|place| {
            let value = found.at(*place);
            let text = found.text(*place).map(|text| format!(" {text}")).unwrap_or_default();
            format!("{:?}{text}{}", value.kind, if value.differs { " differs" } else { "" })
        })
        .collect();
    assert_eq!(shown, expected, "{event}");
    assert_eq!(found.repeated, None);
}

#[test]
fn values_are_found_where_they_stand() {
    let pointers = ["/a", "/b/c", "/b/d/0", "/b/d/1"];
    check(&pointers, "null", &["Absent"; 4]);
    check(&pointers, "[]", &["Absent"; 4]);
    check(&pointers, r#"{"a":"x","b":{"c":1,"d":["p",{"q":[]}]}}"#, &["Text x", "Scalar", "Text p", "Object"]);
    check(&pointers, r#"{"b":{"d":{"1":"p","0":"q"},"c":[]},"z":{"a":1},"a":true}"#, &["Scalar", "Array", "Text q", "Text p"]);
    check(&pointers, r#"{"a":null,"b":{"c":null,"d":[null]}}"#, &["Absent"; 4]);
    check(&pointers, r#"{"b":"c","a":1e999}"#, &["Scalar", "Absent", "Absent", "Absent"]);
    check(&pointers, r#" { "\u0061" : "\u0078\n" } "#, &["Text x\n", "Absent", "Absent", "Absent"]);
    check(&pointers, r#"{"a":"\ud800"}"#, &[r"Text \ud800", "Absent", "Absent", "Absent"]);
}

#[test]
fn records_are_compared_with_the_first() {
    let pointers = ["/r/*", "/r/*/s", "/r/*/t/u"];
    check(&pointers, r#"{"r":[]}"#, &["Absent"; 3]);
    check(&pointers, r#"{"r":[{"s":"x","t":{"u":"y"}}]}"#, &["Object", "Text x", "Text y"]);
    check(&pointers, r#"{"r":[{"s":"x"},{"s":"x"}]}"#, &["Object", "Text x", "Absent"]);
    check(&pointers, r#"{"r":[{"s":"x"},{"s":"\u0078"}]}"#, &["Object", "Text x", "Absent"]);
    check(&pointers, r#"{"r":[{"s":"x"},{"s":"y"},{"s":"x"}]}"#, &["Object", "Text x differs", "Absent"]);
    check(&pointers, r#"{"r":[{"s":"x"},{}]}"#, &["Object", "Text x differs", "Absent"]);
    check(&pointers, r#"{"r":[{},{"s":"x"}]}"#, &["Object", "Text x differs", "Absent"]);
    check(&pointers, r#"{"r":[{"s":"x"},{"s":null}]}"#, &["Object", "Text x differs", "Absent"]);
    check(&pointers, r#"{"r":[{"s":"x"},1]}"#, &["Object differs", "Text x differs", "Absent"]);
    check(&pointers, r#"{"r":[{"s":"1"},{"s":1}]}"#, &["Object", "Text 1 differs", "Absent"]);
    check(&pointers, r#"{"r":[{"t":{"u":"y"}},{"t":{}}]}"#, &["Object", "Absent", "Text y differs"]);
}

#[test]
fn headers_are_found_in_any_spelling() {
    let pointers = ["/headers/^host", "/headers/^host/0"];
    check(&pointers, r#"{"headers":{"HOST":"x"}}"#, &["Text x", "Absent"]);
    check(&pointers, r#"{"headers":{"Host":["x","y"]}}"#, &["Array", "Text x"]);
    check(&pointers, r#"{"headers":{"x-host":"x"}}"#, &["Absent", "Absent"]);
}

#[test]
fn two_kinds_of_step_read_the_same_value() {
    check(&["/r/*/s", "/r/0/s", "/r/1/s"], r#"{"r":[{"s":"x"},{"s":"x"}],"t":1}"#, &["Text x", "Text x", "Text x"]);
    check(&["/headers/^host", "/headers/Host"], r#"{"headers":{"Host":"x"},"t":1}"#, &["Text x", "Text x"]);
}

#[test]
fn a_key_given_twice_is_noticed_and_only_where_it_matters() {
    #[track_caller]
    fn check(event: &str, expected: Option<(&str, usize)>) {
        let (trie, _) = trie(&["/a", "/r/*/s", "/h/^host"]);
        let found = extract(&trie, event.as_bytes()).unwrap();
        assert_eq!(found.repeated.map(|(place, at)| (trie.node(place).pointer.as_str(), at)), expected, "{event}");
    }
    check(r#"{"a":1,"b":2,"b":3,"c":{"a":1,"a":2}}"#, None);
    check(r#"{"r":[{"s":1},{"s":1}]}"#, None);
    check(r#"{"a":1,"a":2}"#, Some(("/a", 7)));
    check(r#"{"a":null,"\u0061":null}"#, Some(("/a", 10)));
    check(r#"{"r":[{"s":1},{"s":1,"s":1}]}"#, Some(("/r/*/s", 21)));
    check(r#"{"r":[],"r":[]}"#, Some(("/r", 8)));
    check(r#"{"h":{"Host":"x","host":"y"}}"#, Some(("/h/host", 17)));
}

#[test]
fn what_is_not_json_is_refused_wherever_it_stands() {
    let (trie, _) = trie(&["/a/b", "/r/*/s"]);
    let event = r#"{"a":{"b":"xé\u00e9"},"r":[{"s":null},[1.5e3]],"z":{"y":[true,{}]}}"#;
    assert!(extract(&trie, event.as_bytes()).is_ok());
    for end in (0..event.len()).filter(|end| event.is_char_boundary(*end)) {
        assert!(extract(&trie, &event.as_bytes()[..end]).is_err(), "{}", &event[..end]);
    }
    for wrong in ["}", "]", ",", ":", "x", "\"", "\u{1}"] {
        for at in (0..event.len()).filter(|at| event.is_char_boundary(*at)) {
            let changed = format!("{}{wrong}{}", &event[..at], &event[at..]);
            let expected = serde_json::from_str::<serde::de::IgnoredAny>(&changed).is_ok();
            assert_eq!(extract(&trie, changed.as_bytes()).is_ok(), expected, "{changed}");
        }
    }
}

#[test]
fn the_deepest_where_and_a_deeper_event_need_little_stack() {
    let mut trie = Trie::default();
    let place = trie.place(&of_manifest(&"/a".repeat(super::super::pointer::DEEPEST)).unwrap());
    let event = format!("{}1{}", r#"{"a":"#.repeat(1_000_000), "}".repeat(1_000_000));
    assert_eq!(extract(&trie, event.as_bytes()).unwrap().at(place).kind, Kind::Object);
}
