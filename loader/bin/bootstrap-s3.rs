//! `bootstrap-s3`: `bootstrap` with what fetches from S3, for manifests that name it. Lambda starts it under the name `bootstrap`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lambda_loader::start::main("bootstrap-s3", Some(lambda_loader::fetch::s3::as_function))
}
