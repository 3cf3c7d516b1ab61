//! What a folder holds where a checkpoint was looked for, and what to do about it.

use std::path::Path;

use serde_json::Value;

use super::error::{CheckpointError, Result, shown};
use super::files::file_names;
use super::json::{self, Strict};
use crate::plain::is_there;

const ADAPTER: &str = "adapter_config.json";
const LARGEST_CONFIG: u64 = 1 << 20;
const WANTED: &str = "config.json and safetensors";

/// Other forms in which weights are handed round: how their names end, what they are, what to do.
const FORMATS: [(&str, &str); 9] = [
    (".gguf", "GGUF, the format of llama.cpp"),
    (".onnx", "ONNX, a format of inference runtimes"),
    (".pth", "the maker's own layout"),
    (".npz", "NumPy arrays, as MLX once wrote them"),
    (".h5", "TensorFlow's format"),
    (".msgpack", "Flax's format"),
    (".nemo", "NeMo's format"),
    (".ckpt", "a training checkpoint"),
    (".pt", "a training checkpoint"),
];

/// Refuses a folder with an adapter, alone or beside whole weights: alone it is no checkpoint, and beside them versions
/// of the reference differ in whether they apply it.
pub(super) fn refuse_adapter(dir: &Path, whole: bool) -> Result<()> {
    let file = dir.join(ADAPTER);
    if !is_there(&file) {
        return Ok(());
    }
    let (kind, base) = adapter(&file)?;
    let why = match whole {
        false => format!(
            "holds {kind} ({ADAPTER}), which changes {base} and is no checkpoint by itself: merge it into that one (in \
             peft: `merge_and_unload`, then `save_pretrained`) and name the merged folder"
        ),
        true => format!(
            "holds whole weights and {kind} ({ADAPTER}), and it cannot be known whether they are merged already: move \
             {ADAPTER} away if they are, else merge it first (in peft: `merge_and_unload`)"
        ),
    };
    Err(CheckpointError::Folder { dir: dir.to_owned(), why })
}

/// What kind of adapter it is, and of what.
fn adapter(file: &Path) -> Result<(String, String)> {
    let bytes = json::read_bounded(file, LARGEST_CONFIG)?;
    let Strict(config) = json::parse_file(file, &bytes)?;
    let word = |key: &str| config.get(key).and_then(Value::as_str).map(shown);
    let kind = match word("peft_type").as_deref() {
        None | Some("LORA") => "a LoRA adapter".to_owned(),
        Some(other) => format!("an adapter of the type {other}"),
    };
    let base = word("base_model_name_or_path").filter(|name| !name.is_empty());
    Ok((kind, base.unwrap_or_else(|| "another checkpoint".to_owned())))
}

/// In what other format a folder holds its weights, if it does.
pub(super) fn other_format(dir: &Path) -> Option<String> {
    let names = sorted_names(dir);
    for (end, what) in FORMATS {
        if let Some(all) = listed(&names, |name| name.to_ascii_lowercase().ends_with(end)) {
            return Some(format!(
                "holds {all}: {what}, which is not read; fetch the model's folder with {WANTED}"
            ));
        }
    }
    let makers = |name: &str| name.starts_with("consolidated") && name.ends_with(".safetensors");
    listed(&names, makers).map(|all| {
        format!(
            "holds {all}: the maker's own layout, which is not read; fetch the files in Hugging Face's layout too \
             ({WANTED} named model...)"
        )
    })
}

/// Weight files of names that are not looked for.
pub(super) fn other_names(dir: &Path) -> Option<String> {
    let named = |name: &str| {
        name.ends_with(".safetensors") || (name.ends_with(".bin") && name != "training_args.bin")
    };
    listed(&sorted_names(dir), named).map(|all| {
        format!(
            "holds {all}, but weights are read from model.safetensors, pytorch_model.bin or the shards that an index \
             names"
        )
    })
}

fn sorted_names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = file_names(dir).collect();
    names.sort();
    names
}

/// `x.gguf and 2 more`
fn listed(names: &[String], wanted: impl Fn(&str) -> bool) -> Option<String> {
    let mut found = names.iter().filter(|name| wanted(name));
    let first = shown(found.next()?);
    Some(match found.count() {
        0 => first,
        more => format!("{first} and {more} more"),
    })
}
