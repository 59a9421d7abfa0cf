//! `lambda-loader`: the tool for people.

fn main() -> std::process::ExitCode {
    lambda_loader::command::run()
}
