//! A subscription of CloudWatch Logs, which the kit unpacks.

use aws_lambda_events::event::cloudwatch_logs::LogData;
use lambda_plugin_abi::Error;
use lambda_plugin_abi::logs::Unpacked;
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct Counted {
    group: String,
    errors: usize,
}

/// How many lines of a batch are errors. The reply goes nowhere: a real one keeps it.
pub(super) fn errors(Unpacked(logs): Unpacked<LogData>) -> Result<Counted, Error> {
    // A control message asks whether anybody is here.
    let data = logs.message_type == "DATA_MESSAGE";
    let errors = logs.log_events.iter().filter(|event| data && event.message.contains("ERROR")).count();
    Ok(Counted { group: logs.log_group, errors })
}
