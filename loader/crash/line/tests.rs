use super::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use serde_json::Value;

use crate::verify::Kind;

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

/// Counts what each thread allocates.
struct Counting;

// SAFETY: all of it is the system allocator's; the counter is memory of the thread without a destructor, and allocates nothing.
#[expect(unsafe_code, reason = "an allocator has no safe spelling")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.set(ALLOCATED.get() + 1);
        // SAFETY: the caller's own promise (`GlobalAlloc::alloc`).
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's own promise (`GlobalAlloc::dealloc`): `memory` came from `alloc`, which is the system's.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn subject(kind: Kind, name: &str) -> &'static Subject {
    Subject::leak(kind, name, "9f2c00112233", &["on_message".into()])
}

const FAULT: Cause =
    Cause { name: "SIGSEGV", origin: Origin::Fault { address: Some(0x10), why: "nothing is mapped there" }, instruction: 0x1000 };

fn line(crash: &Crash<'_>, format: Format) -> String {
    let mut line = Line::new();
    crash.write(format, SystemTime::UNIX_EPOCH + Duration::from_millis(1), &mut line);
    let text = line.text().to_owned();
    assert!(text.ends_with('\n') && text.matches('\n').count() == 1, "{text:?}");
    text.trim_end().to_owned()
}

fn crash(subject: &'static Subject) -> Crash<'static> {
    Crash {
        cause: FAULT,
        work: Some(Work::new(subject, Phase::Handler(0))),
        place: Some((subject, 0xabc)),
        serving: Some(Labels {
            request_id: Some("r-1"),
            source: Some("sqs"),
            route: Some("queue"),
            plugin: Some("orders"),
            digest: Some("9f2c00112233"),
        }),
        known_thread: true,
        thread: "slot-1",
    }
}

#[test]
fn the_line_is_one_of_the_log_s_own_and_names_all_that_is_known() {
    let orders = subject(Kind::Plugin, "orders");
    assert_eq!(
        line(&crash(orders), Format::Text),
        "1970-01-01T00:00:00.001Z ERROR r-1 crashed by SIGSEGV at 0x10 (nothing is mapped there) in handler on_message source=sqs \
         route=queue plugin=orders digest=9f2c00112233 {\"signal\":\"SIGSEGV\",\"address\":\"0x10\",\"handler\":\"on_message\",\
         \"at\":\"orders+0xabc\",\"thread\":\"slot-1\"}"
    );
    let json: Value = serde_json::from_str(&line(&crash(orders), Format::Json)).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "timestamp": "1970-01-01T00:00:00.001Z",
            "level": "ERROR",
            "message": "crashed by SIGSEGV at 0x10 (nothing is mapped there) in handler on_message",
            "requestId": "r-1",
            "source": "sqs",
            "route": "queue",
            "plugin": "orders",
            "digest": "9f2c00112233",
            "fields": { "signal": "SIGSEGV", "address": "0x10", "handler": "on_message", "at": "orders+0xabc", "thread": "slot-1" },
        })
    );
}

#[test]
fn nothing_is_said_that_is_not_known() {
    let (orders, libpq) = (subject(Kind::Plugin, "orders"), subject(Kind::Library, "libpq.so.5"));
    let none = || Crash { work: None, place: None, serving: None, known_thread: false, ..crash(orders) };
    let work = |phase| Some(Work::new(orders, phase));
    let raised = Cause { name: "SIGABRT", origin: Origin::Raised, ..FAULT };
    let sent = Cause { origin: Origin::Sent { pid: 7 }, ..FAULT };
    let hook = Phase::Hook(lambda_plugin_abi_v1::Phase::Shutdown);
    for (crash, message, plugin, request_id) in [
        (Crash { work: work(Phase::Load), ..none() }, " while it was loaded", true, false),
        (Crash { work: work(Phase::Start), ..none() }, " in its start", true, false),
        (Crash { work: work(hook), ..none() }, " in its shutdown hook", true, false),
        (Crash { work: work(Phase::Thread), ..none() }, " in a task on a thread of its runtime, request id unknown", true, false),
        (Crash { work: work(Phase::Handler(9)), ..none() }, " in handler 9", true, false),
        (Crash { place: Some((orders, 1)), ..none() }, " on a thread of its own, request id unknown", true, false),
        (Crash { work: None, ..crash(orders) }, " outside its handler", true, true),
        (Crash { work: None, place: None, ..crash(orders) }, " in the loader: no plugin was called", false, true),
        (none(), " on a thread that is not the loader's, plugin and request id unknown", false, false),
        (
            Crash { work: Some(Work::new(libpq, Phase::Load)), ..none() },
            " in library libpq.so.5 while it was loaded",
            false,
            false,
        ),
        (Crash { cause: raised, ..crash(orders) }, "crashed by SIGABRT (abort) in handler on_message", true, true),
        (Crash { cause: sent, ..crash(orders) }, "SIGSEGV sent by process 7 ends the process", false, false),
    ] {
        let json: Value = serde_json::from_str(&line(&crash, Format::Json)).unwrap();
        assert!(json["message"].as_str().is_some_and(|text| text.ends_with(message)), "{message}: {json}");
        assert_eq!((json.get("plugin").is_some(), json.get("requestId").is_some()), (plugin, request_id), "{json}");
        assert_eq!(json["fields"].get("address").is_some(), matches!(crash.cause.origin, Origin::Fault { .. }), "{json}");
    }
}

#[test]
fn the_longest_and_the_oddest_names_make_a_whole_line() {
    // A control character of two bytes becomes one of six in text.
    let long = "\u{80}".repeat(5_000);
    let odd = Subject::leak(Kind::Plugin, &long, &long, std::slice::from_ref(&long));
    let labels =
        Labels { request_id: Some(&long), source: Some(&long), route: Some(&long), plugin: Some(&long), digest: Some(&long) };
    let all = Crash {
        work: Some(Work::new(odd, Phase::Handler(0))),
        place: Some((odd, 1)),
        serving: Some(labels),
        thread: &long,
        ..crash(odd)
    };
    let json: Value = serde_json::from_str(&line(&all, Format::Json)).unwrap();
    assert_eq!(json["requestId"], "\u{80}".repeat(PART / 2));
    let text = line(&all, Format::Text);
    assert!(!text.contains('\u{80}') && text.ends_with("\"}"), "{text}");
    let quoted = "\"\\\n".repeat(5_000);
    let forged = Crash { serving: Some(Labels { request_id: Some(&quoted), ..Labels::default() }), ..crash(odd) };
    let json: Value = serde_json::from_str(&line(&forged, Format::Json)).unwrap();
    assert!(json["requestId"].as_str().is_some_and(|id| quoted.starts_with(id)), "{json}");
}

#[test]
fn the_line_is_put_together_without_an_allocation() {
    let orders = subject(Kind::Plugin, "orders");
    let crash = crash(orders);
    for format in [Format::Json, Format::Text] {
        let mut line = Line::new();
        let before = ALLOCATED.get();
        crash.write(format, SystemTime::now(), &mut line);
        assert_eq!(ALLOCATED.get() - before, 0, "{format:?}");
        assert!(line.text().contains("on_message"));
    }
    let before = ALLOCATED.get();
    drop(std::hint::black_box(vec![1]));
    assert_eq!(ALLOCATED.get() - before, 1, "it counts");
}
