//! What people have where a checkpoint should be: said by its own name, with what to do.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use tiltmeter::checkpoint::Dtype;

use super::{Parts, open, refusal};
use crate::common::run::tiltmeter;
use crate::common::{RawTensor, TinyConfig, TinyFamily, write_index};

fn parts() -> Parts {
    Parts::of(&TinyConfig::new(TinyFamily::Llama))
}

/// A folder with files of these names and little in them.
fn folder(names: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    names.iter().for_each(|name| write(dir.path(), name, "x"));
    dir
}

fn write(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join(name), text).expect("it can be written");
}

#[apply(test!)]
fn other_formats_are_named_with_or_without_a_config() {
    let cases: &[(&[&str], &str)] = &[
        (&["model-Q4_K_M.gguf"], "holds model-Q4_K_M.gguf: GGUF"),
        (&["a.GGUF", "b.gguf", "c.gguf"], "holds a.GGUF and 2 more: GGUF"),
        (&["consolidated.00.pth", "params.json"], "the maker's own layout"),
        (&["consolidated.safetensors", "params.json"], "the maker's own layout"),
        (&["model.onnx"], "ONNX"),
        (&["tf_model.h5"], "TensorFlow"),
        (&["flax_model.msgpack"], "Flax"),
    ];
    for (files, why) in cases {
        let dir = folder(files);
        refusal(dir.path(), why, &[why, "which is not read", "config.json and safetensors"]);
        write(dir.path(), "config.json", &parts().config.to_string());
        refusal(dir.path(), why, &[why, "which is not read", "config.json and safetensors"]);
    }
    let dir = folder(&["README.md", "weights.fp16.safetensors"]);
    refusal(dir.path(), "no config", &["holds no config.json"]);
    write(dir.path(), "config.json", &parts().config.to_string());
    refusal(
        dir.path(),
        "a name of one's own",
        &["weights.fp16.safetensors, but weights are read from model"],
    );
    let dir = folder(&["training_args.bin"]);
    write(dir.path(), "config.json", &parts().config.to_string());
    refusal(dir.path(), "what a trainer leaves", &["holds neither model.safetensors nor"]);
    write(dir.path(), "weights.bin", "x");
    refusal(dir.path(), "another name", &["holds weights.bin, but weights are read from"]);
}

#[apply(test!)]
fn a_gguf_file_in_place_of_a_folder_is_named() {
    let dir = folder(&["model.gguf", "notes.txt"]);
    for (file, why) in [("model.gguf", "GGUF is not read"), ("notes.txt", "is a file; name the folder")] {
        let out = tiltmeter().args(["inspect", "--model"]).arg(dir.path().join(file)).output().expect("runs");
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(!out.status.success() && said.contains(why), "{said}");
    }
}

#[apply(test!)]
fn an_adapter_is_not_a_checkpoint_alone_or_beside_one() {
    let config = json!({"peft_type": "LORA", "base_model_name_or_path": "org/base-7b", "r": 8});
    let dir = folder(&["adapter_model.safetensors"]);
    write(dir.path(), "adapter_config.json", &config.to_string());
    let alone = ["LoRA adapter (adapter_config.json)", "org/base-7b", "merge_and_unload"];
    refusal(dir.path(), "alone", &alone);
    write(dir.path(), "config.json", &parts().config.to_string());
    refusal(dir.path(), "with its base's config", &alone);
    let dir = parts().write(1);
    write(dir.path(), "adapter_config.json", &config.to_string());
    refusal(
        dir.path(),
        "beside whole weights",
        &["whole weights and a LoRA adapter", "move adapter_config.json"],
    );
    write(dir.path(), "adapter_config.json", r#"{"peft_type": "IA3"}"#);
    refusal(dir.path(), "another kind", &["an adapter of the type IA3"]);
}

#[apply(test!)]
fn what_a_download_left_instead_of_a_file_is_recognised() {
    let lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    for (text, why) in [
        (lfs, "pointer of Git LFS"),
        ("<!DOCTYPE html><html>", "web page"),
        ("\u{feff}<!doctype html>", "web page"),
        ("\n<!-- saved --><html lang=en>", "web page"),
        ("Entry not found", "error message"),
        ("Access to model org/name is restricted.", "error message"),
    ] {
        for file in ["config.json", "model-00002-of-00002.safetensors", "model.safetensors.index.json"] {
            let dir = parts().write(2);
            write(dir.path(), file, text);
            refusal(dir.path(), file, &[file, why]);
        }
    }
}

#[apply(test!)]
fn quantised_weights_are_named_by_their_method() {
    let configs: &[(&str, Value, &str)] = &[
        ("quantization_config", json!({"quant_method": "gptq", "bits": 4}), "quantised (gptq, 4 bits)"),
        ("quantization_config", json!({"load_in_8bit": true}), "quantised (8 bits)"),
        ("quantization_config", json!({"quant_method": "fp8"}), "quantised (fp8)"),
        ("compression_config", json!({"format": "pack-quantized"}), "quantised (pack-quantized)"),
        ("quantization", json!({"group_size": 64, "bits": 4}), "quantised (4 bits)"),
    ];
    for (field, value, why) in configs {
        let mut parts = parts();
        parts.config[*field] = value.clone();
        refusal(parts.write(1).path(), why, &[field, why, "take the checkpoint that they were made from"]);
    }
    const QUERY: &str = "model.layers.0.self_attn.q_proj";
    for (ending, who) in
        [(".qweight", "GPTQ and AWQ"), (".weight_packed", "compressed-tensors"), (".scales", "MLX")]
    {
        let mut parts = parts();
        parts.tensor(&format!("{QUERY}.weight")).name = format!("{QUERY}{ending}");
        refusal(parts.write(1).path(), who, &[QUERY, "is missing", who, "are not read"]);
    }
    for (dtype, bits, kind) in [
        ("F8_E4M3", 8, "8-bit floats (fp8)"),
        ("F4", 4, "floats of fewer bits"),
        ("U8", 8, "whole numbers"),
        ("I32", 32, "whole"),
    ] {
        let mut parts = parts();
        let tensor = parts.tensor(&format!("{QUERY}.weight"));
        let count = tensor.shape.iter().product::<usize>();
        (tensor.dtype, tensor.bytes) = (dtype, vec![0; count * bits / 8]);
        refusal(parts.write(1).path(), dtype, &[QUERY, dtype, kind, "are not read"]);
    }
}

fn tied() -> Parts {
    Parts::of(&TinyConfig { tied: true, dtype: Dtype::Bf16, ..TinyConfig::new(TinyFamily::Llama) })
}

/// The values of the embedding in F32, each changed.
fn head(parts: &mut Parts, change: impl Fn(f32) -> f32) -> RawTensor {
    let table = parts.tensor("model.embed_tokens.weight").clone();
    let count = table.shape.iter().product();
    let value = |i| change(Dtype::Bf16.value(&table.bytes, i).expect("a value"));
    RawTensor::new("lm_head.weight", Dtype::F32, table.shape, &(0..count).map(value).collect::<Vec<_>>())
}

#[apply(test!)]
fn a_tied_head_in_another_type_is_a_copy_if_its_values_are_the_same() {
    let mut parts = tied();
    let copy = head(&mut parts, |value| value);
    parts.tensors.push(copy);
    let checkpoint = open(parts.write(1).path()).expect("a copy is harmless");
    assert_eq!(checkpoint.ignored(), ["lm_head.weight"]);
    for (name, change, why) in [
        (
            "rounding",
            (|v| v * 1.0001) as fn(f32) -> f32,
            "in another type: it is stored as F32, the embedding as BF16",
        ),
        ("other values", |v| v + 0.5, "differs from the input embedding"),
    ] {
        let mut parts = tied();
        let other = head(&mut parts, change);
        parts.tensors.push(other);
        refusal(parts.write(1).path(), name, &["lm_head.weight", why, "`tie_word_embeddings`"]);
    }
    let mut parts = tied();
    let mut cut = head(&mut parts, |value| value);
    cut.shape = vec![32, 64];
    parts.tensors.push(cut);
    refusal(parts.write(1).path(), "shape", &["lm_head.weight", "has the shape [32, 64]"]);
}

#[apply(test!)]
fn an_index_may_list_a_tied_head_that_is_not_written() {
    for (parts, opens) in [(tied(), true), (parts(), false)] {
        let dir = parts.write(2);
        let file = dir.path().join("model.safetensors.index.json");
        let mut index: Value = serde_json::from_slice(&fs::read(&file).expect("an index")).expect("an index");
        if opens {
            index["weight_map"]["lm_head.weight"] = json!("model-00002-of-00002.safetensors");
        } else {
            index["weight_map"]["model.extra.weight"] = json!("model-00002-of-00002.safetensors");
        }
        write_index(dir.path(), &index);
        match opens {
            true => drop(open(dir.path()).expect("the embedding serves")),
            false => drop(refusal(dir.path(), "listed", &["model.extra.weight", "is listed", "not there"])),
        }
    }
}
