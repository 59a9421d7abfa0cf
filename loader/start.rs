//! The start of `bootstrap`, in the order in which things must happen: trust, plan, variables, verification, plugins; then slots.

use bytes::Bytes;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::fetch::{self, Budget, Connect, Contents, Store};
use crate::handle::{self, log_failure};
use crate::invoke::Failure;
use crate::invoke::future::{TaskFuture, Wakers};
use crate::invoke::watchdog::{Drain, Watchdog};
use crate::load::{Plugin, SPOKEN};
use crate::log::{self, Level, Record};
use crate::manifest::Manifest;
use crate::policy::{self, Base, Plan};
use crate::respond::stack;
use crate::runtime_api::{self, Client};
use crate::service::{Held, Service};
use crate::slot::{Shared, Slot};
use crate::verify::Rules;
use crate::verify::process::{self, Host};
use crate::verify::trust::{self, Trust, TrustSettings};
use crate::{Architecture, Class, Code, Refusal, crash, environment, exit, lockdown, name_service, version};

/// Where a manifest is looked for without `LOADER_MANIFEST`, before the function's own code.
pub(crate) const LAYER_MANIFEST: &str = "/opt/loader/manifest.json";

/// How long plugins may take for their shutdown hooks: Lambda gives a runtime 300 ms after SIGTERM
/// (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown>).
const SHUTDOWN: Duration = Duration::from_millis(250);

/// The program `name`. `remote`: what fetches from S3, in a program that has it.
#[must_use]
pub fn main(name: &str, remote: Option<Connect>) -> ExitCode {
    // For whoever holds the file in their hands. Lambda starts it without arguments.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == "--version") {
        let key = match trust::key::built_in() {
            Some(key) => format!("\nbuilt-in manifest key {key}"),
            None => String::new(),
        };
        println!("{name} {}{key}", version::text());
        return ExitCode::SUCCESS;
    }
    bootstrap(remote)
}

/// Runs as a custom runtime until the process is to end.
fn bootstrap(remote: Option<Connect>) -> ExitCode {
    let started = Instant::now();
    crash::install();
    let address = match address() {
        Ok(address) => address,
        Err(refusal) => {
            log::refusal(Level::Error, &refusal);
            return ExitCode::from(refusal.code.class().exit());
        }
    };
    match prepare(remote, started) {
        Ok(prepared) => serve(prepared, address),
        Err(refusal) => fail_start(&address, &refusal),
    }
}

fn address() -> Result<String, Refusal> {
    let address = std::env::var("AWS_LAMBDA_RUNTIME_API").map_err(|_| {
        Refusal::new(Code::Usage, "AWS_LAMBDA_RUNTIME_API", "is not set: bootstrap runs under Lambda or a local emulator of it")
            .hint("use lambda-loader invoke to try an event without Lambda")
    })?;
    Client::new(&address)?;
    Ok(address)
}

/// Tells the service why there will be no event served, then ends.
fn fail_start(address: &str, refusal: &Refusal) -> ExitCode {
    log::refusal(Level::Error, refusal);
    let posted = runtime().and_then(|runtime| {
        let client = Client::new(address)?;
        runtime
            .block_on(async { tokio::time::timeout(Duration::from_secs(2), client.fail_start(refusal)).await })
            .unwrap_or_else(|_| Err(runtime_api::Failure::Broken("no answer within 2 s".into())))
            .map_err(|failure| client.refusal("the failed start could not be reported", &failure))
    });
    if let Err(second) = posted {
        log::refusal(Level::Error, &second);
    }
    // Plugins may be running already.
    exit::at_once(refusal.code.class().exit())
}

/// What is known once variables are set, before any plugin is looked at.
struct Prepared {
    plan: Plan,
    trust: Trust,
    manifest: String,
    started: Instant,
    contents: Contents,
    remote: Option<Connect>,
}

/// Everything that wants a process with one thread. What is fetched is fetched by threads that have come and gone within this.
fn prepare(remote: Option<Connect>, started: Instant) -> Result<Prepared, Refusal> {
    // Before anything that may be fetched or refused: a report of that may look the service's name up.
    name_service::limit()?;
    let variable = |name: &str| std::env::var_os(name);
    let host = if variable("AWS_SAM_LOCAL").is_some() { Host::Local } else { Host::Lambda };
    for warning in process::check(variable, host)? {
        log::line(Level::Warn, &warning);
    }
    let mut store = Store::new(remote, Budget::start(started));
    let settings = TrustSettings::from_environment(variable);
    let file = match manifest_place(variable)? {
        Place::File(path) => trust::read_manifest(&path)?,
        Place::Object(uri) => fetch::manifest(&mut store, &uri, settings.key()?.is_some())?,
    };
    // The one buffer that is pinned is the one that is parsed, and nothing is parsed that nobody vouches for.
    let trust = trust::ground(&file, &settings)?;
    let manifest = Manifest::parse(&file.place(), &file.bytes)?;
    let base = match file.path() {
        Some(path) => Base::Folder(path.parent().unwrap_or(Path::new("/")).to_owned()),
        None => Base::Remote,
    };
    let stage = stage(variable)?;
    let plan = policy::plan(&manifest, stage.as_deref(), &base, Architecture::HERE)?;
    trust::addressee(&file, &settings, &plan.functions, plan.serial)?;
    for warning in &plan.warnings {
        log::line(Level::Warn, warning);
    }
    let names: Vec<&str> = plan.libraries.iter().map(|library| library.name.as_str()).collect();
    let contents = fetch::of_plan(&plan, &Rules::here(&names, SPOKEN), &mut store)?;
    store.close();
    environment::set(&environment::gather(&plan, contents.settings()?)?)?;
    Ok(Prepared { plan, trust, manifest: file.place(), started, contents, remote })
}

/// Where the manifest is.
enum Place {
    File(PathBuf),
    Object(String),
}

fn manifest_place(variable: impl Fn(&str) -> Option<OsString>) -> Result<Place, Refusal> {
    if let Some(path) = variable("LOADER_MANIFEST").filter(|path| !path.is_empty()) {
        return match path.to_str().filter(|path| path.starts_with("s3://")) {
            Some(uri) => Ok(Place::Object(uri.to_owned())),
            None => Ok(Place::File(path.into())),
        };
    }
    let own = variable("LAMBDA_TASK_ROOT").map(|root| Path::new(&root).join("manifest.json"));
    let candidates: Vec<PathBuf> = std::iter::once(PathBuf::from(LAYER_MANIFEST)).chain(own).collect();
    match candidates.iter().find(|path| path.symlink_metadata().is_ok()) {
        Some(path) => Ok(Place::File(path.clone())),
        None => {
            let tried: Vec<String> = candidates.iter().map(|path| path.display().to_string()).collect();
            Err(Refusal::new(Code::ManifestMissing, "", format!("there is no manifest at {}", tried.join(" or ")))
                .hint("set LOADER_MANIFEST to its path"))
        }
    }
}

fn stage(variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<String>, Refusal> {
    variable("LOADER_STAGE")
        .filter(|stage| !stage.is_empty())
        .map(|stage| {
            let refusal =
                |_| Refusal::new(Code::StageUnknown, "LOADER_STAGE", "is not UTF-8").hint("name a stage of the manifest");
            stage.into_string().map_err(refusal)
        })
        .transpose()
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Refusal> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_start(crash::watch_thread)
        .build()
        .map_err(|error| Refusal::new(Code::Internal, "tokio runtime", error.to_string()))
}

/// Ends a runtime without waiting for what blocks: the lookup of a name takes longer than a process has that is to end.
fn leave(runtime: tokio::runtime::Runtime) {
    runtime.shutdown_background();
}

/// How many events at once: `AWS_LAMBDA_MAX_CONCURRENCY`, of functions with managed concurrency.
fn slots() -> usize {
    let Ok(text) = std::env::var("AWS_LAMBDA_MAX_CONCURRENCY") else { return 1 };
    match text.parse::<usize>() {
        Ok(slots @ 1..=1_000) => slots,
        _ => {
            log::line(Level::Warn, "AWS_LAMBDA_MAX_CONCURRENCY is not a number from 1 to 1000: one event at a time");
            1
        }
    }
}

fn serve(prepared: Prepared, address: String) -> ExitCode {
    let slots = slots();
    let started = || -> Result<(tokio::runtime::Runtime, Shared), Refusal> {
        let runtime = runtime()?;
        let stage = prepared.plan.stage.clone();
        let wanted = prepared.plan.lockdown;
        let late = prepared.plan.plugins.iter().find(|plugin| plugin.load == policy::Load::FirstUse);
        let late = late.map(|plugin| plugin.artifact.name.clone());
        let (service, held) = runtime.block_on(Service::start(prepared.plan, prepared.contents, prepared.remote))?;
        let watchdog = Watchdog::new(slots);
        let shared = Shared {
            service,
            address: address.clone(),
            drain: Arc::default(),
            watchdog,
            warned_of_no_deadline: AtomicBool::new(false),
        };
        watch(&shared)?;
        // All code and all threads of the start are there.
        let lockdown = lockdown::lock(wanted, late.as_deref())?;
        let origin = Origin { stage: stage.as_deref(), trust: prepared.trust, manifest: &prepared.manifest };
        start_line(&shared.service, &held, &origin, &lockdown, slots, prepared.started.elapsed());
        Ok((runtime, shared))
    };
    let (runtime, shared) = match started() {
        Ok(started) => started,
        Err(refusal) => return fail_start(&address, &refusal),
    };
    let go = Mutex::new(());
    let result = std::thread::scope(|scope| {
        // Held until all threads are there: no slot asks for an event before the start has succeeded.
        let wait = go.lock().unwrap_or_else(PoisonError::into_inner);
        let others: Vec<_> = (1..slots)
            .map(|number| {
                let (shared, go) = (&shared, &go);
                let work = move || {
                    drop(go.lock());
                    let _end = EndAll(&shared.drain);
                    crash::watch_thread();
                    let runtime = crate::start::runtime()?;
                    let ended = runtime.block_on(async { Slot::new(shared, number)?.run().await });
                    leave(runtime);
                    ended
                };
                std::thread::Builder::new().name(format!("slot-{number}")).spawn_scoped(scope, work)
            })
            .collect();
        if let Some(error) = others.iter().find_map(|spawned| spawned.as_ref().err()) {
            let what = format!("the system gives no thread for each of {slots} events at once: {error}");
            let hint = "lower the function's concurrency, or give it more memory";
            fail_start(&address, &Refusal::new(Code::Internal, "slots", what).hint(hint));
        }
        drop(wait);
        let first = {
            let _end = EndAll(&shared.drain);
            runtime.block_on(async {
                shut_down_on_sigterm(Arc::clone(&shared.drain));
                Slot::new(&shared, 0)?.run().await
            })
        };
        others.into_iter().fold(first, |result, other| {
            let other = match other {
                Ok(thread) => thread.join().unwrap_or_else(|_| Err(Refusal::new(Code::Internal, "slot", "panicked"))),
                Err(error) => Err(Refusal::new(Code::Internal, "slot", error.to_string())),
            };
            result.and(other)
        })
    });
    let code = match result {
        Ok(()) => 0,
        Err(refusal) => {
            log::refusal(Level::Error, &refusal);
            refusal.code.class().exit()
        }
    };
    shut_down(&shared.service, &runtime, code);
    exit::at_once(code)
}

/// One slot that ends, because it lost the Runtime API for one, ends the others too: the process is not to go on with fewer.
struct EndAll<'s>(&'s Drain);

impl Drop for EndAll<'_> {
    fn drop(&mut self) {
        self.0.begin();
    }
}

/// Starts the watchdog: it answers over a connection of its own, and ends the process.
fn watch(shared: &Shared) -> Result<(), Refusal> {
    let address = shared.address.clone();
    let answer = move |invocation: &Arc<crate::invocation::Invocation>| {
        let blocked = Failure::new(Code::DeadlineExceeded, "the handler blocked its thread past its deadline; the process ends");
        // Where something had failed before, it was `on_error` that blocked: that never hides the first failure.
        let failure = invocation.failure().unwrap_or(&blocked);
        log_failure(invocation, failure);
        if *failure != blocked {
            log_failure(invocation, &Failure { message: format!("on_error: {}", blocked.message), ..blocked.clone() });
        }
        let body = runtime_api::error_body(&failure.error_type, &failure.message);
        let post = async {
            let client = Client::new(&address)?;
            let until = stack::last_put(invocation.deadline().end);
            let told = handle::tell_stack(invocation, failure, until).await;
            // The service gets time of its own, whatever became of the stack's.
            let post = async {
                match told {
                    true => client.respond(invocation, Bytes::from_static(b"null")).await,
                    false => client.fail(invocation, &failure.header(), body).await,
                }
            };
            tokio::time::timeout(Duration::from_secs(1), post)
                .await
                .unwrap_or_else(|_| Err(runtime_api::Failure::Broken("no answer within 1 s".into())))
                .map_err(|error| client.refusal("the error could not be posted", &error))
        };
        let posted = runtime().and_then(|runtime| {
            let posted = runtime.block_on(post);
            leave(runtime);
            posted
        });
        if let Err(refusal) = posted {
            log::refusal(Level::Error, &refusal);
        }
    };
    let end = || exit::at_once(Class::Failed.exit());
    shared
        .watchdog
        .start(Arc::clone(&shared.drain), answer, end)
        .map_err(|error| Refusal::new(Code::Internal, "watchdog", error.to_string()))
}

/// SIGTERM comes before the end of an environment that has extensions, and from local emulators.
fn shut_down_on_sigterm(drain: Arc<Drain>) {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => drop(tokio::spawn(async move {
            if terminate.recv().await.is_some() {
                log::line(Level::Info, "told to shut down: no further event is taken");
                drain.begin();
            }
        })),
        Err(error) => log::line(Level::Warn, &format!("SIGTERM ends the process at once: {error}")),
    }
}

/// Runs the shutdown hooks of all plugins, at once and in the same time. A hook that blocks its thread does not keep the process.
fn shut_down(service: &Service, runtime: &tokio::runtime::Runtime, code: u8) {
    let end = move || {
        crash::watch_thread();
        std::thread::sleep(SHUTDOWN + Duration::from_millis(30));
        log::line(Level::Warn, "a shutdown hook blocks its thread: the process ends without it");
        exit::at_once(code);
    };
    let watched = std::thread::Builder::new().name("shutdown".into()).spawn(end);
    if let Err(error) = watched {
        log::line(Level::Warn, &format!("nothing watches the shutdown hooks: {error}"));
    }
    let hook = |plugin: &Plugin| {
        let (name, task) = (Arc::clone(&plugin.name), plugin.lifecycle(lambda_plugin_abi_v1::Phase::Shutdown));
        let work = plugin.work(crash::Phase::Hook(lambda_plugin_abi_v1::Phase::Shutdown));
        async move {
            let mut wakers = Wakers::default();
            match tokio::time::timeout(SHUTDOWN, TaskFuture::new(task, work, &mut wakers)).await {
                Ok(outcome) if outcome.kind == lambda_plugin_abi_v1::Outcome::VALUE => {}
                Ok(_) => log::line(Level::Warn, &format!("plugin {name}: its shutdown hook failed")),
                Err(_) => log::line(Level::Warn, &format!("plugin {name}: its shutdown hook took too long")),
            }
        }
    };
    runtime.block_on(async {
        let mut hooks: Vec<_> = service.running().map(|plugin| Box::pin(hook(plugin))).collect();
        std::future::poll_fn(|cx| {
            hooks.retain_mut(|hook| hook.as_mut().poll(cx).is_pending());
            if hooks.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    });
}

/// What a process was started from.
struct Origin<'s> {
    stage: Option<&'s str>,
    trust: Trust,
    manifest: &'s str,
}

/// One line that shows how the platform behaves, and exactly which bytes run.
fn start_line(service: &Service, held: &[Held], origin: &Origin<'_>, lockdown: &lockdown::Outcome, slots: usize, took: Duration) {
    let plugins: Vec<_> = held
        .iter()
        .map(|held| serde_json::json!({ "file": held.label, "held": held.mechanism, "lookup": held.lookup, "mount": held.mount }))
        .collect();
    if let lockdown::Outcome::On { open: Some(open) } = lockdown {
        log::line(Level::Warn, &format!("lockdown leaves a door open: {open} (hint: run as another user)"));
    }
    let fields = serde_json::json!({
        "version": version::text(),
        "manifest": origin.manifest,
        "trust": origin.trust.to_string(),
        "stage": origin.stage,
        "uid": rustix::process::geteuid().as_raw(),
        "lockdown": lockdown.name(),
        "lockdown_reason": lockdown.reason(),
        "slots": slots,
        "routes": service.routes.len(),
        "artifacts": plugins,
    });
    log::write(&Record {
        level: Level::Info,
        labels: log::Labels::default(),
        code: None,
        target: "",
        message: &format!("started in {:.1} ms", took.as_secs_f64() * 1_000.0),
        fields: Some(&fields.to_string()),
    });
}
