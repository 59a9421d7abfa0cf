//! Every sample payload of `aws_lambda_events` and `lambda_http` through the public interface of routing.
//!
//! The payloads are found through `cargo metadata`, not copied. A payload that is not in the tables here fails the test, as does an
//! entry without a payload: an update of either crate has to be looked at.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use lambda_loader::manifest::wire;
use lambda_loader::route::{Match, Source, Table};

/// Under the folder of each package: file without `.json`, source, resource, and for HTTP sources method, host and path.
const EXPECTED: &str = include_str!("route_fixtures.txt");

/// The folder of a package among the sources of our dependencies.
fn package(name: &str) -> PathBuf {
    static METADATA: LazyLock<cargo_metadata::Metadata> = LazyLock::new(|| {
        // Only the packages of this platform are sure to be here without asking the network.
        let platform = format!("--filter-platform={}-unknown-linux-gnu", std::env::consts::ARCH);
        let mut command = cargo_metadata::MetadataCommand::new();
        command.manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        command.other_options(["--offline".to_owned(), "--locked".to_owned(), platform]);
        command.exec().unwrap()
    });
    let package = METADATA.packages.iter().find(|package| package.name.as_str() == name).unwrap();
    package.manifest_path.parent().unwrap().into()
}

/// All JSON files of a folder, by their names without `.json`.
fn payloads(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let paths = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let json = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    json.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap())).collect()
}

/// What routing says of an event, in the words of the tables.
fn describe(table: &Table, event: &[u8]) -> [String; 3] {
    let routed = table.route(event).unwrap();
    let http = routed.http.map_or_else(String::new, |http| {
        [http.method, http.host, http.path].map(|part| part.map_or("-".to_owned(), |part| part.into_owned())).join(" ")
    });
    [routed.source.to_string(), routed.resource.unwrap_or_default().into_owned(), http]
}

fn folders() -> [PathBuf; 2] {
    [package("aws_lambda_events").join("src/fixtures"), package("lambda_http").join("tests/data")]
}

#[test]
fn every_payload_is_what_the_table_says() {
    let table = Table::build(std::iter::empty());
    let mut expected = BTreeMap::new();
    let mut section = "";
    for line in EXPECTED.lines() {
        match line.strip_prefix("# ") {
            Some(folder) => section = folder,
            None => {
                let mut fields = line.split(" | ").map(str::trim).chain(["", "", ""]).map(str::to_owned);
                let name = format!("{section}/{}", fields.next().unwrap());
                let doubled = expected.insert(name, [(); 3].map(|()| fields.next().unwrap()));
                assert_eq!(doubled, None, "{line}");
            }
        }
    }
    let mut found = BTreeMap::new();
    for (section, folder) in ["aws_lambda_events/src/fixtures", "lambda_http/tests/data"].into_iter().zip(folders()) {
        found.extend(payloads(&folder).into_iter().map(|(name, event)| (format!("{section}/{name}"), describe(&table, &event))));
    }
    for name in found.keys().chain(expected.keys()) {
        assert_eq!(found.get(name), expected.get(name), "{name}");
    }
}

#[test]
fn every_payload_reaches_the_route_of_its_resource_and_no_other() {
    let nothing = Table::build(std::iter::empty());
    let mut reached = 0;
    for (name, event) in folders().iter().flat_map(|folder| payloads(folder)) {
        let [source, resource, _] = describe(&nothing, &event);
        let route =
            |resource: Option<String>| wire::Route { source: source.clone(), to: "p".into(), resource, ..Default::default() };
        let takes = |route: &wire::Route| {
            let matching = Match::parse(route).unwrap_or_else(|error| panic!("{name}: {error:?}"));
            Table::build([&matching].into_iter()).route(&event).unwrap().route == Some(0)
        };
        assert!(takes(&route(None)), "{name}");
        for other in Source::ALL.iter().filter(|other| other.name() != source) {
            assert!(!takes(&wire::Route { source: other.name().into(), to: "p".into(), ..Default::default() }), "{name} {other}");
        }
        // Some samples have something else than an ARN where an ARN belongs.
        if resource.starts_with("arn:") && resource.matches(':').count() >= 5 {
            assert!(takes(&route(Some(resource.clone()))), "{name}");
            assert!(!takes(&route(Some(format!("{resource}x")))), "{name}");
            reached += 1;
        }
    }
    assert!(reached > 40, "{reached}");
}

#[test]
fn every_kind_of_resource_has_a_bare_name() {
    #[track_caller]
    fn check(payload: &str, resource: &str) {
        let event = std::fs::read(package("aws_lambda_events").join(format!("src/fixtures/example-{payload}.json"))).unwrap();
        let [source, _, _] = describe(&Table::build(std::iter::empty()), &event);
        for (name, expected) in [(resource.to_owned(), true), (format!("{resource}x"), false), (format!("x{resource}"), false)] {
            let route =
                wire::Route { source: source.clone(), to: "p".into(), resource: Some(name.clone()), ..Default::default() };
            let table = [Match::parse(&route).unwrap()];
            let routed = Table::build(table.iter()).route(&event).map(|routed| routed.route.is_some());
            assert_eq!(routed, Ok(expected), "{payload} {name}");
        }
    }
    check("sqs-event", "SQSQueue");
    check("sns-event", "snsNetTest");
    check("s3-event", "mybucket");
    check("dynamodb-event", "Example-Table");
    check("kinesis-event", "simple-stream");
    check("eventbridge-schedule", "my-scheduled-rule");
    check("code_commit-event", "my-repo");
    check("kafka-event", "ExampleMSKCluster");
    check("activemq-event", "shask-test");
    check("rabbitmq-event", "test");
    check("documentdb-insert-event", "canaryclusterb2a659a2-qo5tcmqkcl03");
    check("alb-lambda-target-request-headers-only", "lambda-target");
    check("vpc-lattice-v2-request", "svc-0a40eebed65f8d69c");
    check("apigw-request", "gy415nuibc");
    check("apigw-custom-auth-request", "ymy8tbxw7b");
    check("apigw-v2-request-iam", "api-id");
    check("config-event", "config-rule-0123456");
    check("cloudformation-custom-resource-create-request", "stack-name");
    check("secretsmanager-secret-rotation-event", "id");
    check("s3-object-lambda-event-get-object-iam", "example-object-lambda-ap");
    check("lex-event", "bot name");
}
