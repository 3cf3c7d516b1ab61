//! Scoring made-up prompts with a checkpoint, to compare bit by bit.

use std::convert::Infallible;
use std::path::Path;

use tiltmeter::backend::Backend;
use tiltmeter::checkpoint::Checkpoint;
use tiltmeter::decoder::Decoder;
use tiltmeter::scoring::{ChoiceScore, ChoiceSet, Engine, Plan, ScoreItem, ScoreOptions};

/// Prompts that branch off a trunk of so many tokens, nest and repeat, from 1 token to several blocks of keys.
pub fn items(vocab: u32, trunk: u32, branches: usize) -> Vec<ScoreItem> {
    let mut state = 7u32;
    let mut next = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    let trunk: Vec<u32> = (0..trunk).map(|_| next(vocab)).collect();
    let mut items = vec![ScoreItem { tokens: vec![1], choices: 0 }];
    for i in 0..branches {
        let keep = if i % 5 == 0 { 0 } else { next(trunk.len() as u32) as usize };
        let mut tokens = trunk[..keep].to_vec();
        tokens.extend((0..=next(30)).map(|_| next(vocab)));
        items.push(ScoreItem { tokens, choices: i % 2 });
    }
    items.push(ScoreItem { tokens: trunk.clone(), choices: 1 });
    items.push(ScoreItem { tokens: trunk, choices: 0 });
    items
}

/// Every prompt's score, in the prompts' order.
pub fn score<B: Backend>(
    backend: &B,
    dir: &Path,
    items: &[ScoreItem],
    pack_tokens: usize,
    sharing: bool,
) -> Vec<ChoiceScore> {
    let checkpoint = Checkpoint::open(dir).expect("opens");
    let engine = Engine::new(Decoder::new(backend, &checkpoint.spec, &checkpoint).expect("uploads"));
    let sets =
        [ChoiceSet::Tokens(vec![vec![3, 9], vec![4]]), ChoiceSet::Tokens(vec![vec![5], vec![6], vec![7, 8]])];
    let plan = Plan::new(items, &sets, sharing);
    let mut scores = vec![None; items.len()];
    let tally = engine
        .score(&plan, &ScoreOptions { pack_tokens, sharing, top: 3 }, |batch, _| {
            for (i, score) in batch {
                assert!(scores[*i].replace(score.clone()).is_none(), "prompt {i} scored twice");
            }
            Ok::<_, Infallible>(())
        })
        .expect("scores");
    assert_eq!(tally.computed_tokens, plan.tree_tokens());
    assert_eq!(tally.naive_tokens, items.iter().map(|i| i.tokens.len()).sum::<usize>());
    scores.into_iter().map(|s| s.expect("every prompt is scored")).collect()
}

/// Equality of every bit, NaN-proof.
pub fn bits(scores: &[ChoiceScore]) -> Vec<String> {
    scores.iter().map(|s| format!("{s:?}")).collect()
}
