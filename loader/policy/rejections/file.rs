//! The bytes, the JSON, the keys and the types.

use super::*;

/// JSON, and nothing but JSON.
#[test]
fn json_and_nothing_but_json() {
    check("", Code::ManifestSyntax, r#"m.json:1:1: the file is empty (hint: the smallest manifest is {"version":1})"#);
    check(" \n", Code::ManifestSyntax, r#"m.json:2:1: the file is empty (hint: the smallest manifest is {"version":1})"#);
    check(
        r#"{"version":1"#,
        Code::ManifestSyntax,
        "m.json:1:12: the text ends too early (hint: the file may be cut off, or lack a closing bracket or quote)",
    );
    check(
        r#"{"version":1,}"#,
        Code::ManifestSyntax,
        "m.json:1:14: a comma stands before a closing bracket (hint: remove the comma)",
    );
    check(
        r#"{"version":1,
// why
"serial":1}"#,
        Code::ManifestSyntax,
        "m.json:2:1: a comment stands here (hint: JSON has no comments; remove it)",
    );
    check(
        r#"{"version":1 /* x */}"#,
        Code::ManifestSyntax,
        "m.json:1:14: a comment stands here (hint: JSON has no comments; remove it)",
    );
    check(
        "{'version':1}",
        Code::ManifestSyntax,
        "m.json:1:2: a single quote stands here (hint: JSON strings stand in double quotes)",
    );
    check(
        r#"{"version":1}
{}"#,
        Code::ManifestSyntax,
        "m.json:2:1: more text follows the manifest (hint: the file must hold one JSON object and nothing else)",
    );
    check(r#"{"version":01}"#, Code::ManifestSyntax, "m.json:1:13: invalid number");
    check(r#"{"version":1,"serial":1e999}"#, Code::ManifestSyntax, "m.json:1:27: number out of range");
    check(
        r#"{"version":1,"$schema":"\ud800"}"#,
        Code::ManifestSyntax,
        r#"m.json:1:31: half of a surrogate pair stands alone (hint: write the character itself, or both of its \u escapes)"#,
    );
    check(
        "{\"version\":1,\"$schema\":\"a\tb\"}",
        Code::ManifestSyntax,
        r#"m.json:1:26: a control character stands in a string (hint: write it as an escape: \n, \t, \u0000)"#,
    );
    check(r#"{"version":1,"é":"é" x}"#, Code::ManifestSyntax, "m.json:1:22: expected `,` or `}`");
    check("{version:1}", Code::ManifestSyntax, "m.json:1:2: a key must be a string (hint: JSON keys stand in double quotes)");
    check(r#"{"version":NaN}"#, Code::ManifestSyntax, "m.json:1:12: expected value");
    check(
        "\u{feff}{\"version\":1}",
        Code::ManifestSyntax,
        "m.json:1:1: the file begins with a byte order mark (hint: save it as UTF-8 without one)",
    );
}

/// One key, one value, also where the same key is spelled twice, and inside `config`.
#[test]
fn one_key_one_value() {
    check(
        r#"{"version":1,
 "serial":1, "serial":2}"#,
        Code::ManifestDuplicateKey,
        "m.json:2:14: serial: this key stands here for the second time, first at 2:2 (hint: keep one of the two)",
    );
    check(
        r#"{"version":1,"serial":1,"s\u0065rial":2}"#,
        Code::ManifestDuplicateKey,
        "m.json:1:25: serial: this key stands here for the second time, first at 1:14 (hint: keep one of the two)",
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p","config":{"a":[{"x":1,"x":1}]}}}}"#,
        Code::ManifestDuplicateKey,
        "m.json:1:63: plugins.p.config.a[0].x: this key stands here for the second time, first at 1:57 (hint: keep one of the two)",
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"a"},"p":{"path":"b"}}}"#,
        Code::ManifestDuplicateKey,
        "m.json:1:42: plugins.p: this key stands here for the second time, first at 1:25 (hint: keep one of the two)",
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"stages":{"a":{},"b":{"plugins":{},"plugins":{}}}}"#,
        Code::ManifestDuplicateKey,
        "m.json:2:36: stages.b.plugins: this key stands here for the second time, first at 2:23 (hint: keep one of the two)",
    );
    check(
        r#"{"version":1,"":1,"":2}"#,
        Code::ManifestDuplicateKey,
        r#"m.json:1:19: [""]: this key stands here for the second time, first at 1:14 (hint: keep one of the two)"#,
    );
}

/// The shape of the file.
#[test]
fn the_shape_of_the_file() {
    check("[]", Code::ManifestType, "m.json:1:1: a manifest must be an object");
    check("null", Code::ManifestType, "m.json:1:1: a manifest must be an object");
    check("{}", Code::ManifestType, r#"m.json:1:1: the key "version" is missing (hint: this loader reads "version": 1)"#);
    check(
        r#"{"version":"1"}"#,
        Code::ManifestType,
        r#"m.json:1:12: version: expected a whole number (hint: this loader reads "version": 1)"#,
    );
    check(
        r#"{"version":2,"plugs":{}}"#,
        Code::ManifestVersion,
        r#"m.json:1:12: version: version 2 is not known here (hint: this loader reads "version": 1)"#,
    );
    check(
        r#"{"version":1.0}"#,
        Code::ManifestVersion,
        r#"m.json:1:12: version: version 1.0 is not known here (hint: this loader reads "version": 1)"#,
    );
    check(
        r#"{"version":1,"plugin":{}}"#,
        Code::ManifestUnknownKey,
        r#"m.json:1:14: plugin: this key means nothing here (hint: did you mean "plugins")"#,
    );
    check(
        r#"{"version":1,"wholly_unknown":{}}"#,
        Code::ManifestUnknownKey,
        r#"m.json:1:14: wholly_unknown: this key means nothing here (hint: the keys are "$schema", "version", "functions", "serial", "allow", "libraries", "plugins", "routes", "on_error", "settings", "environment", "lockdown", "deadline_margin_ms", "default_stage" and "stages")"#,
    );
    check(
        r#"{"version":1,"serial":null}"#,
        Code::ManifestType,
        "m.json:1:23: serial: expected a whole number, found null (hint: leave the key out instead)",
    );
    check(
        r#"{"version":1,"serial":-1}"#,
        Code::ManifestValue,
        "m.json:1:23: serial: expected a whole number, found a negative number",
    );
    check(
        r#"{"version":1,"serial":1.5}"#,
        Code::ManifestType,
        "m.json:1:23: serial: expected a whole number, found a number with a fraction",
    );
    check(r#"{"version":1,"serial":18446744073709551616}"#, Code::ManifestValue, "m.json:1:23: serial: the number is too large");
    check(r#"{"version":1,"serial":"7"}"#, Code::ManifestType, "m.json:1:23: serial: expected a whole number, found a string");
    check(
        r#"{"version":1,"functions":"orders"}"#,
        Code::ManifestType,
        "m.json:1:26: functions: expected an array, found a string",
    );
    check(
        r#"{"version":1,"functions":["a",1]}"#,
        Code::ManifestType,
        "m.json:1:31: functions[1]: expected a string, found a number",
    );
    check(r#"{"version":1,"plugins":[]}"#, Code::ManifestType, "m.json:1:24: plugins: expected an object, found an array");
    check(
        r#"{"version":1,"plugins":{"p":"p.so"}}"#,
        Code::ManifestType,
        "m.json:1:29: plugins.p: expected an object, found a string",
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":1}}}"#,
        Code::ManifestType,
        "m.json:1:37: plugins.p.path: expected a string, found a number",
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p","sha265":""}}}"#,
        Code::ManifestUnknownKey,
        r#"m.json:1:41: plugins.p.sha265: this key means nothing here (hint: did you mean "sha256")"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p","sha256":7}}}"#,
        Code::ManifestType,
        "m.json:1:50: plugins.p.sha256: expected a digest, or an object with a digest per architecture, found a number",
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p","sha256":{"arm64":""}}}}"#,
        Code::ManifestUnknownKey,
        r#"m.json:1:51: plugins.p.sha256.arm64: this key means nothing here (hint: the keys are "x86_64" and "aarch64")"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p","load":"lazy"}}}"#,
        Code::ManifestValue,
        r#"m.json:1:48: plugins.p.load: expected "init" or "first-use", found "lazy""#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p","load":true}}}"#,
        Code::ManifestType,
        "m.json:1:48: plugins.p.load: expected a string, found true",
    );
    check(
        r#"{"version":1,"libraries":{"l.so":{"path":"p","config":1}}}"#,
        Code::ManifestUnknownKey,
        r#"m.json:1:46: libraries["l.so"].config: this key means nothing here (hint: the keys are "path", "s3" and "sha256")"#,
    );
    check(
        r#"{"version":1,"allow":{"root":[]}}"#,
        Code::ManifestUnknownKey,
        r#"m.json:1:23: allow.root: this key means nothing here (hint: did you mean "roots")"#,
    );
    check(
        r#"{"version":1,"environment":{"APP_KEY":1}}"#,
        Code::ManifestType,
        "m.json:1:39: environment.APP_KEY: expected a string, found a number",
    );
    check(
        r#"{"version":1,"environment":["sk-live-123"]}"#,
        Code::ManifestType,
        "m.json:1:28: environment: expected an object, found an array",
    );
    check(
        r#"{"version":1,"lockdown":"requires"}"#,
        Code::ManifestValue,
        r#"m.json:1:25: lockdown: expected "auto", "require" or "off", found "requires" (hint: did you mean "require")"#,
    );
    check(
        r#"{"version":1,"lockdown":"sometimes"}"#,
        Code::ManifestValue,
        r#"m.json:1:25: lockdown: expected "auto", "require" or "off", found "sometimes""#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"routes":{"r":{"source":"sqs"}}}"#,
        Code::ManifestType,
        r#"m.json:2:15: routes.r: the key "to" is missing"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"routes":{"r":{"to":"p"}}}"#,
        Code::ManifestType,
        r#"m.json:2:15: routes.r: the key "source" is missing"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"routes":{"r":{"source":"direct","to":"p","where":{"/a":false}}}}"#,
        Code::ManifestValue,
        r#"m.json:2:57: routes.r.where["/a"]: expected a string or true, found false"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"routes":{"r":{"source":"direct","to":"p","where":{"/a":1}}}}"#,
        Code::ManifestType,
        r#"m.json:2:57: routes.r.where["/a"]: expected a string or true, found a number"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"routes":{"r":{"source":"http","to":"p","reply":"streamed"}}}"#,
        Code::ManifestValue,
        r#"m.json:2:49: routes.r.reply: expected "buffered" or "stream", found "streamed" (hint: did you mean "stream")"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"routes":{"r":{"source":"sqs","to":"p","batch":"Each"}}}"#,
        Code::ManifestValue,
        r#"m.json:2:48: routes.r.batch: expected "whole" or "each", found "Each" (hint: did you mean "each")"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"routes":{"r":{"source":"sqs","to":"p","queue":"x"}}}"#,
        Code::ManifestUnknownKey,
        r#"m.json:2:40: routes.r.queue: this key means nothing here (hint: the keys are "source", "to", "resource", "method", "path", "host", "stage", "name", "event", "key_prefix", "key_suffix", "event_source", "detail_type", "recipient", "topic", "log_group", "kind", "route_key", "action_group", "trigger", "resource_type", "step", "intent", "invocation_source", "channel", "type_name", "field", "where", "reply", "on_failure", "batch", "report_batch_item_failures" and "concurrency")"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"routes":{"r":{"source":"sqs","to":"p","concurrency":4294967296}}}"#,
        Code::ManifestValue,
        "m.json:2:54: routes.r.concurrency: the number is too large",
    );
}
