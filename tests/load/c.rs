//! Shared objects from C, for what no Rust crate makes.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A constructor that writes the file named by `MISBEHAVE_MARK`, as plugin `misbehave` has it.
pub(crate) const MARK: &str = r#"
#include <stdio.h>
#include <stdlib.h>
__attribute__((constructor)) static void mark(void) {
    const char *path = getenv("MISBEHAVE_MARK");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (file) { fputs("code ran", file); fclose(file); }
}
"#;

/// The ABI note of a plugin with the handler `odd`, for this loader's ABI.
pub(crate) const NOTE: &str = r#"{"abi":0,"name":"odd","version":"1.0.0","handlers":["odd"],"compiler":"gcc","panic":"unwind"}"#;

/// C text that places an ABI note with that descriptor; `index` keeps several apart.
pub(crate) fn note(index: usize, json: &str) -> String {
    let quoted = json.replace('\\', "\\\\").replace('"', "\\\"");
    let length = json.len();
    format!(
        "__attribute__((section(\".note.lambda_plugin\"), aligned(4), used)) static const struct {{ unsigned n, d, t; char owner[16]; \
         char json[{length}]; }} note_{index} = {{ 13, {length}, 1, \"LambdaPlugin\", \"{quoted}\" }};\n"
    )
}

/// C text of an object that is a plugin by its note, and leaves a mark as soon as it runs.
pub(crate) fn marked_plugin() -> String {
    format!("{MARK}{}", note(0, NOTE))
}

/// Compiles `source` to `folder/name` with `flags`, which stand behind the file so that they may name libraries.
pub(crate) fn compile(folder: &Path, name: &str, source: &str, flags: &[&str]) -> PathBuf {
    let text = folder.join(format!("{name}.c"));
    std::fs::write(&text, source).expect("a source file");
    let path = folder.join(name);
    let mut gcc = Command::new("gcc");
    gcc.args(["-w", "-o"]).arg(&path).arg(&text).args(flags);
    let output = gcc.output().expect("gcc runs");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    std::fs::remove_file(text).expect("the source file");
    path
}

/// Compiles a shared object.
pub(crate) fn shared(folder: &Path, name: &str, source: &str, flags: &[&str]) -> PathBuf {
    compile(folder, name, source, &[&["-shared", "-fPIC"], flags].concat())
}
