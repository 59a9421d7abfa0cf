//! Sample payloads of `aws_lambda_events` and `lambda_http`, found through `cargo metadata`.

use std::path::PathBuf;
use std::sync::LazyLock;

/// The payload `name`, without `.json`: `lambda_http/…` or of `aws_lambda_events`.
pub(crate) fn sample(name: &str) -> Vec<u8> {
    let path = match name.strip_prefix("lambda_http/") {
        Some(name) => package("lambda_http").join(format!("tests/data/{name}.json")),
        None => package("aws_lambda_events").join(format!("src/fixtures/example-{name}.json")),
    };
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn package(name: &str) -> PathBuf {
    static METADATA: LazyLock<cargo_metadata::Metadata> = LazyLock::new(|| {
        // Only the packages of this platform are sure to be here without asking the network.
        let platform = format!("--filter-platform={}-unknown-linux-gnu", std::env::consts::ARCH);
        let mut command = cargo_metadata::MetadataCommand::new();
        command.manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        command.other_options(["--offline".to_owned(), "--locked".to_owned(), platform]);
        command.exec().unwrap()
    });
    let package = METADATA.packages.iter().find(|package| package.name.as_str() == name).unwrap();
    package.manifest_path.parent().unwrap().into()
}
