//! Shared objects for the tests of verification: built by the system's C compiler, then damaged on purpose.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::path::{Path, PathBuf};
use std::process::Command;

use object::elf::{self, Dyn64, DynamicTag, FileHeader64, ProgramHeader64, ProgramType};
use object::{LittleEndian as LE, pod};

/// A plugin in C with one of everything that the dynamic linker works on: a note, constructors and destructors, pointers in data,
/// calls into two libraries with versions, thread-local storage, exported data and functions, an indirect function.
const PLUGIN: &str = r#"
#include <stdio.h>
#include <math.h>
#include <stdlib.h>
struct note { unsigned owner, size, type; char name[16]; char text[sizeof NOTE - 1]; };
#define ABI_NOTE(symbol) __attribute__((section(".note.lambda_plugin"), used, aligned(4))) \
    static const struct note symbol = { 13, sizeof NOTE - 1, TYPE, "LambdaPlugin", NOTE };
#ifndef TYPE
#define TYPE 1
#endif
#ifndef NO_NOTE
ABI_NOTE(first)
#endif
#ifdef SECOND_NOTE
ABI_NOTE(second)
#endif
__thread int counter = 7;
static __thread char scratch[64];
int exported = 3;
static int constructed;
__attribute__((constructor)) static void up(void) {
    constructed++;
#ifndef QUIET
    const char *mark = getenv("VERIFY_TEST_MARK");
    if (mark) { FILE *f = fopen(mark, "w"); if (f) fclose(f); }
#endif
}
__attribute__((destructor)) static void down(void) { constructed--; }
int plugin_add(int a, int b) { counter++; scratch[a & 63]++; return a + b + exported; }
double plugin_math(double x) { return pow(x, 1.5) + exp(x); }
static int one(void) { return 1; }
static int (*choose(void))(void) { return one; }
int plugin_chosen(void) __attribute__((ifunc("choose")));
void *table[] = { plugin_add, plugin_math, &exported, puts, malloc, table };
static const char *const names[] = { "alpha", "beta", "gamma" };
const char *plugin_name(int i) { return names[i % 3]; }
"#;

/// A valid descriptor.
pub(crate) const NOTE: &str =
    r#"{"abi":0,"name":"probe","version":"0.1.0","handlers":["one","two"],"compiler":"cc 1","panic":"abort"}"#;

/// Builds the plugin; `flags` go to the compiler as they are.
pub(crate) fn plugin(folder: &Path, name: &str, flags: &[&str]) -> PathBuf {
    plugin_with_note(folder, name, NOTE, flags)
}

/// The same with another descriptor.
pub(crate) fn plugin_with_note(folder: &Path, name: &str, note: &str, flags: &[&str]) -> PathBuf {
    let note = format!("-DNOTE=\"{}\"", note.replace('\\', "\\\\").replace('"', "\\\""));
    let flags: Vec<&str> = [&note as &str].into_iter().chain(flags.iter().copied()).collect();
    compile(folder, name, PLUGIN, &flags)
}

/// Builds any source as a shared object.
pub(crate) fn compile(folder: &Path, name: &str, source: &str, flags: &[&str]) -> PathBuf {
    let (input, output) = (folder.join(format!("{name}.c")), folder.join(name));
    std::fs::write(&input, source).unwrap();
    // Nothing that the system's compiler happens to add by default may decide a test.
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-O1", "-w", "-Wl,--no-as-needed", "-Wl,-z,noexecstack", "-Wl,--build-id=sha1", "-o"]);
    command.arg(&output).arg(&input).args(flags).arg("-lm");
    let done = command.output().expect("these tests need a C compiler named cc");
    assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
    output
}

/// A shared object whose fields can be overwritten.
#[derive(Clone)]
pub(crate) struct Object(pub(crate) Vec<u8>);

impl Object {
    pub(crate) fn read(path: &Path) -> Object {
        Object(std::fs::read(path).unwrap())
    }

    pub(crate) fn header(&mut self) -> &mut FileHeader64<LE> {
        pod::from_bytes_mut(&mut self.0).unwrap().0
    }

    pub(crate) fn programs(&mut self) -> &mut [ProgramHeader64<LE>] {
        let (start, count) = (self.header().e_phoff.get(LE), self.header().e_phnum.get(LE));
        pod::slice_from_bytes_mut(&mut self.0[start as usize..], count.into()).unwrap().0
    }

    /// The `n`th program header of a kind.
    pub(crate) fn program(&mut self, kind: ProgramType, n: usize) -> &mut ProgramHeader64<LE> {
        self.programs().iter_mut().filter(|program| program.p_type.get(LE) == kind).nth(n).unwrap()
    }

    /// Where the byte at an address stands in the file.
    pub(crate) fn offset(&mut self, address: u64) -> usize {
        let holds = |program: &&mut ProgramHeader64<LE>| {
            let start = program.p_vaddr.get(LE);
            program.p_type.get(LE) == elf::PT_LOAD && (start..start + program.p_filesz.get(LE)).contains(&address)
        };
        let program = self.programs().iter_mut().find(holds).unwrap();
        (address - program.p_vaddr.get(LE) + program.p_offset.get(LE)) as usize
    }

    pub(crate) fn dynamic(&mut self) -> &mut [Dyn64<LE>] {
        let program = self.program(elf::PT_DYNAMIC, 0);
        let (start, size) = (program.p_offset.get(LE) as usize, program.p_filesz.get(LE) as usize);
        pod::slice_from_all_bytes_mut(&mut self.0[start..start + size]).unwrap()
    }

    pub(crate) fn entry(&mut self, tag: DynamicTag) -> &mut Dyn64<LE> {
        self.dynamic().iter_mut().find(|entry| entry.d_tag.get(LE) == tag).unwrap_or_else(|| panic!("no dynamic entry {tag:?}"))
    }

    pub(crate) fn value(&mut self, tag: DynamicTag) -> u64 {
        self.entry(tag).d_val.get(LE)
    }

    pub(crate) fn set(&mut self, tag: DynamicTag, value: u64) {
        self.entry(tag).d_val.set(LE, value);
    }

    /// Makes an entry one that means something else.
    pub(crate) fn rename(&mut self, tag: DynamicTag, to: DynamicTag) {
        self.entry(tag).d_tag.set(LE, to);
    }

    /// Puts an entry where the end mark is; linkers leave room behind it.
    pub(crate) fn add(&mut self, tag: DynamicTag, value: u64) {
        let end = self.entry(elf::DT_NULL);
        end.d_tag.set(LE, tag);
        end.d_val.set(LE, value);
    }

    /// The table that an entry points to, from there to the end of the file.
    pub(crate) fn table<T: pod::Pod>(&mut self, tag: DynamicTag, count: usize) -> &mut [T] {
        let address = self.value(tag);
        let start = self.offset(address);
        pod::slice_from_bytes_mut(&mut self.0[start..], count).unwrap().0
    }

    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

/// A small generator, so that a seed names a case for ever (<https://prng.di.unimi.it/splitmix64.c>).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}
