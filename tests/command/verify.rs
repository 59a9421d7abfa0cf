//! `verify`: everything before a plugin's first instruction, and none of those.

use serde_json::{Value, json};

use crate::sandbox::{Sandbox, misbehaving};

#[test]
fn every_plugin_is_listed_and_none_is_run() {
    let sandbox = Sandbox::locked(&misbehaving());
    let text = sandbox.run(&["verify"]);
    assert_eq!((text.done().err.as_str(), text.plugin_ran), ("", false));
    let line =
        |name: &str, file: &str| format!("ok      plugin {name}  {}  {}  handlers ", sandbox.digest(file), sandbox.text(file));
    for (found, expected) in
        text.out.lines().zip([line("echo", "plugins/libecho.so"), line("misbehave", "plugins/libmisbehave.so")])
    {
        assert!(found.starts_with(&expected), "{found}");
    }
    assert_eq!(text.out.lines().count(), 2);
    let json = sandbox.run(&["verify", "--format", "json"]);
    assert!(!json.done().plugin_ran);
    let row =
        |name: &str, file: &str| json!({ "name": name, "path": sandbox.text(file), "sha256": sandbox.digest(file), "ok": true });
    let rows = [row("echo", "plugins/libecho.so"), row("misbehave", "plugins/libmisbehave.so")];
    assert_eq!(json.json(), json!({ "ok": true, "libraries": [], "plugins": rows }));
}

#[test]
fn each_refusal_is_told_and_the_others_are_still_checked() {
    let sandbox = Sandbox::locked(&misbehaving());
    let wanted = sandbox.digest("plugins/libmisbehave.so");
    sandbox.patch("plugins/libmisbehave.so", |bytes| {
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
    });
    let text = sandbox.run(&["verify"]);
    text.refused(4, "digest-mismatch", &["plugin \"misbehave\": ", &wanted, &sandbox.digest("plugins/libmisbehave.so")]);
    assert!(text.out.starts_with("ok      plugin echo  "), "{text:?}");
    assert!(text.out.contains("\nrefused plugin misbehave  "), "{text:?}");
    let json = sandbox.run(&["verify", "--format", "json"]);
    assert_eq!((json.code, json.err.as_str(), json.plugin_ran), (4, "", false));
    let json = json.json();
    assert_eq!(
        [&json["ok"], &json["plugins"][0]["ok"], &json["plugins"][1]["ok"]],
        [false, true, false].map(Value::from).each_ref()
    );
    assert_eq!(json["plugins"][1]["error"]["code"], "digest-mismatch");
    assert_eq!(json["plugins"][1]["sha256"], wanted);
}

#[test]
fn what_bootstrap_would_refuse_is_refused_here_too() {
    #[track_caller]
    fn check(change: impl FnOnce(&mut Value), exit: i32, code: &str, words: &[&str]) {
        let mut manifest = misbehaving();
        change(&mut manifest);
        let sandbox = Sandbox::new(&manifest.to_string());
        sandbox.write("settings.json", r#"{"APP_MODE":"x","LD_PRELOAD":"secret"}"#);
        sandbox.run(&["lock"]).done();
        sandbox.run(&["verify"]).refused(exit, code, words);
    }
    check(
        |m| m["routes"]["error"]["to"] = "misbehave.eror".into(),
        5,
        "handler-missing",
        &["route \"error\"", "it has no handler"],
    );
    check(|m| m["routes"]["error"]["to"] = "misbehave".into(), 5, "handler-missing", &["none is named"]);
    check(|m| m["on_error"] = "misbehave.nothing".into(), 5, "handler-missing", &["on_error"]);
    let settings = |m: &mut Value| {
        m["allow"] = json!({ "environment": ["APP_*"] });
        m["settings"] = json!({ "path": "settings.json" });
    };
    check(settings, 3, "variable-forbidden", &["settings", "LD_PRELOAD"]);
}

#[test]
fn trust_is_checked_where_it_is_asked_for() {
    let sandbox = Sandbox::locked(&misbehaving());
    let pin = sandbox.digest("manifest.json");
    sandbox.run(&["verify", "--bootstrap"]).refused(3, "manifest-untrusted", &["LOADER_MANIFEST_SHA256"]);
    let verify = |pin: &str| sandbox.run_with(&["verify", "--bootstrap"], &[("LOADER_MANIFEST_SHA256", pin)], "");
    assert!(!verify(&pin).done().plugin_ran);
    verify(&"0".repeat(64)).refused(3, "manifest-pin-mismatch", &[&pin]);
    verify(&pin[1..]).refused(3, "manifest-untrusted", &["not 64 lower-case hexadecimal digits"]);
}

#[test]
fn foreign_code_in_the_process_is_warned_of_by_its_variable_alone() {
    let sandbox = Sandbox::locked(&misbehaving());
    let run = sandbox.run_with(&["verify"], &[("LD_LIBRARY_PATH", "/tmp/secret-folder")], "");
    assert!(run.done().err.starts_with("warning: entry 1 of LD_LIBRARY_PATH may be written"), "{run:?}");
    assert!(!run.err.contains("secret"), "{run:?}");
}

/// For who builds on a newer machine than the one that runs it.
#[test]
fn another_glibc_than_this_machine_s_is_checked_against() {
    let sandbox = Sandbox::locked(&misbehaving());
    sandbox.run(&["verify", "--glibc", "99.0"]).done();
    let old = sandbox.run(&["verify", "--glibc", "2.3"]);
    let words =
        ["plugin \"echo\": it needs ", " of GLIBC_2.", " in libc.so.6, and it is to run with glibc 2.3", "Amazon Linux 2023"];
    old.refused(4, "glibc-version-missing", &words);
    let json = sandbox.run(&["verify", "--glibc", "2.3", "--format", "json"]);
    assert_eq!(json.json()["plugins"][0]["error"]["code"], "glibc-version-missing");
    for wrong in ["2", "new", "2.34-9", ""] {
        let usage = sandbox.run(&["verify", "--glibc", wrong]);
        assert_eq!(usage.code, 2, "{usage:?}");
        assert!(usage.err.contains("a version of glibc is two numbers, as in 2.34"), "{usage:?}");
    }
}
