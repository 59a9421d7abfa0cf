//! What a function is invoked with.

use std::time::Duration;

use bytes::Bytes;

/// An event, and what the service says about it.
#[derive(Clone, Debug, Default)]
pub struct Event {
    /// The event itself. The server passes it on as it is, JSON or not.
    pub body: Bytes,
    /// How long the function has; `None`: as in the options.
    pub timeout: Option<Duration>,
    /// What the deadline header says; `None`: as in the options.
    pub deadline: Option<Deadline>,
    /// `Lambda-Runtime-Client-Context`: JSON.
    pub client_context: Option<String>,
    /// `Lambda-Runtime-Cognito-Identity`: JSON.
    pub cognito_identity: Option<String>,
    /// `Lambda-Runtime-Aws-Tenant-Id`.
    pub tenant_id: Option<String>,
    /// `Lambda-Runtime-Trace-Id`; `None`: one is made up.
    pub trace_id: Option<String>,
    /// `Lambda-Runtime-Invocation-Id`, which a runtime has to send back; `None`: no such header.
    pub invocation_id: Option<String>,
}

impl Event {
    /// An event with everything else as the options say.
    pub fn new(body: impl Into<Bytes>) -> Self {
        Event { body: body.into(), ..Event::default() }
    }
}

impl<B: Into<Bytes>> From<B> for Event {
    fn from(body: B) -> Self {
        Event::new(body)
    }
}

/// What `Lambda-Runtime-Deadline-Ms` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deadline {
    /// The moment at which the time is up, as the service says it.
    #[default]
    Real,
    /// A moment in January 1970, as some emulators say it.
    Epoch,
}
