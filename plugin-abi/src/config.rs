//! The manifest's `config`, read as the author's type; mistakes in it named by their place in the manifest.

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::{Error, Host};

/// Reads `config`. A plugin whose manifest has none gets `null`, or an empty object where its type wants one.
pub(crate) fn read<T: DeserializeOwned>(config: &[u8], host: &Host) -> Result<T, Error> {
    if config.trim_ascii() == b"null" {
        return serde_json::from_slice(b"null").or_else(|_| decode(b"{}", host));
    }
    decode(config, host)
}

fn decode<T: DeserializeOwned>(config: &[u8], host: &Host) -> Result<T, Error> {
    let mut json = serde_json::Deserializer::from_slice(config);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let place = place(host.plugin_name(), error.path());
        let text = crate::decode::without_values(error.inner());
        // Line and column would be those of the part that the loader passed on, not the manifest's.
        let text = text.rsplit_once(" at line ").map_or(&*text, |(text, _)| text);
        Error::new("ConfigDecode", format_args!("{place}: {text}"))
    })
}

/// `plugins.orders.config.table`, the place as the loader names others in the manifest.
fn place(plugin: &str, path: &serde_path_to_error::Path) -> String {
    let mut place = if plugin.is_empty() { "config".to_owned() } else { format!("plugins.{plugin}.config") };
    for segment in path {
        match segment {
            Segment::Seq { index } => place.push_str(&format!("[{index}]")),
            Segment::Map { key } => place.push_str(&format!(".{key}")),
            Segment::Enum { variant } => place.push_str(&format!(".{variant}")),
            Segment::Unknown => {}
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Config {
        table: String,
        #[serde(default)]
        limits: Vec<Limit>,
        #[serde(default)]
        tags: BTreeMap<String, u8>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Limit {
        most: u32,
    }

    #[test]
    fn a_mistake_is_named_by_its_place_in_the_manifest_and_never_by_its_value() {
        for (config, expected) in [
            (r#"{"tabel":"t"}"#, "plugins.test.config.tabel: unknown field `tabel`, expected one of `table`, `limits`, `tags`"),
            (r#"{"table":["secret"]}"#, "plugins.test.config.table: invalid type: sequence, expected a string"),
            (
                r#"{"table":"t","limits":[{"most":1},{"most":"secret"}]}"#,
                "plugins.test.config.limits[1].most: invalid type: string …, expected u32",
            ),
            (r#"{"table":"t","tags":{"a":-5}}"#, "plugins.test.config.tags.a: invalid value: integer …, expected u8"),
            (r#"{"limits":[]}"#, "plugins.test.config: missing field `table`"),
            ("7", "plugins.test.config: invalid type: integer …, expected struct Config"),
            ("null", "plugins.test.config: missing field `table`"),
        ] {
            let error = read::<Config>(config.as_bytes(), &crate::testing::host()).unwrap_err();
            assert_eq!((error.kind(), error.message()), ("ConfigDecode", expected), "{config}");
        }
    }

    #[test]
    fn a_plugin_without_config_starts_where_its_type_allows_that() {
        #[derive(Debug, Default, Deserialize, PartialEq)]
        #[serde(default)]
        struct Lenient {
            table: String,
        }
        let host = crate::testing::host();
        assert_eq!(read::<Lenient>(b"null", &host).unwrap(), Lenient::default());
        assert_eq!(read::<Option<Config>>(b"null", &host).unwrap(), None);
        read::<()>(b"null", &host).unwrap();
        assert_eq!(read::<Config>(br#"{"table":"t"}"#, &host).unwrap().table, "t");
    }
}
