//! config.json as text that is no sound JSON, or sound JSON of the wrong kind.

use std::fs;

use super::{Parts, refusal};
use crate::common::{TinyConfig, TinyFamily};

fn refused(label: &str, text: &[u8], names: &[&str]) {
    let dir = Parts::of(&TinyConfig::new(TinyFamily::Llama)).write(1);
    fs::write(dir.path().join("config.json"), text).expect("config.json can be written");
    let names = [&["config.json"], names].concat();
    refusal(dir.path(), label, &names);
}

/// A sound config with `what` replaced by `with` in its text.
fn with(what: &str, with: &str) -> String {
    let text = TinyConfig::new(TinyFamily::Llama).config().to_string();
    assert!(text.contains(what), "{what} is in {text}");
    text.replacen(what, with, 1)
}

#[apply(test!)]
fn broken_text_is_refused() {
    let text = TinyConfig::new(TinyFamily::Llama).config().to_string();
    for length in 0..text.len() {
        refused("cut off", &text.as_bytes()[..length], &["not valid"]);
    }
    refused("not UTF-8", &[b"{\"a\":\"\xff\xfe\"}", text.as_bytes()].concat(), &["not valid"]);
    refused("byte order mark", &[b"\xef\xbb\xbf", text.as_bytes()].concat(), &["byte-order mark"]);
    refused("UTF-16", &text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(), &["not valid"]);
    refused("two values", format!("{text}{text}").as_bytes(), &["not valid"]);
    refused("zeros", &[0; 4096], &["not valid"]);
}

#[apply(test!)]
fn depth_and_size_are_bounded() {
    refused("deep lists", "[".repeat(150_000).as_bytes(), &["not valid", "recursion"]);
    refused("deep objects", "{\"a\":".repeat(150_000).as_bytes(), &["not valid", "recursion"]);
    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    refused("deep inert field", with("\"use_cache\":true", &format!("\"use_cache\":{deep}")).as_bytes(), &[]);
    let many = format!("{{\"id2label\":[{}0]}}", "[],".repeat(300_000));
    refused("many small values", many.as_bytes(), &["more than 200,000 values"]);
    let long = format!("{{\"id2label\":[{}0]}}", "0,".repeat(3 << 20));
    refused("6 MiB", long.as_bytes(), &["larger than"]);
}

#[apply(test!)]
fn a_key_twice_is_refused_at_any_depth() {
    refused("top", with("{", "{\"hidden_size\":32,").as_bytes(), &["hidden_size", "twice"]);
    let nested = with("\"rope_scaling\":null", "\"rope_scaling\":{\"factor\":1,\"factor\":2}");
    refused("nested", nested.as_bytes(), &["factor", "twice"]);
    let inert = with("\"use_cache\":true", "\"id2label\":[{\"0\":\"a\",\"0\":\"a\"}]");
    refused("inert", inert.as_bytes(), &["`0`", "twice"]);
}

#[apply(test!)]
fn numbers_out_of_range_are_refused() {
    for (number, label) in [("1e400", "not valid"), ("NaN", "not valid"), ("Infinity", "not valid")] {
        refused(number, with("0.00001", number).as_bytes(), &[label]);
    }
    refused("f32 overflow", with("10000.0", "1e300").as_bytes(), &["rope_theta"]);
    refused(
        "2^70",
        with("\"hidden_size\":32", "\"hidden_size\":1180591620717411303424").as_bytes(),
        &["hidden_size"],
    );
    refused("-0", with("\"hidden_size\":32", "\"hidden_size\":-0").as_bytes(), &["hidden_size"]);
    refused("1e1", with("\"hidden_size\":32", "\"hidden_size\":3.2e1").as_bytes(), &["hidden_size"]);
}

#[apply(test!)]
fn other_values_than_an_object_are_refused() {
    for text in ["[]", "null", "\"llama\"", "7"] {
        refused(text, text.as_bytes(), &["not a JSON object"]);
    }
    refused("empty object", b"{}", &["model_type"]);
}

#[apply(test!)]
fn a_folder_without_its_parts_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    refusal(dir.path(), "empty", &["holds no config.json"]);
    refusal(&dir.path().join("nowhere"), "absent", &["nowhere", "is not a folder"]);
    fs::create_dir(dir.path().join("config.json")).expect("a folder");
    refusal(dir.path(), "a folder as config", &["config.json", "not a regular file"]);
}
