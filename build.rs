//! Stamps what was built, and links `bootstrap` so that a layer's `LD_LIBRARY_PATH` folder cannot stand in for a system library.

#[path = "loader/lockdown/compile.rs"]
mod compile;
#[expect(dead_code, unreachable_pub, reason = "the library has it too")]
#[path = "loader/lockdown/doors.rs"]
mod doors;

use std::env::var;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// Colon-separated; `loader/load/link_map.rs` reads the same file.
const SYSTEM_FOLDERS: &str = include_str!("loader/load/system_folders");

/// The public key to build in. Not the name that `bootstrap` reads when it runs: what is set in a shell to try a key out must not
/// end up in a program.
const BUILT_IN_KEY: &str = "LOADER_BUILT_IN_KEY";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={BUILT_IN_KEY}");
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
    let mut programs = vec!["bootstrap"];
    // Cargo takes no arguments for a program that its features leave out.
    if var("CARGO_FEATURE_S3").is_ok() {
        programs.push("bootstrap-s3");
    }
    for program in programs {
        println!("cargo::rustc-link-arg-bin={program}=-Wl,--disable-new-dtags,-rpath,{}", SYSTEM_FOLDERS.trim_ascii_end());
    }

    println!("cargo::rerun-if-changed=loader/lockdown");
    if let Err(error) = lockdown() {
        println!("cargo::error=the filters of loader/lockdown cannot be made: {error}");
        return;
    }

    if var("CARGO_FEATURE_TOOL").is_ok()
        && let Err(error) = carry_kit()
    {
        println!("cargo::error=the kit in plugin-abi cannot be read: {error}");
        return;
    }

    match built_in_key() {
        // Not under its own name, which cargo would pass on to builds that tests run.
        Ok(key) => println!("cargo::rustc-env=LOADER_CHECKED_KEY={key}"),
        Err(why) => {
            println!(
                "cargo::error={BUILT_IN_KEY} {why}: set it to the second line of the .pub file, as lambda-loader keygen prints it, or \
                 unset it"
            );
            return;
        }
    }

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

/// Writes the instructions of lockdown's filters.
fn lockdown() -> Result<(), Box<dyn std::error::Error>> {
    Ok(std::fs::write(Path::new(&var("OUT_DIR")?).join("lockdown.rs"), compile::source()?)?)
}

/// The key to build in; empty for none. Always passed on, so that the compiler never sees an unchecked one. A variable that is there
/// and empty is a pipeline whose key has got lost, and not the wish for a program without one.
fn built_in_key() -> Result<String, &'static str> {
    let Some(key) = std::env::var_os(BUILT_IN_KEY) else { return Ok(String::new()) };
    // 42 bytes in Base64, of which the first two are `Ed`.
    let is_key = |key: &String| {
        let base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        key.len() == 56 && key.bytes().all(base64) && key.starts_with("RW") && matches!(key.as_bytes()[2], b'Q'..=b'T')
    };
    key.into_string().ok().filter(is_key).ok_or("is not a minisign public key")
}

/// Writes the list of the kit's files for `lambda-loader new`.
fn carry_kit() -> std::io::Result<()> {
    fn walk(folder: &str, list: &mut String) -> std::io::Result<()> {
        let mut entries: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{folder}/{name}");
            if entry.file_type()?.is_dir() {
                if name != "tests" && name != "target" {
                    walk(&path, list)?;
                }
            } else if name == "Cargo.toml" || name.ends_with(".rs") {
                let file = Path::new(&path).canonicalize()?;
                let _infallible = writeln!(list, "({path:?}, include_str!({file:?})),");
            }
        }
        Ok(())
    }
    println!("cargo::rerun-if-changed=plugin-abi");
    let mut list = String::from("&[\n");
    walk("plugin-abi", &mut list)?;
    list.push_str("]\n");
    std::fs::write(Path::new(&var("OUT_DIR").unwrap_or_default()).join("kit.rs"), list)
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
