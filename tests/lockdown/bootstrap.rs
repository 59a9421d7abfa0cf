//! The real `bootstrap` with a plugin that tries the doors; as another user and under other sandboxes, which a stand-in puts up.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use lambda_loader::local::{Answer, Bootstrap, Endpoint, Kind, Lambda};
use rustix::mount::{MountFlags, MountPropagationFlags, mount_bind, mount_change, mount_remount};
use serde_json::{Value, json};

use crate::Test;
use crate::support::build::Build;
use crate::support::folder::Folder;
use crate::support::{SOON, bootstrap_path, lambda, output};
use crate::user::User;

pub(crate) const TESTS: &[Test] = &[
    ("a handler starts no program and makes no code", a_handler_starts_no_program_and_makes_no_code),
    ("off: a handler does both", off_leaves_it_open),
    ("first-use: nothing is locked, and the plugin loads", first_use_is_not_locked),
    ("require: locked, or no event is taken", require_locks_or_refuses),
    ("under a sandbox that forbids it, auto starts and require does not", an_outer_sandbox),
    ("under a sandbox that only says it has done it, auto starts and require does not", a_sandbox_that_lies),
    ("TLS and host names work in a handler under lockdown", tls_and_names),
];

/// What this program stands in for `bootstrap` with.
const AS: &str = "STAND_IN_USER";
const DENY: &str = "STAND_IN_DENY";
const LIE: &str = "STAND_IN_LIE";
const MOUNT: &str = "STAND_IN_MOUNT";

/// Started as `bootstrap`, this becomes somebody else, puts up a sandbox, and then is `bootstrap`.
pub(crate) fn stand_in() -> Option<ExitCode> {
    std::env::var_os("AWS_LAMBDA_RUNTIME_API")?;
    let mut command = Command::new(bootstrap_path());
    if std::env::var(AS).is_ok() {
        User::Nobody.owns(&mut command);
    }
    if let Some(folder) = std::env::var_os(MOUNT) {
        become_somebody_with_a_read_only_mount_of(Path::new(&folder));
    }
    for (variable, errno) in [(DENY, libc::EPERM), (LIE, 0)] {
        if let Ok(calls) = std::env::var(variable) {
            answer(&calls, errno);
        }
    }
    for variable in [AS, DENY, LIE, MOUNT] {
        command.env_remove(variable);
    }
    panic!("{}", command.exec());
}

/// From here on these calls answer that. One filter for all: `seccomp` may be among them.
fn answer(calls: &str, errno: i32) {
    let calls: Vec<_> = calls.split(' ').map(|call| json!({ "syscall": call })).collect();
    let filter = json!({ "one": { "mismatch_action": "allow", "match_action": { "errno": errno }, "filter": calls } });
    let target = std::env::consts::ARCH.try_into().unwrap();
    let filter = seccompiler::compile_from_json(filter.to_string().as_bytes(), target).unwrap();
    seccompiler::apply_filter(&filter["one"]).unwrap();
}

#[expect(unsafe_code, reason = "enters namespaces")]
fn become_somebody_with_a_read_only_mount_of(folder: &Path) {
    let (outer, outer_group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    // SAFETY: the process has one thread and shares no memory or descriptors with another.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWUSER | rustix::thread::UnshareFlags::NEWNS) }
        .expect("this test needs user namespaces (in a container: --security-opt seccomp=unconfined)");
    std::fs::write("/proc/self/setgroups", "deny").unwrap();
    std::fs::write("/proc/self/uid_map", format!("1234 {outer} 1")).unwrap();
    std::fs::write("/proc/self/gid_map", format!("1234 {outer_group} 1")).unwrap();
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
    mount_bind(folder, folder).unwrap();
    mount_remount(folder, MountFlags::BIND | MountFlags::RDONLY, c"").unwrap();
}

struct World {
    process: Bootstrap,
    lambda: Lambda,
    _folder: Folder,
}

impl World {
    /// Starts the stand-in with a manifest of the fixture, changed, and these variables.
    fn start(plugins: &[(&str, &Path)], manifest: Value, variables: &[(&str, &str)]) -> Self {
        let (lambda, folder) = (lambda(), Folder::new(plugins, manifest));
        let modes = [(folder.path().to_owned(), 0o755), (folder.path().join("plugins"), 0o755), (folder.manifest(), 0o644)];
        for (path, mode) in modes {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let (manifest, mount) = (folder.manifest(), folder.path().to_owned());
        let mut all = vec![
            ("LOADER_MANIFEST", manifest.to_str().unwrap()),
            ("LOADER_MANIFEST_SHA256", folder.pin.as_str()),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ];
        all.extend(variables.iter().map(|(name, value)| (*name, if *name == MOUNT { mount.to_str().unwrap() } else { value })));
        let process = Bootstrap::spawn(&lambda, &std::env::current_exe().unwrap(), &all).unwrap();
        World { process, lambda, _folder: folder }
    }

    /// With the plugin that tries the doors, and that value of `lockdown`.
    fn doors(lockdown: &str, variables: &[(&str, &str)]) -> Self {
        Self::doors_loaded(lockdown, "init", variables)
    }

    fn doors_loaded(lockdown: &str, load: &str, variables: &[(&str, &str)]) -> Self {
        let route = |name: &str| (name.to_owned(), json!({ "source": "operation", "name": name, "to": format!("doors.{name}") }));
        let routes: serde_json::Map<_, _> = ["before", "now", "now_on_the_worker", "trace"].map(route).into_iter().collect();
        let manifest = json!({ "lockdown": lockdown, "plugins": { "doors": { "load": load } }, "routes": routes });
        let plugin = Build::fixture("doors").path();
        Self::start(&[("doors", &plugin)], manifest, variables)
    }

    /// The fields of the start line.
    fn started(&self) -> Value {
        self.line(|line| line["message"].as_str().is_some_and(|message| message.starts_with("started in ")))
    }

    fn line(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let accepts = |text: &str| serde_json::from_str(text).is_ok_and(|line| wanted(&line));
        let line = self.process.wait_for_line(accepts, SOON);
        serde_json::from_str(&line.unwrap_or_else(|| panic!("no such line among\n{}", output(&self.process))).text).unwrap()
    }

    /// The start line says that.
    #[track_caller]
    fn says(&self, lockdown: &str, reason: &str) {
        let line = self.started();
        let text = line.to_string();
        let (found, why) = (find(&line, "lockdown"), find(&line, "lockdown_reason"));
        assert_eq!(found.and_then(Value::as_str), Some(lockdown), "{text}");
        assert_eq!(why.and_then(Value::as_str).unwrap_or_default(), reason, "{text}");
    }

    #[track_caller]
    fn reply(&self, operation: &str, input: Value) -> Value {
        let event = json!({ "operation": operation, "input": input }).to_string();
        let answer: Answer = self.lambda.invoke(event).wait(SOON).unwrap_or_else(|| panic!("{}", output(&self.process)));
        match answer.kind {
            Kind::Response(response) => serde_json::from_slice(&response.body).unwrap(),
            other => panic!("{other:?}\n{}", output(&self.process)),
        }
    }

    /// The start is refused: with that message, and before any event is asked for.
    #[track_caller]
    fn refused(&self, message: &str) {
        let status = self.process.wait_exit(SOON).unwrap_or_else(|| panic!("it goes on\n{}", output(&self.process)));
        assert_eq!(status.code(), Some(3), "{}", output(&self.process));
        let line = self.line(|line| line["level"] == "ERROR");
        let text = line.to_string();
        assert!(text.contains("lockdown-unavailable"), "{text}");
        assert!(line["message"].as_str().unwrap().contains(message), "{text}");
        let asked = |endpoint: Endpoint| self.lambda.accesses().iter().filter(|access| access.endpoint == endpoint).count();
        assert_eq!((asked(Endpoint::Next), asked(Endpoint::InitError)), (0, 1));
    }
}

/// A field of a line, wherever the log's format has it.
fn find<'v>(line: &'v Value, name: &str) -> Option<&'v Value> {
    line.get(name).or_else(|| line.as_object()?.values().find_map(|inner| inner.get(name)))
}

const NOBODY: (&str, &str) = (AS, "nobody");

const ROOT: &str = "/proc/self/mem can be opened for writing, as root may";

fn a_handler_starts_no_program_and_makes_no_code() {
    for user in User::all() {
        let world = match user {
            User::Root => World::doors("auto", &[]),
            User::Nobody => World::doors("auto", &[NOBODY]),
        };
        world.says("on", if *user == User::Root { ROOT } else { "" });
        if *user == User::Root {
            let warning = world.line(|line| line["level"] == "WARN");
            assert!(warning["message"].as_str().unwrap().contains(ROOT), "{warning}");
        }
        assert_eq!(world.reply("before", Value::Null), json!(["started", "executable"]));
        for _ in 0..2 {
            assert_eq!(world.reply("now", Value::Null), json!([libc::EPERM, libc::EPERM]));
            assert_eq!(world.reply("now_on_the_worker", Value::Null), json!([libc::EPERM, libc::EPERM]));
        }
        let trace = world.reply("trace", Value::Null);
        let trace = trace.as_str().unwrap();
        assert!(trace.contains("a_function_of_the_plugin") && trace.contains("doors.rs"), "{trace}");
        world.process.terminate();
        assert_eq!(world.process.wait_exit(SOON).and_then(|status| status.code()), Some(0), "{}", output(&world.process));
    }
}

fn off_leaves_it_open() {
    let world = World::doors("off", &[NOBODY]);
    world.says("off", "");
    assert_eq!(world.reply("now", Value::Null), json!(["started", "executable"]));
    assert_eq!(world.reply("now_on_the_worker", Value::Null), json!(["started", "executable"]));
}

fn first_use_is_not_locked() {
    let world = World::doors_loaded("auto", "first-use", &[NOBODY]);
    world.says("first-use", "plugin \"doors\" is loaded at its first use");
    assert_eq!(world.reply("now", Value::Null), json!(["started", "executable"]));
}

fn require_locks_or_refuses() {
    for user in User::all() {
        match user {
            User::Nobody => {
                let world = World::doors("require", &[NOBODY]);
                world.says("on", "");
                assert_eq!(world.reply("now", Value::Null), json!([libc::EPERM, libc::EPERM]));
            }
            User::Root => World::doors("require", &[]).refused(&format!("\"require\" cannot be had: {ROOT}")),
        }
    }
}

fn an_outer_sandbox() {
    // What keeps a file from changing where there is no memfd is a read-only mount.
    let all = [(MOUNT, ""), (DENY, "seccomp memfd_create openat2 prctl")];
    let cases = [
        (&all[..], "prctl(PR_GET_DUMPABLE): Operation not permitted (os error 1)"),
        (&[NOBODY, (DENY, "prctl")], "prctl(PR_GET_DUMPABLE): Operation not permitted (os error 1)"),
        (&[NOBODY, (DENY, "seccomp")], "seccomp: Operation not permitted (os error 1)"),
        (&[NOBODY, (DENY, "personality")], "personality: Operation not permitted (os error 1)"),
    ];
    for (sandbox, reason) in cases {
        let world = World::doors("auto", sandbox);
        world.says("unavailable", reason);
        assert_eq!(world.reply("now", Value::Null), json!(["started", "executable"]));
        if sandbox.len() == all.len() && sandbox[0].0 == MOUNT {
            let text = world.started().to_string();
            assert!(text.contains("\"held\":\"read-only-mount\",\"lookup\":\"walk\""), "{text}");
        }
        World::doors("require", sandbox).refused(&format!("\"require\" cannot be had: {reason}"));
    }
}

fn a_sandbox_that_lies() {
    let sandbox = [NOBODY, (LIE, "seccomp")];
    let reason = "the sandbox takes the filter and does not apply it";
    let world = World::doors("auto", &sandbox);
    world.says("unavailable", reason);
    assert_eq!(world.reply("now", Value::Null), json!(["started", "executable"]));
    World::doors("require", &sandbox).refused(reason);

    // The filter holds, and the process is as dumpable as before: the file is tried, and found open.
    let sandbox = [NOBODY, (LIE, "prctl")];
    let world = World::doors("auto", &sandbox);
    world.says("on", ROOT);
    assert_eq!(world.reply("now", Value::Null), json!([libc::EPERM, libc::EPERM]));
    World::doors("require", &sandbox).refused(ROOT);
}

fn tls_and_names() {
    let (server, authority) = crate::remote::Remote::tls();
    let files = tempfile::tempdir().unwrap();
    std::fs::set_permissions(files.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let file = files.path().join("authority.pem");
    std::fs::write(&file, authority).unwrap();
    let base = format!("https://localhost:{}", server.address.port());
    let manifest = json!({
        "plugins": { "fetch": { "config": { "base": base, "authorities": file } } },
        "routes": { "fetch": { "source": "operation", "name": "fetch", "to": "fetch" } },
    });
    let plugin = Build::plugin("fetch").path();
    let world = World::start(&[("fetch", &plugin)], manifest, &[NOBODY]);
    world.says("on", "");
    for path in ["/first", "/second"] {
        let body = format!("GET {path} HTTP/1.1 | host: localhost:{}", server.address.port());
        assert_eq!(world.reply("fetch", json!({ "path": path })), json!({ "status": 200, "body": body }));
    }
    assert_eq!(world.process.wait_exit(Duration::ZERO), None);
}
