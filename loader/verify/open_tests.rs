use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use super::*;

/// A folder with one of everything that may stand where a plugin should. Its path is the real one: the system's folder for
/// temporary files may itself be a link.
struct Tree {
    _folder: tempfile::TempDir,
    root: PathBuf,
}

fn tree() -> Tree {
    let folder = tempfile::tempdir().unwrap();
    let top = folder.path().canonicalize().unwrap();
    let root = top.join("root");
    fs::create_dir_all(root.join("inner/deep")).unwrap();
    for (name, mode) in [
        ("root/plain.so", 0o644),
        ("root/inner/deep/plain.so", 0o600),
        ("outside.so", 0o644),
        ("root/group.so", 0o664),
        ("root/world.so", 0o646),
    ] {
        fs::write(top.join(name), name).unwrap();
        fs::set_permissions(top.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    symlink("plain.so", root.join("link.so")).unwrap();
    symlink("../outside.so", root.join("link-out.so")).unwrap();
    symlink("inner", root.join("link-folder")).unwrap();
    symlink("..", root.join("link-up")).unwrap();
    symlink("/proc/self/fd", root.join("link-magic")).unwrap();
    symlink("loop.so", root.join("loop.so")).unwrap();
    symlink("nowhere", root.join("dangling.so")).unwrap();
    symlink("root", top.join("link-root")).unwrap();
    rustix::fs::mknodat(CWD, root.join("fifo.so"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    std::os::unix::net::UnixListener::bind(root.join("socket.so")).unwrap();
    fs::File::create(root.join("huge.so")).unwrap().set_len(LARGEST + 1).unwrap();
    fs::set_permissions(root.join("huge.so"), fs::Permissions::from_mode(0o600)).unwrap();
    Tree { _folder: folder, root }
}

fn by(lookup: Lookup, root: &Path, path: &Path) -> Result<Opened, Refusal> {
    beneath_by(lookup, root, path).map_err(|failure| match failure {
        Failure::Refused(refusal) => refusal,
        Failure::NoOpenat2 => panic!("this kernel has no openat2"),
    })
}

#[test]
fn only_a_regular_file_beneath_the_root_through_real_folders_is_opened() {
    let tree = tree();
    let check = |path: &str, expected: Result<&str, (Code, &str)>| {
        for lookup in [Lookup::Openat2, Lookup::Walk] {
            match (by(lookup, &tree.root, Path::new(path)), expected) {
                (Ok(opened), Ok(bytes)) => {
                    assert_eq!(std::io::read_to_string(fs::File::from(opened.file)).unwrap(), bytes, "{path}");
                    assert_eq!((opened.size, opened.lookup), (bytes.len() as u64, lookup), "{path}");
                }
                (Err(refusal), Err((code, words))) => {
                    assert_eq!(refusal.code, code, "{lookup:?} {path}: {refusal}");
                    assert!(refusal.what.contains(words), "{lookup:?} {path}: {refusal}");
                    assert!(refusal.hint.is_some(), "{refusal}");
                }
                (got, wanted) => panic!("{lookup:?} {path}: {got:?}, wanted {wanted:?}"),
            }
        }
    };
    check("plain.so", Ok("root/plain.so"));
    check("inner/deep/plain.so", Ok("root/inner/deep/plain.so"));

    let link = Err((Code::PathSymlink, "a symbolic link stands in the path"));
    check("link.so", link);
    check("link-out.so", link);
    check("link-folder/deep/plain.so", link);
    check("link-up/outside.so", link);
    check("link-magic/0", link);
    check("loop.so", link);
    check("dangling.so", link);

    let outside = Err((Code::PathOutsideRoots, "leaves its root"));
    check("../outside.so", outside);
    check("inner/../../outside.so", outside);
    check("inner/../plain.so", outside);
    check("..", outside);
    check(".", outside);
    check("", outside);
    check("/etc/hostname", outside);

    let missing = Err((Code::ArtifactMissing, "is not there"));
    check("none.so", missing);
    check("none/plain.so", missing);
    check("plain.so/more", missing);
    check("plain.so/more/yet", missing);

    let irregular = Err((Code::ArtifactNotRegular, "is not a regular file"));
    check("inner", irregular);
    check("fifo.so", irregular);
    check("socket.so", irregular);

    check("huge.so", Err((Code::ArtifactTooLarge, "larger than 256 MiB")));
    check("group.so", Err((Code::ArtifactWritable, "mode 664")));
    check("world.so", Err((Code::ArtifactWritable, "mode 646")));
    check("nul\0.so", Err((Code::ArtifactUnreadable, "invalid argument")));
    check(&"n".repeat(300), Err((Code::ArtifactUnreadable, "file name too long")));
}

#[test]
fn a_root_is_a_real_folder_by_its_full_path() {
    let tree = tree();
    let top = tree.root.parent().unwrap();
    let check = |root: PathBuf, words: &str| {
        for lookup in [Lookup::Openat2, Lookup::Walk] {
            let refusal = by(lookup, &root, Path::new("plain.so")).unwrap_err();
            assert_eq!(refusal.code, Code::RootUnusable, "{refusal}");
            assert!(refusal.what.contains(words), "{lookup:?}: {refusal}");
        }
    };
    check("root".into(), "is not absolute");
    check("".into(), "is not absolute");
    check(top.join("none"), "is not a folder");
    check(tree.root.join("plain.so"), "is not a folder");
    check(top.join("link-root"), "through a symbolic link");
    check(top.join("link-root/inner"), "through a symbolic link");
    check(top.join("root/../root"), "is not a plain path");
    assert!(beneath(Path::new("/"), tree.root.join("plain.so").strip_prefix("/").unwrap()).is_ok());
}

#[test]
fn an_open_file_survives_its_path() {
    let tree = tree();
    let opened = beneath(&tree.root, Path::new("plain.so")).unwrap();
    fs::rename(tree.root.join("inner/deep/plain.so"), tree.root.join("plain.so")).unwrap();
    assert_eq!(std::io::read_to_string(fs::File::from(opened.file)).unwrap(), "root/plain.so");
}

#[test]
fn a_descriptor_does_not_leak_into_child_processes() {
    let tree = tree();
    for lookup in [Lookup::Openat2, Lookup::Walk] {
        let opened = by(lookup, &tree.root, Path::new("plain.so")).unwrap();
        assert!(rustix::io::fcntl_getfd(&opened.file).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
    }
}
