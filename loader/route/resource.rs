//! What a route's `resource` says: a full ARN, a pattern of one, or the bare name of a queue, topic, table, stream, bucket, rule …

use super::pattern::Pattern;

/// No ARN is longer (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_Policy.html> and its siblings say 2048). What an
/// event gives beyond it matches no pattern, so that nobody can make matching slow.
const LONGEST: usize = 2048;

/// The six fields of an ARN: `arn`, partition, service, region, account, and the rest, which may hold further colons
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>).
fn fields(arn: &str) -> Option<[&str; 6]> {
    let mut parts = arn.splitn(6, ':');
    let fields = [parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?];
    (fields[0] == "arn").then_some(fields)
}

/// Which resources a route takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resource {
    /// It takes what any of these takes: a bare name may stand at several places of an ARN.
    shapes: Vec<Shape>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    Arn(Box<[Pattern; 6]>),
    Plain(Pattern),
}

impl Resource {
    /// Reads `text` for a source whose names stand in ARNs as `names` tells: `arn:*:sqs:*:*:{}`. A name in `names` that is no ARN
    /// means that such sources name their resource plainly: `{}`.
    ///
    /// # Errors
    /// Why it cannot be one, and the mend.
    pub(super) fn new(text: &str, names: &[&str]) -> Result<Self, (String, String)> {
        let arns = names.iter().any(|name| name.starts_with("arn:"));
        if text.is_empty() {
            return Err(("the resource is empty".into(), "leave `resource` out to take any".into()));
        }
        if text.chars().count() > LONGEST {
            return Err(("the resource is longer than any ARN".into(), "write at most 2048 characters".into()));
        }
        if arns && text.starts_with("arn:") {
            let shape = arn(text).ok_or_else(|| {
                let mend = "write all of `arn:partition:service:region:account:resource`, with `*` for what may be anything";
                ("an ARN has six fields".to_owned(), mend.to_owned())
            })?;
            return Ok(Resource { shapes: vec![shape] });
        }
        if arns && text.contains(':') {
            return Err(("a bare name holds no `:`".into(), "write the whole ARN, or the name alone".into()));
        }
        let shape = |name: &&str| match fields(name) {
            Some(template) => Shape::Arn(Box::new(template.map(|field| Pattern::named(field, text)))),
            None => Shape::Plain(Pattern::named(name, text)),
        };
        Ok(Resource { shapes: names.iter().map(shape).collect() })
    }

    /// Whether the route takes this resource of an event.
    pub(super) fn matches(&self, resource: &str) -> bool {
        let arn = if resource.len() <= LONGEST { fields(resource) } else { None };
        self.shapes.iter().any(|shape| match (shape, arn) {
            (Shape::Arn(patterns), Some(fields)) => patterns.iter().zip(fields).all(|(pattern, field)| pattern.matches(field)),
            (Shape::Arn(_), None) => false,
            (Shape::Plain(pattern), _) => resource.len() <= LONGEST && pattern.matches(resource),
        })
    }

    /// Whether it takes all that `other` takes.
    pub(super) fn contains(&self, other: &Resource) -> bool {
        other.shapes.iter().all(|inner| self.shapes.iter().any(|outer| outer.contains(inner)))
    }

    /// Whether some resource is taken by both.
    pub(super) fn intersects(&self, other: &Resource) -> bool {
        self.shapes.iter().any(|one| other.shapes.iter().any(|two| one.intersects(two)))
    }
}

impl Shape {
    fn contains(&self, other: &Shape) -> bool {
        match (self, other) {
            (Shape::Arn(one), Shape::Arn(two)) => one.iter().zip(two.iter()).all(|(one, two)| one.contains(two)),
            (Shape::Plain(one), Shape::Plain(two)) => one.contains(two),
            _ => false,
        }
    }

    fn intersects(&self, other: &Shape) -> bool {
        match (self, other) {
            (Shape::Arn(one), Shape::Arn(two)) => one.iter().zip(two.iter()).all(|(one, two)| one.intersects(two)),
            (Shape::Plain(one), Shape::Plain(two)) => one.intersects(two),
            _ => false,
        }
    }
}

fn arn(text: &str) -> Option<Shape> {
    fields(text).map(|fields| Shape::Arn(Box::new(fields.map(Pattern::new))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQS: &[&str] = &["arn:*:sqs:*:*:{}"];
    const TABLE: &[&str] = &["arn:*:dynamodb:*:*:table/{}", "arn:*:dynamodb:*:*:table/{}/stream/*"];
    const RULE: &[&str] = &["arn:*:events:*:*:rule/{}", "arn:*:events:*:*:rule/*/{}"];
    const API: &[&str] = &["{}"];
    const QUEUE: &str = "arn:aws:sqs:us-east-2:123456789012:orders";

    #[test]
    fn what_a_resource_takes() {
        #[track_caller]
        fn check(names: &[&str], text: &str, yes: &[&str], no: &[&str]) {
            let resource = Resource::new(text, names).unwrap();
            yes.iter().for_each(|found| assert!(resource.matches(found), "{text} {found}"));
            no.iter().for_each(|found| assert!(!resource.matches(found), "{text} {found}"));
        }
        check(
            SQS,
            "orders",
            &[QUEUE],
            &["orders", "arn:aws:sqs:us-east-2:123456789012:orders2", "arn:aws:sns:us-east-2:123456789012:orders", ""],
        );
        check(SQS, "ord*", &[QUEUE], &["arn:aws:sqs:us-east-2:123456789012:more-orders"]);
        check(SQS, QUEUE, &[QUEUE], &["arn:aws-cn:sqs:us-east-2:123456789012:orders"]);
        check(SQS, "arn:aws:sqs:us-*:*:orders", &[QUEUE], &["arn:aws:sqs:us-east-2:x:123456789012:orders"]);
        check(
            TABLE,
            "t",
            &["arn:aws:dynamodb:eu-west-1:1:table/t/stream/2016-12-01T00:00:00.000"],
            &["arn:aws:dynamodb:eu-west-1:1:table/tt/stream/x"],
        );
        check(
            TABLE,
            "arn:*:dynamodb:*:*:table/t/stream/*",
            &["arn:aws:dynamodb:eu-west-1:1:table/t/stream/2016-12-01T00:00:00.000"],
            &["arn:aws:dynamodb:eu-west-1:1:table/t"],
        );
        check(
            RULE,
            "n*",
            &["arn:aws:events:x:1:rule/nightly", "arn:aws:events:x:1:rule/bus/nightly"],
            &["arn:aws:events:x:1:rule/nbus/daily"],
        );
        check(API, "arn:x", &["arn:x"], &["x"]);
        check(API, "a1*", &["a1b2"], &["b2a1"]);
        check(SQS, "*", &[QUEUE], &["orders"]);
        let long = format!("arn:aws:sqs:us-east-2:123456789012:{}", "x".repeat(LONGEST));
        check(SQS, "*", &[], &[&long]);
    }

    #[test]
    fn what_is_no_resource() {
        #[track_caller]
        fn check(text: &str, what: &str) {
            assert_eq!(Resource::new(text, SQS).unwrap_err().0, what, "{text}");
        }
        check("", "the resource is empty");
        check("arn:aws:sqs:*", "an ARN has six fields");
        check("aws:sqs:orders", "a bare name holds no `:`");
        check(&"x".repeat(2049), "the resource is longer than any ARN");
    }

    #[test]
    fn which_contains_which() {
        #[track_caller]
        fn check(names: &[&str], one: &str, other: &str, one_holds: bool, other_holds: bool, overlap: bool) {
            let (a, b) = (Resource::new(one, names).unwrap(), Resource::new(other, names).unwrap());
            assert_eq!((a.contains(&b), b.contains(&a), a.intersects(&b)), (one_holds, other_holds, overlap), "{one} {other}");
        }
        check(SQS, "orders", "orders", true, true, true);
        check(SQS, "orders", QUEUE, true, false, true);
        check(SQS, "ord*", "*ers", false, false, true);
        check(SQS, "orders", "arn:*:sqs:*:*:*", false, true, true);
        check(SQS, "orders", "arn:aws:sqs:*:*:*", false, false, true);
        check(SQS, "orders", "arn:aws:sqs:*:*:returns", false, false, false);
        check(TABLE, "t", "arn:*:dynamodb:*:*:table/t/stream/*", true, false, true);
        check(RULE, "nightly", "arn:aws:events:*:*:rule/nightly", true, false, true);
        check(RULE, "n*", "nightly", true, false, true);
    }
}
