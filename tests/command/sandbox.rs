//! A folder with a manifest and plugins, and the tool run in it.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lambda_loader::Digest;
use serde_json::{Value, json};

use crate::support::build::Build;

/// The plugins, by name and file.
const PLUGINS: [(&str, &str); 3] = [("echo", "libecho.so"), ("orders", "liborders.so"), ("misbehave", "libmisbehave.so")];

pub(crate) struct Sandbox {
    dir: tempfile::TempDir,
}

/// What one run of the tool gave.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
    /// Whether any code of `misbehave` ran, were it only a constructor.
    pub(crate) plugin_ran: bool,
}

impl Run {
    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that it was refused before any plugin code, with this code, and that the message says all of `words`.
    #[track_caller]
    pub(crate) fn refused(&self, exit: i32, code: &str, words: &[&str]) {
        assert_eq!(self.code, exit, "{self:?}");
        let line = self.err.lines().find(|line| line.starts_with("error["));
        let line = line.unwrap_or_else(|| panic!("no error line: {self:?}"));
        assert!(line.starts_with(&format!("error[{code}]: ")), "{line}");
        for word in words {
            assert!(line.contains(word), "no {word:?} in {line}");
        }
        assert!(!self.plugin_ran, "{self:?}");
    }

    /// Checks that it went well.
    #[track_caller]
    pub(crate) fn done(&self) -> &Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}

impl Sandbox {
    /// A folder with `plugins/` and this manifest.
    pub(crate) fn new(manifest: &str) -> Self {
        let sandbox = Sandbox { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(sandbox.path("plugins")).unwrap();
        for (name, file) in PLUGINS.into_iter().filter(|(_, file)| manifest.contains(file)) {
            sandbox.place(name, &format!("plugins/{file}"));
        }
        sandbox.write("manifest.json", manifest);
        sandbox
    }

    /// The same with digests in the manifest.
    pub(crate) fn locked(manifest: &Value) -> Self {
        let sandbox = Sandbox::new(&manifest.to_string());
        sandbox.run(&["lock"]).done();
        sandbox
    }

    /// Copies a plugin to `path`.
    pub(crate) fn place(&self, plugin: &str, path: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::copy(Build::plugin(plugin).path(), self.path(path)).unwrap();
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(0o644)).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        // The tool names files by their real place.
        self.dir.path().canonicalize().unwrap().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn digest(&self, name: &str) -> String {
        Digest::of(&fs::read(self.path(name)).unwrap()).to_string()
    }

    /// Changes a file in place.
    pub(crate) fn patch(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.path(name)).unwrap();
        change(&mut bytes);
        self.write(name, bytes);
    }

    /// Makes an ELF file one for the other architecture, as far as its header tells.
    pub(crate) fn make_foreign(&self, name: &str) {
        // e_machine: EM_X86_64 is 62, EM_AARCH64 is 183.
        let foreign = if cfg!(target_arch = "x86_64") { 183 } else { 62 };
        self.patch(name, |bytes| bytes[18] = foreign);
    }

    /// Runs the tool in the folder, with nothing in its environment.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, &[], "")
    }

    pub(crate) fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Run {
        let mark = self.path("mark");
        let mut command = Command::new(env!("CARGO_BIN_EXE_lambda-loader"));
        command.current_dir(self.dir.path()).args(arguments).env_clear().env("MISBEHAVE_MARK", &mark);
        command.envs(variables.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // It need not read its input: then the pipe is closed already.
        let _unread = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let plugin_ran = mark.exists();
        let _none = fs::remove_file(mark);
        Run {
            code: output.status.code().unwrap_or_else(|| panic!("{:?}", output.status)),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            plugin_ran,
        }
    }
}

/// A manifest with `echo` for direct events, and every handler of `misbehave` as the operation of its name.
pub(crate) fn misbehaving() -> Value {
    let operations = ["error", "panic", "stream", "context", "sleep", "block"];
    let mut routes = json!({ "any": { "source": "direct", "to": "echo" } });
    for name in operations {
        routes[name] = json!({ "source": "operation", "name": name, "to": format!("misbehave.{name}") });
    }
    json!({
        "version": 1,
        "plugins": { "echo": { "path": "plugins/libecho.so" }, "misbehave": { "path": "plugins/libmisbehave.so" } },
        "routes": routes,
    })
}

/// A C compiler's shared object.
pub(crate) fn compile(folder: &Path, source: &str, name: &str, options: &[&str]) -> PathBuf {
    let (input, output) = (folder.join("source.c"), folder.join(name));
    fs::write(&input, source).unwrap();
    let mut gcc = Command::new("gcc");
    gcc.args(["-shared", "-fPIC", "-nostdlib", "-o"]).arg(&output).arg(&input).args(options);
    assert!(gcc.status().unwrap().success(), "{gcc:?}");
    fs::set_permissions(&output, fs::Permissions::from_mode(0o644)).unwrap();
    output
}
