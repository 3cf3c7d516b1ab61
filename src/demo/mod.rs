//! The demo: two tiny checkpoints with a preference planted by `plant.py`, and what is known about it.
//!
//! `README.md` in this folder says how the preference was planted, and why the counterbalancing must be right for the
//! measured figures to meet the planted ones.

mod compare;
mod noise;

pub use compare::{Bias, Comparison, Lean};

use crate::store::{StoreError, file::replace};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

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

/// Every file that is unpacked: path and contents. `seed`: of noise to take the place of the noise that was chosen.
fn files(seed: Option<u64>) -> impl Iterator<Item = (&'static str, Cow<'static, [u8]>)> {
    let noisy = move |(path, bytes): (&'static str, &'static [u8])| {
        let stage = path.strip_prefix("checkpoints/").and_then(|p| p.strip_suffix("/model.safetensors"));
        let other = stage.zip(seed).and_then(|(stage, seed)| noise::reseeded(bytes, stage, seed));
        (path, other.map_or(Cow::Borrowed(bytes), Cow::Owned))
    };
    FILES.iter().copied().chain([("roster.toml", ROSTER.as_bytes())]).map(noisy)
}

/// Refuses a folder that holds anything but what an earlier demo of the same noise left there.
///
/// # Errors
/// [`DemoError::Filled`], and what the system says of the folder.
pub fn check_folder(dir: &Path, seed: Option<u64>) -> Result<(), DemoError> {
    let io = |e| StoreError::io(dir, e);
    let mut entries = match std::fs::read_dir(dir) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(io)?,
    };
    let ours = |(path, bytes): (&str, Cow<'_, [u8]>)| {
        std::fs::read(dir.join(path)).is_ok_and(|found| *found == *bytes)
    };
    if entries.next().is_none() || files(seed).all(ours) {
        return Ok(());
    }
    Err(DemoError::Filled { path: dir.to_owned() })
}

/// Refuses to put the page in the place of a file that no tiltmeter wrote.
///
/// # Errors
/// [`DemoError::NoPage`], and what [`check_place`](crate::store::file::check_place) says.
pub fn check_page(path: &Path) -> Result<(), DemoError> {
    crate::store::file::check_place(path)?;
    /// Ours stands among the first lines.
    const HEAD: u64 = 4096;
    let mut head = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(HEAD).read_to_string(&mut head));
    match read {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        _ if head.contains(GENERATOR) => Ok(()),
        _ => Err(DemoError::NoPage { path: path.to_owned() }),
    }
}

/// As the report's template has it.
const GENERATOR: &str = "<meta name=\"generator\" content=\"tiltmeter ";

/// Why the demo has no place for what it leaves.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("{}: the folder is not empty, and not an earlier demo's of the same noise; nothing is overwritten", path.display())]
    Filled { path: PathBuf },
    #[error("{}: there is a file of that name that is no report; nothing is overwritten", path.display())]
    NoPage { path: PathBuf },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Writes `checkpoints/` and `roster.toml` into `dir`; `seed`: with noise that nobody chose.
pub fn unpack(dir: &Path, seed: Option<u64>) -> Result<(), StoreError> {
    for (path, bytes) in files(seed) {
        let path = dir.join(path);
        if std::fs::read(&path).is_ok_and(|found| *found == *bytes) {
            continue;
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| StoreError::io(folder, e))?;
        }
        replace(&path, |file| std::io::Write::write_all(file, &bytes).map_err(|e| StoreError::io(&path, e)))?;
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
