//! A shared object as verification reads it.

use lambda_loader::verify::{Kind, Rules, elf, object};
use lambda_loader::{Architecture, Code};

/// Never a crash, a hang or memory; and what is taken has all that it says inside the file.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(facts) = elf::facts(bytes) else { return };
    assert!(facts.symbols.saturating_mul(24) <= bytes.len() + 24);
    assert!(facts.needed.len() <= 256 && facts.abi_notes.len() <= bytes.len());
    assert!(facts.entered.is_sorted());
    for kind in [Kind::Plugin, Kind::Library] {
        for architecture in [Architecture::X86_64, Architecture::Aarch64] {
            let rules = Rules {
                libraries: &["libodd.so"],
                spoken: &[0, 1],
                glibc: None,
                gcc: None,
                architecture,
                digest_optional: false,
            };
            match object(bytes, "libodd.so", kind, &rules) {
                Ok((facts, note)) => {
                    assert_eq!(facts.architecture, architecture);
                    assert_eq!(note.is_some(), kind == Kind::Plugin);
                }
                Err(refusal) => assert_ne!(refusal.code, Code::Internal, "{refusal}"),
            }
        }
    }
}
