//! What verification does where the system refuses something: no memfd, no `openat2`. Each case runs in a child process of its own,
//! under a real seccomp filter; for read-only mounts the child has its own mount namespace.

mod verify_fixture;

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use lambda_loader::policy::{Artifact, Source};
use lambda_loader::verify::trust::{self, Trust, TrustSettings};
use lambda_loader::verify::{self, Kind, Lookup, Mechanism, Rules, Verified};
use lambda_loader::{Code, Digest, Refusal};
use rustix::io::Errno;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
use verify_fixture::plugin;

/// A case: its name, and what the child does with a folder that holds `plugin.so`.
type Case = (&'static str, fn(&Path));

const CASES: [Case; 10] = [
    ("nothing refused: sealed, whoever runs it", |folder| {
        let verified = take(folder).unwrap();
        assert_eq!((verified.mechanism, verified.lookup), (Mechanism::Sealed, Some(Lookup::Openat2)));
    }),
    ("no openat2: the walk opens the same file and refuses the same links", |folder| {
        for errno in [Errno::NOSYS, Errno::PERM] {
            deny(libc::SYS_openat2, errno);
            let verified = take(folder).unwrap();
            assert_eq!((verified.mechanism, verified.lookup), (Mechanism::Sealed, Some(Lookup::Walk)));
            assert_eq!(take_named(folder, "link.so").unwrap_err().code, Code::PathSymlink);
        }
    }),
    ("no sendfile: the same bytes are read and written", |folder| {
        let expected = Digest::of(&std::fs::read(folder.join("plugin.so")).unwrap());
        for errno in [Errno::NOSYS, Errno::PERM, Errno::INVAL] {
            deny(libc::SYS_sendfile, errno);
            let verified = take(folder).unwrap();
            assert_eq!((verified.mechanism, verified.digest), (Mechanism::Sealed, expected));
        }
    }),
    ("no memfd, a writable mount: refused", |folder| {
        become_somebody_with_a_mount_of(folder, Access::Writable);
        for errno in [Errno::PERM, Errno::NOSYS] {
            deny(libc::SYS_memfd_create, errno);
            refused(take(folder), "the file is not on a read-only mount");
        }
    }),
    ("no memfd, a read-only mount: hashed and mapped through one descriptor", |folder| {
        become_somebody_with_a_mount_of(folder, Access::ReadOnly);
        deny(libc::SYS_memfd_create, Errno::PERM);
        let verified = take(folder).unwrap();
        assert_eq!((verified.mechanism, verified.mount.read_only), (Mechanism::ReadOnlyMount, true));
        let file = std::fs::File::from(verified.descriptor);
        assert_eq!(file.metadata().unwrap().ino(), folder.join("plugin.so").metadata().unwrap().ino());
        assert_eq!(verified.digest, Digest::of(&std::fs::read(folder.join("plugin.so")).unwrap()));
    }),
    ("no memfd, a read-only mount, but root: refused", |folder| {
        become_root_with_a_read_only_mount_of(folder);
        deny(libc::SYS_memfd_create, Errno::NOSYS);
        refused(take(folder), "the process is root");
    }),
    ("a memfd that cannot be sealed is none", |folder| {
        become_somebody_with_a_mount_of(folder, Access::Writable);
        deny_sealing();
        refused(take(folder), "the file is not on a read-only mount");
    }),
    ("too many open files is no refusal by a sandbox", |folder| {
        become_somebody_with_a_mount_of(folder, Access::ReadOnly);
        deny(libc::SYS_memfd_create, Errno::MFILE);
        refused(take(folder), "this is no refusal by a sandbox");
    }),
    ("group-writable is nothing to fear on a read-only mount, and refused on a writable one", |folder| {
        let file = folder.join("plugin.so");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o664)).unwrap();
        assert_eq!(take(folder).unwrap_err().code, Code::ArtifactWritable);
        become_somebody_with_a_mount_of(folder, Access::ReadOnly);
        assert_eq!(take(folder).unwrap().mechanism, Mechanism::Sealed);
    }),
    ("the function's own code is believed on a read-only mount only", |folder| {
        let file = folder.join("manifest.json");
        std::fs::write(&file, "{}").unwrap();
        let settings = TrustSettings { task_root: Some(folder.into()), ..TrustSettings::default() };
        let check = || trust::check(&trust::read_manifest(&file).unwrap(), &settings, &[], None);
        assert_eq!(check().unwrap_err().code, Code::ManifestUntrusted);
        become_somebody_with_a_mount_of(folder, Access::ReadOnly);
        assert_eq!(check(), Ok(Trust::OwnCode));
        // A key asks for more, and a pin is no more either.
        let key = "RWRBk3kmK6X63koQfqxHngQ1HR2XU02SOCmqV5OvSjXnxVd4vFc5EA2a";
        let settings =
            TrustSettings { key: Some(key.into()), pin: Some(Digest::of(b"{}").to_string().into()), ..settings.clone() };
        let refusal = trust::check(&trust::read_manifest(&file).unwrap(), &settings, &[], None).unwrap_err();
        assert_eq!(refusal.code, Code::ManifestUnsigned, "{refusal}");
        deny(libc::SYS_openat2, Errno::NOSYS);
        assert_eq!(check(), Ok(Trust::OwnCode));
    }),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("--child") {
        let (number, folder) = (arguments.next().unwrap(), arguments.next().unwrap());
        CASES[number.parse::<usize>().unwrap()].1(Path::new(&folder));
        return ExitCode::SUCCESS;
    }
    let mut failed = false;
    for (number, (name, _)) in CASES.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        // Another user must reach it.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let real = folder.path().canonicalize().unwrap();
        plugin(&real, "plugin.so", &[]);
        std::fs::set_permissions(real.join("plugin.so"), std::fs::Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink("plugin.so", real.join("link.so")).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        let done = command.arg("--child").arg(number.to_string()).arg(&real).output().unwrap();
        println!("{name} ... {}", if done.status.success() { "ok" } else { "FAILED" });
        if !done.status.success() {
            failed = true;
            println!("{}\n{}", done.status, String::from_utf8_lossy(&done.stderr));
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn take(folder: &Path) -> Result<Verified, Refusal> {
    take_named(folder, "plugin.so")
}

fn take_named(folder: &Path, name: &str) -> Result<Verified, Refusal> {
    let artifact = Artifact {
        name: "probe".to_owned(),
        place: "plugin \"probe\"".to_owned(),
        source: Source::File { root: folder.to_owned(), path: PathBuf::from(name) },
        digest: Some(Digest::of(&std::fs::read(folder.join("plugin.so")).unwrap())),
    };
    verify::artifact(&artifact, Kind::Plugin, &Rules::here(&[], &[0]))
}

fn refused(result: Result<Verified, Refusal>, words: &str) {
    let refusal = result.unwrap_err();
    assert_eq!((refusal.code, refusal.place.as_str()), (Code::SealUnavailable, "plugin \"probe\""));
    assert!(refusal.what.contains(words), "{refusal}");
}

/// From here on a system call fails with `errno`. Of several filters the strictest holds, of equal ones the newest.
fn deny(call: libc::c_long, errno: Errno) {
    apply(BTreeMap::from([(call, vec![])]), errno);
}

/// From here on nothing can be sealed.
fn deny_sealing() {
    use seccompiler::{SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};
    let command = u64::try_from(libc::F_ADD_SEALS).unwrap();
    let condition = SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, command).unwrap();
    apply(BTreeMap::from([(libc::SYS_fcntl, vec![SeccompRule::new(vec![condition]).unwrap()])]), Errno::PERM);
}

fn apply(calls: BTreeMap<i64, Vec<seccompiler::SeccompRule>>, errno: Errno) {
    let action = SeccompAction::Errno(errno.raw_os_error().cast_unsigned());
    let filter = SeccompFilter::new(calls, SeccompAction::Allow, action, std::env::consts::ARCH.try_into().unwrap()).unwrap();
    apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Writable,
    ReadOnly,
}

/// A user other than root, in namespaces of its own in which it may mount: works for whoever runs the tests.
fn become_somebody_with_a_mount_of(folder: &Path, access: Access) {
    enter_namespaces(folder, 1234, access);
    assert_eq!(rustix::process::geteuid().as_raw(), 1234);
}

fn become_root_with_a_read_only_mount_of(folder: &Path) {
    enter_namespaces(folder, 0, Access::ReadOnly);
    assert!(rustix::process::geteuid().is_root());
}

#[expect(unsafe_code, reason = "enters namespaces")]
fn enter_namespaces(folder: &Path, user: u32, access: Access) {
    use rustix::mount::{MountFlags, MountPropagationFlags, mount_bind, mount_change, mount_remount};
    let (outer, outer_group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    // SAFETY: the process has one thread and shares no memory or descriptors with another.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWUSER | rustix::thread::UnshareFlags::NEWNS) }
        .expect("these tests need user namespaces (in a container: --security-opt seccomp=unconfined)");
    std::fs::write("/proc/self/setgroups", "deny").unwrap();
    std::fs::write("/proc/self/uid_map", format!("{user} {outer} 1")).unwrap();
    std::fs::write("/proc/self/gid_map", format!("{user} {outer_group} 1")).unwrap();
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
    mount_bind(folder, folder).unwrap();
    if access == Access::ReadOnly {
        mount_remount(folder, MountFlags::BIND | MountFlags::RDONLY, c"").unwrap();
    }
}
