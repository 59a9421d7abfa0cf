//! `completions` and `man`: a shell takes the script, and the page is one.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::sandbox::Sandbox;

const COMMANDS: [&str; 12] =
    ["verify", "lock", "show", "diff", "inspect", "route", "event", "invoke", "new", "schema", "completions", "man"];

#[test]
fn bash_takes_the_completions_and_completes_commands_with_them() {
    let sandbox = Sandbox::new("{}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = sandbox.run(&["completions", shell]);
        for command in COMMANDS {
            assert!(script.done().out.contains(command), "{shell} {command}");
        }
    }
    let script = sandbox.run(&["completions", "bash"]).done().out.clone();
    let ask = r#"
        complete -p lambda-loader | sed 's/.* -F \([^ ]*\) .*/\1/' >function
        COMP_WORDS=(lambda-loader in); COMP_CWORD=1
        "$(cat function)" lambda-loader in lambda-loader
        echo "${COMPREPLY[@]}"
    "#;
    let mut bash = Command::new("bash")
        .args(["--norc", "-s"])
        .current_dir(sandbox.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    bash.stdin.take().unwrap().write_all(format!("{script}\n{ask}").as_bytes()).unwrap();
    let output = bash.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "inspect invoke\n");
    let wrong = sandbox.run(&["completions", "tcsh"]);
    assert!(wrong.code == 2 && wrong.err.contains("bash"), "{wrong:?}");
}

#[test]
fn there_is_a_manual_page_of_the_tool_and_of_each_command() {
    let sandbox = Sandbox::new("{}");
    let page = sandbox.run(&["man"]).done().out.clone();
    assert!(page.contains(".TH lambda-loader 1 "), "{page}");
    for command in COMMANDS {
        assert!(page.contains(&format!("lambda\\-loader\\-{command}(1)")), "{command}: {page}");
        let page = sandbox.run(&["man", command]).done().out.clone();
        assert!(page.contains(&format!(".TH lambda-loader-{command} 1 ")) && page.contains(".SH OPTIONS"), "{page}");
    }
    assert!(page.contains("artifact refused"), "the exit codes are in it: {page}");
    let wrong = sandbox.run(&["man", "verfy"]);
    assert_eq!((wrong.code, wrong.out.as_str()), (2, ""));
    assert!(wrong.err.starts_with("error[usage]: man: there is no command \"verfy\" (hint: the commands are "), "{wrong:?}");
}
