//! The manifest of the design, through everything.

use super::*;
use crate::manifest::edit::{self, Kind, NewDigest};

/// The sample of the design, with every digest filled in.
pub(super) const SAMPLE: &str = r#"{
  "$schema": "https://example.com/manifest.schema.json",
  "version": 1,
  "functions": ["orders-*"], "serial": 7,
  "allow": { "roots": ["plugins"], "buckets": ["my-artifacts"], "environment": ["APP_*"] },
  "libraries": { "libpq.so.5": { "path": "plugins/libpq.so.5", "sha256": "1111111111111111111111111111111111111111111111111111111111111111" } },
  "plugins": {
    "orders": { "path": "plugins/liborders.so", "sha256": "2222222222222222222222222222222222222222222222222222222222222222", "config": { "table": "orders-dev" } },
    "web":    { "s3": "s3://my-artifacts/web/libweb.so?versionId=abc", "sha256": { "x86_64": "3333333333333333333333333333333333333333333333333333333333333333", "aarch64": "4444444444444444444444444444444444444444444444444444444444444444" } }
  },
  "routes": {
    "order-queue": { "source": "sqs", "resource": "orders", "to": "orders.on_message", "batch": "each", "report_batch_item_failures": true },
    "site":        { "source": "http", "path": "/{*rest}", "to": "web", "reply": "stream" },
    "nightly":     { "source": "schedule", "resource": "arn:aws:events:*:*:rule/nightly", "to": "orders.nightly" },
    "migrate":     { "source": "operation", "name": "migrate", "to": "orders.migrate" }
  },
  "on_error": "orders.report",
  "settings": { "s3": "s3://my-artifacts/settings.json" },
  "environment": { "APP_MODE": "live" },
  "lockdown": "auto", "deadline_margin_ms": 200,
  "default_stage": "dev",
  "stages": {
    "dev":  {},
    "prod": { "plugins": { "orders": { "path": "plugins/liborders-2.so", "config": { "table": "orders" } } }, "environment": { "APP_MODE": "prod" } }
  }
}
"#;

fn folder() -> Base {
    Base::Folder("/opt/loader".into())
}

fn parse(text: &str) -> Manifest {
    Manifest::parse("manifest.json", text.as_bytes()).unwrap_or_else(|refusal| panic!("{refusal}"))
}

fn planned(text: &str, stage: Option<&str>, architecture: Architecture) -> Plan {
    plan(&parse(text), stage, &folder(), architecture).unwrap_or_else(|refusal| panic!("{refusal}"))
}

fn repeat(digit: u8) -> Option<Digest> {
    Some(Digest([digit << 4 | digit; 32]))
}

#[test]
fn the_sample_of_the_design_is_planned_as_it_says() {
    let plan = planned(SAMPLE, None, Architecture::X86_64);
    assert_eq!(plan.stage.as_deref(), Some("dev"));
    assert_eq!(plan.functions, ["orders-*"]);
    assert_eq!(plan.serial, Some(7));
    assert_eq!(plan.deadline_margin, Some(Duration::from_millis(200)));
    assert_eq!(plan.lockdown, Lockdown::Auto);
    assert_eq!(plan.variables_allowed, ["APP_*"]);
    assert_eq!(plan.environment, [("APP_MODE".to_owned(), "live".to_owned())]);
    assert_eq!(plan.warnings, Vec::<String>::new());
    let file = |path: &str| Source::File { root: "/opt/loader/plugins".into(), path: path.into() };
    let [library] = plan.libraries.as_slice() else { panic!() };
    assert_eq!((library.place.as_str(), &library.source), ("library \"libpq.so.5\"", &file("libpq.so.5")));
    let [orders, web] = plan.plugins.as_slice() else { panic!() };
    assert_eq!((orders.artifact.place.as_str(), &orders.artifact.source), ("plugin \"orders\"", &file("liborders.so")));
    assert_eq!((orders.config.as_str(), orders.load), ("{ \"table\": \"orders-dev\" }", Load::Init));
    assert_eq!(orders.artifact.digest, repeat(2));
    assert_eq!(web.config, "null");
    assert_eq!(web.artifact.source, Source::S3 { uri: "s3://my-artifacts/web/libweb.so?versionId=abc".into() });
    assert_eq!(web.artifact.digest, repeat(3));
    let mut routes: Vec<_> = plan.routes.iter().map(|route| (route.name.as_str(), route.to.plugin)).collect();
    routes.sort_unstable();
    assert_eq!(routes, [("migrate", 0), ("nightly", 0), ("order-queue", 0), ("site", 1)]);
    assert_eq!(plan.on_error, Some(Target { plugin: 0, handler: Some("report".into()) }));
    let settings = plan.settings.unwrap();
    assert_eq!((settings.source, settings.digest), (Source::S3 { uri: "s3://my-artifacts/settings.json".into() }, None));
}

#[test]
fn a_stage_swaps_a_plugin_and_with_its_path_loses_the_old_digest() {
    let plan = planned(SAMPLE, Some("prod"), Architecture::Aarch64);
    let [orders, web] = plan.plugins.as_slice() else { panic!() };
    assert_eq!(orders.artifact.source, Source::File { root: "/opt/loader/plugins".into(), path: "liborders-2.so".into() });
    assert_eq!((orders.artifact.digest, orders.config.as_str()), (None, "{\"table\":\"orders\"}"));
    assert_eq!(web.artifact.digest, repeat(4));
    assert_eq!(plan.environment, [("APP_MODE".to_owned(), "prod".to_owned())]);
}

/// A plan in words, without the stage's name and the positions in warnings.
fn words(mut plan: Plan) -> String {
    plan.stage = None;
    plan.warnings.clear();
    format!("{plan:#?}")
}

#[test]
fn the_flat_manifest_of_a_stage_gives_the_same_plan() {
    #[track_caller]
    fn check(text: &str, stages: &[Option<&str>]) {
        for stage in stages {
            for architecture in Architecture::ALL {
                let flat = parse(text).flatten(*stage).unwrap();
                assert_eq!(words(planned(&flat, None, architecture)), words(planned(text, *stage, architecture)), "{flat}");
                assert_eq!(parse(&flat).flatten(None).unwrap(), flat, "flattening a flat manifest changes nothing");
                assert!(!flat.contains("stage"), "{flat}");
            }
        }
    }
    check(SAMPLE, &[None, Some("dev"), Some("prod")]);
    // Numbers, escapes and white space of `config` are the plugin's business and stay.
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p\u002eso","config":{ "n" : 1.50e3, "e\u0041":[ null,{}],"d":{"x":1} }}},"default_stage":"a",
            "stages":{"a":{"plugins":{"p":{"config":{"d":{ "y" : 2.0 }, "n":null}}}},"b":{"plugins":{"p":null,"q":{"path":"q","config":null}}}}}"#,
        &[None, Some("a"), Some("b")],
    );
}

#[test]
fn a_flat_manifest_is_laid_out_for_reading() {
    let flat = parse(SAMPLE).flatten(Some("prod")).unwrap();
    let plugins = r#"  "plugins": {
    "orders": {
      "path": "plugins/liborders-2.so",
      "config": {"table":"orders"}
    },
    "web": {
      "s3": "s3://my-artifacts/web/libweb.so?versionId=abc",
      "sha256": {
        "x86_64": "3333333333333333333333333333333333333333333333333333333333333333",
"#;
    assert!(flat.contains(plugins), "{flat}");
    assert!(flat.starts_with("{\n  \"$schema\": ") && flat.ends_with("  \"deadline_margin_ms\": 200\n}\n"), "{flat}");
    assert!(flat.contains("  \"functions\": [\"orders-*\"],\n"), "{flat}");
}

#[test]
fn warnings_name_their_place() {
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(planned(text, Some("a"), Architecture::HERE).warnings, expected);
    }
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p","load":"first-use"},"q":{"path":"q"}},
"routes":{"r":{"source":"eventbridge","to":"p"},"s":{"source":"alb","to":"p","reply":"stream"}},
"stages":{"a":{"plugins":{"z":null}},"b":{"plugins":{"y":null}}}}"#,
        &[
            "manifest.json:3:27: stages.a.plugins.z: this null removes nothing (hint: is the key mistyped)",
            "manifest.json:2:15: routes.r in stage a: any event source is taken, and whoever may put events chooses theirs (hint: add \"event_source\")",
            "manifest.json:2:86: routes.s.reply in stage a: the source \"alb\" has no streaming mode (hint: remove \"reply\": \"stream\")",
            "manifest.json:1:48: plugins.p.load in stage a: a plugin that loads at first use keeps the process from being locked down (hint: remove \"load\", or say \"lockdown\": \"off\")",
            "manifest.json:1:61: plugins.q in stage a: no route leads to this plugin, and it is loaded nevertheless (hint: remove it, or add a route)",
        ],
    );
    check(r#"{"version":1,"stages":{"a":{}}}"#, &["manifest.json:1:1 in stage a: there are no routes: every event is refused"]);
}

/// Reads, plans and edits whatever it is given; only a panic is wrong.
fn survive(bytes: &[u8]) {
    let Ok(manifest) = Manifest::parse("m", bytes) else { return };
    for base in [folder(), Base::Remote] {
        let _ = plan(&manifest, None, &base, Architecture::Aarch64);
        let _ = plan(&manifest, Some("prod"), &base, Architecture::X86_64);
    }
    let _ = manifest.flatten(Some("prod"));
    for (kind, name) in [(Kind::Plugin, "orders"), (Kind::Plugin, "web"), (Kind::Library, "libpq.so.5")] {
        for stage in [None, Some("prod")] {
            let digest = Digest([7; 32]);
            let _ = edit::write(&manifest, &[NewDigest { stage, kind, name, architecture: Architecture::X86_64, digest }]);
        }
    }
}

#[test]
fn a_truncated_or_mutated_manifest_never_panics() {
    for end in 0..=SAMPLE.len() {
        survive(&SAMPLE.as_bytes()[..end]);
    }
    let mut bytes = SAMPLE.as_bytes().to_vec();
    for at in 0..bytes.len() {
        let old = bytes[at];
        for new in [b'"', b'}', 0xff, old ^ 1] {
            bytes[at] = new;
            survive(&bytes);
        }
        bytes[at] = old;
    }
    // Every value in turn replaced by every kind of value.
    for (at, _) in SAMPLE.match_indices(": ") {
        for new in ["null", "true", "-1", "1.5", "18446744073709551616", "\"\"", "\"\\u0000\"", "[]", "[{}]", "{}", "{\"\":{}}"] {
            let rest = &SAMPLE[at + 2..];
            let end = rest.find([',', '}', '\n']).unwrap_or(rest.len());
            survive(format!("{}{new}{}", &SAMPLE[..at + 2], &rest[end..]).as_bytes());
        }
    }
}
