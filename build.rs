//! Stamps what was built, and links `bootstrap` so that a layer's `LD_LIBRARY_PATH` folder cannot stand in for a system library.

use std::env::var;
use std::process::Command;

/// Colon-separated; `loader/load/link_map.rs` reads the same file.
const SYSTEM_FOLDERS: &str = include_str!("loader/load/system_folders");

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=loader/load/system_folders");
    let target = var("TARGET").unwrap_or_default();

    let features = var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    if features.split(',').any(|feature| feature == "crt-static") {
        println!(
            "cargo::error=target {target} links statically, and a static program cannot load plugins: dlopen needs the system's dynamic \
             linker. Build for x86_64-unknown-linux-gnu or aarch64-unknown-linux-gnu, without crt-static."
        );
        return;
    }
    if var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") || var("CARGO_CFG_TARGET_ENV").as_deref() != Ok("gnu") {
        println!(
            "cargo::error=target {target} is not Linux with glibc, which AWS Lambda's provided.al2023 is, and verification relies on."
        );
        return;
    }

    // DT_RPATH, which ld.so searches before LD_LIBRARY_PATH, for the program and all that it opens (`ld.so(8)`); the newer
    // DT_RUNPATH comes after it.
    println!("cargo::rustc-link-arg-bin=bootstrap=-Wl,--disable-new-dtags,-rpath,{}", SYSTEM_FOLDERS.trim_ascii_end());

    println!("cargo::rustc-env=LOADER_TARGET={target}");
    println!(
        "cargo::rustc-env=LOADER_REVISION={}",
        git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".into())
    );
    for name in ["HEAD", "refs/heads", "packed-refs"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|path| std::path::Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
