//! Where the Runtime API is: emulators that serve several functions put the function's name behind the address, and some `http://`
//! before it.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;

use crate::lines;
use crate::support::lambda;
use crate::world::{World, folder, misbehave};

#[test]
fn the_runtime_api_may_lie_below_a_path() {
    for (before, behind) in [("", ""), ("", "/orders"), ("http://", ""), ("http://", "/orders"), ("http://", "/a/orders/")] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("{before}{}{behind}", listener.local_addr().unwrap());
        let variables = [("AWS_LAMBDA_RUNTIME_API", address.as_str())];
        let world = World::start(lambda(), folder(&["misbehave", "echo"], misbehave()), &variables);
        lines::holding(&world.process, "started in");
        let mut asked = String::new();
        BufReader::new(listener.accept().unwrap().0).read_line(&mut asked).unwrap();
        let path = behind.trim_end_matches('/');
        assert_eq!(asked, format!("GET {path}/2018-06-01/runtime/invocation/next HTTP/1.1\r\n"), "{address}");
    }
}
