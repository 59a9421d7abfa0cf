//! The variables that Lambda gives to a process of an OS-only runtime
//! (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime>).

use std::net::SocketAddr;

use super::Options;

/// Lambda's own `LD_LIBRARY_PATH`. Not among a local Lambda's variables: there, unlike on Lambda, these folders may be writable.
pub const LIBRARY_PATH: &str = "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib";

/// All variables of Lambda, for a server at `address`. Credentials are placeholders.
pub(super) fn variables(options: &Options, address: SocketAddr) -> Vec<(String, String)> {
    let name = &options.function_name;
    let mut variables = vec![
        ("AWS_LAMBDA_RUNTIME_API", address.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", options.function_version.clone()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", options.memory_mb.to_string()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
        ("AWS_LAMBDA_LOG_STREAM_NAME", format!("local/[{}]{}", options.function_version, std::process::id())),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_REGION", options.region.clone()),
        ("AWS_DEFAULT_REGION", options.region.clone()),
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("AWS_SESSION_TOKEN", "local".to_owned()),
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR".to_owned()),
        ("AWS_XRAY_DAEMON_ADDRESS", "169.254.79.129:2000".to_owned()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("LAMBDA_TASK_ROOT", options.task_root.display().to_string()),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime".to_owned()),
        ("LANG", "en_US.UTF-8".to_owned()),
        ("TZ", ":UTC".to_owned()),
        ("PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin".to_owned()),
    ];
    if options.concurrency > 1 {
        variables.push(("AWS_LAMBDA_MAX_CONCURRENCY", options.concurrency.to_string()));
    }
    variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concurrency_is_announced_only_where_there_is_any() {
        let address = SocketAddr::from(([127, 0, 0, 1], 9001));
        let value = |options: &Options, name| {
            variables(options, address).into_iter().find_map(|(key, value)| (key == name).then_some(value))
        };
        let one = Options::default();
        assert_eq!(value(&one, "AWS_LAMBDA_RUNTIME_API").as_deref(), Some("127.0.0.1:9001"));
        assert_eq!(value(&one, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE").as_deref(), Some("128"));
        assert_eq!(value(&one, "AWS_LAMBDA_MAX_CONCURRENCY"), None);
        let four = Options { concurrency: 4, ..Options::default() };
        assert_eq!(value(&four, "AWS_LAMBDA_MAX_CONCURRENCY").as_deref(), Some("4"));
    }

    #[test]
    fn nothing_that_steers_the_dynamic_linker_is_among_them() {
        let variables = variables(&Options::default(), SocketAddr::from(([127, 0, 0, 1], 9001)));
        assert!(variables.iter().all(|(name, _)| !name.starts_with("LD_")));
    }
}
