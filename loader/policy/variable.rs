//! Which environment variables a manifest may set.

use super::problem::Problem;
use crate::manifest::near::quoted;
use crate::refusal::{Code, Refusal};

/// Variables that steer loading, trust or where requests go, and that no manifest may set: names, and `*` at one end.
///
/// Past those of the design: what glibc itself ignores in a privileged process
/// (<https://sourceware.org/git/?p=glibc.git;a=blob;f=sysdeps/generic/unsecvars.h>).
pub const NEVER: [&str; 24] = [
    "LD_*",
    "GCONV_PATH",
    "GETCONF_DIR",
    "GLIBC_TUNABLES",
    "LOCPATH",
    "NLSPATH",
    "NIS_PATH",
    "TZDIR",
    "OPENSSL_*",
    "SSL_CERT_*",
    "SSLKEYLOGFILE",
    "*_PROXY",
    "RES_OPTIONS",
    "RESOLV_*",
    "LOCALDOMAIN",
    "HOSTALIASES",
    "MALLOC_*",
    "RUST_*",
    "TMPDIR",
    "PATH",
    "AWS_*",
    "LAMBDA_*",
    "LOADER_*",
    "_*",
];

/// The least number of characters before the `*` of a pattern in `allow.environment`.
const PREFIX: usize = 3;

/// Refuses a variable that may never be set, or that `allowed` (`allow.environment`) does not list.
///
/// # Errors
/// [`Code::ManifestValue`] for what is no name, [`Code::VariableForbidden`], [`Code::VariableNotAllowed`]; without a place.
pub fn check(name: &str, allowed: &[String]) -> Result<(), Refusal> {
    permitted(name, allowed).map_err(Problem::refusal)
}

pub(super) fn permitted(name: &str, allowed: &[String]) -> Result<(), Problem> {
    if !is_variable(name) {
        let problem = Problem::new(Code::ManifestValue, format!("{} is not the name of a variable", quoted(name)));
        return Err(problem.hint("letters, digits and _ make a name, and no digit begins it").on_key());
    }
    if let Some(never) = steered(name) {
        let what = format!("the variable {} may never be set: {never} steers loading or trust", quoted(name));
        let problem = Problem::new(Code::VariableForbidden, what);
        return Err(problem.hint("set it in the function's own configuration, where it must be").on_key());
    }
    let listed = allowed.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    });
    if listed {
        return Ok(());
    }
    let problem = Problem::new(Code::VariableNotAllowed, format!("the variable {} is not allowed", quoted(name)));
    Err(problem.hint("add it to allow.environment, by name or by at least three characters and *").on_key())
}

/// Refuses an entry of `allow.environment` that is no pattern, or that allows nothing which may ever be set.
pub(super) fn check_pattern(pattern: &str) -> Result<(), Problem> {
    let prefix = pattern.strip_suffix('*');
    if !is_variable(prefix.unwrap_or(pattern)) || prefix.is_some_and(|prefix| prefix.len() < PREFIX) {
        let problem = Problem::new(Code::ManifestValue, format!("{} does not name variables", quoted(pattern)));
        return Err(problem.hint("write a variable's name, or at least three characters and *"));
    }
    match steered(prefix.unwrap_or(pattern)) {
        None => Ok(()),
        Some(never) => {
            let what = format!("{} allows what may never be set: {never} steers loading or trust", quoted(pattern));
            Err(Problem::new(Code::VariableForbidden, what).hint("remove it"))
        }
    }
}

/// The entry of [`NEVER`] that holds `name`, or all names that begin with it.
fn steered(name: &str) -> Option<&'static str> {
    // Without regard to case: curl and others read `http_proxy`, and a name that differs from PATH only in case helps nobody.
    let upper = name.to_ascii_uppercase();
    NEVER.into_iter().find(|never| match (never.strip_suffix('*'), never.strip_prefix('*')) {
        (Some(prefix), _) => upper.starts_with(prefix),
        (_, Some(suffix)) => upper.ends_with(suffix),
        _ => upper == *never,
    })
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_set_only_where_it_is_listed_and_steers_nothing() {
        let allowed = ["APP_*", "TABLE", "AWSX*", "LDX*", "lower_*"].map(str::to_owned);
        #[track_caller]
        fn check(name: &str, allowed: &[String], expected: Option<Code>) {
            assert_eq!(super::check(name, allowed).err().map(|refusal| refusal.code), expected, "{name}");
        }
        check("APP_MODE", &allowed, None);
        check("APP_", &allowed, None);
        check("TABLE", &allowed, None);
        check("AWSXY", &allowed, None);
        check("lower_case", &allowed, None);
        for name in ["TABLES", "table", "app_mode", "APP", "OTHER", "PATHS", "LANG", "HOME"] {
            check(name, &allowed, Some(Code::VariableNotAllowed));
        }
        for name in ["", "A=B", "APP_=x", "APP_\0", "1A", "APP MODE", "APP_Ä", "APP_*", "APP_MODE\n"] {
            check(name, &allowed, Some(Code::ManifestValue));
        }
        // Listed or not, with any case.
        let every = NEVER.map(|never| format!("{}*", never.trim_matches('*')));
        for name in [
            "LD_PRELOAD",
            "LD_",
            "ld_preload",
            "GCONV_PATH",
            "GLIBC_TUNABLES",
            "LOCPATH",
            "NLSPATH",
            "OPENSSL_CONF",
            "SSL_CERT_FILE",
            "SSLKEYLOGFILE",
            "HTTPS_PROXY",
            "http_proxy",
            "no_proxy",
            "APP_PROXY",
            "RES_OPTIONS",
            "HOSTALIASES",
            "LOCALDOMAIN",
            "MALLOC_CHECK_",
            "RUST_LOG",
            "TMPDIR",
            "PATH",
            "Path",
            "AWS_REGION",
            "LAMBDA_TASK_ROOT",
            "LOADER_STAGE",
            "_X_AMZN_TRACE_ID",
            "_",
        ] {
            check(name, &every, Some(Code::VariableForbidden));
            check(name, &[name.to_owned()], Some(Code::VariableForbidden));
        }
    }

    #[test]
    fn a_pattern_has_three_characters_and_its_star_at_the_end() {
        #[track_caller]
        fn check(pattern: &str, expected: Option<Code>) {
            assert_eq!(check_pattern(pattern).err().map(|problem| problem.code), expected, "{pattern}");
        }
        for pattern in ["APP*", "APP_*", "A", "AWS*", "APP_MODE", "LDX*"] {
            check(pattern, None);
        }
        for pattern in ["", "*", "A*", "AP*", "A*P_B", "**", "APP**", "*APP", "APP-*", "AP *", "APP_?"] {
            check(pattern, Some(Code::ManifestValue));
        }
        for pattern in ["LD_*", "LD_PRE*", "AWS_*", "AWS_LAMBDA_*", "PATH", "_APP*", "RUST_LOG", "rust_*"] {
            check(pattern, Some(Code::VariableForbidden));
        }
    }
}
