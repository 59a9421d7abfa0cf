//! The variables of the function: those that `bootstrap` asks for, and those that are given.

use serde_json::{Map, Value};

use super::contents::Contents;
use super::limits;
use crate::verify::trust::key;
use crate::{Code, Refusal};

/// A variable and its value.
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: Setting,
}

/// What a variable is set to.
pub(super) enum Setting {
    /// This.
    Text(String),
    /// The stage that the stack is for.
    Stage,
}

/// All of them, by name, together not larger than Lambda takes.
pub(super) fn of(contents: &Contents, given: &[String]) -> Result<Vec<Variable>, Refusal> {
    let text = |name: &str, value: String| Variable { name: name.to_owned(), value: Setting::Text(value) };
    let mut variables = vec![text("LOADER_MANIFEST_SHA256", contents.manifest.digest().to_string())];
    let stages = || contents.manifest.stages().iter().filter_map(|stage| stage.name.as_deref());
    if stages().next().is_some() {
        variables.push(Variable { name: "LOADER_STAGE".to_owned(), value: Setting::Stage });
    }
    variables.extend(contents.key.as_ref().map(|line| text(key::VARIABLE, line.clone())));
    let serial = contents.serial.filter(|_| contents.signed);
    variables.extend(serial.map(|serial| text("LOADER_MANIFEST_MIN_SERIAL", serial.to_string())));
    for entry in given {
        let (name, value) = read(entry)?;
        if variables.iter().any(|known| known.name == name) {
            return Err(usage(format!("{name} is given twice"), "give it once"));
        }
        variables.push(text(name, value.to_owned()));
    }
    variables.sort_by(|one, other| one.name.cmp(&other.name));
    let longest = stages().max_by_key(|stage| stage.len()).unwrap_or_default();
    let values = variables.iter().map(|variable| match &variable.value {
        Setting::Text(text) => (variable.name.clone(), Value::from(text.as_str())),
        Setting::Stage => (variable.name.clone(), Value::from(longest)),
    });
    limits::check_variables(&values.collect::<Map<_, _>>())?;
    Ok(variables)
}

/// `NAME=VALUE`, with a name that the service takes.
fn read(entry: &str) -> Result<(&str, &str), Refusal> {
    let Some((name, value)) = entry.split_once('=') else {
        // Not the entry itself: it may be a value whose name was forgotten.
        return Err(usage("a variable has no value".to_owned(), "give --env NAME=VALUE"));
    };
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.len() < 2 || !name.starts_with(|first: char| first.is_ascii_alphabetic()) || !name.bytes().all(letters) {
        return Err(usage(
            "that is no name of a variable that Lambda takes".to_owned(),
            "a letter begins it, and letters, digits and _ follow",
        ));
    }
    if name.starts_with("LOADER_") {
        return Err(usage(format!("{name} is bootstrap's own"), "leave it out: package sets what it needs"));
    }
    if value.chars().any(char::is_control) {
        return Err(usage(format!("{name} holds a control character"), "put it into the manifest's `settings`"));
    }
    Ok((name, value))
}

fn usage(what: String, hint: &'static str) -> Refusal {
    Refusal::new(Code::Usage, "--env", what).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_one_that_lambda_takes_and_that_package_does_not_set() {
        assert_eq!(read("APP_MODE=a=b").unwrap(), ("APP_MODE", "a=b"));
        for (entry, words) in [
            ("secret", "a variable has no value"),
            ("=x", "no name of a variable"),
            ("A=x", "no name of a variable"),
            ("1A=x", "no name of a variable"),
            ("A-B=x", "no name of a variable"),
            ("LOADER_STAGE=prod", "LOADER_STAGE is bootstrap's own"),
            ("KEY=a\nb", "KEY holds a control character"),
        ] {
            let refusal = read(entry).unwrap_err().to_string();
            assert!(refusal.contains(words) && !refusal.contains("secret"), "{entry:?}: {refusal}");
        }
    }
}
