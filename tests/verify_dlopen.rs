//! Damaged objects that pass verification are opened for real, in a child process: `dlopen` may refuse them, it may not crash.
//!
//! Bytes are changed where the dynamic linker looks: headers, dynamic section, symbols, strings, hash tables, versions,
//! relocations. What is left may have its own code entered at another place than the linker's (`Facts::entered`): what that does no
//! static check can see, and it is not opened. Nor can one see that code reads a word that is relocated otherwise: so a crash is put
//! down to the object's own code where it is there. Nothing in these objects calls libc while they are loaded. Every other
//! crash fails the test.
//!
//! `VERIFY_DLOPEN_CASES` sets how many objects are made for each kind of linking, `VERIFY_DLOPEN_SEED` where they begin.

#[path = "verify_fixture/crash.rs"]
mod crash;
mod verify_fixture;

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use lambda_loader::verify::{self, Rules};
use lambda_loader::{Code, Refusal};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use object::LittleEndian as LE;
use object::elf::{self, DynamicTag};
use verify_fixture::{Object, Random, plugin};

/// The child's exit code for a crash in the object's own code.
const OWN_CODE: u8 = 51;

/// So many in one child: objects stay loaded, and each slows down the next.
const BATCH: u64 = 250;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "--child", object, first, last, progress] => {
            child(Path::new(object), first.parse().unwrap(), last.parse().unwrap(), Path::new(progress))
        }
        _ => parent(),
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn parent() -> ExitCode {
    let folder = tempfile::tempdir().unwrap();
    let (cases, seed) = (number("VERIFY_DLOPEN_CASES", 1_500), number("VERIFY_DLOPEN_SEED", 1));
    let quiet = ["-DQUIET", "-nostartfiles"];
    let kinds: [(&str, &[&str]); 5] = [
        ("plain", &[]),
        ("both-hashes", &["-Wl,--hash-style=both", "-Wl,-z,now"]),
        ("system-v-hash", &["-Wl,--hash-style=sysv", "-Wl,-z,norelro"]),
        ("packed", &["-Wl,-z,pack-relative-relocs"]),
        ("soname-and-descriptors", &["-mtls-dialect=gnu2", "-Wl,-soname,libown.so", "-Wl,-z,noseparate-code"]),
    ];
    let mut crashes = 0;
    for (name, flags) in kinds {
        let flags: Vec<_> =
            quiet.iter().chain(flags).copied().filter(|flag| cfg!(target_arch = "x86_64") || !flag.starts_with("-m")).collect();
        let object = plugin(folder.path(), name, &flags);
        let (mut opened, mut refused, mut own, mut next) = (0, 0, 0, seed);
        while next < seed + cases {
            let last = (next + BATCH).min(seed + cases);
            let progress = folder.path().join("progress");
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.arg("--child").arg(&object).arg(next.to_string()).arg(last.to_string()).arg(&progress);
            let done = command.output().unwrap();
            let told = std::fs::read_to_string(&progress).unwrap();
            let told: Vec<u64> = told.split_whitespace().map(|word| word.parse().unwrap()).collect();
            let [at, batch_opened, batch_refused] = told[..] else { panic!("the child said {told:?}") };
            opened += batch_opened;
            refused += batch_refused;
            next = last;
            if done.status.success() {
                continue;
            }
            next = at + 1;
            if done.status.code() == Some(OWN_CODE.into()) {
                own += 1;
                continue;
            }
            crashes += 1;
            let words = String::from_utf8_lossy(&done.stderr);
            println!(
                "{name}: case {at}: {}: {}; changed: {:?}",
                done.status,
                words.trim(),
                change(&mut Object::read(&object), at)
            );
        }
        let taken = opened + refused + own;
        println!(
            "{name}: {cases} objects, {} not taken, {opened} opened, {refused} refused by dlopen, {own} crashed in their own code",
            cases - taken
        );
        assert!(opened > cases / 50, "hardly any object reached dlopen: the test shows nothing");
    }
    if crashes == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Works through cases; before each it writes down which, so that the parent knows where it ended.
#[expect(unsafe_code, reason = "opens shared objects")]
fn child(object: &Path, first: u64, last: u64, progress: &Path) -> ExitCode {
    crash::tell_apart(OWN_CODE);
    let base = Object::read(object);
    let rules = Rules { glibc: None, ..Rules::here(&[], &[0]) };
    let folder = progress.parent().unwrap();
    let entered = verify::elf::facts(&base.0).unwrap().entered;
    let (mut opened, mut refused) = (0, 0);
    let mut kept = Vec::new();
    for case in first..last {
        std::fs::write(progress, format!("{case} {opened} {refused}")).unwrap();
        let mut object = base.clone();
        change(&mut object, case);
        if verify::elf::facts(&object.0).is_ok_and(|facts| facts.entered != entered) {
            continue;
        }
        match verify::object(&object.0, "probe", verify::Kind::Plugin, &rules) {
            Ok(_) => {}
            // Their tables were taken: what speaks against them is no danger to `dlopen` itself. Names are: a needed file that is
            // not verified could be anything.
            Err(Refusal { code: Code::AbiNoteMalformed | Code::AbiNoteMissing | Code::AbiVersion, .. }) => {}
            Err(_) => continue,
        }
        let path = folder.join("case.so");
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, &object.0).unwrap();
        let file = File::open(&path).unwrap();
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        kept.push(file);
        // SAFETY: the object's initialisers are those of the fixture, whose code is unchanged; that its tables were changed and
        // nothing goes wrong is what this process exists to find out.
        let library = unsafe { Library::open(Some(PathBuf::from(&path)), RTLD_NOW | RTLD_LOCAL) };
        let Ok(library) = library else {
            refused += 1;
            continue;
        };
        opened += 1;
        for name in ["plugin_add", "exported", "none\0"] {
            // SAFETY: the address is not used.
            let _ = unsafe { library.get::<*const u8>(name.as_bytes()) };
        }
        // Not closed: verified objects never are.
        std::mem::forget(library);
    }
    std::fs::write(progress, format!("{last} {opened} {refused}")).unwrap();
    // The end of the process calls the destructors of all that were opened.
    ExitCode::SUCCESS
}

/// Changes one to three fields or bytes; the case says which. Returns the places.
fn change(object: &mut Object, case: u64) -> Vec<String> {
    let mut random = Random(case.wrapping_mul(0x5851_f42d_4c95_7f2d));
    let targets = targets(object);
    (0..=random.below(3))
        .map(|_| {
            let (name, start, size) = targets[random.below(targets.len())];
            // A field, a bit or a byte: fields get values that mean something to a linker.
            let width = [1, 2, 4, 8][random.below(4)].min(size);
            let at = start + random.below(size / width) * width;
            let mut value = u64::from_le_bytes(std::array::from_fn(|n| object.0.get(at + n).copied().unwrap_or(0)));
            value = match random.below(8) {
                0 => 0,
                1 => u64::MAX,
                2 => value.wrapping_add(1),
                3 => value.wrapping_sub(1),
                4 => value ^ 1 << random.below(width * 8),
                5 => value.wrapping_add([8, 16, 24, 0x1000][random.below(4)]),
                6 => random.below(0x5000) as u64,
                _ => random.next(),
            };
            object.put(at, &value.to_le_bytes()[..width]);
            format!("{name}+{:#x}, {width} bytes", at - start)
        })
        .collect()
}

/// Where the linker looks: name, offset, size.
fn targets(object: &mut Object) -> Vec<(&'static str, usize, usize)> {
    let mut targets = vec![("header", 0, 64)];
    let programs = object.header().e_phoff.get(LE) as usize;
    let count = object.programs().len();
    let dynamic = object.program(elf::PT_DYNAMIC, 0);
    let dynamic = (dynamic.p_offset.get(LE) as usize, dynamic.p_filesz.get(LE) as usize);
    // Twice: they matter most.
    for _ in 0..2 {
        targets.push(("program headers", programs, count * 56));
        targets.push(("dynamic", dynamic.0, dynamic.1));
    }
    let sized = [
        ("rela", elf::DT_RELA, elf::DT_RELASZ),
        ("jmprel", elf::DT_JMPREL, elf::DT_PLTRELSZ),
        ("strings", elf::DT_STRTAB, elf::DT_STRSZ),
        ("initialisers", elf::DT_INIT_ARRAY, elf::DT_INIT_ARRAYSZ),
        ("packed relocations", elf::DT_RELR, elf::DT_RELRSZ),
    ];
    let has = |object: &mut Object, tag: DynamicTag| object.dynamic().iter().any(|entry| entry.d_tag.get(LE) == tag);
    for (name, table, size) in sized {
        if has(object, table) {
            let (table, size) = (object.value(table), object.value(size));
            targets.push((name, object.offset(table), size as usize));
        }
    }
    for (name, table, size) in [
        ("symbols", elf::DT_SYMTAB, 20 * 24),
        ("versions of symbols", elf::DT_VERSYM, 40),
        ("needed versions", elf::DT_VERNEED, 96),
        ("GNU hash", elf::DT_GNU_HASH, 64),
        ("hash", elf::DT_HASH, 96),
    ] {
        if has(object, table) {
            let table = object.value(table);
            targets.push((name, object.offset(table), size));
        }
    }
    let notes = object.program(elf::PT_NOTE, 0);
    targets.push(("notes", notes.p_offset.get(LE) as usize, notes.p_filesz.get(LE) as usize));
    targets
}
