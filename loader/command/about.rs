//! `completions` and `man`: what a shell and a reader want to know of this tool.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;

use super::{CommandLine, Output, print};
use crate::manifest::near;
use crate::{Code, Refusal};

#[derive(Debug, Args)]
pub(super) struct CompletionsArguments {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
    #[command(flatten)]
    pub(super) output: Output,
}

#[derive(Debug, Args)]
pub(super) struct ManArguments {
    /// The command that the page is about [default: all of them, in short]
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
    #[command(flatten)]
    pub(super) output: Output,
}

pub(super) fn completions(arguments: &CompletionsArguments) -> Result<u8, Refusal> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut CommandLine::command(), "lambda-loader", &mut script);
    print(&String::from_utf8_lossy(&script));
    Ok(0)
}

pub(super) fn man(arguments: &ManArguments) -> Result<u8, Refusal> {
    let mut all = CommandLine::command();
    all.build();
    let title = arguments.command.as_ref().map_or("lambda-loader".to_owned(), |name| format!("lambda-loader-{name}"));
    let page = match &arguments.command {
        None => all,
        Some(name) => {
            let names = || all.get_subcommands().map(clap::Command::get_name);
            all.find_subcommand(name).cloned().ok_or_else(|| {
                let refusal = Refusal::new(Code::Usage, "man", format!("there is no command {}", near::quoted(name)));
                refusal.hint(format!("the commands are {}", near::all(names())))
            })?
        }
    };
    let mut text = Vec::new();
    Man::new(page)
        .title(title)
        .render(&mut text)
        .map_err(|error| Refusal::new(Code::Internal, "man", error.to_string().to_lowercase()))?;
    print(&String::from_utf8_lossy(&text));
    Ok(0)
}
