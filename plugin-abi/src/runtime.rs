//! The plugin's own tokio runtime. Every library linked into the plugin finds it, and none of the host's.
//!
//! It is reached through a hook that only async functions set ([`crate::Answer::RUNTIME`]), so that a plugin without them carries no
//! runtime: the linker drops it, and what need not be hashed and mapped starts faster.

use lambda_plugin_abi_v1::service::ThreadV1;
use std::sync::OnceLock;

/// Calls what it is given with the runtime entered.
type Enter = fn(&mut dyn FnMut());

static ENTER: OnceLock<Enter> = OnceLock::new();

/// Tells the host of the runtime's threads. A host of before has no such service.
static THREADS: OnceLock<&'static ThreadV1> = OnceLock::new();

/// Makes `service` the one that is told of every thread. Later calls change nothing.
pub(crate) fn know_threads(service: &'static ThreadV1) {
    let _known = THREADS.set(service);
}

/// First thing of a thread of the runtime.
#[cfg(feature = "tokio")]
fn begin() {
    if let Some(service) = THREADS.get() {
        // SAFETY: the host's `begin` may be called from any thread with its own `ctx`, by one that begins.
        #[expect(unsafe_code, reason = "calls into the host")]
        unsafe {
            (service.begin)(service.ctx);
        }
    }
}

/// Runs `work` with the runtime entered, where there is one, so that spawn, timers and sockets find it.
pub(crate) fn enter<T>(work: impl FnOnce() -> T) -> T {
    let Some(enter) = ENTER.get() else { return work() };
    let (mut work, mut result) = (Some(work), None);
    enter(&mut || result = work.take().map(|work| work()));
    match (result, work) {
        (Some(result), _) => result,
        // Cannot be: `enter` calls what it is given. Should it ever not, the work is still done.
        (None, Some(work)) => work(),
        (None, None) => unreachable!("the work was taken and gave nothing"),
    }
}

/// Starts the runtime: one worker, for what the author spawns. Handlers themselves are polled on the host's thread.
#[cfg(feature = "tokio")]
pub(crate) fn start() -> std::io::Result<()> {
    use tokio::runtime::{Builder, Runtime};

    static RUNTIME: OnceLock<Runtime> = OnceLock::new();

    fn enter(work: &mut dyn FnMut()) {
        let _entered = RUNTIME.get().map(|runtime| runtime.handle().enter());
        work();
    }

    if RUNTIME.get().is_none() {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("plugin-tokio")
            .on_thread_start(begin)
            .enable_all()
            .build()?;
        // The runtime lives as long as the process.
        let _ = RUNTIME.set(runtime);
    }
    let _ = ENTER.set(enter);
    Ok(())
}

/// Without the feature `tokio`, async functions are polled and no more.
#[cfg(not(feature = "tokio"))]
pub(crate) fn start() -> std::io::Result<()> {
    Ok(())
}
