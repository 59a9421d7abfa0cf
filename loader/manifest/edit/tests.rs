use super::*;

const OLD: &str = "1111111111111111111111111111111111111111111111111111111111111111";

/// `N` in `before` and `after` stands for the new digest, `O` for the old one.
#[track_caller]
fn check_with(before: &str, digests: &[(Option<&str>, Kind, &str, Architecture)], after: &str, changed: &[&str]) {
    let new = Digest([0xab; 32]);
    let spell = |text: &str| text.replace("\"O\"", &format!("\"{OLD}\"")).replace("\"N\"", &format!("\"{new}\""));
    let manifest = Manifest::parse("m.json", spell(before).as_bytes()).unwrap_or_else(|refusal| panic!("{refusal}"));
    let digests: Vec<_> = digests
        .iter()
        .map(|&(stage, kind, name, architecture)| NewDigest { stage, kind, name, architecture, digest: new })
        .collect();
    let edited = write(&manifest, &digests).unwrap_or_else(|refusal| panic!("{refusal}"));
    assert_eq!(edited.text, spell(after));
    assert_eq!(edited.changes.iter().map(|change| change.path.as_str()).collect::<Vec<_>>(), changed);
    // A second time there is nothing to do.
    let manifest = Manifest::parse("m.json", edited.text.as_bytes()).unwrap_or_else(|refusal| panic!("{refusal}"));
    let again = write(&manifest, &digests).unwrap_or_else(|refusal| panic!("{refusal}"));
    assert_eq!((again.text, again.changes), (edited.text, Vec::new()));
}

/// One plugin `p`, the entry alone.
#[track_caller]
fn check(before: &str, after: &str) {
    let whole = |entry: &str| format!("{{\"version\":1, \"plugins\":{{ \"p\" :{entry}}}\n}}\n");
    let changed: &[&str] = if before == after { &[] } else { &["plugins.p"] };
    check_with(&whole(before), &[(None, Kind::Plugin, "p", Architecture::X86_64)], &whole(after), changed);
}

#[test]
fn a_digest_is_replaced_where_it_stands() {
    check(r#"{"path":"a","sha256":"O"}"#, r#"{"path":"a","sha256":"N"}"#);
    check(r#"{"sha256" :  "O" , "path":"a" }"#, r#"{"sha256" :  "N" , "path":"a" }"#);
    check(r#"{"sha256":"","path":"a"}"#, r#"{"sha256":"N","path":"a"}"#);
    check(r#"{"sha256":"\u0041","path":"a"}"#, r#"{"sha256":"N","path":"a"}"#);
    check(r#"{"s3":"s3://my-bucket/a","sha256":"O"}"#, r#"{"s3":"s3://my-bucket/a","sha256":"N"}"#);
    check(r#"{"path":"a","sha256":"N"}"#, r#"{"path":"a","sha256":"N"}"#);
}

#[test]
fn a_missing_digest_is_inserted_in_the_style_of_its_object() {
    check(r#"{"path":"a"}"#, r#"{"path":"a","sha256":"N"}"#);
    check(r#"{"path": "a"}"#, r#"{"path": "a", "sha256": "N"}"#);
    check(r#"{ "path": "a" }"#, r#"{ "path": "a", "sha256": "N" }"#);
    check(r#"{"path": "a", "load": "init"}"#, r#"{"path": "a", "sha256": "N", "load": "init"}"#);
    check(r#"{ "load": "init", "path": "a" }"#, r#"{ "load": "init", "path": "a", "sha256": "N" }"#);
    check("{\n  \"path\": \"a\"\n}", "{\n  \"path\": \"a\",\n  \"sha256\": \"N\"\n}");
    check(
        "{\r\n\t\"path\" : \"a\" ,\r\n\t\"load\" : \"init\"\r\n}",
        "{\r\n\t\"path\" : \"a\",\r\n\t\"sha256\" : \"N\" ,\r\n\t\"load\" : \"init\"\r\n}",
    );
    check(
        "{ \"path\": \"a\",\n  \"config\": {\"path\": 1} }",
        "{ \"path\": \"a\",\n  \"sha256\": \"N\",\n  \"config\": {\"path\": 1} }",
    );
    check(
        "{ \"config\": {\"a\": \",\"},\n  \"path\": \"ü\" }",
        "{ \"config\": {\"a\": \",\"},\n  \"path\": \"ü\",\n  \"sha256\": \"N\" }",
    );
}

#[test]
fn digests_an_architecture_get_the_one_entry() {
    check(r#"{"path":"a","sha256":{"x86_64":"O","aarch64":"O"}}"#, r#"{"path":"a","sha256":{"x86_64":"N","aarch64":"O"}}"#);
    check(r#"{"path":"a","sha256":{ "aarch64": "O" }}"#, r#"{"path":"a","sha256":{ "aarch64": "O", "x86_64":"N" }}"#);
    check(r#"{"path": "a", "sha256": {}}"#, r#"{"path": "a", "sha256": { "x86_64": "N" }}"#);
    check(r#"{"path":"{arch}/a"}"#, r#"{"path":"{arch}/a","sha256":{ "x86_64":"N" }}"#);
    check(r#"{"path":"{arch}/a","sha256":"O"}"#, r#"{"path":"{arch}/a","sha256":{ "x86_64":"N" }}"#);
    check(r#"{"path":"{arch}/a","sha256":"N"}"#, r#"{"path":"{arch}/a","sha256":"N"}"#);
    let both = Architecture::ALL.map(|architecture| (None, Kind::Plugin, "p", architecture));
    check_with(
        r#"{"version":1,"plugins":{"p":{"path": "{arch}/a"}}}"#,
        &both,
        r#"{"version":1,"plugins":{"p":{"path": "{arch}/a", "sha256": { "x86_64": "N", "aarch64": "N" }}}}"#,
        &["plugins.p", "plugins.p"],
    );
}

#[test]
fn a_digest_goes_where_the_bytes_are_named() {
    let before = r#"{"version":1,"libraries":{"l":{"path":"l"}},"plugins":{"p":{"path":"p"},"q":{"path":"q"}},
        "stages":{"a":{"plugins":{"p":{"path":"p2"},"q":{"config":1}}},"b":{"plugins":{"p":{"sha256":null,"path":"p3"},"n":{"path":"n"}}}}}"#;
    let after = r#"{"version":1,"libraries":{"l":{"path":"l","sha256":"N"}},"plugins":{"p":{"path":"p"},"q":{"path":"q","sha256":"N"}},
        "stages":{"a":{"plugins":{"p":{"path":"p2","sha256":"N"},"q":{"config":1}}},"b":{"plugins":{"p":{"sha256":"N","path":"p3"},"n":{"path":"n","sha256":"N"}}}}}"#;
    let here = Architecture::HERE;
    let digests = [
        (Some("a"), Kind::Library, "l", here),
        (Some("a"), Kind::Plugin, "p", here),
        (Some("a"), Kind::Plugin, "q", here),
        (Some("b"), Kind::Library, "l", here),
        (Some("b"), Kind::Plugin, "p", here),
        (Some("b"), Kind::Plugin, "q", here),
        (Some("b"), Kind::Plugin, "n", here),
    ];
    let changed = ["libraries.l", "plugins.q", "stages.a.plugins.p", "stages.b.plugins.p", "stages.b.plugins.n"];
    check_with(before, &digests, after, &changed);
}

#[test]
fn what_cannot_be_written_is_refused() {
    #[track_caller]
    fn check(digests: &[(Option<&str>, &str, u8)], expected: &str) {
        let text = r#"{"version":1,"plugins":{"p":{"path":"p"}},"stages":{"a":{},"b":{}}}"#;
        let manifest = Manifest::parse("m.json", text.as_bytes()).unwrap_or_else(|refusal| panic!("{refusal}"));
        let digests: Vec<_> = digests
            .iter()
            .map(|&(stage, name, byte)| NewDigest {
                stage,
                kind: Kind::Plugin,
                name,
                architecture: Architecture::X86_64,
                digest: Digest([byte; 32]),
            })
            .collect();
        assert_eq!(write(&manifest, &digests).unwrap_err().to_string(), expected);
    }
    check(&[(None, "q", 1)], "m.json: there is no plugin \"q\" to write a digest for (hint: name one that the manifest has)");
    check(
        &[(Some("a"), "p", 1), (Some("b"), "p", 2)],
        "m.json: plugins.p was to get two different digests for x86_64 (hint: name one file for it)",
    );
}
