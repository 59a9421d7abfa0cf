//! Builds parts of the workspace with the cargo that runs the test, each once for a test process.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// An example that is built in no time.
const SMALL: &str = "static_echo";

/// Something to build.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Build {
    package: String,
    what: What,
    release: bool,
    toolchain: Option<String>,
    rustflags: String,
    features: Option<String>,
    default_features: bool,
    profile: Vec<String>,
    variables: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum What {
    Plugin,
    Example(String),
    Binary(String),
}

impl Build {
    fn new(package: &str, what: What) -> Self {
        Build {
            package: package.to_owned(),
            what,
            release: false,
            toolchain: None,
            rustflags: String::new(),
            features: None,
            default_features: true,
            profile: Vec::new(),
            variables: Vec::new(),
        }
    }

    /// The `cdylib` of a workspace package.
    pub fn plugin(package: &str) -> Self {
        Self::new(package, What::Plugin)
    }

    /// An example of the root package.
    pub fn example(name: &str) -> Self {
        Self::new("lambda-loader", What::Example(name.to_owned()))
    }

    /// A plugin that only tests load: an example of `tests/fixtures`.
    pub fn fixture(name: &str) -> Self {
        Self::new("fixtures", What::Example(name.to_owned()))
    }

    /// A program of the root package.
    pub fn binary(name: &str) -> Self {
        Self::new("lambda-loader", What::Binary(name.to_owned()))
    }

    /// With the release profile.
    pub fn release(mut self) -> Self {
        self.release = true;
        self
    }

    /// With the release profile changed: `opt-level="s"`.
    pub fn release_with(mut self, settings: &[String]) -> Self {
        self.profile.extend(settings.iter().map(|setting| format!("release.{setting}")));
        self.release()
    }

    /// With another toolchain, `nightly` for one.
    pub fn toolchain(mut self, name: &str) -> Self {
        self.toolchain = Some(name.to_owned());
        self
    }

    /// With these flags for rustc instead of those of the environment.
    pub fn rustflags(mut self, flags: &str) -> Self {
        flags.clone_into(&mut self.rustflags);
        self
    }

    /// With these features.
    pub fn features(mut self, features: &str) -> Self {
        self.features = Some(features.to_owned());
        self
    }

    /// Without the default features.
    pub fn no_default_features(mut self) -> Self {
        self.default_features = false;
        self
    }

    /// With panics that end the process.
    pub fn panic_abort(mut self) -> Self {
        self.profile.push("dev.panic=\"abort\"".to_owned());
        self
    }

    /// With this in the environment of the build; the value must not change from run to run, or each builds again.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Builds it, unless this process has done so, and returns the file.
    pub fn path(self) -> PathBuf {
        static BUILT: Mutex<Option<HashMap<Build, PathBuf>>> = Mutex::new(None);
        let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
        let built = built.get_or_insert_default();
        if let Some(path) = built.get(&self) {
            return path.clone();
        }
        let path = self.run();
        built.insert(self, path.clone());
        path
    }

    fn run(&self) -> PathBuf {
        let mut cargo = Command::new(match &self.toolchain {
            // The proxy: `CARGO` names the cargo of one toolchain and does not take `+nightly`.
            Some(_) => "cargo".into(),
            None => std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
        });
        // Those of the test's own package: build scripts that look at them would run again, here and in the next build without them.
        let own = |name: &str| name == "OUT_DIR" || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(own)) {
            cargo.env_remove(name);
        }
        if let Some(toolchain) = &self.toolchain {
            cargo.arg(format!("+{toolchain}"));
            // Set by the proxy for this test's own toolchain: they would win.
            for name in ["RUSTUP_TOOLCHAIN", "RUSTC", "RUSTDOC", "CARGO", "LD_LIBRARY_PATH"] {
                cargo.env_remove(name);
            }
        }
        cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
        cargo.envs(self.variables.iter().map(|(name, value)| (name, value)));
        cargo.args(["build", "--locked", "--message-format", "json-render-diagnostics"]);
        match &self.what {
            // An example beside it has cargo choose the features that `cargo test --workspace` has: what that built is there already.
            What::Plugin if self.as_tests() => cargo.args(["--workspace", "--lib", "--example", SMALL]),
            What::Example(name) if self.as_tests() => cargo.args(["--workspace", "--example", name]),
            What::Plugin => cargo.args(["--package", &self.package, "--lib"]),
            What::Example(name) => cargo.args(["--package", &self.package, "--example", name]),
            What::Binary(name) => cargo.args(["--package", &self.package, "--bin", name]),
        };
        if self.release {
            cargo.arg("--release");
        }
        for setting in &self.profile {
            cargo.arg("--config").arg(format!("profile.{setting}"));
        }
        if let Some(features) = &self.features {
            cargo.args(["--features", features]);
        }
        if !self.default_features {
            cargo.arg("--no-default-features");
        }
        if !self.rustflags.is_empty() {
            cargo.env_remove("CARGO_ENCODED_RUSTFLAGS").env("RUSTFLAGS", &self.rustflags);
        }
        if let Some(variant) = self.variant() {
            cargo.arg("--target-dir").arg(target_dir().join("variants").join(variant));
        }
        let output = cargo.stderr(Stdio::inherit()).output().expect("cargo runs");
        assert!(output.status.success(), "building {self:?} failed: {}", output.status);
        let text = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
        let found = text.lines().filter_map(|line| serde_json::from_str(line).ok()).find_map(|message| self.artifact(&message));
        found.unwrap_or_else(|| panic!("building {self:?} gave no such file"))
    }

    /// The file, if `message` of cargo is about it.
    fn artifact(&self, message: &Value) -> Option<PathBuf> {
        if message.get("reason")? != "compiler-artifact" {
            return None;
        }
        let id = message.get("package_id")?.as_str()?;
        let target = message.get("target")?;
        let kind =
            |wanted: &str| target.get("kind").and_then(Value::as_array).is_some_and(|kinds| kinds.iter().any(|k| k == wanted));
        let named = |name: &str| target.get("name").is_some_and(|found| found == name);
        let package = id.contains(&format!("/{}#", self.package)) || id.contains(&format!("#{}@", self.package));
        match &self.what {
            What::Plugin if package && kind("cdylib") => shared_object(message),
            What::Example(name) if kind("example") && named(name) => executable(message).or_else(|| shared_object(message)),
            What::Binary(name) if kind("bin") && named(name) => executable(message),
            _ => None,
        }
    }

    /// Whether it is built in the way of the tests themselves.
    fn as_tests(&self) -> bool {
        !self.release && self.variant().is_none()
    }

    /// A target folder of its own for whatever would fight with the test's own build over the same files.
    fn variant(&self) -> Option<String> {
        let profile = self.profile.join("_");
        let features = self.features.as_deref().unwrap_or_default();
        let variables: Vec<_> = self.variables.iter().map(|(name, _)| name.as_str()).collect();
        let variables = variables.join("_");
        let parts = [self.toolchain.as_deref().unwrap_or_default(), &self.rustflags, features, &profile, &variables];
        if parts.iter().all(|part| part.is_empty()) && self.default_features {
            return None;
        }
        let name = format!("{}{}", parts.join("_"), if self.default_features { "" } else { "-bare" });
        Some(name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect())
    }
}

fn executable(message: &Value) -> Option<PathBuf> {
    message.get("executable")?.as_str().map(PathBuf::from)
}

fn shared_object(message: &Value) -> Option<PathBuf> {
    let files = message.get("filenames")?.as_array()?;
    files.iter().filter_map(Value::as_str).find(|file| file.ends_with(".so")).map(PathBuf::from)
}

/// The folder that cargo builds into.
pub fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => Path::new(env!("CARGO_MANIFEST_DIR")).join(dir),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("target"),
    }
}

/// Whether a toolchain is installed.
pub fn has_toolchain(name: &str) -> bool {
    let mut rustc = Command::new("rustc");
    rustc.env_remove("RUSTUP_TOOLCHAIN").arg(format!("+{name}")).arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    rustc.status().is_ok_and(|status| status.success())
}
