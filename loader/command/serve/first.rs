//! The first copy under `--watch`: what is missing or broken is waited for.

use std::time::Duration;

use super::access::Printer;
use super::signals::Signals;
use super::stage::{Staged, Stager};
use super::watch::Watcher;
use crate::{Class, Code, Refusal};

/// How often the files are looked at.
const TICK: Duration = Duration::from_millis(10);

/// Makes the first copy, as soon as there is one to be made, and watches its files from then on. `None`: a signal came before.
///
/// # Errors
/// Where no change of a file can help.
pub(super) fn copy(stager: &Stager, printer: Printer) -> Result<Option<(Staged, Watcher)>, Refusal> {
    let mut watcher = Watcher::new(stager.sources());
    let refusal = match stager.again() {
        Ok(staged) => {
            watcher.follow(&staged.watched);
            return Ok(Some((staged, watcher)));
        }
        Err(refusal) if refusal.code.class() == Class::Remote => return Err(refusal),
        Err(refusal) => refusal,
    };
    let broken = |error: std::io::Error| Refusal::new(Code::Internal, "signals", error.to_string().to_lowercase());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(broken)?;
    runtime.block_on(async {
        let mut signals = Signals::new().map_err(broken)?;
        let mut told = refusal.to_string();
        say(printer, &refusal);
        loop {
            watcher.follow(&stager.sources());
            while !watcher.changed() {
                tokio::select! {
                    () = signals.next() => return Ok(None),
                    () = tokio::time::sleep(TICK) => {}
                }
            }
            match stager.again() {
                Ok(staged) => {
                    watcher.follow(&staged.watched);
                    return Ok(Some((staged, watcher)));
                }
                Err(refusal) if refusal.to_string() == told => {}
                Err(refusal) => {
                    told = refusal.to_string();
                    say(printer, &refusal);
                }
            }
        }
    })
}

fn say(printer: Printer, refusal: &Refusal) {
    printer.refused(refusal);
    printer.note("watch: nothing runs yet; it starts as soon as that is mended");
}
