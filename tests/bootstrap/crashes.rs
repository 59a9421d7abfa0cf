//! Plugins that end the process by a signal: one line says whose code it was, and the signal stays the end.

use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use lambda_loader::local::{Event, Kind, Lambda, Options};
use object::read::elf::ElfFile64;
use object::read::{Object as _, ObjectSymbol as _};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::lines;
use crate::support::build::Build;
use crate::support::folder::Folder;
use crate::support::{SOON, lambda};
use crate::world::{World, folder, misbehave, operation, plugin};

const JSON: (&str, &str) = ("AWS_LAMBDA_LOG_FORMAT", "JSON");

const SIGNALS: [(&str, i32); 6] = [("SIGTRAP", 5), ("SIGSEGV", 11), ("SIGBUS", 7), ("SIGILL", 4), ("SIGFPE", 8), ("SIGABRT", 6)];

/// The operations of `misbehave`, with all that crash.
fn manifest() -> Value {
    let mut manifest = misbehave();
    for name in
        ["crash", "crash_later", "crash_in_drop", "crash_in_reply", "crash_spawned", "crash_in_thread", "crash_the_loader"]
    {
        manifest["routes"][name] = json!({ "source": "operation", "name": name, "to": format!("misbehave.{name}") });
    }
    manifest
}

fn world(variables: &[(&str, &str)]) -> World {
    World::start(lambda(), folder(&["misbehave", "echo"], manifest()), variables)
}

/// Waits for the end of the process, which is to be by that signal.
#[track_caller]
fn ended_by(world: &World, signal: &str) {
    let status = world.process.wait_exit(SOON).unwrap_or_else(|| panic!("it goes on\n{}", world.output()));
    let name = SIGNALS.iter().find(|(_, number)| status.signal() == Some(*number)).map(|(name, _)| *name);
    assert_eq!(name, Some(signal), "{status:?}\n{}", world.output());
}

/// The only line about a crash.
#[track_caller]
fn the_line(world: &World) -> String {
    let lines: Vec<_> = world.process.logs().into_iter().filter(|line| line.text.contains("\"signal\":")).collect();
    assert_eq!(lines.len(), 1, "{}", world.output());
    assert!(!world.output().contains("overflowed its stack"), "std's own words as well\n{}", world.output());
    lines[0].text.clone()
}

/// Lets a handler crash, and returns the request id and the line in JSON.
#[track_caller]
fn crash(handler: &str, how: &str, signal: &str) -> (String, Value) {
    let world = world(&[JSON]);
    let timeout = (handler == "crash_in_drop").then_some(Duration::from_secs(2));
    let pending = world.lambda.invoke(Event { timeout, ..Event::new(operation(handler, json!(how))) });
    ended_by(&world, signal);
    let answer = pending.wait(SOON).expect("an end");
    assert!(matches!(answer.kind, Kind::ProcessDied { .. } | Kind::Response(_)), "{answer:?}");
    let line: Value = serde_json::from_str(&the_line(&world)).unwrap();
    assert_eq!((&line["level"], &line["fields"]["signal"]), (&json!("ERROR"), &json!(signal)), "{line}");
    assert!(line["timestamp"].as_str().is_some_and(|time| time.len() == 24), "{line}");
    let manifest: Value = serde_json::from_slice(&std::fs::read(world.folder.manifest()).unwrap()).unwrap();
    let digest = &manifest["plugins"]["misbehave"]["sha256"].as_str().unwrap()[..12];
    assert_eq!((&line["plugin"], &line["digest"]), (&json!("misbehave"), &json!(digest)), "{line}");
    (answer.request_id, line)
}

/// The function that an address in a plugin's file lies in.
fn symbol_at(at: &str) -> String {
    let offset = at.strip_prefix("misbehave+0x").unwrap_or_else(|| panic!("{at}"));
    let offset = u64::from_str_radix(offset, 16).unwrap();
    let bytes = std::fs::read(plugin("misbehave")).unwrap();
    let file = ElfFile64::<object::Endianness>::parse(&bytes[..]).unwrap();
    let function = file.symbols().find(|symbol| (symbol.address()..symbol.address() + symbol.size()).contains(&offset));
    function.unwrap_or_else(|| panic!("no function at {at}")).name().unwrap().to_owned()
}

#[test]
fn each_signal_leaves_one_line_with_all_that_is_known_and_stays_the_end_of_the_process() {
    for (how, signal, address, message, function) in [
        ("segv", "SIGSEGV", Some("0x10"), "crashed by SIGSEGV at 0x10 (nothing is mapped there)", Some("segv|read_volatile")),
        ("jump", "SIGSEGV", Some("0x20"), "crashed by SIGSEGV at 0x20 (nothing is mapped there)", None),
        ("wild", "SIGSEGV", None, "crashed by SIGSEGV (no valid address)", Some("wild|read_volatile")),
        ("bus", "SIGBUS", Some("0x"), "crashed by SIGBUS at 0x", Some("bus|read_volatile")),
        ("ill", "SIGILL", Some("0x"), "crashed by SIGILL at 0x", Some("ill")),
        ("fpe", "SIGFPE", Some("0x"), "crashed by SIGFPE at 0x", Some("fpe")),
        ("trap", "SIGTRAP", None, "crashed by SIGTRAP (trap)", Some("trap")),
        ("abort", "SIGABRT", None, "crashed by SIGABRT (abort)", None),
        ("raise", "SIGSEGV", None, "crashed by SIGSEGV, which the process sent itself,", None),
    ] {
        let (request_id, line) = crash("crash", how, signal);
        assert_eq!(line["requestId"], request_id, "{line}");
        assert_eq!((&line["source"], &line["route"]), (&json!("operation"), &json!("crash")), "{line}");
        let text = line["message"].as_str().unwrap();
        assert!(text.starts_with(message) && text.ends_with(" in handler crash"), "{line}");
        let fields = &line["fields"];
        assert_eq!((&fields["handler"], &fields["thread"]), (&json!("crash"), &json!("bootstrap")), "{line}");
        match address {
            Some(address) => assert!(fields["address"].as_str().is_some_and(|found| found.starts_with(address)), "{line}"),
            None => assert_eq!(fields.get("address"), None, "{line}"),
        }
        match function {
            Some(function) => {
                let found = symbol_at(fields["at"].as_str().unwrap());
                assert!(function.split('|').any(|function| found.contains(function)), "{found}: {line}");
            }
            None => assert_eq!(fields.get("at"), None, "{line}"),
        }
    }
}

#[test]
fn wherever_a_handler_is_when_it_crashes_the_line_says_what_is_known() {
    for (handler, message, request) in [
        ("crash_later", " in handler crash_later", true),
        ("crash_in_drop", " in handler crash_in_drop", true),
        ("crash_in_reply", " outside its handler", true),
        ("crash_spawned", " in a task on a thread of its runtime, request id unknown", false),
        ("crash_in_thread", " on a thread of its own, request id unknown", false),
    ] {
        let (request_id, line) = crash(handler, "segv", "SIGSEGV");
        assert!(line["message"].as_str().is_some_and(|text| text.ends_with(message)), "{line}");
        assert_eq!(line.get("requestId"), request.then(|| json!(request_id)).as_ref(), "{line}");
    }
    // In a library of the system: where the thread is known the plugin is, and where it is not nobody is blamed.
    let (_, line) = crash("crash_spawned", "abort", "SIGABRT");
    assert!(line["message"].as_str().is_some_and(|text| text.contains(" on a thread of its runtime")), "{line}");
    let world = world(&[]);
    let _pending = world.lambda.invoke(operation("crash_in_thread", json!("abort")));
    ended_by(&world, "SIGABRT");
    let line = the_line(&world);
    let words = " crashed by SIGABRT (abort) on a thread that is not the loader's, plugin and request id unknown {";
    assert!(line.contains(words) && line.contains("\"thread\":\"of-its-own\""), "{line}");
}

#[test]
fn a_text_log_has_the_line_as_text() {
    let world = world(&[]);
    let pending = world.lambda.invoke(operation("crash_later", json!("ill")));
    ended_by(&world, "SIGILL");
    let line = the_line(&world);
    let words = [
        format!(" ERROR {} crashed by SIGILL at 0x", pending.request_id()),
        " (illegal instruction) in handler crash_later source=operation route=crash_later plugin=misbehave digest=".to_owned(),
        " {\"signal\":\"SIGILL\",\"address\":\"0x".to_owned(),
    ];
    assert!(words.iter().all(|words| line.contains(words)), "{line}");
}

#[test]
fn a_stack_that_overflows_is_told_on_every_thread_of_the_loader_and_the_kit() {
    for handler in ["crash", "crash_later", "crash_spawned"] {
        let (_, line) = crash(handler, "overflow", "SIGSEGV");
        assert!(line["message"].as_str().is_some_and(|text| text.contains(" (stack overflow) in ")), "{line}");
        assert!(symbol_at(line["fields"]["at"].as_str().unwrap()).contains("overflow"), "{line}");
    }
    // On one of several slots, each of which has a thread.
    let world = World::start(
        Lambda::start(Options { concurrency: 2, ..Options::default() }).unwrap(),
        folder(&["misbehave", "echo"], manifest()),
        &[],
    );
    let crashes = [(); 2].map(|()| world.lambda.invoke(operation("crash_later", json!("overflow"))));
    ended_by(&world, "SIGSEGV");
    let line = the_line(&world);
    assert!(line.contains("(stack overflow) in handler crash_later"), "{line}");
    assert_eq!(crashes.iter().filter(|crash| line.contains(crash.request_id())).count(), 1, "{line}");
}

#[test]
fn a_thread_that_nobody_knows_of_overflows_without_a_line_and_the_signal_is_the_same() {
    let world = world(&[]);
    let _pending = world.lambda.invoke(operation("crash_in_thread", json!("overflow")));
    ended_by(&world, "SIGSEGV");
    assert_eq!(lines::count(&world.process, "\"signal\":"), 0, "the guide says so: it has no stack to tell it on");
}

#[test]
fn a_crash_before_or_after_all_events_names_plugin_and_phase() {
    let mut starts = manifest();
    starts["plugins"]["misbehave"]["config"] = json!({ "start": "crash", "at": "fpe" });
    let abort = ("MISBEHAVE_CRASH", "abort");
    for (manifest, variables, signal, message) in [
        (starts, &[JSON][..], "SIGFPE", " in its start"),
        (manifest(), &[JSON, abort][..], "SIGABRT", " while it was loaded"),
        (manifest(), &[JSON, ("MISBEHAVE_CRASH", "overflow")][..], "SIGSEGV", " (stack overflow) while it was loaded"),
    ] {
        let world = World::start(lambda(), folder(&["misbehave", "echo"], manifest), variables);
        ended_by(&world, signal);
        let line: Value = serde_json::from_str(&the_line(&world)).unwrap();
        assert!(line["message"].as_str().is_some_and(|text| text.ends_with(message)), "{line}");
        assert_eq!((&line["plugin"], line.get("requestId")), (&json!("misbehave"), None), "{line}");
        assert!(line["digest"].as_str().is_some_and(|digest| digest.len() == 12), "{line}");
        assert_eq!(world.lambda.polled().count, 0, "it took no event");
    }
    let world = world(&[JSON, ("MISBEHAVE_CRASH_AT_SHUTDOWN", "segv")]);
    world.serves_on();
    world.process.terminate();
    ended_by(&world, "SIGSEGV");
    let line: Value = serde_json::from_str(&the_line(&world)).unwrap();
    assert!(line["message"].as_str().is_some_and(|text| text.ends_with(" in its shutdown hook")), "{line}");
}

#[test]
fn a_plugin_of_first_use_that_crashes_while_it_is_loaded_is_named_with_the_request_that_wanted_it() {
    let mut manifest = manifest();
    manifest["plugins"]["misbehave"]["load"] = json!("first-use");
    let world = World::start(lambda(), folder(&["misbehave", "echo"], manifest), &[JSON, ("MISBEHAVE_CRASH", "segv")]);
    world.serves_on();
    let pending = world.lambda.invoke(operation("spawn", json!(null)));
    ended_by(&world, "SIGSEGV");
    let line: Value = serde_json::from_str(&the_line(&world)).unwrap();
    assert_eq!((&line["plugin"], &line["requestId"]), (&json!("misbehave"), &json!(pending.request_id())), "{line}");
    assert!(line["message"].as_str().is_some_and(|text| text.ends_with(" while it was loaded")), "{line}");
}

#[test]
fn threads_that_crash_at_once_leave_one_line() {
    for _ in 0..5 {
        let (_, line) = crash("crash", "many", "SIGSEGV");
        assert!(
            line["message"].as_str().is_some_and(|text| text.ends_with(" on a thread of its own, request id unknown")),
            "{line}"
        );
    }
}

#[test]
fn a_sandbox_that_forbids_to_send_the_signal_again_changes_neither_line_nor_end() {
    for (how, signal) in [("denied", "SIGSEGV"), ("denied abort", "SIGABRT"), ("denied raise", "SIGSEGV")] {
        let world = world(&[]);
        let pending = world.lambda.invoke(operation("crash", json!(how)));
        ended_by(&world, signal);
        let line = the_line(&world);
        assert!(line.contains(pending.request_id()) && line.contains(" in handler crash "), "{line}");
        assert!(!line.contains("\"thread\":"), "its name may not be asked for: {line}");
    }
}

#[test]
fn a_crash_that_took_the_heap_with_it_leaves_a_line_and_ends() {
    let world = world(&[]);
    let _pending = world.lambda.invoke(operation("crash", json!("heap")));
    ended_by(&world, "SIGSEGV");
    assert_eq!(lines::count(&world.process, "ERROR crashed, and again while that was described: nothing more is known"), 1);
    assert_eq!(lines::count(&world.process, "\"signal\":"), 0, "{}", world.output());
}

#[test]
fn a_signal_that_somebody_sends_is_put_down_to_nobody_in_here() {
    for (signal, name) in [(Signal::SEGV, "SIGSEGV"), (Signal::ABORT, "SIGABRT"), (Signal::BUS, "SIGBUS")] {
        let world = world(&[]);
        let pending = world.lambda.invoke(operation("wait", json!("/nowhere/at/all")));
        lines::line_of(&world.process, &[pending.request_id(), "waits"]);
        kill_process(Pid::from_raw(world.process.pid().cast_signed()).unwrap(), signal).unwrap();
        ended_by(&world, name);
        let line = the_line(&world);
        let words = format!(" ERROR {name} sent by process {} ends the process {{\"signal\":\"{name}\"", std::process::id());
        assert!(line.contains(&words) && !line.contains("misbehave"), "{line}");
    }
}

#[test]
fn a_crash_where_no_plugin_was_called_is_put_down_to_none() {
    let world = world(&[]);
    let file = world.folder.path().join("now");
    let answer = world.ask(operation("crash_the_loader", json!(file)));
    lines::line_of(&world.process, &[&answer.request_id, "answered in "]);
    std::fs::write(file, "").unwrap();
    ended_by(&world, "SIGSEGV");
    let line = the_line(&world);
    let words = " crashed by SIGSEGV, which the process sent itself, in the loader: no plugin was called";
    assert!(line.contains(words) && !line.contains("plugin=") && !line.contains("\"at\":"), "{line}");
}

#[test]
fn a_child_that_a_plugin_has_forked_is_not_the_loader() {
    let world = world(&[]);
    assert_eq!(world.reply(operation("crash", json!("child"))), Value::Null);
    world.serves_on();
    assert_eq!(lines::count(&world.process, "\"signal\":"), 0, "{}", world.output());
}

#[test]
fn a_handler_that_the_plugin_installs_itself_takes_the_place_of_the_loader_s() {
    let world = world(&[]);
    let _pending = world.lambda.invoke(operation("crash", json!("own")));
    assert_eq!(world.exit_code(), Some(7));
    assert_eq!(lines::count(&world.process, "\"signal\":"), 0, "{}", world.output());
}

#[test]
fn a_panic_that_ends_the_process_leaves_its_message_and_the_line() {
    let keeper = Build::fixture("keeper").panic_abort().path();
    let manifest = json!({ "routes": { "panic": { "source": "direct", "to": "keeper.panic" } } });
    let world = World::start(lambda(), Folder::new(&[("keeper", &keeper)], manifest), &[]);
    let pending = world.lambda.invoke("{}");
    ended_by(&world, "SIGABRT");
    let line = the_line(&world);
    assert!(line.contains(" crashed by SIGABRT (abort) in handler panic source=direct route=panic plugin=keeper "), "{line}");
    let panic = lines::line_of(&world.process, &["panicked at tests/fixtures/keeper.rs:", ": keeper lost it"]);
    assert!([panic, line].iter().all(|line| line.contains(pending.request_id())), "{}", world.output());
}
