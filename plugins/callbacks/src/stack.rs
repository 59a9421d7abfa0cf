//! A custom resource of CloudFormation: the stack waits for a file. A handler that fails need not write one: the loader says `FAILED`.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html>

use http::{Request, header};
use lambda_plugin_abi::{Context, Error};
use serde::Deserialize;
use serde_json::json;

use super::client::address;
use super::{Aws, region};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Wanted {
    request_type: RequestType,
    #[serde(rename = "ResponseURL")]
    response_url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    physical_resource_id: Option<String>,
    resource_properties: Properties,
}

#[derive(Debug, PartialEq, Deserialize)]
enum RequestType {
    Create,
    Update,
    Delete,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    /// Whom to greet.
    name: String,
}

/// A greeting, which templates read with `Fn::GetAtt`. There is nothing to take down: `Delete` succeeds.
pub(super) async fn stack(event: Wanted, cx: Context<Aws>) -> Result<(), Error> {
    let region = region(&cx)?;
    let bucket = format!("cloudformation-custom-resource-response-{}.s3", region.replace('-', ""));
    let hosts = ["", &format!(".{region}"), &format!("-{region}")].map(|region| format!("{bucket}{region}.amazonaws.com"));
    let address = address(&event.response_url, |host| hosts.iter().any(|own| own == host))?;
    // Lambda may bring the event again: the same one makes the same resource.
    let physical = event.physical_resource_id.unwrap_or_else(|| format!("greeting-{}", event.request_id));
    let answer = json!({
        "Status": "SUCCESS",
        "PhysicalResourceId": physical,
        "StackId": event.stack_id,
        "RequestId": event.request_id,
        "LogicalResourceId": event.logical_resource_id,
        "Data": { "Greeting": format!("good day, {}", event.resource_properties.name) },
    });
    // The address was signed without a type.
    let request = Request::put(address).header(header::CONTENT_TYPE, "").body(answer.to_string().into())?;
    cx.state().https.send(request).await?;
    tracing::info!(request = ?event.request_type, physical, "the stack was told");
    Ok(())
}
