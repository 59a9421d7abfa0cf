use super::*;

const FIFO: Option<&str> = Some("arn:aws:sqs:us-east-1:1:q.fifo");

fn alone(event: &str, source: Source) -> Vec<String> {
    let records = Records::read(event.as_bytes(), source, None).unwrap();
    (0..records.len()).map(|index| String::from_utf8(records.alone(index).unwrap().to_vec()).unwrap()).collect()
}

#[test]
fn one_record_stands_in_the_bytes_of_its_event() {
    let event = r#"{ "a": 1.50, "Records" : [ {"messageId":"1","n":1e999} , {"messageId":"\u0032"} ], "z":[null] }"#;
    assert_eq!(
        alone(event, Source::Sqs),
        [
            r#"{ "a": 1.50, "Records" : [{"messageId":"1","n":1e999}], "z":[null] }"#,
            r#"{ "a": 1.50, "Records" : [{"messageId":"\u0032"}], "z":[null] }"#,
        ]
    );
    let event = r#"{"records":{"a-0":[{"offset":1},{"offset":2}],"b-0":[{"offset":1}]},"eventSource":"aws:kafka"}"#;
    assert_eq!(
        alone(event, Source::Kafka),
        [
            r#"{"records":{"a-0":[{"offset":1}]},"eventSource":"aws:kafka"}"#,
            r#"{"records":{"a-0":[{"offset":2}]},"eventSource":"aws:kafka"}"#,
            r#"{"records":{"b-0":[{"offset":1}]},"eventSource":"aws:kafka"}"#,
        ]
    );
}

#[test]
fn only_what_has_no_order_may_be_overtaken() {
    #[track_caller]
    fn check(event: &str, source: Source, resource: Option<&str>, expected: &[&[usize]]) {
        let records = Records::read(event.as_bytes(), source, resource).unwrap();
        assert_eq!(records.lanes().iter().map(|lane| Vec::from(lane.clone())).collect::<Vec<_>>(), expected);
    }
    let queue = r#"{"Records":[{"messageId":"1","attributes":{"MessageGroupId":"a"}},{"messageId":"2","attributes":{"MessageGroupId":"b"}},
        {"messageId":"3","attributes":{"MessageGroupId":"\u0061"}},{"messageId":"4"},{"messageId":"5","attributes":{}}]}"#;
    check(queue, Source::Sqs, FIFO, &[&[0, 2], &[1], &[3, 4]]);
    check(queue, Source::Sqs, Some("arn:aws:sqs:us-east-1:1:q"), &[&[0], &[1], &[2], &[3], &[4]]);
    let shard = r#"{"Records":[{"kinesis":{"sequenceNumber":"1"}},{"kinesis":{"sequenceNumber":"2"}}]}"#;
    check(shard, Source::Kinesis, None, &[&[0, 1]]);
    let table = r#"{"Records":[{"dynamodb":{"SequenceNumber":"1"}},{"dynamodb":{"SequenceNumber":"2"}}]}"#;
    check(table, Source::Dynamodb, None, &[&[0, 1]]);
    let topics = r#"{"records":{"a-0":[{"offset":1},{"offset":2}],"e-0":[],"a-1":[{"offset":1}]}}"#;
    check(topics, Source::Kafka, None, &[&[0, 1], &[2]]);
}

#[test]
fn a_record_that_cannot_be_told_from_the_others_makes_the_event_malformed() {
    #[track_caller]
    fn check(event: &str, source: Source, what: &str) {
        let refusal = Records::read(event.as_bytes(), source, None).unwrap_err();
        assert_eq!(refusal.code, Code::BatchMalformed);
        assert_eq!(refusal.what, format!("this `{source}` event {what}"), "{event}");
    }
    let missing = "has a record without an identifier, after record 0";
    check(r#"{"Records":[{}]}"#, Source::Sqs, missing);
    check(r#"{"Records":[{"messageId":""}]}"#, Source::Sqs, missing);
    check(r#"{"Records":[{"messageId":null}]}"#, Source::Sqs, missing);
    check(r#"{"Records":[{"messageId":7}]}"#, Source::Sqs, missing);
    check(r#"{"Records":[{"kinesis":{}}]}"#, Source::Kinesis, missing);
    check(r#"{"Records":[{"dynamodb":{"sequenceNumber":"1"}}]}"#, Source::Dynamodb, missing);
    for offset in ["\"1\"", "-1", "1.0", "1e2", "null", "123456789012345678901"] {
        check(&format!(r#"{{"records":{{"a-0":[{{"offset":{offset}}}]}}}}"#), Source::Kafka, missing);
    }
    let twice = "has two records of one identifier, after record 1";
    check(r#"{"Records":[{"messageId":"1"},{"messageId":"\u0031"}]}"#, Source::Sqs, twice);
    check(r#"{"records":{"a-0":[{"offset":1},{"offset":1}]}}"#, Source::Kafka, twice);
    check(r#"{"records":{"a-0":[{"offset":1}],"\u0061-0":[{"offset":1}]}}"#, Source::Kafka, twice);
    check(
        r#"{"Records":[{"messageId":"1","messageId":"2"}]}"#,
        Source::Sqs,
        "has a key twice that identifies records, after record 0",
    );
    check(r#"{"Records":["x"]}"#, Source::Sqs, "has something else where an object should be, after record 0");
    check(r#"{"Records":{}}"#, Source::Sqs, "has something else where a list should be, after record 0");
    check(r#"{"records":[]}"#, Source::Kafka, "has something else where an object should be, after record 0");
    check(r#"{"records":{}}"#, Source::Kafka, "has no records");
    check(r#"{"Records":[]}"#, Source::Sqs, "has no records");
    check(r#"{"Records":[{"messageId":"1"}]}"#, Source::Kafka, "has no `records`");
    check("[]", Source::Sqs, "has something else where an object should be");
}

#[test]
fn a_reply_may_name_records_of_the_batch_and_no_others() {
    #[track_caller]
    fn check(event: &str, source: Source, reply: &str, expected: Result<&[usize], Code>) {
        let records = Records::read(event.as_bytes(), source, None).unwrap();
        let named = Reported::of(reply.as_bytes())
            .and_then(|reported| reported.map_or(Ok(Vec::new()), |reported| records.named(&reported)));
        assert_eq!(named.as_deref().map_err(|refusal| refusal.code), expected, "{reply}");
    }
    let queue = r#"{"Records":[{"messageId":"1"},{"messageId":"2"}]}"#;
    for nothing in
        ["null", "{}", "[]", "7", r#"{"batchItemFailures":[]}"#, r#"{"batchItemFailures":null}"#, r#"["batchItemFailures"]"#]
    {
        check(queue, Source::Sqs, nothing, Ok(&[]));
    }
    check(queue, Source::Sqs, r#"{"batchItemFailures":[{"itemIdentifier":"2"}]}"#, Ok(&[1]));
    check(
        queue,
        Source::Sqs,
        r#" {"x":[],"batch\u0049temFailures" : [ {"itemIdentifier":"\u0032","y":1}, {"itemIdentifier":"1"} ]}"#,
        Ok(&[1, 0]),
    );
    for stray in [
        r#"{"itemIdentifier":"3"}"#,
        r#"{"itemIdentifier":""}"#,
        r#"{"itemIdentifier":null}"#,
        r#"{"ItemIdentifier":"1"}"#,
        "{}",
        "\"1\"",
        "null",
    ] {
        check(
            queue,
            Source::Sqs,
            &format!(r#"{{"batchItemFailures":[{{"itemIdentifier":"1"}},{stray}]}}"#),
            Err(Code::RecordUnknown),
        );
    }
    for no_list in ["{}", "\"1\"", "true"] {
        check(queue, Source::Sqs, &format!(r#"{{"batchItemFailures":{no_list}}}"#), Err(Code::ReplyMalformed));
    }
    check(
        queue,
        Source::Sqs,
        r#"{"batchItemFailures":[],"batchItemFailures":[{"itemIdentifier":"1"}]}"#,
        Err(Code::ReplyMalformed),
    );
    let topics = r#"{"records":{"a-0":[{"offset":1},{"offset":2}],"a-1":[{"offset":1}]}}"#;
    let reply = |item: &str| format!(r#"{{"batchItemFailures":[{{"itemIdentifier":{item}}}]}}"#);
    check(topics, Source::Kafka, &reply(r#"{"partition":"a-1","offset":1}"#), Ok(&[2]));
    check(topics, Source::Kafka, &reply(r#"{"offset":2,"partition":"\u0061-0"}"#), Ok(&[1]));
    for stray in
        [r#"{"partition":"a-1","offset":2}"#, r#"{"partition":"a-1","offset":"1"}"#, r#"{"partition":"a-1"}"#, "\"1\"", "\"a-1\""]
    {
        check(topics, Source::Kafka, &reply(stray), Err(Code::RecordUnknown));
    }
}

#[test]
fn what_is_reported_names_the_records_as_the_event_does() {
    let event = r#"{"Records":[{"messageId":"1"},{"messageId":"\u0032"},{"messageId":"3"}]}"#;
    let records = Records::read(event.as_bytes(), Source::Sqs, None).unwrap();
    assert_eq!(records.report(std::iter::empty()), r#"{"batchItemFailures":[]}"#);
    assert_eq!(
        records.report([1, 2].into_iter()),
        r#"{"batchItemFailures":[{"itemIdentifier":"\u0032"},{"itemIdentifier":"3"}]}"#
    );
    let event = r#"{"records":{"a-0":[{"offset":1},{"offset":2}]}}"#;
    let records = Records::read(event.as_bytes(), Source::Kafka, None).unwrap();
    let reply = records.report([0, 1].into_iter());
    assert_eq!(
        reply,
        r#"{"batchItemFailures":[{"itemIdentifier":{"partition":"a-0","offset":1}},{"itemIdentifier":{"partition":"a-0","offset":2}}]}"#
    );
    assert_eq!(records.named(&Reported::of(&reply).unwrap().unwrap()).unwrap(), [0, 1]);
}
