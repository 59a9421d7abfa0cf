//! Either file of Zappa's to stages, each with all its settings.

use std::path::Path;

use super::python;
use super::value::Value;
use crate::manifest::near;
use crate::{Code, Refusal};

/// What a file says.
#[derive(Debug)]
pub(super) struct Settings {
    /// By name, in the order of the file.
    pub(super) stages: Vec<(String, Value)>,
    /// Whether this was the module that Zappa generates, which has no schedules and no settings of deployment.
    pub(super) generated: bool,
    /// Lines of that module that are no assignments of literals.
    pub(super) passed_over: Vec<usize>,
}

/// Reads a file that `name` is the name of in messages.
pub(super) fn read(name: &str, path: &Path, text: &str) -> Result<Settings, Refusal> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase();
    let convert = |program: &str| {
        let what = format!("{} is not read", extension.to_uppercase());
        let hint = format!("convert it: python3 -c '{program}' < FILE > zappa_settings.json");
        Err(Refusal::new(Code::ImportInvalid, name, what).hint(hint))
    };
    match extension.as_str() {
        "yml" | "yaml" => convert("import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)"),
        "toml" => convert("import json, sys, tomllib; json.dump(tomllib.load(sys.stdin.buffer), sys.stdout)"),
        "py" => module(name, text),
        "json" => json(name, text),
        _ if text.trim_start().starts_with('{') => json(name, text),
        _ => module(name, text),
    }
}

fn json(name: &str, text: &str) -> Result<Settings, Refusal> {
    let file: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
        // serde_json's own words end with the place that is said already.
        let words = error.to_string();
        let what = words.split(" at line ").next().unwrap_or_default().to_owned();
        Refusal::new(Code::ImportInvalid, format!("{name}:{}:{}", error.line(), error.column()), what)
            .hint("mend the JSON; comments are none of it, and YAML and TOML files need their own ending: .yml, .toml")
    })?;
    let mut stages: Vec<(String, Value)> = Vec::new();
    for (stage, _) in file.members() {
        if stages.iter().any(|(known, _)| known == stage) {
            continue;
        }
        stages.push((stage.clone(), Value::Map(inherit(name, &file, stage)?)));
    }
    if stages.is_empty() {
        let refusal = Refusal::new(Code::ImportInvalid, name, "there are no stages");
        return Err(refusal.hint("zappa_settings.json is an object of stages: {\"dev\": {…}}"));
    }
    Ok(Settings { stages, generated: false, passed_over: Vec::new() })
}

/// The settings of a stage over those that it extends. As in Zappa, a setting replaces the inherited one as a whole.
fn inherit(name: &str, file: &Value, stage: &str) -> Result<Vec<(String, Value)>, Refusal> {
    let known = || near::all(file.members().iter().map(|(stage, _)| stage.as_str()));
    let (mut settings, mut seen, mut next) = (Vec::<(String, Value)>::new(), Vec::new(), stage);
    loop {
        let Some(Value::Map(members)) = file.get(next) else {
            let missing = file.get(next).is_none();
            let what = if missing { "there is no such stage to extend" } else { "a stage is an object of settings" };
            let refusal = Refusal::new(Code::ImportInvalid, format!("{name}: {next}"), what);
            return Err(if missing { refusal.hint(format!("the stages are {}", known())) } else { refusal });
        };
        seen.push(next);
        for (key, value) in members.iter().rev() {
            if !settings.iter().any(|(known, _)| known == key) {
                settings.push((key.clone(), value.clone()));
            }
        }
        next = match settings.iter().position(|(key, _)| key == "extends").map(|at| settings.remove(at)) {
            Some((_, Value::Text(parent))) => match file.members().iter().find(|(stage, _)| *stage == parent) {
                Some((parent, _)) => parent,
                None => {
                    let refusal = Refusal::new(Code::ImportInvalid, format!("{name}: {next}.extends"), "there is no such stage");
                    return Err(refusal.hint(format!("the stages are {}", known())));
                }
            },
            _ => return Ok(settings),
        };
        if seen.contains(&next) {
            let refusal = Refusal::new(Code::ImportInvalid, format!("{name}: {stage}.extends"), "the stages extend each other");
            return Err(refusal.hint("break the circle: Zappa refuses it too"));
        }
    }
}

/// The generated module is one stage, in other words.
fn module(name: &str, text: &str) -> Result<Settings, Refusal> {
    let module = python::read(text);
    let file = Value::Map(module.assigned);
    let has = |key: &str| file.get(key).is_some();
    if !["APP_MODULE", "DJANGO_SETTINGS", "AWS_EVENT_MAPPING", "API_STAGE"].into_iter().any(has) {
        let refusal =
            Refusal::new(Code::ImportInvalid, name, "this is neither JSON nor the zappa_settings.py that Zappa generates");
        return Err(refusal.hint("give zappa_settings.json, or the zappa_settings.py out of a package that Zappa has built"));
    }
    let mut settings = Vec::new();
    for (key, value) in file.members() {
        let translated = match key.as_str() {
            "API_STAGE" | "APP_MODULE" | "ARCHIVE_PATH" => continue,
            "APP_FUNCTION" => {
                let module = file.str("APP_MODULE").map(|module| format!("{module}.")).unwrap_or_default();
                ("app_function".to_owned(), Value::Text(format!("{module}{}", value.as_str().unwrap_or_default())))
            }
            "AWS_EVENT_MAPPING" => ("events".to_owned(), Value::List(value.members().iter().flat_map(reactive).collect())),
            "AWS_BOT_EVENT_MAPPING" => ("bot_events".to_owned(), Value::List(value.members().iter().filter_map(bot).collect())),
            "COGNITO_TRIGGER_MAPPING" => {
                let trigger = |(source, function): &(String, Value)| {
                    object([("source", Value::text(source)), ("function", function.clone())])
                };
                ("cognito".to_owned(), object([("triggers", Value::List(value.members().iter().map(trigger).collect()))]))
            }
            "AUTHORIZER_FUNCTION" => ("authorizer".to_owned(), object([("function", value.clone())])),
            other => (other.to_ascii_lowercase(), value.clone()),
        };
        settings.push(translated);
    }
    let stage = file.str("API_STAGE").unwrap_or("default").to_owned();
    Ok(Settings { stages: vec![(stage, Value::Map(settings))], generated: true, passed_over: module.passed_over })
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Map(members.map(|(key, value)| (key.to_owned(), value)).into())
}

fn reactive((arn, functions): &(String, Value)) -> Vec<Value> {
    let event =
        |function: &Value| object([("function", function.clone()), ("event_source", object([("arn", Value::text(arn))]))]);
    functions.items().iter().map(event).collect()
}

fn bot((intent, function): &(String, Value)) -> Option<Value> {
    let (intent, source) = intent.rsplit_once(':')?;
    let source = object([("intent", Value::text(intent)), ("invocation_source", Value::text(source))]);
    Some(object([("function", function.clone()), ("event_source", source)]))
}
