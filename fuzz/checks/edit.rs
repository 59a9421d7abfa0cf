//! New digests into the text of a manifest.

use lambda_loader::manifest::Manifest;
use lambda_loader::manifest::edit::{self, Kind, NewDigest};
use lambda_loader::{Architecture, Code, Digest};

/// Digests for all artifacts of all stages, written once, are all there: written again they change nothing, and no other byte has
/// changed.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(manifest) = Manifest::parse("manifest.json", bytes) else { return };
    for architectures in [&[Architecture::HERE][..], &[Architecture::X86_64, Architecture::Aarch64]] {
        let mut digests = Vec::new();
        for stage in manifest.stages() {
            let plugins = stage.wire.plugins.iter().flat_map(|entries| &entries.0).map(|(name, _)| (Kind::Plugin, name));
            let libraries = stage.wire.libraries.iter().flat_map(|entries| &entries.0).map(|(name, _)| (Kind::Library, name));
            for (kind, name) in plugins.chain(libraries) {
                for &architecture in architectures {
                    let digest = Digest::of(format!("{kind:?} {name} {architecture}").as_bytes());
                    digests.push(NewDigest { stage: stage.name.as_deref(), kind, name, architecture, digest });
                }
            }
        }
        let edited = match edit::write(&manifest, &digests) {
            Ok(edited) => edited,
            // Two architectures for a place that holds one, an entry without a file, a text that grew too large.
            Err(refusal) => return assert_ne!(refusal.code, Code::Internal, "{refusal}"),
        };
        let again = Manifest::parse("manifest.json", edited.text.as_bytes()).expect("what was written is a manifest");
        assert_eq!(again.stages().len(), manifest.stages().len());
        let unchanged = edit::write(&again, &digests).expect("the same digests fit again");
        assert_eq!(unchanged.text, edited.text, "written twice it differs");
        assert!(unchanged.changes.is_empty(), "{:?}", unchanged.changes);
        assert_eq!(edited.changes.is_empty(), edited.text == manifest.text());
    }
}
