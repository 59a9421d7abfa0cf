//! `build.rs` refuses what can never load a plugin, in words of its own and not the linker's.

use crate::build_script;

#[test]
fn a_static_target_or_another_libc_is_a_build_error_that_says_what_to_build() {
    let out = tempfile::tempdir().unwrap();
    let check = |target: &str, os: &str, env: &str, features: &str, words: &[&str]| {
        let mut script = build_script::run(out.path());
        script.env("TARGET", target).env("CARGO_CFG_TARGET_OS", os);
        let output = script.env("CARGO_CFG_TARGET_ENV", env).env("CARGO_CFG_TARGET_FEATURE", features).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        let error = said.lines().find_map(|line| line.strip_prefix("cargo::error="));
        match words {
            [] => {
                assert_eq!(error, None, "{target}");
                assert!(said.contains("cargo::rustc-link-arg-bin=bootstrap=-Wl,--disable-new-dtags,-rpath,/lib64:"), "{said}");
            }
            words => {
                let error = error.unwrap_or_else(|| panic!("{target}: {said}"));
                assert!(words.iter().all(|word| error.contains(word)), "{target}: {error}");
                assert!(!said.contains("cargo::rustc-env"), "{said}");
            }
        }
    };
    let gnu = "x86_64-unknown-linux-gnu";
    check(gnu, "linux", "gnu", "fxsr,sse,sse2", &[]);
    check("aarch64-unknown-linux-gnu", "linux", "gnu", "neon", &[]);
    check(gnu, "linux", "gnu", "fxsr,crt-static,sse", &[gnu, "links statically", "cannot load plugins", "without crt-static"]);
    let musl = "x86_64-unknown-linux-musl";
    check(musl, "linux", "musl", "crt-static,fxsr", &[musl, "links statically", "aarch64-unknown-linux-gnu"]);
    check(musl, "linux", "musl", "fxsr", &[musl, "is not Linux with glibc"]);
    check("aarch64-apple-darwin", "macos", "", "neon", &["aarch64-apple-darwin", "is not Linux with glibc"]);
}
