//! Plugins that do not speak the ABI as they must: refused by what stands in the file, or before any function of theirs is called.

use lambda_loader::{Code, load};
use serde_json::json;

use crate::alone::{alone, is_alone};
use crate::c;
use crate::check::{Mark, bootstrap_refuses, manifest, refused, refused_by_loading};
use crate::plugin::{started, verify};
use crate::support::build::Build;
use crate::support::folder::Folder;

#[test]
fn notes_are_judged_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, notes: &[&str], code, words: &[&str]| {
        let notes: String = notes.iter().enumerate().map(|(index, json)| c::note(index, json)).collect();
        let file = c::shared(folder.path(), name, &format!("{}{notes}", c::MARK), &[]);
        refused(&file, code, words);
    };
    let other = |from: &str, to: &str| {
        let json = c::NOTE.replace(from, to);
        assert_ne!(json, c::NOTE);
        json
    };
    check("none.so", &[], Code::AbiNoteMissing, &["plugin \"odd\": it has no ABI note: it is no plugin", "export!"]);
    check("two.so", &[c::NOTE, c::NOTE], Code::AbiNoteDuplicate, &["it has 2 ABI notes", "link another plugin as a library"]);
    check("two_ways.so", &[c::NOTE, "{}"], Code::AbiNoteDuplicate, &["it has 2 ABI notes"]);
    for abi in ["1", "9", "4294967295"] {
        let json = other("\"abi\":0", &format!("\"abi\":{abi}"));
        check("abi.so", &[&json], Code::AbiVersion, &[&format!("it speaks ABI {abi}, and this loader speaks 0")]);
    }
    // A generation to come may say everything else in other words, and is still named.
    check("later.so", &[r#"{"abi":7}"#], Code::AbiVersion, &["it speaks ABI 7"]);
    for json in
        ["", "{", "{}", r#"{"abi":-1}"#, r#"{"abi":"0"}"#, &other("\"odd\"]", "\"odd\",\"odd\"]"), &other("1.0.0", "1\u{7f}")]
    {
        check("malformed.so", &[json], Code::AbiNoteMalformed, &["its ABI note cannot be read"]);
    }
    check(
        "handler.so",
        &[&other("[\"odd\"]", "[\"even\"]")],
        Code::HandlerMissing,
        &["route \"odd\"", "no handler \"odd\"", "even"],
    );
}

#[test]
fn a_plugin_that_links_another_plugin_carries_two_notes() {
    refused(&Build::fixture("plugin_in_plugin").path(), Code::AbiNoteDuplicate, &["it has 2 ABI notes", "third crate"]);
}

#[test]
fn a_note_without_a_plugin_behind_it_is_refused_by_loading_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = c::shared(folder.path(), "note.so", &c::marked_plugin(), &[]);
    // All that shows is what it does when it is asked: constructors of verified bytes do run.
    refused_by_loading(&file, Code::AbiLayout, &["plugin \"odd\": has no module header", "undefined symbol"], Some("code ran"));
    // Something else under the header's name.
    let header = "char _1as_0lib_1header_0root_bmodule_bloader[256] = \"not a header\";";
    let file = c::shared(folder.path(), "header.so", &format!("{}{header}", c::note(0, c::NOTE)), &[]);
    refused_by_loading(&file, Code::AbiLayout, &["does not have this loader's interface"], None);
}

#[test]
fn a_plugin_that_cannot_be_checked_or_says_two_things_is_never_called() {
    let check = |name, code, words: &[&str]| refused_by_loading(&Build::fixture(name).path(), code, words, None);
    check("layout_opt_out", Code::AbiLayout, &["was built without the layout of its interface"]);
    check("note_mismatch", Code::AbiNoteMismatch, &["describes itself in other words than its ABI note"]);
    check("other_layout", Code::AbiLayout, &["does not have this loader's interface"]);
}

/// The check of one plugin's layout says nothing of the next one's, whichever compiler both came from.
#[test]
fn another_interface_is_refused_beside_a_good_plugin_of_the_same_compiler_too() {
    let (echo, odd) = (Build::plugin("echo").path(), Build::fixture("other_layout").path());
    let folder = Folder::new(&[("echo", &echo), ("odd", &odd)], manifest());
    bootstrap_refuses(&folder, &odd, Code::AbiLayout, &["plugin \"odd\"", "does not have this loader's interface"], None);
    let good = started("echo", &echo);
    let verified = verify("odd", &odd).unwrap();
    assert_eq!(verified.note.as_ref().unwrap().compiler, good.note.compiler, "the fixture tells another compiler");
    assert_eq!(load::plugin(verified).unwrap_err().code, Code::AbiLayout);
}

/// No plugin runs before every file has passed, the last one too.
#[test]
fn one_refused_file_keeps_all_others_from_running() {
    let folder = tempfile::tempdir().unwrap();
    let odd = c::shared(folder.path(), "none.so", c::MARK, &[]);
    let misbehave = Build::plugin("misbehave").path();
    let folder = Folder::new(&[("aaa", &misbehave), ("odd", &odd)], manifest());
    bootstrap_refuses(&folder, &odd, Code::AbiNoteMissing, &["plugin \"odd\""], None);
    // And the constructor that would have left its mark does so where nothing is refused.
    let folder = Folder::new(&[("misbehave", &misbehave)], json!({ "routes": {} }));
    let (lambda, mark) = (crate::support::lambda(), Mark::new());
    let process = crate::support::bootstrap(&lambda, &folder, &[("MISBEHAVE_MARK", mark.path().to_str().unwrap())]);
    assert!(lambda.wait_polled(1, crate::support::SOON).is_some(), "{}", crate::support::output(&process));
    assert_eq!(mark.text().as_deref(), Some("plugin code ran"));
}

/// Plugins that one compiler made of the same interface are compared with the loader's once, and all others each.
#[test]
fn the_layout_is_checked_once_a_process_for_plugins_that_were_built_alike() {
    if !is_alone() {
        return alone("abi::the_layout_is_checked_once_a_process_for_plugins_that_were_built_alike", &[]);
    }
    let echo = Build::plugin("echo").path();
    assert_eq!(load::layout_checks(), 0);
    let files = [&echo, &Build::plugin("orders").path(), &Build::fixture("keeper").path(), &echo];
    for (name, file) in ["echo", "orders", "keeper", "echo-again"].into_iter().zip(files) {
        load::plugin(verify(name, file).unwrap()).unwrap();
        assert_eq!(load::layout_checks(), 1, "{name}");
    }
    // One that says nothing of its interface, or something else, says nothing of the next either.
    type Change = fn(&mut lambda_loader::verify::Note);
    let changes: [Change; 4] = [
        |note| note.layout = None,
        |note| note.layout = None,
        |note| note.layout = Some("another".to_owned()),
        |note| note.compiler.push_str(" (another)"),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut verified = verify("echo", &echo).unwrap();
        change(verified.note.as_mut().unwrap());
        load::plugin(verified).unwrap();
        assert_eq!(load::layout_checks(), number + 2);
    }
    // A refused one is compared, and its verdict is not kept.
    for checks in [6, 7] {
        let mut verified = verify("odd", &Build::fixture("other_layout").path()).unwrap();
        assert_eq!(verified.note.as_ref().unwrap().layout, None, "the fixture takes the kit's word in vain");
        verified.note.as_mut().unwrap().layout = Some("of the odd one".to_owned());
        assert_eq!(load::plugin(verified).unwrap_err().code, Code::AbiLayout);
        assert_eq!(load::layout_checks(), checks);
    }
}
