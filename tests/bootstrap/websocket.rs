//! WebSocket events: by route key and stage, and what happens where no route takes one.

use serde_json::{Value, json};

use crate::lines;
use crate::support::lambda;
use crate::world::{World, folder};

fn event(kind: &str, route_key: &str, stage: &str) -> String {
    let sample = include_str!("../../loader/command/event/samples/websocket.json");
    let mut event: Value = serde_json::from_str(sample).unwrap();
    event["requestContext"]["eventType"] = kind.into();
    event["requestContext"]["routeKey"] = route_key.into();
    event["requestContext"]["stage"] = stage.into();
    event.to_string()
}

fn world() -> World {
    let routes = json!({
        "orders": { "source": "websocket", "route_key": "orders", "stage": "prod", "to": "echo" },
        "broken": { "source": "websocket", "route_key": "broken", "to": "misbehave.error" },
        "kind": { "source": "websocket", "route_key": "kind", "on_failure": "respond", "to": "misbehave.panic" },
    });
    World::start(lambda(), folder(&["misbehave", "echo"], json!({ "routes": routes })), &[])
}

#[test]
fn route_key_and_stage_lead_to_the_handler() {
    let world = world();
    let ours = event("MESSAGE", "orders", "prod");
    assert_eq!(world.response(ours.clone()).body, ours);
    assert_eq!(world.reply(event("MESSAGE", "orders", "dev"))["statusCode"], 404);
    assert_eq!(world.reply(event("MESSAGE", "Orders", "prod"))["statusCode"], 404);
}

#[test]
fn without_a_route_nobody_connects_messages_are_not_found_and_goodbyes_are_taken_with_a_warning() {
    let world = world();
    let check = |kind: &str, route_key: &str, status: u16, body: &str, level: &str| {
        let answer = world.ask(event(kind, route_key, "prod"));
        let reply: Value = serde_json::from_slice(&answer.response().unwrap_or_else(|| panic!("{answer:?}")).body).unwrap();
        let headers = json!({ "content-type": "application/json" });
        assert_eq!(reply, json!({ "statusCode": status, "headers": headers, "body": body, "isBase64Encoded": false }), "{kind}");
        let line = lines::line_of(&world.process, &[&answer.request_id, "code=no-route"]);
        assert!(line.contains(level) && line.contains("source=websocket"), "{line}");
    };
    check("CONNECT", "$connect", 403, r#"{"message":"Forbidden"}"#, " ERROR ");
    check("MESSAGE", "$default", 404, r#"{"message":"Not Found"}"#, " ERROR ");
    check("DISCONNECT", "$disconnect", 200, r#"{"message":"OK"}"#, " WARN ");
}

#[test]
fn a_failed_handler_is_an_error_or_where_the_route_says_so_a_500() {
    let world = world();
    assert_eq!(world.error(event("CONNECT", "broken", "prod"))[0], "Function.OutOfStock");
    let answer = world.ask(event("MESSAGE", "kind", "prod"));
    let reply: Value = serde_json::from_slice(&answer.response().unwrap_or_else(|| panic!("{answer:?}")).body).unwrap();
    let body = json!({ "message": "Internal Server Error", "requestId": answer.request_id });
    assert_eq!((&reply["statusCode"], &reply["body"]), (&500.into(), &body.to_string().into()));
}
