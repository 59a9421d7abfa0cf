//! What the loader says when it does not go on: one table of stable codes, one message shape, one exit code each.
//!
//! A [`Refusal`] names the place, the fact and the mend. Its [`Code`] is the contract with scripts (`code` in JSON output), with
//! operators (`errorType` in the Lambda console) and with shells (the exit code, through [`Class::exit`]).

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// What kind of thing was at fault. Decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The work itself failed: a handler's error, an event that no route takes.
    Failed,
    /// The command line was wrong.
    Usage,
    /// The manifest, its trust, or the process's environment was refused.
    Manifest,
    /// A file that the manifest names was refused.
    Artifact,
    /// A verified file does not speak the plugin ABI as it must.
    Abi,
    /// Something that had to come over the network did not.
    Remote,
}

impl Class {
    /// All of them, in the order of their exit codes.
    pub const ALL: [Class; 6] = [Class::Failed, Class::Usage, Class::Manifest, Class::Artifact, Class::Abi, Class::Remote];

    /// What an exit code says, as in the table of the README.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Class::Failed => "the work failed: a handler's error, an event that no route takes",
            Class::Usage => "usage",
            Class::Manifest => "manifest refused",
            Class::Artifact => "artifact refused",
            Class::Abi => "ABI refused",
            Class::Remote => "remote source failed",
        }
    }

    /// The exit code of `bootstrap` and `lambda-loader`, as in the table of the README. 0 is success.
    #[must_use]
    pub const fn exit(self) -> u8 {
        match self {
            Class::Failed => 1,
            Class::Usage => 2,
            Class::Manifest => 3,
            Class::Artifact => 4,
            Class::Abi => 5,
            Class::Remote => 6,
        }
    }
}

macro_rules! codes {
    ($( $(#[doc = $doc:literal])+ $variant:ident = $code:literal, $class:ident; )+) => {
        /// Every reason for which the loader refuses or fails, each with a stable name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $( $(#[doc = $doc])+ $variant, )+ }

        impl Code {
            /// All codes, in the order of the error reference.
            pub const ALL: &'static [Code] = &[ $( Code::$variant, )+ ];

            /// The stable name, as in `"code"` of JSON output: `digest-mismatch`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Code::$variant => $code, )+ }
            }

            /// What kind of thing was at fault.
            #[must_use]
            pub const fn class(self) -> Class {
                match self { $( Code::$variant => Class::$class, )+ }
            }

            /// The Lambda `errorType`. The service accepts only `Runtime.` or `Function.` followed by letters
            /// (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).
            #[must_use]
            pub const fn error_type(self) -> &'static str {
                match self { $( Code::$variant => concat!("Runtime.Loader", stringify!($variant)), )+ }
            }

            /// What the code means, for the error reference.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $( Code::$variant => concat!($($doc),+), )+ }
            }
        }
    };
}

codes! {
    // The command line.
    /// The command line, or an environment variable that stands for it, is wrong.
    Usage = "usage", Usage;
    /// The settings to import are not such as Zappa writes or reads.
    ImportInvalid = "import-invalid", Usage;

    // The manifest, and whether to believe it.
    /// No manifest lies where it was looked for.
    ManifestMissing = "manifest-missing", Manifest;
    /// The manifest could not be read.
    ManifestUnreadable = "manifest-unreadable", Manifest;
    /// The manifest is larger than 1 MiB.
    ManifestTooLarge = "manifest-too-large", Manifest;
    /// The manifest is not JSON.
    ManifestSyntax = "manifest-syntax", Manifest;
    /// The manifest names a key twice in one object.
    ManifestDuplicateKey = "manifest-duplicate-key", Manifest;
    /// The manifest has a key that means nothing.
    ManifestUnknownKey = "manifest-unknown-key", Manifest;
    /// A value of the manifest has the wrong type or is missing.
    ManifestType = "manifest-type", Manifest;
    /// A value of the manifest has the right type and is not allowed.
    ManifestValue = "manifest-value", Manifest;
    /// The manifest's version is not one that this loader reads.
    ManifestVersion = "manifest-version", Manifest;
    /// Nothing vouches for the manifest: no pin, no signature, not the function's own read-only code.
    ManifestUntrusted = "manifest-untrusted", Manifest;
    /// A key is configured, and no signature lies beside the manifest.
    ManifestUnsigned = "manifest-unsigned", Manifest;
    /// The manifest's signature cannot be read, or is not one of this manifest by the configured key.
    SignatureInvalid = "signature-invalid", Manifest;
    /// What is configured as the manifest's key is no minisign public key, or not the one that is built in.
    KeyInvalid = "key-invalid", Manifest;
    /// The manifest's bytes are not the pinned ones.
    ManifestPinMismatch = "manifest-pin-mismatch", Manifest;
    /// The manifest is for other functions.
    FunctionNotListed = "function-not-listed", Manifest;
    /// The manifest's serial is lower than the function accepts.
    SerialTooOld = "serial-too-old", Manifest;
    /// The manifest has stages and none was chosen.
    StageNotChosen = "stage-not-chosen", Manifest;
    /// The chosen stage does not exist.
    StageUnknown = "stage-unknown", Manifest;
    /// A stage touches a key that stages may not touch.
    StageForbiddenKey = "stage-forbidden-key", Manifest;
    /// An artifact has no digest for this architecture.
    DigestMissing = "digest-missing", Manifest;
    /// A digest in the manifest is not that of the file (`lock --check`).
    DigestStale = "digest-stale", Artifact;
    /// Libraries of the manifest need each other in a circle.
    LibraryCycle = "library-cycle", Manifest;
    /// No plugin needs a library of the manifest.
    LibraryUnused = "library-unused", Manifest;
    /// A route or `on_error` names a plugin that the manifest does not have.
    PluginUnknown = "plugin-unknown", Manifest;
    /// Two routes overlap and neither is the more specific one.
    RouteConflict = "route-conflict", Manifest;
    /// A route uses a key that its source does not have.
    RouteKeyUnknown = "route-key-unknown", Manifest;
    /// The list of event source mappings cannot be read.
    MappingsInvalid = "mappings-invalid", Usage;
    /// An event source mapping brings events that no route takes.
    MappingUnrouted = "mapping-unrouted", Manifest;
    /// An event source mapping and its route differ in whether single records may be reported as failed.
    MappingReportDiffers = "mapping-report-differs", Manifest;
    /// An S3 bucket is not in `allow.buckets`.
    BucketNotAllowed = "bucket-not-allowed", Manifest;
    /// An environment variable is not in `allow.environment`.
    VariableNotAllowed = "variable-not-allowed", Manifest;
    /// An environment variable steers loading or trust and may never be set.
    VariableForbidden = "variable-forbidden", Manifest;
    /// A variable had to be set while the process already had a second thread.
    VariableTooLate = "variable-too-late", Manifest;
    /// The settings are missing, malformed, or not a flat object of strings.
    SettingsInvalid = "settings-invalid", Manifest;
    /// The process was started with LD_PRELOAD, LD_AUDIT, or a writable LD_LIBRARY_PATH folder.
    ProcessTampered = "process-tampered", Manifest;

    // Files that the manifest names.
    /// A path leaves every allowed root.
    PathOutsideRoots = "path-outside-roots", Artifact;
    /// A root folder cannot be opened.
    RootUnusable = "root-unusable", Artifact;
    /// A symbolic link stands in a path.
    PathSymlink = "path-symlink", Artifact;
    /// The file is not there.
    ArtifactMissing = "artifact-missing", Artifact;
    /// The file could not be read.
    ArtifactUnreadable = "artifact-unreadable", Artifact;
    /// What is packed is larger than Lambda takes.
    PackageTooLarge = "package-too-large", Artifact;
    /// The path is not a regular file.
    ArtifactNotRegular = "artifact-not-regular", Artifact;
    /// The file is larger than 256 MiB.
    ArtifactTooLarge = "artifact-too-large", Artifact;
    /// The file lies on a writable mount and group or others may write it.
    ArtifactWritable = "artifact-writable", Artifact;
    /// The file's bytes are not the ones that the manifest names.
    DigestMismatch = "digest-mismatch", Artifact;
    /// The bytes could not be sealed, and nothing else keeps them from changing.
    SealUnavailable = "seal-unavailable", Artifact;
    /// The file is not a shared object of this machine.
    ElfForeign = "elf-foreign", Artifact;
    /// A table of the shared object lies outside the file or contradicts itself.
    ElfMalformed = "elf-malformed", Artifact;
    /// The shared object names a search path, filter or audit library of its own.
    ElfForbiddenEntry = "elf-forbidden-entry", Artifact;
    /// The shared object needs writable code or an executable stack.
    ElfExecutableMemory = "elf-executable-memory", Artifact;
    /// The shared object's soname is missing, is reserved, or is not the expected one.
    ElfSoname = "elf-soname", Artifact;
    /// The shared object needs a library that is neither a system library nor in `libraries`.
    NeededLibraryNotAllowed = "needed-library-not-allowed", Artifact;
    /// The shared object needs a symbol version of glibc or libgcc that this system does not have.
    GlibcVersionMissing = "glibc-version-missing", Artifact;

    // Verified files that do not speak the ABI.
    /// The shared object has no ABI note: it is not a plugin.
    AbiNoteMissing = "abi-note-missing", Abi;
    /// The shared object has several ABI notes.
    AbiNoteDuplicate = "abi-note-duplicate", Abi;
    /// The ABI note cannot be read.
    AbiNoteMalformed = "abi-note-malformed", Abi;
    /// A plugin stands among `libraries`.
    LibraryIsPlugin = "library-is-plugin", Abi;
    /// The plugin speaks an ABI generation that this loader does not.
    AbiVersion = "abi-version", Abi;
    /// What the plugin says of itself once loaded is not what its note says.
    AbiNoteMismatch = "abi-note-mismatch", Abi;
    /// The layout of the interface types differs, or the plugin was built without its layout.
    AbiLayout = "abi-layout", Abi;
    /// A route names a handler that the plugin does not have.
    HandlerMissing = "handler-missing", Abi;
    /// The system's dynamic linker refused the shared object.
    LoadFailed = "load-failed", Abi;
    /// Loading or starting a plugin mapped a file that was not verified.
    LoadForeignObject = "load-foreign-object", Abi;
    /// The manifest requires lockdown, and it cannot be had here in full.
    LockdownUnavailable = "lockdown-unavailable", Manifest;
    /// The plugin's own `start` failed.
    StartFailed = "start-failed", Failed;

    // Remote sources.
    /// A remote source is named, and this program has nothing to fetch it with.
    RemoteNotBuilt = "remote-not-built", Remote;
    /// Nothing says where S3 is, or as whom to ask it.
    RemoteNotConfigured = "remote-not-configured", Remote;
    /// The remote source cannot be reached.
    RemoteUnreachable = "remote-unreachable", Remote;
    /// The remote source does not let this caller read the object.
    RemoteDenied = "remote-denied", Remote;
    /// The remote source has no such object, version or bucket.
    RemoteMissing = "remote-missing", Remote;
    /// The remote source failed, or answered what nobody asked for.
    RemoteFailed = "remote-failed", Remote;
    /// The bytes of a remote object broke off, each time.
    RemoteTruncated = "remote-truncated", Remote;
    /// What is remote did not come in the time that all downloads have together.
    RemoteTimeout = "remote-timeout", Remote;
    /// The Runtime API is not reachable, or broke its protocol.
    RuntimeApi = "runtime-api", Remote;

    // Events and replies.
    /// The event is not JSON.
    EventNotJson = "event-not-json", Failed;
    /// The event gives a key twice that decides where it goes.
    EventAmbiguous = "event-ambiguous", Failed;
    /// The records of one event come from several resources.
    EventMixed = "event-mixed", Failed;
    /// The records of a batch cannot be told from each other.
    BatchMalformed = "batch-malformed", Failed;
    /// The event is of a kind that is refused by name.
    EventRefused = "event-refused", Failed;
    /// No route takes the event.
    NoRoute = "no-route", Failed;
    /// The handler answered with an error.
    HandlerFailed = "handler-failed", Failed;
    /// The handler panicked.
    HandlerPanicked = "handler-panicked", Failed;
    /// The handler did not answer before its deadline.
    DeadlineExceeded = "deadline-exceeded", Failed;
    /// The reply is larger than Lambda takes.
    ReplyTooLarge = "reply-too-large", Failed;
    /// The reply is not JSON.
    ReplyNotJson = "reply-not-json", Failed;
    /// The reply has a form that the route cannot pass on.
    ReplyMalformed = "reply-malformed", Failed;
    /// The reply reports a record that is not in the batch.
    RecordUnknown = "record-unknown", Failed;
    /// The service refused the reply.
    ReplyRefused = "reply-refused", Failed;
    /// A CloudFormation event names an address that no answer is sent to.
    ResponseUrlRefused = "response-url-refused", Failed;
    /// CloudFormation could not be told that its request failed.
    StackNotTold = "stack-not-told", Failed;
    /// The loader broke its own rules; please report it.
    Internal = "internal", Failed;
}

/// One refusal: where, what, and the mend.
///
/// Shown as `place: what (hint: mend)`. Nothing in it may come from the values of settings, environment or events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// Where: `plugin "orders"`, `manifest.json:12:5: routes.site.path`; empty where the whole process is meant.
    pub place: String,
    /// What: the fact, in lower case and without a final stop.
    pub what: String,
    /// The mend, in the imperative.
    pub hint: Option<Cow<'static, str>>,
    /// The lines that it is about; only the tool for people has them.
    pub excerpt: Option<Box<Excerpt>>,
}

/// Lines of the manifest, masked wherever they could hold a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The number of the first line.
    pub line: usize,
    /// The lines.
    pub text: String,
    /// The bytes in `text` that are meant, the main place first.
    pub spots: Vec<Range<usize>>,
}

impl Refusal {
    /// A refusal at `place`. What is nobody's mistake but the loader's own has its mend already.
    pub fn new(code: Code, place: impl Into<String>, what: impl Into<String>) -> Self {
        let hint = matches!(code, Code::Internal).then_some(Cow::Borrowed("report it, with what the log says"));
        Refusal { code, place: place.into(), what: what.into(), hint, excerpt: None }
    }

    /// The same with a mend.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same at `place`, where the place is only known further out.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = place.into();
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.what)?;
        match &self.hint {
            Some(hint) => write!(f, " (hint: {hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_name_and_an_error_type_that_lambda_accepts() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            let letters = code.error_type().strip_prefix("Runtime.").unwrap();
            assert!(letters.bytes().all(|b| b.is_ascii_alphabetic()), "{letters}");
            // digest-mismatch <-> LoaderDigestMismatch: one name, two spellings.
            assert_eq!(letters.strip_prefix("Loader").unwrap().to_lowercase(), code.name().replace('-', ""));
        }
    }

    #[test]
    fn a_refusal_says_where_what_and_the_mend() {
        let refusal = Refusal::new(Code::DigestMismatch, "plugin \"orders\"", "digest mismatch").hint("run lambda-loader lock");
        assert_eq!(refusal.to_string(), "plugin \"orders\": digest mismatch (hint: run lambda-loader lock)");
    }
}
