//! Starts that are refused: the service and the log are told why, the exit code is that of the cause, and no plugin code has run.

use std::os::unix::fs::symlink;
use std::path::Path;

use lambda_loader::Code;
use lambda_loader::local::{Endpoint, Fault, How, Lambda, Options};
use serde_json::{Value, json};

use crate::support::folder::Folder;
use crate::support::{SOON, bootstrap, lambda};
use crate::world::{error, folder, plugin};

/// What `bootstrap` says of all that it would have to fetch.
const LEAN: &str =
    "cannot be fetched: there is no S3 in this program (hint: use bootstrap-s3 for bootstrap, as lambda-loader package does";

/// A start that is to fail.
struct Start {
    lambda: Lambda,
    folder: Folder,
    variables: Vec<(&'static str, String)>,
}

/// `misbehave`, which marks that it has run, behind one operation; changed by `change`.
fn start(change: impl FnOnce(&mut Value)) -> Start {
    let mut manifest = json!({ "routes": { "spawn": { "source": "operation", "name": "spawn", "to": "misbehave.spawn" } } });
    manifest["plugins"] = json!({ "misbehave": {} });
    change(&mut manifest);
    Start { lambda: lambda(), folder: folder(&["misbehave"], manifest), variables: Vec::new() }
}

impl Start {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// After `change` to the folder.
    fn after(self, change: impl FnOnce(&Path)) -> Self {
        change(self.folder.path());
        self
    }

    /// Runs it, expects it to fail with `code`, and returns the message and whether plugin code ran.
    #[track_caller]
    fn fails(&self, code: Code) -> (String, bool) {
        let mark = self.folder.path().join("mark");
        let mut variables = vec![("MISBEHAVE_MARK", mark.to_str().unwrap())];
        variables.extend(self.variables.iter().map(|(name, value)| (*name, value.as_str())));
        let process = bootstrap(&self.lambda, &self.folder, &variables);
        let status = process.wait_exit(SOON).unwrap_or_else(|| panic!("{code:?}: it runs"));
        let output = crate::support::output(&process);
        assert_eq!(status.code(), Some(code.class().exit().into()), "{code:?}: {output}");
        let told = self.lambda.init_error(SOON).unwrap_or_else(|| panic!("{code:?}: not told\n{output}"));
        let [header, error_type, message] = error(told.error_type, &told.body);
        assert_eq!((header.as_str(), error_type.as_str()), (code.error_type(), code.error_type()), "{message}");
        let logged = format!("{message} code={}", code.name());
        assert!(output.lines().any(|line| line.contains(" ERROR ") && line.contains(&logged)), "{logged:?} is not in\n{output}");
        assert_eq!(self.lambda.polled().count, 0, "{code:?}: asked for an event");
        (message, mark.exists())
    }

    /// As [`Start::fails`]; refused before any plugin code, for a reason that holds `words`.
    #[track_caller]
    fn is_refused(&self, code: Code, words: &str) {
        let (message, ran) = self.fails(code);
        assert!(message.contains(words), "{message:?} does not say {words:?}");
        assert!(!ran, "{code:?}: plugin code ran");
    }
}

fn unchanged() -> Start {
    start(|_| ())
}

#[test]
fn the_same_start_without_a_fault_runs_the_plugin() {
    let start = unchanged();
    let mark = start.folder.path().join("mark");
    let process = bootstrap(&start.lambda, &start.folder, &[("MISBEHAVE_MARK", mark.to_str().unwrap())]);
    assert!(start.lambda.wait_polled(1, SOON).is_some(), "{}", crate::support::output(&process));
    assert!(mark.exists(), "or none of the tests here would see it");
}

#[test]
fn a_manifest_that_is_not_there_or_not_to_be_read() {
    let without = |start: Start| start.with("LOADER_MANIFEST", "");
    without(unchanged())
        .is_refused(Code::ManifestMissing, "there is no manifest at /opt/loader/manifest.json or /var/task/manifest.json");
    unchanged().with("LOADER_MANIFEST", "/nowhere/manifest.json").is_refused(Code::ManifestMissing, "/nowhere/manifest.json: ");
    unchanged().with("LOADER_MANIFEST", "/tmp").is_refused(Code::ManifestUnreadable, "/tmp: ");
    unchanged().with("LOADER_MANIFEST", "s3://bucket/manifest.json").is_refused(Code::RemoteNotBuilt, LEAN);
    let mut broken = unchanged();
    broken.folder.write(b"{\"version\": 1,");
    broken.is_refused(Code::ManifestSyntax, "manifest.json:1:");
    broken.folder.write(b"");
    broken.is_refused_again(Code::ManifestSyntax, "manifest.json:1:1");
    broken.folder.write(b"{\"version\": 1, \"version\": 1}");
    broken.is_refused_again(Code::ManifestDuplicateKey, "version");
    broken.folder.write(b"{\"version\": 2}");
    broken.is_refused_again(Code::ManifestVersion, "version");
    broken.folder.write(&vec![b' '; (1 << 20) + 1]);
    broken.is_refused_again(Code::ManifestTooLarge, "larger than 1 MiB");
    start(|manifest| manifest["pluginz"] = json!({})).is_refused(Code::ManifestUnknownKey, "pluginz");
}

impl Start {
    /// As [`Start::is_refused`], under a Lambda that has not been told anything.
    #[track_caller]
    fn is_refused_again(&mut self, code: Code, words: &str) {
        self.lambda = lambda();
        self.is_refused(code, words);
    }
}

#[test]
fn a_manifest_that_nobody_vouches_for() {
    let pin = |value: &str| unchanged().with("LOADER_MANIFEST_SHA256", value);
    pin(&"0".repeat(64)).is_refused(Code::ManifestPinMismatch, "LOADER_MANIFEST_SHA256 is 0000");
    pin("").is_refused(Code::ManifestUntrusted, "LOADER_MANIFEST_SHA256 is not 64 lower-case hexadecimal digits");
    pin("abc").is_refused(Code::ManifestUntrusted, "LOADER_MANIFEST_SHA256 is not 64 lower-case hexadecimal digits");
    unchanged()
        .with("LOADER_MANIFEST_KEY", "RWQ")
        .is_refused(Code::KeyInvalid, "LOADER_MANIFEST_KEY: it is not a minisign public key");
    // Pinned, but changed afterwards: what does not match the pin is not even parsed.
    let changed = unchanged().after(|folder| std::fs::write(folder.join("manifest.json"), "{\"version\":").unwrap());
    changed.is_refused(Code::ManifestPinMismatch, "its SHA-256 is ");
    start(|manifest| manifest["functions"] = json!(["orders-*"]))
        .is_refused(Code::FunctionNotListed, "it is for \"orders-*\", not for \"local\"");
    start(|manifest| manifest["serial"] = 6.into())
        .with("LOADER_MANIFEST_MIN_SERIAL", "7")
        .is_refused(Code::SerialTooOld, "6 is below LOADER_MANIFEST_MIN_SERIAL, which is 7");
    unchanged().with("LOADER_MANIFEST_MIN_SERIAL", "7").is_refused(Code::SerialTooOld, "it has none");
    unchanged().with("LOADER_MANIFEST_MIN_SERIAL", "x").is_refused(Code::ManifestUntrusted, "not a whole number");
}

#[test]
fn without_a_pin_a_manifest_on_a_writable_mount_is_not_believed_even_as_own_code() {
    let world = |own: bool| {
        let mut start = unchanged();
        let task_root = if own { start.folder.path().to_owned() } else { "/var/task".into() };
        start.lambda = Lambda::start(Options { task_root, ..Options::default() }).unwrap();
        start
    };
    for (own, words) in [(true, "its mount is writable"), (false, "not part of the function's own code")] {
        let start = world(own);
        let mark = start.folder.path().join("mark");
        let variables = [("LOADER_MANIFEST", start.folder.manifest()), ("MISBEHAVE_MARK", mark.clone())];
        let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.to_str().unwrap())).collect();
        let process =
            lambda_loader::local::Bootstrap::spawn(&start.lambda, &crate::support::bootstrap_path(), &variables).unwrap();
        assert_eq!(process.wait_exit(SOON).and_then(|status| status.code()), Some(3));
        let told = start.lambda.init_error(SOON).expect("told");
        let [header, _, message] = error(told.error_type, &told.body);
        assert!(header == "Runtime.LoaderManifestUntrusted" && message.contains(words), "{header} {message}");
        assert!(!mark.exists());
    }
}

#[test]
fn a_stage_that_is_not_chosen_or_not_there() {
    let staged = || start(|manifest| manifest["stages"] = json!({ "dev": {}, "prod": {} }));
    staged().is_refused(Code::StageNotChosen, "LOADER_STAGE");
    staged().with("LOADER_STAGE", "prud").is_refused(Code::StageUnknown, "prud");
    unchanged().with("LOADER_STAGE", "prod").is_refused(Code::StageUnknown, "prod");
    // A stage that is not chosen is checked as well.
    start(|manifest| manifest["stages"] = json!({ "dev": {}, "prod": { "plugins": { "misbehave": { "path": "../x.so" } } } }))
        .with("LOADER_STAGE", "dev")
        .is_refused(Code::PathOutsideRoots, "prod");
}

#[test]
fn a_file_that_is_not_the_one_that_was_meant() {
    let library = "plugins/libmisbehave.so";
    unchanged()
        .after(|folder| std::fs::remove_file(folder.join(library)).unwrap())
        .is_refused(Code::ArtifactMissing, "plugin \"misbehave\"");
    let flipped = unchanged().after(|folder| {
        let mut bytes = std::fs::read(folder.join(library)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(folder.join(library), bytes).unwrap();
    });
    flipped.is_refused(Code::DigestMismatch, "plugin \"misbehave\": the file's SHA-256 is ");
    let mut unlocked = unchanged();
    let manifest = std::fs::read(unlocked.folder.manifest()).unwrap();
    let mut manifest: Value = serde_json::from_slice(&manifest).unwrap();
    manifest["plugins"]["misbehave"].as_object_mut().unwrap().remove("sha256");
    unlocked.folder.write(manifest.to_string().as_bytes());
    unlocked.is_refused(Code::DigestMissing, "lambda-loader lock");
    let outside = tempfile::tempdir().unwrap();
    std::fs::copy(plugin("misbehave"), outside.path().join("libmisbehave.so")).unwrap();
    let file = outside.path().join("libmisbehave.so").to_str().unwrap().to_owned();
    start(|manifest| manifest["plugins"]["misbehave"]["path"] = file.clone().into()).is_refused(Code::PathOutsideRoots, &file);
    start(|manifest| manifest["plugins"]["misbehave"]["path"] = "../libmisbehave.so".into())
        .is_refused(Code::PathOutsideRoots, "../libmisbehave.so");
    let linked = unchanged().after(|folder| {
        std::fs::remove_file(folder.join(library)).unwrap();
        symlink(&file, folder.join(library)).unwrap();
    });
    linked.is_refused(Code::PathSymlink, "plugin \"misbehave\"");
    let linked = unchanged().after(|folder| {
        std::fs::rename(folder.join("plugins"), folder.join("real")).unwrap();
        symlink("real", folder.join("plugins")).unwrap();
    });
    linked.is_refused(Code::PathSymlink, "plugin \"misbehave\"");
    let truncated = unchanged().after(|folder| {
        let bytes = std::fs::read(folder.join(library)).unwrap();
        std::fs::write(folder.join(library), &bytes[..bytes.len() / 2]).unwrap();
    });
    truncated.is_refused(Code::DigestMismatch, "the file's SHA-256 is ");
}

#[test]
fn every_plugin_is_verified_before_any_runs() {
    let files = [("misbehave", plugin("misbehave")), ("echo", plugin("echo"))];
    let files: Vec<_> = files.iter().map(|(name, file)| (*name, file.as_path())).collect();
    let manifest = json!({
        "plugins": { "misbehave": {}, "echo": { "sha256": "0".repeat(64) } },
        "routes": { "spawn": { "source": "operation", "name": "spawn", "to": "misbehave.spawn" } },
    });
    let start = Start { lambda: lambda(), folder: Folder::new(&files, manifest), variables: Vec::new() };
    start.is_refused(Code::DigestMismatch, "plugin \"echo\"");
}

#[test]
fn what_would_have_to_be_fetched_is_refused_by_the_program_without_s3() {
    let s3 = |manifest: &mut Value| {
        manifest["allow"] = json!({ "buckets": ["artifacts"] });
        manifest["plugins"]["remote"] = json!({ "s3": "s3://artifacts/remote.so", "sha256": "0".repeat(64) });
    };
    start(s3).is_refused(Code::RemoteNotBuilt, LEAN);
    start(|manifest| {
        manifest["allow"] = json!({ "buckets": ["artifacts"] });
        manifest["settings"] = json!({ "s3": "s3://artifacts/settings.json" });
    })
    .is_refused(Code::RemoteNotBuilt, "settings: s3://artifacts/settings.json cannot be fetched");
    // What needs no look at the file is refused at once, whenever the plugin would be loaded.
    start(move |manifest| {
        s3(manifest);
        manifest["plugins"]["remote"]["load"] = "first-use".into();
    })
    .is_refused(Code::RemoteNotBuilt, LEAN);
}

#[test]
fn variables_that_may_not_be_set_and_settings_that_are_none() {
    let environment = |name: &'static str| {
        start(move |manifest| {
            manifest["allow"] = json!({ "environment": ["APP_*"] });
            manifest["environment"] = json!({ name: "secret-value" });
        })
    };
    environment("LD_PRELOAD").is_refused(Code::VariableForbidden, "LD_PRELOAD");
    environment("OTHER").is_refused(Code::VariableNotAllowed, "OTHER");
    let settings = |text: &'static str| {
        start(|manifest| {
            manifest["allow"] = json!({ "environment": ["APP_*"] });
            manifest["settings"] = json!({ "path": "settings.json" });
        })
        .after(move |folder| std::fs::write(folder.join("settings.json"), text).unwrap())
    };
    for (text, code, words) in [
        ("", Code::SettingsInvalid, "not a JSON object"),
        (r#"{"APP_A": secret-value}"#, Code::SettingsInvalid, "not a JSON object (line 1"),
        (r#"{"APP_A": ["secret-value"]}"#, Code::SettingsInvalid, "the value of \"APP_A\" is not a string"),
        (r#"{"APP_A": "secret-value", "APP_A": ""}"#, Code::SettingsInvalid, "\"APP_A\" is there twice"),
        (r#"{"LOADER_STAGE": "secret-value"}"#, Code::VariableForbidden, "LOADER_STAGE"),
        (r#"{"OTHER": "secret-value"}"#, Code::VariableNotAllowed, "OTHER"),
    ] {
        let start = settings(text);
        start.is_refused(code, words);
        let told = start.lambda.init_error(SOON).unwrap();
        assert!(!String::from_utf8_lossy(&told.body).contains("secret-value"), "{told:?}");
    }
    let missing = settings("{}").after(|folder| std::fs::remove_file(folder.join("settings.json")).unwrap());
    missing.is_refused(Code::ArtifactMissing, "settings");
}

#[test]
fn a_process_with_foreign_code_in_it() {
    let library = plugin("echo").to_str().unwrap().to_owned();
    unchanged().with("LD_PRELOAD", library.clone()).is_refused(Code::ProcessTampered, "LD_PRELOAD is set");
    unchanged().with("LD_AUDIT", library).is_refused(Code::ProcessTampered, "LD_AUDIT is set");
    unchanged().with("LD_LIBRARY_PATH", "/tmp").is_refused(Code::ProcessTampered, "entry 1 of LD_LIBRARY_PATH");
}

#[test]
fn handlers_that_the_plugin_does_not_have() {
    let to = |to: &'static str| start(move |manifest| manifest["routes"]["spawn"]["to"] = to.into());
    to("misbehave.nothing").is_refused(Code::HandlerMissing, "nothing");
    to("misbehave").is_refused(Code::HandlerMissing, "route \"spawn\"");
    to("nobody.spawn").is_refused(Code::PluginUnknown, "nobody");
    start(|manifest| manifest["on_error"] = "misbehave.nothing".into()).is_refused(Code::HandlerMissing, "on_error");
}

#[test]
fn a_plugin_s_own_start_that_fails() {
    let config = |config: Value| start(move |manifest| manifest["plugins"]["misbehave"]["config"] = config);
    for (value, words) in [
        (json!({ "start": "error" }), "start failed: NoDatabase: the database is not there"),
        (json!({ "start": "panic" }), "start failed: Panic: panicked at plugins/misbehave/src/lib.rs:"),
        (
            json!({ "start": 7 }),
            "start failed: ConfigDecode: plugins.misbehave.config.start: invalid type: integer …, expected a string",
        ),
        (json!({ "strat": null }), "start failed: ConfigDecode: plugins.misbehave.config.strat: unknown field `strat`"),
    ] {
        let (message, ran) = config(value).fails(Code::StartFailed);
        assert!(message.starts_with("plugin \"misbehave\": ") && message.contains(words), "{message}");
        assert!(ran);
    }
}

#[test]
fn a_runtime_api_that_does_not_take_the_report_changes_nothing_about_the_end() {
    for how in [How::Status(500), How::Status(403), How::Close, How::Garbage, How::CloseInHeaders] {
        let start = unchanged().with("LOADER_MANIFEST_SHA256", "0".repeat(64));
        start.lambda.fault(Fault::new(Endpoint::InitError, how.clone()).times(2));
        let process = bootstrap(&start.lambda, &start.folder, &[("LOADER_MANIFEST_SHA256", &"0".repeat(64))]);
        assert_eq!(process.wait_exit(SOON).and_then(|status| status.code()), Some(3), "{how:?}");
        let output = crate::support::output(&process);
        assert!(output.contains("code=manifest-pin-mismatch"), "{output}");
        assert!(output.contains("the failed start could not be reported: ") && output.contains("code=runtime-api"), "{output}");
    }
}
