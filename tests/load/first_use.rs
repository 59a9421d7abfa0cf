//! Plugins that are loaded with their first event: refused like any other, and what has begun to run is never tried twice.

use std::fs;
use std::path::Path;

use lambda_loader::Code;
use lambda_loader::local::{Bootstrap, Lambda};
use serde_json::{Value, json};

use crate::c;
use crate::check::{Mark, bootstrap_refuses, manifest};
use crate::support::build::Build;
use crate::support::folder::Folder;
use crate::support::{SOON, bootstrap, lambda, output};

/// `odd` loads with its first event, `echo` at once.
fn folder(odd: &Path, handler: &str, config: Value) -> Folder {
    let operation = |name: &str, to: String| json!({ "source": "operation", "name": name, "to": to });
    Folder::new(
        &[("odd", odd), ("echo", &Build::plugin("echo").path())],
        json!({
            "plugins": { "odd": { "load": "first-use", "config": config } },
            "routes": { "odd": operation("odd", format!("odd.{handler}")), "echo": operation("echo", "echo.echo".into()) },
        }),
    )
}

/// The event fails with that code and these words.
fn fails(lambda: &Lambda, process: &Bootstrap, code: Code, words: &[&str]) {
    let answer = lambda.invoke(r#"{"operation":"odd"}"#).wait(SOON).unwrap_or_else(|| panic!("{}", output(process)));
    let (error_type, body) = answer.error().unwrap_or_else(|| panic!("{answer:?}"));
    assert_eq!(error_type, Some(code.error_type()), "{}", output(process));
    let body = String::from_utf8_lossy(body).replace("\\\"", "\"");
    assert!(words.iter().all(|word| body.contains(word)), "{body}");
}

fn echoes(lambda: &Lambda, process: &Bootstrap) {
    let answer = lambda.invoke(r#"{"operation":"echo"}"#).wait(SOON).unwrap_or_else(|| panic!("{}", output(process)));
    assert_eq!(answer.payload(), r#"{"operation":"echo"}"#, "{}", output(process));
}

/// How many sealed copies the process holds.
fn copies(process: &Bootstrap) -> usize {
    let descriptors = fs::read_dir(format!("/proc/{}/fd", process.pid())).unwrap();
    let targets = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    targets.filter(|target| target.starts_with("/memfd:lambda-loader (deleted)")).count()
}

#[test]
fn a_plugin_refused_at_first_use_leaves_one_copy_at_most_however_many_events_ask_for_it() {
    let files = tempfile::tempdir().unwrap();
    let note = |json: &str| format!("{}{}", c::MARK, c::note(0, json));
    let alien = c::shared(files.path(), "alien.so", &note(r#"{"abi":9}"#), &[]);
    let headless = c::shared(files.path(), "headless.so", &note(c::NOTE), &[]);
    let source = format!("{}int nowhere(void); int use(void) {{ return nowhere(); }}", note(c::NOTE));
    let unresolved = c::shared(files.path(), "unresolved.so", &source, &[]);
    for (file, code, words, kept, ran) in [
        (&alien, Code::AbiVersion, "it speaks ABI 9", 0, false),
        (&headless, Code::AbiLayout, "has no module header", 1, true),
        (&unresolved, Code::LoadFailed, "undefined symbol: nowhere", 1, false),
    ] {
        let (folder, lambda, mark) = (folder(file, "odd", Value::Null), lambda(), Mark::new());
        let process = bootstrap(&lambda, &folder, &[("MISBEHAVE_MARK", mark.path().to_str().unwrap())]);
        for round in 0..3 {
            fails(&lambda, &process, code, &["plugin \"odd\"", words]);
            echoes(&lambda, &process);
            assert_eq!(copies(&process), 1 + kept, "{words}");
            assert_eq!(mark.text().is_some(), ran && round == 0, "{words}: its constructor, in round {round}");
            // It would leave another one.
            let _ = fs::remove_file(mark.path());
        }
    }
}

/// What a constructor loads has run before anybody can look; it is found and named all the same, and no event follows.
#[test]
fn a_plugin_that_loads_an_unverified_object_is_found_out() {
    let files = tempfile::tempdir().unwrap();
    let foreign = c::shared(files.path(), "libforeign.so", "int foreign;", &[]);
    let name = foreign.to_str().unwrap();
    let source = format!(
        "#include <dlfcn.h>\n__attribute__((constructor)) static void bring(void) {{ dlopen(\"{name}\", RTLD_NOW); }}\n{}",
        c::note(0, c::NOTE)
    );
    let plugin = c::shared(files.path(), "bringer.so", &source, &[]);
    let words = ["plugin \"odd\": loading it mapped", name, "which was not verified"];
    bootstrap_refuses(&Folder::new(&[("odd", &plugin)], manifest()), &plugin, Code::LoadForeignObject, &words, None);
    // A descriptor that was not verified is as foreign as a path.
    let source = format!(
        "#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <fcntl.h>\n#include <stdio.h>\n#include <sys/mman.h>\n\
         #include <sys/sendfile.h>\n__attribute__((constructor)) static void bring(void) {{\n\
         int from = open(\"{name}\", O_RDONLY), to = memfd_create(\"x\", 0);\nchar path[40];\n\
         while (sendfile(to, from, 0, 1 << 20) > 0) {{}}\n\
         snprintf(path, sizeof path, \"/proc/self/fd/%d\", to);\nif (!dlopen(path, RTLD_NOW)) puts(dlerror());\n}}\n{}",
        c::note(0, c::NOTE)
    );
    let hidden = c::shared(files.path(), "hidden.so", &source, &[]);
    let words_too = ["plugin \"odd\": loading it mapped /proc/self/fd/", "which was not verified"];
    bootstrap_refuses(&Folder::new(&[("odd", &hidden)], manifest()), &hidden, Code::LoadForeignObject, &words_too, None);

    let (folder, lambda) = (folder(&plugin, "odd", Value::Null), lambda());
    let process = bootstrap(&lambda, &folder, &[]);
    fails(&lambda, &process, Code::LoadForeignObject, &words);
    assert_eq!(process.wait_exit(SOON).and_then(|status| status.code()), Some(5), "{}", output(&process));
    assert_eq!(lambda.wait_polled(1, SOON).unwrap().count, 1, "no event was asked for after that");
}
