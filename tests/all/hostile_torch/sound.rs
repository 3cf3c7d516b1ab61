//! What is sound is read, to the bit.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};
use tiltmeter::checkpoint::{Checkpoint, Dtype, Reading, Role, Weights, tensor_table};

use super::pickle::{Pickle, Tensor};
use super::{BIN, Parts, archive, folder};
use crate::common::{TinyConfig, TinyFamily, write_tiny_checkpoint};

/// The bytes of every tensor that is used, by name.
fn contents(checkpoint: &Checkpoint) -> Vec<(String, Vec<u8>)> {
    let used = checkpoint.used().into_iter();
    used.map(|tensor| {
        let view = checkpoint.get(tensor.role, tensor.layer).expect("it is used");
        (tensor.name.to_owned(), view.bytes.to_vec())
    })
    .collect()
}

#[apply(test!)]
fn every_type_comes_through_to_the_bit() {
    for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16] {
        let tiny = TinyConfig { dtype, ..TinyConfig::new(TinyFamily::Qwen2) };
        let dir = tempfile::tempdir().expect("a folder");
        write_tiny_checkpoint(dir.path(), &tiny, 3);
        let safetensors = Checkpoint::open(dir.path()).expect("it is sound");
        let expected = contents(&safetensors);
        fs::remove_file(dir.path().join("model.safetensors")).expect("it was there");
        fs::write(dir.path().join(BIN), Parts::of(&tiny.tensors(3)).bytes()).expect("it can be written");
        let torch = Checkpoint::open(dir.path()).expect("it is sound");
        assert_eq!(contents(&torch), expected);
        assert_eq!(torch.spec, safetensors.spec);
        assert!(torch.used().iter().all(|tensor| tensor.file == BIN && tensor.dtype == dtype));
    }
}

#[apply(test!)]
fn safetensors_win_where_both_are_there() {
    let dir = tempfile::tempdir().expect("a folder");
    write_tiny_checkpoint(dir.path(), &TinyConfig::small(), 3);
    fs::write(dir.path().join(BIN), b"never looked at").expect("it can be written");
    let checkpoint = Checkpoint::open(dir.path()).expect("it is sound");
    assert!(checkpoint.used().iter().all(|tensor| tensor.file == "model.safetensors"));
}

/// Opens these parts and compares them with the plain form of the same tensors.
fn same_as_plain(parts: &Parts, label: &str) {
    let expected = contents(&Checkpoint::open(folder(&Parts::sound().bytes()).path()).expect("it is sound"));
    match Checkpoint::open(folder(&parts.bytes()).path()) {
        Ok(checkpoint) => assert_eq!(contents(&checkpoint), expected, "{label}"),
        Err(error) => panic!("{label}: {error}"),
    }
}

#[apply(test!)]
fn the_forms_that_torch_writes_are_read() {
    let parts = Parts::sound();
    let spelled = |pickle: Pickle| Parts { pickle: Some(pickle.0), ..parts.clone() };
    let items = |pickle: Pickle| pickle.items(&parts.tensors);

    // A module's state: an OrderedDict with `_metadata`, which is dropped.
    let module = items(Pickle::new().ordered_dict())
        .raw(b"}")
        .text("_metadata")
        .ordered_dict()
        .raw(b"(")
        .text("")
        .raw(b"}")
        .text("version")
        .raw(b"]K\x01as")
        // Lists and a dictionary that begin tuples.
        .text("more")
        .raw(b"((]K\x01aNt(](K\x02eNt(}K\x03NsNttsusb")
        .stop();
    same_as_plain(&spelled(module), "OrderedDict");
    for key in ["state_dict", "model"] {
        let wrapped = items(Pickle::new().raw(b"}").text("epoch").raw(b"K\x03s").text(key).raw(b"}"));
        same_as_plain(&spelled(wrapped.raw(b"s").stop()), key);
    }
    // Parameters, seven arguments, every spelling of numbers, values by memo, one item at a time.
    let one_by_one = parts.tensors.iter().fold(Pickle::new().raw(b"}q\x05"), |pickle, tensor| {
        pickle
            .text(&tensor.name)
            .global("torch._utils", "_rebuild_parameter")
            .raw(b"(")
            .global("torch._utils", "_rebuild_tensor_v2")
            .raw(b"(")
            .storage(tensor)
            .raw(b"M\0\0")
            .ints(&tensor.sizes)
            .raw(b"r\x10\x27\0\0")
            .ints(&tensor.strides)
            .raw([0x88])
            .ordered_dict()
            .raw(if tensor.sizes.len() == 1 { b"NtR\x88" } else { b"}tR\x88" })
            .ordered_dict()
            .raw(b"tRs")
    });
    same_as_plain(&spelled(one_by_one.stop()), "parameters");
}

#[apply(test!)]
fn views_of_one_storage_and_sizes_of_one_are_read() {
    let mut parts = Parts::sound();
    // Gate and up as halves of one storage, the way `chunk` leaves them.
    let [gate, up] = ["gate", "up"].map(|part| format!("model.layers.0.mlp.{part}_proj.weight"));
    let keys = [&gate, &up].map(|name| parts.tensor(name).key.clone());
    let bytes = |parts: &Parts, key: &str| {
        parts
            .storages
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, bytes)| bytes.clone())
            .expect("a storage")
    };
    let both = [bytes(&parts, &keys[0]), bytes(&parts, &keys[1])].concat();
    parts.storages.retain(|(key, _)| !keys.contains(key));
    parts.storages.push(("77".into(), both));
    let count = parts.tensor(&gate).count;
    for (name, offset) in [(&gate, 0), (&up, count)] {
        let tensor = parts.tensor(name);
        *tensor = Tensor { key: "77".into(), count: 2 * count, offset, ..tensor.clone() };
    }
    same_as_plain(&parts, "views");
}

#[apply(test!)]
fn a_tied_head_may_be_the_same_storage() {
    let mut tiny = TinyConfig::small();
    tiny.tied = true;
    let mut parts = Parts::of(&tiny.tensors(20));
    let copy = Tensor { name: "lm_head.weight".into(), ..parts.tensor("model.embed_tokens.weight").clone() };
    parts.tensors.push(copy);
    let dir = folder(&parts.bytes());
    crate::common::write_config(dir.path(), &tiny.config());
    let checkpoint = Checkpoint::open(dir.path()).expect("it is sound");
    assert_eq!(checkpoint.ignored(), ["lm_head.weight"]);
    let table = checkpoint.get(Role::OutputEmbedding, None).expect("tied");
    assert_eq!((table.rows, table.cols), (5, 4));
}

#[apply(test!)]
fn a_tied_head_of_its_own_is_compared_to_its_end() {
    let tiny = TinyConfig { tied: true, ..TinyConfig::small() };
    let mut parts = Parts::of(&tiny.tensors(20));
    let table = parts.tensor("model.embed_tokens.weight").clone();
    let bytes = parts.storages.iter().find(|(key, _)| *key == table.key).map(|(_, bytes)| bytes.clone());
    parts.tensors.push(Tensor { name: "lm_head.weight".into(), key: "77".into(), ..table });
    parts.storages.push(("77".into(), bytes.expect("a storage")));
    for is_same in [true, false] {
        if !is_same {
            *parts.storages.last_mut().and_then(|(_, bytes)| bytes.last_mut()).expect("a byte") ^= 1;
        }
        let dir = folder(&parts.bytes());
        crate::common::write_config(dir.path(), &tiny.config());
        match Checkpoint::open(dir.path()) {
            Ok(_) => assert!(is_same),
            Err(error) => assert!(!is_same && error.to_string().contains("differs"), "{error}"),
        }
    }
}

/// The file is hashed byte by byte in order, whatever its tensors share.
#[apply(test!)]
fn a_tensor_within_another_changes_no_hash() {
    let mut parts = Parts::sound();
    let table = parts.tensor("model.embed_tokens.weight").clone();
    let norm = parts.tensor("model.norm.weight");
    let key = std::mem::replace(&mut norm.key, table.key);
    (norm.count, norm.offset) = (table.count, 4);
    parts.storages.retain(|(known, _)| *known != key);
    let bytes = parts.bytes();
    let checkpoint = Checkpoint::open(folder(&bytes).path()).expect("it is sound");
    let hashes = checkpoint.read(&Reading { hashes: true, ..Reading::default() }).expect("numbers");
    let expected: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hashes[0].sha256, expected);
}

#[apply(test!)]
fn a_table_says_where_each_tensor_lies() {
    let parts = Parts::sound();
    let bytes = parts.bytes();
    let table = tensor_table(Path::new(BIN), &bytes).expect("it is sound");
    assert_eq!(table.len(), parts.tensors.len());
    for (name, place) in table {
        let tensor = parts.tensors.iter().find(|tensor| tensor.name == name).expect("it is there");
        let (_, storage) = parts.storages.iter().find(|(key, _)| *key == tensor.key).expect("a storage");
        assert_eq!(bytes[place], storage[..], "{name}");
    }
}

#[apply(test!)]
fn a_tensor_that_nobody_reads_may_have_any_type() {
    let mut parts = Parts::sound();
    for (number, class, size) in [
        (90, "DoubleStorage", 8),
        (91, "LongStorage", 8),
        (92, "IntStorage", 4),
        (93, "ShortStorage", 2),
        (94, "CharStorage", 1),
        (95, "ByteStorage", 1),
        (96, "BoolStorage", 1),
    ] {
        parts.tensors.push(Tensor {
            name: format!("model.layers.{number}.self_attn.rotary_emb.inv_freq"),
            class,
            key: number.to_string(),
            count: 3,
            offset: 0,
            sizes: vec![3],
            strides: vec![1],
        });
        parts.storages.push((number.to_string(), vec![0; 3 * size]));
    }
    same_as_plain(&parts, "ignored tensors");
    parts.tensors.last_mut().expect("one").name = "model.norm.bias".into();
    super::refused("used", &parts.bytes(), &["model.norm.bias", "no use for it"]);
}

#[apply(test!)]
fn zip64_sizes_are_read() {
    let mut files = Parts::sound().files();
    for file in &mut files {
        file.zip64 = Some(file.size.into());
        (file.size, file.packed) = (u32::MAX, u32::MAX);
    }
    assert!(Checkpoint::open(folder(&archive::write(&files)).path()).is_ok());
}
