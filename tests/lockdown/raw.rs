//! What attackers have: raw system calls, machine code, another process.

#![expect(unsafe_code, reason = "attacks are made of it")]

use std::io;

/// How large a page is on both architectures as Lambda has them.
pub(crate) const PAGE: usize = 4096;

/// `return 42`.
#[cfg(target_arch = "x86_64")]
pub(crate) const CODE: [u8; 8] = [0xb8, 42, 0, 0, 0, 0xc3, 0x90, 0x90];
/// `return 42`.
#[cfg(target_arch = "aarch64")]
pub(crate) const CODE: [u8; 8] = [0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6];

/// A system call by its number. Pointers among `arguments` are to memory of the caller that is as large as the call expects.
pub(crate) fn call(number: libc::c_long, arguments: &[usize]) -> io::Result<usize> {
    let argument = |index| arguments.get(index).copied().unwrap_or(0);
    // SAFETY: the caller's, and this is a process of its own that does nothing else: at worst the attack ends it, and fails.
    let result = unsafe { libc::syscall(number, argument(0), argument(1), argument(2), argument(3), argument(4), argument(5)) };
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Runs the machine code there.
pub(crate) fn run(address: usize) -> io::Result<()> {
    #[cfg(target_arch = "aarch64")]
    // SAFETY: cleans and drops what the caches have of the line; the address is mapped.
    unsafe {
        core::arch::asm!("dc cvau, {0}", "dsb ish", "ic ivau, {0}", "dsb ish", "isb", in(reg) address);
    }
    // SAFETY: only reached where the kernel has made the page executable; [`CODE`] stands there, which takes and touches nothing.
    let code: extern "C" fn() -> u32 = unsafe { std::mem::transmute(address) };
    if code() == 42 { Ok(()) } else { Err(io::Error::other("other code ran")) }
}

/// Writes [`CODE`] there.
pub(crate) fn write_code(address: usize) {
    // SAFETY: callers pass the start of a page that they have mapped for writing.
    unsafe { std::ptr::copy_nonoverlapping(CODE.as_ptr(), address as *mut u8, CODE.len()) }
}

/// A page that can be written, with these flags added.
pub(crate) fn page(flags: i32) -> io::Result<usize> {
    map(libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | flags)
}

/// A page.
pub(crate) fn map(protection: i32, flags: i32) -> io::Result<usize> {
    call(libc::SYS_mmap, &[0, PAGE, protection as usize, flags as usize, usize::MAX, 0])
}

/// What the attacks on code that is there overwrite: returns 7.
#[inline(never)]
#[unsafe(no_mangle)]
pub(crate) extern "C" fn lockdown_victim() -> u32 {
    std::hint::black_box(std::hint::black_box(3) + std::hint::black_box(4))
}

/// Where it is.
pub(crate) fn victim() -> usize {
    lockdown_victim as extern "C" fn() -> u32 as usize
}

/// Whether an attack has changed it.
pub(crate) fn victim_changed() -> io::Result<()> {
    match std::hint::black_box(lockdown_victim as extern "C" fn() -> u32)() {
        42 => Ok(()),
        _ => Err(io::Error::other("the code is as it was")),
    }
}

/// Does it in a child process, made without `exec`, and gives back its error.
pub(crate) fn in_child(work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    // SAFETY: attacks that fork have no second thread that could hold a lock.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let code = match work() {
                Ok(()) => 0,
                Err(error) => error.raw_os_error().unwrap_or(255),
            };
            // SAFETY: ends this process, and nothing of it is needed again.
            unsafe { libc::_exit(code) }
        }
        child => finish(child),
    }
}

/// Waits for a child.
pub(crate) fn finish(child: i32) -> io::Result<()> {
    let mut status = 0;
    // SAFETY: the status is this function's own.
    while unsafe { libc::waitpid(child, &raw mut status, 0) } == -1 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    match (libc::WIFEXITED(status), libc::WEXITSTATUS(status)) {
        (true, 0) => Ok(()),
        (true, 255) => Err(io::Error::other("the child did not manage")),
        (true, code) => Err(io::Error::from_raw_os_error(code)),
        (false, _) => Err(io::Error::other(format!("the child ended with status {status:#x}"))),
    }
}

/// `mprotect` by the 32-bit convention, which takes addresses below 4 GB.
#[cfg(target_arch = "x86_64")]
pub(crate) fn mprotect_by_int80(address: usize, protection: usize) -> io::Result<()> {
    const MPROTECT: i64 = 125;
    let result: i64;
    // SAFETY: changes the protection of a page of the caller; rbx, which the compiler keeps to itself, is put back, and what kernels
    // before 4.15 clear is named.
    unsafe {
        core::arch::asm!(
            "xchg rbx, {address}", "int 0x80", "xchg rbx, {address}",
            address = inout(reg) address => _,
            inlateout("rax") MPROTECT => result,
            in("rcx") PAGE, in("rdx") protection,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    // The result has 32 bits.
    match result as i32 {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(-error)),
    }
}
