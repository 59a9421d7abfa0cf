//! The other server is a thread of the test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use lambda_plugin_abi::testing::{self, Invocation};
use serde_json::{Value, json};

/// Answers every request of one connection with `response`, or with nothing, and gives the address.
fn server(response: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let lines = BufReader::new(connection.try_clone().unwrap()).lines();
        for _request in lines.map_while(Result::ok).filter(|line| line.is_empty()) {
            if let Some(response) = response {
                connection.write_all(response.as_bytes()).unwrap();
            }
        }
    });
    format!("http://{address}")
}

#[test]
fn what_the_other_server_says_is_the_reply() {
    let base = server(Some("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"));
    let plugin = testing::start(json!({ "base": base })).unwrap();
    // The second one goes over the connection of the first: the server takes no other.
    for _ in 0..2 {
        let reply = plugin.invoke("get", r#"{"input":{"path":"/greeting"}}"#).unwrap();
        assert_eq!(reply.json::<Value>().unwrap(), json!({ "status": 200, "body": "hello" }));
    }
}

#[test]
fn a_server_that_says_nothing_is_an_error_before_the_deadline() {
    let plugin = testing::start(json!({ "base": server(None) })).unwrap();
    let invocation = Invocation::new().timeout(Duration::from_secs(1));
    let error = plugin.invoke_as(invocation, "get", r#"{"input":{"path":"/"}}"#).unwrap_err();
    assert_eq!(error.to_string(), "RemoteSlow: the other server did not answer in time");
}

#[test]
fn a_base_that_is_no_server_stops_the_start() {
    for base in ["https://example.com/path", "/path"] {
        assert_eq!(testing::start(json!({ "base": base })).unwrap_err().kind(), "ConfigInvalid", "{base}");
    }
}
