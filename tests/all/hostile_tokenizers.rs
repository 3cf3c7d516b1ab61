//! The promise: a tokenizer's files, whatever they hold, end in a tokenizer or in a clear error, never in a crash.

#[cfg(unix)]
use crate::common::named_pipe;
use crate::common::tokenizer as tiny;
use std::io::Read;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tiltmeter::tokens::{PromptTokenizer, TokensError};

/// Opens the folder and encodes something; the error of whichever fails.
fn attempt(dir: &tempfile::TempDir) -> Result<Vec<u32>, TokensError> {
    let begun = Instant::now();
    let tokenizer = PromptTokenizer::open(dir.path())?;
    let ids = tokenizer.encode_plain("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa! the A 中 ")?;
    for &id in &ids {
        tokenizer.token_text(id);
    }
    tokenizer.bos_rule();
    assert!(begun.elapsed() < Duration::from_secs(30));
    Ok(ids)
}

/// The error of a folder whose tokenizer.json is this text.
fn refused_text(text: impl AsRef<[u8]>) -> String {
    let dir = tiny::folder();
    std::fs::write(dir.path().join("tokenizer.json"), text).unwrap();
    let message = attempt(&dir).unwrap_err().to_string();
    assert!(message.contains("tokenizer.json"), "{message}");
    message
}

/// The error of a folder whose tokenizer.json is changed like this.
fn refused(change: impl FnOnce(&mut Value)) -> String {
    let mut json = tiny::tokenizer_json();
    change(&mut json);
    refused_text(json.to_string())
}

#[apply(test!)]
fn broken_files_are_named() {
    let whole = tiny::tokenizer_json().to_string();
    refused_text("");
    refused_text("null");
    refused_text("[]");
    refused_text("{}");
    refused_text(b"\xff\xfe{");
    for share in [1, 3, 5, 7, 9] {
        refused_text(&whole[..whole.len() * share / 10]);
    }
    refused_text(format!("{whole}x"));
    refused_text("[".repeat(100_000));
    refused_text(format!("{{\"model\":{}", "{\"a\":".repeat(100_000)));
    refused_text(
        whole
            .replace("\"model\":{", &format!("\"model\":{{\"x\":{}1{},", "[".repeat(5000), "]".repeat(5000))),
    );
    let message = refused_text(" ".repeat((64 << 20) + 1));
    assert!(message.contains("larger than"), "{message}");
}

#[apply(test!)]
fn wrong_types_and_numbers_are_named() {
    refused(|json| json["model"] = json!(5));
    refused(|json| json["model"]["vocab"] = json!([1, 2]));
    refused(|json| json["model"]["vocab"]["A"] = json!("32"));
    refused(|json| json["model"]["vocab"]["A"] = json!(-1));
    refused(|json| json["model"]["vocab"]["A"] = json!(4_294_967_296_u64));
    refused(|json| json["model"]["vocab"]["A"] = json!(1.5));
    refused(|json| json["model"]["merges"] = json!(["no such"]));
    refused(|json| json["model"]["merges"] = json!(["justone"]));
    refused(|json| json["model"]["merges"] = json!([["a", "b", "c"]]));
    refused(|json| json["model"]["type"] = json!("Markov"));
    refused(|json| json["added_tokens"][0]["id"] = json!(4_294_967_296_u64));
    refused(|json| json["added_tokens"] = json!({}));
    // The crate would give these other ids than the file does, without a word.
    for id in [300, 5] {
        let message = refused(|json| json["added_tokens"][0]["id"] = json!(id));
        assert!(message.contains("<s>") && message.contains("262"), "{message}");
    }
    refused(|json| json["normalizer"] = json!({"type": "Nonsense"}));
    refused(|json| {
        json["pre_tokenizer"] =
            json!({"type": "Split", "pattern": {"Regex": "(("}, "behavior": "Isolated", "invert": false})
    });
    refused(|json| {
        json["post_processor"]["single"] = json!([{"SpecialToken": {"id": "<none>", "type_id": 0}}])
    });
    refused(|json| json["normalizer"] = json!({"type": "Precompiled", "precompiled_charsmap": "////"}));
}

#[apply(test!)]
fn what_would_be_random_or_boundless_is_refused() {
    assert!(refused(|json| json["model"]["dropout"] = json!(0.1)).contains("dropout"));
    attempt(&tiny::changed(|json| json["model"]["dropout"] = json!(0.0), |_| {})).unwrap();
    let doubling = json!({"type": "Replace", "pattern": {"String": "a"}, "content": "aa"});
    let bomb =
        refused(|json| json["normalizer"] = json!({"type": "Sequence", "normalizers": vec![doubling; 40]}));
    assert!(bomb.contains("normalizer"), "{bomb}");
    let long = "a".repeat(100_000);
    refused(|json| {
        json["normalizer"] = json!({"type": "Replace", "pattern": {"Regex": "a"}, "content": long})
    });
    let many = vec![json!({"SpecialToken": {"id": "<s>", "type_id": 0}}); 1000];
    refused(|json| {
        let mut single = many;
        single.push(json!({"Sequence": {"id": "A", "type_id": 0}}));
        json["post_processor"]["single"] = json!(single);
    });
    // The prompt itself left out, or twice.
    refused(|json| json["post_processor"]["single"] = json!([{"SpecialToken": {"id": "<s>", "type_id": 0}}]));
}

/// Small values by the million take a hundred times the file's size.
#[apply(test!)]
fn what_would_fill_the_memory_is_counted_first() {
    let many = |count: usize| vec![json!(0); count];
    let counted: [(&str, &dyn Fn(&mut Value)); 7] = [
        ("`normalizer` holds more than 50000 values", &|json| json["normalizer"] = json!(many(60_000))),
        ("`decoder` holds more than 50000 values", &|json| json["decoder"]["x"] = json!(many(60_000))),
        ("`post_processor` holds more than", &|json| {
            json["post_processor"]["x"] = json!("x".repeat(3 << 20))
        }),
        ("`model.unk_token` holds more than", &|json| {
            json["model"]["unk_token"] = json!("x".repeat(3 << 20))
        }),
        ("`model.merges` holds more than 800000 entries", &|json| {
            json["model"]["merges"] = json!(vec!["t h"; 800_001])
        }),
        ("`model.vocab` holds more than 500000 entries", &|json| {
            json["model"]["vocab"] = json!(many(500_001))
        }),
        ("`added_tokens` holds 20001 tokens", &|json| {
            let token = json["added_tokens"][0].clone();
            json["added_tokens"] = json!(vec![token; 20_001]);
        }),
    ];
    for (why, change) in counted {
        let message = refused(change);
        assert!(message.contains(why), "{message}");
    }
    let tokens: serde_json::Map<_, _> =
        (0..20_001).map(|i| ((300 + i).to_string(), json!({"content": format!("<q{i}>")}))).collect();
    for (key, tokens) in [
        ("added_tokens_decoder", json!(tokens)),
        ("extra_special_tokens", json!(many(20_001))),
        ("x", json!(many(200_001))),
    ] {
        let dir = tiny::changed(|_| {}, |config| config[key] = tokens);
        let message = attempt(&dir).unwrap_err().to_string();
        let holds = message.contains("holds 20001 tokens") || message.contains("more than 200000 values");
        assert!(message.contains("tokenizer_config.json") && holds, "{message}");
    }
}

/// As large as the largest that are published, with many tokens that only the configuration knows.
#[apply(test!)]
fn what_large_checkpoints_hold_is_opened() {
    let dir = tiny::changed(
        |json| {
            let vocab = json["model"]["vocab"].as_object_mut().unwrap();
            vocab.extend((262..262_144).map(|id| (format!("piece {id}"), json!(id))));
            json["model"]["merges"] = json!(vec![["Ġ", "A"]; 580_604]);
            json["added_tokens"] = json!([]);
            json["post_processor"] = json!(null);
        },
        |config| {
            let tokens =
                (0..15_000).map(|i| ((270_000 + i).to_string(), json!({"content": format!("<q{i}>")})));
            config["added_tokens_decoder"] = Value::Object(tokens.collect());
        },
    );
    attempt(&dir).unwrap();
    let tokenizer = PromptTokenizer::open(dir.path()).unwrap();
    assert_eq!(tokenizer.encode_piece("<q1><q14999>").unwrap().len(), 2);
}

#[apply(test!)]
fn messages_are_in_the_words_of_the_file() {
    let cases: [(&str, &dyn Fn(&mut Value)); 14] = [
        ("`surprise` is not a known field", &|json| json["surprise"] = json!(1)),
        ("`model` is missing", &|json| drop(json.as_object_mut().unwrap().remove("model"))),
        ("`model.type` is \"Markov\", expected BPE", &|json| json["model"]["type"] = json!("Markov")),
        ("`model.vocab` gives \"A\" the id -1", &|json| json["model"]["vocab"]["A"] = json!(-1)),
        ("`model.merges` holds 1, expected two texts", &|json| json["model"]["merges"] = json!([1, 2])),
        ("`model.merges`", &|json| json["model"]["merges"] = json!("t h")),
        ("`model.dropout` is 0.1: the same text", &|json| json["model"]["dropout"] = json!(0.1)),
        ("`model.dropout` is \"x\", expected null or 0", &|json| json["model"]["dropout"] = json!("x")),
        ("`added_tokens[0].id` is -1", &|json| json["added_tokens"][0]["id"] = json!(-1)),
        ("`normalizer` is of a kind", &|json| json["normalizer"] = json!({"type": "Nonsense"})),
        ("`pre_tokenizer` is of a kind", &|json| json["pre_tokenizer"] = json!({"type": "Nonsense"})),
        ("`post_processor` is of a kind", &|json| json["post_processor"] = json!({"type": "Nonsense"})),
        ("`post_processor` adds \"<s>\", which its `special_tokens` lacks", &|json| {
            json["post_processor"]["special_tokens"] = json!({})
        }),
        ("`normalizer.precompiled_charsmap` cannot be read", &|json| {
            json["normalizer"] = json!({"type": "Precompiled", "precompiled_charsmap": "/////wAAAAAAAA=="})
        }),
    ];
    for (why, change) in cases {
        let message = refused(change);
        assert!(message.contains(why), "{why}: {message}");
        for word in ["struct ", "u32", "untagged", "variant", "Error("] {
            assert!(!message.contains(word), "{message}");
        }
    }
    let whole = tiny::tokenizer_json().to_string();
    assert!(refused_text("[]").contains("found a list"));
    assert!(refused_text(format!("\u{feff}{whole}")).contains("byte-order mark"));
    assert!(refused_text("version https://git-lfs.github.com/spec/v1\n").contains("Git LFS"));

    // A fault of another file carries that file's name.
    let dir = tiny::changed(|_| {}, |config| config["added_tokens_decoder"] = json!({"x": {"content": "q"}}));
    let message = attempt(&dir).unwrap_err().to_string();
    assert!(
        message.starts_with(&dir.path().join("tokenizer_config.json").display().to_string()),
        "{message}"
    );
}

#[cfg(unix)]
#[apply(test!)]
fn a_named_pipe_is_not_waited_for() {
    for name in ["tokenizer.json", "tokenizer_config.json"] {
        let dir = tiny::folder();
        let file = dir.path().join(name);
        std::fs::remove_file(&file).unwrap();
        named_pipe(&file);
        let message = attempt(&dir).unwrap_err().to_string();
        assert!(message.contains(name) && message.contains("not a regular file"), "{message}");
    }
}

#[apply(test!)]
fn a_pattern_that_never_ends_gives_up() {
    let dir = tiny::changed(
        |json| {
            json["pre_tokenizer"] = json!({"type": "Split", "pattern": {"Regex": "(a+)+(b+)+$|(a|a)*c"}, "behavior": "Isolated", "invert": false});
        },
        |_| {},
    );
    if let Err(error) = attempt(&dir) {
        assert!(error.to_string().contains("tokenizer.json"), "{error}");
    }
}

#[apply(test!)]
fn extreme_ids_do_not_crash() {
    for change in [
        |json: &mut Value| json["added_tokens"][0]["id"] = json!(u32::MAX),
        |json: &mut Value| json["model"]["vocab"]["A"] = json!(u32::MAX),
        |json: &mut Value| json["model"]["vocab"]["A"] = json!(33),
        |json: &mut Value| json["post_processor"]["special_tokens"]["<s>"]["ids"] = json!([]),
        |json: &mut Value| json["added_tokens"][0]["content"] = json!(""),
        |json: &mut Value| json["model"]["vocab"] = json!({}),
    ] {
        let dir = tiny::changed(change, |_| {});
        if let Err(error) = attempt(&dir) {
            assert!(error.to_string().contains("tokenizer"), "{error}");
        }
    }
}

#[apply(test!)]
fn a_hostile_tokenizer_config_is_named() {
    let message = |change: &dyn Fn(&mut Value)| {
        let dir = tiny::changed(|_| {}, |config| change(config));
        attempt(&dir).unwrap_err().to_string()
    };
    for change in [
        &|config: &mut Value| *config = json!([]) as Value,
        &|config: &mut Value| config["bos_token"] = json!(["<s>"]),
        &|config: &mut Value| config["eos_token"] = json!({"text": "</s>"}),
        &|config: &mut Value| config["added_tokens_decoder"] = json!([]),
        &|config: &mut Value| config["added_tokens_decoder"] = json!({"x": {"content": "a"}}),
        &|config: &mut Value| config["added_tokens_decoder"] = json!({"4294967296": {"content": "a"}}),
        &|config: &mut Value| config["added_tokens_decoder"] = json!({"5": {}}),
        // understood, but then "<s>" in a text is five letters, not a token
        &|config: &mut Value| config["split_special_tokens"] = json!(true),
    ] as [&dyn Fn(&mut Value); 8]
    {
        let message = message(change);
        assert!(message.contains("tokenizer_config.json"), "{message}");
    }
    let dir = tiny::changed(|_| {}, |config| config["split_special_tokens"] = json!(false));
    attempt(&dir).unwrap();
}

#[apply(test!)]
fn a_missing_tokenizer_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = PromptTokenizer::open(dir.path()).err().unwrap();
    assert!(matches!(error, TokensError::NoTokenizer { .. }), "{error}");
    std::fs::write(dir.path().join("tokenizer.model"), b"x").unwrap();
    let error = PromptTokenizer::open(dir.path()).err().unwrap().to_string();
    assert!(error.contains("tokenizer.model") && error.contains("cut off"), "{error}");
    std::fs::create_dir(dir.path().join("tokenizer.json")).unwrap();
    assert!(PromptTokenizer::open(dir.path()).is_err());
}

#[apply(test!)]
fn a_thousand_random_changes_do_no_harm() {
    let whole = tiny::tokenizer_json().to_string().into_bytes();
    let dir = tiny::folder();
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as usize) % below
    };
    let mut opened = 0;
    for _ in 0..1000 {
        let mut bytes = whole.clone();
        for _ in 0..=random(3) {
            let at = random(bytes.len());
            match random(3) {
                0 => bytes[at] = b"0123456789{}[]\",:ae"[random(19)],
                1 => drop(bytes.remove(at)),
                _ => {
                    let end = (at + random(40)).min(bytes.len());
                    let copy = bytes[at..end].to_vec();
                    bytes.splice(at..at, copy);
                }
            }
        }
        std::fs::write(dir.path().join("tokenizer.json"), &bytes).unwrap();
        match attempt(&dir) {
            Ok(_) => opened += 1,
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    assert!(opened > 10 && opened < 990, "{opened}");
}

/// As above for a tokenizer.model: whatever it holds, it is read or refused.
#[apply(test!)]
fn spoiled_and_cut_models_do_no_harm() {
    let packed = include_bytes!("../fixtures/sentencepiece/bpe_rules_user.model.gz");
    let mut whole = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut whole).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tokenizer.model");
    let try_bytes = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        match attempt(&dir) {
            Ok(_) => true,
            Err(error) => {
                assert!(error.to_string().contains("tokenizer.model"), "{error}");
                false
            }
        }
    };
    assert!(try_bytes(&whole));
    for length in (0..whole.len()).step_by(97) {
        try_bytes(&whole[..length]);
    }
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as usize) % below
    };
    for round in 0..1000 {
        let mut bytes = whole.clone();
        // The specifications stand at the end, behind the pieces.
        let from = if round % 2 == 0 { 0 } else { whole.len() - 400 };
        for _ in 0..=random(3) {
            let at = from + random(bytes.len() - from);
            bytes[at] = random(256) as u8;
        }
        try_bytes(&bytes);
    }
}
