//! Promise: a score has the same bits for every pack size, every order of the prompts, and with sharing switched off.

use std::path::Path;

use crate::common::{FAMILIES, TinyConfig, bits, items, references, score, write_tiny_checkpoint};
use tiltmeter::backend::cpu::Cpu;
use tiltmeter::scoring::ScoreItem;

fn check(dir: &Path, vocab: u32) {
    let items = items(vocab, 170, 40);
    let scored =
        |items: &[ScoreItem], pack_tokens, sharing| bits(&score(&Cpu, dir, items, pack_tokens, sharing));
    let want = scored(&items, 64, true);
    for (pack_tokens, sharing) in
        [(1, true), (13, true), (512, true), (8192, true), (64, false), (8192, false)]
    {
        let got = scored(&items, pack_tokens, sharing);
        assert!(got == want, "{}: packs of {pack_tokens}, sharing {sharing}", dir.display());
    }
    let reversed: Vec<ScoreItem> = items.iter().rev().cloned().collect();
    let mut got = scored(&reversed, 100, true);
    got.reverse();
    assert!(got == want, "{}: order of the prompts", dir.display());
    // A subset must not change either: what a resumed run computes.
    let some: Vec<ScoreItem> = items.iter().step_by(3).cloned().collect();
    let got = scored(&some, 512, true);
    let want: Vec<String> = want.into_iter().step_by(3).collect();
    assert!(got == want, "{}: a part of the prompts", dir.display());
}

#[apply(test!)]
fn reference_checkpoints_score_the_same_however_they_are_packed() {
    let cases = [
        "llama31_bf16",
        "mistral_window",
        "qwen25",
        "glm4_bf16",
        "baichuan2_f16",
        "gemma3_bf16",
        "gemma3_vision",
        "gemma4_bf16",
        "gemma4_text",
    ];
    for dir in references(|dir| cases.iter().any(|case| dir.ends_with(case))) {
        check(&dir, 390);
    }
}

#[apply(test!)]
fn checkpoints_of_every_family_score_the_same_however_they_are_packed() {
    for family in FAMILIES {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let config = TinyConfig::new(family);
        write_tiny_checkpoint(dir.path(), &config, 11);
        check(dir.path(), config.vocab as u32);
    }
}
