//! Runs attacks, and what must go on working, in child processes.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use lambda_loader::Code;
use lambda_loader::lockdown::{self, Outcome};
use lambda_loader::policy::Lockdown;

use crate::Test;
use crate::attacks::{ATTACKS, Door};
use crate::goes_on::WORKS;
use crate::user::User;
use crate::verify_fixture::compile;

pub(crate) const TESTS: &[Test] = &[
    ("each attack succeeds without lockdown and fails under it", every_attack_fails),
    ("what handlers need goes on working under lockdown", what_handlers_need_goes_on),
    ("root's own memory file is named, and refused where lockdown is required", root_is_told),
    ("without a wish nothing is locked", off_changes_nothing),
    ("where reading implies executing, lockdown is not to be had", a_personality_from_before),
    ("a thread with a filter of its own keeps lockdown away, and nothing is changed", a_thread_with_its_own_filter),
    ("locking twice is no second lock", twice),
];

/// The name under which `main` finds a child's work.
const CHILD: &str = "--child";

/// What a child is to do, if this is one.
pub(crate) fn child() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(CHILD) {
        return None;
    }
    let [kind, name, locked] = [(); 3].map(|()| arguments.next().expect("three words"));
    let lock = || {
        if locked == "locked" {
            let outcome = lockdown::lock(Lockdown::Auto, None).expect("`auto` refuses nothing");
            let open = rustix::process::geteuid().is_root();
            assert_eq!(outcome.name(), "on", "{outcome:?}");
            assert_eq!(outcome.reason().is_some(), open, "{outcome:?}");
        }
    };
    match kind.as_str() {
        "attack" => {
            let attack = ATTACKS.iter().find(|attack| attack.name == name).expect("it is in the table");
            match (attack.run)(&lock) {
                Ok(()) => println!("succeeded"),
                Err(error) => println!("failed {} {error}", error.raw_os_error().unwrap_or(0)),
            }
        }
        "works" => {
            let (_, work) = WORKS.iter().find(|(work, _)| *work == name).expect("it is in the table");
            work(&lock);
        }
        "tell" => tell(&name),
        other => panic!("{other}"),
    }
    Some(ExitCode::SUCCESS)
}

/// Runs a child: its output, or how it ended and what it complained of.
fn run(kind: &str, name: &str, user: User, locked: &str, library: &Path) -> Result<String, String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([CHILD, kind, name, locked]).env("LOCKDOWN_LIBRARY", library);
    user.owns(&mut command);
    let done = command.output().unwrap();
    if done.status.success() {
        return Ok(String::from_utf8(done.stdout).unwrap().trim().to_owned());
    }
    Err(format!("{}: {}", done.status, String::from_utf8_lossy(&done.stderr).trim()))
}

fn every_attack_fails() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let library = compile(folder.path(), "libanswer.so", "unsigned answer(void) { return 42; }", &[]);
    let mut wrong = Vec::new();
    for user in User::all() {
        let mut open = 0;
        for attack in ATTACKS {
            let without = run("attack", attack.name, *user, "open", &library);
            match without.as_deref() {
                Ok("succeeded") => open += 1,
                told if attack.door == Door::Somewhere => println!("  no such door here for {user:?}: {}: {told:?}", attack.name),
                told => wrong.push(format!("{user:?}: {}: without lockdown: {told:?}", attack.name)),
            }
            let under = run("attack", attack.name, *user, "locked", &library);
            let expected = match (attack.door, user) {
                (Door::ToRoot, User::Root) => "succeeded",
                // The file belongs to root now.
                (Door::ToRoot, User::Nobody) => "failed 13 Permission denied (os error 13)",
                _ => "failed 1 Operation not permitted (os error 1)",
            };
            if under.as_deref() != Ok(expected) {
                wrong.push(format!("{user:?}: {}: under lockdown: {under:?}", attack.name));
            }
        }
        println!("  as {user:?}: {open} of {} attacks succeed without lockdown", ATTACKS.len());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn what_handlers_need_goes_on() {
    for user in User::all() {
        for (name, _) in WORKS {
            for locked in ["open", "locked"] {
                let done = run("works", name, *user, locked, Path::new(""));
                assert!(done.is_ok(), "as {user:?}, {locked}: {name}: {done:?}");
            }
        }
    }
}

fn root_is_told() {
    for user in User::all() {
        let told = run("tell", "require", *user, "", Path::new(""));
        let expected = match user {
            User::Root => {
                "lockdown-unavailable lockdown: \"require\" cannot be had: /proc/self/mem can be opened for writing, as root may \
                 (hint: run as another user than root, or say \"lockdown\": \"auto\")"
            }
            User::Nobody => "On { open: None }",
        };
        assert_eq!(told.as_deref(), Ok(expected));
    }
}

fn off_changes_nothing() {
    assert_eq!(run("tell", "off", User::Root, "", Path::new("")).as_deref(), Ok("Off dumpable 1 filters 0"));
}

fn a_personality_from_before() {
    let told = run("tell", "personality", User::Nobody, "", Path::new("")).unwrap();
    assert!(told.starts_with("Unavailable(\"the process was started with READ_IMPLIES_EXEC"), "{told}");
    assert!(told.ends_with("dumpable 1 filters 0"), "{told}");
}

fn a_thread_with_its_own_filter() {
    let told = run("tell", "thread", User::Nobody, "", Path::new("")).unwrap();
    let words = told.strip_prefix("Unavailable(\"thread ").unwrap_or_else(|| panic!("{told}"));
    assert!(words.ends_with(" has a filter that this one does not know\") dumpable 1 filters 0"), "{told}");
}

fn twice() {
    let told = run("tell", "twice", User::Nobody, "", Path::new("")).unwrap();
    assert_eq!(told, "Unavailable(\"prctl(PR_SET_DUMPABLE): Operation not permitted (os error 1)\") dumpable 0 filters 1");
}

/// The child of the tests that ask what `lock` says.
fn tell(case: &str) {
    match case {
        "require" => match lockdown::lock(Lockdown::Require, None) {
            Ok(outcome) => println!("{outcome:?}"),
            Err(refusal) => {
                assert_eq!(refusal.code, Code::LockdownUnavailable);
                println!("{} {refusal}", refusal.code.name());
            }
        },
        "off" => tell_state(&lockdown::lock(Lockdown::Off, None).unwrap()),
        "personality" => {
            crate::raw::call(libc::SYS_personality, &[libc::READ_IMPLIES_EXEC as usize]).unwrap();
            tell_state(&lockdown::lock(Lockdown::Auto, None).unwrap());
        }
        "thread" => {
            let (ready, is_ready) = std::sync::mpsc::channel();
            std::thread::spawn(move || {
                let allow = seccompiler::sock_filter { code: 6, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW };
                seccompiler::apply_filter(&[allow]).unwrap();
                ready.send(()).unwrap();
                std::thread::park();
            });
            is_ready.recv().unwrap();
            tell_state(&lockdown::lock(Lockdown::Auto, None).unwrap());
        }
        "twice" => {
            assert_eq!(lockdown::lock(Lockdown::Auto, None).unwrap().name(), "on");
            tell_state(&lockdown::lock(Lockdown::Auto, None).unwrap());
        }
        other => panic!("{other}"),
    }
}

fn tell_state(outcome: &Outcome) {
    let dumpable = crate::raw::call(libc::SYS_prctl, &[libc::PR_GET_DUMPABLE as usize]).unwrap();
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let filters = status.lines().find_map(|line| line.strip_prefix("Seccomp_filters:")).unwrap().trim();
    // A sandbox around the tests has filters too.
    let outer = std::fs::read_to_string(format!("/proc/{}/status", std::os::unix::process::parent_id())).unwrap();
    let outer = outer.lines().find_map(|line| line.strip_prefix("Seccomp_filters:")).unwrap().trim();
    let filters = filters.parse::<u32>().unwrap() - outer.parse::<u32>().unwrap();
    println!("{outcome:?} dumpable {dumpable} filters {filters}");
}
