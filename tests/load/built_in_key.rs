//! `build.rs` builds in no key that is none: such a program would take no manifest at all, or one without a signature.

use crate::build_script;

const KEY: &str = "RWRBk3kmK6X63koQfqxHngQ1HR2XU02SOCmqV5OvSjXnxVd4vFc5EA2a";

#[test]
fn what_is_no_key_cannot_be_built_in() {
    let out = tempfile::tempdir().unwrap();
    let run = |key: Option<&str>| {
        let mut script = build_script::run(out.path());
        script.env("TARGET", "x86_64-unknown-linux-gnu").env_remove("LOADER_BUILT_IN_KEY");
        script
            .env("CARGO_CFG_TARGET_OS", "linux")
            .env("CARGO_CFG_TARGET_ENV", "gnu")
            .envs(key.map(|key| ("LOADER_BUILT_IN_KEY", key)));
        let output = script.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    // Always passed on: the compiler must not find the variable of the shell that no script has checked.
    assert!(run(None).contains("\ncargo::rustc-env=LOADER_CHECKED_KEY=\n"));
    let said = run(Some(KEY));
    assert!(said.contains(&format!("\ncargo::rustc-env=LOADER_CHECKED_KEY={KEY}\n")), "{said}");
    assert!(said.contains("\ncargo::rerun-if-env-changed=LOADER_BUILT_IN_KEY\n") && !said.contains("cargo::error"), "{said}");
    let line = format!("{}\n", &KEY[..55]);
    let (short, longer, other) = (&KEY[1..], format!("{KEY}A"), KEY.replacen("RWR", "RWU", 1));
    for wrong in ["", "RWQ", short, &longer, &other, &line, "untrusted comment: minisign public key DEFAA52B26799341"] {
        let said = run(Some(wrong));
        let error =
            said.lines().find_map(|line| line.strip_prefix("cargo::error=")).unwrap_or_else(|| panic!("{wrong:?}: {said}"));
        assert!(error.starts_with("LOADER_BUILT_IN_KEY is not a minisign public key: set it to "), "{wrong:?}: {error}");
        assert!(!said.contains("cargo::rustc-env"), "{wrong:?}: {said}");
    }
}
