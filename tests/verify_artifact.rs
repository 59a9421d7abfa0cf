//! One artifact, from its entry in the plan to the descriptor that is mapped.

mod verify_fixture;

use std::path::PathBuf;

use lambda_loader::policy::{Artifact, Source};
use lambda_loader::verify::{self, Kind, Mechanism, Rules};
use lambda_loader::{Architecture, Code, Digest};
use verify_fixture::{NOTE, plugin};

struct Shipped {
    _folder: tempfile::TempDir,
    root: PathBuf,
    bytes: Vec<u8>,
}

fn shipped() -> Shipped {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let bytes = std::fs::read(plugin(&root, "plugin.so", &[])).unwrap();
    Shipped { _folder: folder, root, bytes }
}

impl Shipped {
    fn artifact(&self, path: &str, digest: Option<Digest>) -> Artifact {
        let source = Source::File { root: self.root.clone(), path: path.into() };
        Artifact { name: "orders".to_owned(), place: "plugin \"orders\"".to_owned(), source, digest }
    }
}

#[test]
fn a_verified_artifact_holds_exactly_the_bytes_that_were_hashed() {
    let shipped = shipped();
    let artifact = shipped.artifact("plugin.so", Some(Digest::of(&shipped.bytes)));
    let verified = verify::artifact(&artifact, Kind::Plugin, &Rules::here(&[], &[0])).unwrap();
    // Whatever becomes of the file.
    std::fs::write(shipped.root.join("plugin.so"), "something else").unwrap();
    assert_eq!((verified.name.as_str(), verified.place.as_str()), ("orders", "plugin \"orders\""));
    assert_eq!((verified.mechanism, verified.size), (Mechanism::Sealed, shipped.bytes.len() as u64));
    assert_eq!(verified.note.unwrap().raw, NOTE.as_bytes());
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&verified.descriptor));
    assert!(std::fs::read(path).unwrap() == shipped.bytes);
}

#[test]
fn the_first_thing_that_is_wrong_is_the_refusal_and_names_its_place() {
    let shipped = shipped();
    let digest = Digest::of(&shipped.bytes);
    let check = |artifact: &Artifact, rules: &Rules<'_>, code: Code, words: &str| {
        let refusal = verify::artifact(artifact, Kind::Plugin, rules).unwrap_err();
        assert_eq!((refusal.code, refusal.place.as_str()), (code, "plugin \"orders\""), "{refusal}");
        assert!(refusal.what.contains(words), "{refusal}");
        assert!(refusal.hint.is_some(), "{refusal}");
    };
    let rules = Rules::here(&[], &[0]);
    check(&shipped.artifact("plugin.so", None), &rules, Code::DigestMissing, "no sha256 for");
    check(&shipped.artifact("none.so", Some(digest)), &rules, Code::ArtifactMissing, "none.so is not there");
    let other = Digest::of(b"");
    check(&shipped.artifact("plugin.so", Some(other)), &rules, Code::DigestMismatch, &digest.to_string());
    // Not even its header is looked at before its digest is right.
    std::fs::write(shipped.root.join("text.so"), "text").unwrap();
    check(&shipped.artifact("text.so", Some(digest)), &rules, Code::DigestMismatch, "the manifest's is");
    check(&shipped.artifact("text.so", Some(Digest::of(b"text"))), &rules, Code::ElfForeign, "not an ELF file");
    check(&shipped.artifact("plugin.so", Some(digest)), &Rules::here(&[], &[4]), Code::AbiVersion, "it speaks ABI 0");
    let foreign = Architecture::ALL.into_iter().find(|architecture| *architecture != Architecture::HERE).unwrap();
    let rules_there = Rules { architecture: foreign, ..rules.clone() };
    check(&shipped.artifact("plugin.so", Some(digest)), &rules_there, Code::ElfForeign, "and this is");
    let remote = Artifact { source: Source::S3 { uri: "s3://bucket/key".to_owned() }, ..shipped.artifact("", Some(digest)) };
    check(&remote, &rules, Code::Internal, "s3://bucket/key is no file");
}

#[test]
fn every_flipped_bit_changes_the_digest() {
    let shipped = shipped();
    let artifact = shipped.artifact("plugin.so", Some(Digest::of(&shipped.bytes)));
    for at in (0..shipped.bytes.len()).step_by(997) {
        let mut bytes = shipped.bytes.clone();
        bytes[at] ^= 1;
        std::fs::write(shipped.root.join("plugin.so"), bytes).unwrap();
        let refusal = verify::artifact(&artifact, Kind::Plugin, &Rules::here(&[], &[0])).unwrap_err();
        assert_eq!(refusal.code, Code::DigestMismatch, "{at}");
    }
}

#[test]
fn people_look_at_a_file_without_a_digest_and_through_a_link() {
    let shipped = shipped();
    let rules = Rules { digest_optional: true, ..Rules::here(&[], &[0]) };
    let verified = verify::artifact(&shipped.artifact("plugin.so", None), Kind::Plugin, &rules).unwrap();
    assert_eq!(verified.digest, Digest::of(&shipped.bytes));
    std::os::unix::fs::symlink("plugin.so", shipped.root.join("link.so")).unwrap();
    let taken = verify::take_file(&shipped.root.join("link.so")).unwrap();
    assert_eq!(verify::elf::facts(taken.content.bytes()).unwrap().abi_notes.len(), 1);
    for (path, code) in [("none.so", Code::ArtifactMissing), (".", Code::ArtifactNotRegular)] {
        let path = shipped.root.join(path);
        let refusal = verify::take_file(&path).unwrap_err();
        assert_eq!((refusal.code, refusal.place), (code, path.display().to_string()));
    }
}

#[test]
fn several_artifacts_are_verified_at_once() {
    let shipped = shipped();
    let artifact = shipped.artifact("plugin.so", Some(Digest::of(&shipped.bytes)));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| verify::artifact(&artifact, Kind::Plugin, &Rules::here(&[], &[0])).unwrap());
        }
    });
}
