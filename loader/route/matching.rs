//! An entry of `routes` to a [`Match`]: which events it takes.

use std::borrow::Cow;

use super::condition::Condition;
use super::resource::Resource;
use super::row::{How, Key, Row};
use super::source::{Selector, Source};
use super::table::ROWS;
use super::wheres::Where;
use crate::manifest::wire;
use crate::refusal::Code;

/// Which events a route takes: its source and the conditions on it. All of them must hold.
#[derive(Clone, Debug)]
pub struct Match {
    pub(super) selector: Selector,
    pub(super) resource: Option<Resource>,
    pub(super) conditions: Vec<(&'static str, Condition)>,
    pub(super) wheres: Vec<Where>,
}

/// Why an entry of `routes` cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchError {
    /// The key of the entry that is at fault.
    pub key: Option<&'static str>,
    /// The stable code.
    pub code: Code,
    /// What: the fact, in lower case and without a final stop.
    pub what: String,
    /// The mend.
    pub hint: Option<Cow<'static, str>>,
}

impl Match {
    /// Reads what an entry of `routes` says about events.
    ///
    /// # Errors
    /// [`Code::ManifestValue`] for a source that does not exist and a value that cannot be; [`Code::RouteKeyUnknown`] for a key that
    /// the source does not have.
    pub fn parse(route: &wire::Route) -> Result<Self, MatchError> {
        let selector = Selector::named(&route.source).map_err(|hint| MatchError {
            key: Some("source"),
            code: Code::ManifestValue,
            what: format!("there is no event source {:?}", route.source),
            hint: Some(hint.into()),
        })?;
        let mut matching = Match { selector, resource: None, conditions: Vec::new(), wheres: Vec::new() };
        for (key, given) in answering(route) {
            if given && !answers(selector).contains(&key) {
                return Err(unknown(selector, key));
            }
        }
        if let Some(text) = &route.resource {
            let names = names(selector).ok_or_else(|| unknown(selector, "resource"))?;
            matching.resource = Some(Resource::new(text, names).map_err(|error| wrong("resource", error))?);
        }
        for (key, text) in further(route).into_iter().filter_map(|(key, text)| text.map(|text| (key, text))) {
            let how = how(selector, key).ok_or_else(|| unknown(selector, key))?;
            let condition = Condition::new(text, how).map_err(|error| wrong(key, error))?;
            matching.conditions.extend(condition.map(|condition| (key, condition)));
        }
        if let Some(wheres) = &route.wheres {
            if !rows(selector).any(|row| row.wheres) {
                return Err(unknown(selector, "where"));
            }
            for (pointer, value) in wheres {
                let wrong = |(what, hint): (String, String)| wrong("where", (format!("{pointer:?}: {what}"), hint));
                matching.wheres.push(Where::new(pointer, value).map_err(wrong)?);
            }
        }
        Ok(matching)
    }

    /// The source or sources.
    #[must_use]
    pub fn selector(&self) -> Selector {
        self.selector
    }

    /// Whether it takes all events of that source with that resource and, of Kafka, that topic: what an event source mapping brings.
    #[must_use]
    pub fn takes_mapped(&self, source: Source, resource: Option<&str>, topic: Option<&str>) -> bool {
        self.selector.takes(source)
            && self.resource.as_ref().is_none_or(|wanted| resource.is_some_and(|resource| wanted.matches(resource)))
            && self.conditions.iter().all(|(key, wanted)| *key == "topic" && topic.is_some_and(|topic| wanted.takes(topic)))
    }

    pub(super) fn condition(&self, name: &str) -> Option<&Condition> {
        self.conditions.iter().find(|(key, _)| *key == name).map(|(_, condition)| condition)
    }
}

/// The keys of an entry that say which events it takes, in the order in which the manual has them.
fn further(route: &wire::Route) -> [(&'static str, Option<&String>); 24] {
    [
        ("method", route.method.as_ref()),
        ("path", route.path.as_ref()),
        ("host", route.host.as_ref()),
        ("stage", route.stage.as_ref()),
        ("name", route.name.as_ref()),
        ("event", route.event.as_ref()),
        ("key_prefix", route.key_prefix.as_ref()),
        ("key_suffix", route.key_suffix.as_ref()),
        ("event_source", route.event_source.as_ref()),
        ("detail_type", route.detail_type.as_ref()),
        ("recipient", route.recipient.as_ref()),
        ("topic", route.topic.as_ref()),
        ("log_group", route.log_group.as_ref()),
        ("kind", route.kind.as_ref()),
        ("route_key", route.route_key.as_ref()),
        ("action_group", route.action_group.as_ref()),
        ("trigger", route.trigger.as_ref()),
        ("resource_type", route.resource_type.as_ref()),
        ("step", route.step.as_ref()),
        ("intent", route.intent.as_ref()),
        ("invocation_source", route.invocation_source.as_ref()),
        ("channel", route.channel.as_ref()),
        ("type_name", route.type_name.as_ref()),
        ("field", route.field.as_ref()),
    ]
}

/// The keys of an entry that say how events are answered.
fn answering(route: &wire::Route) -> [(&'static str, bool); 5] {
    [
        ("reply", route.reply.is_some()),
        ("on_failure", route.on_failure.is_some()),
        ("batch", route.batch.is_some()),
        ("report_batch_item_failures", route.report_batch_item_failures.is_some()),
        ("concurrency", route.concurrency.is_some()),
    ]
}

/// Which of those a source has.
fn answers(selector: Selector) -> &'static [&'static str] {
    match selector {
        _ if selector.is_http() => &["reply", "on_failure"],
        Selector::One(Source::Websocket) => &["on_failure"],
        Selector::One(source) if source.is_batch() => &["batch", "report_batch_item_failures", "concurrency"],
        _ => &[],
    }
}

fn rows(selector: Selector) -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(move |row| row.source().is_some_and(|source| selector.takes(source)))
}

/// The further keys of a source; of `http` those that all its sources have.
fn keys(selector: Selector) -> Vec<&'static Key> {
    let mut keys: Vec<&Key> = Vec::new();
    for key in rows(selector).flat_map(|row| row.keys) {
        let everywhere = Source::ALL
            .iter()
            .filter(|source| selector.takes(**source))
            .all(|source| rows(Selector::One(*source)).any(|row| row.keys.iter().any(|same| same.name == key.name)));
        if everywhere && keys.iter().all(|known| known.name != key.name) {
            keys.push(key);
        }
    }
    keys
}

fn how(selector: Selector, name: &str) -> Option<How> {
    keys(selector).into_iter().find(|key| key.name == name).map(|key| key.how)
}

/// Where bare names stand in a source's resources. Those of the HTTP sources have nothing in common.
fn names(selector: Selector) -> Option<&'static [&'static str]> {
    match selector {
        Selector::Http => None,
        one => rows(one).map(|row| row.names).find(|names| !names.is_empty()),
    }
}

fn unknown(selector: Selector, key: &'static str) -> MatchError {
    let mut has = Vec::new();
    has.extend(names(selector).map(|_| "resource"));
    has.extend(keys(selector).into_iter().map(|key| key.name));
    has.extend(rows(selector).any(|row| row.wheres).then_some("where"));
    has.extend(answers(selector));
    let source = selector.name();
    let elsewhere = match selector {
        Selector::Http if key == "resource" || key == "stage" => ", or name one HTTP source, such as `api-gateway-http`",
        _ => "",
    };
    let hint = match has.as_slice() {
        [] => "remove it: such routes have no keys of their own".to_owned(),
        names => {
            format!("`{source}` has {}{elsewhere}", names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
        }
    };
    let what = format!("a route with source `{source}` has no key `{key}`");
    MatchError { key: Some(key), code: Code::RouteKeyUnknown, what, hint: Some(hint.into()) }
}

fn wrong(key: &'static str, (what, hint): (String, String)) -> MatchError {
    MatchError { key: Some(key), code: Code::ManifestValue, what, hint: Some(hint.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Match, MatchError> {
        Match::parse(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn what_an_entry_cannot_say() {
        #[track_caller]
        fn check(json: &str, key: &str, code: Code, what: &str, hint: &str) {
            let error = parse(json).unwrap_err();
            assert_eq!(
                (error.key, error.code, &*error.what, error.hint.as_deref()),
                (Some(key), code, what, Some(hint)),
                "{json}"
            );
        }
        let (value, unknown) = (Code::ManifestValue, Code::RouteKeyUnknown);
        check(r#"{"source":"sqss","to":"p"}"#, "source", value, "there is no event source \"sqss\"", "did you mean `sqs`?");
        check(
            r#"{"source":"sqs","to":"p","path":"/"}"#,
            "path",
            unknown,
            "a route with source `sqs` has no key `path`",
            "`sqs` has `resource`, `batch`, `report_batch_item_failures`, `concurrency`",
        );
        check(
            r#"{"source":"http","to":"p","stage":"prod"}"#,
            "stage",
            unknown,
            "a route with source `http` has no key `stage`",
            "`http` has `method`, `path`, `host`, `reply`, `on_failure`, or name one HTTP source, such as `api-gateway-http`",
        );
        check(
            r#"{"source":"http","to":"p","batch":"each"}"#,
            "batch",
            unknown,
            "a route with source `http` has no key `batch`",
            "`http` has `method`, `path`, `host`, `reply`, `on_failure`",
        );
        check(
            r#"{"source":"direct","to":"p","resource":"x"}"#,
            "resource",
            unknown,
            "a route with source `direct` has no key `resource`",
            "`direct` has `where`",
        );
        check(
            r#"{"source":"codepipeline","to":"p","name":"x"}"#,
            "name",
            unknown,
            "a route with source `codepipeline` has no key `name`",
            "remove it: such routes have no keys of their own",
        );
        check(
            r#"{"source":"operation","to":"p","where":{"/a":true}}"#,
            "where",
            unknown,
            "a route with source `operation` has no key `where`",
            "`operation` has `name`",
        );
        check(
            r#"{"source":"sqs","to":"p","resource":"arn:aws:sqs"}"#,
            "resource",
            value,
            "an ARN has six fields",
            "write all of `arn:partition:service:region:account:resource`, with `*` for what may be anything",
        );
        check(
            r#"{"source":"alb","to":"p","path":"users"}"#,
            "path",
            value,
            "a path begins with `/`",
            "write `/users/{id}`, or `/{*rest}` for all",
        );
        check(r#"{"source":"s3","to":"p","key_prefix":""}"#, "key_prefix", value, "it is empty", "leave it out to take any");
        check(
            r#"{"source":"direct","to":"p","where":{"a":true}}"#,
            "where",
            value,
            "\"a\": a JSON pointer begins with `/`",
            "write it like `/detail/state`",
        );
    }

    #[test]
    fn every_further_key_of_the_table_can_be_written_and_every_written_key_is_in_the_table() {
        let written = further(&wire::Route::default()).map(|(key, _)| key);
        for row in ROWS {
            row.keys.iter().for_each(|key| assert!(written.contains(&key.name), "{}", key.name));
        }
        for key in written {
            assert!(ROWS.iter().any(|row| row.keys.iter().any(|known| known.name == key)), "{key}");
        }
    }
}
