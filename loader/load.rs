//! Verified bytes to a running plugin: `dlopen`, ABI handshake, start.
//!
//! Nothing here reads a path: what is opened is the descriptor whose bytes were verified. Plugins are never unloaded.

use abi_stable::library::{AbiHeaderRef, LibraryError, ROOT_MODULE_LOADER_NAME_WITH_NUL};
use bytes::Bytes;
use lambda_plugin_abi_v1 as v1;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use std::fmt;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::Arc;

use crate::crash::{self, Phase, Subject, Work};
use crate::invoke::future::{TaskFuture, Wakers};
use crate::runtime_api::chain;
use crate::verify::open::reason;
use crate::verify::{Kind, Note, Verified};
use crate::{Code, Refusal};

mod host;
mod layout;
mod link_map;
mod system;

pub use host::PluginHost;
pub use layout::checks as layout_checks;
pub use link_map::Foreign;

/// The ABI generations that this loader speaks.
pub const SPOKEN: &[u32] = &[v1::ABI];

/// Keeps the library after `dlclose` too, should anything ever call that (`dlopen(3)`).
const RTLD_NODELETE: i32 = 0x1000;

/// A plugin that is loaded and speaks the ABI, and none of whose handlers or `start` has run.
pub struct Loaded {
    place: String,
    note: Note,
    module: v1::PluginRef,
    host: &'static PluginHost,
}

/// A started plugin.
pub struct Plugin {
    /// Name in the manifest.
    pub name: Arc<str>,
    /// First digits of its digest.
    pub digest: Arc<str>,
    /// What its note says.
    pub note: Note,
    place: String,
    module: v1::PluginRef,
    subject: &'static Subject,
    instance: Instance,
}

#[derive(Debug)]
struct Instance(*const ());

// SAFETY: an instance may be used from any thread, several at once (`v1::Plugin::start`).
#[expect(unsafe_code, reason = "raw pointers are not Send of themselves")]
unsafe impl Send for Instance {}
// SAFETY: as for Send.
#[expect(unsafe_code, reason = "raw pointers are not Sync of themselves")]
unsafe impl Sync for Instance {}

/// Loads a verified library that plugins need. To be called before them; glibc then finds it by its soname.
///
/// # Errors
/// Where the dynamic linker refuses it, or maps anything else that was not verified.
pub fn library(verified: Verified) -> Result<(), Refusal> {
    let subject = Subject::leak(Kind::Library, &verified.name, &verified.digest.prefix(), &[]);
    open(&verified.place, &verified.facts.needed, verified.descriptor, subject).map(drop)
}

/// Loads a verified plugin and checks that it speaks the ABI as it says it does.
///
/// # Errors
/// Where the dynamic linker refuses it, maps anything else that was not verified, or the interface differs.
pub fn plugin(verified: Verified) -> Result<Loaded, Refusal> {
    let place = verified.place;
    let note = verified.note.ok_or_else(|| Refusal::new(Code::Internal, place.clone(), "was verified as a library"))?;
    let subject = Subject::leak(Kind::Plugin, &verified.name, &verified.digest.prefix(), &note.handlers);
    let library = open(&place, &verified.facts.needed, verified.descriptor, subject)?;
    let work = Work::new(subject, Phase::Load);
    let module = work.run(|| root_module(&place, library, layout::Built::by(&note)))?;
    // SAFETY: `describe` may be called before `start`, and what it returns lives as long as the process (`v1::Plugin::describe`).
    #[expect(unsafe_code, reason = "calls into the plugin")]
    let described = work.run(|| unsafe { module.describe()().bytes() });
    if described != Some(&note.raw[..]) {
        return Err(Refusal::new(Code::AbiNoteMismatch, place, "describes itself in other words than its ABI note")
            .hint("build it with lambda_plugin_abi::export! alone, and do not edit the file afterwards"));
    }
    let host = PluginHost::leak(subject);
    Ok(Loaded { place, note, module, host })
}

/// `dlopen` of the very bytes behind `descriptor`; `needed`: its `DT_NEEDED`.
fn open(place: &str, needed: &[String], descriptor: OwnedFd, subject: &'static Subject) -> Result<&'static Library, Refusal> {
    // glibc finds a loaded library by its name string first (`_dl_map_object` in elf/dl-load.c): a number used twice would be the
    // first plugin again. So the descriptor stays open as long as the process, which also keeps backtraces readable.
    let name = format!("/proc/self/fd/{}", std::mem::ManuallyDrop::new(descriptor).as_raw_fd());
    // glibc also knows a library by its inode: a second plugin in the same file would be the first one again, statics and all.
    // Sealed copies are each a file of their own.
    let stat = rustix::fs::stat(&name).map_err(|errno| {
        Refusal::new(Code::LoadFailed, place, format!("its copy cannot be opened: {}", reason(errno)))
            .hint("mount /proc, and let the process look at its own descriptors")
    })?;
    if !link_map::expect(&name, (stat.st_dev, stat.st_ino)) {
        return Err(Refusal::new(
            Code::LoadFailed,
            place,
            "it is the same file as another artifact, and there is no sealed copy of it",
        )
        .hint("give each plugin and library a file of its own"));
    }
    let before = Foreign::now();
    system::load(place, needed)?;
    // SAFETY: constructors of the library run. Its bytes are the ones that the manifest names, verified before, and cannot change
    // any more; code that the manifest names is trusted to run. That is this program's purpose.
    #[expect(unsafe_code, reason = "loads verified code")]
    let library =
        Work::new(subject, Phase::Load).run(|| unsafe { Library::open(Some(&name), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) });
    let library = library.map_err(|error| {
        Refusal::new(Code::LoadFailed, place, format!("the dynamic linker refused it: {}", chain(&error).replace(&name, "it")))
            .hint("compare `lambda-loader inspect` on the machine that built it with this one's libraries")
    })?;
    crash::loaded(&name, subject);
    before.check(place, "loading it")?;
    Ok(Box::leak(Box::new(library)))
}

fn root_module(place: &str, library: &'static Library, built: Option<layout::Built>) -> Result<v1::PluginRef, Refusal> {
    let refused = |code, what: String| {
        Refusal::new(code, place, what).hint("build the plugin with a lambda-plugin-abi that speaks this loader's ABI")
    };
    // SAFETY: the symbol is `static HEADER: LibHeader` of `export!` or nothing; `LibHeader` begins with the `AbiHeader` that an
    // `AbiHeaderRef` points to, and `upgrade` checks magic and version before anything else of it is read.
    #[expect(unsafe_code, reason = "reads a symbol of the plugin")]
    let header = unsafe { library.get::<AbiHeaderRef>(ROOT_MODULE_LOADER_NAME_WITH_NUL.as_bytes()) };
    let header = header.map_err(|error| refused(Code::AbiLayout, format!("has no module header: {}", chain(&error))))?;
    let header = (*header).upgrade().map_err(|error| refused(Code::AbiLayout, first_line(&error)))?;
    if header.layout().is_none() {
        // abi_stable would pass over the check in silence.
        return Err(refused(Code::AbiLayout, "was built without the layout of its interface, which is to be checked".into()));
    }
    layout::root_module(header, built).map_err(|error| refused(Code::AbiLayout, first_line(&error)))
}

/// abi_stable describes a layout over many lines; the first say what differs.
fn first_line(error: &LibraryError) -> String {
    let text = error.to_string();
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("the interface differs");
    format!("does not have this loader's interface: {line}")
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").field("place", &self.place).finish_non_exhaustive()
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("place", &self.place).field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl Loaded {
    /// What its note says.
    #[must_use]
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// Runs the plugin's `start` with its `config`, JSON text.
    ///
    /// # Errors
    /// Where `start` fails or panics.
    pub async fn start(&self, config: &str) -> Result<Plugin, Refusal> {
        let config = v1::Buffer::new(config.to_owned());
        // SAFETY: `host` lives as long as the process. `Service` calls this under a cell that holds one call at a time, and none
        // after one that succeeded (`v1::Plugin::start`).
        #[expect(unsafe_code, reason = "calls into the plugin")]
        let start = || unsafe { self.module.start()(self.host.abi(), config) };
        let work = Work::new(self.host.subject(), Phase::Start);
        let mut wakers = Wakers::default();
        let outcome = TaskFuture::new(work.run(start), work, &mut wakers).await;
        if outcome.kind != v1::Outcome::VALUE || outcome.instance.is_null() {
            let error: lambda_runtime::Diagnostic = serde_json::from_slice(outcome.body.as_ref()).unwrap_or_else(|_| {
                lambda_runtime::Diagnostic { error_type: "Unknown".into(), error_message: "it did not say why".into() }
            });
            let what = format!("start failed: {}: {}", error.error_type, error.error_message);
            return Err(
                Refusal::new(Code::StartFailed, &*self.place, what).hint("see the plugin's `config` in the manifest and its log")
            );
        }
        Ok(Plugin {
            name: self.host.name(),
            digest: self.host.digest(),
            note: self.note.clone(),
            place: self.place.clone(),
            module: self.module,
            subject: self.host.subject(),
            instance: Instance(outcome.instance),
        })
    }
}

impl Plugin {
    /// Index of the handler `name`, or of the only one.
    ///
    /// # Errors
    /// Where there is no such handler, or several and none is named.
    pub fn handler(&self, name: Option<&str>) -> Result<u32, Refusal> {
        let index = self.note.handler(name).map_err(|refusal| refusal.at(&self.place))?;
        // A note holds at most 64 KiB, so the table's length fits.
        Ok(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// What a call of it is, should it crash.
    #[must_use]
    pub const fn work(&self, phase: Phase) -> Work {
        Work::new(self.subject, phase)
    }

    /// Calls a handler. Nothing of it has run yet; it does when the task is polled.
    #[must_use]
    pub fn invoke(&self, handler: u32, invocation: v1::Invocation, event: Bytes) -> v1::Task {
        // SAFETY: `instance` is what `start` of this module returned (`v1::Plugin::invoke`); any index is answered.
        #[expect(unsafe_code, reason = "calls into the plugin")]
        let call = || unsafe { self.module.invoke()(self.instance.0, handler, invocation, v1::Buffer::new(event)) };
        self.work(Phase::Handler(handler)).run(call)
    }

    /// Tells the plugin of a phase.
    #[must_use]
    pub fn lifecycle(&self, phase: v1::Phase) -> v1::Task {
        // SAFETY: `instance` is what `start` of this module returned (`v1::Plugin::lifecycle`).
        #[expect(unsafe_code, reason = "calls into the plugin")]
        let call = || unsafe { self.module.lifecycle()(self.instance.0, phase as u32) };
        self.work(Phase::Hook(phase)).run(call)
    }
}
