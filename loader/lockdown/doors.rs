//! The doors that lockdown shuts, as data. `build.rs` makes the filters of both architectures from this table.
//!
//! System calls that only read other processes are here with those that write them: whoever may read a neighbour's memory has its
//! secrets. A call that one architecture does not have has no number there.

/// A system call that is answered with EPERM.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    /// Its name, as in `man 2`.
    pub call: &'static str,
    /// Its number (<https://github.com/torvalds/linux/blob/master/arch/x86/entry/syscalls/syscall_64.tbl>).
    pub x86_64: Option<u32>,
    /// Its number (<https://github.com/torvalds/linux/blob/master/include/uapi/asm-generic/unistd.h>).
    pub aarch64: Option<u32>,
    /// With which arguments: any of these; empty: always.
    pub when: &'static [When],
}

/// A test of one argument, counted from 0. All of them are tested in their lower 32 bits: the kernel takes `int`s from there and
/// ignores the rest, and flags have no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// All these bits are set.
    Has(u8, u32),
    /// It is this.
    Is(u8, u32),
    /// It is not this.
    IsNot(u8, u32),
}

/// What numbers and calling conventions an architecture has.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// Linux' name of its native calling convention (`AUDIT_ARCH_…` in `linux/audit.h`); all others are refused, `int 0x80` among them.
    pub convention: u32,
    /// Numbers, first and last, that enter the kernel by another convention under the native one's name.
    pub foreign: &'static [(u32, u32)],
}

/// `AUDIT_ARCH_X86_64`. x32 calls have bit 30 set, and kernels before 5.4 take 512 to 547 without the bit for x32 calls too, `execve` and
/// `ptrace` among them (<https://github.com/torvalds/linux/commit/6365b842aae4490ebfafadfc6bb27a6d3cc54757>).
pub const X86_64: Machine = Machine { convention: 0xc000_003e, foreign: &[(512, 547), (0x4000_0000, 0xffff_ffff)] };

/// `AUDIT_ARCH_AARCH64`.
pub const AARCH64: Machine = Machine { convention: 0xc000_00b7, foreign: &[] };

const PROT_EXEC: u32 = 4;
const SHM_EXEC: u32 = 0o100_000;
const PR_SET_DUMPABLE: u32 = 4;
const PR_SET_MM: u32 = 35;
const PR_SET_PTRACER: u32 = 0x5961_6d61;
/// Asks what the personality is, and changes nothing.
const PERSONALITY_READ: u32 = 0xffff_ffff;
/// `userfaultfd` once more, by way of `/dev/userfaultfd` (`linux/userfaultfd.h`).
const USERFAULTFD_IOC_NEW: u32 = 0xaa00;

const fn door(call: &'static str, x86_64: u32, aarch64: u32) -> Door {
    Door { call, x86_64: Some(x86_64), aarch64: Some(aarch64), when: &[] }
}

const fn door_when(call: &'static str, x86_64: u32, aarch64: u32, when: &'static [When]) -> Door {
    Door { call, x86_64: Some(x86_64), aarch64: Some(aarch64), when }
}

const fn door_of_x86_64(call: &'static str, number: u32) -> Door {
    Door { call, x86_64: Some(number), aarch64: None, when: &[] }
}

/// All of them.
pub const DOORS: &[Door] = &[
    // New executable memory.
    door_when("mmap", 9, 222, &[When::Has(2, PROT_EXEC)]),
    door_when("mprotect", 10, 226, &[When::Has(2, PROT_EXEC)]),
    door_when("pkey_mprotect", 329, 288, &[When::Has(2, PROT_EXEC)]),
    door_when("shmat", 30, 196, &[When::Has(2, SHM_EXEC)]),
    // Under READ_IMPLIES_EXEC every readable mapping is executable.
    door_when("personality", 135, 92, &[When::IsNot(0, PERSONALITY_READ)]),
    // Puts other pages of a file where executable ones are.
    door("remap_file_pages", 216, 234),
    // Segments of 32-bit code.
    door_of_x86_64("modify_ldt", 154),
    // New programs.
    door("execve", 59, 221),
    door("execveat", 322, 281),
    door_of_x86_64("uselib", 134),
    // Writing and reading what only its owner should: a child of this process could do it to its parent.
    door("ptrace", 101, 117),
    door("process_vm_readv", 310, 270),
    door("process_vm_writev", 311, 271),
    door("pidfd_getfd", 438, 438),
    // Dumpable again, /proc/self/mem is open again; the other two move what the kernel knows of the process, and let in a tracer.
    door_when("prctl", 157, 167, &[When::Is(0, PR_SET_DUMPABLE), When::Is(0, PR_SET_MM), When::Is(0, PR_SET_PTRACER)]),
    // Work that the kernel does on the process's behalf, past this filter or into its memory.
    door("userfaultfd", 323, 282),
    door_when("ioctl", 16, 29, &[When::Is(1, USERFAULTFD_IOC_NEW)]),
    door("io_uring_setup", 425, 425),
    door("io_uring_enter", 426, 426),
    door("io_uring_register", 427, 427),
    door("bpf", 321, 280),
    door("perf_event_open", 298, 241),
    // New code of the kernel, as root may bring it.
    door("init_module", 175, 105),
    door("finit_module", 313, 273),
    door("kexec_load", 246, 104),
    door("kexec_file_load", 320, 294),
];
