//! One system call at a time fails, as in a sandbox, on a full machine or on a broken disk: what verification, loading and the whole
//! `bootstrap` make of it. Always an error with its code, or the second mechanism that the design names; never less verification.
//!
//! Each row of the table runs in a child process under a real seccomp filter. An errno of 0 is a call that says it was done, and was
//! not. Limits of descriptors and of file sizes are set as limits. Calls that the dynamic linker or the network need as well fail around
//! verification alone, not around the whole `bootstrap`.

#[path = "support/mod.rs"]
mod support;
mod verify_fixture;

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use lambda_loader::policy::{Artifact, Source};
use lambda_loader::verify::{self, Kind, Lookup, Mechanism, Rules, Verified, trust};
use lambda_loader::{Code, Digest, Refusal, load};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use seccompiler::SeccompCmpArgLen::Dword;
use seccompiler::SeccompCmpOp::{self, Eq, Ge, MaskedEq};
use seccompiler::{BpfProgram, SeccompAction, SeccompCondition, SeccompFilter, SeccompRule, apply_filter};

use Expected::{Held, Refused, Unlocked};
use Lookup::{Openat2, Walk};
use Step::{Bootstrap, Load, Manifest, Take};

const SONAME: &str = "libprobe.so.1";

/// What is done while the call fails.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A library is verified.
    Take,
    /// A library that was verified before is loaded.
    Load,
    /// A manifest is read.
    Manifest,
    /// `bootstrap` is started, from its first instruction on.
    Bootstrap,
}

/// A call by its name in the table, and which uses of it fail.
struct Call {
    name: &'static str,
    numbers: &'static [libc::c_long],
    /// Argument, comparison, value; none: always.
    only: Option<(u8, SeccompCmpOp, u64)>,
}

#[derive(Clone, Copy, Debug)]
enum Expected {
    /// It goes on, held and looked up like this.
    Held(Mechanism, Lookup),
    /// It ends with this code, and a message with these words.
    Refused(Code, &'static str),
    /// Under `auto` it starts, and says that there is no lockdown and why, in these words; under `require` it does not start.
    Unlocked(&'static str),
}

const SEALED: Expected = Held(Mechanism::Sealed, Openat2);
const WALKED: Expected = Held(Mechanism::Sealed, Walk);
const UNFILLED: Expected = Refused(Code::SealUnavailable, "the sealed copy cannot be filled");
const UNMAPPED: Expected = Refused(Code::SealUnavailable, "the sealed copy cannot be mapped");
const NO_SANDBOX: Expected = Refused(Code::SealUnavailable, "this is no refusal by a sandbox");
const WRITABLE: Expected = Refused(Code::SealUnavailable, "the file is not on a read-only mount");
const UNREADABLE: Expected = Refused(Code::ArtifactUnreadable, "");
const NO_ROOT: Expected = Refused(Code::RootUnusable, "root /");
const NOT_LOADED: Expected = Refused(Code::LoadFailed, "library \"libprobe.so.1\": ");
const NO_MANIFEST: Expected = Refused(Code::ManifestUnreadable, "manifest.json: ");
const OTHER_BYTES: Expected = Refused(Code::DigestMismatch, "the file's SHA-256 is");

const OPENAT2: Call = Call { name: "openat2", numbers: &[libc::SYS_openat2], only: None };
const OPENAT: Call = Call { name: "openat", numbers: &[libc::SYS_openat], only: None };
const EITHER_OPEN: Call = Call { name: "openat and openat2", numbers: &[libc::SYS_openat, libc::SYS_openat2], only: None };
const FSTAT: Call = Call { name: "fstat", numbers: &[libc::SYS_fstat, libc::SYS_newfstatat, libc::SYS_statx], only: None };
const FSTATFS: Call = Call { name: "fstatfs", numbers: &[libc::SYS_fstatfs], only: None };
const READ: Call = Call { name: "read", numbers: &[libc::SYS_read], only: None };
/// The copy within the kernel, and what takes its place: reading and writing.
const SENDFILE: Call = Call { name: "sendfile", numbers: &[libc::SYS_sendfile], only: None };
const PREAD: Call = Call { name: "pread and sendfile", numbers: &[libc::SYS_pread64, libc::SYS_sendfile], only: None };
const PREAD_ALONE: Call = Call { name: "pread", numbers: &[libc::SYS_pread64], only: None };
const MEMFD: Call = Call { name: "memfd_create", numbers: &[libc::SYS_memfd_create], only: None };
/// Not to standard output and error, where this test speaks.
const WRITE: Call = Call { name: "write and sendfile", numbers: &[libc::SYS_write, libc::SYS_sendfile], only: Some((0, Ge, 3)) };
const WRITE_ALONE: Call = Call { name: "write", numbers: &[libc::SYS_write], only: Some((0, Ge, 3)) };
const SEAL: Call = Call { name: "fcntl(F_ADD_SEALS)", numbers: &[libc::SYS_fcntl], only: Some((1, Eq, 1033)) };
const GET_SEALS: Call = Call { name: "fcntl(F_GET_SEALS)", numbers: &[libc::SYS_fcntl], only: Some((1, Eq, 1034)) };
/// MAP_SHARED: how the copy is looked at. Memory for anything else is private.
const MMAP_SHARED: Call = Call { name: "mmap(MAP_SHARED)", numbers: &[libc::SYS_mmap], only: Some((3, MaskedEq(1), 1)) };
const MMAP_CODE: Call = Call { name: "mmap(PROT_EXEC)", numbers: &[libc::SYS_mmap], only: Some((2, MaskedEq(4), 4)) };
const PRCTL: Call = Call { name: "prctl", numbers: &[libc::SYS_prctl], only: None };
const SET_DUMPABLE: Call = Call { name: "prctl(PR_SET_DUMPABLE)", numbers: &[libc::SYS_prctl], only: Some((0, Eq, 4)) };
const NO_NEW_PRIVS: Call = Call { name: "prctl(PR_SET_NO_NEW_PRIVS)", numbers: &[libc::SYS_prctl], only: Some((0, Eq, 38)) };
const SECCOMP: Call = Call { name: "seccomp", numbers: &[libc::SYS_seccomp], only: None };
const PERSONALITY: Call = Call { name: "personality", numbers: &[libc::SYS_personality], only: None };
/// Reads a limit and sets it: the loader does neither, and is not to need it.
const SETRLIMIT: Call =
    Call { name: "setrlimit", numbers: &[libc::SYS_prlimit64, libc::SYS_setrlimit, libc::SYS_getrlimit], only: None };
/// A crash line's own stack.
const SIGALTSTACK: Call = Call { name: "sigaltstack", numbers: &[libc::SYS_sigaltstack], only: None };
const MPROTECT: Call = Call { name: "mprotect", numbers: &[libc::SYS_mprotect], only: None };

/// The table: while what is done, which call, with which errors, gives what.
const ROWS: &[(Step, Call, &[i32], Expected)] = &[
    (Take, OPENAT2, &[libc::ENOSYS, libc::EPERM], WALKED),
    (Take, OPENAT2, &[libc::EACCES, libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::EIO, libc::EINVAL, libc::EAGAIN], NO_ROOT),
    (Take, OPENAT, &[libc::ENOSYS, libc::EPERM, libc::EACCES, libc::EMFILE, libc::ENOMEM, libc::EIO], NO_ROOT),
    (Take, EITHER_OPEN, &[libc::ENOSYS, libc::EPERM], NO_ROOT),
    (Take, FSTAT, &[libc::EPERM, libc::EACCES, libc::ENOSYS, libc::EIO, libc::ENOMEM], UNREADABLE),
    (Take, FSTATFS, &[libc::EPERM, libc::EACCES, libc::ENOSYS, libc::EIO], UNREADABLE),
    (Take, PREAD, &[libc::EIO, libc::EPERM, libc::ENOSYS, libc::EISDIR, libc::ENOMEM], UNREADABLE),
    (Take, PREAD, &[0], OTHER_BYTES),
    (Take, PREAD_ALONE, &[libc::EIO, 0], SEALED),
    (Take, READ, &[libc::EIO], SEALED),
    (Take, MEMFD, &[libc::EPERM, libc::ENOSYS], WRITABLE),
    (Take, MEMFD, &[libc::EACCES, libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::EINVAL], NO_SANDBOX),
    (Take, WRITE, &[libc::ENOSPC, libc::ENOMEM, libc::EIO, libc::EPERM, libc::EFBIG], UNFILLED),
    (Take, WRITE, &[0], OTHER_BYTES),
    (Take, WRITE_ALONE, &[libc::EIO, 0], SEALED),
    (Take, SENDFILE, &[libc::EPERM, libc::ENOSYS, libc::EINVAL, libc::EIO, libc::ENOSPC, libc::EOVERFLOW], SEALED),
    (Take, SENDFILE, &[0], OTHER_BYTES),
    (Take, SEAL, &[libc::EPERM, libc::ENOSYS, 0], WRITABLE),
    (Take, SEAL, &[libc::EINVAL, libc::EBUSY], NO_SANDBOX),
    (Take, GET_SEALS, &[libc::EPERM, libc::ENOSYS, 0], WRITABLE),
    (Take, MMAP_SHARED, &[libc::EPERM, libc::EACCES, libc::ENOMEM, libc::ENODEV], UNMAPPED),
    (Take, MMAP_SHARED, &[0], OTHER_BYTES),
    (Load, OPENAT, &[libc::EPERM, libc::EACCES, libc::EMFILE, libc::ENOMEM], NOT_LOADED),
    (Load, READ, &[libc::EIO, libc::EPERM, 0], NOT_LOADED),
    (Load, FSTAT, &[libc::EPERM, libc::ENOSYS, libc::EIO], NOT_LOADED),
    (Load, MMAP_CODE, &[libc::EPERM, libc::EACCES, libc::ENOMEM], NOT_LOADED),
    (Load, MPROTECT, &[libc::EPERM, libc::EACCES, libc::ENOMEM], NOT_LOADED),
    (Manifest, OPENAT2, &[libc::ENOSYS, libc::EPERM], SEALED),
    (Manifest, EITHER_OPEN, &[libc::EPERM, libc::EACCES, libc::EMFILE, libc::EIO], NO_MANIFEST),
    (Manifest, FSTAT, &[libc::EPERM, libc::EIO], NO_MANIFEST),
    (Manifest, FSTATFS, &[libc::EPERM, libc::EIO], NO_MANIFEST),
    (Manifest, READ, &[libc::EIO, libc::EPERM], NO_MANIFEST),
    (Bootstrap, OPENAT2, &[libc::ENOSYS, libc::EPERM], WALKED),
    (Bootstrap, MEMFD, &[libc::EPERM, libc::ENOSYS], WRITABLE),
    (Bootstrap, MEMFD, &[libc::EMFILE], NO_SANDBOX),
    (Bootstrap, SEAL, &[libc::EPERM, 0], WRITABLE),
    (Bootstrap, MMAP_SHARED, &[libc::EPERM, libc::ENOMEM], UNMAPPED),
    (Bootstrap, FSTATFS, &[libc::EPERM], NO_MANIFEST),
    (Bootstrap, SENDFILE, &[libc::EPERM], SEALED),
    (Bootstrap, PRCTL, &[libc::EPERM, libc::ENOSYS, libc::EINVAL], Unlocked("prctl(PR_GET_DUMPABLE): ")),
    (Bootstrap, SET_DUMPABLE, &[libc::EPERM, libc::ENOSYS], Unlocked("prctl(PR_SET_DUMPABLE): ")),
    (Bootstrap, NO_NEW_PRIVS, &[libc::EPERM, libc::EINVAL], Unlocked("prctl(PR_SET_NO_NEW_PRIVS): ")),
    (Bootstrap, SECCOMP, &[libc::EPERM, libc::ENOSYS, libc::EINVAL, libc::EACCES, libc::ENOMEM], Unlocked("seccomp: ")),
    (Bootstrap, SECCOMP, &[0], Unlocked("the sandbox takes the filter and does not apply it")),
    (Bootstrap, PERSONALITY, &[libc::EPERM, libc::ENOSYS], Unlocked("personality: ")),
    (Bootstrap, SETRLIMIT, &[libc::EPERM, libc::ENOSYS], SEALED),
    (Bootstrap, SIGALTSTACK, &[libc::EPERM, libc::ENOMEM], SEALED),
];

fn main() -> ExitCode {
    if let Ok(fault) = std::env::var("FAULT") {
        let (row, errno) = fault.split_once(' ').unwrap();
        deny(&ROWS[row.parse::<usize>().unwrap()].1, errno.parse().unwrap());
        panic!("{}", Command::new(support::bootstrap_path()).exec());
    }
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "--row", row, errno, folder] => {
            child(&ROWS[row.parse::<usize>().unwrap()], errno.parse().unwrap(), Path::new(folder));
            return ExitCode::SUCCESS;
        }
        [_, "--limit", which, folder] => {
            LIMITS[which.parse::<usize>().unwrap()].1(Path::new(folder));
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let mut failed = 0;
    for (number, (step, call, errnos, expected)) in ROWS.iter().enumerate() {
        for errno in *errnos {
            let error = if *errno == 0 { "done, it says".to_owned() } else { Errno::from_raw_os_error(*errno).to_string() };
            let name = format!("{step:?}: {} fails ({error}): {expected:?}", call.name);
            let result = match step {
                Bootstrap => std::panic::catch_unwind(|| bootstrap(number, *errno, *expected)).map_err(|_| String::new()),
                _ => in_child(&["--row", &number.to_string(), &errno.to_string()]),
            };
            failed += report(&name, result);
        }
    }
    for (number, (name, _)) in LIMITS.iter().enumerate() {
        failed += report(name, in_child(&["--limit", &number.to_string()]));
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn report(name: &str, result: Result<(), String>) -> usize {
    match result {
        Ok(()) => println!("{name} ... ok"),
        Err(said) => {
            println!("{name} ... FAILED\n{said}");
            return 1;
        }
    }
    0
}

/// Runs this program again with a folder of its own that holds `lib.so`, whose constructor leaves `mark` beside it, and a manifest.
fn in_child(arguments: &[&str]) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().canonicalize().unwrap();
    std::fs::write(real.join("manifest.json"), "{}").unwrap();
    let source = format!(
        "#include <stdio.h>\n__attribute__((constructor)) static void mark(void) {{ fclose(fopen(\"{}/mark\", \"w\")); }}",
        real.display()
    );
    verify_fixture::compile(&real, "lib.so", &source, &[&format!("-Wl,-soname,{SONAME}")]);
    let done = Command::new(std::env::current_exe().unwrap()).args(arguments).arg(&real).output().unwrap();
    match done.status.success() {
        true => Ok(()),
        false => Err(format!("{}\n{}", done.status, String::from_utf8_lossy(&done.stderr))),
    }
}

fn child((step, call, _, expected): &(Step, Call, &[i32], Expected), errno: i32, folder: &Path) {
    match step {
        Take => {
            let artifact = artifact(folder);
            deny(call, errno);
            check(take(&artifact).map(|verified| (verified.mechanism, verified.lookup.unwrap())), *expected);
        }
        Load => {
            let verified = take(&artifact(folder)).unwrap();
            deny(call, errno);
            check(load::library(verified).map(|()| (Mechanism::Sealed, Openat2)), *expected);
        }
        Manifest => {
            deny(call, errno);
            check(trust::read_manifest(&folder.join("manifest.json")).map(|_| (Mechanism::Sealed, Openat2)), *expected);
        }
        Bootstrap => unreachable!("a process of another program"),
    }
    assert!(rustix::fs::access(folder.join("mark"), rustix::fs::Access::EXISTS).is_err(), "its code ran");
}

fn artifact(folder: &Path) -> Artifact {
    Artifact {
        name: SONAME.to_owned(),
        place: format!("library \"{SONAME}\""),
        source: Source::File { root: folder.to_owned(), path: "lib.so".into() },
        digest: Some(Digest::of(&std::fs::read(folder.join("lib.so")).unwrap())),
    }
}

fn take(artifact: &Artifact) -> Result<Verified, Refusal> {
    verify::artifact(artifact, Kind::Library, &Rules::here(&[SONAME], &[]))
}

fn check(result: Result<(Mechanism, Lookup), Refusal>, expected: Expected) {
    match (result, expected) {
        (Ok(got), Held(mechanism, lookup)) => assert_eq!(got, (mechanism, lookup)),
        (Err(refusal), Refused(code, words)) => {
            assert_eq!(refusal.code, code, "{refusal}");
            assert!(refusal.to_string().contains(words), "{refusal}: wanted {words:?}");
            assert!(refusal.hint.is_some(), "{refusal}: no mend");
        }
        (got, _) => panic!("{got:?}, wanted {expected:?}"),
    }
}

/// The real program, with a plugin whose constructor leaves a mark.
fn bootstrap(row: usize, errno: i32, expected: Expected) {
    started(row, errno, "auto", expected);
    if let Unlocked(words) = expected {
        started(row, errno, "require", Refused(Code::LockdownUnavailable, words));
    }
}

fn started(row: usize, errno: i32, lockdown: &str, expected: Expected) {
    let folder = support::folder::Folder::new(
        &[("misbehave", &support::build::Build::plugin("misbehave").path())],
        serde_json::json!({ "lockdown": lockdown, "routes": {} }),
    );
    let mark = folder.path().join("mark");
    let manifest = folder.manifest();
    let fault = format!("{row} {errno}");
    let variables = [
        ("FAULT", &*fault),
        ("MISBEHAVE_MARK", mark.to_str().unwrap()),
        ("LOADER_MANIFEST", manifest.to_str().unwrap()),
        ("LOADER_MANIFEST_SHA256", &*folder.pin),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
    ];
    let lambda = support::lambda();
    let this = std::env::current_exe().unwrap();
    let process = lambda_loader::local::Bootstrap::spawn(&lambda, &this, &variables).unwrap();
    let output = || support::output(&process);
    let says = |words: &[String]| {
        assert!(lambda.wait_polled(1, support::SOON).is_some(), "{}", output());
        let there = |line: &str| words.iter().all(|word| line.contains(word));
        assert!(process.wait_for_line(there, support::SOON).is_some(), "{words:?}: {}", output());
    };
    match expected {
        Held(mechanism, lookup) => {
            says(&[format!("\"held\":\"{}\"", mechanism.name()), format!("\"lookup\":\"{}\"", lookup.name())]);
        }
        Unlocked(words) => {
            says(&[
                "\"lockdown\":\"unavailable\"".to_owned(),
                format!("\"lockdown_reason\":\"{words}"),
                "\"held\":\"sealed\"".to_owned(),
            ]);
        }
        Refused(code, words) => {
            let status = process.wait_exit(support::SOON).unwrap_or_else(|| panic!("it runs: {}", output()));
            assert_eq!(status.code(), Some(code.class().exit().into()), "{}", output());
            let told = lambda.init_error(support::SOON).unwrap_or_else(|| panic!("not told: {}", output()));
            assert_eq!(told.error_type.as_deref(), Some(code.error_type()), "{}", output());
            assert!(String::from_utf8_lossy(&told.body).contains(words), "{told:?}");
            // What locks comes after the last plugin's start: it does run, and no event does.
            assert_eq!(mark.exists(), code == Code::LockdownUnavailable, "{}", output());
            assert!(lambda.wait_polled(1, std::time::Duration::ZERO).is_none(), "an event was asked for");
        }
    }
}

/// From here on these calls do not do what they are asked.
fn deny(call: &Call, errno: i32) {
    let rules = || match call.only {
        None => Vec::new(),
        Some((argument, ref comparison, value)) => {
            let condition = SeccompCondition::new(argument, Dword, comparison.clone(), value).unwrap();
            vec![SeccompRule::new(vec![condition]).unwrap()]
        }
    };
    let calls: BTreeMap<i64, Vec<SeccompRule>> = call.numbers.iter().map(|number| (*number, rules())).collect();
    let action = SeccompAction::Errno(errno.cast_unsigned());
    let filter = SeccompFilter::new(calls, SeccompAction::Allow, action, std::env::consts::ARCH.try_into().unwrap()).unwrap();
    apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
}

/// A case: its name, and what the child does with its folder.
type Limit = (&'static str, fn(&Path));

/// What limits make of it.
const LIMITS: [Limit; 4] = [
    ("without descriptors it is refused, and with enough it is held as ever: nothing in between", |folder| {
        let artifact = artifact(folder);
        let lowest = std::os::fd::AsRawFd::as_raw_fd(&std::fs::File::open("/dev/null").unwrap());
        let mut refusals = Vec::new();
        for spare in 0..6 {
            limit(Resource::Nofile, u64::try_from(lowest).unwrap() + spare);
            match take(&artifact) {
                Ok(verified) => assert_eq!((verified.mechanism, verified.lookup.unwrap()), (Mechanism::Sealed, Openat2)),
                Err(refusal) => {
                    assert!(
                        matches!(refusal.code, Code::RootUnusable | Code::ArtifactUnreadable | Code::SealUnavailable),
                        "{refusal}"
                    );
                    assert!(refusal.to_string().contains("too many open files") && refusal.hint.is_some(), "{refusal}");
                    refusals.push(spare);
                }
            }
        }
        assert!(refusals.contains(&0) && !refusals.contains(&5), "{refusals:?}");
    }),
    ("without a descriptor for the dynamic linker it is not loaded", |folder| {
        let verified = take(&artifact(folder)).unwrap();
        let next = std::os::fd::AsRawFd::as_raw_fd(&std::fs::File::open("/dev/null").unwrap());
        limit(Resource::Nofile, u64::try_from(next).unwrap());
        check(load::library(verified).map(|()| (Mechanism::Sealed, Openat2)), NOT_LOADED);
        assert!(!folder.join("mark").exists(), "its code ran");
    }),
    ("a write that is cut short, and goes no further, is no copy", |folder| {
        let artifact = artifact(folder);
        ignore_too_large();
        limit(Resource::Fsize, 4096 + 17);
        check(take(&artifact).map(|verified| (verified.mechanism, verified.lookup.unwrap())), UNFILLED);
    }),
    ("reads that come short of what was asked are gone on with to the end", |_| {
        let mut first = [0; 64 << 10];
        let got = std::io::Read::read(&mut std::fs::File::open(KALLSYMS).unwrap(), &mut first).unwrap();
        assert!(0 < got && got < first.len(), "{got}: not short");
        // It changes now and then; what is taken between two that are equal is equal to both.
        for _ in 0..50 {
            let before = symbols();
            let taken = verify::take_file(Path::new(KALLSYMS)).unwrap();
            if before == symbols() {
                assert!(taken.content.bytes() == before);
                return;
            }
        }
        panic!("it never stayed the same");
    }),
];

/// The kernel's list of symbols: it comes a few lines at a time, whatever is asked for.
fn symbols() -> Vec<u8> {
    std::fs::read(KALLSYMS).unwrap()
}

const KALLSYMS: &str = "/proc/kallsyms";

fn limit(resource: Resource, current: u64) {
    let maximum = getrlimit(resource).maximum;
    setrlimit(resource, Rlimit { current: Some(current), maximum }).unwrap();
}

/// The signal that comes with a file that grows too large would end this process before the error is seen.
#[expect(unsafe_code, reason = "sets what a signal does")]
fn ignore_too_large() {
    // SAFETY: no handler is installed; this process has one thread (signal(2)).
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}
