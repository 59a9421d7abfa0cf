//! Events that no route takes: an answer in the source's own shape, or an error. Never a silent success.

use serde_json::{Value, json};

use crate::lines;
use crate::samples::sample;
use crate::support::lambda;
use crate::world::{World, folder};

fn world() -> World {
    let manifest = json!({ "routes": { "echo": { "source": "operation", "name": "echo", "to": "echo" } } });
    World::start(lambda(), folder(&["echo"], manifest), &[])
}

const BODY: &str = r#"{"message":"Not Found"}"#;

#[test]
fn a_request_gets_a_404_in_the_shape_that_its_source_reads() {
    let world = world();
    let check = |event: &str, source: &str, expected: Value| {
        let answer = world.ask(sample(event));
        let response = answer.response().unwrap_or_else(|| panic!("{event}: {answer:?}"));
        assert_eq!(serde_json::from_slice::<Value>(&response.body).unwrap(), expected, "{event}");
        let line = lines::line_of(&world.process, &[&answer.request_id, "code=no-route"]);
        assert!(line.contains(" ERROR ") && line.contains(&format!("source={source}")), "{line}");
    };
    let single =
        json!({ "statusCode": 404, "headers": { "content-type": "application/json" }, "body": BODY, "isBase64Encoded": false });
    let multi = json!({ "statusCode": 404, "multiValueHeaders": { "content-type": ["application/json"] }, "body": BODY, "isBase64Encoded": false });
    let described = |mut reply: Value| {
        reply["statusDescription"] = "404 Not Found".into();
        reply
    };
    check("apigw-request", "api-gateway-rest", multi.clone());
    check("apigw-sam-rest-request", "api-gateway-http", multi.clone());
    check("apigw-v2-request-iam", "api-gateway-http", single.clone());
    check("lambda_http/lambda_function_url_request", "function-url", single.clone());
    check("vpc-lattice-v2-request", "vpc-lattice", single.clone());
    check("vpc-lattice-v1-request", "vpc-lattice", single.clone());
    check("lambda_http/alb_request", "alb", described(single));
    check("lambda_http/alb_multi_value_request", "alb", described(multi));
    world.serves_on();
}

#[test]
fn anything_else_is_an_error_so_that_it_is_retried_or_kept() {
    let world = world();
    let check = |event: Vec<u8>, source: &str| {
        let answer = world.ask(event);
        let Some((header, body)) = answer.error() else { panic!("{source}: {answer:?}") };
        let expected = format!("no route takes this event of source {source}");
        assert_eq!(
            crate::world::error(header.map(str::to_owned), body),
            ["Runtime.LoaderNoRoute", "Runtime.LoaderNoRoute", &expected]
        );
        let line = lines::line_of(&world.process, &[&answer.request_id, "code=no-route"]);
        assert!(line.contains(" ERROR ") && line.contains(&format!("source={source}")) && !line.contains("plugin="), "{line}");
    };
    for (event, source) in [
        ("sqs-event", "sqs"),
        ("sns-event", "sns"),
        ("s3-event", "s3"),
        ("dynamodb-event", "dynamodb"),
        ("kinesis-event", "kinesis"),
        ("kafka-event", "kafka"),
        ("eventbridge-event-obj", "eventbridge"),
        ("eventbridge-schedule", "schedule"),
        ("apigw-custom-auth-request", "authorizer"),
    ] {
        check(sample(event), source);
    }
    check(b"{}".to_vec(), "direct");
    check(br#"{"state":"from step functions"}"#.to_vec(), "direct");
    check(br#"{"operation":"migrate","input":{}}"#.to_vec(), "operation");
    check(br#"{"operation":"ECHO"}"#.to_vec(), "operation");
    world.serves_on();
}

#[test]
fn where_the_end_user_reads_the_text_it_is_no_more_than_a_code() {
    let world = world();
    let answer = world.ask(sample("cognito-event-userpools-presignup"));
    let Some((header, body)) = answer.error() else { panic!("{answer:?}") };
    let found = crate::world::error(header.map(str::to_owned), body);
    assert_eq!(found[2], format!("no-route ({})", answer.request_id));
    world.serves_on();
}
