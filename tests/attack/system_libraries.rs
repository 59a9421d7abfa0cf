//! Libraries of the system's names, offered by `LD_LIBRARY_PATH`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lambda_loader::Code;
use lambda_loader::verify::dependencies::SYSTEM;

use crate::c;
use crate::check::{Mark, bootstrap_refuses, manifest, verify_refuses};
use crate::support::folder::Folder;
use crate::support::{SOON, bootstrap, lambda, output};

const LINKER: &str = if cfg!(target_arch = "x86_64") { "ld-linux-x86-64.so.2" } else { "ld-linux-aarch64.so.1" };

/// A library whose constructor leaves a mark without any other library, so that it can stand for libc too.
fn plant(folder: &Path, name: &str, mark: &Path) {
    let source = format!(
        r#"
#if defined __x86_64__
#define OPENAT 257
static long call(long n, long a, const void *b, long c, long d) {{
    long result; register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return result;
}}
#else
#define OPENAT 56
static long call(long n, long a, const void *b, long c, long d) {{
    register long x8 __asm__("x8") = n; register long x0 __asm__("x0") = a; register const void *x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c; register long x3 __asm__("x3") = d;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
}}
#endif
/* AT_FDCWD; O_CREAT and O_WRONLY */
__attribute__((constructor)) static void mark(void) {{ call(OPENAT, -100, "{}", 0101, 0644); }}
"#,
        mark.display()
    );
    c::shared(folder, name, &source, &["-nostdlib", &format!("-Wl,-soname,{name}")]);
}

/// A folder with nothing but a planted library of that name.
fn planted(above: &Path, name: &str, mark: &Path) -> PathBuf {
    let folder = above.join(name);
    fs::create_dir(&folder).unwrap();
    plant(&folder, name, mark);
    folder
}

#[test]
fn a_planted_library_of_every_system_name_is_not_what_a_plugin_gets() {
    let files = tempfile::tempdir().unwrap();
    let mark = files.path().join("planted-code-ran");
    for name in SYSTEM.into_iter().chain([LINKER]) {
        let trap = planted(files.path(), name, &mark);
        // The trap works: an ordinary program takes what it is offered. (The linker itself is there already; libc's own is missing in
        // the planted one, and the linker ends the program.)
        if name != LINKER {
            let flags = ["-Wl,--no-as-needed", &format!("-l:{name}")];
            let ordinary = c::compile(files.path(), "ordinary", "int main(void) { return 0; }", &flags);
            let ended = Command::new(&ordinary).env_clear().env("LD_LIBRARY_PATH", &trap).output().unwrap();
            assert!(mark.exists() || (name == "libc.so.6" && !ended.status.success()), "{name} is not looked at: {ended:?}");
            let _there_or_not = fs::remove_file(&mark);
        }
        let flags = ["-Wl,--no-as-needed".to_owned(), format!("-l:{name}")];
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let plugin = c::shared(files.path(), "odd.so", &c::marked_plugin(), &flags);
        let folder = Folder::new(&[("odd", &plugin)], manifest());
        let (lambda, ran) = (lambda(), Mark::new());
        let ran_path = ran.path();
        let variables = [
            ("MISBEHAVE_MARK", ran_path.to_str().unwrap()),
            ("LD_LIBRARY_PATH", trap.to_str().unwrap()),
            // Lambda itself refuses a folder that the process may write.
            ("AWS_SAM_LOCAL", "true"),
        ];
        let process = bootstrap(&lambda, &folder, &variables);
        let status = process.wait_exit(SOON).unwrap_or_else(|| panic!("{name}: {}", output(&process)));
        assert_eq!(status.code(), Some(Code::AbiLayout.class().exit().into()), "{name}: {}", output(&process));
        assert_eq!(ran.text().as_deref(), Some("code ran"), "{name}: the plugin itself was loaded");
        assert!(!mark.exists(), "{name}: planted code ran");
    }
}

/// Only whole names are the system's: these would be searched for where anybody may put them.
#[test]
fn names_that_begin_like_the_system_s_are_nobody_s() {
    let files = tempfile::tempdir().unwrap();
    let mark = files.path().join("planted-code-ran");
    for name in ["ld-linux-planted.so.1", "ld-linux.so.2", "libc.so.6.1", "libm.so"] {
        let trap = planted(files.path(), name, &mark);
        let (at, file) = (trap.to_str().unwrap(), format!("-l:{name}"));
        let plugin = c::shared(files.path(), "odd.so", &c::marked_plugin(), &["-Wl,--no-as-needed", "-L", at, &file]);
        let folder = Folder::new(&[("odd", &plugin)], manifest());
        let words = [&*format!("it needs {name}, which is no library of the system")];
        verify_refuses(&folder, &plugin, Code::NeededLibraryNotAllowed, &words);
        bootstrap_refuses(&folder, &plugin, Code::NeededLibraryNotAllowed, &words, None);
    }
}

/// A name with a slash is opened as a path, from wherever the process stands.
#[test]
fn a_needed_name_that_is_a_path_in_disguise() {
    let files = tempfile::tempdir().unwrap();
    let name = "ld-linux/../../tmp/planted.so";
    let library = c::shared(files.path(), "planted.so", c::MARK, &[&format!("-Wl,-soname,{name}")]);
    let plugin = c::shared(files.path(), "odd.so", &c::marked_plugin(), &["-Wl,--no-as-needed", library.to_str().unwrap()]);
    let folder = Folder::new(&[("odd", &plugin)], manifest());
    let words = [&*format!("it needs {name}")];
    verify_refuses(&folder, &plugin, Code::NeededLibraryNotAllowed, &words);
    bootstrap_refuses(&folder, &plugin, Code::NeededLibraryNotAllowed, &words, None);
}
