//! A failure told to CloudFormation: `FAILED`, put to the address that the event names, so that the stack does not wait an hour for an
//! answer that never comes (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html>).
//!
//! The address comes out of the event, and whoever may invoke the function can forge one. So it has to be HTTPS, with a certificate
//! that the system trusts, at a name that is S3's, where CloudFormation has its answers put; what is sent holds the event's own identifiers, a code and the request id; no
//! redirection is followed; and what comes back is read no further than its status.

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

fn address(text: &str) -> Result<Uri, Failure> {
    let refuse = |what: &str| Failure::new(Code::ResponseUrlRefused, format!("the event's `ResponseURL` {what}"));
    let address: Uri = text.parse().map_err(|_| refuse("is no address"))?;
    if address.scheme_str() != Some("https") {
        return Err(refuse("is not https"));
    }
    let host = address.host().unwrap_or_default().to_ascii_lowercase();
    let bucket = DOMAINS.iter().any(|domain| host.strip_suffix(domain).is_some_and(is_bucket));
    let user = address.authority().is_some_and(|authority| authority.as_str().contains('@'));
    if !bucket || user {
        return Err(refuse("is not one of S3's"));
    }
    Ok(address)
}

/// Whether a name below AWS's domain is that of a bucket: an API, a load balancer or a machine of anybody's lies there too
/// (<https://docs.aws.amazon.com/general/latest/gr/s3.html>).
fn is_bucket(name: &str) -> bool {
    let mut labels = name.rsplit('.');
    match (labels.next(), labels.next(), labels.next()) {
        (Some("s3"), Some(bucket), _) => !bucket.is_empty(),
        (Some(region), Some(bucket), _) if region.starts_with("s3-") => !bucket.is_empty(),
        (Some(_), Some("s3"), Some(bucket)) => !bucket.is_empty(),
        (Some(_), Some("dualstack"), Some("s3")) => labels.next().is_some_and(|bucket| !bucket.is_empty()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_s3_are_answered() {
        for good in [
            "https://cloudformation-custom-resource-response-useast1.s3.amazonaws.com/arn%3Aaws%3A?X-Amz-Signature=a",
            "https://x.s3.cn-north-1.amazonaws.com.cn/a",
            "https://X.S3.AMAZONAWS.COM:443/a",
            "https://cloudformation-custom-resource-response-uswest2.s3-us-west-2.amazonaws.com/a",
            "https://cloudformation-custom-resource-response-eusouth1.s3.eu-south-1.amazonaws.com/a",
            "https://x.s3.dualstack.eu-west-1.amazonaws.com/a",
        ] {
            assert!(address(good).is_ok(), "{good}");
        }
        for (bad, what) in [
            ("http://x.s3.amazonaws.com/a", "is not https"),
            ("//x.s3.amazonaws.com/a", "is not https"),
            ("/a", "is not https"),
            ("", "is no address"),
            ("https://169.254.169.254/latest/meta-data", "is not one of S3's"),
            ("https://[::1]/", "is not one of S3's"),
            ("https://amazonaws.com/a", "is not one of S3's"),
            ("https://.amazonaws.com/a", "is not one of S3's"),
            ("https://evilamazonaws.com/a", "is not one of S3's"),
            ("https://x.execute-api.eu-west-1.amazonaws.com/a", "is not one of S3's"),
            ("https://s3-x.eu-west-1.elb.amazonaws.com/a", "is not one of S3's"),
            ("https://ec2-1-2-3-4.compute-1.amazonaws.com/a", "is not one of S3's"),
            ("https://s3.amazonaws.com/bucket/a", "is not one of S3's"),
            ("https://.s3.amazonaws.com/a", "is not one of S3's"),
            ("https://s3.evil.amazonaws.com/a", "is not one of S3's"),
            ("https://s3.dualstack.eu-west-1.amazonaws.com/a", "is not one of S3's"),
            ("https://x.s3.amazonaws.com.evil.example/a", "is not one of S3's"),
            ("https://x.s3.amazonaws.com@evil.example/a", "is not one of S3's"),
            ("https://evil.example@x.s3.amazonaws.com/a", "is not one of S3's"),
            ("https://evil.example/x.s3.amazonaws.com", "is not one of S3's"),
            ("https://evil.example#x.s3.amazonaws.com", "is not one of S3's"),
            ("https://x.s3.amazonaws.com./a", "is not one of S3's"),
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
