//! The ABI note: what a plugin says of itself, readable without running anything.

use std::collections::HashSet;

use serde::Deserialize;

use crate::manifest::near;
use crate::refusal::{Code, Refusal};

/// The note's type; the owner is `LambdaPlugin`.
pub const KIND: u32 = 1;
/// The largest descriptor, in bytes.
pub const LARGEST: usize = 64 << 10;
/// The longest name or version, in bytes.
const LONGEST_TEXT: usize = 128;

/// An ABI note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The descriptor as it stands in the file: what `describe` must return once the plugin is loaded.
    pub raw: Vec<u8>,
    /// The generation of the ABI.
    pub abi: u32,
    /// The plugin's own name, which need not be the manifest's.
    pub name: String,
    /// The plugin's own version.
    pub version: String,
    /// What it handles, in the order of its handler table.
    pub handlers: Vec<String>,
    /// The compiler, as `rustc --version` prints it.
    pub compiler: String,
    /// What a panic does.
    pub panic: Panic,
    /// Version of the authoring kit, where it was built with one.
    pub kit: Option<String>,
    /// What stands for the sources of the interface's types, where the kit says it.
    pub layout: Option<String>,
}

/// What a panic in the plugin does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Panic {
    /// It can be caught.
    Unwind,
    /// It ends the process.
    Abort,
}

/// As it stands in the file. Keys that a later kit adds are let be.
#[derive(Deserialize)]
struct Wire {
    name: String,
    version: String,
    handlers: Vec<String>,
    compiler: String,
    panic: Panic,
    kit: Option<String>,
    layout: Option<String>,
}

/// Read first: a generation that is not known here may have any other keys.
#[derive(Deserialize)]
struct Generation {
    abi: u32,
}

/// The one note of a plugin, of a generation that is `spoken`.
///
/// `notes`: type and descriptor of all notes with the ABI's owner name.
///
/// # Errors
/// `abi-note-missing`, `abi-note-duplicate`, `abi-note-malformed`, `abi-version`.
pub fn read(notes: &[(u32, Vec<u8>)], spoken: &[u32]) -> Result<Note, Refusal> {
    let (kind, raw) = match notes {
        [] => {
            return Err(Refusal::new(Code::AbiNoteMissing, "", "it has no ABI note: it is no plugin")
                .hint("export its handlers: lambda_plugin_abi::export! { handlers: { handle } }"));
        }
        [note] => note,
        several => {
            return Err(Refusal::new(Code::AbiNoteDuplicate, "", format!("it has {} ABI notes", several.len()))
                .hint("a plugin may not link another plugin as a library: move what they share to a third crate"));
        }
    };
    if *kind != KIND {
        return Err(malformed(format!("it is of type {kind}")));
    }
    if raw.len() > LARGEST {
        return Err(malformed("it is larger than 64 KiB"));
    }
    let json = |error: serde_json::Error| malformed(error.to_string().to_lowercase());
    // serde_json does not look into what it passes over.
    let text = std::str::from_utf8(raw).map_err(|error| malformed(format!("not utf-8 at byte {}", error.valid_up_to())))?;
    let Generation { abi } = serde_json::from_str(text).map_err(json)?;
    if !spoken.contains(&abi) {
        let spoken = spoken.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        return Err(Refusal::new(Code::AbiVersion, "", format!("it speaks ABI {abi}, and this loader speaks {spoken}"))
            .hint("build the plugin with the kit of this loader's release"));
    }
    let wire: Wire = serde_json::from_str(text).map_err(json)?;
    check(&wire)?;
    let Wire { name, version, handlers, compiler, panic, kit, layout } = wire;
    Ok(Note { raw: raw.clone(), abi, name, version, handlers, compiler, panic, kit, layout })
}

fn check(wire: &Wire) -> Result<(), Refusal> {
    if !is_name(&wire.name) {
        return Err(malformed("its name is not [a-z][a-z0-9_-]*"));
    }
    let mut seen = HashSet::new();
    for handler in &wire.handlers {
        if !is_name(handler) {
            return Err(malformed("the name of a handler is not [a-z][a-z0-9_-]*"));
        }
        if !seen.insert(handler) {
            return Err(malformed(format!("it names handler {handler:?} twice")));
        }
    }
    // They are printed: no line breaks, nothing that a terminal would act on.
    let printable = |text: &str| text.len() <= LONGEST_TEXT && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    for (key, text) in [("version", &wire.version), ("compiler", &wire.compiler)] {
        if text.is_empty() || !printable(text) {
            return Err(malformed(format!("its {key} is not up to {LONGEST_TEXT} printable characters")));
        }
    }
    for (key, text) in [("kit", &wire.kit), ("layout", &wire.layout)] {
        if text.as_ref().is_some_and(|text| !printable(text)) {
            return Err(malformed(format!("its {key} is not up to {LONGEST_TEXT} printable characters")));
        }
    }
    Ok(())
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= LONGEST_TEXT
        && bytes.next().is_some_and(|byte| byte.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-'))
}

fn malformed(what: impl Into<String>) -> Refusal {
    Refusal::new(Code::AbiNoteMalformed, "", format!("its ABI note cannot be read: {}", what.into()))
        .hint("build the plugin with the kit of this loader's release")
}

impl Note {
    /// The place of a handler in the plugin's table. `None`: the only one there is.
    ///
    /// # Errors
    /// `handler-missing`.
    pub fn handler(&self, name: Option<&str>) -> Result<usize, Refusal> {
        let all = || self.handlers.join(", ");
        let refuse = |what, hint: String| Err(Refusal::new(Code::HandlerMissing, "", what).hint(hint));
        match (name, self.handlers.as_slice()) {
            (None, [_]) => Ok(0),
            (None, []) => refuse("it has no handlers".to_owned(), "export a handler, or take the route out".to_owned()),
            (None, several) => refuse(
                format!("it has {} handlers, and none is named", several.len()),
                format!("name one as plugin.handler: {}", all()),
            ),
            (Some(name), handlers) => match handlers.iter().position(|handler| handler == name) {
                Some(place) => Ok(place),
                None => {
                    let meant = near::nearest(name, handlers.iter().map(String::as_str));
                    let meant = meant.map(|meant| format!("did you mean {meant:?}; ")).unwrap_or_default();
                    refuse(format!("it has no handler {name:?}"), format!("{meant}it has: {}", all()))
                }
            },
        }
    }
}

#[cfg(test)]
#[path = "note_tests.rs"]
mod tests;
