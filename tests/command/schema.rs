//! `schema`: what an independent validator makes of it, against what the loader says of the same manifests.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::sandbox::Sandbox;

fn schema() -> Value {
    Sandbox::new("{}").run(&["schema"]).done().json()
}

fn validator(schema: &Value) -> jsonschema::Validator {
    jsonschema::meta::validate(schema).unwrap();
    jsonschema::draft202012::new(schema).unwrap()
}

/// Whether the loader reads it and plans every stage.
fn taken(manifest: &Value) -> bool {
    let Ok(manifest) = lambda_loader::manifest::Manifest::parse("m.json", manifest.to_string().as_bytes()) else { return false };
    let stage = manifest.stages()[0].name.clone();
    let base = lambda_loader::policy::Base::Folder("/opt/loader".into());
    lambda_loader::policy::plan(&manifest, stage.as_deref(), &base, lambda_loader::Architecture::HERE).is_ok()
}

/// The manifests among the examples and in the blocks of documents, that of the design among them.
fn manifests() -> Vec<(String, Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["plugins", "examples", "docs", "docs/examples"].map(|folder| root.join(folder)).iter().filter(|f| f.is_dir()) {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.display().to_string();
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            if name.ends_with(".json") {
                found.extend(serde_json::from_str(&text).map(|value| (name, value)));
            } else if name.ends_with(".md") {
                found.extend(blocks(&text).map(|value| (name.clone(), value)));
            }
        }
    }
    found.extend(blocks(&std::fs::read_to_string(root.join("README.md")).unwrap()).map(|value| ("README.md".to_owned(), value)));
    found.retain(|(_, value)| value.get("version").is_some() && value.get("plugins").is_some());
    found
}

fn blocks(text: &str) -> impl Iterator<Item = Value> {
    let blocks = text.split("\n```json\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    blocks.filter_map(|block| serde_json::from_str(block).ok())
}

#[test]
fn every_example_manifest_is_valid() {
    let validator = validator(&schema());
    let manifests = manifests();
    assert!(manifests.len() >= 2, "{manifests:?}");
    for (name, manifest) in manifests {
        assert!(taken(&manifest), "{name}");
        let errors: Vec<_> = validator.iter_errors(&manifest).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{name}");
    }
}

/// Descends to every object schema that has properties.
fn each_property(schema: &Value, visit: &mut impl FnMut(&str, &str, &Value)) {
    let mut types: Vec<(&str, &Value)> = vec![("Manifest", schema)];
    types.extend(schema["$defs"].as_object().unwrap().iter().map(|(name, of)| (name.as_str(), of)));
    for (name, of) in types {
        for (key, property) in of.get("properties").and_then(Value::as_object).unwrap_or(&Map::new()) {
            visit(name, key, property);
        }
    }
}

#[test]
fn every_key_has_a_description_and_an_example_that_is_valid() {
    let schema = schema();
    let mut seen = 0;
    each_property(&schema, &mut |of, key, property| {
        assert!(property["description"].as_str().is_some_and(|text| text.len() > 10), "{of}.{key}: {property}");
        let examples = property["examples"].as_array().unwrap_or_else(|| panic!("{of}.{key} has no example"));
        assert!(!examples.is_empty(), "{of}.{key}");
        // A property's schema with all definitions beside it.
        let mut alone = property.as_object().unwrap().clone();
        alone.insert("$defs".to_owned(), schema["$defs"].clone());
        let validator = validator(&Value::Object(alone));
        for example in examples {
            let errors: Vec<_> = validator.iter_errors(example).map(|error| error.to_string()).collect();
            assert_eq!(errors, [""; 0], "{of}.{key}: {example}");
        }
        seen += 1;
    });
    assert!(seen > 60, "{seen}");
}

#[test]
fn the_schema_refuses_what_the_loader_refuses_and_nothing_else() {
    let validator = validator(&schema());
    #[track_caller]
    fn check(validator: &jsonschema::Validator, expected: bool, manifest: &Value) {
        assert_eq!(taken(manifest), expected, "the loader on {manifest}");
        let errors: Vec<_> = validator.iter_errors(manifest).map(|error| error.to_string()).collect();
        assert_eq!(errors.is_empty(), expected, "{manifest}: {errors:?}");
    }
    let with = |key: &str, value: Value| {
        let mut manifest = json!({
            "version": 1,
            "plugins": { "p": { "path": "p.so" } },
            "routes": { "r": { "source": "sqs", "to": "p" } },
        });
        manifest[key] = value;
        manifest
    };
    let digest = "0".repeat(64);
    let cases = [
        (true, with("$schema", json!("x"))),
        (true, with("serial", json!(7))),
        (true, with("lockdown", json!("auto"))),
        (true, with("plugins", json!({ "p": { "s3": "s3://bucket/k.so" } , "q": { "path": "q.so" } })).clone()),
        (true, with("plugins", json!({ "p": { "path": "p.so", "sha256": digest, "load": "first-use", "config": [null] } }))),
        (true, with("plugins", json!({ "p": { "path": "p.so", "sha256": { "aarch64": digest } } }))),
        (true, with("stages", json!({ "a": { "plugins": { "p": { "config": null } }, "routes": { "r": null } } }))),
        (true, with("stages", json!({ "a": { "routes": { "r": { "resource": "q" } } }, "b": {} }))),
        (true, {
            let mut staged =
                with("stages", json!({ "a": { "routes": { "r": { "to": "p" } }, "plugins": { "p": { "path": "x" } } } }));
            staged["routes"]["r"] = json!({ "source": "sqs" });
            staged["plugins"]["p"] = json!({});
            staged
        }),
        (true, with("routes", json!({ "r": { "source": "direct", "to": "p", "where": { "/a": true, "/b": "c" } } }))),
        (false, with("version", json!(2))),
        (false, with("version", json!("1"))),
        (false, with("serial", Value::Null)),
        (false, with("lockdown", json!("on"))),
        (false, with("plugin", json!({}))),
        (false, with("plugins", json!({ "P": { "path": "p.so" }, "p": { "path": "p.so" } }))),
        (false, with("plugins", json!({ "p": {} }))),
        (false, with("plugins", json!({ "p": { "path": "p.so", "s3": "s3://bucket/k" } }))),
        (false, with("plugins", json!({ "p": { "path": "p.so", "sha265": digest } }))),
        (false, with("plugins", json!({ "p": { "path": "p.so", "sha256": "E3B0" } }))),
        (false, with("plugins", json!({ "p": { "path": "p.so", "load": "lazy" } }))),
        (false, with("routes", json!({ "r": { "source": "sqz", "to": "p" } }))),
        (false, with("routes", json!({ "r": { "source": "sqs" } }))),
        (false, with("routes", json!({ "r": { "source": "direct", "to": "p", "where": { "/a": false } } }))),
        (false, with("deadline_margin_ms", json!(5))),
        (false, with("environment", json!({ "APP_MODE": 1 }))),
        (false, with("stages", json!({ "a": { "allow": { "roots": ["/"] } } }))),
        (false, with("stages", json!({ "a": { "version": null } }))),
        (false, with("stages", json!({ "a": { "routes": { "r": { "sauce": "x" } } } }))),
        (false, with("stages", json!({ "A": {} }))),
    ];
    for (expected, mut manifest) in cases {
        // It needs its bucket.
        if manifest.to_string().contains("s3://bucket/k") {
            manifest["allow"] = json!({ "buckets": ["bucket"] });
        }
        check(&validator, expected, &manifest);
    }
}
