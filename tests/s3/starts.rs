//! Starts that go well.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use lambda_loader::Digest;
use serde_json::json;

use crate::c;
use crate::server;
use crate::support::SOON;
use crate::world::{BUCKET, Scene, operation};

#[test]
fn plugins_from_s3_are_loaded_from_sealed_memory() {
    let scene = Scene::new().local();
    let world = scene.start();
    world.answers();
    assert_eq!(world.reply(operation("spawn", json!(null))), 42);
    assert!(scene.mark().exists(), "or no refusal of these tests shows anything by its absence");
    let mut asked = scene.proxy.asked();
    asked.sort();
    assert_eq!(asked, ["GET /artifacts/libecho.so", "GET /artifacts/libmisbehave.so"], "each once, and nothing else");
    let line = world.says("started in ");
    assert!(line.contains(r#""held":"sealed","lookup":"s3","mount":"memory""#), "{line}");
}

/// As after a snapshot: <https://docs.aws.amazon.com/lambda/latest/dg/snapstart-activate.html>.
#[test]
fn credentials_come_from_the_endpoint_that_lambda_names_where_no_variable_has_them() {
    let endpoint = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/credentials", endpoint.local_addr().unwrap());
    let answer = std::thread::spawn(move || {
        let (mut client, _) = endpoint.accept().unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            client.read_exact(&mut byte).unwrap();
            asked.extend(byte);
        }
        let (key, secret) = (server::ACCESS_KEY, server::SECRET_KEY);
        let body = json!({ "AccessKeyId": key, "SecretAccessKey": secret, "Token": "t", "Expiration": "2100-01-01T00:00:00Z" });
        let body = body.to_string();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        client.write_all((head + &body).as_bytes()).unwrap();
        String::from_utf8(asked).unwrap()
    });
    let scene = Scene::new().local().with("AWS_ACCESS_KEY_ID", "").with("AWS_SECRET_ACCESS_KEY", "");
    let scene = scene.with("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri).with("AWS_CONTAINER_AUTHORIZATION_TOKEN", "token-7");
    scene.start().answers();
    assert!(answer.join().unwrap().contains("\r\nauthorization: token-7\r\n"));
}

#[test]
fn a_library_comes_from_s3_too() {
    let files = tempfile::tempdir().unwrap();
    let library = format!("{}const char *who(void) {{ return \"from s3\"; }}", c::MARK);
    let library = c::shared(files.path(), "libwho.so", &library, &["-Wl,-soname,libwho.so.1"]);
    // No plugin but by its note: what its constructor was bound to has told by then.
    let mark = c::MARK.replace("fputs(\"code ran\", file)", "fputs(who(), file)");
    let plugin = format!("const char *who(void);{mark}{}", c::note(0, c::NOTE));
    let at = files.path().to_str().unwrap();
    let plugin = c::shared(files.path(), "odd.so", &plugin, &["-L", at, "-lwho"]);
    let mut scene = Scene::new();
    scene.manifest["plugins"] = json!({ "odd": scene.object("odd.so", &std::fs::read(plugin).unwrap()) });
    scene.manifest["libraries"] = json!({ "libwho.so.1": scene.object("libwho.so", &std::fs::read(library).unwrap()) });
    scene.manifest["routes"] = json!({ "odd": { "source": "direct", "to": "odd" } });
    let scene = scene.local();
    let world = scene.start();
    let status = world.process.wait_exit(SOON).expect("it ends");
    assert_eq!(status.code(), Some(5), "{}", world.output());
    assert!(world.output().contains("has no module header"), "{}", world.output());
    assert_eq!(std::fs::read_to_string(scene.mark()).unwrap(), "from s3");
}

#[test]
fn a_version_is_asked_for_by_its_id() {
    let mut scene = Scene::new();
    let uri = format!("s3://{BUCKET}/libecho.so?versionId=null");
    scene.manifest["plugins"]["echo"]["s3"] = uri.into();
    let scene = scene.local();
    scene.start().answers();
    let asked = scene.proxy.asked();
    assert!(asked.iter().any(|asked| asked == "GET /artifacts/libecho.so?versionId=null"), "{asked:?}");
}

#[test]
fn a_key_is_what_it_says_whatever_characters_it_has() {
    let mut scene = Scene::new();
    let key = "a b/ü+&=%2F~!'()*;:@,/libecho.so";
    let bytes = crate::world::plugin("echo");
    scene.server.put(BUCKET, key, &bytes);
    scene.manifest["plugins"]["echo"] = json!({ "s3": format!("s3://{BUCKET}/{key}"), "sha256": Digest::of(&bytes).to_string() });
    scene.local().start().answers();
}

#[test]
fn without_an_s3_uri_nobody_is_asked_and_no_credentials_are_wanted() {
    let mut scene = Scene::new();
    let bytes = crate::world::plugin("echo");
    std::fs::write(scene.folder.path().join("libecho.so"), &bytes).unwrap();
    scene.manifest["plugins"] = json!({ "echo": { "path": "libecho.so", "sha256": Digest::of(&bytes).to_string() } });
    scene.manifest["routes"] = json!({ "echo": { "source": "operation", "name": "echo", "to": "echo" } });
    let scene = scene.local().with("AWS_ACCESS_KEY_ID", "").with("AWS_REGION", "");
    scene.start().answers();
    assert_eq!(scene.proxy.asked(), [""; 0]);
}
