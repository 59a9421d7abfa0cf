//! Libraries that plugins need: the verified bytes, wherever `LD_LIBRARY_PATH` points.

use std::fs;
use std::path::Path;
use std::process::Command;

use lambda_loader::{Code, Digest};
use serde_json::{Value, json};

use crate::c;
use crate::check::{Mark, bootstrap_refuses, verify_refuses};
use crate::support::build::Build;
use crate::support::folder::Folder;
use crate::support::{SOON, bootstrap, bootstrap_path, lambda, output};

/// C text of a library whose constructor leaves `name` behind, and that can be asked for it.
fn library(name: &str) -> String {
    format!("{}const char *who(void) {{ return \"{name}\"; }}", c::MARK.replace("code ran", name))
}

/// C text of a plugin that asks `who`, before it is found to be none.
///
/// What it would do as a plugin does not matter: its constructor runs with the library that it was bound to.
fn asking_plugin() -> String {
    let mark = c::MARK.replace("fputs(\"code ran\", file)", "fputs(who(), file)");
    format!("const char *who(void);{mark}{}", c::note(0, c::NOTE))
}

/// A folder with plugin `odd` and the libraries given as key, file and extra keys.
fn folder(plugin: &Path, libraries: &[(&str, &Path)]) -> Folder {
    let mut entries = serde_json::Map::new();
    for (soname, file) in libraries {
        let digest = Digest::of(&fs::read(file).unwrap()).to_string();
        entries.insert((*soname).to_owned(), json!({ "path": file, "sha256": digest }));
    }
    let roots: Vec<&Path> = libraries.iter().filter_map(|(_, file)| file.parent()).chain([Path::new(".")]).collect();
    let mut manifest = crate::check::manifest();
    manifest["libraries"] = Value::Object(entries);
    manifest["allow"] = json!({ "roots": roots });
    Folder::new(&[("odd", plugin)], manifest)
}

/// Everything for one plugin that needs `libwho.so.1`.
struct Who {
    files: tempfile::TempDir,
    good: std::path::PathBuf,
    plugin: std::path::PathBuf,
}

impl Who {
    fn new() -> Self {
        let files = tempfile::tempdir().unwrap();
        let good = c::shared(files.path(), "libwho.so", &library("verified"), &["-Wl,-soname,libwho.so.1"]);
        let at = files.path().to_str().unwrap();
        let plugin = c::shared(files.path(), "odd.so", &asking_plugin(), &["-L", at, "-lwho"]);
        Who { files, good, plugin }
    }

    fn path(&self) -> &Path {
        self.files.path()
    }
}

#[test]
fn a_plugin_gets_the_library_that_was_verified_and_not_the_one_that_is_offered() {
    let who = Who::new();
    let planted = who.path().join("planted");
    fs::create_dir(&planted).unwrap();
    for name in ["libwho.so.1", "libwho.so"] {
        c::shared(&planted, name, &library("planted"), &["-Wl,-soname,libwho.so.1"]);
    }
    let folder = folder(&who.plugin, &[("libwho.so.1", &who.good)]);
    let (lambda, mark) = (lambda(), Mark::new());
    let mark_path = mark.path();
    let extras = [
        ("MISBEHAVE_MARK", mark_path.to_str().unwrap()),
        ("LD_LIBRARY_PATH", planted.to_str().unwrap()),
        // Lambda itself refuses a folder that the process may write.
        ("AWS_SAM_LOCAL", "true"),
    ];
    let process = bootstrap(&lambda, &folder, &extras);
    let status = process.wait_exit(SOON).unwrap_or_else(|| panic!("{}", output(&process)));
    // The C plugin has no module; what counts is what its constructor found, which ran last.
    assert_eq!(status.code(), Some(5), "{}", output(&process));
    assert_eq!(mark.text().as_deref(), Some("verified"), "{}", output(&process));
    assert!(process.wait_for_line(|line| line.contains("WARN") && line.contains("entry 1 of LD_LIBRARY_PATH"), SOON).is_some());
}

#[test]
fn libraries_are_loaded_before_what_needs_them_in_whatever_order_they_stand() {
    let files = tempfile::tempdir().unwrap();
    let at = files.path().to_str().unwrap();
    let base =
        c::shared(files.path(), "libbase.so", "const char *base(void) { return \"base\"; }", &["-Wl,-soname,libbase.so.1"]);
    let source = "const char *base(void); const char *who(void) { return base(); }";
    let who = c::shared(files.path(), "libwho.so", source, &["-Wl,-soname,libwho.so.1", "-L", at, "-lbase"]);
    let flags = ["-L", at, "-lwho", "-Wl,--allow-shlib-undefined"];
    let plugin = c::shared(files.path(), "odd.so", &asking_plugin(), &flags);
    for order in [[("libwho.so.1", &*who), ("libbase.so.1", &*base)], [("libbase.so.1", &*base), ("libwho.so.1", &*who)]] {
        let words = ["has no module header"];
        bootstrap_refuses(&folder(&plugin, &order), &plugin, Code::AbiLayout, &words, Some("base"));
    }
}

/// Whichever of them were loaded first, the dynamic linker would look for the other in `LD_LIBRARY_PATH`.
#[test]
fn libraries_that_need_each_other_in_a_circle_are_refused() {
    let files = tempfile::tempdir().unwrap();
    let at = files.path().to_str().unwrap();
    // Made first without what they need, so that each can be linked against the other.
    let make = |name: &str, next: &str| {
        let soname = format!("-Wl,-soname,lib{name}.so.1");
        let source = library("circle").replace("who", name);
        let next = format!("-l:lib{next}.so.1");
        let flags = [&*soname, "-Wl,--no-as-needed,--allow-shlib-undefined", "-L", at, &next];
        c::shared(
            files.path(),
            &format!("lib{name}.so.1"),
            &source,
            if next.ends_with("none.so.1") { &flags[..1] } else { &flags },
        )
    };
    for name in ["who", "two", "three"] {
        make(name, "none");
    }
    let [who, two, three] = [("who", "two"), ("two", "three"), ("three", "two")].map(|(name, next)| make(name, next));
    let plugin =
        c::shared(files.path(), "odd.so", &asking_plugin(), &["-L", at, "-l:libwho.so.1", "-Wl,--allow-shlib-undefined"]);
    let folder = folder(&plugin, &[("libwho.so.1", &who), ("libtwo.so.1", &two), ("libthree.so.1", &three)]);
    let words = ["library \"lib", "it needs libt", "which needs libt", ": a circle", "link the libraries of the circle into one"];
    verify_refuses(&folder, &plugin, Code::LibraryCycle, &words);
    bootstrap_refuses(&folder, &plugin, Code::LibraryCycle, &words[..4], None);
}

#[test]
fn a_library_that_nothing_needs_is_refused() {
    let who = Who::new();
    let at = who.path().to_str().unwrap();
    let idle = c::shared(who.path(), "libidle.so.1", &library("idle"), &["-Wl,-soname,libidle.so.1"]);
    // Needed by one that is itself not needed.
    let flags = ["-Wl,-soname,libhelper.so.1", "-Wl,--no-as-needed", "-L", at, "-l:libidle.so.1"];
    let helper = c::shared(who.path(), "libhelper.so.1", &library("idle").replace("who", "helper"), &flags);
    let words = ["no plugin needs it", "take the entry out of `libraries`"];
    for (libraries, place) in [
        (&[("libwho.so.1", &*who.good), ("libidle.so.1", &*idle)][..], "library \"libidle.so.1\""),
        (&[("libhelper.so.1", &*helper), ("libwho.so.1", &*who.good), ("libidle.so.1", &*idle)], "library \"libhelper.so.1\""),
    ] {
        let folder = folder(&who.plugin, libraries);
        let words = [&[place], &words[..]].concat();
        verify_refuses(&folder, &idle, Code::LibraryUnused, &words);
        bootstrap_refuses(&folder, &idle, Code::LibraryUnused, &words, None);
    }
}

#[test]
fn libraries_are_held_to_their_digest_their_name_and_their_own_needs() {
    let who = Who::new();
    let check = |soname: &str, file: &Path, code, words: &[&str]| {
        let folder = folder(&who.plugin, &[(soname, file)]);
        verify_refuses(&folder, file, code, words);
        bootstrap_refuses(&folder, file, code, words, None);
    };
    let make = |name: &str, flags: &[&str]| c::shared(who.path(), name, &library("refused"), flags);
    let place = "library \"libwho.so.1\"";
    check("libwho.so.1", &make("none.so", &[]), Code::ElfSoname, &[place, "it has no soname"]);
    let other = make("other.so", &["-Wl,-soname,libwho.so.2"]);
    check("libwho.so.1", &other, Code::ElfSoname, &[place, "its soname is libwho.so.2"]);
    let needs = make("needs.so", &["-Wl,-soname,libwho.so.1", "-Wl,--no-as-needed", "-L", who.path().to_str().unwrap(), "-lwho"]);
    // It needs libwho.so.1, which is itself: allowed, and found.
    let found = folder(&who.plugin, &[("libwho.so.1", &needs)]);
    bootstrap_refuses(&found, &needs, Code::AbiLayout, &["no module header"], Some("refused"));
    c::shared(who.path(), "libelse.so", "int unused;", &["-Wl,-soname,libelse.so.1"]);
    let flags = ["-Wl,-soname,libwho.so.1", "-Wl,--no-as-needed", "-L", who.path().to_str().unwrap(), "-lelse"];
    check("libwho.so.1", &make("else.so", &flags), Code::NeededLibraryNotAllowed, &[place, "it needs libelse.so.1"]);
    let rpath = make("rpath.so", &["-Wl,-soname,libwho.so.1", "-Wl,-rpath,/opt/lib"]);
    check("libwho.so.1", &rpath, Code::ElfForbiddenEntry, &[place, "a search path of its own"]);
    let plugin = c::shared(who.path(), "plugin.so", &c::marked_plugin(), &["-Wl,-soname,libwho.so.1"]);
    check("libwho.so.1", &plugin, Code::LibraryIsPlugin, &[place, "it carries the ABI note of a plugin"]);
    let text = who.path().join("text.so");
    fs::write(&text, "INPUT(libwho.so.1)").unwrap();
    check("libwho.so.1", &text, Code::ElfForeign, &[place, "it is not an ELF file"]);
    // One byte after it was locked.
    let folder = folder(&who.plugin, &[("libwho.so.1", &who.good)]);
    let mut bytes = fs::read(&who.good).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&who.good, bytes).unwrap();
    verify_refuses(&folder, &who.good, Code::DigestMismatch, &[place, "the file's SHA-256 is"]);
    bootstrap_refuses(&folder, &who.good, Code::DigestMismatch, &[place], None);
}

#[test]
fn a_plugin_may_not_take_the_name_of_a_library_of_the_manifest() {
    let who = Who::new();
    let plugin = c::shared(who.path(), "thief.so", &c::marked_plugin(), &["-Wl,-soname,libwho.so.1"]);
    let folder = folder(&plugin, &[("libwho.so.1", &who.good)]);
    let words = ["plugin \"odd\"", "its soname is libwho.so.1, a library of the manifest"];
    verify_refuses(&folder, &plugin, Code::ElfSoname, &words);
    bootstrap_refuses(&folder, &plugin, Code::ElfSoname, &words, None);
}

/// Plants libraries under the names of the system's own, with constructors that leave a mark.
fn plant(folder: &Path) {
    for name in ["libc.so.6", "libm.so.6", "libgcc_s.so.1", "libdl.so.2", "libpthread.so.0", "librt.so.1"] {
        c::shared(folder, name, c::MARK, &["-nostdlib", &format!("-Wl,-soname,{name}")]);
    }
}

#[test]
fn a_planted_system_library_is_not_what_bootstrap_or_a_plugin_gets() {
    let planted = tempfile::tempdir().unwrap();
    plant(planted.path());
    let at = planted.path().to_str().unwrap();
    let mark = Mark::new();
    let mark_path = mark.path();
    let variables = [("MISBEHAVE_MARK", mark_path.to_str().unwrap()), ("LD_LIBRARY_PATH", at)];
    // The trap works: an ordinary program takes what it is offered.
    let program =
        c::compile(planted.path(), "program", "#include <math.h>\nint main(int n, char **v) { return cos(n) > 2; }", &["-lm"]);
    let ordinary = Command::new(&program).env_clear().envs(variables).output().unwrap();
    assert!(!ordinary.status.success(), "the planted libraries are not even looked at: {ordinary:?}");

    let folder = Folder::new(
        &[("keeper", &Build::fixture("keeper").path())],
        json!({ "routes": { "count": { "source": "operation", "name": "count", "to": "keeper.count" } } }),
    );
    let lambda = lambda();
    let process = bootstrap(&lambda, &folder, &[&variables[..], &[("AWS_SAM_LOCAL", "true")]].concat());
    let answer = lambda.invoke(r#"{"operation":"count"}"#).wait(SOON).unwrap_or_else(|| panic!("{}", output(&process)));
    assert_eq!(answer.payload(), "1", "{}", output(&process));
    let maps = fs::read_to_string(format!("/proc/{}/maps", process.pid())).unwrap();
    assert!(maps.contains("libm.so.6") && !maps.contains(at), "{maps}");
    assert_eq!(mark.text(), None, "planted code ran");
    // Under Lambda itself such a folder is reason enough not to start.
    let lambda = crate::support::lambda();
    let process = bootstrap(&lambda, &folder, &variables);
    assert_eq!(process.wait_exit(SOON).and_then(|status| status.code()), Some(3), "{}", output(&process));
    assert_eq!(lambda.init_error(SOON).unwrap().error_type.as_deref(), Some(Code::ProcessTampered.error_type()));
    assert_eq!(mark.text(), None, "planted code ran");
}

#[test]
fn bootstrap_is_linked_with_the_older_tag_that_wins() {
    let output = Command::new("readelf").args(["-dW"]).arg(bootstrap_path()).output().unwrap();
    let dynamic = String::from_utf8(output.stdout).unwrap();
    let folders = include_str!("../../loader/load/system_folders").trim_end();
    let line = dynamic.lines().find(|line| line.contains("(RPATH)")).unwrap_or_else(|| panic!("{dynamic}"));
    assert!(line.ends_with(&format!("[{folders}]")), "{line}");
    assert!(!dynamic.contains("(RUNPATH)"), "{dynamic}");
}
