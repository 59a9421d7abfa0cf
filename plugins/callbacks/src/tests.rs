//! What an event may not lead to. That the right servers are reached is shown under the loader, where their names lead to this machine.

use lambda_plugin_abi::testing::{self, Invocation};
use serde_json::{Value, json};

#[track_caller]
fn refused(handler: &str, event: Value) {
    let invocation = Invocation::new().function_arn("arn:aws:lambda:eu-west-1:123456789012:function:loader");
    let error = testing::start(json!({})).unwrap().invoke_as(invocation, handler, event.to_string()).unwrap_err();
    assert_eq!(error.kind(), "AddressRefused", "{event}: {error}");
    assert!(!error.message().contains("s3cr3t"), "{error}");
}

#[test]
fn only_the_bucket_of_the_stack_s_region_is_told() {
    for host in [
        "evil.example",
        "cloudformation-custom-resource-response-euwest1.s3.amazonaws.com.evil.example",
        "cloudformation-custom-resource-response-euwest1.s3.amazonaws.com@evil.example",
        "cloudformation-custom-resource-response-useast1.s3.amazonaws.com",
        "cloudformation-custom-resource-response-euwest1.s3.us-east-1.amazonaws.com",
        "my-bucket.s3.eu-west-1.amazonaws.com",
        "169.254.169.254",
    ] {
        let url = format!("https://{host}/a?X-Amz-Signature=s3cr3t");
        let (kind, name) = (json!("Create"), json!({ "Name": "Ada" }));
        refused(
            "stack",
            json!({
                "RequestType": kind, "ResponseURL": url, "StackId": "s", "RequestId": "r", "LogicalResourceId": "l",
                "ResourceProperties": name,
            }),
        );
    }
}

#[test]
fn only_access_points_of_the_region_are_read() {
    for host in [
        "evil.example",
        "a.s3-accesspoint.eu-west-1.amazonaws.com.evil.example",
        "a.s3-accesspoint.us-east-1.amazonaws.com",
        "a.s3.eu-west-1.amazonaws.com",
        "169.254.169.254",
    ] {
        let url = format!("https://{host}/a?X-Amz-Signature=s3cr3t");
        let get = json!({ "inputS3Url": url, "outputRoute": "io-euw1-001", "outputToken": "s3cr3t" });
        refused("object", json!({ "getObjectContext": get }));
    }
}
