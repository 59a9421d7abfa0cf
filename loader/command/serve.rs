//! `serve`: a local Lambda. The real `bootstrap` under a Runtime API server, and in front of it what callers of Lambda talk to: the
//! Invoke API, and HTTP as an HTTP API passes it on.
//!
//! `bootstrap` never sees the manifest that was given: it gets a locked copy in a private folder, with copies of the files that it
//! names, and the copy's pin. So `--from` and `--watch` need nothing of `bootstrap`, and a file that is rebuilt under a running
//! function harms nobody.

mod access;
mod body;
mod event_stream;
mod first;
mod front;
mod gateway;
mod invocations;
mod recent;
mod report;
mod response_stream;
mod signals;
mod site;
mod stage;
mod supervise;
mod watch;

use clap::Args;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::{Common, Format, From};
use crate::local::{Lambda, Options};
use crate::verify::trust::key;
use crate::{Code, Refusal};
use access::Printer;
use recent::Recent;
use stage::Stager;
use supervise::Supervisor;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(flatten)]
    from: From,
    /// Where to listen; port 0 takes any free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9000")]
    address: String,
    /// The function's timeout, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 30_000, value_parser = clap::value_parser!(u64).range(1..=900_000))]
    timeout_ms: u64,
    /// The function's memory, in MB: told to bootstrap, not enforced
    #[arg(long, value_name = "MB", default_value_t = 128, value_parser = clap::value_parser!(u32).range(128..=10_240))]
    memory_mb: u32,
    /// The function's name [default: the first of the manifest's functions, else function]
    #[arg(long, value_name = "NAME")]
    function: Option<String>,
    /// How many events the process may have at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    concurrency: u16,
    /// A variable of the function; without a value, as it is here. May be given several times.
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// The bootstrap to run [default: the one beside this program]
    #[arg(long, value_name = "FILE")]
    bootstrap: Option<PathBuf>,
    /// Lock files as they are, in memory, and start again when one of them or the manifest changes. For development alone: the
    /// manifest's own digests are not looked at.
    #[arg(long)]
    watch: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Refusal> {
    let bootstrap = bootstrap(arguments.bootstrap.as_ref(), key::built_in())?;
    let variables = variables(&arguments.env, arguments.common.output.format)?;
    if let Some(name) = &arguments.function {
        check_name(name)?;
    }
    let stager = Stager::new(arguments)?;
    let printer = Printer::new(arguments.common.output.format);
    // Taken at once, so that whoever asks early waits and is not turned away.
    let listener = listen(&arguments.address)?;
    let (staged, watcher) = if arguments.watch {
        let Some((staged, watcher)) = first::copy(&stager, printer)? else { return Ok(0) };
        (staged, Some(watcher))
    } else {
        (stager.again()?, None)
    };
    let function = match &arguments.function {
        Some(name) => name.clone(),
        None => staged.functions.first().map_or_else(|| "function".to_owned(), |pattern| pattern.replace('*', "local")),
    };
    check_name(&function)?;
    let timeout = Duration::from_millis(arguments.timeout_ms);
    let options = Options {
        function_name: function,
        memory_mb: arguments.memory_mb,
        task_root: staged.root.clone(),
        timeout,
        concurrency: arguments.concurrency.into(),
        ..Options::default()
    };
    let failed = |what: &str| {
        let place = what.to_owned();
        move |error: std::io::Error| Refusal::new(Code::Internal, place, error.to_string().to_lowercase())
    };
    let lambda = Arc::new(Lambda::start(options).map_err(failed("Runtime API"))?);
    let recent = Arc::new(Recent::default());
    let (orders, inbox) = mpsc::channel();
    // The last one wins, as it does in the process.
    let log_format = variables.iter().rev().find(|(name, _)| name == "AWS_LAMBDA_LOG_FORMAT");
    let json_log = log_format.is_some_and(|(_, format)| format.eq_ignore_ascii_case("json"));
    let front = front::start(listener, Arc::clone(&lambda), printer, Arc::clone(&recent), json_log, orders);
    let front = front.map_err(failed("listener"))?;
    printer.ready(front.address(), &lambda.options().function_name, arguments.watch);
    let supervisor = Supervisor { lambda, program: bootstrap, variables, recent, printer, timeout, stager, staged, watcher };
    supervisor.run(&inbox);
    front.finish();
    Ok(0)
}

/// The program to run.
fn bootstrap(given: Option<&PathBuf>, built_in: Option<&str>) -> Result<PathBuf, Refusal> {
    // Built together, they have the same key.
    if given.is_none() && built_in.is_some() {
        return Err(Refusal::new(Code::Usage, "serve", "bootstrap has a manifest key built in, and its copy here is not signed")
            .hint("give --bootstrap FILE, one that was built without a key"));
    }
    let beside = || std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join("bootstrap")));
    let path = given.cloned().or_else(beside).unwrap_or_else(|| "bootstrap".into());
    if !path.is_file() {
        return Err(Refusal::new(Code::Usage, path.display().to_string(), "there is no bootstrap to run")
            .hint("build it beside this program with cargo build --bin bootstrap, or give --bootstrap FILE"));
    }
    if rustix::fs::access(&path, rustix::fs::Access::EXEC_OK).is_err() {
        return Err(Refusal::new(Code::Usage, path.display().to_string(), "is not a program that may be run")
            .hint("give --bootstrap the one that cargo build --bin bootstrap makes, or make it executable"));
    }
    std::path::absolute(&path)
        .map_err(|error| Refusal::new(Code::Usage, path.display().to_string(), error.to_string()).hint("give its full path"))
}

/// Names as the service allows them.
fn check_name(name: &str) -> Result<(), Refusal> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=64).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(Refusal::new(Code::Usage, "--function", format!("{name:?} is no name that Lambda allows"))
        .hint("use 1 to 64 letters, digits, - and _"))
}

/// The function's own variables. What says where the manifest is comes later and wins.
fn variables(given: &[String], format: Format) -> Result<Vec<(String, String)>, Refusal> {
    let passed = ["AWS_LAMBDA_LOG_LEVEL", "AWS_LAMBDA_LOG_FORMAT", "RUST_LOG"];
    let mut variables = Vec::new();
    if format == Format::Json {
        variables.push(("AWS_LAMBDA_LOG_FORMAT".to_owned(), "JSON".to_owned()));
    }
    variables.extend(passed.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))));
    for entry in given {
        let (name, value) = match entry.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => match std::env::var(entry) {
                Ok(value) => (entry.as_str(), value),
                Err(_) => {
                    return Err(Refusal::new(Code::Usage, "--env", format!("{entry} is not set here"))
                        .hint(format!("set it, or give its value: --env {entry}=VALUE")));
                }
            },
        };
        if name.is_empty() || name.contains('\0') || value.contains('\0') {
            return Err(Refusal::new(Code::Usage, "--env", "that is no variable").hint("give --env NAME=VALUE"));
        }
        if let Some((_, how)) = OWN.iter().find(|(own, _)| *own == name) {
            return Err(Refusal::new(Code::Usage, "--env", format!("{name} is set by serve itself")).hint(*how));
        }
        variables.push((name.to_owned(), value));
    }
    Ok(variables)
}

/// Variables that say where the function is and what, and how they are set.
const OWN: [(&str, &str); 8] = [
    ("AWS_LAMBDA_RUNTIME_API", "leave it out: bootstrap runs under serve's own"),
    ("AWS_LAMBDA_FUNCTION_NAME", "give --function"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "give --memory-mb"),
    ("AWS_LAMBDA_MAX_CONCURRENCY", "give --concurrency"),
    ("LAMBDA_TASK_ROOT", "leave it out: it is the manifest's folder"),
    ("LOADER_MANIFEST", "give --manifest"),
    ("LOADER_MANIFEST_SHA256", "leave it out: the manifest that is given is pinned as it is"),
    ("LOADER_STAGE", "give --stage"),
];

fn listen(address: &str) -> Result<std::net::TcpListener, Refusal> {
    let usage = |what: String| Refusal::new(Code::Usage, format!("--address {address}"), what);
    let addresses: Vec<SocketAddr> =
        address.to_socket_addrs().map_err(|_| usage("is not HOST:PORT".to_owned()).hint("such as 127.0.0.1:9000"))?.collect();
    std::net::TcpListener::bind(&addresses[..]).map_err(|error| {
        let words = error.to_string().to_lowercase();
        match error.kind() {
            std::io::ErrorKind::AddrInUse => usage("the port is in use by another process".to_owned())
                .hint("stop that process, give another port, or give port 0 for any free one"),
            std::io::ErrorKind::PermissionDenied => usage(words).hint("give a port above 1023"),
            _ => usage(words).hint("give an address of this machine, such as 127.0.0.1:9000"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_the_service_takes() {
        for name in ["function", "a", "Orders_2-x", &"x".repeat(64)] {
            check_name(name).unwrap();
        }
        for name in ["", "a/b", "a b", "ü", &"x".repeat(65)] {
            assert!(check_name(name).unwrap_err().to_string().contains("is no name that Lambda allows"), "{name}");
        }
    }

    #[test]
    fn a_bootstrap_that_takes_signed_manifests_alone_is_not_given_an_unsigned_one() {
        let refusal = bootstrap(None, Some("RWQ")).unwrap_err();
        assert!(refusal.to_string().contains("a manifest key built in") && refusal.code == Code::Usage, "{refusal}");
        let other = std::env::current_exe().unwrap();
        assert_eq!(bootstrap(Some(&other), Some("RWQ")).unwrap(), other);
    }

    #[test]
    fn an_address_that_is_none_is_named_and_one_in_use_too() {
        assert!(listen("nowhere").unwrap_err().to_string().contains("--address nowhere: is not HOST:PORT"));
        let taken = listen("127.0.0.1:0").unwrap();
        let refusal = listen(&taken.local_addr().unwrap().to_string()).unwrap_err();
        assert!(refusal.to_string().contains("the port is in use by another process (hint: stop that process"), "{refusal}");
    }

    #[test]
    fn a_variable_that_is_not_set_is_not_passed_over() {
        let refusal = variables(&["NOT_SET_ANYWHERE".into()], Format::Text).unwrap_err();
        assert!(refusal.to_string().contains("NOT_SET_ANYWHERE is not set here"), "{refusal}");
        let refusal = variables(&["LOADER_STAGE=dev".into()], Format::Text).unwrap_err();
        assert!(refusal.to_string().contains("LOADER_STAGE is set by serve itself (hint: give --stage)"), "{refusal}");
        let set = variables(&["A=b=c".into()], Format::Json).unwrap();
        assert!(set.contains(&("A".into(), "b=c".into())) && set.contains(&("AWS_LAMBDA_LOG_FORMAT".into(), "JSON".into())));
    }
}
