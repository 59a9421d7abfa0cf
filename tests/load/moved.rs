//! A plugin that was a `lambda_runtime` function.

use lambda_loader::Code;
use lambda_loader::invoke::Outcome;

use crate::plugin::{ask, call, runtime, started};
use crate::support::build::Build;

#[test]
fn a_lambda_runtime_handler_runs_unchanged_in_a_real_plugin() {
    let plugin = started("moved", &Build::fixture("moved").path());
    runtime().block_on(async {
        let reply = ask(&plugin, "moved", "{\"name\":\"Ada\"}").await;
        assert_eq!(reply["name"], "Ada");
        assert_eq!((&reply["context"]["request_id"], &reply["context"]["xray_trace_id"]), (&"r-0".into(), &"Root=1-2-3".into()));
        let Outcome::Failure(failure) = call(&plugin, "moved", "r-1", "{}").await else { panic!("no failure") };
        assert_eq!((failure.code, failure.error_type.as_str()), (Code::HandlerFailed, "Error"));
        assert_eq!(failure.message, "the event has no name");
    });
}
