//! A conversion module: glibc loads it when code calls `iconv_open`, from wherever `GCONV_PATH` points.

use std::fs;
use std::path::{Path, PathBuf};

use lambda_loader::Code;
use serde_json::{Value, json};

use crate::c;
use crate::check::{Mark, bootstrap_refuses, manifest};
use crate::support::folder::Folder;
use crate::support::{SOON, bootstrap, lambda, output};

/// A folder with a module that leaves a mark, and a plugin that asks for its character set as soon as it is loaded.
fn scene(files: &Path) -> (PathBuf, PathBuf) {
    let modules = files.join("modules");
    fs::create_dir(&modules).unwrap();
    fs::write(modules.join("gconv-modules"), "module INTERNAL MARK// mark 1\nmodule MARK// INTERNAL mark 1\n").unwrap();
    let module = format!("{}int gconv(void) {{ return 0; }} int gconv_init(void *step) {{ return 0; }}", c::MARK);
    c::shared(&modules, "mark.so", &module, &[]);
    let plugin = format!(
        "#include <iconv.h>\n__attribute__((constructor)) static void ask(void) {{ iconv_open(\"MARK\", \"UTF-8\"); }}\n{}",
        c::note(0, c::NOTE)
    );
    (modules, c::shared(files, "odd.so", &plugin, &[]))
}

#[test]
fn a_module_that_gconv_path_leads_to() {
    let files = tempfile::tempdir().unwrap();
    let (modules, plugin) = scene(files.path());
    let modules = modules.to_str().unwrap();
    // What it would be: in the function's own configuration the variable does load code; the link map shows it.
    let folder = Folder::new(&[("odd", &plugin)], manifest());
    let (lambda, mark) = (lambda(), Mark::new());
    let mark_path = mark.path();
    let process = bootstrap(&lambda, &folder, &[("MISBEHAVE_MARK", mark_path.to_str().unwrap()), ("GCONV_PATH", modules)]);
    let status = process.wait_exit(SOON).unwrap_or_else(|| panic!("{}", output(&process)));
    assert_eq!(mark.text().as_deref(), Some("code ran"), "no module was loaded: {}", output(&process));
    assert_eq!(status.code(), Some(Code::LoadForeignObject.class().exit().into()), "{}", output(&process));
    let told = lambda.init_error(SOON).unwrap();
    assert_eq!(told.error_type.as_deref(), Some(Code::LoadForeignObject.error_type()), "{told:?}");

    // Without it the same plugin loads none.
    bootstrap_refuses(&folder, &plugin, Code::AbiLayout, &["has no module header"], None);

    // And no manifest can set it, by whichever way.
    let refused = |change: &dyn Fn(&mut Value), settings: Option<&str>| {
        let mut manifest = manifest();
        manifest["allow"] = json!({ "environment": ["APP_*"] });
        change(&mut manifest);
        let folder = Folder::new(&[("odd", &plugin)], manifest);
        if let Some(settings) = settings {
            fs::write(folder.path().join("settings.json"), settings).unwrap();
        }
        bootstrap_refuses(&folder, &plugin, Code::VariableForbidden, &["GCONV_PATH", "steers loading or trust"], None);
    };
    let entry = json!({ "GCONV_PATH": modules });
    refused(&|manifest| manifest["environment"] = entry.clone(), None);
    refused(&|manifest| manifest["allow"]["environment"] = json!(["GCONV_PATH"]), None);
    let wider = |manifest: &mut Value| {
        manifest["allow"]["environment"] = json!(["GCONV_*"]);
        manifest["environment"] = entry.clone();
    };
    refused(&wider, None);
    // In a stage that is not even the chosen one.
    let staged = |manifest: &mut Value| {
        manifest["stages"] = json!({ "dev": {}, "prod": { "environment": entry } });
        manifest["default_stage"] = json!("dev");
    };
    refused(&staged, None);
    refused(&|manifest| manifest["settings"] = json!({ "path": "settings.json" }), Some(&entry.to_string()));
}
