//! Plugins, started -> a process that takes in no more code: once all plugins are up, a seccomp filter over all threads denies new
//! executable memory, new programs, and the ways around both. Whoever takes over a handler later has the code that is there.
//!
//! Which system calls, and with which arguments, is the table [`doors`]. They fail with EPERM, so that libraries do without where they
//! can. It is one way: what is locked stays locked, children included.

pub mod doors;
pub mod filter;

use std::borrow::Cow;
use std::fs::OpenOptions;

use rustix::io::Errno;
use rustix::process::{DumpableBehavior, dumpable_behavior, set_dumpable_behavior};

use crate::manifest::wire::Lockdown;
use crate::{Architecture, Code, Refusal};

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The process is locked.
    On {
        /// The door that could not be shut, if any.
        open: Option<&'static str>,
    },
    /// The sandbox, or how the process was started, does not allow it: no door is shut. That no program may gain privileges any more
    /// (`PR_SET_NO_NEW_PRIVS`), which a filter asks for first, may have been set, and stays.
    Unavailable(Cow<'static, str>),
    /// The manifest does not want it.
    Off,
    /// A plugin is still to be loaded.
    FirstUse(String),
}

impl Outcome {
    /// `on`, `unavailable`, `off`, `first-use`: the field of the start line.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Outcome::On { .. } => "on",
            Outcome::Unavailable(_) => "unavailable",
            Outcome::Off => "off",
            Outcome::FirstUse(_) => "first-use",
        }
    }

    /// Why it is so, where that is not the manifest's own word.
    #[must_use]
    pub fn reason(&self) -> Option<Cow<'_, str>> {
        match self {
            Outcome::On { open } => open.map(Cow::Borrowed),
            Outcome::Unavailable(reason) => Some(Cow::Borrowed(reason)),
            Outcome::Off => None,
            Outcome::FirstUse(plugin) => Some(format!("plugin \"{plugin}\" is loaded at its first use").into()),
        }
    }
}

/// What stays open to whoever may open root's files.
const MEMORY_FILE: &str = "/proc/self/mem can be opened for writing, as root may";

/// Locks the process, all its threads and whatever they start. `first_use` is a plugin that is still to be loaded.
///
/// # Errors
/// `lockdown-unavailable` under [`Lockdown::Require`], where it cannot be had in full.
pub fn lock(wanted: Lockdown, first_use: Option<&str>) -> Result<Outcome, Refusal> {
    let required = match wanted {
        Lockdown::Off => return Ok(Outcome::Off),
        Lockdown::Auto => false,
        Lockdown::Require => true,
    };
    if let Some(plugin) = first_use {
        let outcome = Outcome::FirstUse(plugin.to_owned());
        return if required { Err(refusal(&outcome)) } else { Ok(outcome) };
    }
    let outcome = match shut() {
        Ok(open) => Outcome::On { open },
        Err(reason) => Outcome::Unavailable(reason),
    };
    match outcome {
        Outcome::On { open: None } => Ok(outcome),
        _ if required => Err(refusal(&outcome)),
        _ => Ok(outcome),
    }
}

fn refusal(outcome: &Outcome) -> Refusal {
    let reason = outcome.reason().unwrap_or_default();
    let hint = match outcome {
        Outcome::On { .. } => "run as another user than root, or say \"lockdown\": \"auto\"",
        Outcome::FirstUse(_) => "remove \"load\", or say \"lockdown\": \"auto\"",
        Outcome::Unavailable(_) | Outcome::Off => "say \"lockdown\": \"auto\" where the sandbox does not allow it",
    };
    Refusal::new(Code::LockdownUnavailable, "lockdown", format!("\"require\" cannot be had: {reason}")).hint(hint)
}

/// Shuts all doors, or none; returns one that root may still open.
fn shut() -> Result<Option<&'static str>, Cow<'static, str>> {
    if reading_implies_executing()? {
        return Err("the process was started with READ_IMPLIES_EXEC: all that is readable is executable".into());
    }
    // Before the filter, which denies it. Not dumpable, the process's own files in /proc belong to root, and no other process of the
    // same user may trace it (`man 2 PR_SET_DUMPABLE`).
    let before = dumpable_behavior().map_err(|error| refused("prctl(PR_GET_DUMPABLE)", error))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| refused("prctl(PR_SET_DUMPABLE)", error))?;
    filter_all_threads().inspect_err(|_| {
        // It was allowed a moment ago; and not being dumpable is no harm.
        let _still_not = set_dumpable_behavior(before);
    })?;
    // Tried, not concluded from the user: capabilities and a sandbox's own ways decide.
    Ok(OpenOptions::new().write(true).open("/proc/self/mem").is_ok().then_some(MEMORY_FILE))
}

fn filter_all_threads() -> Result<(), Cow<'static, str>> {
    seccompiler::apply_filter_all_threads(filter::program(Architecture::HERE)).map_err(|error| match error {
        seccompiler::Error::Prctl(error) => refused("prctl(PR_SET_NO_NEW_PRIVS)", error),
        seccompiler::Error::Seccomp(error) => refused("seccomp", error),
        seccompiler::Error::ThreadSync(thread) => format!("thread {thread} has a filter that this one does not know").into(),
        other => other.to_string().into(),
    })?;
    // A sandbox may answer success and do nothing.
    match set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        Err(Errno::PERM) => Ok(()),
        _ => Err("the sandbox takes the filter and does not apply it".into()),
    }
}

fn refused(call: &str, error: impl Into<std::io::Error>) -> Cow<'static, str> {
    format!("{call}: {}", error.into()).into()
}

#[expect(unsafe_code, reason = "no crate here reads the personality")]
fn reading_implies_executing() -> Result<bool, Cow<'static, str>> {
    // SAFETY: `personality` takes a number and touches no memory of the caller; 0xffffffff is no personality but asks for the one there
    // is, so nothing changes (`man 2 personality`).
    match unsafe { libc::personality(0xffff_ffff) } {
        -1 => Err(refused("personality", std::io::Error::last_os_error())),
        personality => Ok(personality & libc::READ_IMPLIES_EXEC != 0),
    }
}
