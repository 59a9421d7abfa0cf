//! The filters of both architectures, read by a small interpreter of classic BPF. That the kernel reads them the same way is what the
//! attacks show on the machine that runs them. Numbers are judged by the tables of `seccompiler`, which nobody here has written.

use std::collections::BTreeSet;

use lambda_loader::Architecture;
use lambda_loader::lockdown::doors::{DOORS, Door, When};
use lambda_loader::lockdown::filter::program;
use seccompiler::{TargetArch, compile_from_json, sock_filter};

use crate::Test;

pub(crate) const TESTS: &[Test] = &[
    ("each number of the table is that of its call", numbers_are_those_of_their_calls),
    ("each filter denies what it should and nothing beside it", filters_deny_what_they_should),
    ("each filter denies every call by another convention", other_conventions_are_denied),
    ("each filter ends with an answer within the kernel's limits", filters_are_well_formed),
];

const ALLOW: u32 = 0x7fff_0000;
const EPERM: u32 = 0x0005_0001;

/// `AUDIT_ARCH_…` of what could call instead (`linux/audit.h`).
const I386: u32 = 0x4000_0003;
const ARM: u32 = 0x4000_0028;
const RISCV64: u32 = 0xc000_00f3;

fn convention(architecture: Architecture) -> u32 {
    match architecture {
        Architecture::X86_64 => 0xc000_003e,
        Architecture::Aarch64 => 0xc000_00b7,
    }
}

/// `struct seccomp_data` as the kernel hands it to a filter.
#[derive(Clone, Copy)]
struct Call {
    convention: u32,
    number: u32,
    arguments: [u64; 6],
}

impl Call {
    fn word(&self, offset: u32) -> u32 {
        match offset {
            0 => self.number,
            4 => self.convention,
            16..64 if offset.is_multiple_of(4) => {
                let argument = self.arguments[(offset as usize - 16) / 8];
                if offset.is_multiple_of(8) { argument as u32 } else { (argument >> 32) as u32 }
            }
            _ => panic!("a filter reads at {offset}"),
        }
    }
}

/// What a filter answers, and after how many instructions.
fn answer(program: &[sock_filter], call: Call) -> (u32, usize) {
    let (mut accumulator, mut at, mut steps) = (0, 0, 0);
    loop {
        let sock_filter { code, jt, jf, k } = program.get(at).expect("a jump stays inside");
        let branch = |taken: bool| usize::from(if taken { *jt } else { *jf });
        at += 1;
        steps += 1;
        match code {
            0x20 => accumulator = call.word(*k),
            0x54 => accumulator &= k,
            0x05 => at += *k as usize,
            0x15 => at += branch(accumulator == *k),
            0x25 => at += branch(accumulator > *k),
            0x35 => at += branch(accumulator >= *k),
            0x06 => return (*k, steps),
            other => panic!("unknown instruction {other:#x}"),
        }
    }
}

fn of(architecture: Architecture, number: u32, arguments: [u64; 6]) -> u32 {
    answer(program(architecture), Call { convention: convention(architecture), number, arguments }).0
}

fn number(door: &Door, architecture: Architecture) -> Option<u32> {
    match architecture {
        Architecture::X86_64 => door.x86_64,
        Architecture::Aarch64 => door.aarch64,
    }
}

/// The number of a call by the tables of `seccompiler`.
fn judged(call: &str, architecture: Architecture) -> Option<u32> {
    let target = TargetArch::try_from(architecture.name()).unwrap();
    let filter =
        format!(r#"{{"one":{{"mismatch_action":"allow","match_action":{{"errno":1}},"filter":[{{"syscall":"{call}"}}]}}}}"#);
    let program = compile_from_json(filter.as_bytes(), target).ok()?.remove("one").unwrap();
    let denied = |number: &u32| {
        answer(&program, Call { convention: convention(architecture), number: *number, arguments: [0; 6] }).0 == EPERM
    };
    let found: Vec<u32> = (0..600).filter(denied).collect();
    assert_eq!(found.len(), 1, "{call}");
    found.first().copied()
}

fn numbers_are_those_of_their_calls() {
    for architecture in Architecture::ALL {
        for door in DOORS {
            assert_eq!(number(door, architecture), judged(door.call, architecture), "{} on {architecture}", door.call);
        }
    }
}

fn filters_deny_what_they_should() {
    const HIGH: u64 = 0xffff_ffff_0000_0000;
    // By call: arguments that are let through, arguments that are not.
    type Case = (&'static str, &'static [[u64; 6]], &'static [[u64; 6]]);
    let cases: &[Case] = &[
        (
            "mmap",
            &[[0; 6], [4, 4, 3, 4, 4, 4], [4, 4, HIGH | 3, 0, 0, 0]],
            &[[0, 0, 4, 0, 0, 0], [0, 0, 7, 2, 0, 0], [0, 0, HIGH | 5, 0, 0, 0]],
        ),
        (
            "mprotect",
            &[[0; 6], [4, 4, 3, 4, 4, 4]],
            &[[0, 0, 4, 0, 0, 0], [0, 0, 0x0100_0005, 0, 0, 0], [0, 0, HIGH | 5, 0, 0, 0]],
        ),
        ("pkey_mprotect", &[[0; 6], [4, 4, 3, 4, 0, 0]], &[[0, 0, 4, 0, 0, 0], [0, 0, 7, u64::MAX, 0, 0]]),
        (
            "shmat",
            &[[0; 6], [0o100_000, 0o100_000, 0o010_000, 0, 0, 0]],
            &[[0, 0, 0o100_000, 0, 0, 0], [0, 0, HIGH | 0o110_000, 0, 0, 0]],
        ),
        (
            "personality",
            &[[0xffff_ffff, 0, 0, 0, 0, 0], [u64::MAX, 0, 0, 0, 0, 0]],
            &[[0; 6], [0x0040_0000, 0, 0, 0, 0, 0], [HIGH, 0, 0, 0, 0, 0]],
        ),
        (
            "prctl",
            &[[15, 0, 0, 0, 0, 0], [38, 1, 0, 0, 0, 0], [3, 0, 0, 0, 0, 0]],
            &[
                [4, 1, 0, 0, 0, 0],
                [4, 0, 0, 0, 0, 0],
                [HIGH | 4, 1, 0, 0, 0, 0],
                [35, 0, 0, 0, 0, 0],
                [0x5961_6d61, 0, 0, 0, 0, 0],
            ],
        ),
        (
            "ioctl",
            &[[0; 6], [0xaa00, 0, 0xaa00, 0, 0, 0], [3, 0xaa01, 0, 0, 0, 0], [3, 0x541b, 0, 0, 0, 0]],
            &[[3, 0xaa00, 0, 0, 0, 0], [u64::MAX, HIGH | 0xaa00, 1, 0, 0, 0]],
        ),
        ("read", &[[0; 6], [u64::MAX; 6]], &[]),
        ("clone3", &[[0; 6], [u64::MAX; 6]], &[]),
        ("munmap", &[[0; 6], [u64::MAX; 6]], &[]),
        ("mremap", &[[0; 6], [u64::MAX; 6]], &[]),
        ("memfd_create", &[[0; 6], [u64::MAX; 6]], &[]),
        ("kill", &[[0; 6], [u64::MAX; 6]], &[]),
    ];
    let shut = [
        "remap_file_pages",
        "modify_ldt",
        "execve",
        "execveat",
        "uselib",
        "ptrace",
        "process_vm_readv",
        "process_vm_writev",
        "pidfd_getfd",
        "userfaultfd",
        "io_uring_setup",
        "io_uring_enter",
        "io_uring_register",
        "bpf",
        "perf_event_open",
        "init_module",
        "finit_module",
        "kexec_load",
        "kexec_file_load",
    ];
    for architecture in Architecture::ALL {
        for (call, allowed, denied) in cases {
            let number = judged(call, architecture).unwrap();
            for arguments in *allowed {
                assert_eq!(of(architecture, number, *arguments), ALLOW, "{architecture}: {call} {arguments:x?}");
            }
            for arguments in *denied {
                assert_eq!(of(architecture, number, *arguments), EPERM, "{architecture}: {call} {arguments:x?}");
            }
        }
        // All numbers there are: only those whose arguments do not matter are denied with these.
        let expected: BTreeSet<u32> = shut.iter().filter_map(|call| judged(call, architecture)).collect();
        assert!(expected.len() >= shut.len() - 2);
        let x32 = |number: &u32| architecture == Architecture::X86_64 && (512..548).contains(number);
        let reading = [0xffff_ffff, 0, 0, 0, 0, 0];
        let found: BTreeSet<u32> =
            (0..2_000).filter(|number| !x32(number) && of(architecture, *number, reading) == EPERM).collect();
        assert_eq!(found, expected, "{architecture}");
        // Nothing is in the table that no case above has seen.
        for door in DOORS {
            let seen =
                cases.iter().any(|(call, _, denied)| *call == door.call && !denied.is_empty()) || shut.contains(&door.call);
            assert!(seen, "{}", door.call);
            assert_eq!(door.when.is_empty(), shut.contains(&door.call), "{}", door.call);
            let within = |when: &When| matches!(when, When::Has(argument, _) | When::Is(argument, _) | When::IsNot(argument, _) if *argument < 6);
            assert!(door.when.iter().all(within));
        }
    }
}

fn other_conventions_are_denied() {
    for architecture in Architecture::ALL {
        for convention in Architecture::ALL.map(convention).into_iter().chain([I386, ARM, RISCV64, 0]) {
            for number in [0, 1, 39, 172, 511, 600] {
                let call = Call { convention, number, arguments: [0xffff_ffff, 0, 0, 0, 0, 0] };
                let expected = if convention == self::convention(architecture) { ALLOW } else { EPERM };
                assert_eq!(answer(program(architecture), call).0, expected, "{architecture}: {number} by {convention:#x}");
            }
        }
    }
    // x32 shares the native name.
    for (number, expected) in [
        (511, ALLOW),
        (512, EPERM),
        (520, EPERM),
        (547, EPERM),
        (548, ALLOW),
        (0x3fff_ffff, ALLOW),
        (0x4000_0000, EPERM),
        (0x4000_0009, EPERM),
        (0x4000_0208, EPERM),
        (u32::MAX, EPERM),
    ] {
        assert_eq!(of(Architecture::X86_64, number, [0; 6]), expected, "{number:#x}");
    }
    assert_eq!(of(Architecture::Aarch64, 0x4000_0009, [0; 6]), ALLOW);
}

fn filters_are_well_formed() {
    for architecture in Architecture::ALL {
        let program = program(architecture);
        // `BPF_MAXINSNS`; and what a call costs is what is walked through of it.
        assert!(program.len() < 4_096, "{}", program.len());
        for (at, sock_filter { code, jt, jf, k }) in program.iter().enumerate() {
            let furthest = match code {
                0x05 => *k as usize,
                0x15 | 0x25 | 0x35 => usize::from(*jt.max(jf)),
                _ => 0,
            };
            assert!(at + 1 + furthest < program.len() || *code == 0x06, "{architecture}: {at}");
        }
        let longest = (0..600).map(|number| {
            let call = Call { convention: convention(architecture), number, arguments: [0; 6] };
            answer(program, call).1
        });
        assert!(longest.max().unwrap() < 80);
    }
}
