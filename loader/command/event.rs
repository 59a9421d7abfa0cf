//! `event`: a sample event to start from.

mod sample;

use clap::Args;
use serde_json::{Value, json};

use super::{Format, Output, print, print_json};
use crate::Refusal;
use sample::{SAMPLES, Sample, Wanted};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The event source: sqs, api-gateway-http, ...; http stands for api-gateway-http
    #[arg(value_name = "SOURCE", required_unless_present = "list")]
    source: Option<String>,
    /// List the sources, and the options that each sample takes
    #[arg(long, conflicts_with_all = ["source", "body", "resource", "path", "method", "name"])]
    list: bool,
    /// What the message, record or request carries; of EventBridge, operations and direct events JSON
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,
    /// The queue, topic, table, ...: an ARN, or a bare name
    #[arg(long, value_name = "NAME")]
    resource: Option<String>,
    /// The path of an HTTP request
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// The method of an HTTP request
    #[arg(long, value_name = "METHOD")]
    method: Option<String>,
    /// What kind of event it is: the operation, detail-type, trigger, resource type, step, route key, recipient, intent, field, ...
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    pub(super) output: Output,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Refusal> {
    let Some(source) = &arguments.source else {
        list(arguments.output.format);
        return Ok(0);
    };
    let sample = Sample::named(source)?;
    let wanted = Wanted {
        body: arguments.body.as_deref(),
        resource: arguments.resource.as_deref(),
        path: arguments.path.as_deref(),
        method: arguments.method.as_deref(),
        name: arguments.name.as_deref(),
    };
    let event = sample.fill(&wanted)?;
    let untouched = [wanted.body, wanted.resource, wanted.path, wanted.method, wanted.name].iter().all(Option::is_none);
    // As it was written reads better than its keys sorted.
    if untouched {
        print(sample.text)
    } else {
        print_json(&event)
    }
    Ok(0)
}

fn list(format: Format) {
    match format {
        Format::Json => {
            let rows = SAMPLES.iter().map(|sample| json!({ "source": sample.source.name(), "options": sample.options() }));
            print_json(&Value::Array(rows.collect()));
        }
        Format::Text => {
            for sample in SAMPLES {
                print(&format!("{:<18} {}\n", sample.source.name(), sample.options().join(" ")).replace(" \n", "\n"));
            }
        }
    }
}

/// The sample of a source, for what is written with it.
pub(super) fn text(source: &str) -> Result<&'static str, Refusal> {
    Sample::named(source).map(|sample| sample.text)
}
