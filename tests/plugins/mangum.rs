//! The HTTP mapping against an independent peer: Mangum with a small ASGI application gets the same events as the fixture `site`.
//!
//! `mangum.md` lists each difference with a judgement, and this test fails as soon as the list and the truth differ.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::support::build::Build;
use crate::support::folder::Folder;
use crate::support::{client, lambda};
use crate::world::World;

const LISTED: &str = include_str!("mangum.md");

/// What a client asks, in no source's words.
struct Asked<'a> {
    name: &'static str,
    /// As the client wrote it.
    path: &'static str,
    query: &'static [(&'static str, &'static str)],
    headers: &'a [(&'a str, &'a str)],
    body: &'static [u8],
    base64: bool,
    /// Through an HTTP API's named stage, which then stands before the path.
    staged: bool,
}

const PLAIN: Asked<'_> =
    Asked { name: "plain", path: "/a", query: &[], headers: &[("host", "h.example")], body: b"", base64: false, staged: false };

const ASKED: &[Asked<'_>] = &[
    PLAIN,
    Asked { name: "root", path: "/", ..PLAIN },
    Asked { name: "staged", staged: true, ..PLAIN },
    Asked { name: "encoded-path", path: "/a%20b/J%C3%BCrg", ..PLAIN },
    Asked { name: "encoded-slash", path: "/a%2Fb", ..PLAIN },
    Asked { name: "trailing-slash", path: "/a//b/", ..PLAIN },
    Asked { name: "query", query: &[("a", "1"), ("b", "x y&z=ü"), ("c", "")], ..PLAIN },
    Asked { name: "repeated-query", query: &[("a", "1"), ("a", "2"), ("a", "1")], ..PLAIN },
    Asked { name: "plus-in-query", query: &[("a", "1+1")], ..PLAIN },
    Asked { name: "headers", headers: &[("host", "h.example"), ("x-one", "1"), ("accept", "a/b, c/d")], ..PLAIN },
    Asked { name: "repeated-headers", headers: &[("host", "h.example"), ("x-many", "1"), ("x-many", "2")], ..PLAIN },
    Asked { name: "cookies", headers: &[("host", "h.example"), ("cookie", "a=b; c=\"d e\"")], ..PLAIN },
    Asked { name: "odd-host", headers: &[("host", "a b")], ..PLAIN },
    Asked { name: "forwarded", headers: &[("host", "h.example"), ("x-forwarded-for", "10.0.0.1, 192.0.2.7")], ..PLAIN },
    Asked { name: "wrong-length", headers: &[("host", "h.example"), ("content-length", "99")], body: b"hi", ..PLAIN },
    Asked {
        name: "text-body",
        headers: &[("host", "h.example"), ("content-type", "text/plain")],
        body: "é\n".as_bytes(),
        ..PLAIN
    },
    Asked { name: "binary-body", headers: &[("host", "h.example")], body: b"\0\xff\x80", base64: true, ..PLAIN },
];

/// Name, and what the application answers: status, headers, body.
fn answers() -> Vec<(&'static str, Value)> {
    let answer = |status: u16, headers: Value, body: &[u8]| json!([status, headers, body]);
    vec![
        ("text", answer(200, json!([["content-type", "text/plain; charset=utf-8"]]), "é\"\n".as_bytes())),
        ("json", answer(201, json!([["content-type", "application/json"], ["location", "/a"]]), b"{}")),
        ("problem-json", answer(400, json!([["content-type", "application/problem+json"]]), b"{}")),
        ("svg", answer(200, json!([["content-type", "image/svg+xml"]]), b"<svg/>")),
        ("png", answer(200, json!([["content-type", "image/png"]]), b"\x89PNG\xff")),
        ("gzip", answer(200, json!([["content-type", "text/plain"], ["content-encoding", "gzip"]]), b"\x1f\x8b\x08\0")),
        ("not-utf-8", answer(200, json!([["content-type", "text/plain; charset=latin1"]]), b"caf\xe9")),
        ("untyped", answer(200, json!([]), b"hi")),
        ("untyped-bytes", answer(200, json!([]), b"\xff")),
        ("empty", answer(200, json!([["content-type", "image/png"]]), b"")),
        ("no-content", answer(204, json!([]), b"")),
        ("not-found", answer(404, json!([["content-type", "text/html"]]), b"<p>no</p>")),
        ("unknown-status", answer(299, json!([["content-type", "text/html"]]), b"<p>?</p>")),
        ("cookies", answer(200, json!([["set-cookie", "a=b; Path=/"], ["set-cookie", "c=d"]]), b"")),
        ("cookie", answer(200, json!([["set-cookie", "a=b; Expires=Thu, 01 Jan 2026 00:00:00 GMT"]]), b"")),
        ("repeated-headers", answer(200, json!([["x-a", "1"], ["vary", "a"], ["vary", "b"], ["vary", "c"]]), b"")),
    ]
}

const SOURCES: &[&str] = &["rest", "http-1.0", "http-2.0", "function-url", "alb", "alb-multi"];

/// The event that each source makes of it.
fn event(source: &str, asked: &Asked<'_>) -> Value {
    let encoded = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let as_it_is = |text: &str| text.to_owned();
    let body = match (asked.body, asked.base64) {
        (b"", _) => Value::Null,
        (body, true) => BASE64_STANDARD.encode(body).into(),
        (body, false) => std::str::from_utf8(body).unwrap().into(),
    };
    let multi = |pairs: &[(&str, &str)], write: &dyn Fn(&str) -> String| {
        let mut all = BTreeMap::<String, Vec<String>>::new();
        pairs.iter().for_each(|(name, value)| all.entry(write(name)).or_default().push(write(value)));
        json!(all)
    };
    // One value a name: the last, except where the source joins them.
    let single = |pairs: &[(&str, &str)], write: &dyn Fn(&str) -> String, joined: Option<&str>| {
        let mut all = BTreeMap::<String, String>::new();
        for (name, value) in pairs {
            let value = write(value);
            match (all.get_mut(&write(name)), joined) {
                (Some(known), Some(joined)) => *known = format!("{known}{joined}{value}"),
                _ => _ = all.insert(write(name), value),
            }
        }
        json!(all)
    };
    let null_if_empty = |value: Value| if value.as_object().is_some_and(serde_json::Map::is_empty) { Value::Null } else { value };
    let decoded = percent_encoding::percent_decode_str(asked.path).decode_utf8().unwrap();
    let query: Vec<_> = asked.query.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    match source {
        "rest" | "http-1.0" => {
            let mut event = json!({
                "resource": "/{proxy+}", "path": decoded, "httpMethod": "POST",
                "headers": single(asked.headers, &as_it_is, None), "multiValueHeaders": multi(asked.headers, &as_it_is),
                "queryStringParameters": null_if_empty(single(asked.query, &as_it_is, None)),
                "multiValueQueryStringParameters": null_if_empty(multi(asked.query, &as_it_is)),
                "requestContext": { "apiId": "a1", "stage": "prod", "httpMethod": "POST", "identity": { "sourceIp": "192.0.2.7" } },
                "body": body, "isBase64Encoded": asked.base64,
            });
            if source == "http-1.0" {
                event["version"] = "1.0".into();
                if asked.staged {
                    event["path"] = format!("/prod{decoded}").into();
                } else {
                    event["requestContext"]["stage"] = "$default".into();
                }
            }
            event
        }
        "http-2.0" | "function-url" => {
            let (stage, path, domain) = match source {
                "http-2.0" if asked.staged => ("prod", format!("/prod{decoded}"), "a1.execute-api.eu-west-1.amazonaws.com"),
                "http-2.0" => ("$default", decoded.into_owned(), "a1.execute-api.eu-west-1.amazonaws.com"),
                _ => ("$default", asked.path.to_owned(), "a1.lambda-url.eu-west-1.on.aws"),
            };
            let cookies = asked.headers.iter().filter(|(name, _)| *name == "cookie").flat_map(|(_, value)| value.split("; "));
            let headers: Vec<_> = asked.headers.iter().copied().filter(|(name, _)| *name != "cookie").collect();
            let mut event = json!({
                "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query.join("&"),
                "headers": single(&headers, &as_it_is, Some(",")),
                "requestContext": {
                    "apiId": "a1", "stage": stage, "domainName": domain,
                    "http": { "method": "POST", "path": path, "sourceIp": "192.0.2.7" },
                },
                "isBase64Encoded": asked.base64,
            });
            let cookies: Vec<_> = cookies.collect();
            if !cookies.is_empty() {
                event["cookies"] = json!(cookies);
            }
            if !body.is_null() {
                event["body"] = body;
            }
            event
        }
        _ => {
            let mut event = json!({
                "requestContext": { "elb": { "targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/a/b" } },
                "httpMethod": "POST", "path": asked.path, "body": if body.is_null() { json!("") } else { body },
                "isBase64Encoded": asked.base64,
            });
            let mut headers = asked.headers.to_vec();
            // Every load balancer adds it.
            if !headers.iter().any(|(name, _)| *name == "x-forwarded-for") {
                headers.push(("x-forwarded-for", "192.0.2.7"));
            }
            if source == "alb" {
                event["headers"] = single(&headers, &as_it_is, None);
                event["queryStringParameters"] = single(asked.query, &encoded, None);
            } else {
                event["multiValueHeaders"] = multi(&headers, &as_it_is);
                event["multiValueQueryStringParameters"] = multi(asked.query, &encoded);
            }
            event
        }
    }
}

type Facts = BTreeMap<&'static str, Value>;

/// The parts of a request, so far as they mean something: decoded path and query, headers in lower case, each with its values.
fn request(method: &Value, path: &str, query: &str, headers: &Value, body: Value, client: &Value) -> Facts {
    let decode = |text: &str| percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let mut pairs: Vec<_> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect();
    // Values of one name keep their order; names have none.
    pairs.sort_by(|one, two| one.0.cmp(&two.0));
    let headers: Vec<(String, String)> = serde_json::from_value(headers.clone()).unwrap();
    let mut headers = values(headers);
    let cookies = headers.remove("cookie").unwrap_or_default();
    [
        ("method", method.clone()),
        ("path", path.into()),
        ("query", json!(pairs)),
        ("headers", json!(headers)),
        ("cookies", json!(cookies)),
        ("body", body),
        ("client", client.clone()),
    ]
    .into()
}

/// Each header's values; those that are joined count as several, as they do in HTTP.
fn values(headers: Vec<(String, String)>) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::<_, Vec<String>>::new();
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        let single = ["cookie", "set-cookie"].contains(&name.as_str());
        let values: Vec<_> = if single { vec![value] } else { value.split(',').map(|value| value.trim().to_owned()).collect() };
        all.entry(name).or_default().extend(values);
    }
    all
}

/// The parts of a reply, wherever its form has them.
fn reply(reply: &Value) -> Facts {
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in reply["headers"].as_object().into_iter().flatten() {
        headers.push((name.clone(), value.as_str().unwrap().to_owned()));
    }
    for (name, all) in reply["multiValueHeaders"].as_object().into_iter().flatten() {
        headers.extend(all.as_array().unwrap().iter().map(|value| (name.clone(), value.as_str().unwrap().to_owned())));
    }
    for cookie in reply["cookies"].as_array().into_iter().flatten() {
        headers.push(("set-cookie".to_owned(), cookie.as_str().unwrap().to_owned()));
    }
    let mut headers = values(headers);
    let mut cookies = headers.remove("set-cookie").unwrap_or_default();
    cookies.sort();
    let text = reply["body"].as_str().unwrap_or_default();
    let body = if reply["isBase64Encoded"] == true { BASE64_STANDARD.decode(text).unwrap() } else { text.as_bytes().to_vec() };
    [
        ("status", reply["statusCode"].clone()),
        ("headers", json!(headers)),
        ("cookies", json!(cookies)),
        ("body", json!(String::from_utf8_lossy(&body))),
        ("base64", reply["isBase64Encoded"].clone()),
    ]
    .into()
}

/// What the loader's site was asked.
fn ours_seen(told: &Value, sent: &Asked<'_>) -> Facts {
    let (method, uri) = told["line"].as_str().unwrap().split_once(' ').unwrap();
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    // ASGI has its paths decoded.
    let path = percent_encoding::percent_decode_str(path).decode_utf8().unwrap();
    // The fixture tells bodies as text.
    let body = if told["body"] == *String::from_utf8_lossy(sent.body) {
        BASE64_STANDARD.encode(sent.body)
    } else {
        told["body"].to_string()
    };
    request(&method.into(), &path, query, &told["headers"], body.into(), &told["client"])
}

/// What Mangum makes of each event.
fn mangum(python: &std::path::Path, events: &[Value]) -> Vec<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plugins/asgi.py");
    let mut process =
        Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
    let writing = std::thread::spawn(move || stdin.write_all(lines.as_bytes()).unwrap());
    let output = process.wait_with_output().unwrap();
    writing.join().unwrap();
    let found: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(found.len(), events.len(), "it ended early");
    found
}

#[test]
fn requests_and_replies_are_those_of_mangum_but_for_what_is_listed() {
    let Some(python) = client("python3", &["-c", "import mangum"]) else { return };
    let manifest = json!({ "routes": { "all": { "source": "http", "to": "site" } } });
    let world = World::start(lambda(), Folder::new(&[("site", &Build::fixture("site").path())], manifest), &[]);
    let mut events = Vec::new();
    for source in SOURCES {
        events.extend(ASKED.iter().map(|asked| event(source, asked)));
        for (_, answer) in answers() {
            let answer = answer.to_string();
            events.push(event(source, &Asked { headers: &[("host", "h.example"), ("x-answer", &answer)], ..PLAIN }));
        }
    }
    let mut theirs = mangum(&python, &events).into_iter();
    let mut events = events.into_iter();
    let mut rows = BTreeMap::<String, Vec<&str>>::new();
    let mut differ = |source: &'static str, direction: &str, name: &str, ours: Facts, theirs: Facts| {
        for (what, ours) in ours {
            if ours != theirs[what] {
                let cell = |value: &Value| value.to_string().replace('|', "\\|");
                let row = format!("{direction} {name} | {what} | `{}` | `{}` |", cell(&ours), cell(&theirs[what]));
                rows.entry(row).or_default().push(source);
            }
        }
    };
    for source in SOURCES {
        for asked in ASKED {
            let (event, theirs) = (events.next().unwrap(), theirs.next().unwrap());
            let told = world.reply(event.to_string());
            let told = serde_json::from_str(told["body"].as_str().unwrap_or_else(|| panic!("{told}"))).unwrap();
            let seen = &theirs["seen"];
            let text = |key: &str| seen[key].as_str().unwrap_or_default();
            let theirs =
                request(&seen["method"], text("path"), text("query"), &seen["headers"], seen["body"].clone(), &seen["client"]);
            differ(source, "request", asked.name, ours_seen(&told, asked), theirs);
        }
        for (name, _) in answers() {
            let (event, theirs) = (events.next().unwrap(), theirs.next().unwrap());
            let (ours, theirs) = (world.reply(event.to_string()), &theirs["reply"]);
            differ(source, "reply", name, reply(&ours), reply(theirs));
            // The same with every reply of a load balancer.
            if name == "unknown-status" {
                let described = |reply: &Value| Facts::from([("statusDescription", reply["statusDescription"].clone())]);
                differ(source, "reply", name, described(&ours), described(theirs));
            }
        }
    }
    let rows: Vec<_> = rows.into_iter().map(|(row, sources)| format!("| {} | {row}", sources.join(" "))).collect();
    let listed: Vec<_> = LISTED
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| source") && !line.starts_with("| ---"))
        .collect();
    let missing: Vec<_> = rows.iter().filter(|row| !listed.iter().any(|line| line.starts_with(row.as_str()))).collect();
    let gone: Vec<_> = listed.iter().filter(|line| !rows.iter().any(|row| line.starts_with(row.as_str()))).collect();
    assert!(missing.is_empty() && gone.is_empty(), "not listed:\n{missing:#?}\nlisted, but not so:\n{gone:#?}");
    assert!(
        listed.iter().all(|line| line
            .trim_end_matches('|')
            .trim_end()
            .rsplit('|')
            .next()
            .is_some_and(|last| last.trim().len() > 3))
    );
}
