use super::*;

fn parse(routes: &[&str]) -> Vec<Match> {
    let parse = |text: &&str| {
        let route = serde_json::from_str(&format!(r#"{{"to":"p",{text}}}"#)).unwrap();
        Match::parse(&route).unwrap_or_else(|error| panic!("{error:?}"))
    };
    routes.iter().map(parse).collect()
}

#[track_caller]
fn tried(routes: &[&str], expected: &[usize]) {
    assert_eq!(order(&parse(routes)).as_deref(), Ok(expected), "{routes:?}");
}

#[track_caller]
fn conflict(routes: &[&str], first: usize, second: usize, why: &str) {
    assert_eq!(order(&parse(routes)), Err(Conflict { first, second, why: why.into() }), "{routes:?}");
}

#[test]
fn routes_that_do_not_overlap_keep_their_order() {
    tried(&[], &[]);
    tried(&[r#""source":"sqs""#, r#""source":"direct""#, r#""source":"operation""#], &[0, 1, 2]);
    tried(&[r#""source":"sqs","resource":"b""#, r#""source":"sqs","resource":"a""#], &[0, 1]);
    tried(&[r#""source":"operation","name":"b""#, r#""source":"operation","name":"a""#], &[0, 1]);
}

#[test]
fn the_route_that_lies_within_the_other_comes_first() {
    tried(&[r#""source":"sqs""#, r#""source":"sqs","resource":"a""#], &[1, 0]);
    tried(
        &[r#""source":"sqs","resource":"*""#, r#""source":"sqs","resource":"a*""#, r#""source":"sqs","resource":"ab""#],
        &[2, 1, 0],
    );
    tried(&[r#""source":"s3","resource":"b""#, r#""source":"s3","resource":"b","key_prefix":"in/""#], &[1, 0]);
    tried(
        &[r#""source":"direct""#, r#""source":"direct","where":{"/a":true}"#, r#""source":"direct","where":{"/a":"x"}"#],
        &[2, 1, 0],
    );
    tried(
        &[
            r#""source":"eventbridge","event_source":"aws.*""#,
            r#""source":"eventbridge","event_source":"aws.ec2","detail_type":"x""#,
        ],
        &[1, 0],
    );
}

#[test]
fn routes_that_overlap_and_do_not_nest_are_refused() {
    let across = "they overlap and neither lies within the other by `resource`";
    conflict(&[r#""source":"sqs","resource":"a*""#, r#""source":"sns""#, r#""source":"sqs","resource":"*a""#], 0, 2, across);
    conflict(
        &[r#""source":"s3","resource":"b""#, r#""source":"s3","key_prefix":"in/""#],
        0,
        1,
        "they overlap and neither lies within the other: the first takes less by `resource`, the second by `key_prefix`",
    );
    conflict(&[r#""source":"sqs""#, r#""source":"sqs""#], 0, 1, "they take the same events");
    conflict(
        &[r#""source":"sqs","resource":"a""#, r#""source":"sqs","resource":"arn:*:sqs:*:*:a""#],
        0,
        1,
        "they take the same events",
    );
    conflict(
        &[r#""source":"direct","where":{"/a":"x"}"#, r#""source":"direct","where":{"/b":"x"}"#],
        0,
        1,
        "they overlap and neither lies within the other by `where`",
    );
    conflict(
        &[r#""source":"http","path":"/{a}","method":"ANY""#, r#""source":"http","path":"/{b}""#],
        0,
        1,
        "they take the same events",
    );
    conflict(
        &[r#""source":"api-gateway-rest","resource":"x","path":"/a""#, r#""source":"api-gateway-rest","stage":"prod""#],
        0,
        1,
        "they overlap and neither lies within the other: the first takes less by `resource`, `path`, the second by `stage`",
    );
}

#[test]
fn http_routes_go_by_source_then_resource_and_stage_then_host_then_path_then_method() {
    tried(&[r#""source":"http","path":"/a","method":"GET""#, r#""source":"alb""#], &[1, 0]);
    tried(
        &[r#""source":"api-gateway-http","host":"a.com","path":"/a""#, r#""source":"api-gateway-http","stage":"prod""#],
        &[1, 0],
    );
    tried(&[r#""source":"http","path":"/a","method":"GET""#, r#""source":"http","host":"a.com","path":"/{*rest}""#], &[1, 0]);
    tried(&[r#""source":"http","path":"/{*rest}","method":"GET""#, r#""source":"http","path":"/a""#], &[1, 0]);
    tried(&[r#""source":"http","path":"/a""#, r#""source":"http","path":"/a","method":"GET""#], &[1, 0]);
    tried(&[r#""source":"http""#, r#""source":"http","path":"/{*rest}""#], &[1, 0]);
    tried(&[r#""source":"http","path":"/{x}/b""#, r#""source":"http","path":"/a/{y}""#], &[1, 0]);
    tried(
        &[r#""source":"http","host":"*.a.com""#, r#""source":"http","host":"x.a.com""#, r#""source":"http","host":"b.com""#],
        &[1, 0, 2],
    );
    tried(&[r#""source":"alb""#, r#""source":"function-url""#], &[0, 1]);
}

#[test]
fn random_http_routes_always_have_an_order_and_it_is_right() {
    let mut state = 11_u64;
    let mut below = |limit: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % limit
    };
    let mut ordered = 0;
    for _ in 0..400 {
        let mut routes = Vec::new();
        for _ in 0..6 {
            let source = ["http", "http", "alb"][below(3) as usize];
            let mut text = format!(r#""source":"{source}""#);
            for (key, values) in
                [("host", ["a.com", "*.com", ""]), ("path", ["/a/{x}", "/{y}/b", "/{*z}"]), ("method", ["GET", "POST", ""])]
            {
                let value = values[below(3) as usize];
                if !value.is_empty() {
                    text.push_str(&format!(r#","{key}":"{value}""#));
                }
            }
            routes.push(text);
        }
        routes.sort();
        routes.dedup();
        let matches = parse(&routes.iter().map(String::as_str).collect::<Vec<_>>());
        let order = order(&matches).unwrap_or_else(|conflict| panic!("{conflict:?} {routes:?}"));
        for (later, two) in order.iter().enumerate() {
            for one in &order[..later] {
                let relation = decide(&compare(&matches[*one], &matches[*two]));
                assert!(matches!(relation, Relation::Apart | Relation::Within), "{} {}", routes[*one], routes[*two]);
            }
        }
        ordered += 1;
    }
    assert_eq!(ordered, 400);
}
