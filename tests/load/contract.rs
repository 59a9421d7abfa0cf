//! What both sides promise each other at the boundary, with a plugin that goes to the edge of it.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use abi_stable::library::{AbiHeaderRef, ROOT_MODULE_LOADER_NAME_WITH_NUL};
use bytes::Bytes;
use lambda_loader::crash::{Phase, Subject, Work};
use lambda_loader::invoke::Outcome;
use lambda_loader::invoke::future::{TaskFuture, Wakers};
use lambda_loader::load::{Plugin, PluginHost};
use lambda_loader::verify::Kind;
use lambda_plugin_abi_v1 as v1;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use serde_json::json;

use crate::alone::{alone, is_alone};
use crate::plugin::{ask, call, invocation, runtime, started};
use crate::support::build::Build;

fn keeper() -> Plugin {
    started("keeper", &Build::fixture("keeper").path())
}

/// A call of a handler as it is before the first poll.
fn task(plugin: &Plugin, handler: &str, event: &'static str) -> v1::Task {
    let handler = plugin.handler(Some(handler)).unwrap();
    plugin.invoke(handler, invocation("r-1").lend(), Bytes::from_static(event.as_bytes()))
}

/// Polls once, with the waker of this task.
async fn is_pending(future: &mut (impl Future + Unpin)) -> bool {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx).is_pending())).await
}

#[test]
fn a_task_that_is_dropped_runs_its_destructors_in_the_plugins_own_runtime() {
    let plugin = keeper();
    runtime().block_on(async {
        // Dropped before anything of it ran: there is nothing to destroy.
        drop(task(&plugin, "wait", "1"));
        for number in 1..=3 {
            let mut wakers = Wakers::default();
            let mut waiting = TaskFuture::new(task(&plugin, "wait", "1"), plugin.work(Phase::Handler(0)), &mut wakers);
            assert!(is_pending(&mut waiting).await);
            match number {
                1 => drop(waiting),
                2 => assert!(waiting.cancel().is_none(), "its destructor did not panic"),
                // On a thread that has no runtime at all.
                _ => std::thread::scope(|scope| drop(scope.spawn(|| waiting.cancel()))),
            }
            // The destructor spawns, and this handler answers only once what it spawned has run.
            assert_eq!(ask(&plugin, "dropped", "1").await, number);
        }
    });
}

#[test]
fn wakers_may_be_used_after_their_task_is_gone() {
    let plugin = keeper();
    runtime().block_on(async {
        {
            let mut wakers = Wakers::default();
            let mut futures: Vec<_> = Vec::new();
            for _ in 0..8 {
                let mut future = Box::pin(call_with(&plugin, "lend_waker"));
                assert!(is_pending(&mut future).await);
                futures.push(future);
            }
            let mut one = TaskFuture::new(task(&plugin, "lend_waker", "1"), plugin.work(Phase::Handler(0)), &mut wakers);
            // Polled with several wakers in turn: the earlier ones are still the plugin's.
            for _ in 0..4 {
                assert!(Pin::new(&mut one).poll(&mut Context::from_waker(Waker::noop())).is_pending());
                assert!(is_pending(&mut one).await);
            }
        }
        // 8 of the futures, and one for each poll of the last.
        assert_eq!(ask(&plugin, "use_wakers", "1").await, 16);
        assert_eq!(ask(&plugin, "use_wakers", "1").await, 0);
    });
    // Woken when even the runtime behind the waker is gone.
    {
        let runtime = runtime();
        runtime.block_on(async {
            let mut future = Box::pin(call_with(&plugin, "lend_waker"));
            assert!(is_pending(&mut future).await);
        });
    }
    assert_eq!(runtime().block_on(ask(&plugin, "use_wakers", "1")), 1);
}

async fn call_with(plugin: &Plugin, handler: &str) -> Outcome {
    call(plugin, handler, "r-1", "1").await
}

#[test]
fn several_invocations_are_in_flight_on_one_instance_on_one_thread_or_several() {
    let plugin = keeper();
    // Each ends only when the others have begun.
    let meet = |event: &'static str| ask(&plugin, "meet", event);
    let (one, two, three) = runtime().block_on(async { tokio::join!(meet("1"), meet("[2]"), meet("{\"three\":3}")) });
    assert_eq!([one, two, three], [json!(1), json!([2]), json!({ "three": 3 })]);
    let replies = std::thread::scope(|scope| {
        let threads = ["1", "2", "3"].map(|event| scope.spawn(move || runtime().block_on(meet(event))));
        threads.map(|thread| thread.join().unwrap())
    });
    assert_eq!(replies, [1, 2, 3]);
}

#[test]
fn events_and_invocations_that_a_plugin_keeps_stay_what_they_were() {
    let plugin = keeper();
    let big = format!("\"{}\"", "x".repeat(1 << 20));
    runtime().block_on(async {
        for (number, event) in ["{\"a\":1}", "2", &big].into_iter().enumerate() {
            let Outcome::Reply(reply) = call(&plugin, "keep", &format!("kept-{number}"), event.to_owned()).await else {
                panic!("no reply")
            };
            assert_eq!(reply, (number + 1).to_string());
        }
        // Memory that was freed would be used again by now.
        for _ in 0..100 {
            ask(&plugin, "count", vec![b'9'; 7]).await;
        }
        let row = |number: usize, event: &str| {
            json!({
                "event": event, "request_id": format!("kept-{number}"), "route": "test", "trace_id": "Root=1-2-3",
                "tenant_id": null, "has_deadline": false,
            })
        };
        let expected = json!([row(0, "{\"a\":1}"), row(1, "2"), row(2, &big)]);
        assert_eq!(ask(&plugin, "kept", "1").await, expected);
        assert_eq!(ask(&plugin, "let_go", "1").await, 3);
        assert_eq!(ask(&plugin, "kept", "1").await, json!([]));
    });
}

/// An owner that tells when it is gone.
struct Owner(Vec<u8>, std::sync::mpsc::Sender<()>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // Nobody may be listening any more.
        let _ = self.1.send(());
    }
}

#[test]
fn an_event_is_freed_where_it_was_made_by_whoever_held_it_last() {
    let plugin = keeper();
    let (sender, freed) = std::sync::mpsc::channel();
    let event = || Bytes::from_owner(Owner(b"[1,2,3]".to_vec(), sender.clone()));
    runtime().block_on(async {
        ask(&plugin, "keep", event()).await;
        assert!(freed.try_recv().is_err(), "the plugin still has it");
        ask(&plugin, "let_go", "1").await;
        freed.try_recv().expect("the plugin let it go");
        // There and back without a copy: the reply is the event's own memory.
        let event = event();
        let address = event.as_ptr();
        let Outcome::Reply(reply) = call(&plugin, "same", "r-1", event).await else { panic!("no reply") };
        assert_eq!((reply.as_ptr(), &reply[..]), (address, &b"[1,2,3]"[..]));
        assert!(freed.try_recv().is_err(), "the reply is it");
        // On another thread than any that saw it before.
        std::thread::spawn(move || drop(reply)).join().unwrap();
        freed.try_recv().expect("nobody has it");
    });
}

#[test]
fn a_stream_that_is_dropped_half_way_is_cancelled_in_the_plugins_own_runtime() {
    let plugin = keeper();
    runtime().block_on(async {
        let Outcome::Stream { prelude, mut body } = call_with(&plugin, "drip").await else { panic!("no stream") };
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&prelude).unwrap()["statusCode"], 200);
        for number in 0..5 {
            let piece = poll_fn(|cx| body.poll_next(cx)).await.unwrap().unwrap();
            assert_eq!(piece.as_ref(), format!("drop {number}\n").as_bytes());
        }
        drop(body);
        assert_eq!(ask(&plugin, "dropped", "1").await, 1);
        // One that nobody ever asked for a piece.
        let Outcome::Stream { body, .. } = call_with(&plugin, "drip").await else { panic!("no stream") };
        drop(body);
        assert_eq!(ask(&plugin, "dropped", "1").await, 2);
    });
}

/// What no typed interface of the loader can ask: phases and handlers of a later generation.
#[test]
fn numbers_that_the_plugin_does_not_know_are_answered() {
    // It loads a path, which is foreign to whatever the loader loads at the same time.
    if !is_alone() {
        return alone("contract::numbers_that_the_plugin_does_not_know_are_answered", &[]);
    }
    let path = Build::fixture("keeper").path();
    // SAFETY: the constructors of a plugin that is built here; the symbol is the module header of `export!`.
    #[expect(unsafe_code, reason = "plays the loader")]
    let module: v1::PluginRef = unsafe {
        let library = Box::leak(Box::new(Library::open(Some(&path), RTLD_NOW | RTLD_LOCAL).unwrap()));
        let header = library.get::<AbiHeaderRef>(ROOT_MODULE_LOADER_NAME_WITH_NUL.as_bytes()).unwrap();
        header.upgrade().unwrap().init_root_module().unwrap()
    };
    let subject = Subject::leak(Kind::Plugin, "keeper", "0000", &[]);
    let work = Work::new(subject, Phase::Start);
    let wait = |task: v1::Task| runtime().block_on(TaskFuture::new(task, work, &mut Wakers::default()));
    // SAFETY: the host lives as long as the process, and this is the one call of `start`.
    #[expect(unsafe_code, reason = "plays the loader")]
    let started = wait(unsafe { module.start()(PluginHost::leak(subject).abi(), v1::Buffer::new("null")) });
    assert_eq!(started.kind, v1::Outcome::VALUE);
    for phase in [0, 1, 2, 3, 4, 99, u32::MAX] {
        // SAFETY: the instance is what `start` returned.
        #[expect(unsafe_code, reason = "plays the loader")]
        let outcome = wait(unsafe { module.lifecycle()(started.instance, phase) });
        assert_eq!((outcome.kind, outcome.body.as_ref()), (v1::Outcome::VALUE, &b""[..]), "phase {phase}");
    }
    for handler in [12, 4_096, u32::MAX] {
        // SAFETY: as above.
        #[expect(unsafe_code, reason = "plays the loader")]
        let outcome = wait(unsafe { module.invoke()(started.instance, handler, invocation("r-1").lend(), v1::Buffer::new("1")) });
        assert_eq!(outcome.kind, v1::Outcome::ERROR, "handler {handler}");
        let error: serde_json::Value = serde_json::from_slice(outcome.body.as_ref()).unwrap();
        assert_eq!(error, json!({ "errorType": "Internal", "errorMessage": "no handler with this index" }));
    }
}
