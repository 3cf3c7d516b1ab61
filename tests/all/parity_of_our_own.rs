//! Promise: logits equal those of Hugging Face transformers in f32, to 1e-4 of their norm, in every clone.
//!
//! The checkpoints are made here from a seed; what transformers computes for them is in `tests/fixtures/parity`, with the
//! script that stored it. `parity.rs` does the same for larger references that lie beside the repository.

use std::path::{Path, PathBuf};

use tiltmeter::backend::cpu::Cpu;
use tiltmeter::checkpoint::Dtype;

use crate::common::{Errors, FAMILIES, TinyConfig, TinyFamily, write_tiny_checkpoint};

const SEED: u64 = 20_260_523;

/// Every family, and of some what changes their arithmetic, by name.
fn checkpoints() -> Vec<(String, TinyConfig)> {
    let plain = FAMILIES.map(|family| (format!("{family:?}").to_lowercase(), TinyConfig::new(family)));
    let more = [
        (
            "llama_tied_bf16",
            TinyConfig { tied: true, dtype: Dtype::Bf16, ..TinyConfig::new(TinyFamily::Llama) },
        ),
        ("llama_scaled_rope", TinyConfig { llama3_rope: true, ..TinyConfig::new(TinyFamily::Llama) }),
        (
            "mistral_window_f16",
            TinyConfig { window: Some(9), dtype: Dtype::F16, ..TinyConfig::new(TinyFamily::Mistral) },
        ),
    ];
    plain.into_iter().chain(more.map(|(name, config)| (name.to_owned(), config))).collect()
}

#[apply(test!)]
fn logits_of_every_family_agree_with_transformers() {
    let stored = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity");
    if let Some(dir) = std::env::var_os("TILTMETER_WRITE_TINY") {
        let write = |(name, config): &(String, TinyConfig)| {
            write_tiny_checkpoint(&PathBuf::from(&dir).join(name), config, SEED);
        };
        return checkpoints().iter().for_each(write);
    }
    for (name, config) in checkpoints() {
        let dir = tempfile::tempdir().expect("a folder");
        write_tiny_checkpoint(dir.path(), &config, SEED);
        for file in ["reference.json", "reference.safetensors"] {
            std::fs::copy(stored.join(&name).join(file), dir.path().join(file)).expect(&name);
        }
        for pack_tokens in [7, 4096] {
            Errors::of(&Cpu, dir.path(), pack_tokens).check(&name, 1e-4, 1e-3);
        }
    }
}
