//! Torch checkpoints in several files.

use std::fs;

use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tiltmeter::checkpoint::{Checkpoint, Reading};

use super::{BIN, Parts, refusal};
use crate::common::{TinyConfig, write_config};

const INDEX: &str = "pytorch_model.bin.index.json";
const NORM: &str = "model.norm.weight";

fn shard(part: usize) -> String {
    format!("pytorch_model-{part:05}-of-00002.bin")
}

/// A folder with two shards and an index that was changed.
fn sharded(change: impl FnOnce(&mut Value)) -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    write_config(dir.path(), &TinyConfig::small().config());
    let tensors = TinyConfig::small().tensors(20);
    let mut weight_map = Map::new();
    for (part, tensors) in tensors.chunks(tensors.len().div_ceil(2)).enumerate() {
        let file = shard(part + 1);
        fs::write(dir.path().join(&file), Parts::of(tensors).bytes()).expect("it can be written");
        weight_map.extend(tensors.iter().map(|tensor| (tensor.name.clone(), json!(file))));
    }
    let mut index = json!({"metadata": {"total_size": 1}, "weight_map": weight_map});
    change(&mut index);
    fs::write(dir.path().join(INDEX), index.to_string()).expect("it can be written");
    dir
}

#[apply(test!)]
fn shards_are_read_by_their_index() {
    let dir = sharded(|_| {});
    let checkpoint = Checkpoint::open(dir.path()).expect("it is sound");
    let files: std::collections::BTreeSet<_> =
        checkpoint.used().iter().map(|tensor| tensor.file.to_owned()).collect();
    assert_eq!(files.into_iter().collect::<Vec<_>>(), [shard(1), shard(2)]);
    let reading = Reading { hashes: true, ..Reading::default() };
    assert_eq!(checkpoint.read(&reading).expect("it is whole").len(), 2);
}

#[apply(test!)]
fn an_index_that_disagrees_is_refused() {
    let cases: [(&[&str], fn(&mut Value)); 6] = [
        (&[INDEX, "extra.weight", "not there"], |i| i["weight_map"]["extra.weight"] = json!(shard(1))),
        (&[INDEX, NORM, "is listed in"], |i| i["weight_map"][NORM] = json!(shard(1))),
        (&["-00002.bin", NORM, "does not list it"], |i| {
            i["weight_map"].as_object_mut().and_then(|map| map.remove(NORM)).expect("it is there");
        }),
        (&[INDEX, "pytorch_model-00007-of-00002.bin", "missing"], |i| {
            i["weight_map"][NORM] = json!(shard(7))
        }),
        (&[INDEX, "model.safetensors", "plain name of a .bin"], |i| {
            i["weight_map"][NORM] = json!("model.safetensors")
        }),
        (&[INDEX, "plain name of a .bin"], |i| i["weight_map"][NORM] = json!("../x.bin")),
    ];
    for (number, (names, change)) in cases.into_iter().enumerate() {
        refusal(sharded(change).path(), &format!("case {number}"), names);
    }
}

#[apply(test!)]
fn stray_and_orphaned_shards_are_refused() {
    let dir = sharded(|_| {});
    fs::copy(dir.path().join(shard(1)), dir.path().join(BIN)).expect("a copy");
    refusal(dir.path(), "stray", &[INDEX, "does not name pytorch_model.bin"]);
    let dir = sharded(|_| {});
    fs::remove_file(dir.path().join(INDEX)).expect("it was there");
    refusal(
        dir.path(),
        "no index",
        &["pytorch_model.bin.index.json, which says what belongs to them, is missing"],
    );
    let dir = sharded(|_| {});
    fs::copy(dir.path().join(shard(1)), dir.path().join(shard(2))).expect("a copy");
    refusal(dir.path(), "a tensor in both", &[&shard(2), "is also in"]);
    let dir = sharded(|_| {});
    fs::write(dir.path().join(shard(2)), b"PK\x03\x04cut").expect("it can be written");
    refusal(dir.path(), "a broken shard", &[&shard(2), "cut off"]);
}
