//! How it is spelled: vocabularies, the small files beside them, chat templates.

use std::path::Path;

use serde_json::{Value, json};
use tiltmeter::tokens::{ChatTemplate, ChoiceTokens, Message, PromptInput, PromptTokenizer};

use super::folder::{joined, known, parts, with_files};
use super::told;

/// What an accepted tokenizer is asked to spell.
const TEXTS: [&str; 4] = ["", "Answer: (A", "\n  na\u{ef}ve \u{56fd}\u{1f600}</s>", "A<s>\u{0}\t\u{fb01} A"];

fn spell(dir: &Path) -> Result<(), String> {
    let tokenizer = PromptTokenizer::open(dir).map_err(told)?;
    let mut outcome = Ok(());
    for text in TEXTS {
        match tokenizer.encode_plain(text) {
            Ok(ids) => ids.into_iter().for_each(|id| drop(tokenizer.token_text(id))),
            Err(error) => outcome = Err(told(error)),
        }
    }
    drop((tokenizer.describe(), tokenizer.class_rule(), tokenizer.bos(), tokenizer.size()));
    let choices =
        ChoiceTokens::from_answers(&tokenizer, &[vec!["A", " A"], vec!["B", " B"]]).map_err(told)?;
    choices.in_context(&tokenizer, PromptInput::Plain(TEXTS[1])).map_err(told)?;
    outcome
}

pub fn sentencepiece(bytes: &[u8]) -> Result<(), String> {
    with_files(&[("tokenizer.model", bytes)], spell)
}

const TOKENIZER: [&str; 7] = [
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "config.json",
    "generation_config.json",
];

pub fn tokenizer(bytes: &[u8]) -> Result<(), String> {
    with_files(&known(parts("tokenizer.json", bytes), &TOKENIZER), spell)
}

const TEMPLATE: [&str; 4] =
    ["chat_template.jinja", "tokenizer_config.json", "generation_config.json", "special_tokens_map.json"];

pub fn template(bytes: &[u8]) -> Result<(), String> {
    let said = |role: &str, content: &str| Message { role: role.to_owned(), content: content.to_owned() };
    with_files(&known(parts("chat_template.jinja", bytes), &TEMPLATE), |dir| {
        let template = ChatTemplate::open(dir).map_err(told)?;
        let question = said("user", " Who is right <b>&\"it's\"?\n");
        template.render(std::slice::from_ref(&question), Some("The answer is (")).map_err(told)?;
        let history =
            [said("system", "Be brief."), question.clone(), said("assistant", "A\u{2028}B"), question];
        template.render(&history, None).map(drop).map_err(told)
    })
}

/// A field of a protocol buffer that holds bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = bytes.len();
    while length > 127 {
        out.push(length as u8 | 128);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
    out
}

/// `kind`: 1 normal, 2 unknown, 3 control, 4 user-defined, 6 byte.
fn piece(text: &str, score: f32, kind: u8) -> Vec<u8> {
    let mut inside = field(1, text.as_bytes());
    inside.push(2 << 3 | 5);
    inside.extend_from_slice(&score.to_le_bytes());
    inside.extend_from_slice(&[3 << 3, kind]);
    field(1, &inside)
}

/// `algorithm`: 1 unigram, 2 BPE.
fn model(algorithm: u8, fallback: bool, normalizer: &[u8]) -> Vec<u8> {
    let mut bytes = [piece("<unk>", 0.0, 2), piece("<s>", 0.0, 3), piece("</s>", 0.0, 3)].concat();
    if fallback {
        bytes.extend((0..=255u8).flat_map(|byte| piece(&format!("<0x{byte:02X}>"), 0.0, 6)));
    }
    let pieces = [
        "\u{2581}",
        "A",
        "B",
        "n",
        "s",
        "w",
        "e",
        "r",
        ":",
        "(",
        "\u{2581}A",
        "\u{2581}B",
        "An",
        "sw",
        "\u{2581}An",
        "er",
    ];
    for (rank, text) in pieces.into_iter().enumerate() {
        bytes.extend(piece(text, -(rank as f32), 1));
    }
    if algorithm == 2 {
        bytes.extend(piece("Answer", -20.0, 4));
    }
    bytes.extend(field(2, &[3 << 3, algorithm, 0x98, 2, u8::from(fallback)]));
    bytes.extend(field(3, normalizer));
    bytes
}

/// A model of these pieces behind those that every model has.
pub fn fields(algorithm: u8, pieces: impl Iterator<Item = String>) -> Vec<u8> {
    let mut bytes = model(algorithm, false, &[]);
    bytes.extend(pieces.zip(100..).flat_map(|(text, rank)| piece(&text, -(rank as f32), 1)));
    bytes
}

/// One of byte pairs, of parts in JSON.
pub fn tokenizer_json(added: &str, vocab: &str, merges: &str) -> Vec<u8> {
    format!(
        "{{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,{added},\"normalizer\":null,\"pre_tokenizer\":null,\
         \"post_processor\":null,\"decoder\":null,\"model\":{{\"type\":\"BPE\",\"vocab\":{vocab},\"merges\":[{merges}]}}}}"
    )
    .into_bytes()
}

pub fn sentencepiece_seeds() -> Vec<Vec<u8>> {
    // One unit, no replacement: nothing is normalised.
    let charsmap = field(2, &[4, 0, 0, 0, 0, 0, 0, 0, b'x', 0]);
    let rules = [&charsmap[..], &[3 << 3, 0, 4 << 3, 0, 5 << 3, 1]].concat();
    vec![
        model(2, true, &[3 << 3, 1, 4 << 3, 0]),
        model(1, true, &rules),
        model(1, false, &[]),
        model(2, false, &rules),
    ]
}

fn tokenizer_of(model: Value, others: Value) -> Vec<u8> {
    let mut all = json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [{"id": 0, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false,
                          "normalized": false, "special": true}],
        "normalizer": null, "pre_tokenizer": null, "post_processor": null, "decoder": null, "model": model
    });
    if let (Some(all), Value::Object(others)) = (all.as_object_mut(), others) {
        all.extend(others);
    }
    all.to_string().into_bytes()
}

pub fn tokenizer_seeds() -> Vec<Vec<u8>> {
    let letters = "<s> A B ( n s w e r : \u{120} \u{10a} \u{120}A \u{120}B An sw";
    let vocab: serde_json::Map<String, Value> =
        letters.split(' ').zip(0..).map(|(piece, id)| (piece.to_owned(), Value::from(id))).collect();
    let bpe = json!({"type": "BPE", "dropout": null, "unk_token": null, "fuse_unk": false, "byte_fallback": false,
                     "vocab": vocab, "merges": [["\u{120}", "A"], ["\u{120}", "B"], ["A", "n"], ["s", "w"]]});
    let level =
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let split = json!({"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": "(?i:'s|'t)|\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"},
         "behavior": "Isolated", "invert": false},
        {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]});
    let post = json!({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                      {"Sequence": {"id": "A", "type_id": 0}}], "pair": [],
                      "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}});
    let unigram = json!({"type": "Unigram", "unk_id": 1, "byte_fallback": false,
                         "vocab": [["<s>", 0.0], ["<unk>", 0.0], ["\u{2581}", -1.0], ["A", -2.0], ["B", -2.5], ["\u{2581}A", -1.5]]});
    let normal = json!({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u{2581}"},
                        {"type": "Replace", "pattern": {"String": " "}, "content": "\u{2581}"}, {"type": "NFKC"}]});
    let metaspace =
        json!({"type": "Metaspace", "replacement": "\u{2581}", "prepend_scheme": "first", "split": false});
    let decoder = json!({"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"},
                         {"type": "Strip", "content": " ", "start": 1, "stop": 0}]});
    let config = json!({"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": null, "add_bos_token": true,
                        "added_tokens_decoder": {"0": {"content": "<s>", "lstrip": false, "normalized": false, "rstrip": false,
                        "single_word": false, "special": true}}}).to_string();
    let llama = json!({"tokenizer_class": "LlamaTokenizer", "legacy": false, "bos_token": {"content": "<s>"}, "unk_token": "<unk>",
                       "add_prefix_space": true, "additional_special_tokens": ["<x>"]}).to_string();
    let plain =
        tokenizer_of(bpe.clone(), json!({"pre_tokenizer": level, "decoder": level, "post_processor": post}));
    let pieces =
        tokenizer_of(unigram, json!({"normalizer": normal, "pre_tokenizer": metaspace, "decoder": decoder}));
    let words = tokenizer_of(bpe, json!({"pre_tokenizer": split, "decoder": level}));
    let spm = model(2, true, &[3 << 3, 1, 4 << 3, 0]);
    vec![
        plain.clone(),
        joined([("tokenizer.json", &plain[..]), ("tokenizer_config.json", config.as_bytes())]),
        joined([
            ("tokenizer.json", &words[..]),
            ("config.json", b"{\"bos_token_id\": 0}"),
            ("special_tokens_map.json", b"{\"eos_token\": \"<s>\"}"),
        ]),
        joined([("tokenizer.json", &pieces[..]), ("tokenizer_config.json", llama.as_bytes())]),
        joined([
            ("tokenizer.json", b"".as_slice()),
            ("tokenizer.model", &spm),
            ("tokenizer_config.json", llama.as_bytes()),
            ("added_tokens.json", b"{\"<pad>\": 276}"),
        ]),
    ]
}

pub fn template_seeds() -> Vec<Vec<u8>> {
    let cases: Value =
        serde_json::from_str(include_str!("../fixtures/templates/cases.json")).expect("our own JSON");
    let config = cases["config"].to_string();
    let mut seeds = vec![
        b"{% for m in messages %}<|{{ m['role'] }}|>{{ m.content | trim }}\n{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
            .to_vec(),
        joined([
            ("chat_template.jinja", b"".as_slice()),
            ("tokenizer_config.json", b"{\"chat_template\": [{\"name\": \"default\", \"template\": \"{{ messages[-1].content }}\"}]}"),
        ]),
        joined([
            ("chat_template.jinja", b"".as_slice()),
            ("generation_config.json", b"{\"user_token_id\": 195, \"assistant_token_id\": 196}"),
        ]),
    ];
    let cases = cases["cases"].as_array().into_iter().flatten().filter_map(|case| case["template"].as_str());
    seeds.extend(cases.map(|text| {
        joined([("chat_template.jinja", text.as_bytes()), ("tokenizer_config.json", config.as_bytes())])
    }));
    seeds
}
