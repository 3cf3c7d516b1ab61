//! What is loaded: weight files' headers, config.json, and both together.

use std::path::Path;

use serde_json::json;
use tiltmeter::checkpoint::{Checkpoint, Outline, tensor_table};

use super::archive::{self, File};
use super::folder::{joined, known, parts, with_files};
use super::pickle::{Pickle, Tensor};
use super::told;

fn table(name: &str, bytes: &[u8]) -> Result<(), String> {
    for (tensor, range) in tensor_table(Path::new(name), bytes).map_err(told)? {
        assert!(bytes.get(range.clone()).is_some(), "{tensor} is said to lie at {range:?}");
    }
    Ok(())
}

pub fn safetensors(bytes: &[u8]) -> Result<(), String> {
    table("model.safetensors", bytes)
}

pub fn torch(bytes: &[u8]) -> Result<(), String> {
    table("pytorch_model.bin", bytes)
}

/// A pickle in an archive that is sound.
pub fn pickle(bytes: &[u8]) -> Result<(), String> {
    torch(&archived(bytes.to_vec(), 3))
}

const CHECKPOINT: [&str; 5] = [
    "config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "model-00001-of-00002.safetensors",
    "adapter_config.json",
];

pub fn checkpoint(bytes: &[u8]) -> Result<(), String> {
    let files = known(parts("config.json", bytes), &CHECKPOINT);
    with_files(&files, |dir| {
        let checkpoint = Checkpoint::open(dir).map_err(told)?;
        checkpoint.check_finite().map_err(told)?;
        checkpoint.stored().for_each(drop);
        checkpoint.used();
        Ok(())
    })
}

pub fn config(bytes: &[u8]) -> Result<(), String> {
    with_files(&[("config.json", bytes)], |dir| Outline::read(dir).map(drop).map_err(told))
}

pub fn header(text: &str, data: usize) -> Vec<u8> {
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

pub fn safetensors_seeds() -> Vec<Vec<u8>> {
    let tensor = |dtype: &str, shape: &[usize], from: usize, to: usize| json!({"dtype": dtype, "shape": shape, "data_offsets": [from, to]});
    let header = |table: serde_json::Value, data| header(&table.to_string(), data);
    vec![
        header(json!({"a": tensor("F32", &[2], 0, 8), "b.weight": tensor("BF16", &[2, 2], 8, 16)}), 16),
        header(
            json!({"__metadata__": {"format": "pt"}, "x": tensor("F16", &[1, 1, 1], 0, 2), "e": tensor("I64", &[0], 2, 2)}),
            2,
        ),
        header(json!({"b": tensor("BOOL", &[], 0, 1), "f": tensor("F8_E4M3", &[3], 1, 4)}), 4),
    ]
}

const CLASSES: [(&str, usize); 3] = [("FloatStorage", 4), ("BFloat16Storage", 2), ("LongStorage", 8)];

/// `storages` of six elements each.
fn tensors(storages: usize) -> Vec<Tensor> {
    let tensor = |(key, (class, _)): (usize, &(&'static str, usize))| Tensor {
        name: format!("layer.{key}"),
        class,
        key: key.to_string(),
        count: 6,
        offset: 0,
        sizes: vec![2, 3],
        strides: vec![3, 1],
    };
    CLASSES.iter().enumerate().take(storages).map(tensor).collect()
}

/// The first `storages` are of the sizes that [`tensors`] have.
pub fn archived(pickle: Vec<u8>, storages: usize) -> Vec<u8> {
    let mut files = vec![File::new("m/data.pkl", pickle), File::new("m/byteorder", "little")];
    let size = |key: usize| CLASSES.get(key).map_or(0, |(_, size)| 6 * size);
    files.extend((0..storages).map(|key| File::new(format!("m/data/{key}"), vec![0; size(key)])));
    files.push(File::new("m/version", "3\n"));
    archive::write(&files)
}

/// A pickle of these parts.
pub fn pickled(parts: &[&[u8]]) -> Vec<u8> {
    [&[0x80, 2], &parts.concat()[..]].concat()
}

pub fn torch_seeds() -> Vec<Vec<u8>> {
    (1..=3).map(|storages| archived(Pickle::of(&tensors(storages)).0, storages)).collect()
}

pub fn pickle_seeds() -> Vec<Vec<u8>> {
    let all = tensors(3);
    let wrapped = Pickle::new().raw(b"}").text("state_dict").raw(b"}").items(&all).raw(b"s");
    let noted = wrapped.text("epoch").int(1 << 40).raw(b"s").stop();
    let parameter = Pickle::new()
        .raw(b"}(")
        .text("w")
        .global("torch._utils", "_rebuild_parameter")
        .raw(b"(")
        .tensor(&all[0])
        .raw([0x88])
        .ordered_dict()
        .raw(b"tRq\x01u.");
    vec![Pickle::of(&all).0, noted.0, parameter.0]
}

pub fn tiny() -> serde_json::Value {
    json!({
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 4, "intermediate_size": 4,
        "num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1, "vocab_size": 4, "hidden_act": "silu",
        "max_position_embeddings": 16, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true
    })
}

/// The tensors of [`tiny`], in halves of a float.
fn tiny_weights() -> Vec<u8> {
    let layer = "model.layers.0";
    let square = [
        "self_attn.q_proj",
        "self_attn.k_proj",
        "self_attn.v_proj",
        "self_attn.o_proj",
        "mlp.gate_proj",
        "mlp.up_proj",
        "mlp.down_proj",
    ];
    let mut shapes =
        vec![("model.embed_tokens.weight".to_owned(), vec![4, 4]), ("model.norm.weight".to_owned(), vec![4])];
    shapes.extend(square.map(|name| (format!("{layer}.{name}.weight"), vec![4, 4])));
    let norms = ["input_layernorm", "post_attention_layernorm"];
    shapes.extend(norms.map(|name| (format!("{layer}.{name}.weight"), vec![4])));
    let mut at = 0;
    let mut table = serde_json::Map::new();
    for (name, shape) in shapes {
        let from = at;
        at += 2 * shape.iter().product::<usize>();
        table.insert(name, json!({"dtype": "BF16", "shape": shape, "data_offsets": [from, at]}));
    }
    header(&serde_json::Value::from(table).to_string(), at)
}

pub fn checkpoint_seeds() -> Vec<Vec<u8>> {
    let (config, weights) = (tiny().to_string(), tiny_weights());
    let config = ("config.json", config.as_bytes());
    let index =
        json!({"metadata": {"total_size": 1}, "weight_map": {"a": "model-00001-of-00002.safetensors"}})
            .to_string();
    vec![
        joined([config, ("model.safetensors", &weights)]),
        joined([
            config,
            ("model-00001-of-00002.safetensors", &weights),
            ("model.safetensors.index.json", index.as_bytes()),
        ]),
        joined([config, ("adapter_config.json", b"{\"peft_type\": \"LORA\"}".as_slice())]),
    ]
}

pub fn config_seeds() -> Vec<Vec<u8>> {
    let cases: serde_json::Value =
        serde_json::from_str(include_str!("../fixtures/configs/cases.json")).expect("our own JSON");
    let mut seeds = vec![tiny().to_string().into_bytes()];
    let cases = cases["cases"].as_array().into_iter().flatten();
    seeds.extend(cases.filter_map(|case| case.get("config")).map(|config| config.to_string().into_bytes()));
    seeds
}
