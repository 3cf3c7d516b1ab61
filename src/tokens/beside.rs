//! A tokenizer.model beside a tokenizer.json: whether the two are one tokenizer.

use tokenizers::{Model, ModelWrapper, Tokenizer};

use super::sentencepiece::SentencePiece;

/// What merges differently where the merges are not the same: words of the languages that are asked, spaces as U+2581.
const PROBES: [&str; 5] = [
    "\u{2581}The\u{2581}government\u{2581}answered\u{2581}that\u{2581}the\u{2581}vessels\u{2581}had\u{2581}been\u{2581}inspected",
    "\u{2581}Le\u{2581}ministère\u{2581}a\u{2581}répondu\u{2581}que\u{2581}les\u{2581}navires\u{2581}étaient\u{2581}contrôlés",
    "\u{2581}Die\u{2581}Regierung\u{2581}antwortete,\u{2581}dass\u{2581}die\u{2581}Schiffe\u{2581}untersucht\u{2581}wurden",
    "外交部回应说这些船只已经接受检查",
    "\u{2581}1979:\u{2581}(A)\u{2581}\"Who\u{2581}is\u{2581}right?\"\u{2581}-\u{2581}https://example.org/a_b",
];

/// Where they differ, in words. Pieces that tokenizer.json has renamed to tokens of its own are not meant, nor is what it
/// holds beyond the other's pieces.
pub(super) fn differ(model: &SentencePiece, json: &Tokenizer) -> Option<String> {
    let added = json.get_added_vocabulary();
    for (id, piece) in model.normal() {
        match json.id_to_token(id) {
            Some(token) if token == piece || added.is_special_token(&token) => {}
            Some(token) if added.get_vocab().contains_key(&token) => {}
            Some(token) => return Some(format!("token {id} is {token:?} and {piece:?}")),
            None => return Some(format!("token {id} is nothing and {piece:?}")),
        }
    }
    // Of unigram models the vocabulary is all there is.
    let ModelWrapper::BPE(bpe) = json.get_model() else { return None };
    let probe = PROBES.into_iter().find(|probe| {
        let tokens = bpe.tokenize(probe).unwrap_or_default();
        !tokens.iter().map(|token| token.id).eq(model.encode_normal(probe))
    })?;
    let start: String = probe.replace('\u{2581}', " ").trim_start().chars().take(24).collect();
    Some(format!("the vocabulary is the same, but {start:?} is merged otherwise"))
}
