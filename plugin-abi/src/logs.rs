//! What CloudWatch Logs sends to a subscription, unpacked: base64 around gzip around JSON
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html>).

use std::borrow::Cow;
use std::io::Read as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

use crate::Error;

/// The most bytes that packed logs may unpack to, 16 MB. CloudWatch Logs packs at most 1 MB of records; whoever forges an event could
/// make six megabytes unpack to six gigabytes.
pub const MOST_BYTES: u64 = 16 << 20;

/// The event of a subscription, unpacked for the handler that takes it. `T` is what is read of it: `LogData` of `aws_lambda_events`, or
/// a type with the fields that are wanted.
///
/// ```
/// use lambda_plugin_abi::logs::Unpacked;
/// use lambda_plugin_abi::{Error, testing};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// #[serde(rename_all = "camelCase")]
/// struct Logs {
///     log_group: String,
///     log_events: Vec<Line>,
/// }
///
/// #[derive(Deserialize)]
/// struct Line {
///     message: String,
/// }
///
/// fn errors(Unpacked(logs): Unpacked<Logs>) -> Result<usize, Error> {
///     Ok(logs.log_events.iter().filter(|line| line.message.contains("ERROR")).count())
/// }
/// # fn main() {}
/// lambda_plugin_abi::export! { handlers: { errors } }
/// ```
///
/// What is packed otherwise than it should be, or unpacks to more than [`MOST_BYTES`], is an error `EventDecode`; no such handler runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unpacked<T>(pub T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Unpacked<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Event<'e> {
            #[serde(borrow)]
            awslogs: Packed<'e>,
        }
        #[derive(Deserialize)]
        struct Packed<'e> {
            #[serde(borrow)]
            data: Cow<'e, str>,
        }
        let event = Event::deserialize(deserializer)?;
        let packed =
            BASE64_STANDARD.decode(event.awslogs.data.as_ref()).map_err(|_| D::Error::custom("logs that are no base64"))?;
        unpack(&packed).map(Unpacked).map_err(|error| D::Error::custom(error.message()))
    }
}

/// Unpacks what stands in one record where the subscription leads to Kinesis or Firehose: gzip around JSON, once the event's base64 is
/// off.
///
/// # Errors
/// `LogsDecode` where that is no gzip of such JSON, or unpacks to more than [`MOST_BYTES`]. No value is quoted.
pub fn unpack<T: DeserializeOwned>(packed: &[u8]) -> Result<T, Error> {
    let error = |what: &str| Error::new("LogsDecode", what);
    let mut text = Vec::new();
    let mut unpacked = flate2::read::GzDecoder::new(packed).take(MOST_BYTES + 1);
    unpacked.read_to_end(&mut text).map_err(|_| error("logs that are no gzip"))?;
    if text.len() as u64 > MOST_BYTES {
        return Err(error("logs of more than 16 MB"));
    }
    serde_json::from_slice(&text).map_err(|cause| error(&format!("logs: {}", crate::decode::without_values(&cause))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Logs {
        log_group: String,
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(text).unwrap();
        gzip.finish().unwrap()
    }

    fn event(data: &str) -> Result<Logs, Error> {
        let event = format!("{{\"awslogs\":{{\"data\":\"{data}\"}}}}");
        crate::decode::read::<Unpacked<Logs>>(event.as_bytes()).map(|Unpacked(logs)| logs)
    }

    #[test]
    fn an_event_is_unpacked_for_its_handler_and_a_record_by_itself() {
        let packed = gzip(br#"{"logGroup":"/aws/x","logEvents":[]}"#);
        let expected = Logs { log_group: "/aws/x".into() };
        assert_eq!(event(&BASE64_STANDARD.encode(&packed)).unwrap(), expected);
        assert_eq!(event(&BASE64_STANDARD.encode(&packed).replace('/', "\\/")).unwrap(), expected, "escapes in the string");
        assert_eq!(unpack::<Logs>(&packed).unwrap(), expected);
    }

    #[test]
    fn what_is_packed_otherwise_says_how_without_its_values() {
        #[track_caller]
        fn check(data: &str, expected: &str) {
            let error = event(data).unwrap_err();
            assert_eq!((error.kind(), error.message().split(" at line").next()), ("EventDecode", Some(expected)));
        }
        check("not base64!", "event: logs that are no base64");
        check("bm90IGd6aXA=", "event: logs that are no gzip");
        let packed = gzip(br#"{"logGroup":["secret"]}"#);
        check(&BASE64_STANDARD.encode(&packed[..packed.len() - 8]), "event: logs that are no gzip");
        check(&BASE64_STANDARD.encode(&packed), "event: logs: invalid type: sequence, expected a string");
        check(&BASE64_STANDARD.encode(gzip(br#""secret""#)), "event: logs: invalid type: string …, expected struct Logs");
    }

    #[test]
    fn a_bomb_is_unpacked_to_the_limit_and_no_further() {
        let mut text = b"{\"logGroup\":\"".to_vec();
        text.resize(MOST_BYTES as usize - 2, b'a');
        text.extend_from_slice(b"\"}");
        assert!(unpack::<Logs>(&gzip(&text)).is_ok(), "{} bytes are allowed", text.len());
        text.resize(64 << 20, b' ');
        let bomb = gzip(&text);
        assert!(bomb.len() < 200_000, "{}", bomb.len());
        assert_eq!(unpack::<Logs>(&bomb).unwrap_err().to_string(), "LogsDecode: logs of more than 16 MB");
    }
}
