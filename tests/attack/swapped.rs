//! A file that another thread swaps, over and over, while it is verified and loaded: not one wrong byte is executed.
//!
//! 10,240 loads in all, in processes of 320: each keeps its descriptor and its place in the dynamic linker's list.

use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use lambda_loader::policy::{Artifact, Source};
use lambda_loader::verify::{self, Kind, Rules};
use lambda_loader::{Code, Digest, load};

use crate::alone::{alone, is_alone};
use crate::c;
use crate::check::Mark;

/// Loads in one process, and processes for each attack.
const LOADS: usize = 320;
const PROCESSES: usize = 8;

const SONAME: &str = "libswapped.so.1";

/// The folders of an attack: `root/inner/lib.so` is what is loaded.
struct Scene {
    folder: tempfile::TempDir,
    good: Vec<u8>,
    evil: Vec<u8>,
    artifact: Artifact,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("root");
        let soname = format!("-Wl,-soname,{SONAME}");
        let good = c::shared(folder.path(), "good.so", "int who(void) { return 1; }", &[&soname]);
        let evil = c::shared(folder.path(), "evil.so", c::MARK, &[&soname]);
        let (mut good, mut evil) = (fs::read(good).unwrap(), fs::read(evil).unwrap());
        // Of one length, so that one can be written over the other.
        let length = good.len().max(evil.len());
        good.resize(length, 0);
        evil.resize(length, 0);
        for (at, bytes) in [("root/inner", &good), ("evil", &evil), ("good", &good)] {
            fs::create_dir_all(folder.path().join(at)).unwrap();
            fs::write(folder.path().join(at).join("lib.so"), bytes).unwrap();
        }
        let artifact = Artifact {
            name: SONAME.to_owned(),
            place: "library".to_owned(),
            source: Source::File { root, path: "inner/lib.so".into() },
            digest: Some(Digest::of(&good)),
        };
        Scene { folder, good, evil, artifact }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Puts what `make` makes in the place of the file, at once.
    fn replace(&self, make: impl FnOnce(&Path)) {
        let next = self.at("next");
        let _there_or_not = fs::remove_file(&next);
        make(&next);
        fs::rename(next, self.at("root/inner/lib.so")).unwrap();
    }

    /// The file itself, good or evil, under one more name.
    fn link(&self, evil: bool, at: &Path) {
        fs::hard_link(self.at(if evil { "evil/lib.so" } else { "good/lib.so" }), at).unwrap();
    }
}

/// Ends the attacker, however the attack ends.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Verifies and loads while `swap` makes the file evil (`true`) and good again. Whatever is not refused with one of `codes` is loaded.
fn attack(test: &str, codes: &[Code], swap: impl Fn(&Scene, bool) + Sync) {
    if !is_alone() {
        let mark = Mark::new();
        for _ in 0..PROCESSES {
            alone(test, &[("MISBEHAVE_MARK", &mark.path())]);
            assert_eq!(mark.text(), None, "what was put in its place ran");
        }
        return;
    }
    let scene = Scene::new();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = Stop(&over);
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                swap(&scene, true);
                thread::yield_now();
                swap(&scene, false);
                thread::yield_now();
            }
        });
        let (mut loaded, mut refused) = (0, 0);
        // Both happen sooner or later: a file is as often the one as the other.
        while loaded < LOADS || refused == 0 {
            match verify::artifact(&scene.artifact, Kind::Library, &Rules::here(&[SONAME], &[])) {
                Ok(verified) if loaded < LOADS => {
                    let held = fs::read(format!("/proc/self/fd/{}", verified.descriptor.as_raw_fd())).unwrap();
                    assert!(held == scene.good, "other bytes were taken for the good ones");
                    load::library(verified).unwrap();
                    loaded += 1;
                }
                Ok(_) => {}
                Err(refusal) => {
                    assert!(codes.contains(&refusal.code), "{refusal}");
                    refused += 1;
                }
            }
        }
        drop(stop);
        println!("{loaded} loaded, {refused} refused");
    });
}

/// Or none of these tests would show anything.
#[test]
fn a_loader_that_hashes_a_path_and_opens_the_path_runs_what_was_put_there_meanwhile() {
    let (scene, mark) = (Scene::new(), Mark::new());
    let source = "#include <dlfcn.h>\nint main(int n, char **v) { return dlopen(v[1], RTLD_NOW) == 0; }";
    let naive = c::compile(scene.folder.path(), "naive", source, &[]);
    let file = scene.at("root/inner/lib.so");
    let run = || Command::new(&naive).arg(&file).env_clear().env("MISBEHAVE_MARK", mark.path()).status().unwrap();
    assert_eq!(Digest::of(&fs::read(&file).unwrap()), Digest::of(&scene.good));
    assert!(run().success());
    assert_eq!(mark.text(), None);
    scene.replace(|at| scene.link(true, at));
    assert!(run().success());
    assert_eq!(mark.text().as_deref(), Some("code ran"));
}

#[test]
fn by_rename() {
    attack("swapped::by_rename", &[Code::DigestMismatch], |scene, evil| scene.replace(|at| scene.link(evil, at)));
}

#[test]
fn by_writing_in_place() {
    // What is half one and half the other is neither.
    attack("swapped::by_writing_in_place", &[Code::DigestMismatch], |scene, evil| {
        let file = File::options().write(true).open(scene.at("root/inner/lib.so")).unwrap();
        file.write_all_at(if evil { &scene.evil } else { &scene.good }, 0).unwrap();
    });
}

#[test]
fn by_a_symbolic_link() {
    attack("swapped::by_a_symbolic_link", &[Code::PathSymlink], |scene, evil| {
        scene.replace(|at| if evil { symlink(scene.at("evil/lib.so"), at).unwrap() } else { scene.link(false, at) });
    });
}

#[test]
fn by_a_folder_that_becomes_a_symbolic_link() {
    // The kernel also sees that a folder which was moved away is not beneath its root any more.
    let codes = [Code::PathSymlink, Code::ArtifactMissing, Code::PathOutsideRoots];
    attack("swapped::by_a_folder_that_becomes_a_symbolic_link", &codes, |scene, evil| {
        let (inner, away) = (scene.at("root/inner"), scene.at("away"));
        if evil {
            fs::rename(&inner, &away).unwrap();
            symlink(scene.at("evil"), &inner).unwrap();
        } else {
            fs::remove_file(&inner).unwrap();
            fs::rename(&away, &inner).unwrap();
        }
    });
}
