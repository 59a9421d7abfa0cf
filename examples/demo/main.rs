//! The README's demo: the real `bootstrap` under a local Lambda, real sample events of three sources through `orders` and `hello-http`,
//! then one byte of a plugin flipped and refused. It succeeds only if all of that is as it should be.
//!
//! `bootstrap`, `lambda-loader` and the plugins are taken from the folder that this program was built into, the events from
//! `lambda-loader event`.

use std::error::Error;
use std::fs;
use std::io::IsTerminal as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use lambda_loader::Digest;
use lambda_loader::local::{Bootstrap, Lambda, Options};
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Only a demo that has failed waits so long.
const SOON: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    match demo() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the demo failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn demo() -> Result<()> {
    let stage = Stage::set()?;
    let pin = stage.lock()?;
    let style = Style::of_terminal();
    println!("{}", style.bold(&row(["event", "source", "route", "plugin@digest", "reply", "time"], |reply| reply)));
    let lambda = Lambda::start(Options::default())?;
    let bootstrap = stage.bootstrap(&lambda, &pin)?;
    // Else the first event's time would be that of the start.
    lambda.wait_polled(1, SOON).ok_or_else(|| said("no event was asked for", &bootstrap))?;
    for sample in samples(&stage)? {
        let pending = lambda.invoke(sample.event.clone());
        let answer = pending.wait(SOON).ok_or_else(|| said("no answer", &bootstrap))?;
        let line = bootstrap
            .wait_for_line(|line| line.contains(&answer.request_id) && line.contains("\"message\":\"answered in"), SOON)
            .ok_or_else(|| said("the event was not answered", &bootstrap))?;
        let line: Value = serde_json::from_str(&line.text)?;
        let label = |name: &str| line[name].as_str().unwrap_or_default();
        let plugin = format!("{}@{}", label("plugin"), label("digest"));
        let reply = answer.payload();
        let shown = shortened(&String::from_utf8_lossy(&reply));
        let time = format!("{:.2} ms", answer.elapsed.as_secs_f64() * 1_000.0);
        let cells = [sample.name, label("source"), label("route"), &plugin, &shown, &time];
        println!("{}", row(cells, |reply| style.green(&reply)));

        let file = fs::read(stage.file(&library(sample.plugin)))?;
        let expected = format!("{}@{}", sample.plugin, Digest::of(&file).prefix());
        if (plugin.as_str(), label("route")) != (&expected, sample.route) {
            return Err(
                format!("{} went to {plugin} by {}, not to {expected} by {}", sample.name, label("route"), sample.route).into()
            );
        }
        let value: Value = serde_json::from_slice(&reply)?;
        if value != sample.reply {
            return Err(format!("{} was to be answered with {}, and was with {value}", sample.name, sample.reply).into());
        }
    }
    drop(bootstrap);
    refused(&stage, &pin, style)
}

/// Flips one byte of a plugin that the manifest names, and starts again.
fn refused(stage: &Stage, pin: &str, style: Style) -> Result<()> {
    let file = stage.file("liborders.so");
    let mut bytes = fs::read(&file)?;
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    fs::write(&file, bytes)?;
    println!("\n{}", style.bold(&format!("byte {middle} of liborders.so flipped, bootstrap started again")));
    let lambda = Lambda::start(Options::default())?;
    let bootstrap = stage.bootstrap(&lambda, pin)?;
    let error = lambda.init_error(SOON).ok_or_else(|| said("the flipped byte was not refused", &bootstrap))?;
    let status = bootstrap.wait_exit(SOON).ok_or("bootstrap did not exit")?;
    let body: Value = serde_json::from_slice(&error.body)?;
    let message = body["errorMessage"].as_str().unwrap_or_default();
    let code = error.error_type.unwrap_or_default();
    println!("{}", style.red(&format!("refused  {code}")));
    println!("  {}", message.replace(", and ", ",\n  and ").replace(" (hint: ", "\n  (hint: "));
    println!("  bootstrap: {status}");
    match (code.as_str(), status.code(), lambda.polled().count) {
        ("Runtime.LoaderDigestMismatch", Some(4), 0) => Ok(()),
        (code, status, polls) => Err(format!("expected a digest mismatch and exit 4: {code}, {status:?}, {polls} polls").into()),
    }
}

/// An error, and what bootstrap has said.
fn said(what: &str, bootstrap: &Bootstrap) -> Box<dyn Error> {
    let lines = bootstrap.logs().into_iter().map(|line| format!("\n  {}", line.text));
    format!("{what}; bootstrap said:{}", lines.collect::<String>()).into()
}

/// One line of the table; `paint` is for the reply, once it has its width.
fn row([event, source, route, plugin, reply, time]: [&str; 6], paint: impl Fn(String) -> String) -> String {
    let reply = paint(format!("{reply:<REPLY$}"));
    format!("{event:<20}  {source:<16}  {route:<11}  {plugin:<23}  {reply}  {time:>8}")
}

/// How much of a reply is shown.
const REPLY: usize = 56;

fn shortened(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() > REPLY { text.chars().take(REPLY - 1).chain(['…']).collect() } else { text }
}

/// The file that cargo makes of a plugin.
fn library(plugin: &str) -> String {
    format!("lib{}.so", plugin.replace('-', "_"))
}

/// The manifest and its plugins, copied where a byte may be flipped.
struct Stage {
    folder: tempfile::TempDir,
    built: PathBuf,
}

impl Stage {
    fn set() -> Result<Self> {
        let program = std::env::current_exe()?;
        let built = program.parent().ok_or("this program lies in no build folder")?.to_owned();
        let stage = Stage { folder: tempfile::tempdir()?, built };
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/manifest.json");
        fs::copy(manifest, stage.file("manifest.json")).map_err(|error| format!("{manifest}: {error}"))?;
        let manifest: Value = serde_json::from_slice(&fs::read(stage.file("manifest.json"))?)?;
        for name in manifest["plugins"].as_object().ok_or("the manifest has no plugins")?.keys().map(|name| library(name)) {
            fs::copy(stage.built(&name)?, stage.file(&name))?;
            // A build folder's files may be writable by a group, and such are refused.
            fs::set_permissions(stage.file(&name), fs::Permissions::from_mode(0o644))?;
        }
        Ok(stage)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What cargo has built.
    fn built(&self, name: &str) -> Result<PathBuf> {
        let path = self.built.join(name);
        if path.is_file() { Ok(path) } else { Err(format!("{} is not there: cargo build", path.display()).into()) }
    }

    /// Writes the digests into the copy, and returns the manifest's own.
    fn lock(&self) -> Result<String> {
        let mut lock = Command::new(self.built("lambda-loader")?);
        lock.args(["lock", "--format", "json", "--manifest"]).arg(self.file("manifest.json"));
        let output = lock.output()?;
        let result: Value = serde_json::from_slice(&output.stdout)?;
        result["sha256"].as_str().map(str::to_owned).ok_or_else(|| format!("lambda-loader lock: {result}").into())
    }

    /// A sample event of a source.
    fn event(&self, source: &str) -> Result<Value> {
        let output = Command::new(self.built("lambda-loader")?).args(["event", source]).output()?;
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn bootstrap(&self, lambda: &Lambda, pin: &str) -> Result<Bootstrap> {
        let manifest = self.file("manifest.json");
        let manifest = manifest.to_str().ok_or("the temporary folder's name is not UTF-8")?;
        let variables = [("LOADER_MANIFEST", manifest), ("LOADER_MANIFEST_SHA256", pin), ("AWS_LAMBDA_LOG_FORMAT", "JSON")];
        Ok(Bootstrap::spawn(lambda, &self.built("bootstrap")?, &variables)?)
    }
}

/// An event, and what has to become of it.
struct Sample {
    name: &'static str,
    event: Vec<u8>,
    route: &'static str,
    plugin: &'static str,
    reply: Value,
}

/// Samples of the tool itself. The queue's one message is no order; a good order is put beside it.
fn samples(stage: &Stage) -> Result<Vec<Sample>> {
    let mut queue = stage.event("sqs")?;
    let mut order = queue["Records"][0].clone();
    let refused = order["messageId"].clone();
    order["messageId"] = "order".into();
    order["body"] = r#"{"id":"o-1","pieces":3}"#.into();
    queue["Records"].as_array_mut().ok_or("the queue's sample has no records")?.push(order);
    let mut request = stage.event("api-gateway-http")?;
    request["rawPath"] = "/hello/reader".into();
    let headers = json!({ "content-type": "text/plain; charset=utf-8", "content-length": "16" });
    let greeting = json!({ "statusCode": 200, "body": "good day, reader", "isBase64Encoded": false, "headers": headers });
    let sample =
        |name, event: &Value, route, plugin, reply| Sample { name, event: event.to_string().into(), route, plugin, reply };
    let failures = json!({ "batchItemFailures": [{ "itemIdentifier": refused }] });
    let report = json!({ "table": "orders-dev", "accepted": 1 });
    Ok(vec![
        sample("two messages", &queue, "order-queue", "orders", failures),
        sample("a schedule", &stage.event("schedule")?, "nightly", "orders", report),
        sample("GET /hello/reader", &request, "site", "hello-http", greeting),
    ])
}

/// Colours, on a terminal and unless `NO_COLOR` (<https://no-color.org>) is set.
#[derive(Clone, Copy)]
struct Style(bool);

impl Style {
    fn of_terminal() -> Self {
        Style(std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
    }

    fn paint(self, code: u8, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn bold(self, text: &str) -> String {
        self.paint(1, text)
    }

    fn red(self, text: &str) -> String {
        self.paint(31, text)
    }

    fn green(self, text: &str) -> String {
        self.paint(32, text)
    }
}
