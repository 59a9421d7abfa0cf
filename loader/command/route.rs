//! `route`: where an event would go, by its bytes and the manifest alone.

use clap::Args;
use serde_json::json;
use std::path::PathBuf;

use super::opened::{self, Opened};
use super::{Common, Format, print, print_json};
use crate::route::Table;
use crate::{Class, Code, Refusal};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,
    /// The event: a JSON file, or - for standard input
    #[arg(long, value_name = "FILE")]
    event: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Refusal> {
    let plan = Opened::new(&arguments.common)?.plan()?;
    let event = opened::event(&arguments.event)?;
    let table = Table::build(plan.routes.iter().map(|route| &route.matching));
    let routed = table.route(&event).map_err(|refusal| {
        let refusal = refusal.at(opened::event_name(&arguments.event));
        if refusal.code == Code::EventNotJson { refusal.hint(opened::unread(&arguments.event, &event)) } else { refusal }
    })?;
    let route = routed.route.and_then(|route| plan.routes.get(route));
    let plugin = route.and_then(|route| plan.plugins.get(route.to.plugin)).map(|plugin| &plugin.artifact.name);
    let handler = route.and_then(|route| route.to.handler.as_deref());
    match arguments.common.output.format {
        Format::Json => print_json(&json!({
            "source": routed.source.name(),
            "resource": routed.resource,
            "route": route.map(|route| &route.name),
            "plugin": plugin,
            "handler": handler,
        })),
        Format::Text => {
            let resource = routed.resource.as_deref().map(|resource| format!(" {resource}")).unwrap_or_default();
            let to = match (route, plugin, handler) {
                (Some(route), Some(plugin), Some(handler)) => format!("route {}: {plugin}.{handler}", route.name),
                (Some(route), Some(plugin), None) => format!("route {}: {plugin}, its only handler", route.name),
                _ => "no route takes it (hint: add a route for this source, or widen one)".to_owned(),
            };
            print(&format!("{}{resource}: {to}\n", routed.source));
        }
    }
    Ok(if route.is_some() { 0 } else { Class::Failed.exit() })
}
