//! Promise: a score has the same bits for every pack size, every order of the prompts, and with sharing switched off.

mod common;

use std::path::Path;
use tiltmeter::backend::cpu::Cpu;
use tiltmeter::checkpoint::Checkpoint;
use tiltmeter::decoder::Decoder;
use tiltmeter::scoring::{ChoiceScore, ChoiceSet, Engine, Plan, ScoreItem, ScoreOptions};

/// Prompts that branch, nest and repeat, from 1 token to several blocks of keys.
fn items(vocab: u32) -> Vec<ScoreItem> {
    let mut state = 7u32;
    let mut next = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    let trunk: Vec<u32> = (0..170).map(|_| next(vocab)).collect();
    let mut items = vec![ScoreItem { tokens: vec![1], choices: 0 }];
    for i in 0..40 {
        let keep = if i % 5 == 0 { 0 } else { next(170) as usize };
        let mut tokens = trunk[..keep].to_vec();
        tokens.extend((0..=next(30)).map(|_| next(vocab)));
        items.push(ScoreItem { tokens, choices: (i % 2) as usize });
    }
    items.push(ScoreItem { tokens: trunk.clone(), choices: 1 });
    items.push(ScoreItem { tokens: trunk, choices: 0 });
    items
}

fn score(dir: &Path, items: &[ScoreItem], options: &ScoreOptions) -> Vec<ChoiceScore> {
    let checkpoint = Checkpoint::open(dir).expect("opens");
    let engine = Engine::new(Decoder::new(&Cpu, &checkpoint.spec, &checkpoint).expect("uploads"));
    let sets = [ChoiceSet(vec![vec![3, 9], vec![4]]), ChoiceSet(vec![vec![5], vec![6], vec![7, 8]])];
    let plan = Plan::new(items, options.sharing);
    let mut scores = vec![None; items.len()];
    let tally = engine
        .score(&plan, &sets, options, |batch, _| {
            for (i, score) in batch {
                assert!(scores[*i].replace(score.clone()).is_none(), "prompt {i} scored twice");
            }
            Ok::<_, std::convert::Infallible>(())
        })
        .expect("scores");
    assert_eq!(tally.computed_tokens, plan.tree_tokens());
    assert_eq!(tally.naive_tokens, items.iter().map(|i| i.tokens.len()).sum::<usize>());
    scores.into_iter().map(|s| s.expect("every prompt is scored")).collect()
}

/// Equality of every bit, NaN-proof.
fn bits(scores: &[ChoiceScore]) -> Vec<String> {
    scores.iter().map(|s| format!("{s:?}")).collect()
}

fn check(dir: &Path, vocab: u32) {
    let items = items(vocab);
    let options = |pack_tokens, sharing| ScoreOptions { pack_tokens, sharing, top: 3 };
    let want = bits(&score(dir, &items, &options(64, true)));
    for (pack_tokens, sharing) in
        [(1, true), (13, true), (512, true), (8192, true), (64, false), (8192, false)]
    {
        let got = bits(&score(dir, &items, &options(pack_tokens, sharing)));
        assert!(got == want, "{}: packs of {pack_tokens}, sharing {sharing}", dir.display());
    }
    let reversed: Vec<ScoreItem> = items.iter().rev().cloned().collect();
    let mut got = bits(&score(dir, &reversed, &options(100, true)));
    got.reverse();
    assert!(got == want, "{}: order of the prompts", dir.display());
    // A subset must not change either: what a resumed run computes.
    let some: Vec<ScoreItem> = items.iter().step_by(3).cloned().collect();
    let got = bits(&score(dir, &some, &options(512, true)));
    let want: Vec<String> = want.into_iter().step_by(3).collect();
    assert!(got == want, "{}: a part of the prompts", dir.display());
}

#[test]
fn reference_checkpoints_score_the_same_however_they_are_packed() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference");
    if !shared.is_dir() {
        println!("skipped: ../shared/reference is not here");
        return;
    }
    let cases = [
        "llama31_bf16",
        "mistral_window",
        "qwen25",
        "glm4_bf16",
        "baichuan2_f16",
        "gemma4_bf16",
        "gemma4_text",
    ];
    for case in cases {
        if shared.join(case).is_dir() {
            check(&shared.join(case), 390);
        }
    }
}

#[test]
fn checkpoints_of_every_family_score_the_same_however_they_are_packed() {
    use common::{FAMILIES, TinyConfig, write_tiny_checkpoint};
    for family in FAMILIES {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let config = TinyConfig::new(family);
        write_tiny_checkpoint(dir.path(), &config, 11);
        check(dir.path(), config.vocab as u32);
    }
}
