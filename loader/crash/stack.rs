//! Alternate stacks: a thread that has overrun its own can still say so.

use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

use crate::log::{self, Level};

/// What the handler uses at most, many times over, in a build without optimisation.
const HANDLER: usize = 64 << 10;

/// Key of the auxiliary vector: what the kernel itself puts on a signal's stack, which grows with the processor's registers
/// (`AT_MINSIGSTKSZ`, <https://docs.kernel.org/arch/x86/elf_auxvec.html>).
const AT_MINSIGSTKSZ: libc::c_ulong = 51;

thread_local! {
    static STACK: RefCell<Option<Stack>> = const { RefCell::new(None) };
    /// Whether the thread is one of the loader's or of the kit's. Apart from `STACK`, so that the signal handler reads memory alone.
    static KNOWN: Cell<bool> = const { Cell::new(false) };
}

/// Memory for the signals of one thread, above a page that nothing may touch.
struct Stack {
    start: *mut c_void,
    length: usize,
}

/// Gives this thread a stack for its signals until it ends. Later calls change nothing; where there is no memory for it, the thread goes
/// on without: then an overflow of its stack leaves no line.
///
/// std has given one to the threads that it started, too small for a processor whose registers alone fill it: this takes its place.
pub fn watch_thread() {
    KNOWN.set(true);
    // Fails only while the thread ends.
    let _ending = STACK.try_with(|stack| {
        let mut stack = stack.borrow_mut();
        if stack.is_none() {
            match Stack::for_this_thread() {
                Ok(made) => *stack = Some(made),
                Err(error) => log::line(Level::Warn, &format!("a thread has no stack of its own for signals: {error}")),
            }
        }
    });
}

/// Whether this thread is one of the loader's or of the kit's.
pub(super) fn is_known() -> bool {
    KNOWN.get()
}

impl Stack {
    #[expect(unsafe_code, reason = "maps memory and gives it to the kernel")]
    fn for_this_thread() -> std::io::Result<Self> {
        // 0 under a sandbox that answers success to every `prctl`, by which it is asked for.
        let page = rustix::param::page_size().max(4096);
        // SAFETY: takes any key, and answers 0 for one that this kernel does not have (`getauxval(3)`).
        let kernel = usize::try_from(unsafe { libc::getauxval(AT_MINSIGSTKSZ) }).unwrap_or_default();
        let room = (HANDLER + kernel).next_multiple_of(page);
        let length = room + page;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::STACK;
        // SAFETY: a null hint without MAP_FIXED touches no memory that is in use (`mmap(2)`).
        let start = unsafe { mmap_anonymous(ptr::null_mut(), length, ProtFlags::empty(), flags) }?;
        let stack = Stack { start, length };
        let bottom = start.wrapping_byte_add(page);
        // SAFETY: the upper part of the mapping that was just made and that nobody else knows (`mprotect(2)`).
        unsafe { mprotect(bottom, room, MprotectFlags::READ | MprotectFlags::WRITE) }?;
        let alternate = libc::stack_t { ss_sp: bottom, ss_flags: 0, ss_size: room };
        // SAFETY: `alternate` describes memory that stays mapped until `drop` has taken it back from the kernel, on this thread.
        match unsafe { libc::sigaltstack(&raw const alternate, ptr::null_mut()) } {
            0 => Ok(stack),
            _ => Err(std::io::Error::last_os_error()),
        }
    }
}

impl Drop for Stack {
    #[expect(unsafe_code, reason = "takes memory back from the kernel")]
    fn drop(&mut self) {
        // Not the one that was there before: std has freed its own by now, if it ends this thread.
        let none = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
        // SAFETY: `none` is a valid description of no stack, and no handler runs on this thread's: one that does never returns here.
        unsafe { libc::sigaltstack(&raw const none, ptr::null_mut()) };
        // SAFETY: exactly the mapping of `for_this_thread`, which the kernel uses no more. An error would only leave it mapped.
        let _ = unsafe { munmap(self.start, self.length) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn current() -> libc::stack_t {
        let mut current = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: 0, ss_size: 0 };
        // SAFETY: asks, and changes nothing (`sigaltstack(2)`).
        #[expect(unsafe_code, reason = "asks the kernel")]
        let answer = unsafe { libc::sigaltstack(ptr::null(), &raw mut current) };
        assert_eq!(answer, 0);
        current
    }

    /// The mapping that an address lies in, of this process.
    fn mapped(address: usize) -> Option<String> {
        std::fs::read_to_string("/proc/self/maps").unwrap().lines().map(str::to_owned).find(|line| {
            let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
            let number = |text| usize::from_str_radix(text, 16).unwrap();
            (number(start)..number(end)).contains(&address)
        })
    }

    #[test]
    fn a_thread_has_a_stack_for_signals_above_a_page_that_nothing_may_touch_until_it_ends() {
        let start = std::thread::spawn(|| {
            watch_thread();
            let first = current();
            assert!(first.ss_size >= HANDLER && first.ss_flags & libc::SS_DISABLE == 0);
            watch_thread();
            assert_eq!(current().ss_sp, first.ss_sp, "once a thread");
            let start = first.ss_sp.addr();
            let (above, below) = (mapped(start).unwrap(), mapped(start - 1).unwrap());
            assert!(above.contains(" rw-p ") && below.contains(" ---p "), "{above}\n{below}");
            start
        });
        let start = start.join().unwrap();
        // Another thread's may lie there by now, and then with other bounds.
        let left = mapped(start).filter(|line| line.starts_with(&format!("{start:x}-")) && line.contains(" rw-p "));
        assert!(left.is_none() || current().ss_sp.addr() != start, "{left:?}");
    }
}
