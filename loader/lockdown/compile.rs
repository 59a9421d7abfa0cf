//! Makes the filters: run by `build.rs`, so that `bootstrap` carries their instructions and nothing that makes them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
    sock_filter,
};

use crate::doors::{AARCH64, DOORS, Door, Machine, When, X86_64};

/// What a shut door answers: libraries take it for a sandbox's usual no, and do without.
const EPERM: u32 = 1;

/// Where number and convention stand in `struct seccomp_data` (`linux/seccomp.h`).
const NUMBER: u32 = 0;
const CONVENTION: u32 = 4;

/// Instructions of classic BPF (`linux/bpf_common.h`) and the answer of a filter (`linux/seccomp.h`).
const LOAD: u16 = 0x20;
const JUMP: u16 = 0x05;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_GREATER: u16 = 0x25;
const JUMP_GREATER_OR_EQUAL: u16 = 0x35;
const RETURN: u16 = 0x06;
const RETURN_EPERM: u32 = 0x0005_0000 | EPERM;

/// Source text with a constant for each architecture.
pub(crate) fn source() -> Result<String, seccompiler::Error> {
    let mut text = String::new();
    for (name, machine, target, number) in [
        ("X86_64", X86_64, TargetArch::x86_64, (|door| door.x86_64) as fn(&Door) -> Option<u32>),
        ("AARCH64", AARCH64, TargetArch::aarch64, |door| door.aarch64),
    ] {
        let program = [prelude(machine), doors(target, number)?].concat();
        let _infallible = writeln!(text, "const {name}: &[sock_filter] = &[");
        for sock_filter { code, jt, jf, k } in program {
            let _infallible = writeln!(text, "    sock_filter {{ code: {code}, jt: {jt}, jf: {jf}, k: {k} }},");
        }
        text.push_str("];\n");
    }
    Ok(text)
}

/// Refuses other conventions. The library that makes the rest would end the process for them, and does not know of x32.
fn prelude(machine: Machine) -> Vec<sock_filter> {
    let step = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    let refuse = || step(RETURN, 0, 0, RETURN_EPERM);
    let mut program =
        vec![step(LOAD, 0, 0, CONVENTION), step(JUMP_EQUAL, 1, 0, machine.convention), refuse(), step(LOAD, 0, 0, NUMBER)];
    for (first, last) in machine.foreign {
        program.extend([step(JUMP_GREATER_OR_EQUAL, 0, 2, *first), step(JUMP_GREATER, 1, 0, *last), refuse()]);
    }
    program
}

/// How many doors are tried one after the other. The kernel walks through the filter for each number there is when it takes it, to keep
/// the answers that no argument can change: without sections that is most of what lockdown costs.
const SECTION: usize = 6;

/// The doors in sections by number, each a filter of its own behind a jump over it.
fn doors(target: TargetArch, number: impl Fn(&Door) -> Option<u32>) -> Result<BpfProgram, seccompiler::Error> {
    let mut doors: Vec<_> = DOORS.iter().filter_map(|door| Some((number(door)?, door))).collect();
    doors.sort_by_key(|(number, _)| *number);
    let sections: Vec<_> = doors.chunks(SECTION).collect();
    let mut program = BpfProgram::new();
    for (index, section) in sections.iter().enumerate() {
        let section_program = self::section(target, section)?;
        if let Some((next, _)) = sections.get(index + 1).and_then(|next| next.first()) {
            let length =
                u32::try_from(section_program.len()).map_err(|_| seccompiler::BackendError::FilterTooLarge(program.len()))?;
            program.extend([
                sock_filter { code: JUMP_GREATER_OR_EQUAL, jt: 0, jf: 1, k: *next },
                sock_filter { code: JUMP, jt: 0, jf: 0, k: length },
            ]);
        }
        program.extend(section_program);
    }
    Ok(program)
}

fn section(target: TargetArch, doors: &[(u32, &Door)]) -> Result<BpfProgram, seccompiler::Error> {
    let mut rules = BTreeMap::new();
    for (number, door) in doors {
        let when = door.when.iter().map(|when| SeccompRule::new(vec![condition(*when)?]));
        rules.insert(i64::from(*number), when.collect::<Result<Vec<_>, _>>()?);
    }
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(EPERM), target)?;
    Ok(filter.try_into()?)
}

fn condition(when: When) -> Result<SeccompCondition, seccompiler::BackendError> {
    let (argument, operator, value) = match when {
        When::Has(argument, bits) => (argument, SeccompCmpOp::MaskedEq(bits.into()), bits),
        When::Is(argument, value) => (argument, SeccompCmpOp::Eq, value),
        When::IsNot(argument, value) => (argument, SeccompCmpOp::Ne, value),
    };
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value.into())
}
