//! Scoring made-up prompts with a checkpoint on a device.

use std::path::{Path, PathBuf};
use tiltmeter::backend::Backend;
use tiltmeter::checkpoint::Checkpoint;
use tiltmeter::decoder::Decoder;
use tiltmeter::scoring::{ChoiceScore, ChoiceSet, Engine, Plan, ScoreItem, ScoreOptions};

/// Folders of the reference checkpoints that this build can open; says which it cannot.
pub fn references() -> Vec<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference");
    let Ok(entries) = std::fs::read_dir(shared) else {
        println!("skipped: ../shared/reference is not here");
        return Vec::new();
    };
    let mut dirs: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
    dirs.retain(|dir| dir.join("reference.json").is_file());
    dirs.retain(|dir| match Checkpoint::open(dir) {
        Ok(_) => true,
        Err(e) => {
            println!("skipped: {}: {e}", dir.display());
            false
        }
    });
    dirs.sort();
    dirs
}

/// Prompts that branch, nest and repeat, from 1 token to several blocks of keys.
pub fn items(vocab: u32) -> Vec<ScoreItem> {
    let mut state = 7u32;
    let mut next = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    let trunk: Vec<u32> = (0..150).map(|_| next(vocab)).collect();
    let mut items = vec![ScoreItem { tokens: vec![1], choices: 0 }];
    for i in 0..16 {
        let keep = if i % 5 == 0 { 0 } else { next(150) as usize };
        let mut tokens = trunk[..keep].to_vec();
        tokens.extend((0..=next(30)).map(|_| next(vocab)));
        items.push(ScoreItem { tokens, choices: (i % 2) as usize });
    }
    items.push(ScoreItem { tokens: trunk.clone(), choices: 1 });
    items.push(ScoreItem { tokens: trunk, choices: 0 });
    items
}

pub fn score<B: Backend>(
    backend: &B,
    dir: &Path,
    items: &[ScoreItem],
    pack_tokens: usize,
    sharing: bool,
) -> Vec<ChoiceScore> {
    let checkpoint = Checkpoint::open(dir).expect("opens");
    let engine = Engine::new(Decoder::new(backend, &checkpoint.spec, &checkpoint).expect("uploads"));
    let sets = [ChoiceSet(vec![vec![3, 9], vec![4]]), ChoiceSet(vec![vec![5], vec![6], vec![7, 8]])];
    let plan = Plan::new(items, sharing);
    let mut scores = vec![None; items.len()];
    engine
        .score(&plan, &sets, &ScoreOptions { pack_tokens, sharing, top: 2 }, |batch, _| {
            for (i, score) in batch {
                scores[*i] = Some(score.clone());
            }
            Ok::<_, std::convert::Infallible>(())
        })
        .expect("scores");
    scores.into_iter().map(|s| s.expect("every prompt is scored")).collect()
}

/// Equality of every bit, NaN-proof.
pub fn bits(scores: &[ChoiceScore]) -> Vec<String> {
    scores.iter().map(|s| format!("{s:?}")).collect()
}
