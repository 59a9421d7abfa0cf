use lambda_plugin_abi::testing;
use serde_json::{Value, json};

fn reply(handler: &str, event: Value) -> Value {
    testing::start(()).unwrap().invoke(handler, event.to_string()).unwrap().json().unwrap()
}

fn of_source(source: Value) -> Value {
    let info = json!({ "selectionSetGraphQL": "", "parentTypeName": "Order", "fieldName": "price", "variables": {} });
    json!({ "arguments": {}, "source": source, "request": {}, "info": info, "stash": {} })
}

#[test]
fn one_of_a_batch_may_fail_and_the_others_keep_their_places() {
    let batch = [json!({ "id": "1" }), json!({ "id": "x" }), json!({ "id": "3" })].map(of_source);
    let results = reply("prices", json!(batch));
    let data: Vec<_> = results.as_array().unwrap().iter().map(|result| &result["data"]).collect();
    assert_eq!(data, [&json!(10), &Value::Null, &json!(30)]);
    assert_eq!(results[1]["errorType"], "OrderMissing");
}

#[test]
fn what_is_published_without_an_order_is_kept_from_the_channel() {
    let info = json!({ "operation": "PUBLISH", "channel": { "segments": ["default", "orders"] } });
    let events = json!([{ "id": "a", "payload": { "order": 1 } }, { "id": "b", "payload": "hello" }]);
    let passed = reply("channel", json!({ "info": info, "events": events }));
    let expected = json!([{ "id": "a", "payload": { "order": 1 } }, { "id": "b", "error": "not an order" }]);
    assert_eq!(passed["events"], expected);
}

#[test]
fn one_channel_is_subscribed_to_and_all_of_them_are_not() {
    let subscribe =
        |segments: Value| json!({ "info": { "operation": "SUBSCRIBE", "channel": { "segments": segments } }, "events": null });
    assert_eq!(reply("channel", subscribe(json!(["default", "orders"]))), Value::Null);
    assert_eq!(reply("channel", subscribe(json!(["default", "*"]))), json!({ "error": "subscribe to one channel" }));
}
