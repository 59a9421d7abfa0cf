//! `routes`: targets, keys that only some sources have, order and conflicts.

use std::collections::HashMap;

use super::problem::Problem;
use super::{Route, Target, name};
use crate::manifest::near::{self, quoted};
use crate::manifest::wire;
use crate::refusal::Code;
use crate::route::{self, Match, MatchError};

/// HTTP sources that have no streaming invoke mode.
const NEVER_STREAMED: [&str; 3] = ["api-gateway-http", "alb", "vpc-lattice"];
/// The most records of one batch that are worked on at once.
const CONCURRENCY: u32 = 1000;

/// The plugins that a target can name.
pub(super) struct Plugins<'p>(HashMap<&'p str, usize>, Vec<&'p str>);

impl<'p> Plugins<'p> {
    pub(super) fn new(plugins: &'p [super::Plugin]) -> Self {
        let names: Vec<_> = plugins.iter().map(|plugin| plugin.artifact.name.as_str()).collect();
        Plugins(names.iter().enumerate().map(|(index, name)| (*name, index)).collect(), names)
    }

    /// Reads `to` or `on_error`.
    pub(super) fn target(&self, to: &str) -> Result<Target, Problem> {
        let (plugin, handler) = name::target(to)?;
        if let Some(&plugin) = self.0.get(plugin) {
            return Ok(Target { plugin, handler: handler.map(str::to_owned) });
        }
        let names = || self.1.iter().copied();
        let problem = Problem::new(Code::PluginUnknown, format!("there is no plugin {}", quoted(plugin)));
        Err(match near::nearest(plugin, names()) {
            Some(near) => problem.hint(format!("did you mean {near:?}")),
            None if self.1.is_empty() => problem.hint("add it to \"plugins\""),
            None => problem.hint(format!("the plugins are {}", near::all(names()))),
        })
    }
}

/// Reads all routes into the order in which they are tried.
pub(super) fn read(
    routes: &[(String, wire::Route)],
    plugins: &Plugins<'_>,
    warnings: &mut Vec<Problem>,
) -> Result<Vec<Route>, Problem> {
    let mut matches = Vec::with_capacity(routes.len());
    let mut rest = Vec::with_capacity(routes.len());
    for (name, route) in routes {
        let within = |problem: Problem| problem.within(["routes", name]);
        name::check(name).map_err(within)?;
        let to = plugins.target(&route.to).map_err(|problem| within(problem.within(["to"])))?;
        matches.push(Match::parse(route).map_err(|error| within(unmatched(error)))?);
        answer_keys(route).map_err(within)?;
        warnings.extend(doubts(route).into_iter().map(within));
        rest.push(Some((name, route, to)));
    }
    let order = route::order(&matches).map_err(|conflict| overlap(routes, &conflict))?;
    let mut matches: Vec<Option<Match>> = matches.into_iter().map(Some).collect();
    let mut read = Vec::with_capacity(routes.len());
    for index in order {
        let taken = rest.get_mut(index).and_then(Option::take).zip(matches.get_mut(index).and_then(Option::take));
        if let Some(((name, route, to), matching)) = taken {
            read.push(Route {
                name: name.clone(),
                matching,
                to,
                reply: route.reply.unwrap_or_default(),
                on_failure: route.on_failure.unwrap_or_default(),
                batch: route.batch.unwrap_or_default(),
                report_batch_item_failures: route.report_batch_item_failures.unwrap_or_default(),
                concurrency: route.concurrency.unwrap_or(1),
            });
        }
    }
    if read.len() == routes.len() {
        Ok(read)
    } else {
        Err(Problem::new(Code::Internal, "ordering the routes lost some").within(["routes"]))
    }
}

/// A route that cannot be matched, at the key that is at fault.
fn unmatched(error: MatchError) -> Problem {
    let mut problem = Problem::new(error.code, error.what);
    problem.hint = error.hint;
    problem.path = error.key.map(str::to_owned).into_iter().collect();
    problem.on_key = error.code == Code::RouteKeyUnknown && error.key.is_some();
    problem
}

fn overlap(routes: &[(String, wire::Route)], conflict: &route::Conflict) -> Problem {
    let name = |index: usize| routes.get(index).map(|(name, _)| name.as_str()).unwrap_or_default();
    let (first, second) = (conflict.first.min(conflict.second), conflict.first.max(conflict.second));
    let (first, second) = (name(first), name(second));
    let what = format!("the routes {first:?} and {second:?} overlap and neither is the more specific one: {}", conflict.why);
    let mut problem = Problem::new(Code::RouteConflict, what).hint("narrow one of them").within(["routes", second]).on_key();
    problem.also = Some(("; the other is at ", vec!["routes".to_owned(), first.to_owned()]));
    problem
}

/// What the keys that say how an event is answered want of each other.
fn answer_keys(route: &wire::Route) -> Result<(), Problem> {
    match route.concurrency {
        Some(_) if route.batch != Some(wire::Batch::Each) => {
            let problem = Problem::new(Code::ManifestValue, "without \"batch\": \"each\" this has no effect");
            Err(problem.hint("add that, or remove the key").within(["concurrency"]))
        }
        Some(concurrency) if !(1..=CONCURRENCY).contains(&concurrency) => {
            let what = format!("a concurrency is 1 to {CONCURRENCY}, and here it is {concurrency}");
            Err(Problem::new(Code::ManifestValue, what).within(["concurrency"]))
        }
        _ => Ok(()),
    }
}

/// What is allowed and probably not meant.
fn doubts(route: &wire::Route) -> Option<Problem> {
    if route.source == "eventbridge" && route.event_source.is_none() {
        let problem = Problem::new(Code::ManifestValue, "any event source is taken, and whoever may put events chooses theirs");
        return Some(problem.hint("add \"event_source\""));
    }
    if route.reply == Some(wire::Reply::Stream) && NEVER_STREAMED.contains(&route.source.as_str()) {
        let what = format!("the source {} has no streaming mode", quoted(&route.source));
        return Some(Problem::new(Code::ManifestValue, what).hint("remove \"reply\": \"stream\"").within(["reply"]));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;

    const HTTP: [&str; 6] = ["http", "api-gateway-rest", "api-gateway-http", "function-url", "alb", "vpc-lattice"];
    const BATCHES: [&str; 4] = ["sqs", "kinesis", "dynamodb", "kafka"];

    #[test]
    fn what_the_matcher_refuses_is_placed_at_the_key_that_is_at_fault() {
        const TEXT: &str = r#"{"version":1,"routes":{"a":{"source":"s3","to":"p"},
            "b":{"source":"s3","to":"p","resource":"x"}}}"#;
        #[track_caller]
        fn check(problem: &Problem, expected: &str) {
            let manifest = Manifest::parse("m.json", TEXT.as_bytes()).unwrap();
            assert_eq!(manifest.refuse(&manifest.stages()[0], problem).to_string(), expected);
        }
        let unmatched = |key, code| {
            let error = MatchError { key, code, what: "no".into(), hint: Some("mend".into()) };
            super::unmatched(error).within(["routes", "b"])
        };
        check(&unmatched(Some("resource"), Code::ManifestValue), "m.json:2:52: routes.b.resource: no (hint: mend)");
        check(&unmatched(Some("resource"), Code::RouteKeyUnknown), "m.json:2:41: routes.b.resource: no (hint: mend)");
        check(&unmatched(Some("method"), Code::ManifestValue), "m.json:2:17: routes.b: no (hint: mend)");
        check(&unmatched(None, Code::RouteKeyUnknown), "m.json:2:17: routes.b: no (hint: mend)");
        let routes = ["a", "b"].map(|name| (name.to_owned(), wire::Route::default()));
        let conflict = route::Conflict { first: 1, second: 0, why: "both take everything".into() };
        check(
            &overlap(&routes, &conflict),
            "m.json:2:13: routes.b: the routes \"a\" and \"b\" overlap and neither is the more specific one: both take everything\
             ; the other is at 1:24 (hint: narrow one of them)",
        );
    }

    #[test]
    fn each_source_has_the_keys_that_fit_its_answer() {
        use wire::{Batch, OnFailure, Reply};
        #[track_caller]
        fn check(sources: &[&str], refused: &[&str]) {
            for source in sources {
                let plain = wire::Route { source: (*source).to_owned(), ..Default::default() };
                let keys = [
                    ("reply", wire::Route { reply: Some(Reply::Buffered), ..plain.clone() }),
                    ("on_failure", wire::Route { on_failure: Some(OnFailure::Error), ..plain.clone() }),
                    ("batch", wire::Route { batch: Some(Batch::Whole), ..plain.clone() }),
                    ("report", wire::Route { report_batch_item_failures: Some(false), ..plain.clone() }),
                    ("concurrency", wire::Route { concurrency: Some(1), batch: Some(Batch::Each), ..plain.clone() }),
                ];
                let found = keys
                    .iter()
                    .filter(|(_, route)| Match::parse(route).is_err() || answer_keys(route).is_err())
                    .map(|(key, _)| *key);
                assert_eq!(found.collect::<Vec<_>>(), refused, "{source}");
                assert!(answer_keys(&plain).is_ok());
            }
        }
        check(&HTTP, &["batch", "report", "concurrency"]);
        check(&["websocket"], &["reply", "batch", "report", "concurrency"]);
        check(&BATCHES, &["reply", "on_failure"]);
        check(&["sns", "direct", "operation", "authorizer"], &["reply", "on_failure", "batch", "report", "concurrency"]);
    }
}
