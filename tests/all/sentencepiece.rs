//! Promise: a tokenizer.model gives the ids that the SentencePiece library gives, for prompts of the study in three
//! languages and for strings made to go wrong (`tests/fixtures/sentencepiece/make.py` stored them).

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use tempfile::TempDir;
use tiltmeter::tokens::PromptTokenizer;

use crate::common::say;

/// A kind of model that is refused, as its ties are not reproduced.
const REFUSED: &str = "unigram_user";

#[derive(Deserialize)]
struct Expected {
    texts: Vec<String>,
    /// By model, text by text.
    ids: BTreeMap<String, Vec<Vec<u32>>>,
}

fn fixture(name: &str) -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sentencepiece").join(name);
    let packed = std::fs::read(&file).expect("the fixture is there");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes).expect("it is whole");
    bytes
}

fn expected() -> Expected {
    serde_json::from_slice(&fixture("expected.json.gz")).expect("texts and ids")
}

/// A folder with this model and nothing else.
fn folder(model: &str) -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("tokenizer.model"), fixture(&format!("{model}.model.gz")))
        .expect("written");
    dir
}

#[apply(test!)]
fn ids_equal_the_library_s() {
    let Expected { texts, ids } = expected();
    assert!(texts.len() > 400 && ids.len() > 8);
    for (model, ids) in ids.iter().filter(|(model, _)| *model != REFUSED) {
        let dir = folder(model);
        let tokenizer = PromptTokenizer::open(dir.path()).expect("it is read");
        assert_eq!(ids.len(), texts.len());
        for (text, ids) in texts.iter().zip(ids) {
            assert_eq!(tokenizer.encode_piece(text).expect("ids"), *ids, "{model}: {text:?}");
            assert_eq!(tokenizer.encode_plain(text).expect("ids"), *ids, "{model}: {text:?}");
        }
        say(format_args!("{model}: {}", tokenizer.describe()));
    }
}

#[apply(test!)]
fn what_would_not_come_out_equal_is_refused_by_name() {
    let dir = folder(REFUSED);
    let error = PromptTokenizer::open(dir.path()).err().expect("it is refused").to_string();
    assert!(error.contains("tokenizer.model") && error.contains("user-defined piece"), "{error}");
}

#[apply(test!)]
fn tokenizer_json_wins_where_both_are_there() {
    let dir = folder("bpe_plain");
    std::fs::write(dir.path().join("tokenizer.json"), "{}").expect("written");
    let error = PromptTokenizer::open(dir.path()).err().expect("the first is broken").to_string();
    assert!(error.contains("tokenizer.json"), "{error}");
}

#[apply(test!)]
fn bos_and_eos_are_what_the_configuration_says() {
    let open = |config: &str| {
        let dir = folder("bpe_plain");
        std::fs::write(dir.path().join("tokenizer_config.json"), config).expect("written");
        PromptTokenizer::open(dir.path()).map_err(|error| error.to_string())
    };
    let names = r#""bos_token": "<s>", "eos_token": "</s>""#;
    let bare = open(&format!(r#"{{{names}, "add_bos_token": false}}"#)).expect("it is read");
    let ids = bare.encode_plain("A").expect("ids");
    assert_eq!(bare.encode_piece("A").expect("ids"), ids);
    assert!(bare.bos_rule().contains("nothing in front"), "{}", bare.bos_rule());
    assert!(!bare.bos_rule().contains("`add_bos_token`"), "{}", bare.bos_rule());
    let both =
        open(&format!(r#"{{{names}, "add_bos_token": true, "add_eos_token": true}}"#)).expect("it is read");
    assert_eq!(both.encode_plain("A").expect("ids"), [&[1], &ids[..], &[2]].concat());
    assert_eq!((both.prefix(), both.suffix()), (&[1][..], &[2][..]));
    assert_eq!(both.bos(), Some((1, "<s>".to_owned())));
    // A name that no piece has is numbered on, as the reference does.
    let new = open(r#"{"bos_token": "<new>", "add_bos_token": false}"#).expect("it is read");
    assert_eq!(new.bos(), Some((new.size() as u32 - 1, "<new>".to_owned())));
    let by_class = open(&format!(r#"{{{names}, "tokenizer_class": "LlamaTokenizer"}}"#)).expect("it is read");
    assert_eq!(by_class.prefix(), [1]);
    let unsaid = open(&format!("{{{names}}}")).err().expect("it is refused");
    assert!(unsaid.contains("tokenizer_config.json") && unsaid.contains("`add_bos_token`"), "{unsaid}");
    let nameless = open(r#"{"add_bos_token": true}"#).err().expect("it is refused");
    assert!(nameless.contains("`bos_token` names no piece"), "{nameless}");
    let added = r#"{"add_bos_token": false, "added_tokens_decoder": {"1": {"content": "<s>"}, "5000": {"content": "<x>"}}}"#;
    let added = open(added).expect("it is read");
    let last = added.size() as u32 - 1;
    assert_eq!(added.encode_plain("<x><s>").expect("ids"), [last, 1]);
    assert_eq!([last, 1].map(|id| added.token_text(id)), ["<x>", "<s>"].map(|text| Some(text.to_owned())));
    assert_eq!(added.token_text(last + 1), None);
    let rule = added.class_rule();
    assert!(rule.contains(&format!("\"<x>\" is {last}, not 5000")), "{rule}");
}
