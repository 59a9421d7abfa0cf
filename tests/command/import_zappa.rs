//! `import-zappa`: settings as people have them, to manifests that every other command reads.

use serde_json::{Value, json};

use crate::sandbox::{Run, Sandbox};

const JSON: &str = include_str!("zappa/zappa_settings.json");
const PYTHON: &str = include_str!("zappa/zappa_settings.py");

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new("{}");
    sandbox.write("zappa_settings.json", JSON);
    sandbox.write("zappa_settings.py", PYTHON);
    sandbox
}

/// Where the manifest of `run` sends an event in a stage.
#[track_caller]
fn target(sandbox: &Sandbox, stage: &[&str], event: &Value) -> Value {
    let arguments = [&["route", "--manifest", "imported.json", "--event", "-", "--format", "json"][..], stage].concat();
    let run = sandbox.run_with(&arguments, &[], &event.to_string());
    assert!(run.code <= 1, "{run:?}");
    let to = run.json();
    if to["route"].is_null() { Value::Null } else { json!(format!("{}.{}", to["plugin"], to["handler"]).replace('"', "")) }
}

#[track_caller]
fn says(run: &Run, lines: &[&str]) {
    for line in lines {
        assert!(run.err.lines().any(|found| found.starts_with(line)), "no {line:?} in\n{}", run.err);
    }
}

fn queue(name: &str) -> Value {
    let arn = format!("arn:aws:sqs:eu-west-1:123456789012:{name}");
    json!({ "Records": [{ "eventSource": "aws:sqs", "eventSourceARN": arn }] })
}

fn rule(name: &str) -> Value {
    let arn = format!("arn:aws:events:eu-west-1:123456789012:rule/{name}");
    json!({ "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}, "resources": [arn] })
}

#[test]
fn each_event_of_zappa_s_goes_where_its_function_has_gone() {
    let sandbox = sandbox();
    let run = sandbox.run(&["import-zappa", "zappa_settings.json", "--out", "imported.json"]);
    assert_eq!(run.done().out, "", "{run:?}");
    let upload = |name: &str, key: &str| {
        let s3 = json!({ "bucket": { "arn": "arn:aws:s3:::shop-uploads" }, "object": { "key": key } });
        json!({ "Records": [{ "eventSource": "aws:s3", "eventName": name, "s3": s3 }] })
    };
    let table = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2024-05-11T00:00:00.000";
    let topic = "arn:aws:sns:eu-west-1:123456789012:shop-prod-zappa-async";
    let cases = [
        (rule("shop-dev-shop.tasks.nightly"), "shop_tasks.nightly", "shop_tasks.nightly"),
        (rule("shop-dev-1-office-hours-shop.tasks.remind"), "shop_tasks.remind", ""),
        (rule("shop-dev-other.tasks.nightly"), "", ""),
        (queue("orders-dev"), "shop_orders.on_message", ""),
        (queue("orders"), "", "shop_orders.on_message"),
        (upload("ObjectCreated:Put", "in/a.jpg"), "shop_images.resize", ""),
        (upload("ObjectRemoved:Delete", "in/a.jpg"), "shop_images.resize", ""),
        (upload("ObjectCreated:Put", "out/a.jpg"), "", ""),
        (json!({ "Records": [{ "eventSource": "aws:dynamodb", "eventSourceARN": table }] }), "shop_replication.replicate", ""),
        (json!({ "Records": [{ "EventSource": "aws:sns", "Sns": { "TopicArn": topic } }] }), "", "shop_web.run_task"),
        (
            json!({ "bot": { "name": "b" }, "currentIntent": { "name": "OrderFlowers" }, "invocationSource": "DialogCodeHook" }),
            "shop_bot.order_flowers",
            "shop_bot.order_flowers",
        ),
        (
            json!({ "userPoolId": "eu-west-1_AbCdEfGhI", "triggerSource": "PreSignUp_SignUp" }),
            "shop_users.pre_sign_up",
            "shop_users.pre_sign_up",
        ),
        (json!({ "userPoolId": "eu-west-1_other", "triggerSource": "PreSignUp_SignUp" }), "", ""),
        (
            json!({ "type": "TOKEN", "methodArn": "arn:aws:execute-api:eu-west-1:1:a/prod/GET/" }),
            "shop_auth.check_token",
            "shop_auth.check_token",
        ),
        (json!({ "httpMethod": "GET", "path": "/a/b", "requestContext": { "stage": "dev" } }), "shop_web.app", "shop_web.app"),
        (json!({ "hello": 1 }), "", ""),
    ];
    for (event, dev, prod) in cases {
        for (stage, expected) in [("dev", dev), ("prod", prod)] {
            let expected = if expected.is_empty() { Value::Null } else { json!(expected) };
            assert_eq!(target(&sandbox, &["--stage", stage], &event), expected, "{stage} {event}");
        }
    }
}

#[test]
fn the_manifest_has_what_stages_share_above_and_the_rest_in_each() {
    let sandbox = sandbox();
    let run = sandbox.run(&["import-zappa", "zappa_settings.json"]);
    let manifest = run.done().json();
    assert_eq!(manifest["version"], 1);
    assert_eq!(manifest["on_error"], "shop_errors.report");
    assert_eq!(manifest["plugins"]["shop_web"], json!({ "path": "libshop_web.so" }));
    assert_eq!(
        manifest["routes"]["site"],
        json!({ "source": "http", "path": "/{*rest}", "on_failure": "respond", "to": "shop_web.app" })
    );
    assert_eq!(manifest["allow"], json!({ "buckets": ["shop-config"], "environment": ["SHOP_MODE", "SHOP_SECRET"] }));
    assert_eq!(manifest["stages"]["prod"]["settings"], json!({ "s3": "s3://shop-config/prod/env.json" }));
    // The queue is another one in each stage; a plugin that one stage lacks is not above.
    assert!(manifest["routes"].get("sqs-on_message").is_none() && manifest["plugins"].get("shop_images").is_none(), "{manifest}");
    assert!(manifest["stages"]["dev"]["plugins"].get("shop_images").is_some(), "{manifest}");
    // A stage that changes nothing is there nevertheless: some function runs it.
    let stages: Vec<_> = manifest["stages"].as_object().unwrap().keys().collect();
    assert_eq!(stages, ["common", "dev", "prod"]);
    // In the order in which a person reads it.
    let keys: Vec<_> = run.out.lines().filter_map(|line| line.strip_prefix("  \"")?.split('"').next()).collect();
    assert_eq!(keys, ["version", "allow", "plugins", "routes", "on_error", "stages"]);

    let flat = sandbox.run(&["import-zappa", "zappa_settings.json", "--stage", "Prod"]);
    let flat = flat.done().json();
    assert!(flat.get("stages").is_none(), "{flat}");
    assert_eq!(flat["routes"]["sqs-on_message"]["resource"], "arn:aws:sqs:eu-west-1:123456789012:orders");
    assert_eq!(flat["settings"], json!({ "s3": "s3://shop-config/prod/env.json" }));
}

#[test]
fn the_report_says_what_to_write_what_to_look_at_and_what_is_left_out_and_why() {
    let sandbox = sandbox();
    let run = sandbox.run(&["import-zappa", "zappa_settings.json"]);
    says(
        run.done(),
        &[
            "imported  zappa_settings.json: 3 stages",
            "write     plugin shop_tasks for shop.tasks: nightly, remind",
            "write     plugin shop_users for shop.users: pre_sign_up",
            "check     routes.schedule-nightly (common, dev, Prod): the rule that Zappa made (cron(0 3 * * ? *)) stays",
            "check     routes.schedule-remind (common, dev): the handler finds the rule's kwargs",
            "check     routes.async-tasks (Prod): write one handler that matches `task_path`",
            "check     on_error (common, dev, Prod): it gets {\"error\", \"event\", \"context\"}",
            "check     environment SHOP_SECRET (common, dev): allowed, and not set",
            "check     stages.prod (Prod): no stage of a manifest can be called \"Prod\"",
            "check     stages (every stage): each function sets LOADER_STAGE",
            "left out  events \"arn:aws:sns:1\" (common, dev): this is no ARN of six fields",
            "left out  routes.sqs-on_message: batch_size, enabled (common, dev, Prod): a property of the event source mapping",
            "left out  environment_variables \"LD_LIBRARY_PATH\" (common, dev): the variable \"LD_LIBRARY_PATH\" may never be set",
            "left out  aws_environment_variables TZ_NAME (common, dev, Prod): it is in the function's own configuration",
            "left out  slim_handler (common, dev, Prod): nothing is unpacked at run time",
            "left out  include (common, dev, Prod): no library is loaded by its path",
            "left out  keep_warm (common, dev, Prod): bootstrap starts in milliseconds",
            "left out  vpc_config (Prod): a property of the function",
            "left out  cors (common, dev, Prod): a property of the API",
            "left out  zappa invoke (every stage): no event names code: each function",
            "left out  @task (every stage): a task is a route of source `operation` too, and the plugin has it run later: docs/author.md",
            "left out  zappa invoke --raw, zappa manage (every stage): no event is run as code",
        ],
    );
    let run = sandbox.run(&["import-zappa", "zappa_settings.json", "--format", "json", "--out", "imported.json"]);
    let report = run.done().json();
    assert_eq!((report["written"].as_str(), run.err.as_str()), (Some("imported.json"), ""));
    assert_eq!(serde_json::from_str::<Value>(&sandbox.read("imported.json")).unwrap(), report["manifest"]);
    let left: Vec<_> = report["notes"].as_array().unwrap().iter().filter(|note| note["what"] == "vpc_config").collect();
    assert_eq!(left[0]["stages"], json!(["Prod"]));
    assert_eq!(report["plugins"][0]["module"], "shop.web");
}

#[test]
fn values_of_variables_stay_out_unless_they_are_asked_for() {
    let sandbox = sandbox();
    for file in ["zappa_settings.json", "zappa_settings.py"] {
        let run = sandbox.run(&["import-zappa", file]);
        assert!(!run.done().out.contains("hunter2") && !run.err.contains("hunter2"), "{run:?}");
        assert!(!run.out.contains("\"environment\": {"), "{run:?}");
        let json = sandbox.run(&["import-zappa", file, "--format", "json"]);
        assert!(!json.done().out.contains("hunter2"), "{json:?}");
    }
    let run = sandbox.run(&["import-zappa", "zappa_settings.json", "--values"]);
    let manifest = run.done().json();
    assert_eq!(manifest["stages"]["dev"]["environment"], json!({ "SHOP_MODE": "dev", "SHOP_SECRET": "hunter2" }));
    assert_eq!(manifest["stages"]["prod"]["environment"], json!({ "SHOP_MODE": "live" }));
    assert!(!run.err.contains("hunter2"), "{run:?}");
}

#[test]
fn the_generated_module_is_read_and_never_run() {
    let sandbox = sandbox();
    let run = sandbox.run(&["import-zappa", "zappa_settings.py", "--out", "imported.json"]);
    says(
        run.done(),
        &[
            "imported  zappa_settings.py: 1 stage",
            "left out  events with an expression (every stage): the generated module does not have them",
            "left out  lines 22 (every stage): no assignments of literals: passed over, nothing of the file is run",
        ],
    );
    assert!(!sandbox.path("ran").exists());
    let manifest: Value = serde_json::from_str(&sandbox.read("imported.json")).unwrap();
    assert!(manifest.get("stages").is_none(), "{manifest}");
    assert_eq!(manifest["settings"], json!({ "s3": "s3://shop-config/dev/env.json" }));
    assert_eq!(target(&sandbox, &[], &queue("orders-dev")), "shop_orders.on_message");
    assert_eq!(
        target(&sandbox, &[], &json!({ "userPoolId": "any", "triggerSource": "PreSignUp_SignUp" })),
        "shop_users.pre_sign_up"
    );

    let piped = sandbox.run_with(&["import-zappa", "-"], &[], PYTHON);
    assert_eq!(piped.done().json(), manifest);
}

#[test]
fn functions_that_zappa_let_fight_over_an_event_are_named() {
    let sandbox = sandbox();
    let event = |function: &str, filter: Value| {
        let source = json!({ "arn": "arn:aws:s3:::b", "events": ["s3:ObjectCreated:*"], "key_filters": [filter] });
        json!({ "function": function, "event_source": source })
    };
    let topic = |function: &str| json!({ "function": function, "event_source": { "arn": "arn:aws:sns:eu-west-1:1:t" } });
    let events = json!([
        event("a.jpg", json!({ "type": "suffix", "value": ".jpg" })),
        event("a.inbox", json!({ "type": "prefix", "value": "in/" })),
        topic("a.first"),
        topic("a.last"),
    ]);
    sandbox.write("z.json", json!({ "dev": { "apigateway_enabled": false, "events": events } }).to_string());
    let run = sandbox.run(&["import-zappa", "z.json", "--out", "imported.json"]);
    says(
        run.done(),
        &[
            "check     routes.sns-first (dev): two functions were set for the same events; the later one has them",
            "check     manifest (every stage): imported.json:",
        ],
    );
    let line = run.err.lines().find(|line| line.starts_with("check     manifest")).unwrap();
    assert!(
        line.contains("the routes \"s3-jpg\" and \"s3-inbox\" overlap") && line.ends_with("(hint: narrow one of them)"),
        "{line}"
    );
    let manifest: Value = serde_json::from_str(&sandbox.read("imported.json")).unwrap();
    assert_eq!(manifest["routes"]["sns-first"]["to"], "a.last");
}

#[test]
fn mistakes_say_what_to_do() {
    let sandbox = sandbox();
    sandbox.write("zappa_settings.yml", "dev:\n  app_function: a.b\n");
    sandbox.write("zappa_settings.toml", "[dev]\n");
    sandbox.write("comment.json", "{\n  // dev\n}");
    sandbox.write("empty.json", "{}");
    sandbox.write("circle.json", r#"{"a":{"extends":"b"},"b":{"extends":"a"}}"#);
    sandbox.write("orphan.json", r#"{"a":{"extends":"z"}}"#);
    sandbox.write("flat.json", r#"{"app_function":"a.b"}"#);
    sandbox.write("other.py", "import os\n");
    sandbox.write("bytes.json", [0xff, 0xfe]);
    #[track_caller]
    fn check(sandbox: &Sandbox, arguments: &[&str], code: &str, words: &[&str]) {
        let run = sandbox.run(&[&["import-zappa"], arguments].concat());
        run.refused(2, code, words);
        assert_eq!(run.out, "", "{run:?}");
    }
    let invalid = "import-invalid";
    check(&sandbox, &["missing.json"], "usage", &["missing.json: no such file", "(hint: give the path of zappa_settings.json"]);
    check(
        &sandbox,
        &["zappa_settings.yml"],
        invalid,
        &["YML is not read (hint: convert it: python3 -c 'import json, sys, yaml;"],
    );
    check(
        &sandbox,
        &["zappa_settings.toml"],
        invalid,
        &["TOML is not read (hint: convert it: python3 -c 'import json, sys, tomllib;"],
    );
    check(&sandbox, &["comment.json"], invalid, &["comment.json:2:3: ", "(hint: mend the JSON; comments are none of it"]);
    check(&sandbox, &["empty.json"], invalid, &["there are no stages"]);
    check(&sandbox, &["circle.json"], invalid, &["circle.json: a.extends: the stages extend each other"]);
    check(&sandbox, &["orphan.json"], invalid, &["orphan.json: a.extends: there is no such stage (hint: the stages are \"a\")"]);
    check(&sandbox, &["flat.json"], invalid, &["flat.json: app_function: a stage is an object of settings"]);
    check(&sandbox, &["other.py"], invalid, &["neither JSON nor the zappa_settings.py"]);
    check(&sandbox, &["bytes.json"], invalid, &["bytes.json: the file is not UTF-8"]);
    check(
        &sandbox,
        &["zappa_settings.json", "--stage", "live"],
        "usage",
        &["there is no stage \"live\" (hint: the stages are \"common\", \"dev\", \"Prod\")"],
    );
    check(
        &sandbox,
        &["zappa_settings.json", "--out", "manifest.json"],
        "usage",
        &["manifest.json: the file is there already (hint: "],
    );
    assert_eq!(sandbox.read("manifest.json"), "{}");
}

#[test]
fn the_conversion_that_the_hint_names_works() {
    let sandbox = sandbox();
    sandbox.write("zappa_settings.toml", "[dev]\napp_function = \"shop.web.app\"\n");
    let refused = sandbox.run(&["import-zappa", "zappa_settings.toml"]);
    let command =
        refused.err.split("convert it: ").nth(1).unwrap().trim_end().trim_end_matches(')').replace("FILE", "zappa_settings.toml");
    // The standard library of Python 3.11 and later has TOML.
    let script = format!("python3 -c 'import tomllib' 2>/dev/null || exit 77; {command}");
    let status = std::process::Command::new("sh").args(["-c", &script]).current_dir(sandbox.path("")).status().unwrap();
    if status.code() == Some(77) {
        eprintln!("skipped: there is no python3 with tomllib");
        return;
    }
    assert!(status.success());
    assert_eq!(sandbox.run(&["import-zappa", "zappa_settings.json"]).done().json()["routes"]["site"]["to"], "shop_web.app");
}
