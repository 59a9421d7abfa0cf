//! `route`: where an event would go, by its bytes and the manifest alone.

use clap::Args;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

use super::opened::{self, Opened};
use super::{Common, Format, print, print_json};
use crate::policy::Plan;
use crate::route::{Explanation, Part, Table};
use crate::{Class, Code, Refusal};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,
    /// The event: a JSON file, or - for standard input
    #[arg(long, value_name = "FILE")]
    event: PathBuf,
    /// Say which rule names the source, and why each route has the event or not
    #[arg(long)]
    explain: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Refusal> {
    let plan = Opened::new(&arguments.common)?.plan()?;
    let event = opened::event(&arguments.event)?;
    let table = Table::build(plan.routes.iter().map(|route| &route.matching));
    let routed = table.route(&event).map_err(|refusal| {
        let refusal = refusal.at(opened::event_name(&arguments.event));
        if refusal.code == Code::EventNotJson { refusal.hint(opened::unread(&arguments.event, &event)) } else { refusal }
    })?;
    let parts = match routed.parts.as_slice() {
        [] => vec![Part { route: routed.route, topics: Vec::new() }],
        parts => parts.to_vec(),
    };
    let explained = arguments.explain.then(|| table.explain(&event)).transpose()?;
    let to = |part: &Part| {
        let route = part.route.and_then(|route| plan.routes.get(route));
        let plugin = route.and_then(|route| plan.plugins.get(route.to.plugin)).map(|plugin| plugin.artifact.name.as_str());
        (route.map(|route| route.name.as_str()), plugin, route.and_then(|route| route.to.handler.as_deref()))
    };
    match arguments.common.output.format {
        Format::Json => {
            let (route, plugin, handler) = to(&Part { route: routed.route, topics: Vec::new() });
            let mut said = json!({
                "source": routed.source.name(),
                "resource": routed.resource,
                "route": route,
                "plugin": plugin,
                "handler": handler,
            });
            if !routed.parts.is_empty() {
                let part = |part: &Part| {
                    let (route, plugin, handler) = to(part);
                    json!({ "topics": part.topics, "route": route, "plugin": plugin, "handler": handler })
                };
                said["parts"] = parts.iter().map(part).collect();
            }
            if let Some(explained) = &explained {
                said["explain"] = json_of(explained, &plan);
            }
            print_json(&said);
        }
        Format::Text => {
            let resource = routed.resource.as_deref().map(|resource| format!(" {resource}")).unwrap_or_default();
            for part in &parts {
                let to = match to(part) {
                    (Some(route), Some(plugin), Some(handler)) => format!("route {route}: {plugin}.{handler}"),
                    (Some(route), Some(plugin), None) => format!("route {route}: {plugin}, its only handler"),
                    _ => "no route takes it (hint: add a route for this source, or widen one)".to_owned(),
                };
                let topics = if part.topics.is_empty() { String::new() } else { format!(" topic {}", part.topics.join(", ")) };
                print(&format!("{}{resource}{topics}: {to}\n", routed.source));
            }
            if let Some(explained) = &explained {
                print(&text_of(explained, &plan));
            }
        }
    }
    Ok(if parts.iter().all(|part| part.route.is_some()) { 0 } else { Class::Failed.exit() })
}

fn name(plan: &Plan, route: usize) -> &str {
    plan.routes.get(route).map(|route| route.name.as_str()).unwrap_or_default()
}

fn json_of(explained: &Explanation, plan: &Plan) -> Value {
    let considered = explained.considered.iter().map(
        |one| json!({ "route": name(plan, one.route), "topic": one.topic, "takes": one.takes, "by": one.by, "why": one.why }),
    );
    json!({
        "rule": { "number": explained.rule.number, "of": explained.rule.of, "when": explained.rule.when },
        "keys": explained.keys.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect::<Map<_, _>>(),
        "routes": considered.collect::<Vec<_>>(),
    })
}

fn text_of(explained: &Explanation, plan: &Plan) -> String {
    let rule = &explained.rule;
    let mut text = format!("  rule {} of {}: {}\n", rule.number, rule.of, rule.when);
    for (key, value) in &explained.keys {
        text += &format!("  {key}: {value}\n");
    }
    for one in &explained.considered {
        let topic = one.topic.as_ref().map(|topic| format!(" (topic {topic})")).unwrap_or_default();
        text += &format!("  route {}{topic}: {}\n", name(plan, one.route), one.why);
    }
    text
}
