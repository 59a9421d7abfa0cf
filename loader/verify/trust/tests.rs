use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use rustix::fs::{CWD, FileType, Mode};

use super::*;
use crate::verify::Mount;

const READ_ONLY: Mount = Mount { read_only: true, kind: "squashfs" };
const WRITABLE: Mount = Mount { read_only: false, kind: "ext4" };

fn file(path: &str, mount: Mount, direct: bool) -> ManifestFile {
    ManifestFile { origin: Origin::File { path: path.into(), mount, direct }, bytes: b"{}".to_vec() }
}

fn settings(pin: Option<&str>) -> TrustSettings {
    TrustSettings { pin: pin.map(Into::into), task_root: Some("/var/task".into()), ..TrustSettings::default() }
}

const PIN: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

#[test]
fn a_manifest_is_believed_if_pinned_or_part_of_the_functions_own_read_only_code() {
    let check = |file: ManifestFile, settings: TrustSettings, expected: Result<Trust, (Code, &str)>| match (
        super::check(&file, &settings, &[], None),
        expected,
    ) {
        (Ok(trust), Ok(wanted)) => assert_eq!(trust, wanted, "{file:?}"),
        (Err(refusal), Err((code, words))) => {
            assert_eq!(refusal.code, code, "{refusal}");
            assert!(refusal.what.contains(words), "{refusal}");
            assert_eq!(refusal.place, file.place());
            assert!(refusal.hint.is_some(), "{refusal}");
        }
        (got, wanted) => panic!("{file:?} {settings:?}: {got:?}, wanted {wanted:?}"),
    };
    let foreign = Err((Code::ManifestUntrusted, "not part of the function's own code"));
    let own = "/var/task/manifest.json";

    check(file(own, READ_ONLY, true), settings(None), Ok(Trust::OwnCode));
    check(file("/var/task/deep/er/m.json", READ_ONLY, true), settings(None), Ok(Trust::OwnCode));
    check(file(own, WRITABLE, true), settings(None), Err((Code::ManifestUntrusted, "its mount is writable")));
    check(file(own, READ_ONLY, false), settings(None), foreign);
    check(file("/opt/loader/manifest.json", READ_ONLY, true), settings(None), foreign);
    check(file("/var/taskmaster/manifest.json", READ_ONLY, true), settings(None), foreign);
    for task_root in ["", "/", "var/task", "/opt/../var/task"] {
        let settings = TrustSettings { task_root: Some(task_root.into()), ..TrustSettings::default() };
        check(file(own, READ_ONLY, true), settings, foreign);
    }
    check(file(own, READ_ONLY, true), TrustSettings::default(), foreign);

    for (path, mount, direct) in [("/opt/m.json", READ_ONLY, true), ("/tmp/m.json", WRITABLE, false)] {
        check(file(path, mount, direct), settings(Some(PIN)), Ok(Trust::Pinned));
    }
    let other = Digest::of(b"other").to_string();
    let mismatch = Err((Code::ManifestPinMismatch, PIN));
    check(file("/opt/m.json", READ_ONLY, true), settings(Some(&other)), mismatch);
    check(file(own, READ_ONLY, true), settings(Some(&other)), mismatch);
    for pin in ["", " ", "44136f", &PIN.to_uppercase(), &format!("{PIN} ")] {
        check(file(own, READ_ONLY, true), settings(Some(pin)), Err((Code::ManifestUntrusted, "is not 64 lower-case")));
    }
}

/// A folder with a manifest that `minisign -S` signed.
fn signed() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap().join("m.json");
    fs::write(&path, key::tests::SIGNED).unwrap();
    fs::write(signature_path(&path), key::tests::SIGNATURE).unwrap();
    (folder, path)
}

#[track_caller]
fn refused(result: Result<Trust, Refusal>, code: Code, words: &str) {
    let refusal = result.unwrap_err();
    assert_eq!(refusal.code, code, "{refusal}");
    assert!(refusal.to_string().contains(words) && refusal.hint.is_some(), "{refusal}");
}

#[test]
fn with_a_key_nothing_but_a_signature_is_good_enough() {
    let (_folder, path) = signed();
    let key = key::tests::KEY;
    let configured = TrustSettings { key: Some(key.into()), ..settings(None) };
    let built_in = TrustSettings { built_in: Some(key), ..settings(None) };
    let id = Key::parse(key).unwrap().id();
    for settings in [&configured, &built_in, &TrustSettings { key: Some(key.into()), ..built_in.clone() }] {
        let trust = ground(&read_manifest(&path).unwrap(), settings).unwrap();
        assert_eq!(trust, Trust::Signed { key: id, pinned: false });
        assert_eq!(trust.to_string(), "signed by DEFAA52B26799341");
    }
    // A pin beside the key holds as well.
    let pin = Digest::of(key::tests::SIGNED).to_string();
    let both = TrustSettings { pin: Some(pin.into()), ..configured.clone() };
    assert_eq!(ground(&read_manifest(&path).unwrap(), &both).unwrap().to_string(), "signed by DEFAA52B26799341, pinned");
    let other = TrustSettings { pin: Some(PIN.into()), ..configured.clone() };
    refused(ground(&read_manifest(&path).unwrap(), &other), Code::ManifestPinMismatch, PIN);

    // No pin and no place stands in for the signature.
    fs::remove_file(signature_path(&path)).unwrap();
    for settings in [&configured, &built_in, &both] {
        refused(ground(&read_manifest(&path).unwrap(), settings), Code::ManifestUnsigned, "m.json.minisig: no such file");
        let own = file("/var/task/manifest.json", READ_ONLY, true);
        let settings = TrustSettings { pin: settings.pin.as_ref().map(|_| PIN.into()), ..settings.clone() };
        refused(ground(&own, &settings), Code::ManifestUnsigned, "/var/task/manifest.json.minisig: no such file");
    }
}

#[test]
fn a_signature_file_is_opened_by_the_rules_of_the_manifest() {
    let (_folder, path) = signed();
    let settings = TrustSettings { key: Some(key::tests::KEY.into()), ..TrustSettings::default() };
    let signature = signature_path(&path);
    let check = |code, words: &str| refused(ground(&read_manifest(&path).unwrap(), &settings), code, words);
    fs::write(&signature, vec![b'a'; 16 << 10]).unwrap();
    check(Code::SignatureInvalid, "not a minisign signature");
    fs::write(&signature, vec![b'a'; (16 << 10) + 1]).unwrap();
    check(Code::SignatureInvalid, "larger than 16 KiB");
    fs::rename(&signature, path.with_extension("real")).unwrap();
    symlink("m.real", &signature).unwrap();
    check(Code::SignatureInvalid, "too many levels of symbolic links");
    fs::remove_file(&signature).unwrap();
    rustix::fs::mknodat(CWD, &signature, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    check(Code::SignatureInvalid, "not a regular file");
    fs::remove_file(&signature).unwrap();
    fs::create_dir(&signature).unwrap();
    check(Code::SignatureInvalid, "not a regular file");
}

#[test]
fn the_buffer_that_was_read_is_checked_whatever_the_file_is_by_then() {
    let (_folder, path) = signed();
    let settings = TrustSettings { key: Some(key::tests::KEY.into()), ..TrustSettings::default() };
    let read = read_manifest(&path).unwrap();
    fs::write(&path, "{}").unwrap();
    assert!(ground(&read, &settings).is_ok() && read.bytes == key::tests::SIGNED);
    let read = read_manifest(&path).unwrap();
    fs::write(&path, key::tests::SIGNED).unwrap();
    refused(ground(&read, &settings), Code::SignatureInvalid, "DEFAA52B26799341 did not sign this");
}

#[test]
fn a_manifest_for_other_functions_is_refused() {
    let check = |functions: &[&str], name: Option<&str>, allowed: bool| {
        let functions: Vec<_> = functions.iter().map(ToString::to_string).collect();
        let settings = TrustSettings { function_name: name.map(Into::into), ..settings(Some(PIN)) };
        match super::check(&file("/m", WRITABLE, true), &settings, &functions, None) {
            Ok(_) => assert!(allowed, "{functions:?} {name:?}"),
            Err(refusal) => {
                assert!(!allowed, "{refusal}");
                assert_eq!((refusal.code, refusal.place.as_str()), (Code::FunctionNotListed, "/m: functions"));
            }
        }
    };
    check(&[], None, true);
    check(&[], Some("any"), true);
    check(&["orders"], Some("orders"), true);
    check(&["orders-*"], Some("orders-prod"), true);
    check(&["orders-*"], Some("orders-"), true);
    check(&["*"], Some("x"), true);
    check(&["a", "*-b"], Some("x-b"), true);
    check(&["a*c*e"], Some("abcde"), true);
    check(&["a*bc*bc"], Some("a-bc-bc"), true);
    check(&["**"], Some("x"), true);
    check(&["*"], None, false);
    check(&["*"], Some(""), false);
    check(&["orders"], Some("orders-prod"), false);
    check(&["orders"], Some("Orders"), false);
    check(&["orders-*"], Some("my-orders-prod"), false);
    check(&["a*a"], Some("a"), false);
    check(&["a*bc*bc"], Some("a-bc"), false);
    check(&[""], Some("x"), false);
}

#[test]
fn an_old_manifest_is_refused() {
    let check = |minimum: Option<&str>, serial: Option<u64>, expected: Option<(Code, &str)>| {
        let settings = TrustSettings { min_serial: minimum.map(Into::into), ..settings(Some(PIN)) };
        match (super::check(&file("/m", WRITABLE, true), &settings, &[], serial), expected) {
            (Ok(_), None) => {}
            (Err(refusal), Some((code, words))) => {
                assert_eq!(refusal.code, code, "{refusal}");
                assert!(refusal.what.contains(words), "{refusal}");
            }
            (got, wanted) => panic!("{minimum:?} {serial:?}: {got:?}, wanted {wanted:?}"),
        }
    };
    check(None, None, None);
    check(None, Some(1), None);
    check(Some("7"), Some(7), None);
    check(Some("7"), Some(8), None);
    check(Some("0"), Some(0), None);
    check(Some("7"), Some(6), Some((Code::SerialTooOld, "6 is below LOADER_MANIFEST_MIN_SERIAL, which is 7")));
    check(Some("0"), None, Some((Code::SerialTooOld, "it has none")));
    for wrong in ["", "seven", "-1", "+7", "7 ", "18446744073709551616"] {
        check(Some(wrong), Some(u64::MAX), Some((Code::ManifestUntrusted, "is not a whole number")));
    }
}

#[test]
fn a_manifest_is_read_with_what_is_known_of_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let top = folder.path().canonicalize().unwrap();
    fs::create_dir(top.join("real")).unwrap();
    fs::write(top.join("real/m.json"), "{}").unwrap();
    fs::write(top.join("limit"), vec![b' '; 1 << 20]).unwrap();
    fs::write(top.join("over"), vec![b' '; (1 << 20) + 1]).unwrap();
    symlink("real", top.join("link")).unwrap();
    symlink("m.json", top.join("real/link.json")).unwrap();
    rustix::fs::mknodat(CWD, top.join("fifo"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    let check = |path: &str, expected: Result<bool, (Code, &str)>| match (read_manifest(&top.join(path)), expected) {
        (Ok(file), Ok(wanted)) => {
            let Origin::File { direct, mount, .. } = file.origin else { panic!("{path}") };
            assert_eq!((direct, mount.read_only), (wanted, false), "{path}");
        }
        (Err(refusal), Err((code, words))) => {
            assert_eq!(refusal.code, code, "{path}: {refusal}");
            assert!(refusal.what.contains(words), "{path}: {refusal}");
            assert!(refusal.place.ends_with(path), "{refusal}");
        }
        (got, wanted) => panic!("{path}: {got:?}, wanted {wanted:?}"),
    };
    check("real/m.json", Ok(true));
    check("limit", Ok(true));
    check("link/m.json", Ok(false));
    check("real/../real/m.json", Ok(false));
    check("over", Err((Code::ManifestTooLarge, "larger than 1 MiB")));
    check("none", Err((Code::ManifestMissing, "no such file")));
    check("real/m.json/x", Err((Code::ManifestMissing, "not a directory")));
    check("real/link.json", Err((Code::ManifestUnreadable, "too many levels of symbolic links")));
    check("real", Err((Code::ManifestUnreadable, "not a regular file")));
    check("fifo", Err((Code::ManifestUnreadable, "not a regular file")));
}
