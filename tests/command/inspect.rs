//! `inspect`: what a file is, without running it.

use serde_json::{Value, json};

use crate::sandbox::{Sandbox, compile, misbehaving};

/// The value of a row.
#[track_caller]
fn row<'o>(out: &'o str, name: &str) -> &'o str {
    let line = out.lines().find(|line| line.starts_with(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no row {name:?} in {out}"))[name.len()..].trim_start()
}

#[test]
fn a_plugin_is_shown_and_not_run() {
    let sandbox = Sandbox::new(&misbehaving().to_string());
    let file = "plugins/libmisbehave.so";
    let run = sandbox.run(&["inspect", file]);
    assert_eq!((run.done().err.as_str(), run.plugin_ran), ("", false));
    let size = std::fs::metadata(sandbox.path(file)).unwrap().len();
    for (name, value) in [
        ("file", file),
        ("sha256", &sandbox.digest(file)),
        ("size", &format!("{size} bytes")),
        ("architecture", std::env::consts::ARCH),
        ("soname", "none"),
        ("plugin", "misbehave 0.1.0"),
        ("abi", &lambda_plugin_abi_v1::ABI.to_string()),
        ("panic", "unwind"),
    ] {
        assert_eq!(row(&run.out, name), value, "{name}");
    }
    assert!(row(&run.out, "handlers").starts_with("error parse_error panic "));
    assert!(row(&run.out, "needs").contains("libc.so.6"));
    assert!(row(&run.out, "glibc").ends_with(" or later"));
    assert!(row(&run.out, "compiler").starts_with("rustc 1."));
    assert!(row(&run.out, "entry points").ends_with(" that the linker calls"));

    let json = sandbox.run(&["inspect", file, "--format", "json"]);
    let json = json.done().json();
    assert_eq!([&json["ok"], &json["findings"], &json["warnings"]], [&json!(true), &json!([]), &json!([])]);
    assert_eq!(json["sha256"], sandbox.digest(file));
    assert_eq!(json["size"], size);
    assert_eq!(json["abi"]["name"], "misbehave");
    assert_eq!(json["abi"]["panic"], "unwind");
    assert!(json["abi"]["handlers"].as_array().unwrap().contains(&json!("stream")));
    assert!(json["entry_points"].as_u64().unwrap() >= 1, "its constructor");
    assert!(json.get("error").is_none());
}

#[test]
fn a_panic_that_aborts_is_named() {
    let sandbox = Sandbox::new(&misbehaving().to_string());
    sandbox.patch("plugins/libecho.so", |bytes| {
        let unwind = br#""panic":"unwind""#;
        let at = bytes.windows(unwind.len()).position(|window| window == unwind).unwrap();
        bytes[at..at + unwind.len()].copy_from_slice(br#""panic":"abort" "#);
    });
    let run = sandbox.run(&["inspect", "plugins/libecho.so"]);
    assert_eq!(row(&run.done().out, "panic"), "abort");
    let warning = "it was built with panic = \"abort\": a panic in it ends the whole process";
    assert_eq!(run.err, format!("warning: plugins/libecho.so: {warning}\n"));
    let json = sandbox.run(&["inspect", "plugins/libecho.so", "--format", "json"]);
    assert_eq!(json.done().json()["warnings"], json!([warning]));
}

#[test]
fn what_a_note_says_does_not_steer_the_terminal() {
    let sandbox = Sandbox::new(&misbehaving().to_string());
    sandbox.patch("plugins/libecho.so", |bytes| {
        let unwind = br#""panic":"unwind""#;
        let at = bytes.windows(unwind.len()).position(|window| window == unwind).unwrap();
        bytes[at..at + unwind.len()].copy_from_slice(br#""panic":"\u001b""#);
    });
    sandbox.run(&["lock"]).done();
    for arguments in [&["inspect", "plugins/libecho.so"][..], &["verify"]] {
        let run = sandbox.run(arguments);
        run.refused(5, "abi-note-malformed", &["unknown variant `\\u{1b}`"]);
        assert!(!run.err.contains('\u{1b}'), "{}", run.err);
    }
}

#[test]
fn a_plugin_for_another_machine_is_shown_as_well() {
    let sandbox = Sandbox::new(&misbehaving().to_string());
    sandbox.make_foreign("plugins/libecho.so");
    let run = sandbox.run(&["inspect", "plugins/libecho.so"]);
    // Its header alone is changed, so its relocations are nonsense there.
    run.refused(4, "elf-malformed", &["plugins/libecho.so: "]);
    let other = if cfg!(target_arch = "x86_64") { "aarch64" } else { "x86_64" };
    assert_eq!(row(&run.out, "architecture"), other);
    assert_eq!(row(&run.out, "sha256"), sandbox.digest("plugins/libecho.so"));
}

#[test]
fn what_is_refused_still_shows_what_can_be_shown() {
    let sandbox = Sandbox::new(&misbehaving().to_string());
    sandbox.write("text.so", "not a library");
    sandbox.patch("plugins/libmisbehave.so", |bytes| bytes.truncate(bytes.len() / 2));
    let folder = sandbox.path("");
    compile(&folder, "int answer(void) { return 42; }", "plain.so", &["-Wl,-soname,libplain.so.1"]);
    compile(&folder, "int answer(void) { return 42; }", "rpath.so", &["-Wl,-rpath,/nowhere"]);
    compile(&folder, "int answer(void) { return 42; }", "system.so", &["-Wl,-soname,libc.so.6"]);
    #[track_caller]
    fn check(sandbox: &Sandbox, file: &str, exit: i32, codes: &[&str], shown: &[&str]) {
        let text = sandbox.run(&["inspect", file]);
        text.refused(exit, codes[0], &[file, "(hint: "]);
        let first: Vec<_> = text.out.lines().map(|line| line.split("  ").next().unwrap().trim()).collect();
        for row in shown {
            assert!(first.iter().any(|line| line.starts_with(row)), "{row}: {first:?}");
        }
        assert!(!first.iter().any(|line| line.starts_with("plugin")), "{first:?}");
        let json = sandbox.run(&["inspect", file, "--format", "json"]);
        assert_eq!((json.code, json.err.as_str(), json.plugin_ran), (exit, "", false));
        let json = json.json();
        let found: Vec<_> = json["findings"].as_array().unwrap().iter().map(|finding| finding["code"].clone()).collect();
        assert_eq!(found, codes);
        assert_eq!([&json["ok"], &json["abi"]], [&json!(false), &Value::Null]);
        assert_eq!(json["error"]["code"], codes[0]);
        assert_eq!(json["sha256"], sandbox.digest(file));
    }
    check(&sandbox, "text.so", 4, &["elf-foreign"], &["file", "sha256", "size"]);
    check(&sandbox, "plugins/libmisbehave.so", 4, &["elf-malformed"], &["file", "sha256", "size", "architecture"]);
    let facts = ["architecture", "soname", "needs", "build id", "entry points"];
    check(&sandbox, "plain.so", 5, &["abi-note-missing"], &facts);
    check(&sandbox, "rpath.so", 4, &["elf-forbidden-entry", "abi-note-missing"], &facts);
    check(&sandbox, "system.so", 4, &["elf-soname", "abi-note-missing"], &facts);
    sandbox.run(&["inspect", "missing.so"]).refused(4, "artifact-missing", &["missing.so: ", "(hint: correct the path)"]);
    sandbox.run(&["inspect", "plugins"]).refused(4, "artifact-not-regular", &["plugins: "]);
    sandbox.run(&["inspect", "/dev/null"]).refused(4, "artifact-not-regular", &["/dev/null: "]);
}

#[test]
fn what_lambda_or_the_manifest_must_have_is_warned_of() {
    let sandbox = Sandbox::new("{}");
    let folder = sandbox.path("");
    std::fs::create_dir(folder.join("stub")).unwrap();
    sandbox.write("versions", "GLIBC_2.99 { future; };\n");
    let versions = format!("-Wl,--version-script={}", sandbox.text("versions"));
    compile(&folder, "void future(void) {}", "stub/libc.so.6", &["-Wl,-soname,libc.so.6", &versions]);
    compile(&folder, "void other(void) {}", "stub/libpq.so.5", &["-Wl,-soname,libpq.so.5"]);
    let (libc, libpq) = (sandbox.text("stub/libc.so.6"), sandbox.text("stub/libpq.so.5"));
    let source = "void future(void); void other(void); void call(void) { future(); other(); }";
    compile(&folder, source, "new.so", &[&libc, &libpq]);
    let run = sandbox.run(&["inspect", "new.so"]);
    run.refused(5, "abi-note-missing", &[]);
    assert_eq!(row(&run.out, "glibc"), "2.99 or later");
    assert_eq!(row(&run.out, "needs"), "libc.so.6 libpq.so.5");
    let warnings: Vec<_> = run.err.lines().filter(|line| line.starts_with("warning: new.so: ")).collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].ends_with("it needs libpq.so.5: the manifest has to have it in `libraries`"), "{warnings:?}");
    assert!(warnings[1].contains("it needs glibc 2.99, and provided.al2023 has 2.34: "), "{warnings:?}");
}
