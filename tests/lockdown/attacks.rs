//! One attack for each door. Each prepares what a process can have before it is locked, then locks, then does it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd as _, IntoRawFd as _};
use std::os::unix::fs::FileExt as _;
use std::process::Command;

use crate::raw::{CODE, PAGE, call, in_child, map, page, run, victim, victim_changed, write_code};

/// Locks, or does nothing where the attack is to succeed.
pub(crate) type Lock<'l> = &'l dyn Fn();

/// An attack.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) door: Door,
    pub(crate) run: fn(Lock<'_>) -> io::Result<()>,
}

/// What is known of a door before it is tried.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// It is open to all wherever nothing shuts it.
    Everywhere,
    /// Some kernels do not have it, or shut it themselves to some users: the answer under lockdown is shown nevertheless.
    Somewhere,
    /// Lockdown cannot shut it to root, and says so.
    ToRoot,
}

const fn attack(name: &'static str, door: Door, run: fn(Lock<'_>) -> io::Result<()>) -> Attack {
    Attack { name, door, run }
}

const READ: i32 = libc::PROT_READ;
const WRITE: i32 = libc::PROT_WRITE;
const EXECUTE: i32 = libc::PROT_EXEC;
const USERFAULTFD_IOC_NEW: usize = 0xaa00;
const ANONYMOUS: i32 = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;

pub(crate) const ATTACKS: &[Attack] = &[
    attack("mmap of executable memory", Door::Everywhere, |lock| {
        lock();
        let page = map(READ | WRITE | EXECUTE, ANONYMOUS)?;
        write_code(page);
        run(page)
    }),
    attack("mmap of a file as code", Door::Everywhere, |lock| {
        let file = tempfile::tempfile()?;
        file.write_all_at(&CODE, 0)?;
        lock();
        let descriptor = file.as_raw_fd() as usize;
        run(call(libc::SYS_mmap, &[0, PAGE, (READ | EXECUTE) as usize, libc::MAP_PRIVATE as usize, descriptor, 0])?)
    }),
    attack("mprotect of written memory", Door::Everywhere, |lock| {
        let page = page(0)?;
        write_code(page);
        lock();
        call(libc::SYS_mprotect, &[page, PAGE, (READ | EXECUTE) as usize])?;
        run(page)
    }),
    attack("mprotect with bits above the flags", Door::Everywhere, |lock| {
        // What the kernel does not know it refuses: nothing is to be had but a filter that looks at too many bits.
        let page = page(0)?;
        write_code(page);
        lock();
        call(libc::SYS_mprotect, &[page, PAGE, (READ | EXECUTE) as usize | 1 << 40]).or_else(|error| {
            match error.raw_os_error() {
                Some(libc::EINVAL) => call(libc::SYS_mprotect, &[page, PAGE, (READ | EXECUTE) as usize]),
                _ => Err(error),
            }
        })?;
        run(page)
    }),
    attack("pkey_mprotect of written memory", Door::Somewhere, |lock| {
        let page = page(0)?;
        write_code(page);
        lock();
        call(libc::SYS_pkey_mprotect, &[page, PAGE, (READ | EXECUTE) as usize, usize::MAX])?;
        run(page)
    }),
    attack("mprotect by a thread that was there before", Door::Everywhere, |lock| {
        let page = page(0)?;
        write_code(page);
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let _closed = wait.recv();
            call(libc::SYS_mprotect, &[page, PAGE, (READ | EXECUTE) as usize])?;
            run(page)
        });
        lock();
        drop(go);
        thread.join().expect("it returns")
    }),
    attack("mprotect by a thread that is started later", Door::Everywhere, |lock| {
        let page = page(0)?;
        write_code(page);
        lock();
        let work = move || {
            call(libc::SYS_mprotect, &[page, PAGE, (READ | EXECUTE) as usize])?;
            run(page)
        };
        std::thread::spawn(work).join().expect("it returns")
    }),
    attack("mprotect by a child process", Door::Everywhere, |lock| {
        let page = page(0)?;
        write_code(page);
        lock();
        in_child(|| {
            call(libc::SYS_mprotect, &[page, PAGE, (READ | EXECUTE) as usize])?;
            run(page)
        })
    }),
    attack("shmat of executable memory", Door::Everywhere, |lock| {
        let memory = call(libc::SYS_shmget, &[libc::IPC_PRIVATE as usize, PAGE, libc::IPC_CREAT as usize | 0o700])?;
        let page = call(libc::SYS_shmat, &[memory, 0, 0])?;
        // Gone with the process, and until then still to be had by its number.
        call(libc::SYS_shmctl, &[memory, libc::IPC_RMID as usize])?;
        write_code(page);
        lock();
        run(call(libc::SYS_shmat, &[memory, 0, (libc::SHM_EXEC | libc::SHM_RDONLY) as usize])?)
    }),
    attack("personality then mmap", Door::Everywhere, |lock| {
        lock();
        call(libc::SYS_personality, &[libc::READ_IMPLIES_EXEC as usize])?;
        let page = page(0)?;
        write_code(page);
        run(page)
    }),
    attack("remap_file_pages below executable memory", Door::Somewhere, |lock| {
        let file = tempfile::tempfile()?;
        file.set_len(2 * PAGE as u64)?;
        file.write_all_at(&CODE, PAGE as u64)?;
        let descriptor = file.as_raw_fd() as usize;
        let code =
            call(libc::SYS_mmap, &[0, 2 * PAGE, (READ | WRITE | EXECUTE) as usize, libc::MAP_SHARED as usize, descriptor, 0])?;
        lock();
        call(libc::SYS_remap_file_pages, &[code, PAGE, 0, 1, 0])?;
        run(code)
    }),
    attack("dlopen", Door::Everywhere, |lock| {
        let file = std::env::var_os("LOCKDOWN_LIBRARY").expect("the parent names it");
        lock();
        open_library(&file)
    }),
    attack("/proc/self/mem", Door::ToRoot, |lock| {
        lock();
        let memory = OpenOptions::new().write(true).open("/proc/self/mem")?;
        memory.write_all_at(&CODE, victim() as u64)?;
        victim_changed()
    }),
    attack("/proc/PARENT/mem, by a child process", Door::ToRoot, |lock| {
        let parent = std::process::id();
        lock();
        in_child(|| {
            let memory = OpenOptions::new().write(true).open(format!("/proc/{parent}/mem"))?;
            memory.write_all_at(&CODE, victim() as u64)
        })?;
        victim_changed()
    }),
    attack("/proc/PID/mem, by another process of the user", Door::ToRoot, |lock| {
        let parent = std::process::id();
        let (mut told, mut tell) = std::io::pipe()?;
        let (mut hear, mut answer) = std::io::pipe()?;
        // It was there before, and no filter holds it.
        let other = std::thread::spawn(move || {
            in_child(|| {
                io::Read::read_exact(&mut told, &mut [0])?;
                let done = OpenOptions::new().write(true).open(format!("/proc/{parent}/mem"));
                let done = done.and_then(|memory| memory.write_all_at(&CODE, victim() as u64));
                io::Write::write_all(&mut answer, &[done.err().and_then(|error| error.raw_os_error()).unwrap_or(0) as u8])
            })
        });
        lock();
        io::Write::write_all(&mut tell, &[1])?;
        let mut error = [0];
        io::Read::read_exact(&mut hear, &mut error)?;
        other.join().expect("it returns")?;
        if error[0] != 0 {
            return Err(io::Error::from_raw_os_error(error[0].into()));
        }
        victim_changed()
    }),
    attack("prctl to be dumpable again", Door::Everywhere, |lock| {
        lock();
        call(libc::SYS_prctl, &[libc::PR_SET_DUMPABLE as usize, 1]).map(drop)
    }),
    attack("prctl to be dumpable again, with bits above an int", Door::Everywhere, |lock| {
        lock();
        call(libc::SYS_prctl, &[libc::PR_SET_DUMPABLE as usize | 1 << 32, 1]).map(drop)
    }),
    attack("prctl about where memory lies", Door::Somewhere, |lock| {
        const PR_SET_MM_MAP_SIZE: usize = 15;
        let mut size = 0_u32;
        lock();
        call(libc::SYS_prctl, &[libc::PR_SET_MM as usize, PR_SET_MM_MAP_SIZE, &raw mut size as usize]).map(drop)
    }),
    attack("prctl to let anybody trace", Door::Somewhere, |lock| {
        lock();
        call(libc::SYS_prctl, &[libc::PR_SET_PTRACER as usize, usize::MAX]).map(drop)
    }),
    attack("ptrace of the parent", Door::Somewhere, |lock| {
        let parent = std::process::id() as usize;
        // Where Yama wants it, the parent agrees.
        let _only_yama = call(libc::SYS_prctl, &[libc::PR_SET_PTRACER as usize, usize::MAX]);
        lock();
        in_child(|| {
            call(libc::SYS_ptrace, &[libc::PTRACE_ATTACH as usize, parent])?;
            call(libc::SYS_wait4, &[parent, 0, libc::__WALL as usize])?;
            let word = usize::from_ne_bytes(CODE);
            let written = call(libc::SYS_ptrace, &[libc::PTRACE_POKETEXT as usize, parent, victim(), word]);
            call(libc::SYS_ptrace, &[libc::PTRACE_DETACH as usize, parent])?;
            written.map(drop)
        })?;
        victim_changed()
    }),
    attack("process_vm_writev", Door::Somewhere, |lock| {
        let (from, to) = ([42_u8; 8], [0_u8; 8]);
        let (from, into) = (vector(&from), vector(&to));
        lock();
        let this = std::process::id() as usize;
        call(libc::SYS_process_vm_writev, &[this, &raw const from as usize, 1, &raw const into as usize, 1, 0])?;
        if std::hint::black_box(&to) == &[42; 8] { Ok(()) } else { Err(io::Error::other("nothing was written")) }
    }),
    attack("process_vm_readv", Door::Somewhere, |lock| {
        let (from, to) = ([42_u8; 8], [0_u8; 8]);
        let (from, into) = (vector(&from), vector(&to));
        lock();
        let this = std::process::id() as usize;
        call(libc::SYS_process_vm_readv, &[this, &raw const into as usize, 1, &raw const from as usize, 1, 0])?;
        if std::hint::black_box(&to) == &[42; 8] { Ok(()) } else { Err(io::Error::other("nothing was read")) }
    }),
    attack("pidfd_getfd", Door::Somewhere, |lock| {
        let file = tempfile::tempfile()?;
        let this = call(libc::SYS_pidfd_open, &[std::process::id() as usize])?;
        lock();
        call(libc::SYS_pidfd_getfd, &[this, file.as_raw_fd() as usize]).map(drop)
    }),
    attack("userfaultfd", Door::Somewhere, |lock| {
        const UFFD_USER_MODE_ONLY: usize = 1;
        lock();
        call(libc::SYS_userfaultfd, &[UFFD_USER_MODE_ONLY]).map(drop)
    }),
    attack("userfaultfd by its device", Door::Somewhere, |lock| {
        let device = faults();
        lock();
        call(libc::SYS_ioctl, &[device, USERFAULTFD_IOC_NEW, 0]).map(drop)
    }),
    attack("userfaultfd by its device, with bits above an int", Door::Somewhere, |lock| {
        let device = faults();
        lock();
        call(libc::SYS_ioctl, &[device, USERFAULTFD_IOC_NEW | 1 << 32, 0]).map(drop)
    }),
    attack("io_uring_setup", Door::Somewhere, |lock| {
        lock();
        ring().map(drop)
    }),
    attack("io_uring_enter of a ring from before", Door::Somewhere, |lock| {
        let ring = ring();
        lock();
        call(libc::SYS_io_uring_enter, &[ring.unwrap_or(usize::MAX), 0, 0, 0]).map(drop)
    }),
    attack("io_uring_register of a ring from before", Door::Somewhere, |lock| {
        const IORING_REGISTER_PROBE: usize = 8;
        let mut probe = [0_u64; 2 + 256];
        let ring = ring();
        lock();
        let arguments = [ring.unwrap_or(usize::MAX), IORING_REGISTER_PROBE, probe.as_mut_ptr() as usize, 256];
        call(libc::SYS_io_uring_register, &arguments).map(drop)
    }),
    attack("bpf", Door::Somewhere, |lock| {
        const BPF_MAP_CREATE: usize = 0;
        // An array of one number.
        let what = [2_u32, 4, 4, 1];
        lock();
        call(libc::SYS_bpf, &[BPF_MAP_CREATE, what.as_ptr() as usize, size_of_val(&what)]).map(drop)
    }),
    attack("perf_event_open", Door::Somewhere, |lock| {
        // `struct perf_event_attr` in its first version, 64 bytes: the software clock, without the kernel's own time.
        let mut what = [0_u64; 8];
        what[0] = 1 | 64 << 32;
        what[5] = 1 << 5;
        lock();
        call(libc::SYS_perf_event_open, &[what.as_ptr() as usize, 0, usize::MAX, usize::MAX, 0]).map(drop)
    }),
    // What the next four would bring is none: an attack has succeeded where the kernel has looked at it.
    attack("init_module", Door::Somewhere, |lock| {
        lock();
        let module = [0_u8; 64];
        seen(call(libc::SYS_init_module, &[module.as_ptr() as usize, module.len(), c"".as_ptr() as usize]), libc::ENOEXEC)
    }),
    attack("finit_module of an open file", Door::Somewhere, |lock| {
        let file = File::open(std::env::current_exe()?)?;
        const NO_FLAG: usize = 1 << 30;
        lock();
        seen(call(libc::SYS_finit_module, &[file.as_raw_fd() as usize, c"".as_ptr() as usize, NO_FLAG]), libc::EINVAL)
    }),
    attack("kexec_load", Door::Somewhere, |lock| {
        const NO_FLAG: usize = 1 << 15;
        lock();
        seen(call(libc::SYS_kexec_load, &[0, 0, 0, NO_FLAG]), libc::EINVAL)
    }),
    attack("kexec_file_load", Door::Somewhere, |lock| {
        const NO_FLAG: usize = 1 << 30;
        lock();
        seen(call(libc::SYS_kexec_file_load, &[usize::MAX, usize::MAX, 0, 0, NO_FLAG]), libc::EINVAL)
    }),
    attack("execve", Door::Everywhere, |lock| {
        lock();
        Command::new("/bin/true").status().map(drop)
    }),
    attack("execve by a child process", Door::Everywhere, |lock| {
        lock();
        in_child(|| {
            let arguments = [c"true".as_ptr() as usize, 0];
            call(libc::SYS_execve, &[c"/bin/true".as_ptr() as usize, arguments.as_ptr() as usize, 0]).map(drop)
        })
    }),
    attack("execveat of an open file", Door::Everywhere, |lock| {
        let program = File::open("/bin/true")?;
        lock();
        in_child(|| {
            let (descriptor, arguments) = (program.as_raw_fd() as usize, [c"true".as_ptr() as usize, 0]);
            let empty = c"".as_ptr() as usize;
            call(libc::SYS_execveat, &[descriptor, empty, arguments.as_ptr() as usize, 0, libc::AT_EMPTY_PATH as usize]).map(drop)
        })
    }),
    #[cfg(target_arch = "x86_64")]
    attack("uselib", Door::Somewhere, |lock| {
        lock();
        call(libc::SYS_uselib, &[c"/bin/true".as_ptr() as usize]).map(drop)
    }),
    #[cfg(target_arch = "x86_64")]
    attack("modify_ldt", Door::Somewhere, |lock| {
        // `struct user_desc`: the first entry, a segment of 32-bit code over all of the address space.
        let segment = [0_u32, 0, 0xf_ffff, 1 | 2 << 1 | 1 << 4];
        lock();
        match call(libc::SYS_modify_ldt, &[1, segment.as_ptr() as usize, size_of_val(&segment)])? {
            0 => Ok(()),
            // The kernel's answer has 32 bits, unlike those of all other calls.
            error => Err(io::Error::from_raw_os_error(-(error as i32))),
        }
    }),
    #[cfg(target_arch = "x86_64")]
    attack("the 32-bit convention, by int 0x80", Door::Somewhere, |lock| {
        let page = page(libc::MAP_32BIT)?;
        write_code(page);
        lock();
        crate::raw::mprotect_by_int80(page, (READ | EXECUTE) as usize)?;
        run(page)
    }),
    #[cfg(target_arch = "x86_64")]
    attack("the x32 convention", Door::Somewhere, |lock| {
        const X32: libc::c_long = 0x4000_0000;
        let page = page(libc::MAP_32BIT)?;
        write_code(page);
        lock();
        call(libc::SYS_mprotect | X32, &[page, PAGE, (READ | EXECUTE) as usize])?;
        run(page)
    }),
    #[cfg(target_arch = "x86_64")]
    attack("x32 numbers without their mark", Door::Somewhere, |lock| {
        const X32_EXECVE: libc::c_long = 520;
        lock();
        in_child(|| call(X32_EXECVE, &[c"/bin/true".as_ptr() as usize]).map(drop))
    }),
];

/// Whether the kernel has come as far as this complaint.
fn seen(answer: io::Result<usize>, complaint: i32) -> io::Result<()> {
    match answer {
        Err(error) if error.raw_os_error() == Some(complaint) => Ok(()),
        other => other.map(drop),
    }
}

/// The other way to `userfaultfd`, as root has it; no descriptor to others.
fn faults() -> usize {
    File::open("/dev/userfaultfd").map_or(usize::MAX, |device| device.into_raw_fd() as usize)
}

fn ring() -> io::Result<usize> {
    let mut parameters = [0_u32; 30];
    call(libc::SYS_io_uring_setup, &[1, parameters.as_mut_ptr() as usize])
}

fn vector(bytes: &[u8; 8]) -> libc::iovec {
    libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: 8 }
}

#[expect(unsafe_code, reason = "opens a shared object")]
fn open_library(file: &std::ffi::OsStr) -> io::Result<()> {
    // SAFETY: its constructor and its function touch nothing but its own data.
    let opened = unsafe { libloading::Library::new(file) };
    match opened {
        Ok(library) => {
            // SAFETY: the test's source says that this is its type.
            let answer = unsafe { library.get::<extern "C" fn() -> u32>(b"answer") }.expect("it is there");
            if answer() == 42 { Ok(()) } else { Err(io::Error::other("other code ran")) }
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            // What the dynamic linker makes of `mmap`'s EPERM; it does not say the number.
            let denied = cause.contains("failed to map segment from shared object");
            Err(if denied { io::Error::from_raw_os_error(libc::EPERM) } else { io::Error::other(cause) })
        }
    }
}
