use lambda_plugin_abi::testing;
use serde_json::{Value, json};

fn reply(handler: &str, event: Value) -> Value {
    testing::start(()).unwrap().invoke(handler, event.to_string()).unwrap().json().unwrap()
}

#[test]
fn every_record_is_answered_for_and_each_as_it_deserves() {
    // {"order":250}, {"order":1,"test":true}, hello
    let data = ["eyJvcmRlciI6MjUwfQ==", "eyJvcmRlciI6MSwidGVzdCI6dHJ1ZX0=", "aGVsbG8="];
    let record = |(id, data)| json!({ "recordId": format!("r-{id}"), "approximateArrivalTimestamp": 0, "data": data });
    let records: Vec<_> = data.iter().enumerate().map(record).collect();
    let answers = reply("records", json!({ "invocationId": "i", "records": records }));
    let results: Vec<_> =
        answers["records"].as_array().unwrap().iter().map(|answer| [&answer["recordId"], &answer["result"]]).collect();
    assert_eq!(json!(results), json!([["r-0", "Ok"], ["r-1", "Dropped"], ["r-2", "ProcessingFailed"]]));
    let first = &answers["records"][0];
    assert_eq!(first["data"], "eyJvcmRlciI6MjUwfQo=", "a line");
    assert_eq!(first["metadata"]["partitionKeys"], json!({ "hundred": "2" }));
    assert_eq!(answers["records"][2]["data"], "aGVsbG8=", "as it came");
}

#[test]
fn logs_that_are_not_packed_as_they_should_be_are_no_event() {
    let error = testing::start(()).unwrap().invoke("errors", r#"{"awslogs":{"data":"c2VjcmV0"}}"#).unwrap_err();
    assert_eq!((error.kind(), error.message()), ("EventDecode", "event: logs that are no gzip"));
}

#[test]
fn a_task_of_another_kind_of_object_fails_for_good() {
    let tasks = ["a.json", "b.csv"].map(|key| json!({ "taskId": key, "s3Key": key }));
    let event = json!({ "invocationSchemaVersion": "1.0", "invocationId": "i", "job": { "id": "j" }, "tasks": tasks });
    let codes =
        reply("objects", event)["results"].as_array().unwrap().iter().map(|result| result["resultCode"].clone()).collect();
    assert_eq!(Value::Array(codes), json!(["Succeeded", "PermanentFailure"]));
}
