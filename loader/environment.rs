//! Variables of the manifest and its settings, set while the process still has one thread.

use serde::Deserialize as _;
use std::collections::BTreeMap;

use crate::fetch::{self, SETTINGS};
use crate::manifest::near::quoted;
use crate::policy::{Plan, Source, variable};
use crate::verify::{open, seal};
use crate::{Code, Digest, Refusal};

/// The largest settings, in bytes.
pub(crate) const LARGEST_SETTINGS: u64 = 1 << 20;

/// What is to be set: `settings` over `environment`. A variable that the function has already stays as it is, and is not in the list,
/// unless the settings override.
/// `fetched`: the bytes of settings that lie in S3.
///
/// # Errors
/// Where the settings cannot be had or name what they may not. No message holds a value.
pub fn gather(plan: &Plan, fetched: Option<&[u8]>) -> Result<Vec<(String, String)>, Refusal> {
    let mut variables: BTreeMap<String, String> = plan.environment.iter().cloned().collect();
    if let Some(settings) = &plan.settings {
        let place = SETTINGS;
        let content;
        let (bytes, digest) = match (&settings.source, fetched) {
            (Source::File { root, path }, _) => {
                let opened = open::beneath(root, path).map_err(|refusal| refusal.at(place))?;
                if opened.size > LARGEST_SETTINGS {
                    return Err(too_large());
                }
                content = seal::take(opened).map_err(|refusal| refusal.at(place))?;
                (content.bytes(), content.digest)
            }
            (Source::S3 { .. }, Some(bytes)) => (bytes, Digest::of(bytes)),
            (Source::S3 { .. }, None) => return Err(Refusal::new(Code::Internal, place, "they were not fetched")),
        };
        if let Some(wanted) = settings.digest.filter(|wanted| *wanted != digest) {
            let what = format!("digest mismatch: the file is {digest}, the manifest says {wanted}");
            return Err(Refusal::new(Code::DigestMismatch, place, what).hint("run lambda-loader lock, if the change is meant"));
        }
        for (name, value) in parse(bytes)? {
            variable::check(&name, &plan.variables_allowed).map_err(|refusal| refusal.at(place))?;
            variables.insert(name, value);
        }
    }
    if !plan.settings.as_ref().is_some_and(|settings| settings.overrides) {
        variables.retain(|name, _| std::env::var_os(name).is_none());
    }
    Ok(variables.into_iter().collect())
}

pub(crate) fn too_large() -> Refusal {
    Refusal::new(Code::SettingsInvalid, SETTINGS, "larger than 1 MiB").hint("settings are a flat object of strings")
}

/// Reads a flat object of strings. serde_json's own words are not passed on: they may quote a value.
fn parse(bytes: &[u8]) -> Result<BTreeMap<String, String>, Refusal> {
    struct Flat(Vec<(String, serde_json::Value)>);
    impl<'de> serde::Deserialize<'de> for Flat {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = Flat;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Flat, A::Error> {
                    let mut pairs = Vec::new();
                    while let Some(pair) = map.next_entry()? {
                        pairs.push(pair);
                    }
                    Ok(Flat(pairs))
                }
            }
            deserializer.deserialize_map(Visitor)
        }
    }
    let invalid =
        |what: String| Refusal::new(Code::SettingsInvalid, "settings", what).hint("settings are a flat JSON object of strings");
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let flat = Flat::deserialize(&mut deserializer).and_then(|flat| deserializer.end().map(|()| flat));
    let Flat(pairs) =
        flat.map_err(|error| invalid(format!("not a JSON object (line {}, column {})", error.line(), error.column())))?;
    let mut found = BTreeMap::new();
    for (name, value) in pairs {
        let serde_json::Value::String(value) = value else {
            return Err(invalid(format!("the value of {} is not a string", quoted(&name))));
        };
        if value.contains('\0') {
            return Err(invalid(format!("the value of {} holds a NUL character", quoted(&name))));
        }
        if let Some(name) = found.contains_key(&name).then_some(&name) {
            return Err(invalid(format!("{} is there twice", quoted(name))));
        }
        found.insert(name, value);
    }
    Ok(found)
}

/// Sets `variables`, where this is the only thread.
///
/// # Errors
/// Where there is a second thread, which may be reading the environment: libc's is not synchronised.
pub fn set(variables: &[(String, String)]) -> Result<(), Refusal> {
    if variables.is_empty() {
        return Ok(());
    }
    let threads = fetch::threads();
    if threads != 1 {
        let what = format!("{threads} threads run already, so variables can no longer be set");
        return Err(Refusal::new(Code::VariableTooLate, "environment", what)
            .hint("take out what starts a thread before main, such as a preloaded library"));
    }
    for (name, value) in variables {
        // SAFETY: `set_var` must not run beside another thread that reads or writes the environment
        // (https://doc.rust-lang.org/std/env/fn.set_var.html#safety). This is the only thread: counted above, and none is started in
        // this loop. Names and values hold no NUL and names no `=` (`policy::variable`, `parse`), so it does not panic.
        #[expect(unsafe_code, reason = "the environment has no safe writer")]
        unsafe {
            std::env::set_var(name, value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_a_flat_object_of_strings_and_their_values_stay_untold() {
        let pairs = [("A".to_owned(), "1".to_owned()), ("B".to_owned(), String::new())];
        assert_eq!(parse(br#"{"A":"1","B":""}"#).unwrap(), BTreeMap::from(pairs));
        for (json, what) in [
            (r#"{"A":"secret""#, "not a JSON object (line 1, column 13)"),
            (r#"["secret"]"#, "not a JSON object (line 1, column 0)"),
            (r#"{"A":["secret"]}"#, "the value of \"A\" is not a string"),
            (r#"{"A":7}"#, "the value of \"A\" is not a string"),
            (r#"{"A":"secret","A":"other"}"#, "\"A\" is there twice"),
            (r#"{"A":"secret\u0000"}"#, "the value of \"A\" holds a NUL character"),
            (r#"{"A":"secret"}{}"#, "not a JSON object (line 1, column 15)"),
        ] {
            let refusal = parse(json.as_bytes()).unwrap_err();
            assert_eq!((refusal.code, refusal.what.as_str()), (Code::SettingsInvalid, what), "{json}");
            assert!(!refusal.to_string().contains("secret"));
        }
        let refusal = parse(format!(r#"{{"{}":7}}"#, "A".repeat(1 << 19)).as_bytes()).unwrap_err();
        assert!(refusal.to_string().len() < 250, "a name of half a megabyte");
    }

    #[test]
    fn with_a_second_thread_nothing_is_set() {
        // The test harness runs this on a thread of its own.
        let refusal = set(&[("ENVIRONMENT_TEST".into(), "x".into())]).unwrap_err();
        assert_eq!(refusal.code, Code::VariableTooLate);
        assert!(std::env::var_os("ENVIRONMENT_TEST").is_none());
        set(&[]).unwrap();
    }
}
