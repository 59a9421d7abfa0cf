//! One event of each family through the whole manifest, and what its handler replies: samples of `lambda-loader event`, and payloads of
//! `aws_lambda_events` with the names that the manifest's routes have.

use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::lines;
use crate::manifest;
use crate::samples::sample;
use crate::support::client;

/// The sample that `lambda-loader event` prints.
fn own(source: &str) -> Value {
    let path = format!("{}/loader/command/event/samples/{source}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))).unwrap()
}

fn theirs(name: &str) -> Value {
    serde_json::from_slice(&sample(name)).unwrap()
}

/// The event with other values: by JSON pointers, whose last step may be new.
fn with<const N: usize>(mut event: Value, values: [(&str, Value); N]) -> Value {
    for (pointer, value) in values {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        event.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}"))[key] = value;
    }
    event
}

fn arn(api: &str, rest: &str) -> Value {
    format!("arn:aws:execute-api:us-east-1:123456789012:{api}/{rest}").into()
}

fn policy(effect: &str, api: &str, principal: &str) -> Value {
    let statement = json!({ "Action": ["execute-api:Invoke"], "Effect": effect, "Resource": [arn(api, "*")] });
    json!({
        "principalId": principal,
        "policyDocument": { "Version": "2012-10-17", "Statement": [statement] },
        "context": { "known": effect == "Allow" },
    })
}

/// Route, plugin, event, reply.
type Row = (&'static str, &'static str, Value, Value);

fn authorizers() -> Vec<Row> {
    let rest = with(theirs("apigw-custom-auth-request-type-request"), [("/methodArn", arn("restapi", "test/GET/request"))]);
    let payload_1 = with(theirs("apigw-v2-custom-authorizer-v1-request"), [("/methodArn", arn("restapi", "test/GET/request"))]);
    let payload_2 = |api: &str, token: &str| {
        let event = theirs("apigw-v2-custom-authorizer-v2-request");
        with(event, [("/routeArn", arn(api, "test/GET/request")), ("/identitySource", json!([token]))])
    };
    let connect = theirs("apigw-v2-custom-authorizer-websocket-request");
    let connect =
        with(connect, [("/methodArn", arn("socketapi", "test/$connect")), ("/queryStringParameters/token", json!("sample"))]);
    let claims = theirs("cognito-event-userpools-pretokengen-incoming");
    let details = json!({
        "groupOverrideDetails": claims["request"]["groupConfiguration"],
        "claimsToAddOrOverride": { "shop_role": "customer" },
        "claimsToSuppress": ["phone_number"],
    });
    let with_claims = with(claims.clone(), [("/response/claimsOverrideDetails", details)]);
    let (header, known) = ("/headers/Authorization", json!("Bearer sample"));
    vec![
        ("token", "authorizers", own("authorizer"), policy("Allow", "abcdefghij/prod", "clerk")),
        ("rest", "authorizers", with(rest, [(header, known)]), policy("Allow", "restapi/test", "clerk")),
        ("rest", "authorizers", with(payload_1, [(header, json!("else"))]), policy("Deny", "restapi/test", "nobody")),
        ("connect", "authorizers", connect, policy("Allow", "socketapi/test", "clerk")),
        ("policy", "authorizers", payload_2("httpapi1", "sample"), policy("Allow", "httpapi1/test", "clerk")),
        ("policy", "authorizers", payload_2("httpapi1", "else"), policy("Deny", "httpapi1/test", "nobody")),
        (
            "simple",
            "authorizers",
            payload_2("httpapi2", "sample"),
            json!({ "isAuthorized": true, "context": { "principal": "clerk" } }),
        ),
        ("simple", "authorizers", payload_2("httpapi2", "else"), json!({ "isAuthorized": false, "context": {} })),
        (
            "graphql-guard",
            "authorizers",
            own("appsync-authorizer"),
            json!({
                "isAuthorized": true,
                "resolverContext": { "principal": "clerk" },
                "deniedFields": ["Mutation.refund"],
                "ttlOverride": 300,
            }),
        ),
        ("device", "authorizers", own("iot-authorizer"), device()),
        (
            "vpn",
            "authorizers",
            own("client-vpn"),
            json!({
                "allow": true,
                "error-msg-on-failed-posture-compliance": "ask your administrator",
                "posture-compliance-statuses": [],
                "schema-version": "v1",
            }),
        ),
        ("sign-up", "authorizers", own("cognito"), confirmed(own("cognito"))),
        ("claims", "authorizers", claims, with_claims),
    ]
}

fn device() -> Value {
    let iot = |resource: &str| json!([format!("arn:aws:iot:us-east-1:123456789012:{resource}")]);
    let document = |action: &str, resource: &str| {
        let statement = json!({ "Action": [action], "Effect": "Allow", "Resource": iot(resource) });
        json!({ "Version": "2012-10-17", "Statement": [statement] })
    };
    json!({
        "isAuthenticated": true,
        "principalId": "clerk",
        "disconnectAfterInSeconds": 86_400,
        "refreshAfterInSeconds": 300,
        "policyDocuments": [document("iot:Connect", "client/clerk"), document("iot:Publish", "topic/devices/clerk/*")],
    })
}

/// What `null` stood for in the event is an empty object in the reply.
fn confirmed(event: Value) -> Value {
    with(event, [("/request/validationData", json!({})), ("/request/clientMetadata", json!({}))])
}

fn conversation() -> Vec<Row> {
    let found = "Your order is on its way.";
    let lex = own("lex");
    let intent = with(lex["sessionState"]["intent"].clone(), [("/state", json!("Fulfilled"))]);
    let intent = json!({ "name": intent["name"], "slots": intent["slots"], "state": intent["state"] });
    let bot = json!({
        "sessionState": { "dialogAction": { "type": "Close" }, "intent": intent, "sessionAttributes": {} },
        "messages": [{ "contentType": "PlainText", "content": found }],
    });
    let v1 = with(theirs("lex-event"), [("/bot/name", json!("clerk")), ("/currentIntent/slots/Order", json!("1"))]);
    let bot_v1 = json!({
        "sessionAttributes": { "key1": "value1", "key2": "value2" },
        "dialogAction": {
            "type": "Close",
            "fulfillmentState": "Fulfilled",
            "message": { "contentType": "PlainText", "content": found },
        },
    });
    let speech = json!({ "type": "PlainText", "text": found });
    let lamp = own("alexa-smart-home");
    let header = json!({
        "namespace": "Alexa",
        "name": "Response",
        "messageId": "01234567-89ab-cdef-0123-456789abcdef-reply",
        "correlationToken": "sample",
        "payloadVersion": "3",
    });
    let lit = json!({
        "event": { "header": header, "endpoint": lamp["directive"]["endpoint"], "payload": {} },
        "context": { "properties": [{ "namespace": "Alexa.PowerController", "name": "powerState", "value": "ON" }] },
    });
    let agent = json!({
        "messageVersion": "1.0",
        "response": {
            "actionGroup": "orders",
            "apiPath": "/orders/{id}",
            "httpMethod": "GET",
            "httpStatusCode": 200,
            "responseBody": { "application/json": { "body": format!("{{\"state\":\"{found}\"}}") } },
        },
        "sessionAttributes": {},
        "promptSessionAttributes": {},
    });
    vec![
        ("bot", "conversation", lex, bot),
        ("bot-v1", "conversation", v1, bot_v1),
        (
            "skill",
            "conversation",
            own("alexa"),
            json!({ "version": "1.0", "response": { "outputSpeech": speech, "shouldEndSession": true } }),
        ),
        ("lamp", "conversation", lamp, lit),
        ("call", "conversation", own("connect"), json!({ "prompt": found })),
        ("agent", "conversation", own("bedrock-agent"), agent),
        ("socket", "conversation", own("websocket"), json!({ "statusCode": 200, "body": found })),
    ]
}

/// A subscription's event with three lines, of which two are errors.
fn logs() -> Value {
    let line = |message: &str| json!({ "id": "1", "timestamp": 0, "message": message });
    let logs = json!({
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": "/aws/lambda/shop",
        "logStream": "1",
        "subscriptionFilters": ["all"],
        "logEvents": [line("INFO here"), line("ERROR one"), line("ERROR two")],
    });
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(logs.to_string().as_bytes()).unwrap();
    json!({ "awslogs": { "data": BASE64_STANDARD.encode(gzip.finish().unwrap()) } })
}

fn data() -> Vec<Row> {
    let price = |id: &str| {
        let of =
            [("/info/parentTypeName", json!("Order")), ("/info/fieldName", json!("price")), ("/source", json!({ "id": id }))];
        with(own("appsync"), of)
    };
    let prices = json!([
        { "data": 10, "errorMessage": null, "errorType": null },
        { "data": null, "errorMessage": "no such order", "errorType": "OrderMissing" },
    ]);
    let subscribe = [("/info/operation", json!("SUBSCRIBE")), ("/events", Value::Null)];
    let delivered = json!({
        "recordId": "49546986683135544286507457936321625675700192471156785154",
        "result": "Ok",
        "data": "eyJvcmRlciI6MX0K",
        "metadata": { "partitionKeys": { "hundred": "0" } },
    });
    let job = json!({
        "invocationSchemaVersion": "1.0",
        "treatMissingKeysAs": "TemporaryFailure",
        "invocationId": "YXNkbGZqYWRmaiBhc2RmdW9hZHNmZGpmaGFzbGtkaGZza2RmaAo",
        "results": [{ "taskId": "dGFza2lkZ29lc2hlcmUK", "resultCode": "Succeeded", "resultString": "took orders/1.json" }],
    });
    vec![
        ("order-field", "graphql", own("appsync"), json!({ "id": "1", "shop": "main" })),
        ("price-field", "graphql", json!([price("1"), price("x")]), prices),
        ("channel", "graphql", own("appsync-events"), json!({ "events": own("appsync-events")["events"] })),
        ("channel", "graphql", with(own("appsync-events"), subscribe), Value::Null),
        ("delivery", "transforms", own("firehose"), json!({ "records": [delivered] })),
        ("logs", "transforms", own("cloudwatch-logs"), json!({ "group": "/aws/lambda/orders", "errors": 0 })),
        ("logs", "transforms", logs(), json!({ "group": "/aws/lambda/shop", "errors": 2 })),
        ("job", "transforms", own("s3-batch"), job),
    ]
}

#[test]
fn every_family_has_a_handler_that_replies_as_its_service_wants_it() {
    let files = tempfile::tempdir().unwrap();
    let world = manifest::world(files.path());
    for (route, plugin, event, expected) in [authorizers(), conversation(), data()].concat() {
        let answer = world.ask(event.to_string());
        let payload = answer.payload();
        let reply: Value = serde_json::from_slice(&payload).unwrap_or_else(|error| panic!("{route}: {error}: {payload:?}"));
        assert_eq!(reply, expected, "{route}\n{}", world.output());
        lines::line_of(&world.process, &[&answer.request_id, &format!("route={route} "), &format!("plugin={plugin} ")]);
    }
    // The one error that an authorizer's service has a meaning for: 401.
    let [header, kind, message] =
        world.error(json!({ "type": "TOKEN", "methodArn": arn("abcdefghij", "prod/GET/") }).to_string());
    assert_eq!([header.as_str(), &kind, &message], ["Function.Unauthorized", "Unauthorized", "Unauthorized"]);
}

/// The table's replies are what another's library replies to the same events, as far as it has a word on them.
#[test]
fn the_helpers_of_powertools_reply_the_same() {
    let Some(python) = client("python3", &["-c", "import aws_lambda_powertools.utilities.parser.models"]) else { return };
    let rows = [authorizers(), conversation(), data()].concat();
    let rows: Vec<_> = rows.iter().map(|(route, _, event, reply)| json!([route, event, reply])).collect();
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plugins/families.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(json!(rows).to_string().as_bytes()).unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let judged = "token rest rest policy policy simple simple graphql-guard agent channel channel delivery job";
    assert_eq!(said, judged.split(' ').map(|route| format!("{route} agrees\n")).collect::<String>());
}
