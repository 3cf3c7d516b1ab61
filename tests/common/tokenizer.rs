//! A small tokenizer made in code: byte-level BPE over all 256 bytes and a handful of merges.

use std::path::Path;

use serde_json::{Map, Value, json};

pub const BOS: u32 = 262;
pub const EOS: u32 = 263;
pub const IM_START: u32 = 264;
/// Single bytes: ids 0 to 255 in the order of the byte alphabet, `!` first.
pub const A: u32 = 32;
pub const B: u32 = 33;
pub const PAREN: u32 = 7;
pub const NEWLINE: u32 = 198;
pub const SPACE: u32 = 220;
/// The merges, in order: " A", " B", "(B", "th", "the", " the".
pub const SPACE_A: u32 = 256;
pub const SPACE_B: u32 = 257;
pub const PAREN_B: u32 = 258;

/// How a byte is spelled in a byte-level vocabulary: itself where it prints, else a character from 256 on.
fn spelled(byte: u8) -> char {
    let prints = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    match prints(byte) {
        true => char::from(byte),
        false => {
            let before = (0..byte).filter(|&byte| !prints(byte)).count() as u32;
            char::from_u32(256 + before).unwrap()
        }
    }
}

/// tokenizer.json, with BOS put in front by its post-processor.
pub fn tokenizer_json() -> Value {
    let mut alphabet: Vec<char> = (0..=255).map(spelled).collect();
    alphabet.sort_unstable();
    let mut vocab: Map<String, Value> =
        alphabet.iter().enumerate().map(|(id, c)| (c.to_string(), json!(id))).collect();
    let merges = ["Ġ A", "Ġ B", "( B", "t h", "th e", "Ġ the"];
    for (i, merge) in merges.iter().enumerate() {
        vocab.insert(merge.replace(' ', ""), json!(256 + i));
    }
    let special = |id: u32, content: &str| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": true})
    };
    json!({
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
                    "pad_type_id": 0, "pad_token": "!"},
        "added_tokens": [special(BOS, "<s>"), special(EOS, "</s>"), special(IM_START, "<|im_start|>")],
        "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [BOS], "tokens": ["<s>"]}}
        },
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                  "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
                  "vocab": vocab, "merges": merges}
    })
}

/// tokenizer_config.json, with a chat template that writes BOS.
pub fn config_json() -> Value {
    json!({
        "bos_token": "<s>",
        "eos_token": {"__type": "AddedToken", "content": "</s>", "lstrip": false, "rstrip": false,
                      "normalized": false, "single_word": false},
        "chat_template": "{{ bos_token }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}{{ eos_token }}{% endfor %}\
                          {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    })
}

pub fn write(dir: &Path, tokenizer: &Value, config: &Value) {
    std::fs::write(dir.join("tokenizer.json"), tokenizer.to_string()).unwrap();
    std::fs::write(dir.join("tokenizer_config.json"), config.to_string()).unwrap();
}

/// A folder with both files, unchanged.
pub fn folder() -> tempfile::TempDir {
    changed(|_| {}, |_| {})
}

/// A folder with both files, each changed before it is written.
pub fn changed(tokenizer: impl FnOnce(&mut Value), config: impl FnOnce(&mut Value)) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (mut json, mut settings) = (tokenizer_json(), config_json());
    tokenizer(&mut json);
    config(&mut settings);
    write(dir.path(), &json, &settings);
    dir
}
