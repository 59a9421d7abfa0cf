//! Settings of Zappa's that a manifest has no counterpart for, and why.

const FUNCTION: &str = "a property of the function: set it where the function is deployed";
const ROLE: &str = "a matter of IAM: the loader needs no permissions, its plugins need theirs";
const API: &str = "a property of the API, the certificate or the domain: set it where those are deployed";
const PACKAGE: &str = "about packaging Python: plugins are built by cargo and locked by `lambda-loader lock`";
const DEPLOY: &str = "about uploading and deploying: that is left to the tool that deploys";
const LOGS: &str = "logging is Lambda's own: AWS_LAMBDA_LOG_LEVEL and AWS_LAMBDA_LOG_FORMAT";
const WARM: &str = "bootstrap starts in milliseconds; an empty event from a rule that stays needs a `direct` route";
const SLIM: &str = "nothing is unpacked at run time: plugins lie in a layer, each with its digest";
const INCLUDE: &str = "no library is loaded by its path: what a plugin links against goes into `libraries`, with its digest";
const BINARY: &str = "the plugin's reply says whether its body is base64";
const CONTEXT: &str = "the plugin reads requestContext of the event";
const BASE_PATH: &str = "write the base path into the route's `path`";
const DEBUG: &str = "no traceback ever goes to a client: it is in the log";
const RESPONSES: &str = "the loader stores no results of tasks: a plugin that needs them writes its own table";
const HANDLER: &str = "the handler is `bootstrap`, on the runtime provided.al2023";
const WSGI: &str = "a plugin brings its own HTTP application";

const TABLE: &[(&str, &[&str])] = &[
    (
        FUNCTION,
        &[
            "architecture",
            "aws_kms_key_arn",
            "aws_region",
            "dead_letter_arn",
            "dead_letter_config",
            "efs_config",
            "ephemeral_storage",
            "lambda_concurrency",
            "lambda_description",
            "layers",
            "memory_size",
            "snap_start",
            "tags",
            "timeout_seconds",
            "tracing",
            "vpc_config",
            "xray_tracing",
        ],
    ),
    (
        ROLE,
        &["assume_policy", "attach_policy", "extra_permissions", "iam_authorization", "manage_roles", "role_arn", "role_name"],
    ),
    (
        API,
        &[
            "alb_enabled",
            "alb_vpc_config",
            "api_key",
            "api_key_required",
            "apigateway_description",
            "apigateway_policy",
            "apigateway_version",
            "cache_cluster_enabled",
            "cache_cluster_encrypted",
            "cache_cluster_size",
            "cache_cluster_ttl",
            "certificate",
            "certificate_arn",
            "certificate_chain",
            "certificate_key",
            "cloudwatch_data_trace",
            "cloudwatch_log_level",
            "cloudwatch_metrics_enabled",
            "cors",
            "domain",
            "endpoint_configuration",
            "function_url_config",
            "function_url_domains",
            "function_url_enabled",
            "lets_encrypt_expression",
            "lets_encrypt_key",
            "payload_compression",
            "payload_minimum_compression_size",
            "private_key",
            "route53_enabled",
            "throttle_burst_limit",
            "throttle_rate_limit",
            "use_apigateway",
        ],
    ),
    (
        PACKAGE,
        &[
            "additional_text_mimetypes",
            "build_packages",
            "callbacks",
            "chunk_size",
            "delete_local_zip",
            "delete_s3_zip",
            "delete_zip",
            "docker_image_uri",
            "exclude",
            "exclude_glob",
            "parameter_depth",
            "prebuild_script",
            "regex_excludes",
            "runtime",
            "settings_file",
            "stack_name",
            "use_precompiled_packages",
        ],
    ),
    (DEPLOY, &["num_retained_versions", "profile_name", "project_name", "s3_bucket", "touch", "touch_path", "debug_deploy"]),
    (LOGS, &["log_level"]),
    (WARM, &["keep_warm", "keep_warm_expression"]),
    (SLIM, &["slim_handler"]),
    (INCLUDE, &["include"]),
    (BINARY, &["binary_support"]),
    (CONTEXT, &["context_header_mappings"]),
    (BASE_PATH, &["base_path"]),
    (DEBUG, &["debug"]),
    (RESPONSES, &["async_response_table", "async_response_table_read_capacity", "async_response_table_write_capacity"]),
    (HANDLER, &["lambda_handler"]),
    (WSGI, &["app_type", "script_name", "trailing_slash"]),
];

/// Why a setting is left out.
pub(super) fn why(setting: &str) -> &'static str {
    let row = TABLE.iter().find(|(_, settings)| settings.contains(&setting));
    row.map_or("no setting of Zappa's that this tool knows", |(why, _)| why)
}

/// What Zappa takes of every event and every caller, whatever the settings.
pub(super) const ALWAYS: [(&str, &str); 3] = [
    ("zappa invoke", "no event names code: each function that is to be called from outside gets a route of source `operation`"),
    (
        "@task",
        "a task is a route of source `operation` too, and the plugin has it run later: docs/author.md, \"Work that runs later\"",
    ),
    ("zappa invoke --raw, zappa manage", "no event is run as code: such events are refused by name"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_stands_in_one_row() {
        let mut all: Vec<_> = TABLE.iter().flat_map(|(_, settings)| settings.iter()).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        assert_eq!(why("vpc_config"), FUNCTION);
        assert!(why("nonesuch").starts_with("no setting"));
    }
}
