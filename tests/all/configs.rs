//! Promise: a config means what it means to Hugging Face transformers: rotary scalings in both spellings, with all their
//! keys, what older files leave out, patterns of sliding layers. Logits agree to 1e-4 of their norm.
//!
//! Two sets of weights serve many configs; `tests/fixtures/configs/make.py` made both and stored the logits.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};
use tiltmeter::backend::cpu::Cpu;
use tiltmeter::checkpoint::Dtype;

use crate::common::{Errors, RawTensor, write_config, write_safetensors};

#[derive(Deserialize)]
struct Stored {
    sequences: Vec<Vec<u32>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    weights: String,
    config: Value,
    /// After each sequence's last token.
    logits: Vec<Vec<f32>>,
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/configs").join(name)
}

fn stored() -> Stored {
    serde_json::from_slice(&fs::read(fixture("cases.json")).expect("the cases")).expect("cases")
}

/// A case's checkpoint.
fn folder(case: &Case) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    write_config(dir.path(), &case.config);
    fs::copy(fixture(&format!("{}.safetensors", case.weights)), dir.path().join("model.safetensors"))
        .expect("the weights");
    dir
}

#[apply(test!)]
fn logits_agree_with_transformers_whatever_the_config_says() {
    let Stored { sequences, cases } = stored();
    let reference = json!({"pair_ids": [7, 11], "sequences": sequences}).to_string();
    assert!(cases.len() > 25);
    for case in &cases {
        let dir = folder(case);
        fs::write(dir.path().join("reference.json"), &reference).expect("written");
        let shape = vec![case.logits.len(), case.logits[0].len()];
        let logits = RawTensor::new("logits", Dtype::F32, shape, &case.logits.concat());
        write_safetensors(&dir.path().join("reference.safetensors"), &[logits]);
        Errors::of(&Cpu, dir.path(), 64).check(&case.name, 1e-4, 1e-3);
    }
}
