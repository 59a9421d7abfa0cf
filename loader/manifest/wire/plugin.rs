//! The entries that name bytes: plugins, libraries, settings.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::Json;

/// One entry of `plugins`. It has exactly one of `path` and `s3`.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "tool", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Plugin {
    /// The file, relative to the manifest's folder or absolute; `{arch}` is `x86_64` or `aarch64`.
    pub path: Option<String>,
    /// The S3 object: `s3://bucket/key`, `s3://bucket/key?versionId=…`.
    pub s3: Option<String>,
    /// The SHA-256 of the file; `lambda-loader lock` writes it.
    pub sha256: Option<Sha256>,
    /// Handed to the plugin's `start`, as it stands here.
    pub config: Option<Json>,
    /// When the plugin is verified, loaded and started.
    pub load: Option<Load>,
}

/// One entry of `libraries`. It has exactly one of `path` and `s3`.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "tool", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Library {
    /// The file, relative to the manifest's folder or absolute; `{arch}` is `x86_64` or `aarch64`.
    pub path: Option<String>,
    /// The S3 object: `s3://bucket/key`, `s3://bucket/key?versionId=…`.
    pub s3: Option<String>,
    /// The SHA-256 of the file; `lambda-loader lock` writes it.
    pub sha256: Option<Sha256>,
}

/// Where more variables come from. It has exactly one of `path` and `s3`.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "tool", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The file, relative to the manifest's folder or absolute.
    pub path: Option<String>,
    /// The S3 object: `s3://bucket/key`, `s3://bucket/key?versionId=…`.
    pub s3: Option<String>,
    /// The SHA-256 of the file, where it is to be pinned.
    pub sha256: Option<String>,
    /// Whether settings and `environment` win over variables that the function has already. Left out: the function's own win.
    #[serde(rename = "override")]
    pub overrides: Option<bool>,
}

/// When a plugin is verified, loaded and started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "tool", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// Before the first event.
    #[default]
    Init,
    /// When the first event for it arrives.
    FirstUse,
}

/// The SHA-256 of a file: 64 lower-case hexadecimal digits, or those of each architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sha256 {
    /// One digest, whatever the architecture.
    One(String),
    /// One an architecture.
    Each(Each),
}

/// A digest an architecture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "tool", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Each {
    /// Of the file for `x86_64`.
    pub x86_64: Option<String>,
    /// Of the file for `aarch64`.
    pub aarch64: Option<String>,
}

impl<'de> Deserialize<'de> for Sha256 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Sha256;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a digest, or an object with a digest per architecture")
            }

            fn visit_str<E>(self, text: &str) -> Result<Sha256, E> {
                Ok(Sha256::One(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Sha256, A::Error> {
                Each::deserialize(MapAccessDeserializer::new(map)).map(Sha256::Each)
            }
        }
        deserializer.deserialize_any(Read)
    }
}

#[cfg(feature = "tool")]
impl schemars::JsonSchema for Sha256 {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Sha256".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "One digest, or one per architecture.",
            "anyOf": [generator.subschema_for::<String>(), generator.subschema_for::<Each>()],
        })
    }
}
