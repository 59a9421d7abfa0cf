//! A plugin that is a web application and nothing else, and what becomes of one that fails.

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
    let body = "GET /a?parameter1=value1&parameter1=value2&parameter2=value\nposted";
    let reply = |path: &str| world.reply(request(path));
    assert_eq!(reply("/a"), json!({ "statusCode": 200, "headers": {}, "body": body, "isBase64Encoded": false }));
    let own = |kind: &str| [format!("Function.{kind}"), kind.to_owned(), "the source ran dry".to_owned()];
    assert_eq!(world.error(request("/error")), own("HttpService"));
    assert_eq!(world.error(request("/body-error")), own("HttpBody"));
    let [header, _, message] = world.error(request("/panic"));
    assert_eq!(header, "Runtime.LoaderHandlerPanicked");
    assert!(message.contains("tests/fixtures/site.rs:") && message.ends_with(": the site went wrong"), "{message}");
    assert_eq!(reply("/a")["body"], body, "it serves on");
}

#[test]
fn a_site_that_panics_while_it_is_made_fails_the_start() {
    let lambda = lambda();
    let process = support::bootstrap(&lambda, &folder(), &[("SITE_PANICS", "yes")]);
    let error = lambda.init_error(SOON).unwrap_or_else(|| panic!("it starts\n{}", support::output(&process)));
    let body: Value = serde_json::from_slice(&error.body).unwrap();
    assert!(body["errorMessage"].as_str().is_some_and(|text| text.contains("no site today")), "{body}");
    assert_eq!(lambda.polled().count, 0);
}
