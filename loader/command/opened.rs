//! The manifest that a command works on.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Common, progress};
use crate::fetch::{self, Budget, Contents, Each, Extent, Store, Wanted};
use crate::manifest::Manifest;
use crate::policy::{self, Base, Plan, Source};
use crate::verify::Rules;
use crate::verify::trust::{self, ManifestFile};
use crate::{Architecture, Code, Refusal};

/// A manifest that was read, and the folder it lies in.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: ManifestFile,
    pub(super) manifest: Manifest,
    pub(super) base: Base,
    stage: Option<String>,
    warned: RefCell<BTreeSet<String>>,
    store: RefCell<Store>,
}

impl Opened {
    /// Reads the manifest that the command line or the environment names.
    pub(super) fn new(common: &Common) -> Result<Self, Refusal> {
        Self::read(common, false)
    }

    /// The same with the signature, where it has to be `signed`.
    pub(super) fn read(common: &Common, signed: bool) -> Result<Self, Refusal> {
        let path = Self::path(common);
        let mut store = Store::new(super::REMOTE, Budget::command());
        let file = match path.to_str().filter(|path| path.starts_with("s3://")) {
            Some(uri) => fetch::manifest(&mut store, uri, signed)?,
            None => trust::read_manifest(&path).map_err(|refusal| mend(refusal, &path))?,
        };
        // Messages call the file what the caller called it.
        let manifest = Manifest::parse(&path.display().to_string(), &file.bytes).map_err(|refusal| mend(refusal, &path))?;
        let base = match file.path() {
            Some(path) => {
                let folder = path.parent().unwrap_or(Path::new("/"));
                Base::Folder(folder.canonicalize().map_err(|error| {
                    Refusal::new(Code::ManifestUnreadable, folder.display().to_string(), error.to_string().to_lowercase())
                        .hint("let the process open the folder")
                })?)
            }
            None => Base::Remote,
        };
        let stage = common.stage.clone().or_else(|| std::env::var("LOADER_STAGE").ok().filter(|stage| !stage.is_empty()));
        Ok(Opened { file, manifest, base, stage, warned: RefCell::default(), store: RefCell::new(store) })
    }

    /// The path that the command line or the environment names.
    pub(super) fn path(common: &Common) -> PathBuf {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let path = common.manifest.clone().or_else(|| variable("LOADER_MANIFEST").map(PathBuf::from));
        path.unwrap_or_else(|| "manifest.json".into())
    }

    /// The manifest's own file, which `work` needs.
    pub(super) fn path_for(&self, work: &str) -> Result<&Path, Refusal> {
        self.file.path().ok_or_else(|| {
            Refusal::new(Code::Usage, self.manifest.name(), format!("{work} needs the manifest as a file"))
                .hint("give the file that was uploaded, and upload it again afterwards")
        })
    }

    /// Fetches all that `plan` has in S3 and a digest for; what becomes of single objects is told where they are taken.
    pub(super) fn fetch(&self, plan: &Plan, rules: &Rules<'_>, quiet: bool) -> Result<Contents, Refusal> {
        let remote = plan.sources().filter(|source| matches!(source, Source::S3 { .. })).count();
        let mut progress = progress::of("fetching", remote, quiet);
        Contents::fetch(plan, Extent::All, rules, &mut self.store.borrow_mut(), &mut |place| progress.next(place))
    }

    /// Fetches objects that no plan alone asks for.
    pub(super) fn fetch_each(&self, wanted: &[Wanted<'_>], each: &mut Each<'_>) -> Result<(), Refusal> {
        self.store.borrow_mut().each(wanted, each)
    }

    /// Fetches what a start of `plan` needs, and ends all connections and threads that fetched.
    pub(super) fn fetch_start(self, plan: &Plan, rules: &Rules<'_>) -> Result<Contents, Refusal> {
        let mut store = self.store.into_inner();
        let contents = fetch::of_plan(plan, rules, &mut store)?;
        store.close();
        Ok(contents)
    }

    /// The stage that was asked for.
    pub(super) fn stage(&self) -> Option<&str> {
        self.stage.as_deref()
    }

    /// The plan of that stage on this machine.
    pub(super) fn plan(&self) -> Result<Plan, Refusal> {
        self.plan_for(self.stage(), Architecture::HERE)
    }

    /// The plan of any stage on any machine. Warnings go to standard error, each once.
    pub(super) fn plan_for(&self, stage: Option<&str>, architecture: Architecture) -> Result<Plan, Refusal> {
        let plan = policy::plan(&self.manifest, stage, &self.base, architecture)?;
        for warning in &plan.warnings {
            if self.warned.borrow_mut().insert(warning.clone()) {
                eprintln!("warning: {warning}");
            }
        }
        Ok(plan)
    }
}

/// The hint of whoever types a command, rather than of whoever configures a function.
fn mend(refusal: Refusal, path: &Path) -> Refusal {
    match refusal.code {
        Code::ManifestMissing => refusal.hint("give its path with --manifest, or set LOADER_MANIFEST"),
        Code::ManifestUnreadable if path.is_dir() => {
            Refusal { what: "is a folder".to_owned(), ..refusal }.hint("name the file in it, such as manifest.json")
        }
        Code::ManifestSyntax if is_other_language(path) => refusal.hint("a manifest is JSON, not YAML or TOML"),
        Code::ManifestSyntax if refusal.hint.is_none() => refusal.hint("a manifest is JSON, not YAML or TOML"),
        _ => refusal,
    }
}

fn is_other_language(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml" || extension == "toml")
}

/// What messages call an event.
pub(super) fn event_name(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() }
}

/// What to do about an event that is not JSON.
pub(super) fn unread(path: &Path, event: &[u8]) -> String {
    let name = event_name(path);
    if event.trim_ascii().is_empty() {
        return format!("{name} is empty: put an event there, such as lambda-loader event SOURCE prints");
    }
    format!("{name} has to hold one JSON value, such as lambda-loader event SOURCE prints")
}

/// Reads an event: a file, or `-` for standard input.
pub(super) fn event(path: &Path) -> Result<Vec<u8>, Refusal> {
    use std::io::Read as _;
    if path.as_os_str() == "-" {
        let mut event = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut event);
        return read.map(|_| event).map_err(|error| {
            Refusal::new(Code::Usage, "standard input", error.to_string().to_lowercase()).hint("give the path of a file")
        });
    }
    if path.as_os_str().as_encoded_bytes().starts_with(b"{") && !path.exists() {
        return Err(Refusal::new(Code::Usage, "--event", "this is an event, and the path of a file is wanted")
            .hint("give --event - and pipe the event in: echo 'EVENT' | lambda-loader …"));
    }
    std::fs::read(path).map_err(|error| {
        Refusal::new(Code::Usage, path.display().to_string(), error.to_string().to_lowercase())
            .hint("give --event the path of a JSON file, or - for standard input")
    })
}
