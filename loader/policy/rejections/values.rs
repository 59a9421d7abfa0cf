//! Names, variables, keys of routes, bounds.

use super::*;

/// Names.
#[test]
fn names() {
    check(
        r#"{"version":1,"plugins":{"Orders":{"path":"p"}}}"#,
        Code::ManifestValue,
        r#"m.json:1:25: plugins.Orders: "Orders" is not a name (hint: a name begins with one of a-z and goes on with a-z, 0-9, _ and -)"#,
    );
    check(
        r#"{"version":1,"plugins":{"":{"path":"p"}}}"#,
        Code::ManifestValue,
        r#"m.json:1:25: plugins[""]: "" is not a name (hint: a name begins with one of a-z and goes on with a-z, 0-9, _ and -)"#,
    );
    check(
        r#"{"version":1,"libraries":{"../l.so":{"path":"p"}}}"#,
        Code::ManifestValue,
        r#"m.json:1:27: libraries["../l.so"]: "../l.so" is not a soname (hint: the key of a library is its DT_SONAME, as in "libpq.so.5")"#,
    );
    check(
        r#"{"version":1,"libraries":{"libc.so.6":{"path":"p"}}}"#,
        Code::ManifestValue,
        r#"m.json:1:27: libraries["libc.so.6"]: "libc.so.6" is a library of the system (hint: take the entry out: plugins get that one from the system folders)"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},"routes":{"order queue":{"source":"sqs","to":"p"}}}"#,
        Code::ManifestValue,
        r#"m.json:1:56: routes["order queue"]: "order queue" is not a name (hint: a name begins with one of a-z and goes on with a-z, 0-9, _ and -)"#,
    );
    check(
        r#"{"version":1,"stages":{"Prod":{}}}"#,
        Code::ManifestValue,
        r#"m.json:1:24: stages.Prod: "Prod" is not a name (hint: a name begins with one of a-z and goes on with a-z, 0-9, _ and -)"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"routes":{"r":{"source":"sqs","to":"p.On"}}}"#,
        Code::ManifestValue,
        r#"m.json:2:36: routes.r.to: "p.On" names no handler (hint: write "plugin" or "plugin.handler")"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"routes":{"r":{"source":"sqs","to":"p.a.b"}}}"#,
        Code::ManifestValue,
        r#"m.json:2:36: routes.r.to: "p.a.b" names no handler (hint: write "plugin" or "plugin.handler")"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"routes":{"r":{"source":"sqs","to":"q.a"}}}"#,
        Code::PluginUnknown,
        r#"m.json:2:36: routes.r.to: there is no plugin "q" (hint: the plugins are "p")"#,
    );
    check(
        r#"{"version":1,"plugins":{"orders":{"path":"p"}},"on_error":"order.report"}"#,
        Code::PluginUnknown,
        r#"m.json:1:59: on_error: there is no plugin "order" (hint: did you mean "orders")"#,
    );
    check(
        r#"{"version":1,"on_error":"p"}"#,
        Code::PluginUnknown,
        r#"m.json:1:25: on_error: there is no plugin "p" (hint: add it to "plugins")"#,
    );
    check(
        r#"{"version":1,"functions":[]}"#,
        Code::ManifestValue,
        "m.json:1:26: functions: no function may use this manifest (hint: name the functions, or leave the key out to allow any)",
    );
    check(
        r#"{"version":1,"functions":["arn:aws:lambda:eu-west-1:1:function:f"]}"#,
        Code::ManifestValue,
        r#"m.json:1:27: functions[0]: "arn:aws:lambda:eu-west-1:1:function:f" matches no function's name (hint: write the function's name, not its ARN; * stands for any run of characters)"#,
    );
}

/// Variables. Never their values.
#[test]
fn variables_and_never_their_values() {
    check(
        r#"{"version":1,"environment":{"APP_MODE":"secret"}}"#,
        Code::VariableNotAllowed,
        r#"m.json:1:29: environment.APP_MODE: the variable "APP_MODE" is not allowed (hint: add it to allow.environment, by name or by at least three characters and *)"#,
    );
    check(
        r#"{"version":1,"allow":{"environment":["APP_*"]},"environment":{"APP":"secret"}}"#,
        Code::VariableNotAllowed,
        r#"m.json:1:63: environment.APP: the variable "APP" is not allowed (hint: add it to allow.environment, by name or by at least three characters and *)"#,
    );
    check(
        r#"{"version":1,"allow":{"environment":["APP_*"]},"environment":{"LD_PRELOAD":"secret"}}"#,
        Code::VariableForbidden,
        r#"m.json:1:63: environment.LD_PRELOAD: the variable "LD_PRELOAD" may never be set: LD_* steers loading or trust (hint: set it in the function's own configuration, where it must be)"#,
    );
    check(
        r#"{"version":1,"allow":{"environment":["APP_*"]},"environment":{"APP_=X":"secret"}}"#,
        Code::ManifestValue,
        r#"m.json:1:63: environment["APP_=X"]: "APP_=X" is not the name of a variable (hint: letters, digits and _ make a name, and no digit begins it)"#,
    );
    check(
        r#"{"version":1,"allow":{"environment":["APP_*"]},"environment":{"APP_X\u0000":"secret"}}"#,
        Code::ManifestValue,
        r#"m.json:1:63: environment["APP_X\0"]: "APP_X\0" is not the name of a variable (hint: letters, digits and _ make a name, and no digit begins it)"#,
    );
    check(
        r#"{"version":1,"allow":{"environment":["APP_*"]},"environment":{"APP_X":"secret\u0000"}}"#,
        Code::ManifestValue,
        "m.json:1:71: environment.APP_X: a variable cannot hold a NUL",
    );
    check(
        r#"{"version":1,"allow":{"environment":["APP_*"]},"environment":{"APP_PROXY":"secret"}}"#,
        Code::VariableForbidden,
        r#"m.json:1:63: environment.APP_PROXY: the variable "APP_PROXY" may never be set: *_PROXY steers loading or trust (hint: set it in the function's own configuration, where it must be)"#,
    );
    check(
        r#"{"version":1,"allow":{"environment":["APP_*"]},"environment":{"APP_X":["secret"]}}"#,
        Code::ManifestType,
        "m.json:1:71: environment.APP_X: expected a string, found an array",
    );
    check(
        r#"{"version":1,"allow":{"environment":["*"]}}"#,
        Code::ManifestValue,
        r#"m.json:1:38: allow.environment[0]: "*" does not name variables (hint: write a variable's name, or at least three characters and *)"#,
    );
    check(
        r#"{"version":1,"allow":{"environment":["A","AB*"]}}"#,
        Code::ManifestValue,
        r#"m.json:1:42: allow.environment[1]: "AB*" does not name variables (hint: write a variable's name, or at least three characters and *)"#,
    );
    check(
        r#"{"version":1,"allow":{"environment":["LD_*"]}}"#,
        Code::VariableForbidden,
        r#"m.json:1:38: allow.environment[0]: "LD_*" allows what may never be set: LD_* steers loading or trust (hint: remove it)"#,
    );
    check(
        r#"{"version":1,"allow":{"environment":["Path"]}}"#,
        Code::VariableForbidden,
        r#"m.json:1:38: allow.environment[0]: "Path" allows what may never be set: PATH steers loading or trust (hint: remove it)"#,
    );
}

/// Routes. What their matching keys may say is told by the tests of the matcher.
#[test]
fn concurrency_is_for_batches_one_record_at_a_time() {
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"routes":{"r":{"source":"http","to":"p","concurrency":1}}}"#,
        Code::RouteKeyUnknown,
        r#"m.json:2:41: routes.r.concurrency: a route with source `http` has no key `concurrency` (hint: `http` has `method`, `path`, `host`, `reply`, `on_failure`)"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"routes":{"r":{"source":"sqs","to":"p","concurrency":2}}}"#,
        Code::ManifestValue,
        r#"m.json:2:54: routes.r.concurrency: without "batch": "each" this has no effect (hint: add that, or remove the key)"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"routes":{"r":{"source":"sqs","to":"p","batch":"each","concurrency":0}}}"#,
        Code::ManifestValue,
        "m.json:2:69: routes.r.concurrency: a concurrency is 1 to 1000, and here it is 0",
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"routes":{"r":{"source":"sqs","to":"p","batch":"each","concurrency":1001}}}"#,
        Code::ManifestValue,
        "m.json:2:69: routes.r.concurrency: a concurrency is 1 to 1000, and here it is 1001",
    );
}

/// What is left.
#[test]
fn bounds() {
    check(
        r#"{"version":1,"deadline_margin_ms":0}"#,
        Code::ManifestValue,
        "m.json:1:35: deadline_margin_ms: a margin is 10 to 60000 ms, and here it is 0",
    );
    check(
        r#"{"version":1,"deadline_margin_ms":60001}"#,
        Code::ManifestValue,
        "m.json:1:35: deadline_margin_ms: a margin is 10 to 60000 ms, and here it is 60001",
    );
    check(
        r#"{"version":1,"lockdown":"require","plugins":{"p":{"path":"p","load":"first-use"}}}"#,
        Code::ManifestValue,
        r#"m.json:1:69: plugins.p.load: "lockdown": "require" leaves no way to load a plugin at first use (hint: remove "load", or relax "lockdown")"#,
    );
}
/// What cannot be written as a short line of text.
#[test]
fn bytes_that_are_no_text_and_sizes() {
    #[track_caller]
    fn check(bytes: &[u8], code: Code, expected: &str) {
        let refusal = refused(bytes, &Base::Folder("/opt/loader".into()));
        assert_eq!((refusal.code, refusal.to_string().as_str()), (code, expected));
    }
    check(
        b"{\"version\":1,\n \"\xc3\xa4\xff\":1}",
        Code::ManifestSyntax,
        "m.json:2:4: this is not UTF-8 (hint: save the file as UTF-8)",
    );
    check(b"\xff\xfe{\0}\0", Code::ManifestSyntax, "m.json:1:1: this is not UTF-8 (hint: save the file as UTF-8)");
    check(
        &[b' '; crate::manifest::text::LIMIT + 1],
        Code::ManifestTooLarge,
        "m.json: the file has 1048577 bytes, and at most 1048576 are read (hint: move what does not route into the plugins' own data)",
    );
    check(
        &[b'['; crate::manifest::text::LIMIT],
        Code::ManifestSyntax,
        "m.json:1:128: nested too deep (hint: at most 127 objects and arrays may stand in one another)",
    );
    let stages: Vec<_> = (0..101).map(|stage| format!("\"s{stage}\":{{}}")).collect();
    check(
        format!("{{\"version\":1,\"stages\":{{{}}}}}", stages.join(",")).as_bytes(),
        Code::ManifestValue,
        "m.json:1:14: stages: a manifest with \"stages\" has 1 to 100 of them, and here are 101",
    );
    let named = |what: &dyn Fn(usize) -> String| (0..1001).map(what).collect::<Vec<_>>().join(",");
    let routes = named(&|n| format!("\"r{n}\":{{\"source\":\"operation\",\"name\":\"n{n}\",\"to\":\"p\"}}"));
    let plugins = named(&|n| format!("\"p{n}\":{{\"path\":\"p\"}}"));
    let variables = named(&|n| format!("\"APP_{n}\":\"\""));
    let patterns = named(&|n| format!("\"APP_{n}\""));
    for (key, entries) in [
        ("routes", format!("\"routes\":{{{routes}}}")),
        ("plugins", format!("\"plugins\":{{{plugins}}}")),
        ("libraries", format!("\"libraries\":{{{plugins}}}")),
        ("environment", format!("\"environment\":{{{variables}}}")),
    ] {
        check(
            format!("{{\"version\":1,{entries}}}").as_bytes(),
            Code::ManifestValue,
            &format!(
                "m.json:1:{}: {key}: there are 1001 entries, and 1000 is the most (hint: divide the work among several functions)",
                15 + key.len() + 2
            ),
        );
    }
    for (key, column) in [("roots", 31), ("buckets", 33), ("environment", 37)] {
        check(
            format!("{{\"version\":1,\"allow\":{{\"{key}\":[{patterns}]}}}}").as_bytes(),
            Code::ManifestValue,
            &format!(
                "m.json:1:{column}: allow.{key}: there are 1001 entries, and 1000 is the most (hint: divide the work among several functions)"
            ),
        );
    }
    // A long name stays out of the message.
    let long = "X".repeat(1 << 16);
    check(
        format!("{{\"version\":1,\"plugins\":{{\"{long}\":{{}}}}}}").as_bytes(),
        Code::ManifestValue,
        &format!(
            "m.json:1:25: plugins[\"{0}\"…]: \"{0}\"… is not a name \
             (hint: a name begins with one of a-z and goes on with a-z, 0-9, _ and -)",
            "X".repeat(80)
        ),
    );
}
