use lambda_plugin_abi::testing;
use serde_json::{Value, json};

fn reply(handler: &str, event: Value) -> Value {
    let plugin = testing::start(json!({ "orders": { "1": "on its way" } })).unwrap();
    plugin.invoke(handler, event.to_string()).unwrap().json().unwrap()
}

#[test]
fn a_bot_asks_for_the_order_until_it_has_one() {
    let event = |slot: Value| {
        let intent = json!({ "name": "FindOrder", "slots": { "Order": slot } });
        json!({ "sessionState": { "intent": intent, "sessionAttributes": { "a": "b" } } })
    };
    let asked = reply("bot", event(Value::Null));
    assert_eq!(asked["sessionState"]["dialogAction"], json!({ "type": "ElicitSlot", "slotToElicit": "Order" }));
    let done = reply("bot", event(json!({ "value": { "interpretedValue": "1" } })));
    assert_eq!(done["sessionState"]["intent"]["state"], "Fulfilled");
    assert_eq!(done["sessionState"]["sessionAttributes"], json!({ "a": "b" }));
    assert_eq!(done["messages"][0]["content"], "Your order is on its way.");

    let intent = json!({ "name": "FindOrder", "slots": { "Order": null } });
    let asked = reply("bot_v1", json!({ "currentIntent": intent }));
    assert_eq!(asked["dialogAction"]["type"], "ElicitSlot");
}

#[test]
fn a_skill_that_is_opened_asks_and_one_that_is_closed_is_silent() {
    let opened = reply("skill", json!({ "request": { "type": "LaunchRequest", "requestId": "r" } }));
    assert_eq!(opened["response"]["shouldEndSession"], false);
    let closed = reply("skill", json!({ "request": { "type": "SessionEndedRequest", "reason": "USER_INITIATED" } }));
    assert_eq!(closed["response"], json!({}));
}

#[test]
fn an_agent_s_function_is_answered_with_text_and_its_api_with_json() {
    let parameters = json!([{ "name": "id", "type": "integer", "value": "2" }]);
    let function = reply("agent", json!({ "actionGroup": "orders", "function": "find", "parameters": parameters }));
    assert_eq!(function["response"]["functionResponse"]["responseBody"]["TEXT"]["body"], "There is no such order.");
    let event = json!({ "actionGroup": "orders", "apiPath": "/o", "httpMethod": "GET", "parameters": parameters });
    let api = reply("agent", event);
    assert_eq!(api["response"]["responseBody"]["application/json"]["body"], r#"{"state":"There is no such order."}"#);
}

#[test]
fn a_socket_s_message_that_is_no_question_is_told_what_one_is() {
    let context = json!({ "eventType": "MESSAGE", "connectionId": "c", "routeKey": "$default", "apiId": "a", "stage": "s" });
    let said = reply("socket", json!({ "requestContext": context, "body": "hello" }));
    assert_eq!(said, json!({ "statusCode": 400, "body": "Write {\"order\":1}." }));
}
