//! One plan on several devices of one kind: each takes a stretch of the prefix tree, and the scores come as they are ready.

use super::choice::ChoiceScore;
use super::engine::{Engine, ScoreError, ScoreOptions, Tally};
use super::plan::{Plan, ScoreItem};
use crate::backend::Backend;
use crate::checkpoint::DecoderSpec;
use crate::checkpoint::weights::Weights;
use crate::decoder::{Decoder, DecoderError};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Instant;

/// What a device has to say.
enum Word {
    /// Its weights are there.
    Loaded,
    /// A pack's scores by the plan's items, and the device's own tally.
    Pack(Vec<(usize, ChoiceScore)>, Tally),
    Failed(DecoderError),
}

/// A device's share: which items of the plan, and the items themselves.
struct Share {
    indices: Vec<usize>,
    items: Vec<ScoreItem>,
}

/// Scores every item of `plan` on all of `backends` together, which must compute the same bits. `sink` is given what
/// [`Engine::score`] gives, with the tally of all devices and the seconds that the slowest took to load.
///
/// # Errors
/// Of the first device that failed; the others' shares are computed to their end and handed to `sink` before.
pub fn spread<B: Backend + Sync, E>(
    backends: &[B],
    spec: &DecoderSpec,
    weights: &dyn Weights,
    plan: &Plan<'_>,
    options: &ScoreOptions,
    mut sink: impl FnMut(&[(usize, ChoiceScore)], &Tally, f64) -> Result<(), E>,
) -> Result<Tally, ScoreError<E>> {
    let start = Instant::now();
    let mut load_seconds = 0.0;
    if let [backend] = backends {
        let engine = Engine::new(Decoder::new(backend, spec, weights)?);
        load_seconds = start.elapsed().as_secs_f64();
        return engine.score(plan, options, |scores, tally| sink(scores, tally, load_seconds));
    }
    let share = |indices: Vec<usize>| Share {
        items: indices.iter().map(|&i| plan.items()[i].clone()).collect(),
        indices,
    };
    let shares: Vec<Share> = plan.split(backends.len()).into_iter().map(share).collect();
    let plans: Vec<Plan<'_>> =
        shares.iter().map(|share| Plan::new(&share.items, plan.choice_sets(), options.sharing)).collect();
    let mut all = Tally {
        naive_tokens: plan.naive_tokens(),
        tree_tokens: plans.iter().map(Plan::tree_tokens).sum(),
        ..Tally::default()
    };
    let stop = AtomicBool::new(false);
    let mut error = None;
    let mut first_loaded = None;
    std::thread::scope(|scope| {
        let (sender, words) = channel();
        for ((backend, share), plan) in backends.iter().zip(&shares).zip(&plans) {
            let (sender, stop) = (sender.clone(), &stop);
            scope.spawn(move || {
                if let Err(failed) = work(backend, spec, weights, share, plan, options, stop, &sender) {
                    // Without a listener nobody wants to know.
                    let _ = sender.send(Word::Failed(failed));
                }
            });
        }
        drop(sender);
        for word in words {
            match word {
                Word::Loaded => {
                    load_seconds = start.elapsed().as_secs_f64();
                    first_loaded.get_or_insert_with(Instant::now);
                }
                Word::Pack(scores, tokens) => {
                    all.prompts += tokens.prompts;
                    all.computed_tokens += tokens.computed_tokens;
                    all.compute_seconds = first_loaded.map_or(0.0, |at| at.elapsed().as_secs_f64());
                    if !stop.load(Ordering::Relaxed)
                        && let Err(refused) = sink(&scores, &all, load_seconds)
                    {
                        stop.store(true, Ordering::Relaxed);
                        error = Some(ScoreError::Sink(refused));
                    }
                }
                Word::Failed(failed) => error = error.take().or(Some(ScoreError::Decoder(failed))),
            }
        }
    });
    error.map_or(Ok(all), Err)
}

/// One device's share, told pack by pack with what the pack added; until `stop`.
#[expect(clippy::too_many_arguments, reason = "what a thread is started with")]
fn work<B: Backend>(
    backend: &B,
    spec: &DecoderSpec,
    weights: &dyn Weights,
    share: &Share,
    plan: &Plan<'_>,
    options: &ScoreOptions,
    stop: &AtomicBool,
    sender: &Sender<Word>,
) -> Result<(), DecoderError> {
    let engine = Engine::new(Decoder::new(backend, spec, weights)?);
    let _ = sender.send(Word::Loaded);
    let mut before = Tally::default();
    let scored = engine.score(plan, options, |scores, tally| {
        let scores = scores.iter().map(|(i, score)| (share.indices[*i], score.clone())).collect();
        let added = Tally {
            prompts: tally.prompts - before.prompts,
            computed_tokens: tally.computed_tokens - before.computed_tokens,
            ..Tally::default()
        };
        before = *tally;
        let heard = sender.send(Word::Pack(scores, added)).is_ok();
        if heard && !stop.load(Ordering::Relaxed) { Ok(()) } else { Err(()) }
    });
    match scored {
        Ok(_) | Err(ScoreError::Sink(())) => Ok(()),
        Err(ScoreError::Decoder(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cpu::Cpu;
    use crate::scoring::ChoiceSet;
    use crate::scoring::fingerprint::example;

    #[test]
    fn several_devices_give_the_scores_of_one() {
        let (spec, weights, items) = example();
        let sets = [ChoiceSet::Tokens(vec![vec![7, 70], vec![11]])];
        let options = ScoreOptions { pack_tokens: 64, sharing: true, top: 0 };
        let plan = Plan::new(&items, &sets, true);
        let scores = |devices: &[Cpu]| {
            let mut scores = Vec::new();
            let tally = spread(devices, &spec, &weights, &plan, &options, |pack, _, _| {
                scores.extend_from_slice(pack);
                Ok::<_, std::convert::Infallible>(())
            });
            scores.sort_by_key(|(item, _)| *item);
            (tally.expect("scores"), scores)
        };
        let (one, want) = scores(&[Cpu]);
        for devices in [2, 3, 20] {
            let (all, got) = scores(&vec![Cpu; devices]);
            assert_eq!(got, want, "{devices} devices");
            assert_eq!((all.prompts, all.computed_tokens), (one.prompts, all.tree_tokens));
        }
    }

    #[test]
    fn a_sink_that_wants_no_more_ends_all() {
        let (spec, weights, items) = example();
        let sets = [ChoiceSet::Tokens(vec![vec![7], vec![11]])];
        let options = ScoreOptions { pack_tokens: 16, sharing: true, top: 0 };
        let plan = Plan::new(&items, &sets, true);
        let mut packs = 0;
        let ended = spread(&[Cpu, Cpu], &spec, &weights, &plan, &options, |_, _, _| {
            packs += 1;
            Err("enough")
        });
        assert!(matches!(ended, Err(ScoreError::Sink("enough"))));
        assert_eq!(packs, 1);
    }
}
