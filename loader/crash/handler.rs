//! The signal handler.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::SystemTime;

use super::line::{Crash, Line};
use super::signal::{Cause, SIGNALS};
use super::work::{self, Work};
use super::{object, stack};
use crate::log::{self, Format, Level};

/// Where the log goes: standard error.
const LOG: c_int = libc::STDERR_FILENO;

/// How long the line waits for a reader that has fallen behind, in milliseconds.
const READER: c_int = 1_000;

/// For how many times 20 ms a second thread that crashes waits for the first to end the process.
const WAITS: u32 = 100;

/// The process that [`install`] was called in: one that it has forked is not the loader.
static PROCESS: AtomicI32 = AtomicI32::new(0);

/// The thread that writes the line; 0: none yet.
static FIRST: AtomicI32 = AtomicI32::new(0);

/// Whether that thread has crashed again while it did.
static AGAIN: AtomicBool = AtomicBool::new(false);

/// Has the signals by which code dies leave a line, and this thread a stack to do it on. To be called before plugins are loaded;
/// what a plugin installs for such a signal itself takes this one's place.
pub fn install() {
    // Known from here on without a look at the environment.
    let _read = log::format();
    PROCESS.store(own_pid(), Ordering::SeqCst);
    stack::watch_thread();
    for (signal, name) in SIGNALS {
        if let Err(error) = handle(signal) {
            log::line(Level::Warn, &format!("a crash by {name} will leave no line: {error}"));
        }
    }
}

fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

#[expect(unsafe_code, reason = "installs a signal handler")]
fn handle(signal: c_int) -> std::io::Result<()> {
    // SAFETY: all zeros is a valid `sigaction`: integers, an empty set and an absent function.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = on_signal as *const () as usize;
    // NODEFER, and none of SIGNALS in the mask: a crash while the line is put together comes here again instead of ending the process
    // without a word.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
    // SAFETY: a set of this frame's own, filled, then without the signals of the table.
    unsafe {
        libc::sigfillset(&raw mut action.sa_mask);
        for (other, _) in SIGNALS {
            libc::sigdelset(&raw mut action.sa_mask, other);
        }
    }
    // SAFETY: `on_signal` has the signature that SA_SIGINFO asks for, lives as long as the process, and does only what
    // `signal-safety(7)` allows.
    match unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

#[expect(unsafe_code, reason = "called by the kernel")]
unsafe extern "C" fn on_signal(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    if PROCESS.load(Ordering::SeqCst) == own_pid() {
        let thread = rustix::thread::gettid().as_raw_nonzero().get();
        match FIRST.compare_exchange(0, thread, Ordering::SeqCst, Ordering::SeqCst) {
            // SAFETY: what the kernel passed to this handler.
            Ok(_) => tell(unsafe { Cause::of(signal, info, context) }),
            Err(first) if first == thread => {
                if !AGAIN.swap(true, Ordering::SeqCst) {
                    write(match log::format() {
                        Format::Json => b"{\"level\":\"ERROR\",\"message\":\"crashed, and again while that was described: nothing more is known\"}\n",
                        Format::Text => b"ERROR crashed, and again while that was described: nothing more is known\n",
                    });
                }
            }
            // Its line is on its way, and its signal is to be the process's.
            Err(_) => wait(),
        }
    }
    // SAFETY: what the kernel passed to this handler.
    unsafe { die(signal, info) }
}

fn tell(cause: Cause) {
    let mut name = [0; 16];
    let crash = Crash {
        cause,
        work: Work::current(),
        place: object::at(cause.instruction),
        serving: work::serving(),
        known_thread: stack::is_known(),
        thread: thread_name(&mut name),
    };
    let mut line = Line::new();
    crash.write(log::format(), SystemTime::now(), &mut line);
    write(line.bytes());
}

/// As the kernel has it; empty where a sandbox forbids to ask.
fn thread_name(name: &mut [u8; 16]) -> &str {
    // SAFETY: PR_GET_NAME writes at most 16 bytes, with a NUL at the end (`PR_GET_NAME(2const)`).
    #[expect(unsafe_code, reason = "std's names of threads are no matter for a signal handler")]
    let answer = unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    let length = name.iter().position(|byte| *byte == 0).filter(|_| answer == 0).unwrap_or_default();
    name.get(..length).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
}

/// Writes to the log's descriptor, past all that a thread may have locked. The log is not buffered: nothing is lost before this line.
#[expect(unsafe_code, reason = "std's standard error has a lock")]
fn write(mut bytes: &[u8]) {
    let mut ready = libc::pollfd { fd: LOG, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one description, of this frame's own (`poll(2)`).
    if unsafe { libc::poll(&raw mut ready, 1, READER) } == 0 {
        // Nobody reads: better no line than a process that never ends.
        return;
    }
    while !bytes.is_empty() {
        // SAFETY: that many bytes from there are a slice's (`write(2)`).
        let written = unsafe { libc::write(LOG, bytes.as_ptr().cast(), bytes.len()) };
        match usize::try_from(written) {
            Ok(written @ 1..) => bytes = bytes.get(written..).unwrap_or_default(),
            _ if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {}
            _ => return,
        }
    }
}

fn wait() {
    for _ in 0..WAITS {
        let pause = libc::timespec { tv_sec: 0, tv_nsec: 20_000_000 };
        // SAFETY: a time of this frame's own (`nanosleep(2)`).
        #[expect(unsafe_code, reason = "std's sleep is no matter for a signal handler")]
        unsafe {
            libc::nanosleep(&raw const pause, ptr::null_mut());
        }
    }
}

/// Lets the signal do what it does without a handler, as soon as the handler returns: where it happened, and with what the kernel said
/// of it, so that a core shows the crash and not this.
///
/// # Safety
/// `info` is what the kernel passed to the handler of `signal` that runs.
#[expect(unsafe_code, reason = "ends the process by a signal")]
unsafe fn die(signal: c_int, info: *mut libc::siginfo_t) {
    let sent = {
        let mut only = MaybeUninit::uninit();
        // SAFETY: the default action takes the place of the handler; `only` is set by `sigemptyset` before it is read; blocked, the
        // signal waits until the handler returns, when the mask becomes again what it was (`sigreturn(2)`). A process may send itself
        // any information of a signal (`rt_tgsigqueueinfo(2)`), and `info` is valid by this function's contract; `raise` takes any
        // number.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::sigemptyset(only.as_mut_ptr());
            libc::sigaddset(only.as_mut_ptr(), signal);
            libc::pthread_sigmask(libc::SIG_BLOCK, only.as_ptr(), ptr::null_mut());
            let told = libc::syscall(libc::SYS_rt_tgsigqueueinfo, libc::getpid(), libc::gettid(), signal, info) == 0;
            // Where a sandbox forbids that: the signal alone.
            told || libc::raise(signal) == 0
        }
    };
    // SAFETY: as above; a fault comes again by itself once the instruction is run again, a signal that was sent does not.
    if !sent && unsafe { (*info).si_code } <= 0 {
        // SAFETY: `_exit` takes any number and does not return (`_exit(2)`); what a shell reports of a process that a signal ended.
        unsafe { libc::_exit(128 + signal) }
    }
}
