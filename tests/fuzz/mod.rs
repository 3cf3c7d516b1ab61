//! What a stranger's bytes are thrown at: one target for every reader, with inputs to start from. `fuzz/` drives them guided by
//! coverage; `tests/all/fuzz.rs` replays the starting inputs and whatever was found. `docs/fuzzing.md` has the recipe.

#[allow(dead_code, reason = "the tests of torch files spoil more of it")]
pub mod archive;
mod folder;
mod growth;
mod lines;
pub mod pickle;
mod settings;
mod store;
mod study;
mod tables;
mod tokens;
mod weights;

use std::path::{Path, PathBuf};

pub use growth::GROWTHS;

/// One reader and what leads to it.
pub struct Target {
    pub name: &'static str,
    /// Reads the bytes; what is wrong with them, as a person is told it.
    pub read: fn(&[u8]) -> Result<(), String>,
    /// Inputs to start from, the first of which is read to the end.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Bytes of the longest input that is tried.
    pub longest: usize,
}

pub const TARGETS: &[Target] = &[
    Target {
        name: "safetensors",
        read: weights::safetensors,
        seeds: weights::safetensors_seeds,
        longest: 4096,
    },
    Target { name: "torch", read: weights::torch, seeds: weights::torch_seeds, longest: 4096 },
    Target { name: "pickle", read: weights::pickle, seeds: weights::pickle_seeds, longest: 2048 },
    Target { name: "checkpoint", read: weights::checkpoint, seeds: weights::checkpoint_seeds, longest: 8192 },
    Target { name: "config", read: weights::config, seeds: weights::config_seeds, longest: 4096 },
    Target {
        name: "sentencepiece",
        read: tokens::sentencepiece,
        seeds: tokens::sentencepiece_seeds,
        longest: 8192,
    },
    Target { name: "tokenizer", read: tokens::tokenizer, seeds: tokens::tokenizer_seeds, longest: 12288 },
    Target { name: "template", read: tokens::template, seeds: tokens::template_seeds, longest: 2048 },
    Target { name: "study", read: study::study, seeds: study::study_seeds, longest: 8192 },
    Target { name: "roster", read: settings::roster, seeds: settings::roster_seeds, longest: 4096 },
    Target { name: "settings", read: settings::settings, seeds: settings::settings_seeds, longest: 4096 },
    Target { name: "plan", read: settings::plan, seeds: settings::plan_seeds, longest: 2048 },
    Target { name: "lines", read: lines::lines, seeds: lines::lines_seeds, longest: 4096 },
    Target { name: "table", read: tables::table, seeds: tables::table_seeds, longest: 4096 },
    Target { name: "parquet", read: tables::table, seeds: tables::parquet_seeds, longest: 8192 },
    Target { name: "analysis", read: tables::analysis, seeds: tables::analysis_seeds, longest: 8192 },
    Target { name: "store", read: store::store, seeds: store::store_seeds, longest: 40960 },
    Target { name: "rows", read: store::rows, seeds: store::rows_seeds, longest: 512 },
];

/// Whatever can be shown, as the text that a person reads.
fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The repository, from either package that has these targets.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let above = package.parent().filter(|_| !package.join("tests").is_dir());
    above.unwrap_or(package).to_path_buf()
}
