//! `lock`: what it writes, and what it leaves alone.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use lambda_loader::{Architecture, Digest};
use serde_json::{Value, json};

use crate::sandbox::Sandbox;

const HERE: &str = Architecture::HERE.name();

const OTHER: &str = if cfg!(target_arch = "x86_64") { "aarch64" } else { "x86_64" };

/// Spaces, tabs, order, a stage that names its own file and one that does not.
const MANIFEST: &str = "{ \"version\": 1,\n\
    \t\"plugins\" : {\n\
    \t\t\"orders\": {\"path\":\"plugins/liborders.so\",   \"config\": {\"table\":  \"t\"}},\n\
    \t\t\"echo\" : { \"sha256\": \"0000000000000000000000000000000000000000000000000000000000000000\", \"path\": \"plugins/libecho.so\" }\n\
    \t},\n\
    \t\"routes\": {\"any\": {\"source\": \"direct\", \"to\": \"echo\"}, \"night\": {\"source\": \"schedule\", \"to\": \"orders.nightly\"}},\n\
    \t\"default_stage\": \"dev\",\n\
    \t\"stages\": {\"dev\": {}, \"prod\": {\"plugins\": {\"orders\": {\"path\": \"plugins/liborders-2.so\"}}}}}";

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new(MANIFEST);
    sandbox.place("orders", "plugins/liborders-2.so");
    sandbox.patch("plugins/liborders-2.so", |bytes| bytes.push(0));
    sandbox
}

fn expected(sandbox: &Sandbox) -> String {
    let digest = |file: &str| sandbox.digest(&format!("plugins/{file}"));
    MANIFEST
        .replace("liborders.so\",", &format!("liborders.so\",   \"sha256\":\"{}\",", digest("liborders.so")))
        .replace(&"0".repeat(64), &digest("libecho.so"))
        .replace("liborders-2.so\"", &format!("liborders-2.so\", \"sha256\": \"{}\"", digest("liborders-2.so")))
}

#[test]
fn all_stages_are_locked_and_every_other_byte_stays() {
    let sandbox = sandbox();
    let run = sandbox.run(&["lock"]);
    assert_eq!(sandbox.read("manifest.json"), expected(&sandbox));
    let digest = |file: &str| sandbox.digest(&format!("plugins/{file}"));
    let lines = format!(
        "locked    plugins.orders              {HERE:<7}  {}\n\
         locked    plugins.echo                {HERE:<7}  {} (was 000000000000)\n\
         locked    stages.prod.plugins.orders  {HERE:<7}  {}\n\
         written   manifest.json\n\
         LOADER_MANIFEST_SHA256={}\n",
        digest("liborders.so"),
        digest("libecho.so"),
        digest("liborders-2.so"),
        sandbox.digest("manifest.json"),
    );
    assert_eq!((run.done().out.as_str(), run.err.as_str(), run.plugin_ran), (lines.as_str(), "", false));
    for stage in ["dev", "prod"] {
        sandbox.run(&["verify", "--stage", stage]).done();
    }
}

#[test]
fn a_locked_manifest_is_not_written_again() {
    let sandbox = sandbox();
    sandbox.run(&["lock"]).done();
    let before = std::fs::metadata(sandbox.path("manifest.json")).unwrap();
    let run = sandbox.run(&["lock"]);
    let pin = sandbox.digest("manifest.json");
    assert_eq!(run.done().out, format!("unchanged manifest.json\nLOADER_MANIFEST_SHA256={pin}\n"));
    let after = std::fs::metadata(sandbox.path("manifest.json")).unwrap();
    // A file that was replaced is another inode.
    assert_eq!((before.ino(), before.mtime_nsec()), (after.ino(), after.mtime_nsec()));
}

#[test]
fn the_file_keeps_its_permissions_and_nothing_else_is_left_behind() {
    let sandbox = sandbox();
    std::fs::set_permissions(sandbox.path("manifest.json"), std::fs::Permissions::from_mode(0o600)).unwrap();
    sandbox.run(&["lock"]).done();
    assert_eq!(std::fs::metadata(sandbox.path("manifest.json")).unwrap().mode() & 0o7777, 0o600);
    let mut names: Vec<_> = sandbox.path("").read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["manifest.json", "plugins"]);
}

#[test]
fn check_lists_what_is_missing_or_stale_and_writes_nothing() {
    let sandbox = sandbox();
    let run = sandbox.run(&["lock", "--check"]);
    assert_eq!(sandbox.read("manifest.json"), MANIFEST);
    run.refused(4, "digest-stale", &["manifest.json: 3 digests are missing or stale (hint: run lambda-loader lock"]);
    let words: Vec<_> = run.out.lines().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(words, ["missing plugins.orders", "stale plugins.echo", "missing stages.prod.plugins.orders"]);
    sandbox.run(&["lock"]).done();
    sandbox.run(&["lock", "--check"]).done();
    sandbox.patch("plugins/liborders-2.so", |bytes| bytes.push(0));
    sandbox.run(&["lock", "--check"]).refused(4, "digest-stale", &["1 digest is missing or stale"]);
    sandbox.run(&["lock", "--check", "--stage", "dev"]).done();
}

#[test]
fn json_has_the_changes_and_the_pin() {
    let sandbox = sandbox();
    let check = sandbox.run(&["lock", "--check", "--format", "json"]);
    let result = check.json();
    assert_eq!((check.code, check.err.as_str()), (4, ""));
    assert_eq!(
        [&result["ok"], &result["written"], &result["error"]["code"]],
        [&json!(false), &json!(false), &json!("digest-stale")]
    );
    assert_eq!(result["changed"].as_array().unwrap().len(), 3);
    let result = sandbox.run(&["lock", "--format", "json"]).done().json();
    let expected = json!({
        "path": "plugins.echo", "architecture": HERE, "old": "0".repeat(64), "new": sandbox.digest("plugins/libecho.so"),
    });
    assert_eq!(result["changed"][1], expected);
    let pin = json!(sandbox.digest("manifest.json"));
    assert_eq!([&result["ok"], &result["written"], &result["sha256"]], [&json!(true), &json!(true), &pin]);
    let again = sandbox.run(&["lock", "--format", "json"]).done().json();
    let expected = json!({ "ok": true, "written": false, "manifest": "manifest.json", "sha256": pin, "changed": [] });
    assert_eq!(again, expected);
}

#[test]
fn a_stage_alone_is_locked_where_it_is_asked_for_and_never_by_a_variable() {
    let sandbox = sandbox();
    sandbox.run(&["lock", "--stage", "prod"]).done();
    let manifest: Value = serde_json::from_str(&sandbox.read("manifest.json")).unwrap();
    assert_eq!(manifest["plugins"]["orders"].get("sha256"), None);
    assert_eq!(manifest["stages"]["prod"]["plugins"]["orders"]["sha256"], sandbox.digest("plugins/liborders-2.so"));
    sandbox.run_with(&["lock"], &[("LOADER_STAGE", "prod")], "").done();
    assert_eq!(sandbox.read("manifest.json"), expected(&sandbox));
    sandbox.run(&["lock", "--stage", "live"]).refused(3, "stage-unknown", &["there is no stage \"live\""]);
}

#[test]
fn one_stage_is_written_flat_and_gives_the_same_plan() {
    let sandbox = sandbox();
    let run = sandbox.run(&["lock", "--stage", "prod", "--out", "prod.json"]);
    assert_eq!(sandbox.read("manifest.json"), MANIFEST, "the manifest itself stays");
    let flat: Value = serde_json::from_str(&sandbox.read("prod.json")).unwrap();
    assert_eq!((flat.get("stages"), flat.get("default_stage")), (None, None));
    assert_eq!(flat["plugins"]["orders"]["sha256"], sandbox.digest("plugins/liborders-2.so"));
    assert_eq!(flat["plugins"]["orders"]["config"], json!({ "table": "t" }));
    let pin = format!("LOADER_MANIFEST_SHA256={}\n", sandbox.digest("prod.json"));
    assert!(run.done().out.ends_with(&format!("written   prod.json\n{pin}")), "{run:?}");
    sandbox.run(&["verify", "--manifest", "prod.json"]).done();
    let again = sandbox.run(&["lock", "--stage", "prod", "--out", "prod.json"]);
    assert!(again.done().out.ends_with(&format!("unchanged prod.json\n{pin}")), "{again:?}");
    // Without a stage: the whole manifest.
    sandbox.run(&["lock", "--out", "locked.json"]).done();
    assert_eq!(sandbox.read("locked.json"), expected(&sandbox));
    assert_eq!(sandbox.read("manifest.json"), MANIFEST);
}

#[test]
fn another_folder_must_hold_the_same_files() {
    let sandbox = sandbox();
    let hint = "(hint: copy the plugins there first, or write it beside the manifest)";
    let out = "layer/loader/manifest.json";
    let run = |stage: &str| sandbox.run(&["lock", "--stage", stage, "--out", out]);
    run("dev").refused(2, "usage", &["--out: layer/loader: no such file or directory", "(hint: make the folder first)"]);
    sandbox.place("echo", "layer/loader/plugins/libecho.so");
    run("dev").refused(
        4,
        "artifact-missing",
        &["plugin \"orders\" cannot be had there: plugins/liborders.so is not there", hint],
    );
    sandbox.place("echo", "layer/loader/plugins/liborders.so");
    run("dev").refused(4, "digest-mismatch", &["plugin \"orders\" is another file there", hint]);
    assert!(!sandbox.path(out).exists());
    sandbox.place("orders", "layer/loader/plugins/liborders.so");
    run("dev").done();
    sandbox.run(&["verify", "--manifest", out]).done();
    sandbox.run(&["lock", "--out", "plugins"]).refused(2, "usage", &["--out: plugins is not a file"]);
}

#[test]
fn the_elf_header_says_which_architecture_it_is() {
    let plugin = |entry: Value| json!({ "version": 1, "plugins": { "echo": entry } }).to_string();
    let zeros = "0".repeat(64);
    let sandbox = Sandbox::new(&plugin(json!({ "path": "plugins/libecho.so", "sha256": { HERE: zeros, OTHER: zeros } })));
    let entry = || serde_json::from_str::<Value>(&sandbox.read("manifest.json")).unwrap()["plugins"]["echo"]["sha256"].clone();
    sandbox.run(&["lock"]).done();
    let here = sandbox.digest("plugins/libecho.so");
    assert_eq!(entry(), json!({ HERE: here, OTHER: zeros }));
    sandbox.make_foreign("plugins/libecho.so");
    sandbox.run(&["lock"]).done();
    assert_eq!(entry(), json!({ HERE: here, OTHER: sandbox.digest("plugins/libecho.so") }));

    // A file for each.
    sandbox.write("manifest.json", plugin(json!({ "path": "plugins/{arch}/libecho.so" })));
    sandbox.run(&["lock"]).refused(4, "artifact-missing", &[&format!("/plugins/{HERE}/libecho.so is not there")]);
    sandbox.place("echo", &format!("plugins/{HERE}/libecho.so"));
    sandbox.run(&["lock"]).done();
    assert_eq!(entry(), json!({ HERE: here }));
    sandbox.place("echo", &format!("plugins/{OTHER}/libecho.so"));
    let words = format!("its file for {OTHER} is for {HERE} (hint: put each architecture's file at its own path)");
    sandbox.run(&["lock"]).refused(4, "elf-foreign", &[&words]);
    sandbox.make_foreign(&format!("plugins/{OTHER}/libecho.so"));
    sandbox.run(&["lock"]).done();
    assert_eq!(entry(), json!({ HERE: here, OTHER: sandbox.digest(&format!("plugins/{OTHER}/libecho.so")) }));

    // One folder of builds has the one file, whose header says for which.
    sandbox.place("echo", "build/libecho.so");
    sandbox.patch("build/libecho.so", |bytes| bytes.push(0));
    sandbox.run(&["lock", "--from", "build"]).done();
    assert_eq!(entry()[HERE], sandbox.digest("build/libecho.so"));
}

#[test]
fn libraries_are_locked_too_and_from_elsewhere_as_well() {
    let manifest = json!({ "version": 1, "libraries": { "libx.so.1": { "path": "plugins/libecho.so" } } });
    let sandbox = Sandbox::new(&manifest.to_string());
    let locked =
        || serde_json::from_str::<Value>(&sandbox.read("manifest.json")).unwrap()["libraries"]["libx.so.1"]["sha256"].clone();
    sandbox.run(&["lock"]).done();
    assert_eq!(locked(), sandbox.digest("plugins/libecho.so"));
    sandbox.place("orders", "x.so");
    sandbox.run(&["lock", "--from", "libx.so.1=x.so"]).done();
    assert_eq!(locked(), sandbox.digest("x.so"));
}

#[test]
fn a_plugin_of_one_stage_only_may_come_from_elsewhere() {
    let manifest = json!({
        "version": 1,
        "stages": { "dev": {}, "prod": { "plugins": { "echo": { "path": "plugins/libecho.so" } } } },
    });
    let sandbox = Sandbox::new(&manifest.to_string());
    sandbox.place("orders", "x.so");
    sandbox.run(&["lock", "--from", "echo=x.so"]).done();
    assert!(sandbox.read("manifest.json").contains(&sandbox.digest("x.so")));
    sandbox.run(&["lock", "--stage", "dev", "--from", "echo=x.so"]).refused(2, "usage", &["no plugin or library \"echo\""]);
}

#[test]
fn no_code_of_what_is_locked_runs_and_nothing_half_done_is_written() {
    let manifest = json!({ "version": 1, "plugins": {
        "a": { "path": "plugins/libmisbehave.so" }, "b": { "path": "plugins/missing.so" },
    } });
    let sandbox = Sandbox::new(&manifest.to_string());
    sandbox.run(&["lock"]).refused(4, "artifact-missing", &["plugin \"b\""]);
    assert_eq!(sandbox.read("manifest.json"), manifest.to_string());
    sandbox.place("misbehave", "plugins/missing.so");
    let run = sandbox.run(&["lock"]);
    assert!(!run.done().plugin_ran);
    assert_eq!(sandbox.digest("manifest.json"), Digest::of(sandbox.read("manifest.json").as_bytes()).to_string());
}

#[test]
fn a_folder_that_cannot_be_written_is_named_with_the_mend() {
    let sandbox = Sandbox::new(r#"{"version":1}"#);
    // Root may write anywhere but into a folder of the kernel's.
    let run = sandbox.run(&["lock", "--out", "/proc/self/manifest.json"]);
    let hint = "(hint: make its folder writable, or write elsewhere with --out)";
    run.refused(2, "usage", &["/manifest.json: could not be written: ", hint]);
    assert_eq!(run.out, "");
}
