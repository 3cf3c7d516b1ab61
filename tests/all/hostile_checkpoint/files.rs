//! Weight files and indexes that lie.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use tiltmeter::checkpoint::tensor_table;

use super::{Parts, open, refusal};
#[cfg(unix)]
use crate::common::named_pipe;
use crate::common::{Random, TinyConfig, write_index, write_parts};

/// What to change in a header or an index.
type Change<'a> = &'a dyn Fn(&mut Value);

const WEIGHTS: &str = "model.safetensors";

fn written(shards: usize) -> TempDir {
    Parts::of(&TinyConfig::small()).write(shards)
}

/// Header length, header and data of a file.
fn parts_of(file: &Path) -> (u64, Value, Vec<u8>) {
    let bytes = fs::read(file).expect("the file was written");
    let (length, rest) = bytes.split_first_chunk::<8>().expect("a length");
    let length = u64::from_le_bytes(*length);
    let (header, data) = rest.split_at(length as usize);
    (length, serde_json::from_slice(header).expect("a header"), data.to_vec())
}

/// Rewrites the header of the one weight file.
fn with_header(change: impl FnOnce(&mut Value)) -> TempDir {
    let dir = written(1);
    let file = dir.path().join(WEIGHTS);
    let (_, mut header, data) = parts_of(&file);
    change(&mut header);
    let header = header.to_string().into_bytes();
    write_parts(&file, header.len() as u64, &header, &data);
    dir
}

#[apply(test!)]
fn a_file_cut_off_anywhere_is_refused() {
    let dir = written(1);
    let file = dir.path().join(WEIGHTS);
    let bytes = fs::read(&file).expect("the file was written");
    for length in 0..bytes.len() {
        fs::write(&file, &bytes[..length]).expect("it can be written");
        refusal(dir.path(), &format!("{length} bytes"), &[WEIGHTS]);
    }
    fs::write(&file, [&bytes[..], b"\0"].concat()).expect("it can be written");
    refusal(dir.path(), "one byte more", &[WEIGHTS, "after its last tensor"]);
}

/// Whatever a few bytes become, the reader answers; and it accepts nothing that the format's own crate refuses.
#[apply(test!)]
fn spoiled_headers_never_panic_and_the_formats_crate_agrees() {
    let dir = written(1);
    let file = dir.path().join(WEIGHTS);
    let sound = fs::read(&file).expect("the file was written");
    let header = 8 + parts_of(&file).0 as usize;
    let mut random = Random(7);
    let interesting = b"0123456789-eE.\"[]{},:\\ \0\xff";
    let mut accepted = 0;
    for _ in 0..3000 {
        let mut bytes = sound.clone();
        for _ in 0..1 + random.below(3) {
            let at = random.below(header);
            bytes[at] = interesting[random.below(interesting.len())];
        }
        fs::write(&file, &bytes).expect("it can be written");
        if open(dir.path()).is_ok() {
            accepted += 1;
            assert!(safetensors::SafeTensors::deserialize(&bytes).is_ok());
        }
    }
    assert!(accepted < 300, "{accepted} of 3000 spoiled files were accepted");
}

#[apply(test!)]
fn impossible_headers_are_refused() {
    let dir = written(1);
    let file = dir.path().join(WEIGHTS);
    let refused = |label: &str, length: u64, header: &[u8], data: &[u8], names: &[&str]| {
        write_parts(&file, length, header, data);
        refusal(dir.path(), label, &[&[WEIGHTS], names].concat());
    };
    refused("no tensors", 2, b"{}", b"", &["holds no tensor"]);
    refused("length beyond the file", 1000, b"{}", b"", &["cut off"]);
    refused("length of 100 MB and one", 100_000_001, b"{}", b"", &["limit"]);
    refused("length of 2^64 - 1", u64::MAX, b"{}", b"", &["limit"]);
    refused("length of 2^63", 1 << 63, b"{}", b"", &["limit"]);
    refused("length 0", 0, b"", b"", &["header of 0 bytes"]);
    refused("not an object", 2, b"[]", b"", &["not valid"]);
    refused("not UTF-8", 2, b"\xff\xfe", b"", &["not valid"]);
    refused("only data", 8, &[0; 8], &[0; 64], &["not valid"]);

    let deep = "{\"a\":".repeat(1_000_000);
    refused("deep", deep.len() as u64, deep.as_bytes(), b"", &["not valid"]);
    let wide =
        format!(r#"{{"a":{{"dtype":"F32","shape":[{}1],"data_offsets":[0,4]}}}}"#, "1,".repeat(5_000_000));
    refused("ten million sizes", wide.len() as u64, wide.as_bytes(), &[0; 4], &["not valid", "8 sizes"]);
    let empty = r#"":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}"#;
    let many: Vec<String> = (0..200_000).map(|i| format!("\"{i}{empty}")).collect();
    let many = format!("{{{}}}", many.join(","));
    refused("200,000 tensors", many.len() as u64, many.as_bytes(), b"", &["more than 100000 tensors"]);
}

#[apply(test!)]
fn lying_tensor_entries_are_refused_by_name() {
    const HEAD: &str = "lm_head.weight"; // the last tensor of the file: 5 x 4 in f32
    let begin = |header: &Value| header[HEAD]["data_offsets"][0].as_u64().expect("an offset");
    let cases: &[(&str, Change)] = &[
        ("does not fit", &|h| h[HEAD]["shape"] = json!([5, 5])),
        ("does not fit", &|h| h[HEAD]["shape"] = json!([u32::MAX, u32::MAX])),
        ("does not fit", &|h| h[HEAD]["shape"] = json!([u64::MAX, 2])),
        ("does not fit", &|h| h[HEAD]["dtype"] = json!("BF16")),
        ("has the shape", &|h| h[HEAD]["shape"] = json!([4, 5])),
        ("has the shape", &|h| h[HEAD]["shape"] = json!([20])),
        ("has the shape", &|h| h[HEAD]["shape"] = json!([1, 5, 4])),
        ("stored as I32", &|h| h[HEAD]["dtype"] = json!("I32")),
        ("not valid", &|h| h[HEAD]["dtype"] = json!("F33")),
        ("not valid", &|h| h[HEAD]["dtype"] = json!(32)),
        ("not valid", &|h| h[HEAD]["shape"] = json!([-5, 4])),
        ("not valid", &|h| h[HEAD]["shape"] = json!([5.0, 4])),
        ("not valid", &|h| h[HEAD]["shape"] = json!("5x4")),
        ("not valid", &|h| h[HEAD]["data_offsets"] = json!([0])),
        ("not valid", &|h| h[HEAD]["data_offsets"] = json!([0, 1, 2])),
        ("not valid", &|h| h[HEAD]["strides"] = json!([4, 1])),
        ("not valid", &|h| h[HEAD] = json!([5, 4])),
        ("claims bytes", &|h| h[HEAD]["data_offsets"] = json!([begin(h), begin(h) + 800])),
        ("end before they begin", &|h| h[HEAD]["data_offsets"] = json!([begin(h) + 80, begin(h)])),
        ("claims bytes", &|h| h[HEAD]["data_offsets"] = json!([begin(h), u64::MAX])),
        ("hole", &|h| h[HEAD]["data_offsets"] = json!([begin(h) + 4, begin(h) + 80])),
        ("overlaps", &|h| h[HEAD]["data_offsets"] = json!([begin(h) - 4, begin(h) + 76])),
    ];
    for (number, (why, change)) in cases.iter().enumerate() {
        let dir = with_header(|header| change(header));
        refusal(dir.path(), &format!("case {number}"), &[WEIGHTS, HEAD, why]);
    }
    // What a message says of a wrong type is in the file's words, and a list is no object.
    let plain: &[(&str, Change)] = &[
        ("`dtype` must be F32, F16, BF16 or another type of the format, not \"F31\"", &|h| {
            h[HEAD]["dtype"] = json!("F31")
        }),
        ("`data_offsets` must be a list of two positions, not -4", &|h| {
            h[HEAD]["data_offsets"] = json!([-4, 80])
        }),
        ("`data_offsets` must be a list of two positions at", &|h| {
            h[HEAD]["data_offsets"] = json!([0, 1, 2])
        }),
        ("`shape` must be a list of at most 8 sizes, not 5.0", &|h| h[HEAD]["shape"] = json!([5.0, 4])),
        ("`shape` must be a list of at most 8 sizes at", &|h| h[HEAD]["shape"] = json!(vec![1; 9])),
        ("`strides` is not a known field", &|h| h[HEAD]["strides"] = json!([4, 1])),
        ("`shape` is missing", &|h| h[HEAD] = json!({"dtype": "F32", "data_offsets": [0, 80]})),
        ("`data_offsets`, found null", &|h| h[HEAD] = json!(null)),
        ("`data_offsets`, found a list", &|h| h[HEAD] = json!(["F32", [5, 4], h[HEAD]["data_offsets"]])),
    ];
    for (why, change) in plain {
        let dir = with_header(|header| change(header));
        refusal(dir.path(), why, &[WEIGHTS, HEAD, why]);
    }
    // The same bytes under two names, and data that no tensor claims.
    let dir = with_header(|header| header["model.spare"] = header[HEAD].clone());
    refusal(dir.path(), "two on one place", &["overlaps"]);
    let dir = with_header(|header| {
        header.as_object_mut().and_then(|map| map.remove(HEAD)).expect("the tensor is there");
    });
    refusal(dir.path(), "unclaimed data", &["no tensor claims"]);
    let dir = with_header(|header| header["__metadata__"] = json!({"format": {"deep": 1}}));
    refusal(dir.path(), "metadata", &["not valid"]);
    for sound in [json!({}), json!({"format": "pt"}), json!({"format": "pt", "made": "by hand"}), json!(null)]
    {
        let dir = with_header(|header| header["__metadata__"] = sound.clone());
        open(dir.path()).unwrap_or_else(|message| panic!("{sound}: {message}"));
    }
}

#[apply(test!)]
fn a_table_says_where_each_tensor_lies() {
    let dir = written(1);
    let bytes = fs::read(dir.path().join(WEIGHTS)).expect("the file was written");
    let table = tensor_table(Path::new(WEIGHTS), &bytes).expect("it is sound");
    let parts = Parts::of(&TinyConfig::small());
    assert_eq!(table.len(), parts.tensors.len());
    for tensor in parts.tensors {
        let (_, place) = table.iter().find(|(name, _)| *name == tensor.name).expect("it is there");
        assert_eq!(bytes[place.clone()], tensor.bytes, "{}", tensor.name);
    }
}

#[apply(test!)]
fn a_tensor_twice_is_refused() {
    let dir = written(1);
    let file = dir.path().join(WEIGHTS);
    let (_, header, data) = parts_of(&file);
    let entry = header["lm_head.weight"].to_string();
    let text = header.to_string().replacen('{', &format!("{{\"lm_head.weight\":{entry},"), 1);
    write_parts(&file, text.len() as u64, text.as_bytes(), &data);
    refusal(dir.path(), "in one file", &["lm_head.weight", "twice"]);

    let dir = written(2);
    let second = dir.path().join("model-00002-of-00002.safetensors");
    fs::copy(dir.path().join("model-00001-of-00002.safetensors"), second).expect("a copy");
    refusal(dir.path(), "in two shards", &["model-00002-of-00002", "is also in model-00001-of-00002"]);
}

/// Two shards and an index that says something else.
fn with_index(change: impl FnOnce(&mut Value)) -> TempDir {
    let dir = written(2);
    let text = fs::read(dir.path().join("model.safetensors.index.json")).expect("an index");
    let mut index = serde_json::from_slice(&text).expect("an index");
    change(&mut index);
    write_index(dir.path(), &index);
    dir
}

#[apply(test!)]
fn an_index_that_disagrees_with_its_shards_is_refused() {
    const NORM: &str = "model.norm.weight";
    let cases: &[(&[&str], Change)] = &[
        (&["extra.weight", "not there"], &|i| {
            i["weight_map"]["extra.weight"] = json!("model-00001-of-00002.safetensors")
        }),
        (&[NORM, "is listed in model-00001"], &|i| {
            i["weight_map"][NORM] = json!("model-00001-of-00002.safetensors")
        }),
        (&[NORM, "index does not list it"], &|i| {
            i["weight_map"].as_object_mut().and_then(|map| map.remove(NORM)).expect("it is there");
        }),
        (&["model-00002-of-00002.safetensors"], &|i| {
            i["weight_map"]
                .as_object_mut()
                .expect("a map")
                .retain(|_, file| file != "model-00002-of-00002.safetensors")
        }),
        (&["model-00009-of-00002.safetensors", "missing"], &|i| {
            i["weight_map"][NORM] = json!("model-00009-of-00002.safetensors")
        }),
        (&["lists no tensor"], &|i| i["weight_map"] = json!({})),
        (&["not valid", "an object of file names by tensor name"], &|i| i["weight_map"] = json!([])),
        (&["not valid"], &|i| i["weight_map"][NORM] = json!(2)),
        (&["weight_map"], &|i| *i = json!({"metadata": {}})),
        (&["expected an object, found a list"], &|i| *i = json!([{}, i["weight_map"]])),
    ];
    for (number, (names, change)) in cases.iter().enumerate() {
        let dir = with_index(|index| change(index));
        refusal(dir.path(), &format!("case {number}"), names);
    }
    let escapes = [
        "../model.safetensors",
        "/etc/x.safetensors",
        "a/b.safetensors",
        "a\\b.safetensors",
        "..",
        "",
        "C:x.safetensors",
        "x\0.safetensors",
        ".hidden.safetensors",
        "config.json",
        "weights.pickle",
    ];
    for name in escapes {
        let dir = with_index(|index| index["weight_map"][NORM] = json!(name));
        refusal(dir.path(), name, &["index.json", "expected a plain name"]);
    }
}

#[apply(test!)]
fn a_missing_shard_a_stray_shard_and_a_double_index_key_are_refused() {
    let dir = written(2);
    fs::remove_file(dir.path().join("model-00002-of-00002.safetensors")).expect("it was there");
    refusal(dir.path(), "missing", &["model-00002-of-00002.safetensors", "missing"]);

    for stray in ["model-00003-of-00003.safetensors", WEIGHTS] {
        let dir = written(2);
        fs::copy(dir.path().join("model-00001-of-00002.safetensors"), dir.path().join(stray))
            .expect("a copy");
        refusal(dir.path(), stray, &["index.json", stray]);
    }
    let dir = written(2);
    // other formats of the same weights lie beside them in the makers' folders
    for other in ["consolidated.safetensors", "pytorch_model.bin", "params.json"] {
        fs::write(dir.path().join(other), b"not for us").expect("it can be written");
    }
    assert!(open(dir.path()).is_ok());

    let index = dir.path().join("model.safetensors.index.json");
    let text = fs::read_to_string(&index).expect("an index");
    let shard = "model-00001-of-00002.safetensors";
    let twice =
        text.replacen("\"weight_map\":{", &format!("\"weight_map\":{{\"lm_head.weight\":\"{shard}\","), 1);
    fs::write(&index, twice).expect("it can be written");
    refusal(dir.path(), "a key twice", &["lm_head.weight", "twice"]);
}

#[apply(test!)]
fn a_folder_without_weights_says_what_it_looked_for() {
    let cases: [(&[&str], &str); 3] = [
        (&[], "holds neither model.safetensors nor model.safetensors.index.json"),
        (&["model-00001-of-00002.safetensors"], "index.json, which says what belongs to them, is missing"),
        (&["pytorch_model.bin"], "pytorch_model.bin"),
    ];
    for (files, why) in cases {
        let dir = written(1);
        fs::remove_file(dir.path().join(WEIGHTS)).expect("it was there");
        for file in files {
            fs::write(dir.path().join(file), b"x").expect("it can be written");
        }
        refusal(dir.path(), why, &[why]);
    }
    let dir = written(1);
    fs::remove_file(dir.path().join(WEIGHTS)).expect("it was there");
    fs::create_dir(dir.path().join(WEIGHTS)).expect("a folder");
    refusal(dir.path(), "a folder as weights", &[WEIGHTS, "not a regular file"]);
}

/// Opening a named pipe would wait for ever.
#[cfg(unix)]
#[apply(test!)]
fn a_named_pipe_and_a_circle_of_links_are_refused() {
    let dir = written(1);
    let file = dir.path().join(WEIGHTS);
    fs::remove_file(&file).expect("it was there");
    named_pipe(&file);
    refusal(dir.path(), "pipe", &[WEIGHTS, "not a regular file"]);
    fs::remove_file(&file).expect("it was there");
    std::os::unix::fs::symlink(&file, &file).expect("a link");
    refusal(dir.path(), "circle", &[WEIGHTS, "link that leads nowhere"]);
    for name in [WEIGHTS, "config.json"] {
        let dir = written(1);
        let file = dir.path().join(name);
        fs::remove_file(&file).expect("it was there");
        std::os::unix::fs::symlink("/nowhere/blob", &file).expect("a link");
        refusal(dir.path(), "dangling", &[name, "link that leads nowhere"]);
    }
}

#[apply(test!)]
fn what_stands_there_instead_of_the_weights_is_recognised() {
    let dir = written(1);
    for (text, why) in [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "pointer of Git LFS"),
        ("<!DOCTYPE html><html>", "web page"),
    ] {
        fs::write(dir.path().join(WEIGHTS), text).expect("it can be written");
        refusal(dir.path(), why, &[WEIGHTS, why]);
    }
    fs::write(dir.path().join(WEIGHTS), "x").expect("it can be written");
    refusal(dir.path(), "one byte", &[WEIGHTS, "has 1 byte, too few"]);
}
