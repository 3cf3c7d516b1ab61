//! Every reference checkpoint of a known family opens, in both spellings of its config, as the same decoder.

use std::path::{Path, PathBuf};

use super::{Checkpoint, DecoderSpec, Role, Weights};

const CASES: &[&str] = &[
    "../reference-next/gemma3",
    "../reference-next/gemma3_bf16",
    "../reference-next/gemma3_vision",
    "llama31",
    "llama31_bf16",
    "yi15",
    "mistral",
    "mistral_f16",
    "mistral_window",
    "qwen25",
    "qwen25_tied_bf16",
    "glm4",
    "glm4_bf16",
    "baichuan2",
    "baichuan2_bf16",
    "baichuan2_f16",
    "gemma4",
    "gemma4_bf16",
    "gemma4_text",
];

fn references() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference");
    if !dir.is_dir() {
        println!("skipped: ../shared/reference is not here");
        return None;
    }
    Some(dir)
}

/// The same folder with another config.json.
fn with_config(dir: &Path, config: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a temporary folder");
    for entry in std::fs::read_dir(dir).expect("a folder") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("a copy");
    }
    let target = copy.path().join("config.json");
    std::fs::remove_file(&target).expect("a config");
    std::fs::copy(dir.join(config), &target).expect("a copy");
    copy
}

#[test]
fn references_open_alike_in_both_spellings() {
    let Some(references) = references() else {
        return;
    };
    for case in CASES {
        let dir = references.join(case);
        if !dir.is_dir() {
            println!("skipped: {case} is not here");
            continue;
        }
        let makers = Checkpoint::open(&dir).unwrap_or_else(|error| panic!("{case}: {error}"));
        if dir.join("config_hf5.json").is_file() {
            let newer = with_config(&dir, "config_hf5.json");
            let newer = Checkpoint::open(newer.path()).unwrap_or_else(|error| panic!("{case}: {error}"));
            // Makers may leave out the context, for which the class's default then stands; it is no arithmetic.
            let newer = DecoderSpec { context: makers.spec.context, ..newer.spec.clone() };
            assert_eq!(makers.spec, newer, "{case}");
        }
        // Only the multimodal files hold towers, and keys and values that nothing reads.
        let multimodal = ["gemma3", "gemma4"].contains(&makers.family);
        assert_eq!(makers.ignored().is_empty(), !multimodal, "{case}");
        for layer in 0..makers.spec.layers.len() {
            let down = makers.get(Role::Down, Some(layer)).expect("a matrix");
            assert_eq!(down.rows, makers.spec.hidden, "{case}");
            assert_eq!(down.bytes.len(), down.rows * down.cols * down.dtype.size());
        }
        let head = makers.get(Role::OutputEmbedding, None).expect("a head");
        assert_eq!((head.rows, head.cols), (makers.spec.vocab, makers.spec.hidden));
    }
}
