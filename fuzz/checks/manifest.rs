//! The text of a manifest, to the plan of each of its stages.

use lambda_loader::Architecture;
use lambda_loader::manifest::Manifest;
use lambda_loader::policy::{Base, plan};

/// What is taken is JSON to `serde_json` too; what is refused has its words; and a stage that is planned is planned again from its flat
/// text.
pub(crate) fn check(bytes: &[u8]) {
    let manifest = match Manifest::parse("manifest.json", bytes) {
        Ok(manifest) => manifest,
        Err(refusal) => return assert!(!refusal.what.is_empty() && refusal.place.starts_with("manifest.json")),
    };
    serde_json::from_slice::<serde_json::Value>(bytes).expect("what is taken is JSON");
    assert_eq!(manifest.text().as_bytes(), bytes);
    let folder = Base::Folder("/opt/loader".into());
    for stage in manifest.stages() {
        let name = stage.name.as_deref();
        for base in [&folder, &Base::Remote] {
            for architecture in [Architecture::X86_64, Architecture::Aarch64] {
                let planned = plan(&manifest, name, base, architecture);
                // A manifest that is full to the brim may grow beyond it by the spaces of its flat text.
                let flat = manifest.flatten(name).expect("the stage is there");
                let Ok(flat) = Manifest::parse("flat.json", flat.as_bytes()) else {
                    assert!(planned.is_err() || flat.len() > 1 << 20, "the flat text of a good stage is refused");
                    continue;
                };
                let again = plan(&flat, None, base, architecture);
                match (planned, again) {
                    (Ok(planned), Ok(again)) => {
                        assert_eq!(format!("{:?}", planned.routes), format!("{:?}", again.routes));
                        assert_eq!(format!("{:?}", planned.libraries), format!("{:?}", again.libraries));
                    }
                    (Ok(_), Err(refusal)) => panic!("the flat text of a good stage is refused: {refusal}"),
                    // Another stage may be at fault.
                    (Err(_), _) => {}
                }
            }
        }
    }
}
