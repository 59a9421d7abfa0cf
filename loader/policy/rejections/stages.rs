//! Stages: what they may not touch, and which one is chosen.

use super::*;

/// Stages.
#[test]
fn stages_swap_what_runs_and_nothing_else() {
    check(
        r#"{"version":1,"stages":{}}"#,
        Code::ManifestValue,
        r#"m.json:1:14: stages: a manifest with "stages" has 1 to 100 of them, and here are 0 (hint: remove the key)"#,
    );
    check(r#"{"version":1,"stages":[]}"#, Code::ManifestType, "m.json:1:23: stages: expected an object of stages");
    check(r#"{"version":1,"stages":null}"#, Code::ManifestType, "m.json:1:23: stages: expected an object of stages");
    check(
        r#"{"version":1,"stages":{"a":null}}"#,
        Code::ManifestType,
        "m.json:1:28: stages.a: a stage must be an object of what it changes (hint: an unchanged stage is {})",
    );
    check(
        r#"{"version":1,"default_stage":"a"}"#,
        Code::StageUnknown,
        r#"m.json:1:14: default_stage: there is no stage: the manifest has no "stages" (hint: remove default_stage, or add the stage)"#,
    );
    check(
        r#"{"version":1,"default_stage":"c","stages":{"a":{},"b":{}}}"#,
        Code::StageUnknown,
        r#"m.json:1:30: default_stage: there is no stage "c" (hint: the stages are "a", "b")"#,
    );
    check(
        r#"{"version":1,"default_stage":1,"stages":{"a":{}}}"#,
        Code::ManifestType,
        "m.json:1:30: default_stage: expected the name of a stage",
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"stages":{"a":{},"b":{"version":1}}}"#,
        Code::StageForbiddenKey,
        r#"m.json:2:23: stages.b.version: a stage may not touch "version" (hint: it holds for every stage: set it at the top of the manifest)"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"stages":{"a":{},"b":{"functions":null}}}"#,
        Code::StageForbiddenKey,
        r#"m.json:2:23: stages.b.functions: a stage may not touch "functions" (hint: it holds for every stage: set it at the top of the manifest)"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"stages":{"a":{},"b":{"serial":8}}}"#,
        Code::StageForbiddenKey,
        r#"m.json:2:23: stages.b.serial: a stage may not touch "serial" (hint: it holds for every stage: set it at the top of the manifest)"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"stages":{"a":{},"b":{"allow":{}}}}"#,
        Code::StageForbiddenKey,
        r#"m.json:2:23: stages.b.allow: a stage may not touch "allow" (hint: it holds for every stage: set it at the top of the manifest)"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"stages":{"a":{},"b":{"lockdown":"off"}}}"#,
        Code::StageForbiddenKey,
        r#"m.json:2:23: stages.b.lockdown: a stage may not touch "lockdown" (hint: it holds for every stage: set it at the top of the manifest)"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"stages":{"a":{},"b":{"stages":null}}}"#,
        Code::StageForbiddenKey,
        r#"m.json:2:23: stages.b.stages: a stage may not touch "stages" (hint: it holds for every stage: set it at the top of the manifest)"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"stages":{"a":{},"b":{"default_stage":"a"}}}"#,
        Code::StageForbiddenKey,
        r#"m.json:2:23: stages.b.default_stage: a stage may not touch "default_stage" (hint: it holds for every stage: set it at the top of the manifest)"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"stages":{"a":{},"b":{"$schema":"x"}}}"#,
        Code::StageForbiddenKey,
        r#"m.json:2:23: stages.b.$schema: a stage may not touch "$schema" (hint: it holds for every stage: set it at the top of the manifest)"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"stages":{"a":{},"b":{"all\u006fw":null}}}"#,
        Code::StageForbiddenKey,
        r#"m.json:2:23: stages.b.allow: a stage may not touch "allow" (hint: it holds for every stage: set it at the top of the manifest)"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"stages":{"a":{},"b":{"plugin":{}}}}"#,
        Code::ManifestUnknownKey,
        r#"m.json:2:23: stages.b.plugin: this key means nothing here (hint: did you mean "plugins")"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"stages":{"a":{},"b":{"plugins":{"p":{"sha256":"1111111111111111111111111111111111111111111111111111111111111111"}}}}}"#,
        Code::ManifestType,
        r#"m.json:2:38: stages.b.plugins.p: neither "path" nor "s3" is given (hint: add one of the two; a stage that sets one of path, s3 and sha256 replaces all three)"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"stages":{"a":{},"b":{"plugins":{"p":{"path":"/etc/p.so"}}}}}"#,
        Code::PathOutsideRoots,
        r#"m.json:2:46: stages.b.plugins.p.path: "/etc/p.so" lies in none of the allowed roots (hint: move the file, or add its folder to allow.roots)"#,
    );
    check(
        r#"{"version":1,"plugins":{"p":{"path":"p.so"}},
"on_error":"p","stages":{"a":{},"b":{"plugins":{"p":null}}}}"#,
        Code::PluginUnknown,
        r#"m.json:2:12: on_error in stage b: there is no plugin "p" (hint: add it to "plugins")"#,
    );
}

#[test]
fn a_stage_is_chosen_by_name_else_by_default_and_never_by_chance() {
    #[track_caller]
    fn check(text: &str, stage: Option<&str>, expected: Result<Option<&str>, &str>) {
        let manifest = Manifest::parse("m.json", text.as_bytes()).unwrap();
        let planned = plan(&manifest, stage, &Base::Remote, Architecture::HERE);
        let found = planned.map(|plan| plan.stage).map_err(|refusal| format!("{}: {refusal}", refusal.code.name()));
        assert_eq!(found, expected.map(|stage| stage.map(str::to_owned)).map_err(str::to_owned));
    }
    let (flat, staged, default) = (
        r#"{"version":1}"#,
        r#"{"version":1,"stages":{"dev":{},"prod":{}}}"#,
        r#"{"version":1,"default_stage":"dev","stages":{"dev":{},"prod":{}}}"#,
    );
    check(flat, None, Ok(None));
    check(staged, Some("prod"), Ok(Some("prod")));
    check(default, None, Ok(Some("dev")));
    check(default, Some("prod"), Ok(Some("prod")));
    check(
        flat,
        Some("prod"),
        Err(
            "stage-unknown: m.json: there is no stage \"prod\" (hint: the manifest has no stages: leave LOADER_STAGE and --stage out)",
        ),
    );
    check(
        staged,
        None,
        Err("stage-not-chosen: m.json: the manifest has stages, and none was chosen \
             (hint: set LOADER_STAGE or --stage, or default_stage in the manifest, to one of \"dev\", \"prod\")"),
    );
    for unknown in ["", "Prod", "production"] {
        let expected = format!("stage-unknown: m.json: there is no stage {unknown:?} (hint: the stages are \"dev\", \"prod\")");
        check(default, Some(unknown), Err(&expected));
    }
}

#[test]
fn a_stage_that_is_not_chosen_is_checked_all_the_same() {
    let text = r#"{"version":1,"stages":{"dev":{},"prod":{"environment":{"LD_PRELOAD":"x"}}}}"#;
    let manifest = Manifest::parse("m.json", text.as_bytes()).unwrap();
    let refusal = plan(&manifest, Some("dev"), &Base::Remote, Architecture::HERE).unwrap_err();
    assert_eq!(refusal.code, Code::VariableForbidden);
    assert!(refusal.place.ends_with("stages.prod.environment.LD_PRELOAD"), "{refusal}");
}
