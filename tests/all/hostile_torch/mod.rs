//! Promise: `pytorch_model.bin` is read as the tensors that it holds, or refused in one sentence that names the entry,
//! opcode, global or tensor; whatever it holds, nothing is executed, nothing panics, and no memory is taken that the
//! file does not justify.

mod containers;
mod pickles;
mod shards;
mod sound;
mod tensors;

use std::path::Path;

use crate::common::{RawTensor, TinyConfig, write_config};
use crate::fuzz::targets::archive::{self, File};
use crate::fuzz::targets::pickle::{self, Pickle, Tensor};
use tempfile::TempDir;
use tiltmeter::checkpoint::Checkpoint;

const BIN: &str = "pytorch_model.bin";

/// What a torch file is made of, to be spoiled before it is written.
#[derive(Clone)]
struct Parts {
    tensors: Vec<Tensor>,
    /// Bytes of each storage by its key.
    storages: Vec<(String, Vec<u8>)>,
    /// Stands in for the pickle that belongs to `tensors`.
    pickle: Option<Vec<u8>>,
}

impl Parts {
    fn sound() -> Self {
        Parts::of(&TinyConfig::small().tensors(20))
    }

    /// One storage a tensor.
    fn of(tensors: &[RawTensor]) -> Self {
        let (tensors, storages) = tensors.iter().enumerate().map(|(key, raw)| part(key, raw)).unzip();
        Parts { tensors, storages, pickle: None }
    }

    fn tensor(&mut self, name: &str) -> &mut Tensor {
        self.tensors.iter_mut().find(|tensor| tensor.name == name).expect("the tensor is there")
    }

    fn files(&self) -> Vec<File> {
        let pickle = self.pickle.clone().unwrap_or_else(|| Pickle::of(&self.tensors).0);
        let mut files = vec![
            File::new("archive/data.pkl", pickle),
            File::new("archive/byteorder", "little"),
            File::new("archive/.format_version", "1"),
        ];
        files.extend(
            self.storages.iter().map(|(key, data)| File::new(format!("archive/data/{key}"), data.clone())),
        );
        files.push(File::new("archive/version", "3\n"));
        files.push(File::new("archive/.data/serialization_id", "0123456789"));
        files
    }

    fn bytes(&self) -> Vec<u8> {
        archive::write(&self.files())
    }
}

fn part(key: usize, raw: &RawTensor) -> (Tensor, (String, Vec<u8>)) {
    let (class, size) = match raw.dtype {
        "F32" => ("FloatStorage", 4),
        "F16" => ("HalfStorage", 2),
        _ => ("BFloat16Storage", 2),
    };
    let sizes: Vec<i64> = raw.shape.iter().map(|&size| size as i64).collect();
    let strides = (0..sizes.len()).map(|i| sizes[i + 1..].iter().product()).collect();
    let count = (raw.bytes.len() / size) as i64;
    let key = key.to_string();
    let tensor = Tensor { name: raw.name.clone(), class, key: key.clone(), count, offset: 0, sizes, strides };
    (tensor, (key, raw.bytes.clone()))
}

/// A checkpoint folder around this torch file.
fn folder(bytes: &[u8]) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    write_config(dir.path(), &TinyConfig::small().config());
    std::fs::write(dir.path().join(BIN), bytes).expect("it can be written");
    dir
}

/// The message with which `dir` is refused; one line that holds all of `names`.
fn refusal(dir: &Path, label: &str, names: &[&str]) -> String {
    let message = match Checkpoint::open(dir) {
        Ok(_) => panic!("{label}: was accepted"),
        Err(error) => error.to_string(),
    };
    assert!(!message.contains('\n') && message.len() < 1000, "{label}: {message}");
    for name in names {
        assert!(message.contains(name), "{label}: expected {name} in: {message}");
    }
    message
}

/// The file of these bytes is refused like that.
fn refused(label: &str, bytes: &[u8], names: &[&str]) {
    refusal(folder(bytes).path(), label, &[&[BIN], names].concat());
}
