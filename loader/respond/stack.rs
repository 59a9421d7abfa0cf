//! A failure told to CloudFormation: `FAILED`, put to the address that the event names, so that the stack does not wait an hour for an
//! answer that never comes (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html>).
//!
//! The address comes out of the event, and whoever may invoke the function can forge one. So it has to be HTTPS, with a certificate
//! that the system trusts, at a name of the bucket in which CloudFormation waits; what is sent holds the event's own identifiers, a code
//! and the request id; no redirection is followed; and what comes back is read no further than its status.

use std::fmt;
use std::time::{Duration, Instant};

use http::Uri;
use serde::Deserialize;

use crate::invoke::Failure;
use crate::{Code, https};

/// How long the answer may take where the event has no deadline.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most that is kept of a handler's time for the answer.
const RESERVE: Duration = Duration::from_secs(2);

/// The least that a blocked handler's error has for itself, after its stack was tried.
const FOR_THE_ERROR: Duration = Duration::from_millis(100);

/// The buckets in which CloudFormation waits, one a region, whose name follows without its dashes
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-vpce-bucketnames.html>).
const BUCKETS: &str = "cloudformation-custom-resource-response-";

/// The domains under which AWS signs addresses, one a partition
/// (<https://github.com/boto/botocore/blob/develop/botocore/data/partitions.json>).
const DOMAINS: [&str; 7] = [
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".c2s.ic.gov",
    ".sc2s.sgov.gov",
    ".cloud.adc-e.uk",
    ".csp.hci.ic.gov",
];

/// Where CloudFormation waits for an answer, and what has to be in it.
pub struct Callback {
    /// Pre-signed: never logged.
    address: String,
    stack: String,
    request: String,
    logical: String,
    physical: Option<String>,
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").field("stack", &self.stack).finish_non_exhaustive()
    }
}

impl Callback {
    /// What a CloudFormation event says of its answer; `None`: it does not want one here, as under a provider framework.
    #[must_use]
    pub fn of_event(event: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Event {
            #[serde(rename = "ResponseURL")]
            response_url: Option<String>,
            stack_id: String,
            request_id: String,
            logical_resource_id: String,
            physical_resource_id: Option<String>,
        }
        let event: Event = serde_json::from_slice(event).ok()?;
        Some(Callback {
            address: event.response_url?,
            stack: event.stack_id,
            request: event.request_id,
            logical: event.logical_resource_id,
            physical: event.physical_resource_id,
        })
    }

    /// Tells the stack that its request failed, until `until` at the latest.
    ///
    /// # Errors
    /// [`Code::ResponseUrlRefused`] where the address is none that an answer goes to, [`Code::StackNotTold`] where it did not arrive.
    pub async fn failed(&self, failure: &Failure, request_id: &str, until: Option<Instant>) -> Result<(), Failure> {
        let address = address(&self.address)?;
        let until = until.unwrap_or_else(|| Instant::now() + PATIENCE);
        let put = https::put(&address, self.body(failure, request_id));
        let not_told = |why: String| Failure::new(Code::StackNotTold, format!("CloudFormation could not be told: {why}"));
        match tokio::time::timeout_at(until.into(), put).await {
            Ok(Ok(status)) if status.is_success() => Ok(()),
            Ok(Ok(status)) => Err(not_told(format!("it answered {status}"))),
            Ok(Err(why)) => Err(not_told(why)),
            Err(_) => Err(not_told("the time was up".into())),
        }
    }

    /// The code and the request id and nothing of the failure's own words: whoever may look at the stack reads it.
    fn body(&self, failure: &Failure, request_id: &str) -> String {
        let physical = self.physical.clone().unwrap_or_else(|| format!("failed-{request_id}"));
        serde_json::json!({
            "Status": "FAILED",
            "Reason": format!("{} ({request_id})", failure.code.name()),
            "PhysicalResourceId": physical,
            "StackId": self.stack,
            "RequestId": self.request,
            "LogicalResourceId": self.logical,
        })
        .to_string()
    }
}

/// When a handler is to be given up, so that there is time left to tell the stack: a quarter of what there is earlier, and at most two
/// seconds.
#[must_use]
pub fn give_up(at: Option<Instant>) -> Option<Instant> {
    let left = at?.saturating_duration_since(Instant::now());
    at?.checked_sub((left / 4).min(RESERVE))
}

/// Until when a stack may be tried that ends at `end`, where the handler blocked its thread and nobody is there but the watchdog: a
/// quarter of what is left, and at least 100 ms, are for the error, should the stack not hear; and other slots are watched again after
/// two seconds.
#[must_use]
pub fn last_put(end: Option<Instant>) -> Option<Instant> {
    let now = Instant::now();
    let left = end.map_or(PATIENCE, |end| end.saturating_duration_since(now));
    now.checked_add(left.saturating_sub((left / 4).max(FOR_THE_ERROR)).min(RESERVE))
}

fn address(text: &str) -> Result<Uri, Failure> {
    let refuse = |what: &str| Failure::new(Code::ResponseUrlRefused, format!("the event's `ResponseURL` {what}"));
    let address: Uri = text.parse().map_err(|_| refuse("is no address"))?;
    if address.scheme_str() != Some("https") {
        return Err(refuse("is not https"));
    }
    let host = address.host().unwrap_or_default().to_ascii_lowercase();
    let ours = DOMAINS.iter().any(|domain| host.strip_suffix(domain).is_some_and(is_bucket));
    let user = address.authority().is_some_and(|authority| authority.as_str().contains('@'));
    if !ours || user {
        return Err(refuse("is not one of CloudFormation's own"));
    }
    Ok(address)
}

/// Whether that is a bucket of CloudFormation's and S3, as addresses are signed: `….s3`, `….s3.us-east-1` and `….s3-us-east-1`. Anyone
/// may have a bucket of some other name, and many a service of AWS's passes on what it is sent.
fn is_bucket(name: &str) -> bool {
    let Some((region, s3)) = name.strip_prefix(BUCKETS).and_then(|rest| rest.split_once(".s3")) else { return false };
    let number = region.trim_start_matches(|letter: char| letter.is_ascii_lowercase());
    let is_region = number.len() < region.len() && !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
    let same = match s3.strip_prefix(['.', '-']) {
        Some(named) => named.starts_with(|first: char| first != '-') && named.replace('-', "") == region,
        None => s3.is_empty(),
    };
    is_region && same
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_buckets_of_cloudformation_are_answered() {
        const HOST: &str = "https://cloudformation-custom-resource-response-useast1.s3";
        for good in [
            ".amazonaws.com/arn%3Aaws%3A?X-Amz-Signature=a",
            ".us-east-1.amazonaws.com/a",
            "-us-east-1.amazonaws.com/a",
            ".amazonaws.com:8443/a",
        ] {
            assert!(address(&format!("{HOST}{good}")).is_ok(), "{good}");
        }
        for good in [
            "https://cloudformation-custom-resource-response-cnnorth1.s3.cn-north-1.amazonaws.com.cn/a",
            "https://cloudformation-custom-resource-response-usgovwest1.s3-us-gov-west-1.amazonaws.com/a",
            "https://CloudFormation-Custom-Resource-Response-EUWest1.S3.AMAZONAWS.COM/a",
        ] {
            assert!(address(good).is_ok(), "{good}");
        }
        let foreign = "is not one of CloudFormation's own";
        for bad in [
            ".eu-west-1.amazonaws.com/a",
            ".-us-east-1.amazonaws.com/a",
            ".us-east-1.evil.amazonaws.com/a",
            "-website-us-east-1.amazonaws.com/a",
            "-accelerate.amazonaws.com/a",
            ".evil.amazonaws.com/a",
            "x.amazonaws.com/a",
            ".amazonaws.com./a",
            ".amazonaws.com.evil.example/a",
            ".amazonaws.com@evil.example/a",
            ".evil.example/.s3.amazonaws.com",
        ] {
            assert_eq!(
                address(&format!("{HOST}{bad}")).unwrap_err().message,
                format!("the event's `ResponseURL` {foreign}"),
                "{bad}"
            );
        }
        for (bad, what) in [
            ("http://cloudformation-custom-resource-response-useast1.s3.amazonaws.com/a", "is not https"),
            ("//cloudformation-custom-resource-response-useast1.s3.amazonaws.com/a", "is not https"),
            ("/a", "is not https"),
            ("", "is no address"),
            ("https://169.254.169.254/latest/meta-data", foreign),
            ("https://[::1]/", foreign),
            ("https://amazonaws.com/a", foreign),
            ("https://.amazonaws.com/a", foreign),
            ("https://my-bucket.s3.amazonaws.com/a", foreign),
            ("https://a1.execute-api.us-east-1.amazonaws.com/a", foreign),
            ("https://s3.amazonaws.com/cloudformation-custom-resource-response-useast1/a", foreign),
            ("https://cloudformation-custom-resource-response-.s3.amazonaws.com/a", foreign),
            ("https://cloudformation-custom-resource-response-evil.s3.amazonaws.com/a", foreign),
            ("https://cloudformation-custom-resource-response-us-east-1.s3.amazonaws.com/a", foreign),
            ("https://x.cloudformation-custom-resource-response-useast1.s3.amazonaws.com/a", foreign),
            ("https://a@cloudformation-custom-resource-response-useast1.s3.amazonaws.com/a", foreign),
            ("https://evil.example#.amazonaws.com", foreign),
        ] {
            let refused = address(bad).unwrap_err();
            assert_eq!(refused.code, Code::ResponseUrlRefused);
            assert_eq!(refused.message, format!("the event's `ResponseURL` {what}"), "{bad}");
        }
    }

    #[test]
    fn an_event_without_address_or_identifiers_wants_no_answer() {
        let event = r#"{"ResponseURL":"https://a","StackId":"s","RequestId":"r","LogicalResourceId":"l","More":[]}"#;
        assert!(Callback::of_event(event.as_bytes()).is_some());
        assert!(Callback::of_event(event.replace("\"https://a\"", "null").as_bytes()).is_none());
        assert!(Callback::of_event(event.replace("ResponseURL", "responseURL").as_bytes()).is_none());
        assert!(Callback::of_event(event.replace("RequestId", "Id").as_bytes()).is_none());
        let shown = format!("{:?}", Callback::of_event(event.as_bytes()));
        assert!(!shown.contains("https://a"), "{shown}");
    }
}
