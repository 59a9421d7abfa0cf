//! `show` and `diff`: what runs in a stage, where the manifest says so, and what two of them have not in common.

use serde_json::{Value, json};

use crate::sandbox::Sandbox;

const SECRET: &str = "hunter2";

fn manifest() -> Value {
    json!({
        "version": 1,
        "allow": { "environment": ["APP_*"] },
        "plugins": {
            "echo": { "path": "plugins/libecho.so", "config": { "token": SECRET, "table": "a" } },
            "orders": { "path": "plugins/liborders.so", "config": { "table": "orders" } }
        },
        "routes": {
            "queue": { "source": "sqs", "resource": "orders", "to": "orders.on_message" },
            "any": { "source": "direct", "to": "echo" }
        },
        "environment": { "APP_TOKEN": SECRET, "APP_MODE": "live" },
        "default_stage": "dev",
        "stages": {
            "dev": {},
            "prod": {
                "plugins": { "echo": { "path": "plugins/liborders.so", "config": { "token": "other-secret" } } },
                "routes": {
                    "any": null,
                    "queue": { "resource": "invoices" },
                    "nightly": { "source": "schedule", "to": "orders.nightly" }
                },
                "environment": { "APP_MODE": "prod-secret", "APP_MORE": "more-secret" },
                "deadline_margin_ms": 300
            }
        }
    })
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new(&manifest().to_string());
    sandbox.write("manifest.json", format!("{:#}\n", manifest()));
    sandbox.run(&["lock"]).done();
    sandbox
}

fn no_secret(text: &str) {
    for secret in [SECRET, "other-secret", "prod-secret", "more-secret"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn show_is_the_flat_manifest_with_where_each_part_comes_from_and_no_values() {
    let sandbox = sandbox();
    let json = sandbox.run(&["show", "--stage", "prod", "--format", "json"]).done().json();
    let (echo, orders) = (&json["plugins"][0], &json["plugins"][1]);
    let digest = sandbox.digest("plugins/liborders.so");
    assert_eq!((&echo["name"], &echo["path"]), (&json!("echo"), &json!(sandbox.text("plugins/liborders.so"))));
    let arch = std::env::consts::ARCH;
    assert_eq!((&echo["sha256"][arch], &orders["sha256"][arch]), (&json!(digest), &json!(digest)));
    assert_eq!(echo["config"], json!(["table", "token"]));
    // The place is the line in the file.
    let text = sandbox.read("manifest.json");
    let place = echo["from"].as_str().unwrap().to_owned();
    let rest = place.strip_prefix("manifest.json:").unwrap();
    let line: usize = rest.split(':').next().unwrap().parse().unwrap();
    assert!(text.lines().nth(line - 1).unwrap().contains("\"path\": \"plugins/liborders.so\""), "{place}\n{text}");
    assert!(place.ends_with(": stages.prod.plugins.echo.path"), "{place}");
    assert!(orders["from"].as_str().unwrap().ends_with(": plugins.orders.path"), "{json:#}");
    let names: Vec<_> = json["routes"].as_array().unwrap().iter().map(|route| route["route"].as_str().unwrap()).collect();
    assert!(names.contains(&"queue") && names.contains(&"nightly") && names.len() == 2, "{names:?}");
    assert_eq!(json["variables"], json!(["APP_MODE", "APP_MORE", "APP_TOKEN"]));
    assert_eq!((&json["stage"], &json["sha256"]), (&json!("prod"), &json!(sandbox.digest("manifest.json"))));
    assert_eq!(json["rest"]["deadline_margin_ms"], 300);
    no_secret(&json.to_string());

    let text = sandbox.run(&["show"]).done().out.clone();
    assert!(text.starts_with(&format!("manifest.json, stage dev\npin       {}\n", sandbox.digest("manifest.json"))), "{text}");
    for line in [
        format!("plugin    echo  {}\n", sandbox.text("plugins/libecho.so")),
        "            config table token\n".to_owned(),
        "route     queue  sqs resource=\"orders\" -> orders.on_message\n".to_owned(),
        "variable  APP_TOKEN\n".to_owned(),
        sandbox.digest("plugins/libecho.so"),
    ] {
        assert!(text.contains(&line), "no {line} in\n{text}");
    }
    no_secret(&text);
    sandbox.run(&["show", "--stage", "live"]).refused(3, "stage-unknown", &["\"dev\", \"prod\""]);
}

#[test]
fn diff_names_what_changes_in_bytes_routes_and_variables_and_no_values() {
    let sandbox = sandbox();
    let (echo, orders) = (sandbox.digest("plugins/libecho.so"), sandbox.digest("plugins/liborders.so"));
    let run = sandbox.run(&["diff", "dev", "prod"]);
    let arch = std::env::consts::ARCH;
    let text = &run.done().out;
    for expected in [
        "--- manifest.json, stage dev\n+++ manifest.json, stage prod\n",
        "~ plugin echo\n",
        "    file: plugins/libecho.so -> plugins/liborders.so\n",
        "    config.token: changed\n",
        "~ route queue\n    resource: orders -> invoices\n",
        "+ route nightly\n    schedule -> orders.nightly\n",
        "- route any\n    direct -> echo\n",
        "~ variable APP_MODE\n    its value: changed\n",
        "+ variable APP_MORE\n",
        "+ setting deadline_margin_ms\n    300\n",
    ] {
        assert!(text.contains(expected), "no {expected} in\n{text}");
    }
    assert!(text.contains(&format!("sha256 {arch}: {echo} -> {orders}\n")), "{text}");
    assert!(!text.contains("plugin orders") && !text.contains("APP_TOKEN") && !text.contains("config.table"), "{text}");
    no_secret(text);

    let json = sandbox.run(&["diff", "dev", "prod", "--format", "json"]).done().json();
    assert_eq!(json["same"], false);
    let changes = json["changes"].as_array().unwrap();
    let find = |what: &str, name: &str| changes.iter().find(|change| change["what"] == what && change["name"] == name);
    assert_eq!(find("route", "any").unwrap()["how"], "removed");
    assert_eq!(find("variable", "APP_MODE").unwrap()["details"], json!([{ "key": "its value" }]));
    assert!(find("plugin", "orders").is_none() && find("variable", "APP_TOKEN").is_none(), "{json:#}");
    no_secret(&json.to_string());
}

#[test]
fn diff_takes_stages_files_and_stages_of_files_and_tells_by_its_exit_code_when_asked() {
    let sandbox = sandbox();
    sandbox.run(&["lock", "--stage", "prod", "--out", "flat.json"]).done();
    for (a, b, differ) in [
        ("dev", "dev", false),
        ("dev", "prod", true),
        ("manifest.json", "dev", false),
        ("manifest.json#prod", "flat.json", false),
        ("#prod", "flat.json", false),
        ("flat.json", "dev", true),
    ] {
        let run = sandbox.run(&["diff", a, b]);
        assert_eq!((run.code, run.out.contains("run the same")), (0, !differ), "{a} {b} {run:?}");
        assert_eq!(sandbox.run(&["diff", a, b, "--exit-code"]).code, i32::from(differ), "{a} {b}");
    }
    // Another build of the same name.
    let flat = sandbox.read("flat.json").replace(&sandbox.digest("plugins/liborders.so"), &"0".repeat(64));
    sandbox.write("rebuilt.json", flat);
    let run = sandbox.run(&["diff", "flat.json", "rebuilt.json"]);
    assert!(run.done().out.contains(&format!("-> {}\n", "0".repeat(64))), "{run:?}");
    sandbox.run(&["diff", "dev", "pord"]).refused(3, "stage-unknown", &["there is no stage \"pord\"", "\"prod\""]);
    sandbox.run(&["diff", "dev", "./missing.json"]).refused(3, "manifest-missing", &["./missing.json"]);
    assert_eq!(sandbox.run(&["diff", "dev"]).code, 2);
}
