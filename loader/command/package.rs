//! `package`: what Lambda gets. `function.zip` is `bootstrap` alone (`bootstrap-s3` by that name, where something comes from S3), `layer.zip` the manifest and all that it names, so that both change
//! together; a SAM template joins them. Everything is checked before anything is written, and the same input gives the same bytes.

mod archive;
mod contents;
mod held;
mod limits;
mod program;
mod template;
mod variables;

use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

use super::opened::Opened;
use super::{Common, Format, From, print, print_json, replace, verify};
use crate::verify::GlibcVersion;
use crate::{Architecture, Code, Digest, Refusal};
use archive::{Entry, Mode};
use contents::{Contents, Target};
use held::Held;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(flatten)]
    from: From,
    /// The folder to write to; made where it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The bootstrap to pack, which says for which architecture all is packed [default: the one beside this program]
    #[arg(long, value_name = "FILE")]
    bootstrap: Option<PathBuf>,
    /// Pack the bootstrap that fetches from S3, for a manifest that will lie there; it is packed anyway where the manifest names S3
    #[arg(long, conflicts_with = "bootstrap")]
    s3: bool,
    /// The glibc that bootstrap, plugins and libraries have to run with
    #[arg(long, value_name = "VERSION", value_parser = verify::glibc_version, default_value_t = GlibcVersion::AL2023)]
    glibc: GlibcVersion,
    /// A variable of the function. May be given several times. For what may be read in a template, not for secrets.
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
}

/// A file that was written.
struct Written {
    path: PathBuf,
    bytes: usize,
    digest: Digest,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Refusal> {
    let quiet = arguments.common.output.format == Format::Json;
    let opened = Opened::new(&arguments.common)?;
    opened.path_for("package")?;
    let buckets = contents::buckets(&opened)?;
    let name = if arguments.s3 || !buckets.is_empty() { "bootstrap-s3" } else { "bootstrap" };
    let program = program::read(arguments.bootstrap.as_ref(), name, arguments.glibc)?;
    let architecture = program.architecture;
    // LOADER_STAGE chooses what runs; it must not leave stages out of a package.
    let stage = arguments.common.stage.as_deref();
    let target = Target { stage, architecture, glibc: arguments.glibc, besides: program.bytes.len() as u64 };
    let mut contents = contents::collect(&opened, &arguments.from, target, quiet)?;
    let variables = variables::of(&contents, &arguments.env)?;
    let template = template::Project::new(&contents, stage, architecture, &variables, &buckets).text();
    let unzipped = target.besides + contents.entries.iter().map(|entry| entry.held.size()).sum::<u64>();
    limits::check_unzipped(unzipped)?;
    let names: Vec<String> = contents.entries.iter().map(|entry| entry.name.clone()).collect();
    let entries = std::mem::take(&mut contents.entries);
    let layer = archive::write(entries, quiet)?;
    let bootstrap = Entry { name: "bootstrap".to_owned(), mode: Mode::Run, held: Held::Bytes(program.bytes) };
    let function = archive::write(vec![bootstrap], quiet)?;
    let files = [("function.zip", function), ("layer.zip", layer), ("template.yaml", template.into_bytes())];
    let written = write(&arguments.out, files)?;
    match arguments.common.output.format {
        Format::Text => show_text(&contents, &written),
        Format::Json => show_json(&contents, &written, architecture, unzipped, &names),
    }
    Ok(0)
}

/// Replaces the files in `folder`, each at once.
fn write(folder: &Path, files: [(&str, Vec<u8>); 3]) -> Result<Vec<Written>, Refusal> {
    std::fs::create_dir_all(folder).map_err(|error| {
        Refusal::new(Code::Usage, "--out", format!("{}: {}", folder.display(), error.to_string().to_lowercase()))
            .hint("name a folder that can be made")
    })?;
    let write = |(name, bytes): (&str, Vec<u8>)| {
        let path = folder.join(name);
        replace::file(&path, &bytes)?;
        Ok(Written { path, bytes: bytes.len(), digest: Digest::of(&bytes) })
    };
    files.into_iter().map(write).collect()
}

fn show_text(contents: &Contents, written: &[Written]) {
    for change in &contents.changes {
        print(&format!("locked    {}  {}  {}\n", change.path, change.architecture.name(), change.new));
    }
    for Written { path, bytes, digest } in written {
        print(&format!("written   {}  {bytes} bytes  {digest}\n", path.display()));
    }
    print(&format!("LOADER_MANIFEST_SHA256={}\n", contents.manifest.digest()));
}

fn show_json(contents: &Contents, written: &[Written], architecture: Architecture, unzipped: u64, names: &[String]) {
    let files = written.iter().map(|Written { path, bytes, digest }| {
        json!({ "path": path.display().to_string(), "bytes": bytes, "sha256": digest.to_string() })
    });
    let changes = contents
        .changes
        .iter()
        .map(|change| json!({ "path": change.path, "architecture": change.architecture.name(), "new": change.new.to_string() }));
    print_json(&json!({
        "ok": true,
        "architecture": architecture.name(),
        "sha256": contents.manifest.digest().to_string(),
        "signed": contents.signed,
        "unzipped_bytes": unzipped,
        "layer": names,
        "changed": changes.collect::<Vec<_>>(),
        "files": files.collect::<Vec<_>>(),
    }));
}
