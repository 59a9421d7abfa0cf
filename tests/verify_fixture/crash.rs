//! Tells a crash in the dynamic linker from one in the code that it runs.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Code of the dynamic linker and of libc: start and end.
static SYSTEM: [[AtomicU64; 2]; 4] = [const { [const { AtomicU64::new(0) }; 2] }; 4];
static EXIT: AtomicUsize = AtomicUsize::new(0);

/// From here on a crash whose instruction is neither the dynamic linker's nor libc's ends the process with `exit`; another ends it by
/// its signal.
#[expect(unsafe_code, reason = "installs a signal handler")]
pub(crate) fn tell_apart(exit: u8) {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let code = maps.lines().filter(|line| line.contains(" r-xp ") && (line.contains("/ld-linux") || line.contains("/libc.so")));
    let mut found = 0;
    for (line, place) in code.zip(&SYSTEM) {
        let (start, rest) = line.split_once('-').unwrap();
        let (end, _) = rest.split_once(' ').unwrap();
        place[0].store(u64::from_str_radix(start, 16).unwrap(), Ordering::Relaxed);
        place[1].store(u64::from_str_radix(end, 16).unwrap(), Ordering::Relaxed);
        found += 1;
    }
    assert!(found >= 2, "the linker and libc are mapped");
    EXIT.store(exit.into(), Ordering::Relaxed);
    // A stack of its own: the crash may be one of the stack.
    let stack = Box::leak(vec![0_u8; 64 << 10].into_boxed_slice());
    let stack = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: stack.len() };
    // SAFETY: the stack is never freed. The action is all zeros but for what is set, which is what its fields mean when they are not
    // used (sigaction(2)); the handler only does what is allowed in one: it loads atomics, resets an action, and leaves.
    unsafe {
        assert_eq!(libc::sigaltstack(&stack, std::ptr::null_mut()), 0);
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_crash as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP] {
            assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
        }
    }
}

#[expect(unsafe_code, reason = "reads the context that the kernel made")]
extern "C" fn on_crash(signal: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: with SA_SIGINFO the third argument is a ucontext_t of this frame (sigaction(2)).
    let context = unsafe { &*context.cast::<libc::ucontext_t>() };
    #[cfg(target_arch = "x86_64")]
    let at = context.uc_mcontext.gregs[libc::REG_RIP as usize].cast_unsigned();
    #[cfg(target_arch = "aarch64")]
    let at = context.uc_mcontext.pc;
    let inside = |[start, end]: &[AtomicU64; 2]| (start.load(Ordering::Relaxed)..end.load(Ordering::Relaxed)).contains(&at);
    // SAFETY: both are async-signal-safe (signal-safety(7)). Without its handler the signal comes again when this returns.
    unsafe {
        if !SYSTEM.iter().any(inside) {
            libc::_exit(EXIT.load(Ordering::Relaxed) as libc::c_int);
        }
        libc::signal(signal, libc::SIG_DFL);
    }
}
