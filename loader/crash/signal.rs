//! What the kernel says of a signal.

use std::ffi::{c_int, c_void};

/// The signals by which code dies of itself, with SIGTRAP, which is what a trap instruction raises on aarch64.
pub(super) const SIGNALS: [(c_int, &str); 6] = [
    (libc::SIGSEGV, "SIGSEGV"),
    (libc::SIGBUS, "SIGBUS"),
    (libc::SIGILL, "SIGILL"),
    (libc::SIGFPE, "SIGFPE"),
    (libc::SIGABRT, "SIGABRT"),
    (libc::SIGTRAP, "SIGTRAP"),
];

/// How far from the top of the stack an access is still one to the stack. The kernel had the same rule for its main threads
/// (65,536 bytes and a frame, `do_user_addr_fault` before Linux 5.0); Rust probes each page of a frame, in order.
const STACK_REACH: usize = 64 << 10;

/// Codes of <https://elixir.bootlin.com/linux/v6.12/source/include/uapi/asm-generic/siginfo.h>.
const SI_KERNEL: c_int = 0x80;

/// Where a signal comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// An instruction of this thread could not be run.
    Fault {
        /// What it wanted, where the processor tells.
        address: Option<usize>,
        /// Why not.
        why: &'static str,
    },
    /// The process sent it to itself.
    Raised,
    /// Another process sent it.
    Sent {
        /// Its number.
        pid: i32,
    },
}

/// A signal that is about to end the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cause {
    pub(super) name: &'static str,
    pub(super) origin: Origin,
    /// The instruction.
    pub(super) instruction: usize,
}

impl Cause {
    /// # Safety
    /// `info` and `context` are what the kernel passed to the handler of `signal` that runs.
    #[expect(unsafe_code, reason = "reads what the kernel passed")]
    pub(super) unsafe fn of(signal: c_int, info: *const libc::siginfo_t, context: *const c_void) -> Self {
        // SAFETY: valid for the run of the handler, by this function's contract (`sigaction(2)`).
        let (info, context) = unsafe { (&*info, &*context.cast::<libc::ucontext_t>()) };
        let (instruction, stack) = registers(context);
        // SAFETY: every signal's information begins with these three, and the fields behind are read as its code says: an address
        // for what the kernel found, a sender for the rest (`sigaction(2)`).
        let (address, pid) = unsafe { (info.si_addr().addr(), info.si_pid()) };
        let name = SIGNALS.iter().find(|(number, _)| *number == signal).map_or("a signal", |(_, name)| name);
        let own = i32::try_from(std::process::id()).unwrap_or(-1);
        Cause { name, origin: origin(signal, info.si_code, (address, stack), (pid, own)), instruction }
    }
}

fn origin(signal: c_int, code: c_int, (address, stack): (usize, usize), (pid, own): (i32, i32)) -> Origin {
    if code <= 0 {
        return if pid == own { Origin::Raised } else { Origin::Sent { pid } };
    }
    let overflow = (stack.saturating_sub(STACK_REACH)..stack.saturating_add(4096)).contains(&address);
    let why = match (signal, code) {
        (libc::SIGTRAP, _) => return Origin::Fault { address: None, why: "trap" },
        // An address that no memory can have: the processor does not say which.
        (_, SI_KERNEL) => return Origin::Fault { address: None, why: "no valid address" },
        (libc::SIGSEGV, _) if overflow => "stack overflow",
        (libc::SIGSEGV, 1) => "nothing is mapped there",
        (libc::SIGSEGV, 2) => "access is not allowed there",
        (libc::SIGBUS, 1) => "not aligned",
        (libc::SIGBUS, 2) => "nothing is behind the mapping there",
        (libc::SIGILL, _) => "illegal instruction",
        (libc::SIGFPE, 1) => "integer division by zero",
        (libc::SIGFPE, _) => "arithmetic exception",
        _ => "fault",
    };
    Origin::Fault { address: Some(address), why }
}

/// Addresses of the instruction and of the top of the stack.
#[cfg(target_arch = "x86_64")]
fn registers(context: &libc::ucontext_t) -> (usize, usize) {
    let register = |index: c_int| {
        let value = usize::try_from(index).ok().and_then(|index| context.uc_mcontext.gregs.get(index).copied());
        value.map_or(0, |value| value.cast_unsigned() as usize)
    };
    (register(libc::REG_RIP), register(libc::REG_RSP))
}

/// Addresses of the instruction and of the top of the stack.
#[cfg(target_arch = "aarch64")]
fn registers(context: &libc::ucontext_t) -> (usize, usize) {
    (context.uc_mcontext.pc as usize, context.uc_mcontext.sp as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_signal_comes_from_is_told_by_its_code() {
        let stack = 0x7fff_0000_0000;
        let fault = |address, why| Origin::Fault { address, why };
        for (signal, code, address, pid, expected) in [
            (libc::SIGSEGV, 1, 0x10, 0, fault(Some(0x10), "nothing is mapped there")),
            (libc::SIGSEGV, 2, 0x5000, 0, fault(Some(0x5000), "access is not allowed there")),
            (libc::SIGSEGV, SI_KERNEL, 0, 0, fault(None, "no valid address")),
            (libc::SIGSEGV, 2, stack - 8, 0, fault(Some(stack - 8), "stack overflow")),
            (libc::SIGSEGV, 1, stack - 4096, 0, fault(Some(stack - 4096), "stack overflow")),
            (libc::SIGSEGV, 1, stack - (1 << 20), 0, fault(Some(stack - (1 << 20)), "nothing is mapped there")),
            (libc::SIGBUS, 2, 0x6000, 0, fault(Some(0x6000), "nothing is behind the mapping there")),
            (libc::SIGFPE, 1, 0x7000, 0, fault(Some(0x7000), "integer division by zero")),
            (libc::SIGILL, 2, 0x7000, 0, fault(Some(0x7000), "illegal instruction")),
            (libc::SIGTRAP, SI_KERNEL, 0, 0, fault(None, "trap")),
            (libc::SIGABRT, -6, 0, 42, Origin::Raised),
            (libc::SIGSEGV, 0, 0, 7, Origin::Sent { pid: 7 }),
            (libc::SIGSEGV, 0, 0, 42, Origin::Raised),
        ] {
            assert_eq!(origin(signal, code, (address, stack), (pid, 42)), expected, "{signal} {code}");
        }
    }
}
