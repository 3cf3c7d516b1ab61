//! Promise: a checkpoint that is not understood is refused in one sentence that names the field, tensor or file;
//! no input panics, loops or takes memory that the files do not justify. And what is sound is not refused.

mod cache;
mod config;
mod families;
mod fields;
mod files;
mod instead;
mod json;
mod sound;

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use tiltmeter::checkpoint::{Checkpoint, FileHash, Reading};

use crate::common::{RawTensor, TinyConfig, write_config, write_weights};

const SEED: u64 = 20;

/// Opening and looking through all weights, as the commands do.
fn open(dir: &Path) -> Result<Checkpoint, String> {
    let checkpoint = Checkpoint::open(dir).map_err(|error| error.to_string())?;
    checkpoint.check_finite().map_err(|error| error.to_string())?;
    Ok(checkpoint)
}

/// SHA-256 of the weight files.
fn hashes(checkpoint: &Checkpoint) -> Vec<FileHash> {
    checkpoint.read(&Reading { hashes: true, ..Reading::default() }).expect("numbers")
}

/// The message with which `dir` is refused; one line that holds all of `names`.
fn refusal(dir: &Path, label: &str, names: &[&str]) -> String {
    let message = match open(dir) {
        Ok(_) => panic!("{label}: was accepted"),
        Err(message) => message,
    };
    assert!(!message.contains('\n'), "{label}: {message}");
    assert!(message.len() < 1000, "{label}: {message}");
    for name in names {
        assert!(message.contains(name), "{label}: expected {name} in: {message}");
    }
    message
}

/// What a checkpoint is made of, to be spoiled before it is written.
struct Parts {
    config: Value,
    tensors: Vec<RawTensor>,
}

impl Parts {
    fn of(tiny: &TinyConfig) -> Self {
        Parts { config: tiny.config(), tensors: tiny.tensors(SEED) }
    }

    fn remove_field(&mut self, field: &str) {
        let map = self.config.as_object_mut().expect("an object");
        map.remove(field).expect("the field is there");
    }

    /// The object that describes the decoder.
    fn text(&mut self) -> &mut Value {
        let nested = self.config.get("text_config").is_some();
        if nested { &mut self.config["text_config"] } else { &mut self.config }
    }

    fn remove_text(&mut self, field: &str) {
        let map = self.text().as_object_mut().expect("an object");
        map.remove(field).expect("the field is there");
    }

    /// The first tensor whose name ends so.
    fn tensor(&mut self, name: &str) -> &mut RawTensor {
        self.tensors.iter_mut().find(|tensor| tensor.name.ends_with(name)).expect("the tensor is there")
    }

    fn remove_tensor(&mut self, name: &str) {
        self.tensor(name);
        self.tensors.retain(|tensor| !tensor.name.ends_with(name));
    }

    /// Another shape, with as many zeros as that takes.
    fn reshape(&mut self, name: &str, shape: &[usize]) {
        let tensor = self.tensor(name);
        tensor.shape = shape.to_vec();
        tensor.bytes = vec![0; 4 * shape.iter().product::<usize>()];
    }

    fn add_tensor(&mut self, name: &str, shape: &[usize]) {
        let zeros = vec![0.0; shape.iter().product()];
        let tensor = RawTensor::new(name, tiltmeter::checkpoint::Dtype::F32, shape.to_vec(), &zeros);
        self.tensors.push(tensor);
    }

    fn write(&self, shards: usize) -> TempDir {
        let dir = tempfile::tempdir().expect("a temporary folder");
        write_config(dir.path(), &self.config);
        write_weights(dir.path(), &self.tensors, shards);
        dir
    }
}

fn opened(parts: &Parts, shards: usize) -> Checkpoint {
    let dir = parts.write(shards);
    open(dir.path()).unwrap_or_else(|message| panic!("{message}"))
}
