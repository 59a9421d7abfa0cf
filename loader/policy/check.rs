//! One stage to its plan, value by value.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use super::problem::Problem;
use super::{Artifact, Base, Plan, Plugin, Settings, Source, name, path, routes, s3, variable};
use crate::digest::Digest;
use crate::machine::Architecture;
use crate::manifest::{self, near, wire};
use crate::refusal::Code;

/// What `deadline_margin_ms` may be: less is not enough to post an error in, more is a mistyped unit.
const MARGIN: std::ops::RangeInclusive<u64> = 10..=60_000;

/// The most entries of what is compared entry by entry, with itself or with another: whatever stands in a megabyte, it is judged in
/// seconds.
const MOST: usize = 1000;

/// What artifacts of a stage are read against.
struct Rules<'m> {
    base: &'m Base,
    architecture: Architecture,
    roots: Vec<PathBuf>,
    buckets: &'m [String],
    variables: &'m [String],
}

/// Checks one stage. What is allowed and probably not meant goes to `warnings`.
pub(super) fn stage(
    stage: &manifest::Stage,
    base: &Base,
    architecture: Architecture,
    warnings: &mut Vec<Problem>,
) -> Result<Plan, Problem> {
    let wire = &stage.wire;
    few(wire)?;
    let rules = allow(wire.allow.as_ref(), base, architecture)?;
    let libraries = entries(wire.libraries.as_ref()).iter().map(|(name, library)| rules.library(name, library));
    let libraries = libraries.collect::<Result<_, _>>()?;
    let plugins = entries(wire.plugins.as_ref()).iter().map(|(name, plugin)| rules.plugin(name, plugin));
    let plugins: Vec<Plugin> = plugins.collect::<Result<_, _>>()?;
    let targets = routes::Plugins::new(&plugins);
    let routes = routes::read(entries(wire.routes.as_ref()), &targets, warnings)?;
    let on_error = wire.on_error.as_deref().map(|to| targets.target(to)).transpose();
    let on_error = on_error.map_err(|problem| problem.within(["on_error"]))?;
    let settings = wire.settings.as_ref().map(|settings| rules.settings(settings)).transpose()?;
    let environment = rules.environment(entries(wire.environment.as_ref()))?;
    let lockdown = wire.lockdown.unwrap_or_default();
    lazy(&plugins, lockdown, warnings)?;
    let named: HashSet<_> = routes.iter().map(|route| &route.to).chain(&on_error).map(|target| target.plugin).collect();
    idle(&plugins, &named, warnings);
    if routes.is_empty() {
        let problem = Problem::new(Code::ManifestValue, "there are no routes: every event is refused");
        warnings.push(problem.within(["routes"]));
    }
    Ok(Plan {
        stage: stage.name.clone(),
        functions: functions(wire.functions.as_deref())?,
        serial: wire.serial,
        libraries,
        plugins,
        routes,
        on_error,
        settings,
        environment,
        variables_allowed: rules.variables.to_vec(),
        lockdown,
        deadline_margin: margin(wire.deadline_margin_ms)?,
        warnings: Vec::new(),
    })
}

/// Whether there are no more entries than can be judged.
fn few(wire: &wire::Manifest) -> Result<(), Problem> {
    let list = |of: fn(&wire::Allow) -> &Option<Vec<String>>| wire.allow.as_ref().and_then(|allow| of(allow).as_deref());
    let counts: [(&[&str], usize); 7] = [
        (&["allow", "roots"], list(|allow| &allow.roots).unwrap_or_default().len()),
        (&["allow", "buckets"], list(|allow| &allow.buckets).unwrap_or_default().len()),
        (&["allow", "environment"], list(|allow| &allow.environment).unwrap_or_default().len()),
        (&["libraries"], entries(wire.libraries.as_ref()).len()),
        (&["plugins"], entries(wire.plugins.as_ref()).len()),
        (&["routes"], entries(wire.routes.as_ref()).len()),
        (&["environment"], entries(wire.environment.as_ref()).len()),
    ];
    let Some((path, count)) = counts.into_iter().find(|(_, count)| *count > MOST) else { return Ok(()) };
    let problem = Problem::new(Code::ManifestValue, format!("there are {count} entries, and {MOST} is the most"));
    let problem = problem.hint("divide the work among several functions");
    Err(Problem { path: path.iter().map(|key| (*key).to_owned()).collect(), ..problem })
}

fn entries<T>(entries: Option<&wire::Entries<T>>) -> &[(String, T)] {
    entries.map(|entries| entries.0.as_slice()).unwrap_or_default()
}

/// Applies `check` to each item of an array at `path`.
fn each<T>(items: &[String], path: [&str; 2], check: impl Fn(&str) -> Result<T, Problem>) -> Result<Vec<T>, Problem> {
    let at = |index: usize, problem: Problem| problem.within([&index.to_string()]).within(path);
    items.iter().enumerate().map(|(index, item)| check(item).map_err(|problem| at(index, problem))).collect()
}

fn allow<'m>(allow: Option<&'m wire::Allow>, base: &'m Base, architecture: Architecture) -> Result<Rules<'m>, Problem> {
    let list = |of: fn(&wire::Allow) -> &Option<Vec<String>>| allow.and_then(|allow| of(allow).as_deref());
    let roots = match (list(|allow| &allow.roots), base) {
        (Some(roots), _) => each(roots, ["allow", "roots"], |root| path::root(root, base, architecture))?,
        (None, Base::Folder(folder)) => vec![folder.clone()],
        (None, Base::Remote) => Vec::new(),
    };
    let buckets = list(|allow| &allow.buckets).unwrap_or_default();
    each(buckets, ["allow", "buckets"], |bucket| {
        let problem = || Problem::new(Code::ManifestValue, format!("{} does not name a bucket", near::quoted(bucket)));
        if s3::is_bucket(bucket) { Ok(()) } else { Err(problem().hint("write the bucket's name alone")) }
    })?;
    let variables = list(|allow| &allow.environment).unwrap_or_default();
    each(variables, ["allow", "environment"], variable::check_pattern)?;
    Ok(Rules { base, architecture, roots, buckets, variables })
}

fn functions(patterns: Option<&[String]>) -> Result<Vec<String>, Problem> {
    let Some(patterns) = patterns else { return Ok(Vec::new()) };
    // An empty list would say "none" to one reader and "any" to another.
    if patterns.is_empty() {
        let problem = Problem::new(Code::ManifestValue, "no function may use this manifest");
        return Err(problem.hint("name the functions, or leave the key out to allow any").within(["functions"]));
    }
    for (index, pattern) in patterns.iter().enumerate() {
        name::check_function(pattern).map_err(|problem| problem.within(["functions", &index.to_string()]))?;
    }
    Ok(patterns.to_vec())
}

fn margin(milliseconds: Option<u64>) -> Result<Option<Duration>, Problem> {
    match milliseconds {
        Some(margin) if !MARGIN.contains(&margin) => {
            let what = format!("a margin is {} to {} ms, and here it is {margin}", MARGIN.start(), MARGIN.end());
            Err(Problem::new(Code::ManifestValue, what).within(["deadline_margin_ms"]))
        }
        margin => Ok(margin.map(Duration::from_millis)),
    }
}

/// Plugins that load late against a process that gives up loading.
fn lazy(plugins: &[Plugin], lockdown: wire::Lockdown, warnings: &mut Vec<Problem>) -> Result<(), Problem> {
    let Some(plugin) = plugins.iter().find(|plugin| plugin.load == wire::Load::FirstUse) else { return Ok(()) };
    let at = |problem: Problem| problem.within(["plugins", &plugin.artifact.name, "load"]);
    match lockdown {
        wire::Lockdown::Require => {
            let problem =
                Problem::new(Code::ManifestValue, "\"lockdown\": \"require\" leaves no way to load a plugin at first use");
            Err(at(problem.hint("remove \"load\", or relax \"lockdown\"")))
        }
        wire::Lockdown::Auto => {
            let problem =
                Problem::new(Code::ManifestValue, "a plugin that loads at first use keeps the process from being locked down");
            warnings.push(at(problem.hint("remove \"load\", or say \"lockdown\": \"off\"")));
            Ok(())
        }
        wire::Lockdown::Off => Ok(()),
    }
}

/// Plugins that are loaded and never called.
fn idle(plugins: &[Plugin], named: &HashSet<usize>, warnings: &mut Vec<Problem>) {
    for (index, plugin) in plugins.iter().enumerate() {
        if !named.contains(&index) {
            let problem = Problem::new(Code::ManifestValue, "no route leads to this plugin, and it is loaded nevertheless");
            warnings.push(problem.hint("remove it, or add a route").within(["plugins", &plugin.artifact.name]).on_key());
        }
    }
}

impl Rules<'_> {
    fn library(&self, name: &str, library: &wire::Library) -> Result<Artifact, Problem> {
        let artifact = name::check_soname(name)
            .and_then(|()| self.artifact(name, "library", [&library.path, &library.s3], library.sha256.as_ref()));
        artifact.map_err(|problem| problem.within(["libraries", name]))
    }

    fn plugin(&self, name: &str, plugin: &wire::Plugin) -> Result<Plugin, Problem> {
        let artifact =
            name::check(name).and_then(|()| self.artifact(name, "plugin", [&plugin.path, &plugin.s3], plugin.sha256.as_ref()));
        Ok(Plugin {
            artifact: artifact.map_err(|problem| problem.within(["plugins", name]))?,
            config: plugin.config.as_ref().map_or("null", |config| config.0.as_str()).to_owned(),
            load: plugin.load.unwrap_or_default(),
        })
    }

    fn settings(&self, settings: &wire::Settings) -> Result<Settings, Problem> {
        let read = || {
            let digest = settings.sha256.as_deref().map(digest).transpose().map_err(|problem| problem.within(["sha256"]))?;
            let overrides = settings.overrides.unwrap_or_default();
            Ok(Settings { source: self.source([&settings.path, &settings.s3])?, digest, overrides })
        };
        read().map_err(|problem: Problem| problem.within(["settings"]))
    }

    fn environment(&self, variables: &[(String, String)]) -> Result<Vec<(String, String)>, Problem> {
        for (name, value) in variables {
            let at = |problem: Problem| problem.within(["environment", name]);
            variable::permitted(name, self.variables).map_err(at)?;
            if value.contains('\0') {
                return Err(at(Problem::new(Code::ManifestValue, "a variable cannot hold a NUL")));
            }
        }
        let mut variables = variables.to_vec();
        variables.sort();
        Ok(variables)
    }

    fn artifact(
        &self,
        name: &str,
        kind: &str,
        bytes: [&Option<String>; 2],
        sha256: Option<&wire::Sha256>,
    ) -> Result<Artifact, Problem> {
        let digest = sha256.map_or(Ok(None), |sha256| self.digest(sha256)).map_err(|problem| problem.within(["sha256"]))?;
        Ok(Artifact { name: name.to_owned(), place: format!("{kind} {name:?}"), source: self.source(bytes)?, digest })
    }

    /// Exactly one of `path` and `s3`.
    fn source(&self, [file, object]: [&Option<String>; 2]) -> Result<Source, Problem> {
        match (file, object) {
            (Some(file), None) => {
                let source = path::file(file, self.base, &self.roots, self.architecture);
                source.map_err(|problem| problem.within(["path"]))
            }
            (None, Some(object)) => self.object(object).map_err(|problem| problem.within(["s3"])),
            (Some(_), Some(_)) => {
                let problem = Problem::new(Code::ManifestValue, "both \"path\" and \"s3\" are given");
                Err(problem.hint("remove one of the two").within(["s3"]).on_key())
            }
            (None, None) => {
                let problem = Problem::new(Code::ManifestType, "neither \"path\" nor \"s3\" is given");
                Err(problem.hint("add one of the two; a stage that sets one of path, s3 and sha256 replaces all three"))
            }
        }
    }

    fn object(&self, uri: &str) -> Result<Source, Problem> {
        let uri = path::expand(uri, self.architecture)?;
        let s3 = s3::parse(&uri)?;
        if self.buckets.iter().any(|bucket| bucket == s3.bucket) {
            return Ok(Source::S3 { uri });
        }
        let problem = Problem::new(Code::BucketNotAllowed, format!("the bucket {} is not allowed", near::quoted(s3.bucket)));
        Err(problem.hint("add it to allow.buckets"))
    }

    /// Every digest must be one, and the one of this architecture is returned.
    fn digest(&self, sha256: &wire::Sha256) -> Result<Option<Digest>, Problem> {
        match sha256 {
            wire::Sha256::One(text) => digest(text).map(Some),
            wire::Sha256::Each(wire::Each { x86_64, aarch64 }) => {
                let read = |text: &Option<String>, architecture: Architecture| {
                    text.as_deref().map(digest).transpose().map_err(|problem| problem.within([architecture.name()]))
                };
                let x86_64 = read(x86_64, Architecture::X86_64)?;
                let aarch64 = read(aarch64, Architecture::Aarch64)?;
                Ok(match self.architecture {
                    Architecture::X86_64 => x86_64,
                    Architecture::Aarch64 => aarch64,
                })
            }
        }
    }
}

fn digest(text: &str) -> Result<Digest, Problem> {
    Digest::parse(text).ok_or_else(|| {
        let problem = Problem::new(Code::ManifestValue, "this is not a SHA-256 of 64 lower-case hexadecimal digits");
        let hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match text.chars().count() {
            64 if hexadecimal => problem.hint("write a-f in lower case"),
            length if hexadecimal => {
                problem.hint(format!("it has {length} digits; leave the key out, and `lambda-loader lock` writes it"))
            }
            _ => problem.hint("leave the key out, and `lambda-loader lock` writes it"),
        }
    })
}
