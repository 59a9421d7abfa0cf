use super::super::{Match, order};
use super::*;

/// A table of the routes given as the inside of JSON objects, tried in their order; a route's number is its place in the list.
fn table(routes: &[&str]) -> (Table, Vec<usize>) {
    let parse = |text: &&str| Match::parse(&serde_json::from_str(&format!(r#"{{"to":"p",{text}}}"#)).unwrap()).unwrap();
    let matches: Vec<Match> = routes.iter().map(parse).collect();
    let order = order(&matches).unwrap();
    (Table::build(order.iter().map(|index| &matches[*index])), order)
}

#[track_caller]
fn picks(routes: &[&str], event: &str, source: Source, expected: Option<usize>) {
    let (table, order) = table(routes);
    let routed = table.route(event.as_bytes()).unwrap_or_else(|refusal| panic!("{refusal}: {event}"));
    assert_eq!((routed.source, routed.route.map(|number| order[number])), (source, expected), "{event}");
}

#[track_caller]
fn is(event: &str, source: Source, resource: Option<&str>) {
    let routed = table(&[]).0.route(event.as_bytes()).map(|routed| (routed.source, routed.resource.map(Cow::into_owned)));
    assert_eq!(routed.map_err(|refusal| refusal.to_string()), Ok((source, resource.map(str::to_owned))), "{event}");
}

#[track_caller]
fn refused(event: &[u8], code: Code, what: &str) {
    let refusal = table(&[]).0.route(event).unwrap_err();
    assert_eq!((refusal.code, refusal.place.as_str(), refusal.what.as_str()), (code, "event", what), "{}", event.escape_ascii());
}

fn sqs(name: &str) -> String {
    format!(
        r#"{{"messageId":"1","body":"{{\"eventSource\":\"aws:sns\"}}","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:{name}"}}"#
    )
}

const ORDERS: &str = "arn:aws:sqs:eu-west-1:123456789012:orders";

#[test]
fn what_has_no_mark_is_direct() {
    for event in [
        "null",
        "[]",
        "1",
        "\"x\"",
        "{}",
        " {} ",
        "[null]",
        "[[]]",
        r#"{"Records":[]}"#,
        r#"{"Records":{}}"#,
        r#"{"Records":"x"}"#,
    ] {
        is(event, Source::Direct, None);
    }
    is(r#"{"Records":[{"eventSource":null}]}"#, Source::Direct, None);
    is(r#"{"records":[{"eventSource":"aws:sqs"}]}"#, Source::Direct, None);
    is(r#"{"Records":[{"eventSource":"aws:SQS"}]}"#, Source::Direct, None);
    is(r#"{"Records":[{"eventSource":["aws:sqs"]}]}"#, Source::Direct, None);
    is(r#"{"n":1e999,"s":"\ud800"}"#, Source::Direct, None);
}

#[test]
fn order_of_keys_white_space_and_escapes_make_no_difference() {
    is(&format!(r#"{{"Records":[{}]}}"#, sqs("orders")), Source::Sqs, Some(ORDERS));
    is(&format!(r#"{{"z":1,"Records":[{},{}],"a":{{}}}}"#, sqs("orders"), sqs("orders")), Source::Sqs, Some(ORDERS));
    is(
        r#"{"\u0052ecords" : [ {"eventSourceARN":"arn\u003aaws:sqs:e:1:q", "event\u0053ource":"aws\u003Asqs"} ] }"#,
        Source::Sqs,
        Some("arn:aws:sqs:e:1:q"),
    );
    is(r#"{"Records":[{"eventSource":"aws:sqs","eventSourceARN":null}]}"#, Source::Sqs, None);
    is(r#"{"Records":[{"eventSource":"aws:sqs","eventSourceARN":7}]}"#, Source::Sqs, None);
}

#[test]
fn the_first_row_that_fits_wins() {
    is(
        r#"{"type":"TOKEN","methodArn":"arn:m","httpMethod":"GET","requestContext":{"elb":{}}}"#,
        Source::Authorizer,
        Some("arn:m"),
    );
    is(r#"{"type":null,"methodArn":"arn:m","httpMethod":"GET","requestContext":{"elb":{}}}"#, Source::Alb, None);
    is(r#"{"httpMethod":"GET","requestContext":{"apiId":"a"},"version":"1.0"}"#, Source::ApiGatewayHttp, Some("a"));
    is(r#"{"httpMethod":"GET","requestContext":{"apiId":"a"},"version":1.0}"#, Source::ApiGatewayRest, Some("a"));
    is(
        r#"{"requestContext":{"http":{},"apiId":"a","domainName":"x.lambda-url.eu-west-1.on.aws"}}"#,
        Source::FunctionUrl,
        Some("a"),
    );
    is(r#"{"requestContext":{"http":{},"apiId":"a","domainName":"a.com"}}"#, Source::ApiGatewayHttp, Some("a"));
    is(r#"{"requestContext":{"http":null},"detail-type":"x","source":"y"}"#, Source::Eventbridge, None);
    is(
        r#"{"detail-type":"Scheduled Event","source":"aws.scheduler","resources":["r"],"detail":"{}"}"#,
        Source::Schedule,
        Some("r"),
    );
    is(r#"{"detail-type":"Scheduled Event","source":"mine","resources":[]}"#, Source::Eventbridge, None);
    is(r#"[{"info":{"fieldName":"f"}},{"info":{"fieldName":"f"}}]"#, Source::Appsync, None);
}

#[test]
fn an_operation_has_exactly_its_keys() {
    for event in [r#"{"operation":"x"}"#, r#"{"input":{"a":1},"operation":"x"}"#, r#"{"operation":"x","input":null}"#] {
        is(event, Source::Operation, None);
    }
    for event in
        [r#"{"operation":"x","more":1}"#, r#"{"operation":7}"#, r#"{"operation":null}"#, r#"{"input":1}"#, r#"["operation"]"#]
    {
        is(event, Source::Direct, None);
    }
    picks(&[r#""source":"operation","name":"a""#], r#"{"operation":"a"}"#, Source::Operation, Some(0));
    picks(&[r#""source":"operation","name":"a""#], r#"{"operation":"b"}"#, Source::Operation, None);
    picks(&[r#""source":"direct""#], r#"{"operation":"a"}"#, Source::Operation, None);
}

#[test]
fn what_is_refused_by_name() {
    let zappa = |what: &str| format!("this is Zappa's {what}");
    refused(br#"{"Records":[{"cf":{"config":{}}}]}"#, Code::EventRefused, "this is a Lambda@Edge event");
    refused(br#"{"raw_command":"import os"}"#, Code::EventRefused, &zappa("`raw_command`, which ran event data as code"));
    refused(br#"{"command":"a.b"}"#, Code::EventRefused, &zappa("`command`, which imported what the event named"));
    refused(br#"{"manage":"migrate"}"#, Code::EventRefused, &zappa("`manage`, which ran what the event named"));
    let refusal = table(&[]).0.route(br#"{"manage":"migrate"}"#).unwrap_err();
    assert!(refusal.hint.is_some_and(|hint| hint.contains("`operation`")));
    is(r#"{"command":"stop","device":7}"#, Source::Direct, None);
    is(r#"{"command":null}"#, Source::Direct, None);
}

#[test]
fn records_of_several_resources_are_refused() {
    let what = |source: &str| format!("the records of this `{source}` event are of several sources or resources");
    let batch = |records: &[String]| format!(r#"{{"Records":[{}]}}"#, records.join(",")).into_bytes();
    refused(&batch(&[sqs("orders"), sqs("returns")]), Code::EventMixed, &what("sqs"));
    refused(&batch(&[sqs("orders"), r#"{"EventSource":"aws:sns"}"#.into()]), Code::EventMixed, &what("sqs"));
    refused(&batch(&[r#"{"EventSource":"aws:sns"}"#.into(), sqs("orders")]), Code::EventMixed, &what("sqs"));
    refused(&batch(&[sqs("orders"), "{}".into()]), Code::EventMixed, &what("sqs"));
    refused(&batch(&["7".into(), sqs("orders")]), Code::EventMixed, &what("sqs"));
    refused(&batch(&[sqs("orders"), r#"{"cf":1}"#.into()]), Code::EventMixed, &what("sqs"));
    refused(&batch(&[sqs("orders"), r#"{"eventSource":"aws:kinesis"}"#.into()]), Code::EventMixed, &what("sqs"));
}

#[test]
fn records_that_differ_only_in_a_key_that_no_route_reads_are_routed() {
    let record = |key: &str| {
        format!(
            r#"{{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{{"bucket":{{"arn":"arn:aws:s3:::b"}},"object":{{"key":"{key}"}}}}}}"#
        )
    };
    let event = format!(r#"{{"Records":[{},{}]}}"#, record("in/a"), record("out/b"));
    picks(&[r#""source":"s3","resource":"b","event":"ObjectCreated:*""#], &event, Source::S3, Some(0));
    picks(&[r#""source":"s3","resource":"c","key_prefix":"in/""#], &event, Source::S3, None);
    let (table, _) = table(&[r#""source":"s3","key_prefix":"in/""#]);
    let refusal = table.route(event.as_bytes()).unwrap_err();
    assert_eq!(
        (refusal.code, refusal.what.as_str()),
        (Code::EventMixed, "the records of this `s3` event differ in what the route key `key_prefix` reads")
    );
}

#[test]
fn a_key_given_twice_is_refused() {
    let what = |pointer: &str, at: usize| format!("the key `{pointer}` is given a second time at byte {at}");
    refused(br#"{"Records":[],"Records":[{"eventSource":"aws:sqs"}]}"#, Code::EventAmbiguous, &what("/Records", 14));
    refused(br#"{"operation":"a","\u006fperation":"b"}"#, Code::EventAmbiguous, &what("/operation", 17));
    refused(br#"{"operation":"a","operation":null}"#, Code::EventAmbiguous, &what("/operation", 17));
    is(r#"{"x":1,"x":2}"#, Source::Direct, None);
    let (table, _) = table(&[r#""source":"direct","where":{"/x":"a"}"#]);
    assert_eq!(table.route(br#"{"x":1,"x":"a"}"#).unwrap_err().what, what("/x", 7));
}

#[test]
fn a_key_given_twice_in_what_only_some_routes_read_is_refused_where_one_does() {
    let mail = r#"{"Records":[{"eventSource":"aws:ses","ses":{"receipt":{"recipients":["a@x.org"],"recipients":[]}}}]}"#;
    let (reads, _) = table(&[r#""source":"ses","recipient":"*@x.org""#, r#""source":"ses""#]);
    let refusal = reads.route(mail.as_bytes()).unwrap_err();
    let what = "what the route key `recipient` reads is given twice in one object of this `ses` event";
    assert_eq!((refusal.code, refusal.what.as_str()), (Code::EventAmbiguous, what));
    let (reads_not, _) = table(&[r#""source":"ses""#]);
    assert_eq!(reads_not.route(mail.as_bytes()).unwrap().route, Some(0));
}

#[test]
fn what_is_not_json_is_refused_before_anything_else() {
    refused(b"", Code::EventNotJson, "not JSON at byte 0: the text ends too early");
    refused(br#"{"Records":[],"Records":[}"#, Code::EventNotJson, "not JSON at byte 25: no value begins like this");
    refused(br#"{"operation":"a"} {}"#, Code::EventNotJson, "not JSON at byte 18: something follows the value");
    refused(b"{\"a\":\"\xff\"}", Code::EventNotJson, "not JSON at byte 6: a string is not UTF-8");
    refused(b"\"\xed\xa0\x80\"", Code::EventNotJson, "not JSON at byte 1: a string is not UTF-8");
    refused(b"\xef\xbb\xbf{}", Code::EventNotJson, "not JSON at byte 0: no value begins like this");
}

#[test]
fn the_message_of_a_refusal_holds_nothing_of_the_event() {
    let secret = "hunter2";
    for event in [
        format!(r#"{{"{secret}":"{secret}" {secret}}}"#),
        format!(r#"{{"operation":"{secret}","operation":"{secret}"}}"#),
        format!(r#"{{"manage":"{secret}"}}"#),
        format!(r#"{{"Records":[{},{}]}}"#, sqs(secret), sqs("x")),
    ] {
        assert!(!table(&[]).0.route(event.as_bytes()).unwrap_err().to_string().contains(secret), "{event}");
    }
}

#[test]
fn resources_choose_the_route() {
    let routes =
        [r#""source":"sqs""#, r#""source":"sqs","resource":"ord*""#, &format!(r#""source":"sqs","resource":"{ORDERS}""#)];
    let event = |name| format!(r#"{{"Records":[{}]}}"#, sqs(name));
    picks(&routes, &event("orders"), Source::Sqs, Some(2));
    picks(&routes, &event("order"), Source::Sqs, Some(1));
    picks(&routes, &event("returns"), Source::Sqs, Some(0));
    picks(&routes[1..2], &event("returns"), Source::Sqs, None);
    picks(&routes[1..2], r#"{"Records":[{"eventSource":"aws:sqs"}]}"#, Source::Sqs, None);
}

#[test]
fn wheres_choose_the_route() {
    let routes = [
        r#""source":"direct","where":{"/job":"a","/dry":true}"#,
        r#""source":"direct","where":{"/job":"a"}"#,
        r#""source":"eventbridge","event_source":"my.*","where":{"/detail/state":"ready"}"#,
    ];
    picks(&routes, r#"{"job":"a","dry":false}"#, Source::Direct, Some(0));
    picks(&routes, r#"{"job":"\u0061","dry":null}"#, Source::Direct, Some(1));
    picks(&routes, r#"{"job":["a"]}"#, Source::Direct, None);
    picks(&routes, r#"{"detail-type":"t","source":"my.app","detail":{"state":"ready"}}"#, Source::Eventbridge, Some(2));
    picks(&routes, r#"{"detail-type":"t","source":"my.app","detail":{"state":"done"}}"#, Source::Eventbridge, None);
    picks(&routes, r#"{"detail-type":"t","source":"aws.ec2","detail":{"state":"ready"}}"#, Source::Eventbridge, None);
    picks(&[r#""source":"direct","where":{"/0/k":"v"}"#], r#"[{"k":"v","info":1}]"#, Source::Direct, Some(0));
    picks(&[r#""source":"direct","where":{"/a~1b/":"v"}"#], r#"{"a/b":{"":"v"}}"#, Source::Direct, Some(0));
}

fn rest(method: &str, path: &str, host: &str) -> String {
    format!(
        r#"{{"httpMethod":"{method}","path":"{path}","headers":{{"Host":"{host}"}},"requestContext":{{"apiId":"api","stage":"prod"}}}}"#
    )
}

#[test]
fn http_routes_fall_through_to_the_next_that_takes_the_request() {
    let routes = [
        r#""source":"http","path":"/a","method":"GET""#,
        r#""source":"http","path":"/{*rest}""#,
        r#""source":"http","host":"*.example.com","path":"/a","method":"PUT""#,
        r#""source":"api-gateway-rest","stage":"prod","path":"/only/{id}""#,
    ];
    let rest_source = Source::ApiGatewayRest;
    picks(&routes, &rest("GET", "/a", "x.net"), rest_source, Some(0));
    picks(&routes, &rest("POST", "/a", "x.net"), rest_source, Some(1));
    picks(&routes, &rest("PUT", "/a", "API.example.com:443"), rest_source, Some(2));
    picks(&routes, &rest("GET", "/a", "api.example.com"), rest_source, Some(0));
    picks(&routes, &rest("GET", "/%61", "x.net"), rest_source, Some(0));
    picks(&routes, &rest("GET", "/only/7", "x.net"), rest_source, Some(3));
    picks(&routes, &rest("GET", "/only/%2e%2e", "x.net"), rest_source, None);
    picks(&routes[..1], &rest("get", "/a", "x.net"), rest_source, None);
}

#[test]
fn what_an_http_reply_needs_to_know() {
    #[track_caller]
    fn check(event: &str, source: Source, expected: [Option<&str>; 4], payload: u8, multi_value: bool) {
        let (table, _) = table(&[]);
        let routed = table.route(event.as_bytes()).unwrap();
        let http = routed.http.unwrap();
        assert_eq!(routed.source, source);
        assert_eq!(
            [http.method.as_deref(), http.path.as_deref(), http.host.as_deref(), http.stage.as_deref()],
            expected,
            "{event}"
        );
        assert_eq!((http.payload, http.multi_value_headers), (payload, multi_value), "{event}");
    }
    check(
        &rest("GET", "/prod/a", "A.com"),
        Source::ApiGatewayRest,
        [Some("GET"), Some("/prod/a"), Some("a.com"), Some("prod")],
        1,
        false,
    );
    check(
        r#"{"version":"2.0","rawPath":"/prod/a%20b","headers":{"host":"evil.net"},"requestContext":{"http":{"method":"PUT"},"stage":"prod","domainName":"a.com"}}"#,
        Source::ApiGatewayHttp,
        [Some("PUT"), Some("/a%20b"), Some("a.com"), Some("prod")],
        2,
        false,
    );
    check(
        r#"{"rawPath":"/prod/a","requestContext":{"http":{"method":"GET"},"stage":"$default","domainName":"x.lambda-url.eu-west-1.on.aws"}}"#,
        Source::FunctionUrl,
        [Some("GET"), Some("/prod/a"), Some("x.lambda-url.eu-west-1.on.aws"), None],
        2,
        false,
    );
    check(
        r#"{"httpMethod":"GET","path":"/","multiValueHeaders":{"HOST":["b.com:80","c.com"]},"requestContext":{"elb":{"targetGroupArn":"arn:t"}}}"#,
        Source::Alb,
        [Some("GET"), Some("/"), Some("b.com"), None],
        1,
        true,
    );
    check(
        r#"{"version":"2.0","path":"/a?x=/b","method":"GET","headers":{"host":["b.com"]},"requestContext":{"serviceNetworkArn":"arn:n"}}"#,
        Source::VpcLattice,
        [Some("GET"), Some("/a"), Some("b.com"), None],
        2,
        false,
    );
    check(r#"{"raw_path":"/a?x","method":"GET"}"#, Source::VpcLattice, [Some("GET"), Some("/a"), None, None], 1, false);
    check(r#"{"httpMethod":1,"requestContext":{}}"#, Source::ApiGatewayRest, [None, None, None, None], 1, false);
}

#[test]
fn no_truncation_and_no_changed_byte_panics() {
    let (table, _) = table(&[
        r#""source":"http","path":"/{*r}","host":"a.com""#,
        r#""source":"s3","key_prefix":"a""#,
        r#""source":"direct","where":{"/a/b":"c"}"#,
    ]);
    let record =
        r#"{"eventSource":"aws:s3","eventName":"O:\u0041","s3":{"bucket":{"arn":"arn:aws:s3:::b"},"object":{"key":"a%2"}}}"#;
    for event in [format!(r#"{{"Records":[{record},{record}],"a":{{"b":"c\n"}}}}"#), rest("GET", "/%", "é:1")] {
        assert!(table.route(event.as_bytes()).is_ok());
        for end in 0..event.len() {
            assert_eq!(table.route(&event.as_bytes()[..end]).unwrap_err().code, Code::EventNotJson);
        }
        for at in 0..event.len() {
            for byte in [0, b'"', b'\\', b'{', b'}', b'[', b',', b'0', 0x80, 0xff] {
                let mut changed = event.clone().into_bytes();
                changed[at] = byte;
                let expected =
                    std::str::from_utf8(&changed).is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
                let not_json = table.route(&changed).is_err_and(|refusal| refusal.code == Code::EventNotJson);
                assert_eq!(not_json, !expected, "{}", changed.escape_ascii());
            }
        }
    }
}

#[test]
fn depth_is_no_reason_to_refuse_and_needs_no_stack() {
    let (table, _) = table(&[r#""source":"direct","where":{"/a/a/a":true}"#]);
    let event = format!("{}1{}", r#"{"a":"#.repeat(1_000_000), "}".repeat(1_000_000));
    assert_eq!(table.route(event.as_bytes()).unwrap().route, Some(0));
    let brackets = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert_eq!(table.route(brackets.as_bytes()).unwrap().source, Source::Direct);
}

#[test]
fn strings_without_escapes_are_borrowed() {
    let event = format!(r#"{{"Records":[{}]}}"#, sqs("orders"));
    let (table, _) = table(&[]);
    assert!(matches!(table.route(event.as_bytes()).unwrap().resource, Some(Cow::Borrowed(_))));
}

#[test]
fn a_mail_goes_where_all_of_its_recipients_go_and_nowhere_where_only_some_do() {
    let mail = |recipients: &str| {
        format!(r#"{{"Records":[{{"eventSource":"aws:ses","ses":{{"receipt":{{"recipients":{recipients}}}}}}}]}}"#)
    };
    let routes = [r#""source":"ses","recipient":"Orders@example.org""#, r#""source":"ses","recipient":"*@example.com""#];
    picks(&routes, &mail(r#"["orders@EXAMPLE.org"]"#), Source::Ses, Some(0));
    picks(&routes, &mail(r#"["a@example.com","b@example.com"]"#), Source::Ses, Some(1));
    picks(&routes, &mail(r#"["a@example.net"]"#), Source::Ses, None);
    picks(&routes, &mail("[]"), Source::Ses, None);
    picks(&routes, &mail("[1]"), Source::Ses, None);
    // Nobody who adds a recipient keeps a mail from the handler that is to see it, or gets it to another one.
    for two in [r#"["orders@example.org","a@example.com"]"#, r#"["a@example.com","orders@example.org"]"#] {
        let refusal = table(&routes).0.route(mail(two).as_bytes()).unwrap_err();
        assert_eq!(refusal.code, Code::EventMixed);
    }
}

#[test]
fn topics_go_to_their_own_routes() {
    let event = |topics: &[&str]| {
        let records: Vec<_> = topics.iter().map(|topic| format!(r#""{topic}-0":[{{"topic":"{topic}"}}]"#)).collect();
        format!(r#"{{"eventSource":"SelfManagedKafka","records":{{{}}}}}"#, records.join(","))
    };
    let routes = [r#""source":"kafka","topic":"orders""#, r#""source":"kafka","topic":"a*""#];
    picks(&routes, &event(&["orders"]), Source::Kafka, Some(0));
    picks(&routes, &event(&["a1", "a2"]), Source::Kafka, Some(1));
    picks(&routes, &event(&["b"]), Source::Kafka, None);
    let parts = |topics: &[&str]| table(&routes).0.route(event(topics).as_bytes()).unwrap().parts;
    let part = |route, topics: &[&str]| Part { route, topics: topics.iter().map(|topic| (*topic).to_owned()).collect() };
    let (orders, rest) = (part(Some(0), &["orders"]), part(Some(1), &["a1", "a2"]));
    assert_eq!(parts(&["orders", "a1", "a2"]).iter().map(|part| part.topics.len()).collect::<Vec<_>>(), [1, 2]);
    let both = parts(&["a1", "orders", "a2"]);
    assert!(both.len() == 2 && both[0].topics == rest.topics && both[1].topics == orders.topics, "{both:?}");
    assert_eq!(parts(&["orders", "b"])[1], part(None, &["b"]));
    // Where no route asks for a topic, nobody looks for one.
    picks(&[r#""source":"kafka""#], r#"{"eventSource":"aws:kafka","records":[1]}"#, Source::Kafka, Some(0));
}

#[test]
fn log_groups_are_unpacked_where_a_route_asks() {
    let sample = include_str!("../../command/event/samples/cloudwatch-logs.json");
    let routes = [r#""source":"cloudwatch-logs","log_group":"/aws/lambda/*""#, r#""source":"cloudwatch-logs""#];
    picks(&routes, sample, Source::CloudwatchLogs, Some(0));
    picks(&[r#""source":"cloudwatch-logs","log_group":"/aws/lambda""#], sample, Source::CloudwatchLogs, None);
    picks(&routes, r#"{"awslogs":{"data":"not packed"}}"#, Source::CloudwatchLogs, Some(1));
}

#[test]
fn tasks_of_several_buckets_are_refused() {
    let job = r#"{"invocationSchemaVersion":"1.0","tasks":[{"s3BucketArn":"arn:aws:s3:::a"},{"s3BucketArn":"arn:aws:s3:::b"}]}"#;
    refused(job.as_bytes(), Code::EventMixed, "the records of this `s3-batch` event are of several sources or resources");
    is(&job.replace(":::b", ":::a"), Source::S3Batch, Some("arn:aws:s3:::a"));
    let second = r#"{"invocationSchemaVersion":"2.0","tasks":[{"s3Bucket":"a"},{"s3Bucket":"a"}]}"#;
    is(second, Source::S3Batch, Some("a"));
}

/// A thousand routes of a key, and a last one that takes all; not put into order, which takes long for so many.
fn thousand(source: &str, key: &str) -> Table {
    let parse = |text: String| Match::parse(&serde_json::from_str(&text).unwrap()).unwrap();
    let routes = (0..1000).map(|number| format!(r#"{{"to":"p","source":"{source}","{key}":"*x{number}"}}"#));
    let routes: Vec<Match> = routes.chain([format!(r#"{{"to":"p","source":"{source}"}}"#)]).map(parse).collect();
    Table::build(routes.iter())
}

#[test]
fn more_topics_than_an_event_has_are_refused_before_any_route_is_asked() {
    let event = |topics: usize, length: usize| {
        let partitions =
            (0..topics).flat_map(|topic| (0..3).map(move |partition| format!(r#""{topic:0length$}-{partition}":[{{}}]"#)));
        format!(r#"{{"eventSource":"aws:kafka","records":{{{}}}}}"#, partitions.collect::<Vec<_>>().join(","))
    };
    let table = thousand("kafka", "topic");
    let refused = |event: &str, what: &str| {
        let refusal = table.route(event.as_bytes()).unwrap_err();
        assert_eq!((refusal.code, refusal.what.as_str()), (Code::EventMixed, what));
    };
    let route = |event: &str| table.route(event.as_bytes()).unwrap().route;
    let what = "this `kafka` event has more in what the route key `topic` reads than 100 topics, with names of 249 bytes each";
    refused(&event(80_000, 5), what);
    refused(&event(101, 5), what);
    refused(&event(1, 250), what);
    assert_eq!(route(&event(100, 249)), Some(1000));
    // Many partitions of one topic are what a large cluster sends.
    let partitions: Vec<String> = (0..80_000).map(|partition| format!(r#""orders-{partition}":[]"#)).collect();
    let one = format!(r#"{{"eventSource":"aws:kafka","records":{{{}}}}}"#, partitions.join(","));
    assert_eq!(route(&one), Some(1000));
    // Where no route asks for topics, nobody counts them.
    picks(&[r#""source":"kafka""#], &event(101, 5), Source::Kafka, Some(0));
}

#[test]
fn more_recipients_than_a_mail_has_are_refused_before_any_route_is_asked() {
    let mail = |recipients: usize, length: usize| {
        let all: Vec<String> = (0..recipients).map(|number| format!(r#""{number:0length$}""#)).collect();
        format!(r#"{{"Records":[{{"eventSource":"aws:ses","ses":{{"receipt":{{"recipients":[{}]}}}}}}]}}"#, all.join(","))
    };
    let table = thousand("ses", "recipient");
    let refused = |event: &str, what: &str| {
        let refusal = table.route(event.as_bytes()).unwrap_err();
        assert_eq!((refusal.code, refusal.what.as_str()), (Code::EventMixed, what));
    };
    let route = |event: &str| table.route(event.as_bytes()).unwrap().route;
    let what = "this `ses` event has more in what the route key `recipient` reads than 500 recipients, of 320 bytes each";
    refused(&mail(20_000, 20), what);
    refused(&mail(501, 20), what);
    refused(&mail(1, 321), what);
    assert_eq!(route(&mail(500, 20)), Some(1000));
}

/// Each of these took minutes to hours when every record, or every member, was compared with all that there is.
#[test]
fn what_is_forged_to_make_routing_slow_is_routed_as_anything_else() {
    // One long string with escapes, against which a hundred thousand other ones are compared.
    let record = |arn: &str| format!(r#"{{"eventSource":"aws:sqs","eventSourceARN":"{arn}"}}"#);
    let records = [record(&r"\u0061".repeat(400_000)), vec![record("a"); 60_000].join(",")].join(",");
    let event = format!(r#"{{"Records":[{records}]}}"#);
    refused(event.as_bytes(), Code::EventMixed, "the records of this `sqs` event are of several sources or resources");
    // A million members, elements, against thousands of names of their length in `where`.
    let wheres = |names: &mut dyn Iterator<Item = String>| {
        let wheres: Vec<String> = names.map(|name| format!(r#""/detail/{name}":true"#)).collect();
        format!(r#""source":"direct","where":{{{}}}"#, wheres.join(","))
    };
    let names = wheres(&mut (0..4000).map(|number| format!("n{number:04}")));
    let members = vec![r#""m0000":0"#; 500_000].join(",");
    picks(&[&names], &format!(r#"{{"detail":{{{members}}}}}"#), Source::Direct, None);
    let all: Vec<String> = (0..4000).rev().map(|number| format!(r#""n{number:04}":0"#)).collect();
    picks(&[&names], &format!(r#"{{"detail":{{{}}}}}"#, all.join(",")), Source::Direct, Some(0));
    let numbers = wheres(&mut (1000..5000).map(|number| number.to_string()));
    let elements = vec!["0"; 1_000_000].join(",");
    picks(&[&numbers], &format!(r#"{{"detail":[{elements}]}}"#), Source::Direct, Some(0));
    let few = vec!["0"; 4999].join(",");
    picks(&[&numbers], &format!(r#"{{"detail":[{few}]}}"#), Source::Direct, None);
}

#[test]
fn records_given_twice_are_refused_where_topics_are_read() {
    let twice = r#"{"eventSource":"aws:kafka","records":{"a-0":[]},"records":{"b-0":[]}}"#;
    let routes = [r#""source":"kafka","topic":"a""#, r#""source":"kafka""#];
    assert_eq!(table(&routes).0.route(twice.as_bytes()).unwrap_err().code, Code::EventAmbiguous);
}
