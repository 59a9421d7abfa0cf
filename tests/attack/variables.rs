//! Variables that steer loading or trust, set by a manifest.

use std::fs;

use lambda_loader::Code;
use lambda_loader::policy::variable::NEVER;
use serde_json::json;

use crate::check::bootstrap_refuses;
use crate::support::build::Build;
use crate::support::folder::Folder;

/// One for each entry of the list that no manifest may set, and for each that the list must hold.
const NAMES: [&str; 30] = [
    "LD_PRELOAD",
    "LD_AUDIT",
    "LD_LIBRARY_PATH",
    "GCONV_PATH",
    "GETCONF_DIR",
    "GLIBC_TUNABLES",
    "LOCPATH",
    "NLSPATH",
    "NIS_PATH",
    "TZDIR",
    "OPENSSL_CONF",
    "OPENSSL_MODULES",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SSLKEYLOGFILE",
    "HTTPS_PROXY",
    "all_proxy",
    "RES_OPTIONS",
    "RESOLV_HOST_CONF",
    "LOCALDOMAIN",
    "HOSTALIASES",
    "MALLOC_PERTURB_",
    "RUST_BACKTRACE",
    "TMPDIR",
    "PATH",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_SECRET_ACCESS_KEY",
    "LAMBDA_TASK_ROOT",
    "LOADER_MANIFEST_SHA256",
    "_HANDLER",
];

#[test]
fn every_entry_of_the_list_has_a_name_here() {
    let holds = |never: &str, name: &str| match (never.strip_suffix('*'), never.strip_prefix('*')) {
        (Some(prefix), _) => name.starts_with(prefix),
        (_, Some(suffix)) => name.to_uppercase().ends_with(suffix),
        _ => name == never,
    };
    for never in NEVER {
        assert!(NAMES.iter().any(|name| holds(never, name)), "{never}");
    }
}

#[test]
fn variables_that_steer_loading_or_trust_are_set_by_no_manifest() {
    let plugin = Build::plugin("misbehave").path();
    for name in NAMES {
        let in_manifest = Folder::new(
            &[("misbehave", &plugin)],
            json!({ "allow": { "environment": ["APP_*"] }, "environment": { name: "secret-value" }, "routes": {} }),
        );
        let in_settings = Folder::new(
            &[("misbehave", &plugin)],
            json!({ "allow": { "environment": ["APP_*"] }, "settings": { "path": "settings.json" }, "routes": {} }),
        );
        fs::write(in_settings.path().join("settings.json"), json!({ name: "secret-value" }).to_string()).unwrap();
        for folder in [in_manifest, in_settings] {
            let words = [name, "may never be set", "steers loading or trust"];
            bootstrap_refuses(&folder, &plugin, Code::VariableForbidden, &words, None);
        }
    }
}
