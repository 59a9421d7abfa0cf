//! A plan brought to life: routes that lead to plugins, and plugins that are loaded before the first event or with it.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

use crate::fetch::{self, Connect, Contents};
use crate::load::{self, Foreign, Loaded, Plugin, SPOKEN};
use crate::log::{self, Level};
use crate::manifest::wire::{Batch, OnFailure, Reply};
use crate::policy::{self, Load, Plan};
use crate::respond::shape::Shape;
use crate::route::{Routed, Selector, Source, Table};
use crate::verify::note::Panic;
use crate::verify::{self, Kind, Lookup, Rules, Taken, Verified, closure};
use crate::{Code, Refusal};

/// After which time a plugin's start is worth a line. Lambda gives the whole start of a function 10 s.
const SLOW_START: Duration = Duration::from_secs(3);

/// What a slot needs to serve events.
#[derive(Debug)]
pub struct Service {
    /// Finds the route of an event.
    pub table: Table,
    /// The routes, in the order of the table's answers.
    pub routes: Vec<Target>,
    /// Receives failures.
    pub on_error: Option<Target>,
    /// Overrides the margin before Lambda's deadline.
    pub deadline_margin: Option<Duration>,
    /// Whether a stack that waits is told of a failure. Not where people try an event: it may be one that a real stack sent.
    pub tells_stacks: bool,
    plugins: Vec<Cell>,
    /// Fetches plugins that are loaded later.
    remote: Option<Connect>,
    /// Keys of the manifest's `libraries`, for plugins that are verified later.
    libraries: Vec<String>,
}

/// Where a route leads.
#[derive(Debug)]
pub struct Target {
    /// The route's name.
    pub name: Arc<str>,
    /// Index of the plugin.
    pub plugin: usize,
    /// Its handler; `None`: the only one.
    pub handler: Option<String>,
    /// HTTP: buffered or streamed.
    pub reply: Reply,
    /// HTTP: what a failure becomes.
    pub on_failure: OnFailure,
    /// Batches: whole, or one record at a time.
    pub batch: Batch,
    /// Batches: whether single records may be reported as failed.
    pub reports: bool,
    /// Batches one record at a time: how many at once; at least 1.
    pub concurrency: usize,
    /// Which events lead here, for an unrouted one's reply mode.
    takes: Option<Selector>,
}

#[derive(Debug)]
struct Cell {
    planned: policy::Plugin,
    /// What routes and `on_error` want of it: the place for messages, and the handler.
    wanted: Vec<(String, Option<String>)>,
    /// What is loaded is never unloaded, so it is loaded once: a refusal of it stands.
    loaded: OnceCell<Result<Loaded, Refusal>>,
    started: OnceCell<Plugin>,
    /// What was there before its first start.
    before: OnceLock<Foreign>,
    /// Its start brought in what nobody verified.
    spoiled: OnceLock<Refusal>,
}

impl Cell {
    /// Loads what `verify` gives, unless that has happened, and starts it, unless that has succeeded.
    async fn started(&self, verify: impl Future<Output = Result<Verified, Refusal>>) -> Result<&Plugin, Refusal> {
        let start = async {
            let loaded = self.loaded.get_or_try_init(|| async { verify.await.map(load::plugin) }).await?;
            let loaded = loaded.as_ref().map_err(Refusal::clone)?;
            let before = self.before.get_or_init(Foreign::now);
            let started = loaded.start(&self.planned.config).await;
            // Whether it succeeded or not. A module of the name service comes from wherever `LD_LIBRARY_PATH` leads, where no system
            // folder has it.
            before
                .check(&self.planned.artifact.place, "its start")
                .map_err(|refusal| self.spoiled.get_or_init(|| refusal).clone())?;
            started
        };
        self.started.get_or_try_init(|| start).await
    }
}

/// How a verified file is held and looked up, for the start line.
#[derive(Clone, Debug)]
pub struct Held {
    /// Plugin or library, with the first digits of its digest.
    pub label: String,
    /// How its bytes are kept from changing.
    pub mechanism: &'static str,
    /// How its path was resolved.
    pub lookup: &'static str,
    /// Kind of mount, and whether it is read-only.
    pub mount: String,
}

impl Held {
    fn of(verified: &Verified) -> Self {
        Held {
            label: format!("{}@{}", verified.name, verified.digest.prefix()),
            mechanism: verified.mechanism.name(),
            lookup: verified.lookup.map_or("s3", Lookup::name),
            mount: format!("{}{}", verified.mount.kind, if verified.mount.read_only { " read-only" } else { "" }),
        }
    }
}

impl Service {
    /// Verifies all that is needed before the first event, then loads it, then starts it: no plugin's code runs before every file
    /// has passed. `contents`: what the plan has in S3, fetched already; `remote` fetches what is loaded later.
    ///
    /// # Errors
    /// The first refusal.
    pub async fn start(plan: Plan, mut contents: Contents, remote: Option<Connect>) -> Result<(Service, Vec<Held>), Refusal> {
        let names: Vec<&str> = plan.libraries.iter().map(|library| library.name.as_str()).collect();
        let rules = Rules::here(&names, SPOKEN);
        let mut held = Vec::new();
        let mut hold = |verified: &Verified| held.push(Held::of(verified));
        let mut libraries = Vec::new();
        for artifact in &plan.libraries {
            let verified = contents.verified(artifact, Kind::Library, &rules)?;
            hold(&verified);
            libraries.push(verified);
        }
        let mut verified = Vec::new();
        for (index, plugin) in plan.plugins.iter().enumerate() {
            if plugin.load == Load::FirstUse {
                // What needs no look at the file is refused now.
                verify::expected(&plugin.artifact, &rules)?;
                fetch::expected(&plugin.artifact, remote)?;
                continue;
            }
            verify::expected(&plugin.artifact, &rules)?;
            let file = verified_plugin(plugin, &wanted(&plan, index), &rules, contents.take(&plugin.artifact)?)?;
            hold(&file);
            verified.push((index, file));
        }
        let files: Vec<&Verified> = libraries.iter().collect();
        let order = closure::load_order(&files)?;
        // What a plugin needs that is loaded later is not known yet.
        if verified.len() == plan.plugins.len() {
            closure::check_used(&files, &verified.iter().map(|(_, file)| file).collect::<Vec<_>>())?;
        }
        let mut libraries: Vec<Option<Verified>> = libraries.into_iter().map(Some).collect();
        for library in order.into_iter().filter_map(|index| libraries.get_mut(index)?.take()) {
            load::library(library)?;
        }
        let mut loaded = HashMap::with_capacity(verified.len());
        for (index, file) in verified {
            loaded.insert(index, load::plugin(file)?);
        }
        let cells = plan.plugins.iter().enumerate().map(|(index, planned)| Cell {
            planned: planned.clone(),
            wanted: wanted(&plan, index),
            loaded: OnceCell::new_with(loaded.remove(&index).map(Ok)),
            started: OnceCell::new(),
            before: OnceLock::new(),
            spoiled: OnceLock::new(),
        });
        let cells: Vec<Cell> = cells.collect();
        for cell in cells.iter().filter(|cell| cell.loaded.initialized()) {
            start_in_sight(cell).await?;
        }
        let target = |name: &str, to: &policy::Target| Target {
            name: name.into(),
            plugin: to.plugin,
            handler: to.handler.clone(),
            reply: Reply::Buffered,
            on_failure: OnFailure::Error,
            batch: Batch::Whole,
            reports: false,
            concurrency: 1,
            takes: None,
        };
        let service = Service {
            table: Table::build(plan.routes.iter().map(|route| &route.matching)),
            routes: plan
                .routes
                .iter()
                .map(|route| Target {
                    reply: route.reply,
                    on_failure: route.on_failure,
                    batch: route.batch,
                    reports: route.report_batch_item_failures,
                    concurrency: route.concurrency as usize,
                    takes: Some(route.matching.selector()),
                    ..target(&route.name, &route.to)
                })
                .collect(),
            on_error: plan.on_error.as_ref().map(|to| target("on_error", to)),
            deadline_margin: plan.deadline_margin,
            tells_stacks: true,
            plugins: cells,
            remote,
            libraries: names.into_iter().map(str::to_owned).collect(),
        };
        Ok((service, held))
    }

    /// The plugin of that index; one with `"load": "first-use"` is verified, loaded and started by the first call, which gives up at
    /// `until`.
    ///
    /// # Errors
    /// Where it cannot be; the next call verifies and starts again what failed there.
    pub async fn plugin(&self, index: usize, until: Option<Instant>) -> Result<&Plugin, Refusal> {
        let cell = self.plugins.get(index).ok_or_else(|| Refusal::new(Code::Internal, "", "a route leads to no plugin"))?;
        if let Some(plugin) = cell.started.get() {
            return Ok(plugin);
        }
        let started = cell.started(async {
            let names: Vec<&str> = self.libraries.iter().map(String::as_str).collect();
            let rules = Rules::here(&names, SPOKEN);
            verify::expected(&cell.planned.artifact, &rules)?;
            let taken = fetch::late(&cell.planned.artifact, self.remote, until).await?;
            let file = verified_plugin(&cell.planned, &cell.wanted, &rules, taken)?;
            let Held { label, mechanism, lookup, mount } = Held::of(&file);
            log::line(Level::Info, &format!("loading {label} at its first use: {mechanism}, {lookup}, {mount}"));
            Ok(file)
        });
        match until {
            None => started.await,
            Some(until) => tokio::time::timeout_at(until.into(), started).await.unwrap_or_else(|_| {
                let place = cell.planned.artifact.place.clone();
                Err(Refusal::new(Code::DeadlineExceeded, place, "its start did not finish before the deadline")
                    .hint("load it at \"init\", which has a time of its own"))
            }),
        }
    }

    /// Why no further event may be taken: loading or starting a plugin when it was first used brought in code that nobody verified.
    #[must_use]
    pub fn spoiled(&self) -> Option<&Refusal> {
        self.plugins.iter().find_map(|cell| {
            let loaded = cell.loaded.get().and_then(|loaded| loaded.as_ref().err());
            loaded.filter(|refusal| refusal.code == Code::LoadForeignObject).or(cell.spoiled.get())
        })
    }

    /// The plugins that are running.
    pub fn running(&self) -> impl Iterator<Item = &Plugin> {
        self.plugins.iter().filter_map(|cell| cell.started.get())
    }

    /// How a request that no route takes is answered: in pieces where every route of its source is.
    #[must_use]
    pub fn unrouted_reply(&self, source: Source) -> Reply {
        let mut of_source =
            self.routes.iter().filter(|route| route.takes.is_some_and(|selector| selector.takes(source))).peekable();
        let any = of_source.peek().is_some();
        if any && of_source.all(|route| route.reply == Reply::Stream) { Reply::Stream } else { Reply::Buffered }
    }
}

/// Starts a plugin that is loaded. How long that may take is Lambda's to say, which ends a start that takes too long and tells nobody
/// which plugin it was: so this does.
async fn start_in_sight(cell: &Cell) -> Result<(), Refusal> {
    let place = &cell.planned.artifact.place;
    // Before its first poll: a start may block its thread.
    log::line(Level::Debug, &format!("{place}: start"));
    let started = cell.started(async { Err(Refusal::new(Code::Internal, place, "it is not loaded")) });
    tokio::pin!(started);
    if let Ok(done) = tokio::time::timeout(SLOW_START, &mut started).await {
        return done.map(drop);
    }
    log::line(Level::Warn, &format!("{place}: its start takes more than {} s", SLOW_START.as_secs()));
    started.await.map(drop)
}

fn verified_plugin(
    planned: &policy::Plugin,
    wanted: &[(String, Option<String>)],
    rules: &Rules<'_>,
    taken: Taken,
) -> Result<Verified, Refusal> {
    let file = verify::taken(&planned.artifact, Kind::Plugin, rules, taken)?;
    check_handlers(wanted, &file)?;
    if file.note.as_ref().is_some_and(|note| note.panic == Panic::Abort) {
        log::line(Level::Warn, &format!("{} was built with panic = \"abort\": a panic in it ends the process", file.place));
    }
    Ok(file)
}

/// What routes and `on_error` want of a plugin: the place for messages, and the handler.
#[must_use]
pub fn wanted(plan: &Plan, plugin: usize) -> Vec<(String, Option<String>)> {
    let routes = plan.routes.iter().filter(|route| route.to.plugin == plugin);
    let targets = routes.map(|route| (format!("route \"{}\"", route.name), route.to.handler.clone()));
    let on_error = plan.on_error.iter().filter(|to| to.plugin == plugin);
    targets.chain(on_error.map(|to| ("on_error".to_owned(), to.handler.clone()))).collect()
}

/// Every handler that is wanted is in the plugin's note, which is known before anything of the plugin runs.
///
/// # Errors
/// `handler-missing`.
pub fn check_handlers(wanted: &[(String, Option<String>)], file: &Verified) -> Result<(), Refusal> {
    let Some(note) = &file.note else { return Ok(()) };
    wanted.iter().try_for_each(|(place, handler)| {
        note.handler(handler.as_deref()).map(drop).map_err(|refusal| {
            let refusal = refusal.at(format!("{}: {place}", file.place));
            match (handler, note.handlers.as_slice()) {
                (None, [_, _, ..]) => {
                    let all: Vec<_> = note.handlers.iter().map(|handler| format!("\"{}.{handler}\"", file.name)).collect();
                    refusal.hint(format!("write one of them into `to`: {}", all.join(", ")))
                }
                _ => refusal,
            }
        })
    })
}

/// The reply object that an HTTP or WebSocket event's source reads.
#[must_use]
pub fn shape(routed: &Routed<'_>) -> Option<Shape> {
    if let Some(phase) = routed.phase {
        return Some(Shape::Websocket(phase));
    }
    let http = routed.http.as_ref()?;
    Some(match routed.source {
        Source::ApiGatewayRest => Shape::PayloadV1,
        Source::ApiGatewayHttp if http.payload == 1 => Shape::PayloadV1,
        Source::ApiGatewayHttp | Source::FunctionUrl => Shape::PayloadV2,
        Source::Alb => Shape::Alb { multi_value: http.multi_value_headers },
        Source::VpcLattice => Shape::Lattice,
        _ => return None,
    })
}
