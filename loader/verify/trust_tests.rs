use std::fs;
use std::os::unix::fs::symlink;

use super::*;

const READ_ONLY: Mount = Mount { read_only: true, kind: "squashfs" };
const WRITABLE: Mount = Mount { read_only: false, kind: "ext4" };

fn file(path: &str, mount: Mount, direct: bool) -> ManifestFile {
    ManifestFile { path: path.into(), bytes: b"{}".to_vec(), mount, direct }
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
            assert_eq!(refusal.place, file.path.display().to_string());
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

    for key in ["RWQ", ""] {
        let settings = TrustSettings { key: Some(key.into()), ..settings(Some(PIN)) };
        check(file(own, READ_ONLY, true), settings, Err((Code::ManifestUntrusted, "signature checking is not built yet")));
    }
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
        (Ok(file), Ok(direct)) => assert_eq!((file.direct, file.mount.read_only), (direct, false), "{path}"),
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
