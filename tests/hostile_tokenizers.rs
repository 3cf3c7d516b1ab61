//! The promise: a tokenizer's files, whatever they hold, end in a tokenizer or in a clear error, never in a crash.

mod tiny;

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

#[test]
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

#[test]
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

#[test]
fn what_would_be_random_or_boundless_is_refused() {
    assert!(refused(|json| json["model"]["dropout"] = json!(0.1)).contains("dropout"));
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

#[test]
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

#[test]
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

#[test]
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
    ] as [&dyn Fn(&mut Value); 7]
    {
        let message = message(change);
        assert!(message.contains("tokenizer_config.json"), "{message}");
    }
}

#[test]
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

#[test]
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
#[test]
fn spoiled_and_cut_models_do_no_harm() {
    let packed = include_bytes!("fixtures/sentencepiece/bpe_rules_user.model.gz");
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
