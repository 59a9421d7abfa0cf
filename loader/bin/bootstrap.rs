//! `bootstrap`: what Lambda starts. It takes no options; its environment says where the manifest is.

use std::process::ExitCode;

fn main() -> ExitCode {
    // For whoever holds the file in their hands. Lambda starts it without arguments.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == "--version") {
        let key = match lambda_loader::verify::trust::key::built_in() {
            Some(key) => format!("\nbuilt-in manifest key {key}"),
            None => String::new(),
        };
        println!("bootstrap {}{key}", lambda_loader::version::text());
        return ExitCode::SUCCESS;
    }
    lambda_loader::start::bootstrap()
}
