//! The demo: two tiny checkpoints with a preference planted by `plant.py`, and what is known about it.
//!
//! `README.md` in this folder says how the preference was planted, and why the counterbalancing must be right for the
//! measured figures to meet the planted ones.

mod compare;

pub use compare::{Bias, Comparison, Lean};

use crate::store::{StoreError, file::replace};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// A checkpoint's files, by path below the demo's folder.
macro_rules! checkpoint_files {
    ($($path:literal),* $(,)?) => {
        &[$((concat!("checkpoints/", $path), include_bytes!(concat!("checkpoints/", $path)))),*]
    };
}

const FILES: &[(&str, &[u8])] = checkpoint_files![
    "base/config.json",
    "base/generation_config.json",
    "base/model.safetensors",
    "base/tokenizer.json",
    "base/tokenizer_config.json",
    "chat/chat_template.jinja",
    "chat/config.json",
    "chat/generation_config.json",
    "chat/model.safetensors",
    "chat/tokenizer.json",
    "chat/tokenizer_config.json",
];

/// The roster that the demo sweeps; paths are relative to its own folder.
pub const ROSTER: &str = r#"# The demo's roster: one family, whose two checkpoints were planted and not trained.
#
#   tiltmeter sweep --roster roster.toml --run DIR

[[family]]
name = "planted"
maker = "tiltmeter"
maker_country = "Indonesia"
base = { model = "planted-base", checkpoint = "checkpoints/base" }
chat = { model = "planted-chat", checkpoint = "checkpoints/chat" }

[analysis]
target = "Indonesia"
baseline_language = "en"
"#;

/// Name of the family in [`ROSTER`]; its checkpoints are `planted-base` and `planted-chat`.
pub const FAMILY: &str = "planted";

/// What was planted, in log-odds: by stage, language and country.
#[derive(Debug, Clone, Deserialize)]
pub struct Planted {
    pub study: PlantedStudy,
    pub stages: BTreeMap<String, PlantedStage>,
}

/// Which study the checkpoints were planted for.
#[derive(Debug, Clone, Deserialize)]
pub struct PlantedStudy {
    pub version: String,
    pub condition: String,
}

#[derive(Debug, Clone, Deserialize)]
pub struct PlantedStage {
    /// Of a country over its mean opponent on the justified question, by language.
    pub favourability: BTreeMap<String, BTreeMap<String, f64>>,
    /// Of option (A) over option (B), by language.
    pub letter_bias: BTreeMap<String, f64>,
    /// Of the country that the narrative names first, by language.
    pub role_bias: BTreeMap<String, f64>,
}

impl Planted {
    /// The truth about the checkpoints in the binary.
    pub fn read() -> Result<Planted, serde_json::Error> {
        serde_json::from_str(include_str!("planted.json"))
    }
}

/// Writes `checkpoints/` and `roster.toml` into `dir`.
pub fn unpack(dir: &Path) -> Result<(), StoreError> {
    let roster = ("roster.toml", ROSTER.as_bytes());
    for (path, bytes) in FILES.iter().copied().chain([roster]) {
        let path = dir.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| StoreError::io(folder, e))?;
        }
        replace(&path, |file| std::io::Write::write_all(file, bytes).map_err(|e| StoreError::io(&path, e)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_checkpoints_is_in_the_binary() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/demo");
        for stage in ["base", "chat"] {
            for entry in std::fs::read_dir(root.join("checkpoints").join(stage)).expect("readable") {
                let name = entry.expect("entry").file_name();
                let path = format!("checkpoints/{stage}/{}", name.to_string_lossy());
                assert!(FILES.iter().any(|(p, _)| *p == path), "{path} is not embedded");
            }
        }
    }

    #[test]
    fn the_planted_truth_is_for_the_study_that_ships() {
        let planted = Planted::read().expect("readable");
        let study = crate::study::Study::open("default").expect("opens");
        assert_eq!(planted.study.version, study.version());
        assert_eq!(planted.stages.keys().collect::<Vec<_>>(), ["base", "chat"]);
    }
}
