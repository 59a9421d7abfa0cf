//! Panics stay inside the plugin, and say what happened and where.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

use crate::Error;

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work`; a panic becomes an [`Error`] with its message and place. Nothing of the panic escapes, not even its payload, whose
/// destructor could panic again.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, Error> {
    let outer = CATCHING.replace(true);
    // Of a panic that the author's code caught itself, earlier: no word of it belongs to what fails now.
    drop(LAST.take());
    let result = catch_unwind(AssertUnwindSafe(work));
    CATCHING.set(outer);
    result.map_err(|payload| {
        // `resume_unwind` calls no hook: then the payload alone knows.
        let said = || payload.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| payload.downcast_ref().cloned());
        let message =
            LAST.take().or_else(|| said().map(|text| format!("panicked: {text}"))).unwrap_or_else(|| "panicked".to_owned());
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            // Whatever a destructor panics with may panic again when it is dropped: it is not.
            std::mem::forget(second);
        }
        Error::new("Panic", message)
    })
}

/// For tests: what was the hook before stays it for all panics but those of the plugin, so that assertions are reported as ever.
pub(crate) fn keep_the_hook() {
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if CATCHING.get() {
                LAST.set(Some(describe(info)));
            } else {
                before(info);
            }
        }));
    });
}

static HOOK: Once = Once::new();

/// Notes panics for [`catch`], and logs those of other threads. Replaces the hook that prints to standard error. Later calls change
/// nothing.
pub(crate) fn install_hook() {
    HOOK.call_once(log_panics);
}

fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let text = describe(info);
        // Where panics end the process, nobody catches it to tell.
        if CATCHING.get() && cfg!(panic = "unwind") {
            LAST.set(Some(text));
        } else {
            // Nobody waits for this thread's result: a spawned task, or a thread of the author's.
            crate::log::write(1, "panic", &text, None);
        }
    }));
}

fn describe(info: &PanicHookInfo<'_>) -> String {
    let message = info.payload_as_str().unwrap_or("(no message)");
    match info.location() {
        Some(place) => format!("panicked at {}:{}:{}: {message}", place.file(), place.line(), place.column()),
        None => format!("panicked: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_message_and_place_and_its_payload_cannot_escape() {
        install_hook();
        let error = catch(|| panic!("out of {}", "cheese")).unwrap_err();
        assert_eq!(error.kind(), "Panic");
        assert!(error.message().starts_with("panicked at plugin-abi/src/panic.rs:"), "{error}");
        assert!(error.message().ends_with(": out of cheese"), "{error}");

        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("from the payload");
            }
        }
        let error = catch(|| std::panic::panic_any(Bomb)).unwrap_err();
        assert!(error.message().contains("from the payload") || error.message().contains("(no message)"), "{error}");
        struct Again;
        impl Drop for Again {
            fn drop(&mut self) {
                std::panic::panic_any(Again);
            }
        }
        catch(|| std::panic::panic_any(Again)).unwrap_err();
        assert_eq!(catch(|| 1).unwrap(), 1);
    }

    #[test]
    fn a_panic_that_was_caught_earlier_is_not_told_of_one_that_comes_later() {
        install_hook();
        let caught = catch(|| std::panic::catch_unwind(|| panic!("card 4111")).unwrap_err()).unwrap();
        let error = catch(|| std::panic::resume_unwind(caught)).unwrap_err();
        assert_eq!(error.message(), "panicked: card 4111", "its own payload, and no place");
        let error = catch(|| std::panic::resume_unwind(Box::new(7))).unwrap_err();
        assert_eq!(error.message(), "panicked");
    }
}
