//! Checkpoint files, sound or not.

use std::fs;
use std::path::Path;

use half::{bf16, f16};
use serde_json::{Map, Value, json};
use tiltmeter::checkpoint::Dtype;

/// A named pipe, to which nobody will ever write.
#[cfg(unix)]
pub fn named_pipe(path: impl AsRef<Path>) {
    let made = std::process::Command::new("mkfifo").arg(path.as_ref()).status();
    assert!(made.expect("every Unix has mkfifo").success());
}

pub fn write_config(dir: &Path, config: &Value) {
    fs::write(dir.join("config.json"), config.to_string()).expect("config.json can be written");
}

/// `model.safetensors`, or that many shards with their index.
pub fn write_weights(dir: &Path, tensors: &[RawTensor], shards: usize) {
    if shards <= 1 {
        return write_safetensors(&dir.join("model.safetensors"), tensors);
    }
    let mut weight_map = Map::new();
    for (part, tensors) in tensors.chunks(tensors.len().div_ceil(shards)).enumerate() {
        let file = format!("model-{:05}-of-{shards:05}.safetensors", part + 1);
        write_safetensors(&dir.join(&file), tensors);
        for tensor in tensors {
            weight_map.insert(tensor.name.clone(), json!(file));
        }
    }
    let total: usize = tensors.iter().map(|tensor| tensor.bytes.len()).sum();
    write_index(dir, &json!({"metadata": {"total_size": total}, "weight_map": weight_map}));
}

pub fn write_index(dir: &Path, index: &Value) {
    let file = dir.join("model.safetensors.index.json");
    fs::write(file, index.to_string()).expect("the index can be written");
}

/// A tensor as a file holds it, sound or not.
#[derive(Debug, Clone)]
pub struct RawTensor {
    pub name: String,
    pub dtype: &'static str,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

impl RawTensor {
    pub fn new(name: impl Into<String>, dtype: Dtype, shape: Vec<usize>, values: &[f32]) -> Self {
        let (dtype, bytes) = match dtype {
            Dtype::F32 => ("F32", values.iter().flat_map(|v| v.to_le_bytes()).collect()),
            Dtype::F16 => ("F16", values.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect()),
            Dtype::Bf16 => ("BF16", values.iter().flat_map(|&v| bf16::from_f32(v).to_le_bytes()).collect()),
        };
        RawTensor { name: name.into(), dtype, shape, bytes }
    }
}

pub fn write_safetensors(file: &Path, tensors: &[RawTensor]) {
    let mut header = Map::new();
    header.insert("__metadata__".into(), json!({"format": "pt"}));
    let mut data = Vec::new();
    for tensor in tensors {
        let begin = data.len();
        data.extend_from_slice(&tensor.bytes);
        let place =
            json!({"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [begin, data.len()]});
        header.insert(tensor.name.clone(), place);
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    write_parts(file, header.len() as u64, &header, &data);
}

/// A safetensors file from its three parts, which need not agree.
pub fn write_parts(file: &Path, length: u64, header: &[u8], data: &[u8]) {
    let bytes = [&length.to_le_bytes(), header, data].concat();
    fs::write(file, bytes).expect("the weight file can be written");
}
