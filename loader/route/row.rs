//! The columns of the table of sources: what a row may say.

use super::source::Source;

/// One way to recognise events.
#[derive(Debug)]
pub(super) struct Row {
    /// What the event then is.
    pub(super) is: Verdict,
    /// All of these must hold: a place, and what must stand there.
    pub(super) when: &'static [(&'static str, Test)],
    /// Where the resource stands: the first of these places that holds a string.
    pub(super) resource: &'static [&'static str],
    /// Where a bare name stands in the resource: `arn:*:sqs:*:*:{}`. `{}` alone: the resource is no ARN.
    pub(super) names: &'static [&'static str],
    /// What else routes may match.
    pub(super) keys: &'static [Key],
    /// Whether routes may have `where`.
    pub(super) wheres: bool,
    /// Of HTTP requests, the version of the payload format, which is also that of the reply.
    pub(super) payload: Option<u8>,
    /// Of WebSocket events: where it says which of the three it is.
    pub(super) phase: Option<&'static str>,
    /// Of HTTP requests: the place whose presence asks for multi-value headers in the reply.
    pub(super) multi_value: Option<&'static str>,
}

/// What an event is that a row recognises.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verdict {
    /// An event of this source.
    From(Source),
    /// Something that is refused by name.
    Refused {
        /// What it is.
        what: &'static str,
        /// What to use instead.
        hint: &'static str,
    },
}

/// What must stand in a place. `null` stands for nothing everywhere.
#[derive(Clone, Copy, Debug)]
pub(super) enum Test {
    /// Anything.
    Present,
    /// A string.
    Text,
    /// An array.
    Array,
    /// An object.
    Object,
    /// This string.
    Is(&'static str),
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// A string that contains this one.
    Contains(&'static str),
    /// An object with no other members than those at these places.
    Only(&'static [&'static str]),
}

/// A further key of routes.
#[derive(Debug)]
pub(super) struct Key {
    /// Its name in the manifest.
    pub(super) name: &'static str,
    /// Where its value stands: the first of these places that holds a string.
    pub(super) at: &'static [&'static str],
    /// How the two are compared.
    pub(super) how: How,
}

/// How a route's key is compared with the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Equal.
    Exact,
    /// A pattern with `*`.
    Pattern,
    /// A pattern with `*` of an S3 event name, with or without `s3:` before it.
    EventName,
    /// The beginning of a form-encoded text.
    Prefix,
    /// The end of a form-encoded text.
    Suffix,
    /// An HTTP method, or `ANY`.
    Method,
    /// An HTTP host.
    Host,
    /// An HTTP path.
    Path(Around),
    /// A pattern with `*` of what stands where the one pass over the event does not look; read only where a route asks for it.
    Inside(Inside),
}

/// What is read for itself, where a route asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    /// The recipients that an SES receipt rule matched, whatever their case.
    Recipients,
    /// The topics of a Kafka batch.
    Topics,
    /// The log group of packed CloudWatch Logs.
    LogGroup,
}

/// What stands around the path in the place where an event gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Around {
    /// Nothing.
    Nothing,
    /// The stage, before it.
    Stage,
    /// The query, after it.
    Query,
}

impl Row {
    /// Events of `source` are those for which `when` holds.
    pub(super) const fn of(source: Source, when: &'static [(&'static str, Test)]) -> Row {
        Row {
            is: Verdict::From(source),
            when,
            resource: &[],
            names: &[],
            keys: &[],
            wheres: false,
            payload: None,
            phase: None,
            multi_value: None,
        }
    }

    /// Events for which `when` holds are refused.
    pub(super) const fn refused(what: &'static str, hint: &'static str, when: &'static [(&'static str, Test)]) -> Row {
        Row { is: Verdict::Refused { what, hint }, ..Row::of(Source::Direct, when) }
    }

    pub(super) const fn resource(self, resource: &'static [&'static str], names: &'static [&'static str]) -> Row {
        Row { resource, names, ..self }
    }

    pub(super) const fn keys(self, keys: &'static [Key]) -> Row {
        Row { keys, ..self }
    }

    pub(super) const fn wheres(self) -> Row {
        Row { wheres: true, ..self }
    }

    pub(super) const fn payload(self, version: u8) -> Row {
        Row { payload: Some(version), ..self }
    }

    pub(super) const fn phase(self, place: &'static str) -> Row {
        Row { phase: Some(place), ..self }
    }

    pub(super) const fn multi_value(self, place: &'static str) -> Row {
        Row { multi_value: Some(place), ..self }
    }

    /// The source, where it is one.
    pub(super) const fn source(&self) -> Option<Source> {
        match self.is {
            Verdict::From(source) => Some(source),
            Verdict::Refused { .. } => None,
        }
    }
}

/// A key of routes.
pub(super) const fn key(name: &'static str, how: How, at: &'static [&'static str]) -> Key {
    Key { name, at, how }
}
