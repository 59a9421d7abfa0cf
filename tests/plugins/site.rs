//! A plugin that is a web application and nothing else, and what becomes of one that fails.

use std::collections::{BTreeMap, BTreeSet};

use lambda_http::RequestExt as _;
use serde_json::{Value, json};

use crate::samples::sample;
use crate::support::build::Build;
use crate::support::folder::Folder;
use crate::support::{self, SOON, lambda};
use crate::world::World;

fn folder() -> Folder {
    let manifest = json!({ "routes": { "all": { "source": "http", "to": "site" } } });
    Folder::new(&[("site", &Build::fixture("site").path())], manifest)
}

fn request(path: &str) -> String {
    let mut event: Value = serde_json::from_slice(&sample("lambda_http/lambda_function_url_request")).unwrap();
    event["rawPath"] = path.into();
    event["body"] = "posted".into();
    event.to_string()
}

#[test]
fn any_tower_service_will_do_and_its_failures_are_the_handler_s() {
    let world = World::start(lambda(), folder(), &[]);
    let reply = |path: &str| world.reply(request(path));
    let first = reply("/a");
    let told: Value = serde_json::from_str(first["body"].as_str().unwrap()).unwrap();
    assert_eq!(told["line"], "GET /a?parameter1=value1&parameter1=value2&parameter2=value");
    assert_eq!(told["body"], "posted");
    assert_eq!((&first["statusCode"], &first["headers"], &first["isBase64Encoded"]), (&json!(200), &json!({}), &json!(false)));
    let own = |kind: &str| [format!("Function.{kind}"), kind.to_owned(), "the source ran dry".to_owned()];
    assert_eq!(world.error(request("/error")), own("HttpService"));
    assert_eq!(world.error(request("/body-error")), own("HttpBody"));
    let [header, _, message] = world.error(request("/panic"));
    assert_eq!(header, "Runtime.LoaderHandlerPanicked");
    assert!(message.contains("tests/fixtures/site.rs:") && message.ends_with(": the site went wrong"), "{message}");
    assert_eq!(reply("/a"), first, "it serves on");
}

/// Method, path, query and body; and headers, each name with its values.
type Request = ([Value; 4], BTreeMap<String, BTreeSet<String>>);

/// What `lambda_http`, which is not ours, makes of an event.
fn official(event: &[u8]) -> Request {
    let request = lambda_http::request::from_str(std::str::from_utf8(event).unwrap()).unwrap();
    let headers = request.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let body = String::from_utf8_lossy(request.body()).into_owned();
    let path = decoded(request.raw_http_path());
    ([request.method().as_str().into(), path.into(), query(request.uri().query()), body.into()], by_name(headers))
}

/// The same of what the site was asked.
fn ours(told: &Value) -> Request {
    let (method, uri) = told["line"].as_str().unwrap().split_once(' ').unwrap();
    let (path, query_text) = uri.split_once('?').map_or((uri, None), |(path, query)| (path, Some(query)));
    let headers: Vec<(String, String)> = serde_json::from_value(told["headers"].clone()).unwrap();
    ([method.into(), decoded(path).into(), query(query_text), told["body"].clone()], by_name(headers.into_iter()))
}

/// An empty header, which `lambda_http` makes of no cookies, is none.
fn by_name(headers: impl Iterator<Item = (String, String)>) -> BTreeMap<String, BTreeSet<String>> {
    let mut by_name = BTreeMap::<_, BTreeSet<_>>::new();
    for (name, value) in headers.filter(|(_, value)| !value.is_empty()) {
        by_name.entry(name).or_default().insert(value);
    }
    by_name
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn query(query: Option<&str>) -> Value {
    let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    sorted(pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        json!([decoded(&name.replace('+', " ")), decoded(&value.replace('+', " "))])
    }))
}

fn sorted(values: impl Iterator<Item = Value>) -> Value {
    let mut values: Vec<_> = values.collect();
    values.sort_by_key(Value::to_string);
    values.into()
}

#[test]
fn a_request_is_what_lambda_http_makes_of_the_same_event() {
    let world = World::start(lambda(), folder(), &[]);
    for name in [
        "apigw-request",
        "apigw-request-multi-value-parameters",
        "apigw-restapi-openapi-request",
        "apigw-sam-http-request",
        "apigw-sam-rest-request",
        "apigw-v2-request-iam",
        "apigw-v2-request-jwt-authorizer",
        "apigw-v2-request-lambda-authorizer",
        "apigw-v2-request-multi-value-parameters",
        "apigw-v2-request-no-authorizer",
        "alb-lambda-target-request-headers-only",
        "alb-lambda-target-request-multivalue-headers",
        "vpc-lattice-v2-request",
        "vpc-lattice-v2-request-base64",
        "lambda_http/alb_health_check",
        "lambda_http/alb_multi_value_request",
        "lambda_http/alb_multi_value_request_encoded_query_parameters",
        "lambda_http/alb_request",
        "lambda_http/alb_request_encoded_query_parameters",
        "lambda_http/apigw_multi_value_proxy_request",
        "lambda_http/apigw_proxy_request",
        "lambda_http/apigw_request_path_with_space",
        "lambda_http/apigw_v2_proxy_request",
        "lambda_http/apigw_v2_proxy_request_minimal",
        "lambda_http/apigw_v2_sam_local",
        "lambda_http/lambda_function_url_request",
        "lambda_http/vpc_lattice_v2_request",
        "lambda_http/vpc_lattice_v2_request_base64",
        "lambda_http/vpc_lattice_v2_request_encoded_query",
    ] {
        let event = sample(name);
        let reply = world.reply(event.clone());
        let body = reply["body"].as_str().unwrap_or_else(|| panic!("{name}: {reply}"));
        let (ours, our_headers) = ours(&serde_json::from_str(body).unwrap());
        let (theirs, their_headers) = official(&event);
        assert_eq!(ours, theirs, "{name}");
        assert!(our_headers.keys().eq(their_headers.keys()), "{name}: {our_headers:?} {their_headers:?}");
        for (header, theirs) in &their_headers {
            if header == "content-length" {
                // Ours is that of the body, which is no longer the one that the sample was cut from.
                let request = lambda_http::request::from_str(std::str::from_utf8(&event).unwrap()).unwrap();
                assert_eq!(our_headers[header], BTreeSet::from([request.body().len().to_string()]), "{name}");
                continue;
            }
            // It keeps one of several values where an event has both `headers` and `multiValueHeaders`.
            assert!(our_headers[header].is_superset(theirs), "{name}: {header}: {our_headers:?}");
        }
    }
}

#[test]
fn a_site_that_panics_while_it_is_made_fails_the_start() {
    let (lambda, folder) = (lambda(), folder());
    let process = support::bootstrap(&lambda, &folder, &[("SITE_PANICS", "yes")]);
    let error = lambda.init_error(SOON).unwrap_or_else(|| panic!("it starts\n{}", support::output(&process)));
    let body: Value = serde_json::from_slice(&error.body).unwrap();
    assert!(body["errorMessage"].as_str().is_some_and(|text| text.contains("no site today")), "{body}");
    assert_eq!(lambda.polled().count, 0);
}
