//! The ways in which code ends its process.
#![expect(unsafe_code, reason = "what is shown here has no safe spelling")]

use bytes::Bytes;
use lambda_plugin_abi::Error;
use serde_json::Value;
use std::hint::black_box;
use std::time::Duration;

/// What `input` says; `segv` where it says nothing.
fn how(event: &Value) -> String {
    event["input"].as_str().unwrap_or("segv").to_owned()
}

/// Reads from the address 0x10.
fn segv() {
    let nowhere: *const u8 = std::ptr::without_provenance(0x10);
    // SAFETY: none: nothing is mapped there. The kernel stops it, as the tests want.
    black_box(unsafe { nowhere.read_volatile() });
}

/// Reads behind the end of a mapped file.
fn bus() {
    // SAFETY: none for the read: there is a mapping and no file behind it. The rest touches only what it has made itself.
    unsafe {
        let file = libc::memfd_create(c"empty".as_ptr(), 0);
        let mapped = libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ, libc::MAP_SHARED, file, 0);
        black_box(mapped.cast::<u8>().read_volatile());
    }
}

fn ill() {
    // SAFETY: an instruction that no processor has: it does nothing but end the process.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        std::arch::asm!("ud2");
        #[cfg(target_arch = "aarch64")]
        std::arch::asm!("udf #0");
    }
}

fn trap() {
    // SAFETY: an instruction that stops for a debugger, and without one ends the process.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        std::arch::asm!("int3");
        #[cfg(target_arch = "aarch64")]
        std::arch::asm!("brk #1");
    }
}

fn fpe() {
    // SAFETY: a division by zero, which Rust's own operator would have found out.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!("div {zero:e}", zero = in(reg) 0, inout("eax") 1 => _, inout("edx") 0 => _);
    }
    // SAFETY: sends a signal to this thread. The processor itself divides by zero without one.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        libc::raise(libc::SIGFPE);
    }
}

/// Calls a function that is not there.
fn jump() {
    // SAFETY: none: nothing is mapped there.
    let nowhere: extern "C" fn() = unsafe { std::mem::transmute(std::ptr::without_provenance::<()>(0x20)) };
    nowhere();
}

/// Follows a pointer that no memory can have.
fn wild() {
    let nowhere: *const u8 = std::ptr::without_provenance(0xdead_0000_0000_0000);
    // SAFETY: none.
    black_box(unsafe { nowhere.read_volatile() });
}

fn overflow(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { overflow(depth + 1) + frame[black_box(63)] }
}

/// Takes the heap away first: whatever wants to tell of the crash finds nothing there.
fn heap() {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let line = maps.lines().find(|line| line.ends_with("[heap]")).unwrap_or_default();
    let (start, end) = line.split(' ').next().and_then(|range| range.split_once('-')).unwrap_or_default();
    let number = |text| usize::from_str_radix(text, 16).unwrap_or_default();
    let (start, length) = (number(start), number(end) - number(start));
    // SAFETY: none: all that the process has allocated is there.
    unsafe { libc::mprotect(std::ptr::without_provenance_mut(start), length, libc::PROT_NONE) };
    segv();
}

/// Has this thread's requests to send a signal with information, and to ask for its name, answered by EPERM, as sandboxes may.
fn deny() {
    let denied = [libc::SYS_rt_tgsigqueueinfo, libc::SYS_prctl];
    // Classic BPF: the number of the system call, compared with each, then allowed.
    let instruction = |code: u32, k: u32, jt| libc::sock_filter { code: code as u16, jt, jf: 0, k };
    let mut filter = vec![instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0)];
    filter.extend(
        denied
            .iter()
            .zip([2, 1])
            .map(|(call, jump)| instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, *call as u32, jump)),
    );
    filter.push(instruction(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0));
    filter.push(instruction(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32, 0));
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: `program` describes a filter that lives during the call; it is this thread's alone.
    let installed = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program)
    };
    assert_eq!(installed, 0, "no filter");
}

/// Ends the process; an error where `how` is none of its ways.
pub(crate) fn crash_by(how: &str) -> Result<(), Error> {
    match how {
        "segv" => segv(),
        "bus" => bus(),
        "ill" => ill(),
        "fpe" => fpe(),
        "trap" => trap(),
        "abort" => std::process::abort(),
        "jump" => jump(),
        "wild" => wild(),
        "heap" => heap(),
        "overflow" => drop(black_box(overflow(black_box(0)))),
        // SAFETY: sends a signal to this thread.
        "raise" => drop(unsafe { libc::raise(libc::SIGSEGV) }),
        "denied" | "denied abort" | "denied raise" => {
            deny();
            return crash_by(how.strip_prefix("denied ").unwrap_or("segv"));
        }
        // Six threads at once, on stacks of their own.
        "many" => {
            let threads: Vec<_> = (0..6).map(|_| std::thread::spawn(segv)).collect();
            threads.into_iter().for_each(|thread| drop(thread.join()));
        }
        // A plugin that has a handler of its own.
        "own" => {
            extern "C" fn end(_signal: libc::c_int) {
                // SAFETY: takes any number, and may be called in a signal handler.
                unsafe { libc::_exit(7) }
            }
            // SAFETY: `end` has the signature of a handler.
            unsafe { libc::signal(libc::SIGSEGV, end as *const () as usize) };
            segv();
        }
        // A process that it has made, and not itself.
        "child" => {
            // SAFETY: the child only crashes; the parent waits for it.
            let status = unsafe {
                match libc::fork() {
                    0 => {
                        segv();
                        libc::_exit(0)
                    }
                    child => {
                        let mut status = 0;
                        libc::waitpid(child, &raw mut status, 0);
                        status
                    }
                }
            };
            return if libc::WIFSIGNALED(status) { Ok(()) } else { Err(Error::new("Child", "lives")) };
        }
        _ => return Err(Error::new("InputInvalid", "no such way to crash")),
    }
    Err(Error::new("Survived", "the process goes on"))
}

/// In the handler's own call.
pub(crate) fn crash(event: Value) -> Result<(), Error> {
    crash_by(&how(&event))
}

/// In a poll after the first.
pub(crate) async fn crash_later(event: Value) -> Result<(), Error> {
    tokio::time::sleep(Duration::from_millis(2)).await;
    crash_by(&how(&event))
}

/// While it is dropped at its deadline.
pub(crate) async fn crash_in_drop(event: Value) -> Result<(), Error> {
    struct Guard(String);
    impl Drop for Guard {
        fn drop(&mut self) {
            let _survived = crash_by(&self.0);
        }
    }
    let _guard = Guard(how(&event));
    std::future::pending().await
}

/// When the reply is let go: its bytes are the plugin's.
pub(crate) fn crash_in_reply(event: Value) -> Result<Bytes, Error> {
    struct Reply(String);
    impl AsRef<[u8]> for Reply {
        fn as_ref(&self) -> &[u8] {
            b"null"
        }
    }
    impl Drop for Reply {
        fn drop(&mut self) {
            let _survived = crash_by(&self.0);
        }
    }
    Ok(Bytes::from_owner(Reply(how(&event))))
}

/// On the loader's main thread, from another, as soon as there is a file at `input`.
pub(crate) fn crash_the_loader(event: Value) -> Result<(), Error> {
    std::thread::Builder::new().spawn(move || {
        while !std::path::Path::new(&how(&event)).exists() {
            std::thread::sleep(Duration::from_millis(20));
        }
        // SAFETY: sends a signal to a thread of this process; the main one has its number.
        unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), libc::getpid(), libc::SIGSEGV) }
    })?;
    Ok(())
}

/// In a task on the plugin's own runtime.
pub(crate) async fn crash_spawned(event: Value) -> Result<(), Error> {
    tokio::spawn(async move { crash_by(&how(&event)) }).await?
}

/// On a thread that neither the loader nor the kit knows of.
pub(crate) fn crash_in_thread(event: Value) -> Result<(), Error> {
    let thread = std::thread::Builder::new().name("of-its-own".into()).spawn(move || crash_by(&how(&event)))?;
    thread.join().map_err(|_| Error::new("Thread", "panicked"))?
}
