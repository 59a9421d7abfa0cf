//! Attacks on the manifest's signature: no code of a plugin runs, whatever else speaks for the manifest.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lambda_loader::Code;
use lambda_loader::local::{Bootstrap, Lambda, Options};
use minisign::KeyPair;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

use crate::support::folder::Folder;
use crate::support::{SOON, bootstrap_path, output};
use crate::world::{error, folder};

/// The platform owner's keys.
static OWNER: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate_unencrypted_keypair().unwrap());

/// Somebody else's.
pub(crate) static STRANGER: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate_unencrypted_keypair().unwrap());

pub(crate) fn sign(pair: &KeyPair, bytes: &[u8]) -> String {
    minisign::sign(Some(&pair.pk), &pair.sk, bytes, Some("release 7"), None).unwrap().into_string()
}

/// `misbehave`, which marks that it has run, behind one operation.
pub(crate) fn manifest() -> Value {
    json!({
        "functions": ["local"],
        "serial": 7,
        "plugins": { "misbehave": {} },
        "routes": { "spawn": { "source": "operation", "name": "spawn", "to": "misbehave.spawn" } },
    })
}

/// A folder, and the variables of a function that takes what the owner has signed.
pub(crate) struct Function {
    program: PathBuf,
    folder: Folder,
    task_root: Option<PathBuf>,
    variables: Vec<(&'static str, String)>,
}

impl Function {
    /// With a manifest that is signed as it should be.
    pub(crate) fn new(manifest: Value) -> Self {
        let folder = folder(&["misbehave"], manifest);
        let variables = vec![
            ("LOADER_MANIFEST", folder.manifest().to_str().unwrap().to_owned()),
            ("LOADER_MANIFEST_KEY", OWNER.pk.to_base64()),
            ("MISBEHAVE_MARK", folder.path().join("mark").to_str().unwrap().to_owned()),
        ];
        let function = Function { program: bootstrap_path(), folder, task_root: None, variables };
        let signature = sign(&OWNER, &function.bytes());
        function.signed(signature)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.folder.manifest()).unwrap()
    }

    fn signature(&self) -> PathBuf {
        self.folder.path().join("manifest.json.minisig")
    }

    /// With another `bootstrap`.
    pub(crate) fn under(mut self, program: PathBuf) -> Self {
        self.program = program;
        self
    }

    /// With this in the signature file.
    pub(crate) fn signed(self, signature: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.signature(), signature).unwrap();
        self
    }

    pub(crate) fn unsigned(self) -> Self {
        std::fs::remove_file(self.signature()).unwrap();
        self
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.retain(|(old, _)| *old != name);
        self.variables.push((name, value.into()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.variables.retain(|(old, _)| *old != name);
        self
    }

    pub(crate) fn pinned(self) -> Self {
        let pin = self.folder.pin.clone();
        self.with("LOADER_MANIFEST_SHA256", pin)
    }

    /// Its manifest is part of its own code.
    pub(crate) fn own_code(mut self) -> Self {
        self.task_root = Some(self.folder.path().to_owned());
        self
    }

    fn spawn(&self) -> (Lambda, Bootstrap) {
        let task_root = self.task_root.clone().unwrap_or_else(|| "/var/task".into());
        let lambda = Lambda::start(Options { task_root, ..Options::default() }).unwrap();
        let variables: Vec<_> = self.variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let process = Bootstrap::spawn(&lambda, &self.program, &variables).unwrap();
        (lambda, process)
    }

    /// It starts, and says why it believes the manifest.
    #[track_caller]
    pub(crate) fn starts(&self, trust: &str) {
        let (lambda, process) = self.spawn();
        assert!(lambda.wait_polled(1, SOON).is_some(), "{}", output(&process));
        assert!(self.folder.path().join("mark").exists(), "or no test here would see it");
        let said = process.wait_for_line(|line| line.contains(&format!("\"{trust}\"")), SOON);
        assert!(said.is_some(), "{trust:?} is not in\n{}", output(&process));
        drop(process);
        std::fs::remove_file(self.folder.path().join("mark")).unwrap();
    }

    /// It does not, for a reason that holds `words`, and no plugin code has run.
    #[track_caller]
    pub(crate) fn is_refused(&self, code: Code, words: &str) {
        let (lambda, process) = self.spawn();
        let status = process.wait_exit(SOON).unwrap_or_else(|| panic!("{code:?}: it runs\n{}", output(&process)));
        assert_eq!(status.code(), Some(3), "{code:?}: {}", output(&process));
        let told = lambda.init_error(SOON).unwrap_or_else(|| panic!("{code:?}: not told\n{}", output(&process)));
        let [header, error_type, message] = error(told.error_type, &told.body);
        assert_eq!((header.as_str(), error_type.as_str()), (code.error_type(), code.error_type()), "{message}");
        assert!(message.contains(words) && message.contains("(hint: "), "{message:?} does not say {words:?}");
        assert_eq!(lambda.polled().count, 0, "{code:?}: asked for an event");
        assert!(!self.folder.path().join("mark").exists(), "{code:?}: plugin code ran");
    }
}

fn id(pair: &KeyPair) -> String {
    let id: [u8; 8] = pair.pk.keynum().try_into().unwrap();
    format!("{:016X}", u64::from_le_bytes(id))
}

#[test]
fn what_the_owner_signed_runs_wherever_it_lies() {
    let signed = format!("signed by {}", id(&OWNER));
    Function::new(manifest()).starts(&signed);
    Function::new(manifest()).own_code().starts(&signed);
    Function::new(manifest()).pinned().starts(&format!("{signed}, pinned"));
    Function::new(manifest()).with("LOADER_MANIFEST_MIN_SERIAL", "7").starts(&signed);
}

#[test]
fn signature_of_another_file() {
    let function = Function::new(manifest());
    let other = sign(&OWNER, b"{}");
    function.signed(other).is_refused(Code::SignatureInvalid, "did not sign this");
    // One byte more, where JSON has no meaning.
    let function = Function::new(manifest());
    std::fs::write(function.folder.manifest(), [&function.bytes()[..], b"\n"].concat()).unwrap();
    function.is_refused(Code::SignatureInvalid, "did not sign this");
}

#[test]
fn truncated_signature() {
    let whole = std::fs::read(Function::new(manifest()).signature()).unwrap();
    for end in [0, 1, whole.len() / 4, whole.len() / 2, whole.len() - 2] {
        Function::new(manifest()).signed(&whole[..end]).is_refused(Code::SignatureInvalid, "manifest.json.minisig: ");
    }
}

#[test]
fn signature_of_another_key() {
    let function = Function::new(manifest());
    let theirs = sign(&STRANGER, &function.bytes());
    let words = format!("it is by another key, {}, and the manifest has to be signed by {}", id(&STRANGER), id(&OWNER));
    function.signed(theirs).is_refused(Code::SignatureInvalid, &words);
}

#[test]
fn altered_trusted_comment() {
    let function = Function::new(manifest());
    let text = std::fs::read_to_string(function.signature()).unwrap();
    let altered = text.replace("release 7", "release 8");
    assert_ne!(altered, text);
    function.signed(altered).is_refused(Code::SignatureInvalid, "did not sign this");
}

#[test]
fn replayed_older_serial() {
    let least = |manifest| Function::new(manifest).with("LOADER_MANIFEST_MIN_SERIAL", "8");
    least(manifest()).is_refused(Code::SerialTooOld, "7 is below LOADER_MANIFEST_MIN_SERIAL, which is 8");
    least(manifest()).pinned().is_refused(Code::SerialTooOld, "7 is below");
    let mut without = manifest();
    without.as_object_mut().unwrap().remove("serial");
    least(without).is_refused(Code::SerialTooOld, "it has none");
}

#[test]
fn least_serial_that_is_no_number() {
    for least in ["", "seven", "-1", "7 ", "0x7"] {
        Function::new(manifest())
            .with("LOADER_MANIFEST_MIN_SERIAL", least)
            .is_refused(Code::ManifestUntrusted, "LOADER_MANIFEST_MIN_SERIAL is not a whole number");
    }
}

#[test]
fn signed_for_another_function() {
    let mut foreign = manifest();
    foreign["functions"] = json!(["billing-*"]);
    Function::new(foreign).is_refused(Code::FunctionNotListed, "it is for \"billing-*\", not for \"local\"");
}

#[test]
fn signature_left_away() {
    Function::new(manifest()).unsigned().is_refused(Code::ManifestUnsigned, "manifest.json.minisig: no such file");
}

#[test]
fn right_pin_instead_of_a_signature() {
    Function::new(manifest()).unsigned().pinned().is_refused(Code::ManifestUnsigned, "a key is configured");
}

#[test]
fn own_code_instead_of_a_signature() {
    Function::new(manifest()).unsigned().own_code().is_refused(Code::ManifestUnsigned, "a key is configured");
    Function::new(manifest()).unsigned().own_code().pinned().is_refused(Code::ManifestUnsigned, "a key is configured");
}

#[test]
fn signature_instead_of_the_right_pin() {
    Function::new(manifest())
        .with("LOADER_MANIFEST_SHA256", "0".repeat(64))
        .is_refused(Code::ManifestPinMismatch, "LOADER_MANIFEST_SHA256 is 0000");
}

#[test]
fn key_that_is_none() {
    for key in ["", "RWQ", &STRANGER.pk.to_base64()[1..]] {
        let function = Function::new(manifest()).pinned().with("LOADER_MANIFEST_KEY", key);
        function.is_refused(Code::KeyInvalid, "LOADER_MANIFEST_KEY: it is not a minisign public key");
    }
}

#[test]
fn signature_that_is_no_plain_file() {
    let fifo = Function::new(manifest()).unsigned();
    mknodat(CWD, fifo.signature(), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    fifo.is_refused(Code::SignatureInvalid, "not a regular file");
    let link = Function::new(manifest());
    std::fs::rename(link.signature(), link.folder.path().join("real")).unwrap();
    std::os::unix::fs::symlink("real", link.signature()).unwrap();
    link.is_refused(Code::SignatureInvalid, "too many levels of symbolic links");
    let device = Function::new(manifest()).unsigned();
    std::os::unix::fs::symlink("/dev/zero", device.signature()).unwrap();
    device.is_refused(Code::SignatureInvalid, "too many levels of symbolic links");
    Function::new(manifest()).signed(vec![b'\n'; 1 << 20]).is_refused(Code::SignatureInvalid, "larger than 16 KiB");
}

/// A manifest with that plugin alone, behind `direct`.
fn with_only(plugin: &str) -> Value {
    json!({ "plugins": { plugin: {} }, "routes": { "any": { "source": "direct", "to": format!("{plugin}.{}", handler(plugin)) } } })
}

fn handler(plugin: &str) -> &str {
    if plugin == "misbehave" { "spawn" } else { plugin }
}

/// Starts again and again while the manifest that the owner means turns into another, which runs `misbehave`, and back.
#[track_caller]
fn swapped_while_starting(variables: impl Fn(&Folder) -> Vec<(&'static str, String)>, refused: Code) {
    let other = folder(&["misbehave"], with_only("misbehave"));
    let meant = folder(&["echo"], with_only("echo"));
    for entry in std::fs::read_dir(other.path().join("plugins")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), meant.path().join("plugins").join(entry.file_name())).unwrap();
    }
    let (good, evil) = (std::fs::read(meant.manifest()).unwrap(), std::fs::read(other.manifest()).unwrap());
    let variables = variables(&meant);
    let function = Function { program: bootstrap_path(), folder: meant, task_root: None, variables };
    let function = function.with("MISBEHAVE_MARK", other.path().join("mark").to_str().unwrap());
    let (path, swap, mark) = (function.folder.manifest(), function.folder.path().join("swap"), other.path().join("mark"));
    // The other manifest is one that would run.
    let bare = Function { program: bootstrap_path(), folder: other, task_root: None, variables: function.variables.clone() };
    let manifest = bare.folder.manifest().to_str().unwrap().to_owned();
    bare.with("LOADER_MANIFEST", manifest).without("LOADER_MANIFEST_KEY").pinned().starts("pinned");

    let (mut started, mut stopped) = (0, 0);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for (turn, bytes) in [&evil, &good].into_iter().cycle().enumerate() {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                // In place, and by rename.
                if turn % 4 < 2 {
                    std::fs::write(&path, bytes).unwrap();
                } else {
                    std::fs::write(&swap, bytes).unwrap();
                    std::fs::rename(&swap, &path).unwrap();
                }
            }
        });
        let _over = Over(&over);
        for _ in 0..500 {
            let (lambda, process) = function.spawn();
            let status = loop {
                if lambda.wait_polled(1, Duration::from_millis(10)).is_some() {
                    break None;
                }
                if let Some(status) = process.wait_exit(Duration::ZERO) {
                    break Some(status);
                }
            };
            assert!(!mark.exists(), "the other manifest ran\n{}", output(&process));
            match status {
                None => started += 1,
                Some(status) => {
                    let told = format!("code={}", refused.name());
                    assert!(status.code() == Some(3) && output(&process).contains(&told), "{}", output(&process));
                    stopped += 1;
                }
            }
            if started >= 5 && stopped >= 5 {
                break;
            }
        }
    });
    // Each start meets one of the two: that 500 of them meet only one would be no race.
    assert!(started >= 5 && stopped >= 5, "{started} started, {stopped} were refused");
}

/// Ends the other thread also when an assertion fails.
struct Over<'o>(&'o AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn manifest_edited_between_pin_check_and_use() {
    let pinned = |folder: &Folder| {
        let manifest = folder.manifest().to_str().unwrap().to_owned();
        vec![("LOADER_MANIFEST", manifest), ("LOADER_MANIFEST_SHA256", folder.pin.clone())]
    };
    swapped_while_starting(pinned, Code::ManifestPinMismatch);
}

#[test]
fn manifest_edited_between_signature_check_and_use() {
    let signed = |folder: &Folder| {
        let manifest = folder.manifest();
        let signature = sign(&OWNER, &std::fs::read(&manifest).unwrap());
        std::fs::write(manifest.with_extension("json.minisig"), signature).unwrap();
        vec![("LOADER_MANIFEST", manifest.to_str().unwrap().to_owned()), ("LOADER_MANIFEST_KEY", OWNER.pk.to_base64())]
    };
    swapped_while_starting(signed, Code::SignatureInvalid);
}
