//! What is loaded is the very file that was verified, and not one that glibc or the file system has put in its place.

use std::fs;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use lambda_loader::Code;
use lambda_loader::load;
use lambda_loader::verify::Verified;
use lambda_loader::verify::seal::{Content, Memfd};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use serde_json::{Value, json};

use crate::alone::{alone, is_alone};
use crate::c;
use crate::check::Mark;
use crate::plugin::{asked, start, started, verify};
use crate::support::build::Build;
use crate::support::folder::Folder;
use crate::support::{SOON, bootstrap, lambda, output};

fn keeper() -> PathBuf {
    Build::fixture("keeper").path()
}

/// A sealed copy of a file under the descriptor `number`, or the lowest free one.
fn memfd(file: &Path, number: Option<i32>) -> OwnedFd {
    let mut memfd = Memfd::create().expect("a memfd");
    memfd.append(&fs::read(file).expect("a file")).expect("room");
    let content = Content::sealed(memfd.seal().expect("seals")).expect("a mapping");
    let descriptor = content.into_descriptor();
    assert!(number.is_none_or(|number| number == descriptor.as_raw_fd()), "the number is not free");
    descriptor
}

/// The trap itself, as long as this glibc has it: without it the next test could not fail.
#[test]
fn a_reused_descriptor_number_is_the_first_library_again_to_glibc() {
    if !is_alone() {
        return alone("identity::a_reused_descriptor_number_is_the_first_library_again_to_glibc", &[]);
    }
    let folder = tempfile::tempdir().unwrap();
    let number = |answer: u32| {
        c::shared(folder.path(), &format!("lib{answer}.so"), &format!("int number(void) {{ return {answer}; }}"), &[])
    };
    // SAFETY: both libraries are the C above: they have no constructors, and `number` has that signature.
    #[expect(unsafe_code, reason = "loads without the loader's care")]
    let ask = |descriptor: &OwnedFd| unsafe {
        let library = Library::open(Some(format!("/proc/self/fd/{}", descriptor.as_raw_fd())), RTLD_NOW | RTLD_LOCAL).unwrap();
        let answer = library.get::<unsafe extern "C" fn() -> i32>(b"number\0").unwrap()();
        std::mem::forget(library);
        answer
    };
    let first = memfd(&number(1), None);
    let reused = first.as_raw_fd();
    assert_eq!(ask(&first), 1);
    drop(first);
    let second = memfd(&number(2), Some(reused));
    assert_eq!(ask(&second), 1, "this glibc looks behind the name: the descriptors need not stay open any more");
}

#[test]
fn two_plugins_one_after_the_other_never_share_a_descriptor_number() {
    if !is_alone() {
        return alone("identity::two_plugins_one_after_the_other_never_share_a_descriptor_number", &[]);
    }
    let (echo, keeper) = (Build::plugin("echo").path(), keeper());
    let number = |verified: &Verified| verified.descriptor.as_raw_fd();
    // Whoever is closed gives its number to the next.
    let refused = verify("echo", &echo).unwrap();
    let first_number = number(&refused);
    load::plugin(Verified { note: None, ..refused }).unwrap_err();
    let verified = verify("echo", &echo).unwrap();
    assert_eq!(number(&verified), first_number, "the number would not be used again in any case");
    let first = start(verified);
    let verified = verify("keeper", &keeper).unwrap();
    let second_number = number(&verified);
    let second = start(verified);
    assert_ne!(first_number, second_number);
    assert_eq!(asked(&first, "echo", "[1]"), json!([1]));
    assert_eq!(asked(&second, "count", "1"), 1);
    for number in [first_number, second_number] {
        let target = fs::read_link(format!("/proc/self/fd/{number}")).unwrap();
        assert_eq!(target, Path::new("/memfd:lambda-loader (deleted)"));
    }
}

#[test]
fn a_file_renamed_over_a_loaded_path_is_a_plugin_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libplugin.so");
    fs::copy(Build::plugin("echo").path(), &path).unwrap();
    let first = started("first", &path);
    let next = folder.path().join("next");
    fs::copy(keeper(), &next).unwrap();
    fs::rename(&next, &path).unwrap();
    let second = started("second", &path);
    assert_eq!(asked(&second, "count", "1"), 1, "not the code that was loaded from this path before");
    assert_eq!(asked(&first, "echo", "1"), 1);
}

#[test]
fn a_file_overwritten_in_place_after_its_hash_is_not_the_one_that_runs() {
    if !is_alone() {
        let mark = Mark::new();
        alone(
            "identity::a_file_overwritten_in_place_after_its_hash_is_not_the_one_that_runs",
            &[("MISBEHAVE_MARK", &mark.path())],
        );
        assert_eq!(mark.text(), None, "what was written over it ran");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libplugin.so");
    fs::copy(keeper(), &path).unwrap();
    let open = fs::File::open(&path).unwrap();
    let verified = verify("keeper", &path).unwrap();
    // `write` keeps the inode.
    fs::write(&path, fs::read(Build::plugin("misbehave").path()).unwrap()).unwrap();
    let same = |metadata: fs::Metadata| std::os::unix::fs::MetadataExt::ino(&metadata);
    assert_eq!(same(open.metadata().unwrap()), same(fs::metadata(&path).unwrap()), "a new file");
    let plugin = start(verified);
    assert_eq!(asked(&plugin, "count", "1"), 1);
    // Its code is not paged in from the file later, either.
    fs::write(&path, vec![0xcc; 16 << 20]).unwrap();
    assert_eq!(asked(&plugin, "kept", "1"), json!([]));
    fs::File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    assert_eq!(asked(&plugin, "count", "1"), 2);
}

#[test]
fn one_file_under_two_names_is_two_plugins_with_their_own_statics() {
    let file = keeper();
    let (one, two) = (started("one", &file), started("two", &file));
    assert_eq!([asked(&one, "count", "1"), asked(&one, "count", "1"), asked(&two, "count", "1")], [1, 2, 1]);
    assert_eq!(asked(&one, "keep", "1"), 1);
    assert_eq!(asked(&two, "kept", "1"), json!([]), "each has its own state");
}

/// Where there is no sealed copy, glibc would unify them by their inode.
#[test]
fn one_file_under_two_names_is_refused_where_there_is_no_sealed_copy() {
    let file = keeper();
    let unsealed = |name: &str| Verified { descriptor: fs::File::open(&file).unwrap().into(), ..verify(name, &file).unwrap() };
    assert!(load::plugin(unsealed("one")).is_ok());
    let refusal = load::plugin(unsealed("two")).unwrap_err();
    assert_eq!(refusal.code, Code::LoadFailed);
    assert!(refusal.to_string().contains("plugin \"two\": it is the same file as another artifact"), "{refusal}");
}

/// The same through the real process: three plugins of one interface type, two of them from one file, swapped on disk meanwhile.
#[test]
fn a_running_bootstrap_keeps_every_plugin_apart_whatever_becomes_of_the_files() {
    let route =
        |plugin: &str, handler: &str| json!({ "source": "operation", "name": plugin, "to": format!("{plugin}.{handler}") });
    let (keeper, echo) = (keeper(), Build::plugin("echo").path());
    let folder = Folder::new(
        &[("one", &keeper), ("two", &keeper), ("echo", &echo)],
        json!({ "routes": { "one": route("one", "count"), "two": route("two", "count"), "echo": route("echo", "echo") } }),
    );
    let lambda = lambda();
    let process = bootstrap(&lambda, &folder, &[]);
    let ask = |plugin: &str| -> Value {
        let answer = lambda.invoke(format!("{{\"operation\":\"{plugin}\"}}")).wait(SOON);
        let answer = answer.unwrap_or_else(|| panic!("no answer; it said:\n{}", output(&process)));
        let reply = answer.response().unwrap_or_else(|| panic!("{answer:?}"));
        serde_json::from_slice(&reply.body).unwrap()
    };
    assert_eq!([ask("one"), ask("one"), ask("two")], [1, 2, 1]);
    assert_eq!(ask("echo"), json!({ "operation": "echo" }));
    let plugins = folder.path().join("plugins");
    let (keeper, echo) = (plugins.join("libkeeper.so"), plugins.join("libecho.so"));
    fs::rename(&echo, &keeper).unwrap();
    fs::write(&keeper, b"").unwrap();
    fs::write(&echo, vec![0xcc; 16 << 20]).unwrap();
    assert_eq!([ask("one"), ask("one"), ask("two")], [3, 4, 2]);
    assert_eq!(ask("echo"), json!({ "operation": "echo" }));
}
