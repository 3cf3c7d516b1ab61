//! A run folder under crashes, full disks, strangers' files and changed inputs.

mod exports;
mod kept;
mod merges;
mod refusals;

use std::fs;
use std::path::Path;

use super::samples::{identity, record, session};
use super::*;
use crate::scoring::ChoiceSet;
use crate::study::{OptionOrder, Prompt, PromptText, Roles};

/// Two languages, three scenarios, one question, all four arrangements: 24 prompts.
fn prompts() -> Vec<Prompt> {
    let mut prompts = Vec::new();
    for language in ["fr", "en"] {
        for scenario in ["s2", "s1", "s3"] {
            for roles in [Roles::Fwd, Roles::Rev] {
                for order in [OptionOrder::First, OptionOrder::Second] {
                    let (r, o) = (roles.name(), order.name());
                    prompts.push(Prompt {
                        id: format!("{language}/main/USA-China/{scenario}/justified/{r}/{o}"),
                        language: language.into(),
                        condition: "main".into(),
                        pair: ["USA".into(), "China".into()],
                        scenario: scenario.into(),
                        scenario_type: "border".into(),
                        question: "justified".into(),
                        roles,
                        order,
                        text: PromptText::Plain(String::new()),
                    });
                }
            }
        }
    }
    prompts
}

/// Scores that depend on the prompt alone.
fn logits(prompt: &Prompt) -> Vec<Vec<f32>> {
    let seed = prompt.id.bytes().fold(7u32, |h, b| h.wrapping_mul(31).wrapping_add(u32::from(b)));
    let value = |n: u32| (seed.wrapping_mul(n) % 1000) as f32 / 300.0 - 1.5;
    vec![vec![value(3), value(5)], vec![value(11)]]
}

const ANSWERS: [&[u32]; 2] = [&[32, 362], &[33]];

fn answers() -> ChoiceSet {
    ChoiceSet::Tokens(ANSWERS.iter().map(|ids| ids.to_vec()).collect())
}

fn row<'a>(key: PromptKey, answers: AnswersId, logits: &'a [Vec<f32>]) -> ScoreRow<'a> {
    let a = f64::from(logits[0][0]) / 3.0;
    let b = f64::from(logits[1][0]) / 7.0;
    ScoreRow {
        key,
        prompt_sha256: [9; 32],
        n_tokens: 10,
        answers,
        logits,
        logsumexp: 3.25,
        logprobs: [a, b],
        log_odds: a - b,
        compliance: 0.1,
    }
}

/// A run whose checkpoint has a session.
fn begun(dir: &Path) -> Result<(RunStore, CheckpointId, AnswersId, SessionId), StoreError> {
    let mut store = RunStore::open_or_create(dir, &identity())?;
    let checkpoint = store.checkpoint(&record("m"))?;
    let set = store.answers(checkpoint, &answers())?;
    let session = store.begin_session(checkpoint, &session())?;
    Ok((store, checkpoint, set, session))
}

/// One sweep over `prompts`, `pack` at a time; it dies after `packs` of them.
fn sweep(dir: &Path, prompts: &[Prompt], pack: usize, packs: usize) -> Result<(), StoreError> {
    let (mut store, checkpoint, set, run) = begun(dir)?;
    let keys = store.keys(prompts)?;
    let scored = store.scored(checkpoint)?;
    let left: Vec<(PromptKey, Vec<Vec<f32>>)> = keys
        .into_iter()
        .zip(prompts)
        .filter(|(key, _)| !scored.contains_key(key))
        .map(|(key, prompt)| (key, logits(prompt)))
        .collect();
    let mut progress = Progress::default();
    for part in left.chunks(pack).take(packs) {
        let rows: Vec<ScoreRow<'_>> = part.iter().map(|(key, l)| row(*key, set, l)).collect();
        progress.computed_tokens += 10;
        store.put(checkpoint, run, &rows, progress)?;
    }
    if left.chunks(pack).len() <= packs {
        store.end_session(run, progress)?;
    }
    // The connection is left as a killed process leaves it: never closed, its log not folded in.
    std::mem::forget(store.into_parts_for_test());
    Ok(())
}

fn export(dir: &Path, ending: &str) -> (Vec<u8>, Vec<u8>) {
    let reader = RunReader::open(dir).expect("the run opens");
    let (items, scores) = (dir.join(format!("items{ending}")), dir.join(format!("scores{ending}")));
    export_items(&reader, &items).expect("items are written");
    export_scores(&reader, &scores).expect("scores are written");
    (fs::read(items).expect("items"), fs::read(scores).expect("scores"))
}
