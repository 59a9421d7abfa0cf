//! The settings of one stage to the parts of a manifest.

use super::left_out;
use super::names::{Names, free, snake};
use super::report::Report;
use super::value::Value;
use crate::policy::{s3, variable};

/// What one stage says, in the words of a manifest.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) plugins: Vec<(String, Value)>,
    pub(super) routes: Vec<(String, Value)>,
    pub(super) on_error: Option<Value>,
    pub(super) settings: Option<Value>,
    pub(super) environment: Vec<(String, Value)>,
    /// For the allowlist.
    pub(super) variables: Vec<String>,
    pub(super) buckets: Vec<String>,
}

/// Reads one stage.
pub(super) fn read(stage: &str, settings: &Value, values: bool, names: &mut Names, report: &mut Report) -> Parts {
    let mut reader = Reader { stage, settings, values, names, report, parts: Parts::default() };
    reader.http();
    reader.events();
    reader.bots();
    reader.cognito();
    reader.authorizer();
    reader.asynchronous();
    reader.on_error();
    reader.environment();
    reader.remote();
    reader.rest();
    reader.parts
}

struct Reader<'a> {
    stage: &'a str,
    settings: &'a Value,
    values: bool,
    names: &'a mut Names,
    report: &'a mut Report,
    parts: Parts,
}

/// Read here, or told of here.
const READ: [&str; 15] = [
    "app_function",
    "app_module",
    "apigateway_enabled",
    "async_resources",
    "async_source",
    "authorizer",
    "aws_environment_variables",
    "bot_events",
    "cognito",
    "django_settings",
    "environment_variables",
    "events",
    "exception_handler",
    "remote_env",
    "remote_env_bucket",
];

impl Reader<'_> {
    fn check(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.report.check(self.stage, what, why);
    }

    fn left_out(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.report.left_out(self.stage, what, why);
    }

    /// `plugin.handler` for a dotted path; the plugin is then one of this stage.
    fn target(&mut self, setting: &str, path: &str) -> Option<(String, String)> {
        let Some((plugin, handler)) = self.names.target(path) else {
            self.left_out(format!("{setting} {path:?}"), "this is no path of a module and a function");
            return None;
        };
        if !self.parts.plugins.iter().any(|(known, _)| *known == plugin) {
            let file = format!("lib{}.so", plugin.replace('-', "_"));
            self.parts.plugins.push((plugin.clone(), Value::Map(vec![("path".into(), Value::Text(file))])));
        }
        Some((format!("{plugin}.{handler}"), handler))
    }

    /// Adds a route. Of two that take the same events the later one stays, as in Zappa's own table.
    fn route(&mut self, name: &str, source: &str, keys: Vec<(&str, Value)>, to: String) -> String {
        let mut route = vec![("source".to_owned(), Value::text(source))];
        route.extend(keys.into_iter().map(|(key, value)| (key.to_owned(), value)));
        let taken = self.parts.routes.iter().position(|(_, other)| {
            let matching =
                |members: &[(String, Value)]| members.iter().filter(|(key, _)| key != "to").cloned().collect::<Vec<_>>();
            matching(other.members()) == route
        });
        let text = Value::text(&to);
        route.push(("to".to_owned(), text.clone()));
        if let Some((name, other)) = taken.and_then(|index| self.parts.routes.get_mut(index)) {
            let (name, replaced) = (name.clone(), other.get("to") != Some(&text));
            *other = Value::Map(route);
            if replaced {
                self.check(
                    format!("routes.{name}"),
                    "two functions were set for the same events; the later one has them, as in Zappa",
                );
            }
            return name;
        }
        let name = free(&snake(name), |name| self.parts.routes.iter().any(|(known, _)| known == name));
        self.parts.routes.push((name.clone(), Value::Map(route)));
        name
    }

    fn http(&mut self) {
        let enabled = |key: &str| self.settings.get(key).is_some_and(Value::is_true);
        let gateway = self.settings.get("apigateway_enabled").is_none_or(Value::is_true);
        let http = gateway || enabled("function_url_enabled") || enabled("alb_enabled");
        let django = self
            .settings
            .str("django_settings")
            .map(|settings| format!("{}.app", settings.split('.').next().unwrap_or_default()));
        let Some(app) = self.settings.str("app_function").map(str::to_owned).or(django) else { return };
        if !http {
            self.left_out("app_function", "nothing sends HTTP requests here (apigateway_enabled is false); log events that went to it need a route of source `cloudwatch-logs`");
            return;
        }
        let Some((to, _)) = self.target("app_function", &app) else { return };
        // Zappa answers an exception with a 500 of its own.
        let keys = vec![("path", Value::text("/{*rest}")), ("on_failure", Value::text("respond"))];
        let name = self.route("site", "http", keys, to);
        self.check(
            format!("routes.{name}"),
            "this takes REST, HTTP API, function URL and load balancer alike: name the one there is as `source`",
        );
    }

    fn events(&mut self) {
        for event in self.settings.get("events").unwrap_or(&Value::Null).items() {
            let Some(function) = event.str("function") else {
                self.left_out("events", "an event without a function");
                continue;
            };
            let Some((to, handler)) = self.target("events", function) else { continue };
            if event.get("expression").or(event.get("expressions")).is_some() {
                self.schedule(event, function, &handler, &to);
            }
            let source = event.get("event_source");
            for arn in source.and_then(|source| source.get("arn")).unwrap_or(&Value::Null).items() {
                self.reactive(source.unwrap_or(&Value::Null), arn.as_str().unwrap_or_default(), &handler, &to);
            }
        }
    }

    /// Zappa's rules are named FUNCTION-NAME-module.function, cut at the front to 64 characters.
    fn schedule(&mut self, event: &Value, function: &str, handler: &str, to: &str) {
        let tail = match event.str("name").filter(|name| *name != function) {
            Some(name) => format!("{name}-{function}"),
            None => function.to_owned(),
        };
        if tail.chars().count() > 62 || tail.contains(['*', ':']) {
            self.left_out(
                format!("events {function:?}"),
                "the rule's name cannot be told from the settings: add a route of source `schedule`",
            );
            return;
        }
        let name = self.route(
            &format!("schedule-{handler}"),
            "schedule",
            vec![("resource", Value::Text(format!("*-{tail}")))],
            to.to_owned(),
        );
        let expressions = event.get("expression").into_iter().chain(event.get("expressions"));
        let expressions: Vec<_> = expressions.flat_map(Value::items).filter_map(Value::as_str).collect();
        self.check(
            format!("routes.{name}"),
            format!(
                "the rule that Zappa made ({}) stays in EventBridge; a rule of yours may have any name, then name it here",
                expressions.join(", ")
            ),
        );
        if event.get("kwargs").is_some_and(Value::is_true) {
            self.check(format!("routes.{name}"), "the handler finds the rule's kwargs in the event, at `kwargs`");
        }
    }

    fn reactive(&mut self, source: &Value, arn: &str, handler: &str, to: &str) {
        let fields: Vec<_> = arn.splitn(6, ':').collect();
        let service = match fields.as_slice() {
            ["arn", _, service, _, _, resource] if !resource.is_empty() => *service,
            _ => {
                self.left_out(format!("events {arn:?}"), "this is no ARN of six fields, so no route can be made of it");
                return;
            }
        };
        let route = |source: &str| format!("{source}-{handler}");
        let resource = ("resource", Value::text(arn));
        let named = match service {
            "s3" => return self.bucket(source, resource.1, handler, to),
            "sqs" | "sns" | "dynamodb" | "kinesis" | "kafka" => {
                self.route(&route(service), service, vec![resource], to.to_owned())
            }
            "events" => {
                let name = self.route(&route("eventbridge"), "eventbridge", vec![resource], to.to_owned());
                self.check(format!("routes.{name}"), "add `event_source`: whoever may put events chooses theirs");
                return;
            }
            other => {
                let why = if other == "mq" {
                    "say which broker it is: a route of source `activemq` or `rabbitmq`"
                } else {
                    "a source that this tool does not know: see the event reference"
                };
                self.left_out(format!("events {arn:?}"), why);
                return;
            }
        };
        let mapping = ["batch_size", "batch_window", "starting_position", "enabled", "parallelization_factor", "filters"];
        let set: Vec<_> = mapping.into_iter().filter(|key| source.get(key).is_some()).collect();
        if !set.is_empty() {
            let why = "a property of the event source mapping or subscription, which Zappa made and which stays there";
            self.left_out(format!("routes.{named}: {}", set.join(", ")), why);
        }
    }

    /// One route an event name: Zappa's lists are alternatives.
    fn bucket(&mut self, source: &Value, arn: Value, handler: &str, to: &str) {
        let mut keys = vec![("resource", arn)];
        for filter in source.get("key_filters").unwrap_or(&Value::Null).items() {
            let (kind, value) = (filter.str("type").or(filter.str("Name")), filter.str("value").or(filter.str("Value")));
            match (kind, value) {
                (Some("prefix"), Some(value)) => keys.push(("key_prefix", Value::text(value))),
                (Some("suffix"), Some(value)) => keys.push(("key_suffix", Value::text(value))),
                _ => self.left_out(format!("events of {to}: key_filters"), "a filter that is neither prefix nor suffix"),
            }
        }
        let mut names: Vec<_> = source.get("events").unwrap_or(&Value::Null).items().iter().filter_map(Value::as_str).collect();
        names.dedup();
        if names.is_empty() {
            self.route(&format!("s3-{handler}"), "s3", keys, to.to_owned());
            return;
        }
        for event in names {
            let mut keys = keys.clone();
            keys.insert(1, ("event", Value::text(event.strip_prefix("s3:").unwrap_or(event))));
            self.route(&format!("s3-{handler}"), "s3", keys, to.to_owned());
        }
    }

    fn bots(&mut self) {
        for event in self.settings.get("bot_events").unwrap_or(&Value::Null).items() {
            let source = event.get("event_source").unwrap_or(&Value::Null);
            let (Some(function), Some(intent)) = (event.str("function"), source.str("intent")) else {
                self.left_out("bot_events", "an entry without a function or an intent");
                continue;
            };
            let Some((to, handler)) = self.target("bot_events", function) else { continue };
            let mut keys = vec![("intent", Value::text(intent))];
            if let Some(phase) = source.str("invocation_source") {
                keys.push(("invocation_source", Value::text(phase)));
            }
            self.route(&format!("lex-{handler}"), "lex", keys, to);
        }
    }

    fn cognito(&mut self) {
        let cognito = self.settings.get("cognito").unwrap_or(&Value::Null);
        for trigger in cognito.get("triggers").unwrap_or(&Value::Null).items() {
            let (Some(function), Some(source)) = (trigger.str("function"), trigger.str("source")) else {
                self.left_out("cognito", "a trigger without a source or a function");
                continue;
            };
            let Some((to, handler)) = self.target("cognito", function) else { continue };
            let mut keys = Vec::new();
            if let Some(pool) = cognito.str("user_pool") {
                keys.push(("resource", Value::text(pool)));
            }
            keys.push(("trigger", Value::text(source)));
            self.route(&format!("cognito-{handler}"), "cognito", keys, to);
        }
    }

    fn authorizer(&mut self) {
        let Some(authorizer) = self.settings.get("authorizer").filter(|authorizer| authorizer.is_true()) else { return };
        if let Some(function) = authorizer.str("function") {
            let Some((to, handler)) = self.target("authorizer", function) else { return };
            self.route(&format!("authorizer-{handler}"), "authorizer", vec![("kind", Value::text("TOKEN"))], to);
        } else if authorizer.str("arn").is_some() {
            self.left_out("authorizer.arn", "the authorizer is another function: nothing to route here");
        } else {
            self.left_out("authorizer", "API Gateway does this by itself: keep it in the API's configuration");
        }
    }

    /// Tasks by topic or queue: one handler gets them all, and it decides what it knows, for the event names code.
    fn asynchronous(&mut self) {
        let Some(source) = self.settings.str("async_source").filter(|source| matches!(*source, "sns" | "sqs")) else { return };
        let module = self.parts.plugins.first().map(|(name, _)| name.clone());
        let module = module
            .and_then(|name| self.names.plugins.iter().find(|plugin| plugin.name == name))
            .map(|plugin| plugin.module.clone());
        let Some((to, _)) = self.target("async_source", &format!("{}.run_task", module.as_deref().unwrap_or("tasks"))) else {
            return;
        };
        let name = self.route("async-tasks", source, vec![("resource", Value::text("*-zappa-async"))], to);
        let why = "write one handler that matches `task_path` of the message against the tasks that it knows; the settings do not list them; \
                   new tasks need no topic (docs/author.md, \"Work that runs later\")";
        self.check(format!("routes.{name}"), why);
    }

    fn on_error(&mut self) {
        let Some(function) = self.settings.str("exception_handler").map(str::to_owned) else { return };
        let Some((to, _)) = self.target("exception_handler", &function) else { return };
        self.parts.on_error = Some(Value::Text(to));
        self.check(
            "on_error",
            "it gets {\"error\", \"event\", \"context\"}, and answers {\"handled\": true} where Zappa's returned True",
        );
    }

    fn environment(&mut self) {
        for (name, value) in self.settings.get("environment_variables").unwrap_or(&Value::Null).members() {
            if let Err(refusal) = variable::check(name, std::slice::from_ref(name)) {
                self.left_out(format!("environment_variables {name:?}"), refusal.what);
                continue;
            }
            self.parts.variables.push(name.clone());
            let text = match value {
                Value::Text(text) => text.clone(),
                other => serde_json::to_string(other).unwrap_or_default(),
            };
            if !self.values {
                self.check(
                    format!("environment {name}"),
                    "allowed, and not set: values stay out of the manifest unless --values is given",
                );
            } else if text.contains('\0') {
                self.left_out(format!("environment_variables {name:?}"), "a variable cannot hold a NUL");
            } else {
                self.parts.environment.push((name.clone(), Value::Text(text)));
            }
        }
        for (name, _) in self.settings.get("aws_environment_variables").unwrap_or(&Value::Null).members() {
            self.left_out(
                format!("aws_environment_variables {name}"),
                "it is in the function's own configuration, and stays there",
            );
        }
    }

    fn remote(&mut self) {
        let (bucket, file) = (self.settings.str("remote_env_bucket"), self.settings.str("remote_env_file"));
        let old = bucket.zip(file).map(|(bucket, file)| format!("s3://{bucket}/{file}"));
        let Some(uri) = self.settings.str("remote_env").map(str::to_owned).or(old) else { return };
        match s3::parse(&uri) {
            Ok(parsed) => {
                self.parts.buckets.push(parsed.bucket.to_owned());
                self.parts.settings = Some(Value::Map(vec![("s3".to_owned(), Value::Text(uri))]));
                self.check("settings", "list in allow.environment which of the file's names may become variables");
            }
            Err(problem) => self.left_out("remote_env", problem.what),
        }
    }

    fn rest(&mut self) {
        for (setting, value) in self.settings.members() {
            // Set to nothing: nothing is lost. What was not wanted of API or packages is no loss either.
            if READ.contains(&setting.as_str()) || setting == "remote_env_file" || !value.is_true() {
                continue;
            }
            self.left_out(setting, left_out::why(setting));
        }
    }
}
