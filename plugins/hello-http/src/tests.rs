//! A site is called as API Gateway calls it: with an event, and it answers with one.

use lambda_plugin_abi::testing::{self, Invocation, Plugin};
use serde_json::{Value, json};

fn site() -> Plugin {
    testing::start(json!({ "greeting": "good day" })).unwrap()
}

/// A request as an HTTP API sends it, payload 2.0.
fn request(method: &str, path: &str, query: &str, body: Value) -> String {
    let event = json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": query,
        "headers": { "content-type": "application/json", "host": "localhost" },
        "requestContext": { "http": { "method": method, "path": path }, "stage": "$default" },
        "body": if body.is_null() { None } else { Some(body.to_string()) },
    });
    event.to_string()
}

fn get(site: &Plugin, path: &str, query: &str) -> Value {
    site.invoke("web", request("GET", path, query, Value::Null)).unwrap().json().unwrap()
}

#[test]
fn paths_and_queries_reach_the_router() {
    let site = site();
    assert_eq!(get(&site, "/hello/Ada", "")["body"], "good day, Ada");
    assert_eq!(get(&site, "/hello/Ada", "loud=true")["body"], "GOOD DAY, ADA");
    assert_eq!(get(&site, "/nowhere", "")["statusCode"], 404);
}

#[test]
fn the_first_page_shows_the_request_s_id_and_sets_cookies() {
    let invocation = Invocation::new().source("api-gateway-http").request_id("r-7");
    let reply = site().invoke_as(invocation, "web", request("GET", "/", "", Value::Null)).unwrap();
    let reply: Value = reply.json().unwrap();
    assert_eq!(reply["body"], "<h1>good day</h1>\n<p>request r-7</p>\n");
    assert_eq!(reply["cookies"], json!(["seen=yes; Path=/", "theme=dark; Path=/"]));
}

#[test]
fn notes_are_kept_until_they_are_swept() {
    let site = site();
    let added = site.invoke("web", request("POST", "/notes", "", json!({ "text": "milk" }))).unwrap();
    let added: Value = added.json().unwrap();
    assert_eq!((&added["statusCode"], &added["headers"]["location"]), (&json!(201), &json!("/notes/1")));
    assert_eq!(get(&site, "/notes", "")["body"], r#"[{"text":"milk"}]"#);
    assert_eq!(site.invoke("sweep", "{}").unwrap().json::<usize>().unwrap(), 1);
    assert_eq!(get(&site, "/notes", "")["body"], "[]");
}

#[test]
fn bytes_that_are_no_text_go_in_base64() {
    let reply = get(&site(), "/pixel.gif", "");
    assert_eq!(reply["isBase64Encoded"], true);
    assert!(reply["body"].as_str().unwrap().starts_with("R0lGODlh"), "{reply}");
}

#[test]
fn a_count_comes_number_by_number() {
    let reply = site().invoke("web", request("GET", "/count/3", "", Value::Null)).unwrap();
    assert_eq!(reply.pieces(), ["1\n", "2\n", "3\n"]);
    let prelude = reply.prelude().unwrap();
    assert_eq!((prelude.status_code, prelude.headers["content-type"].as_str()), (200, "text/plain"));
}
