//! `verify --mappings`: the event source mappings of a function against the routes that take what they bring.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{complain, error_json, opened, print};
use crate::policy::{Plan, Route};
use crate::route::Source;
use crate::verify::trust::addressee;
use crate::{Code, Refusal};

/// What `aws lambda list-event-source-mappings` prints
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html>).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listing {
    event_source_mappings: Vec<Mapping>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mapping {
    #[serde(rename = "UUID")]
    uuid: String,
    function_arn: Option<String>,
    event_source_arn: Option<String>,
    self_managed_event_source: Option<Value>,
    #[serde(default)]
    topics: Vec<String>,
    #[serde(default)]
    source_access_configurations: Vec<Access>,
    #[serde(default)]
    function_response_types: Vec<String>,
}

#[derive(Deserialize)]
struct Access {
    #[serde(rename = "Type", default)]
    kind: String,
}

/// One mapping, or one topic of it, and what is wrong with it.
pub(super) struct Row {
    uuid: String,
    function: Option<String>,
    resource: Option<String>,
    topic: Option<String>,
    route: Option<String>,
    pub(super) result: Result<(), Refusal>,
}

/// All mappings of the functions that the plan is for.
pub(super) fn check(file: &Path, plan: &Plan) -> Result<Vec<Row>, Refusal> {
    let mut rows = Vec::new();
    for mapping in read(file)? {
        let function = mapping.function_arn.as_deref().and_then(|arn| arn.split(':').nth(6)).map(str::to_owned);
        if !plan.functions.is_empty() && !function.as_deref().is_some_and(|name| addressee::is_listed(&plan.functions, name)) {
            continue;
        }
        let topics: Vec<Option<&str>> = match mapping.topics.as_slice() {
            [] => vec![None],
            topics => topics.iter().map(|topic| Some(topic.as_str())).collect(),
        };
        for topic in topics {
            let (route, result) = check_one(&mapping, topic, plan);
            rows.push(Row {
                uuid: mapping.uuid.clone(),
                function: function.clone(),
                resource: mapping.event_source_arn.clone(),
                topic: topic.map(str::to_owned),
                route: route.map(|route| route.name.clone()),
                result,
            });
        }
    }
    Ok(rows)
}

fn read(file: &Path) -> Result<Vec<Mapping>, Refusal> {
    const MEND: &str =
        "give --mappings what aws lambda list-event-source-mappings prints as JSON: a file, or - for standard input";
    let invalid = |what: String| Refusal::new(Code::MappingsInvalid, opened::event_name(file), what);
    let bytes = opened::event(file).map_err(|refusal| invalid(refusal.what).hint(MEND))?;
    let listing: Listing = serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()).hint(MEND))?;
    match listing.next_token {
        Some(_) => Err(invalid("the list goes on after its last mapping".into()).hint("list all mappings: without --max-items")),
        None => Ok(listing.event_source_mappings),
    }
}

fn check_one<'p>(mapping: &Mapping, topic: Option<&str>, plan: &'p Plan) -> (Option<&'p Route>, Result<(), Refusal>) {
    let place = format!("mapping {:?}", mapping.uuid);
    let resource = mapping.event_source_arn.as_deref();
    let source = source(mapping);
    let route = source.and_then(|source| plan.routes.iter().find(|route| route.matching.takes_mapped(source, resource, topic)));
    let Some(route) = route else {
        let from = resource.unwrap_or("a self-managed cluster");
        let topic = topic.map(|topic| format!(", topic {topic:?}")).unwrap_or_default();
        let what = format!("no route takes the events of {from}{topic}");
        return (None, Err(Refusal::new(Code::MappingUnrouted, place, what).hint("add a route for them, or delete the mapping")));
    };
    let has = mapping.function_response_types.iter().any(|kind| kind == "ReportBatchItemFailures");
    let differs = |what: String| Refusal::new(Code::MappingReportDiffers, &*place, what);
    let result = match (has, route.report_batch_item_failures) {
        _ if !source.is_some_and(Source::is_batch) => Ok(()),
        (true, false) => {
            let what = format!("it has ReportBatchItemFailures, and the route {:?} does not say so", route.name);
            Err(differs(what).hint("add \"report_batch_item_failures\": true to the route, or take it from the mapping"))
        }
        (false, true) => {
            let name = &route.name;
            let what =
                format!("the route {name:?} says that it has ReportBatchItemFailures, and it has not: what is reported is lost");
            let update = "aws lambda update-event-source-mapping --function-response-types ReportBatchItemFailures --uuid";
            Err(differs(what).hint(format!("{update} {}", mapping.uuid)))
        }
        _ => Ok(()),
    };
    (Some(route), result)
}

/// Which events a mapping brings.
fn source(mapping: &Mapping) -> Option<Source> {
    let Some(arn) = &mapping.event_source_arn else {
        return mapping.self_managed_event_source.is_some().then_some(Source::Kafka);
    };
    let kind = |kind: &str| mapping.source_access_configurations.iter().any(|access| access.kind == kind);
    Some(match arn.split(':').nth(2)? {
        "sqs" => Source::Sqs,
        "kinesis" => Source::Kinesis,
        "dynamodb" => Source::Dynamodb,
        "kafka" => Source::Kafka,
        // Only RabbitMQ has virtual hosts, and its mappings must name one.
        "mq" if kind("VIRTUAL_HOST") => Source::Rabbitmq,
        "mq" => Source::Activemq,
        "rds" => Source::Documentdb,
        _ => return None,
    })
}

impl Row {
    pub(super) fn json(&self) -> Value {
        let mut row = json!({
            "uuid": self.uuid, "function": self.function, "resource": self.resource, "topic": self.topic, "route": self.route,
            "ok": self.result.is_ok(),
        });
        if let Err(refusal) = &self.result {
            row["error"] = error_json(refusal);
        }
        row
    }

    pub(super) fn print(&self) {
        let verdict = if self.result.is_ok() { "ok     " } else { "refused" };
        let from = self.resource.as_deref().unwrap_or("self-managed");
        let topic = self.topic.as_ref().map(|topic| format!("  topic {topic}")).unwrap_or_default();
        let route = self.route.as_ref().map(|route| format!("  route {route}")).unwrap_or_default();
        print(&format!("{verdict} mapping {}  {from}{topic}{route}\n", self.uuid));
        if let Err(refusal) = &self.result {
            complain::refusal(refusal);
        }
    }
}
