//! Choices of several tokens, scored as a whole on any backend.

#![allow(dead_code)] // every test binary compiles its own copy and uses a part of it

use std::convert::Infallible;
use std::path::Path;

use tiltmeter::backend::Backend;
use tiltmeter::backend::cpu::Cpu;
use tiltmeter::checkpoint::Checkpoint;
use tiltmeter::decoder::Decoder;
use tiltmeter::scoring::{ChoiceScore, ChoiceSet, Engine, Plan, ScoreItem, ScoreOptions};

use super::{TinyConfig, TinyFamily, bits, write_tiny_checkpoint};

/// Nested, shared and equal prompts; continuations of one to five tokens, one of them the beginning of another.
pub fn items() -> (Vec<ScoreItem>, Vec<ChoiceSet>) {
    let sets = vec![
        ChoiceSet::Continuations(vec![vec![vec![3], vec![7, 8, 9]], vec![vec![7, 8], vec![4, 4, 4, 4, 5]]]),
        ChoiceSet::Tokens(vec![vec![3, 9], vec![4]]),
        ChoiceSet::Continuations(vec![vec![vec![5, 6]], vec![vec![6, 5]], vec![vec![1]]]),
    ];
    let prompts: [&[u32]; 7] =
        [&[1], &[1, 7], &[1, 7, 8], &[1, 7, 8, 9, 10, 11, 12], &[1, 7, 8], &[2, 2, 2], &[1, 7, 8, 9, 10]];
    let items = prompts.iter().enumerate().map(|(i, p)| ScoreItem { tokens: p.to_vec(), choices: i % 3 });
    (items.collect(), sets)
}

pub fn scored<B: Backend>(backend: &B, dir: &Path, pack_tokens: usize, sharing: bool) -> Vec<ChoiceScore> {
    let (items, sets) = items();
    let checkpoint = Checkpoint::open(dir).expect("opens");
    let engine = Engine::new(Decoder::new(backend, &checkpoint.spec, &checkpoint).expect("uploads"));
    let plan = Plan::new(&items, &sets, sharing);
    let mut scores = vec![None; items.len()];
    let options = ScoreOptions { pack_tokens, sharing, top: 0 };
    let tally = engine
        .score(&plan, &options, |batch, _| {
            for (i, score) in batch {
                assert!(scores[*i].replace(score.clone()).is_none(), "item {i} scored twice");
            }
            Ok::<_, Infallible>(())
        })
        .expect("scores");
    assert_eq!((tally.prompts, tally.computed_tokens), (items.len(), plan.tree_tokens()));
    scores.into_iter().map(|s| s.expect("every item is scored")).collect()
}

/// Scores that have the same bits however they are packed.
pub fn same_bits<B: Backend>(backend: &B, dir: &Path) -> Vec<ChoiceScore> {
    let want = scored(backend, dir, 4096, true);
    for (pack, sharing) in [(1, true), (2, true), (3, true), (4096, false), (5, false)] {
        let got = scored(backend, dir, pack, sharing);
        assert!(bits(&got) == bits(&want), "{}: packs of {pack}, sharing {sharing}", dir.display());
    }
    want
}

/// Demands the same bits of a GPU, and the processor's log-probabilities to f32 rounding.
pub fn check_on<B: Backend>(gpu: &B) {
    for (family, seed) in [TinyFamily::Qwen2, TinyFamily::Gemma3].into_iter().zip(70..) {
        let dir = tempfile::tempdir().expect("a folder");
        write_tiny_checkpoint(dir.path(), &TinyConfig::new(family), seed);
        let (got, want) = (same_bits(gpu, dir.path()), scored(&Cpu, dir.path(), 4096, true));
        let flat = |scores: &[ChoiceScore]| -> Vec<f64> {
            scores.iter().flat_map(|score| score.continuations.concat()).collect()
        };
        let (got, want) = (flat(&got), flat(&want));
        assert!(!want.is_empty() && got.len() == want.len());
        for (got, want) in got.iter().zip(want) {
            assert!((got - want).abs() < 1e-3, "{family:?}: {got}, should be {want}");
        }
    }
}
