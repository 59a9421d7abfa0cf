//! The SAM template: one function with its layer, one stack a stage
//! (<https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-function.html>).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::contents::Contents;
use super::variables::{Setting, Variable};
use crate::Architecture;

/// What the template is about.
pub(super) struct Project<'p> {
    /// The names of the stages; empty: the manifest has none.
    stages: Vec<&'p str>,
    default_stage: Option<&'p str>,
    /// The stage that was packed alone.
    flat: Option<&'p str>,
    /// Which names a function may have.
    functions: &'p [String],
    architecture: Architecture,
    variables: &'p [Variable],
    /// What the function has to be allowed to read.
    buckets: &'p BTreeSet<String>,
}

impl<'p> Project<'p> {
    pub(super) fn new(
        contents: &'p Contents,
        flat: Option<&'p str>,
        architecture: Architecture,
        variables: &'p [Variable],
        buckets: &'p BTreeSet<String>,
    ) -> Self {
        let stages = contents.manifest.stages();
        Project {
            stages: stages.iter().filter_map(|stage| stage.name.as_deref()).collect(),
            default_stage: stages.first().and_then(|stage| stage.wire.default_stage.as_deref()),
            flat,
            functions: &contents.functions,
            architecture,
            variables,
            buckets,
        }
    }

    /// The template as YAML.
    pub(super) fn text(&self) -> String {
        let architecture = match self.architecture {
            Architecture::X86_64 => "x86_64",
            Architecture::Aarch64 => "arm64",
        };
        let name = self.name();
        let mut parameters = String::new();
        if !self.stages.is_empty() {
            let stages: Vec<_> = self.stages.iter().map(|stage| quoted(stage)).collect();
            let default = self.default_stage.map(|stage| format!("    Default: {}\n", quoted(stage))).unwrap_or_default();
            // To a string nothing can be added that fails; so in all that follows.
            let _ = write!(parameters, "  Stage:\n    Type: String\n    AllowedValues: [{}]\n{default}", stages.join(", "));
        }
        if let Name::Asked(patterns) = &name {
            let description = quoted(&format!("A name that the manifest is for: {patterns}"));
            let _ = write!(parameters, "  FunctionName:\n    Type: String\n    Description: {description}\n");
        }
        let name = match name {
            Name::Any => String::new(),
            Name::Fixed(name) => format!("      FunctionName: {}\n", quoted(&name)),
            Name::OfStage(name) => format!("      FunctionName: !Sub {}\n", quoted(&name)),
            Name::Asked(_) => "      FunctionName: !Ref FunctionName\n".to_owned(),
        };
        let variables = self.variables.iter().map(|Variable { name, value }| match value {
            Setting::Text(text) => format!("          {name}: {}\n", quoted(text)),
            Setting::Stage => format!("          {name}: !Ref Stage\n"),
        });
        let variables: String = variables.collect();
        let resources =
            self.buckets.iter().map(|bucket| format!("                - !Sub \"arn:${{AWS::Partition}}:s3:::{bucket}/*\"\n"));
        let policies = match resources.collect::<String>() {
            resources if resources.is_empty() => resources,
            resources => format!(
                "      Policies:\n        - Statement:\n            - Effect: Allow\n              Action: [s3:GetObject, \
                 s3:GetObjectVersion]\n              Resource:\n{resources}"
            ),
        };
        format!(
            r#"# Written by lambda-loader package, and written anew by the next run: add what triggers the function in a template of your own,
# by the output Function.
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Description: A function of the Lambda plugin loader
Parameters:
{parameters}  MemorySize:
    Type: Number
    Default: 128
    MinValue: 128
    MaxValue: 10240
  Timeout:
    Type: Number
    Default: 30
    MinValue: 1
    MaxValue: 900
Resources:
  Plugins:
    Type: AWS::Serverless::LayerVersion
    Properties:
      Description: The manifest and its plugins
      ContentUri: layer.zip
      CompatibleArchitectures: [{architecture}]
      CompatibleRuntimes: [provided.al2023]
      RetentionPolicy: Retain
  Function:
    Type: AWS::Serverless::Function
    Properties:
{name}      Runtime: provided.al2023
      Handler: bootstrap
      CodeUri: function.zip
      Architectures: [{architecture}]
      Layers: [!Ref Plugins]
      MemorySize: !Ref MemorySize
      Timeout: !Ref Timeout
{policies}      Environment:
        Variables:
{variables}Outputs:
  Function:
    Value: !GetAtt Function.Arn
  Layer:
    Value: !Ref Plugins
"#
        )
    }

    /// What the function may be called: the first name that the manifest is for, with the stage for `*`.
    fn name(&self) -> Name {
        match (self.functions.first(), self.flat) {
            (None, _) => Name::Any,
            (Some(name), _) if !name.contains('*') => Name::Fixed(name.clone()),
            (Some(pattern), Some(stage)) => Name::Fixed(pattern.replace('*', stage)),
            (Some(pattern), None) if !self.stages.is_empty() => Name::OfStage(pattern.replace('*', "${Stage}")),
            (Some(_), None) => Name::Asked(self.functions.join(", ")),
        }
    }
}

enum Name {
    /// CloudFormation makes one up.
    Any,
    Fixed(String),
    OfStage(String),
    Asked(String),
}

/// A string of JSON is one of YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project<'p>(stages: &[&'p str], flat: Option<&'p str>, functions: &'p [String], variables: &'p [Variable]) -> Project<'p> {
        let stages = stages.to_vec();
        static NO_BUCKETS: BTreeSet<String> = BTreeSet::new();
        let (architecture, buckets) = (Architecture::Aarch64, &NO_BUCKETS);
        Project { default_stage: None, stages, flat, functions, architecture, variables, buckets }
    }

    #[test]
    fn the_function_is_called_as_the_manifest_lets_it() {
        let functions = |pattern: &str| vec![pattern.to_owned()];
        #[track_caller]
        fn check(stages: &[&str], flat: Option<&str>, functions: &[String], expected: &str) {
            let text = project(stages, flat, functions, &[]).text();
            let line = text.lines().find(|line| line.starts_with("      FunctionName: ")).unwrap_or_default().trim();
            assert_eq!(line, expected);
        }
        check(&["dev"], None, &[], "");
        check(&["dev"], None, &functions("orders"), "FunctionName: \"orders\"");
        check(&["dev"], None, &functions("orders-*"), "FunctionName: !Sub \"orders-${Stage}\"");
        check(&[], Some("prod"), &functions("orders-*"), "FunctionName: \"orders-prod\"");
        check(&[], None, &functions("orders-*"), "FunctionName: !Ref FunctionName");
    }

    #[test]
    fn values_are_quoted_and_the_architecture_has_lambda_s_name() {
        let variables = [Variable { name: "ODD".to_owned(), value: Setting::Text("a: \"b\" # c".to_owned()) }];
        let text = project(&[], None, &[], &variables).text();
        assert!(text.contains(r#"          ODD: "a: \"b\" # c""#), "{text}");
        assert!(text.contains("      Architectures: [arm64]") && !text.contains("aarch64"), "{text}");
    }
}
