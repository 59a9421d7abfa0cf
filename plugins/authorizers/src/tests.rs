use lambda_plugin_abi::testing::{self, Invocation, Plugin};
use serde_json::{Value, json};

/// The token `sample` is the clerk's.
fn plugin() -> Plugin {
    let digest = "af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf";
    testing::start(json!({ "tokens": { digest: "clerk" }, "domain": "example.com" })).unwrap()
}

fn reply(handler: &str, event: Value) -> Value {
    plugin().invoke(handler, event.to_string()).unwrap().json().unwrap()
}

const ARN: &str = "arn:aws:execute-api:us-east-1:123456789012:abcdefghij/prod/GET/orders";

#[test]
fn a_known_token_opens_the_stage_and_an_unknown_one_closes_it() {
    for (token, effect, principal) in [("Bearer sample", "Allow", "clerk"), ("sample ", "Deny", "nobody"), ("", "Deny", "nobody")]
    {
        let reply = reply("token", json!({ "type": "TOKEN", "methodArn": ARN, "authorizationToken": token }));
        assert_eq!(reply["principalId"], principal, "{token:?}");
        let statement = &reply["policyDocument"]["Statement"][0];
        assert_eq!(statement["Effect"], effect, "{token:?}");
        assert_eq!(statement["Resource"], json!(["arn:aws:execute-api:us-east-1:123456789012:abcdefghij/prod/*"]));
    }
}

#[test]
fn a_request_without_a_token_is_unauthorized_in_api_gateway_s_own_word() {
    let context = json!({ "identity": {} });
    for (handler, event) in [
        ("token", json!({ "type": "TOKEN", "methodArn": ARN })),
        ("request", json!({ "type": "REQUEST", "methodArn": ARN, "headers": {}, "requestContext": context })),
        ("websocket", json!({ "type": "REQUEST", "methodArn": ARN, "requestContext": context })),
    ] {
        let error = plugin().invoke(handler, event.to_string()).unwrap_err();
        assert_eq!(error.message(), "Unauthorized", "{handler}");
    }
}

#[test]
fn a_device_whose_token_s_signature_was_not_checked_stays_out() {
    for (verified, documents) in [(true, 2), (false, 0)] {
        let event = json!({ "token": "sample", "signatureVerified": verified, "protocols": ["mqtt"], "protocolData": {} });
        let invocation = Invocation::new().function_arn("arn:aws:lambda:eu-west-1:123456789012:function:loader");
        let reply: Value = plugin().invoke_as(invocation, "device", event.to_string()).unwrap().json().unwrap();
        assert_eq!(reply["isAuthenticated"], verified);
        assert_eq!(reply["policyDocuments"].as_array().unwrap().len(), documents, "{reply}");
    }
}

fn pool(trigger: &str, request: Value, response: Value) -> Value {
    json!({ "version": "1", "userPoolId": "p", "triggerSource": trigger, "callerContext": {}, "request": request, "response": response })
}

#[test]
fn only_addresses_of_the_domain_sign_up_and_none_is_confirmed() {
    let event = |address: &str| {
        let response = json!({ "autoConfirmUser": false, "autoVerifyEmail": false, "autoVerifyPhone": false });
        pool("PreSignUp_SignUp", json!({ "userAttributes": { "email": address } }), response)
    };
    assert_eq!(reply("sign_up", event("ada@Example.com"))["response"]["autoConfirmUser"], false);
    for address in ["ada@example.org", "ada@example.com.evil.example", "example.com", "ada@notexample.com", ""] {
        let error = plugin().invoke("sign_up", event(address).to_string()).unwrap_err();
        assert_eq!(error.message(), "please sign up with your address at work", "{address:?}");
    }
}

#[test]
fn a_token_gets_its_claim_and_keeps_its_groups() {
    let groups = json!({ "groupsToOverride": ["staff"], "iamRolesToOverride": [], "preferredRole": null });
    let request = json!({ "userAttributes": {}, "groupConfiguration": groups });
    let event = pool("TokenGeneration_Authentication", request, json!({ "claimsOverrideDetails": null }));
    let details = &reply("claims", event)["response"]["claimsOverrideDetails"];
    assert_eq!(details["claimsToAddOrOverride"], json!({ "shop_role": "clerk" }));
    assert_eq!(details["groupOverrideDetails"], groups);
}
