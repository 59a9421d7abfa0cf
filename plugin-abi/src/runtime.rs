//! The plugin's own tokio runtime. Every library linked into the plugin finds it, and none of the host's.

#[cfg(feature = "tokio")]
mod tokio_runtime {
    use std::sync::OnceLock;
    use tokio::runtime::{Builder, Runtime};

    static RUNTIME: OnceLock<Runtime> = OnceLock::new();

    /// Starts the runtime: one worker, for what the author spawns. Handlers themselves are polled on the host's thread.
    pub(crate) fn start() -> std::io::Result<()> {
        if RUNTIME.get().is_none() {
            let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("plugin-tokio").enable_all().build()?;
            // The runtime lives as long as the process; if two callers raced, the loser's is dropped.
            let _ = RUNTIME.set(runtime);
        }
        Ok(())
    }

    /// Runs `work` with the runtime entered, so that spawn, timers and sockets find it.
    pub(crate) fn enter<T>(work: impl FnOnce() -> T) -> T {
        let _entered = RUNTIME.get().map(|runtime| runtime.handle().enter());
        work()
    }
}

#[cfg(feature = "tokio")]
pub(crate) use tokio_runtime::{enter, start};

#[cfg(not(feature = "tokio"))]
mod no_runtime {
    #[expect(clippy::unnecessary_wraps, reason = "the same signature as with tokio")]
    pub(crate) fn start() -> std::io::Result<()> {
        Ok(())
    }

    pub(crate) fn enter<T>(work: impl FnOnce() -> T) -> T {
        work()
    }
}

#[cfg(not(feature = "tokio"))]
pub(crate) use no_runtime::{enter, start};
