//! The end of a process in which plugins run.

/// Ends the process now, with `code`.
///
/// Not through `exit`: that would run destructors of plugins and of libc while threads of plugins still run. The log is unbuffered,
/// so nothing is lost.
pub fn at_once(code: u8) -> ! {
    // SAFETY: `_exit` takes any number and does not return (`_exit(2)`).
    #[expect(unsafe_code, reason = "std has no exit without destructors")]
    unsafe {
        libc::_exit(i32::from(code))
    }
}
