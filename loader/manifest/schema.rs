//! The JSON Schema of the file, generated from the types that read it.
//!
//! The types give names, descriptions and shapes. What they do not say is added here: that `null` is no value, examples, what names
//! and digests look like, and that a stage is a patch. What no schema can say (routes that overlap, handlers that are not there) is
//! left to the loader; the schema refuses nothing that the loader takes.

use serde_json::{Map, Value, json};

use super::stage::FORBIDDEN;
use super::wire;
use crate::refusal::{Code, Refusal};
use crate::route::Source;

/// By type and key.
const EXAMPLES: &str = include_str!("schema/examples.json");

const NAME: &str = "^[a-z][a-z0-9_-]*$";
const DIGEST: &str = "^[0-9a-f]{64}$";
const BYTES: &str = "A SHA-256: 64 lower-case hexadecimal digits.";

/// The schema, as JSON Schema 2020-12.
///
/// # Errors
/// [`Code::Internal`]: the examples are not those of the types.
pub fn schema() -> Result<Value, Refusal> {
    let internal = |what: String| Refusal::new(Code::Internal, "schema", what);
    let mut schema = schemars::schema_for!(wire::Manifest).to_value();
    clean(&mut schema);
    let examples: Map<String, Value> = serde_json::from_str(EXAMPLES).map_err(|error| internal(error.to_string()))?;
    for (of, examples) in &examples {
        let Some(properties) = properties(&mut schema, of) else { return Err(internal(format!("there is no type {of}"))) };
        for (key, example) in examples.as_object().into_iter().flatten() {
            let Some(property) = properties.get_mut(key).and_then(Value::as_object_mut) else {
                return Err(internal(format!("{of} has no key {key}")));
            };
            property.insert("examples".to_owned(), example.clone());
        }
    }
    refine(&mut schema);
    let stage = stage(&mut schema);
    merge(&mut schema, "/$defs/Stage", stage);
    merge(&mut schema, "/properties/stages/additionalProperties", json!({ "$ref": "#/$defs/Stage" }));
    if let Some(top) = schema.as_object_mut() {
        top.insert("title".to_owned(), json!("Manifest of the lambda plugin loader"));
        top.insert("description".to_owned(), json!("Which event goes to which handler of which native plugin."));
        // Where there are stages, each of them may add what the rest leaves out.
        top.insert("if".to_owned(), json!({ "not": { "required": ["stages"] } }));
        let one_source = json!({ "additionalProperties": { "oneOf": [{ "required": ["path"] }, { "required": ["s3"] }] } });
        let routes = json!({ "additionalProperties": { "required": ["source", "to"] } });
        top.insert(
            "then".to_owned(),
            json!({ "properties": { "plugins": one_source, "libraries": one_source, "routes": routes } }),
        );
    }
    Ok(schema)
}

/// The properties of a type.
fn properties<'s>(schema: &'s mut Value, of: &str) -> Option<&'s mut Map<String, Value>> {
    let at = if of == "Manifest" { "/properties".to_owned() } else { format!("/$defs/{of}/properties") };
    schema.pointer_mut(&at).and_then(Value::as_object_mut)
}

/// A key may be left out, and is never `null`; and formats of Rust's numbers mean nothing to others.
fn clean(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("type").is_some_and(Value::is_string) || members.get("type").is_some_and(Value::is_array) {
                members.remove("format");
            }
            if let Some(Value::Array(types)) = members.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    members.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = members.get_mut("anyOf") {
                choices.retain(|choice| *choice != json!({ "type": "null" }));
                if let [Value::Object(only)] = choices.as_slice() {
                    let only = only.clone();
                    members.remove("anyOf");
                    members.extend(only);
                }
            }
            members.values_mut().for_each(clean);
        }
        Value::Array(items) => items.iter_mut().for_each(clean),
        _ => {}
    }
}

/// What the types leave to later checks, as far as a schema can say it.
fn refine(schema: &mut Value) {
    let digest = json!({ "type": "string", "pattern": DIGEST, "description": BYTES });
    merge(schema, "/properties/version", json!({ "const": 1 }));
    merge(schema, "/properties/deadline_margin_ms", json!({ "minimum": 10, "maximum": 60_000 }));
    merge(schema, "/$defs/Route/properties/concurrency", json!({ "minimum": 1, "maximum": 1000 }));
    for names in ["plugins", "routes", "stages"] {
        merge(schema, &format!("/properties/{names}"), json!({ "propertyNames": { "pattern": NAME } }));
    }
    for of in ["Plugin", "Library", "Settings"] {
        merge(schema, &format!("/$defs/{of}"), json!({ "not": { "required": ["path", "s3"] } }));
        merge(schema, &format!("/$defs/{of}/properties/s3"), json!({ "pattern": "^s3://" }));
    }
    merge(schema, "/$defs/Settings/properties/sha256", json!({ "pattern": DIGEST }));
    merge(schema, "/$defs/Each/properties/x86_64", json!({ "pattern": DIGEST }));
    merge(schema, "/$defs/Each/properties/aarch64", json!({ "pattern": DIGEST }));
    if let Some(one) = schema.pointer_mut("/$defs/Sha256/anyOf/0") {
        *one = digest;
    }
    let sources: Vec<&str> = Source::ALL.iter().map(|source| source.name()).chain(["http"]).collect();
    merge(schema, "/$defs/Route/properties/source", json!({ "enum": sources }));
    // Of a staged manifest a route may get them from its stages.
    if let Some(route) = schema.pointer_mut("/$defs/Route").and_then(Value::as_object_mut) {
        route.remove("required");
    }
}

/// Adds members to the object at a place, which is made where it is not there.
fn merge(schema: &mut Value, at: &str, members: Value) {
    if schema.pointer(at).is_none()
        && let Some((parent, key)) = at.rsplit_once('/')
        && let Some(parent) = schema.pointer_mut(parent).and_then(Value::as_object_mut)
    {
        parent.insert(key.to_owned(), json!({}));
    }
    if let (Some(Value::Object(place)), Value::Object(members)) = (schema.pointer_mut(at), members) {
        place.extend(members);
    }
}

/// The schema of a stage: of each key that it may touch a patch. The patches of types are added to the definitions.
fn stage(schema: &mut Value) -> Value {
    let defs = schema.get("$defs").and_then(Value::as_object).cloned().unwrap_or_default();
    let patches: Vec<(String, Value)> = defs
        .iter()
        .filter_map(|(name, of)| {
            let properties = of.get("properties")?.as_object()?;
            let patched: Map<String, Value> =
                properties.iter().map(|(key, property)| (key.clone(), patched(property, &defs))).collect();
            let description = of.get("description").cloned().unwrap_or_default();
            let patch = json!({
                "description": description,
                "type": "object",
                "properties": patched,
                "additionalProperties": false,
            });
            Some((format!("{name}Patch"), patch))
        })
        // What a stage may not touch needs no patch.
        .filter(|(name, _)| name != "AllowPatch" && name != "EachPatch")
        .collect();
    let top = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let keys = top.iter().filter(|(key, _)| !FORBIDDEN.contains(&key.as_str()));
    let keys: Map<String, Value> = keys.map(|(key, property)| (key.clone(), patched(property, &defs))).collect();
    if let Some(defs) = schema.get_mut("$defs").and_then(Value::as_object_mut) {
        defs.extend(patches);
    }
    json!({
        "description": "What a stage changes: a JSON Merge Patch over the rest. null removes a key; setting any of path, s3 and sha256 \
                        replaces all three.",
        "type": "object",
        "properties": keys,
        "additionalProperties": false,
    })
}

/// A value that a patch may change in part, or remove.
fn patched(schema: &Value, defs: &Map<String, Value>) -> Value {
    let Value::Object(members) = schema else { return schema.clone() };
    let mut inner = members.clone();
    // They say what it is to people, whatever its shape.
    let mut outer: Map<String, Value> = Map::new();
    for said in ["description", "examples"] {
        outer.extend(inner.remove_entry(said));
    }
    let name = inner.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix("#/$defs/")).map(str::to_owned);
    if let Some(name) = name.filter(|name| defs.get(name).is_some_and(|of| of.get("properties").is_some())) {
        inner.insert("$ref".to_owned(), json!(format!("#/$defs/{name}Patch")));
    }
    if let Some(each) = inner.get("additionalProperties").filter(|each| each.is_object()).cloned() {
        inner.insert("additionalProperties".to_owned(), patched(&each, defs));
    }
    if !inner.is_empty() {
        outer.insert("anyOf".to_owned(), json!([inner, { "type": "null" }]));
    }
    Value::Object(outer)
}
