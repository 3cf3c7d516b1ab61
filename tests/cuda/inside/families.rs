//! Promise: logits equal those of the cpu backend, which transformers' hold, for every family, stored type and size of head:
//! in `f32` to 1e-4 of their norm and 1e-3 in log-odds, in `fast` to 5e-3 and 2e-2; and the kernel sets agree to 2e-5.

use super::{open, open_with};
use crate::common::{FAMILIES, TinyConfig, TinyFamily, items, relative, say, score, write_tiny_checkpoint};
use std::path::Path;
use tiltmeter::backend::cpu::Cpu;
use tiltmeter::backend::cuda::KernelSet;
use tiltmeter::backend::{Backend, Precision};
use tiltmeter::checkpoint::Dtype;
use tiltmeter::scoring::{ChoiceScore, ScoreItem};

/// Relative error of the logits, largest differences of log-odds and of log-sum-exp.
fn errors(got: &[ChoiceScore], want: &[ChoiceScore]) -> [f64; 3] {
    let flat = |scores: &[ChoiceScore]| -> Vec<f32> {
        scores.iter().flat_map(|score| score.logits.concat()).collect()
    };
    let mut worst = [relative(&flat(got), &flat(want)), 0.0, 0.0];
    for (got, want) in got.iter().zip(want) {
        worst[1] = f64::max(worst[1], (got.log_odds - want.log_odds).abs());
        worst[2] = f64::max(worst[2], (got.logsumexp - want.logsumexp).abs());
        assert!(got.log_odds.is_finite() && got.logsumexp.is_finite());
    }
    worst
}

fn prompts() -> Vec<ScoreItem> {
    items(60, 70, 6)
}

/// `gpu`'s logits, log-odds and log-sum-exps are within `bounds` of the processor's.
fn check<B: Backend>(gpu: &B, dir: &Path, name: &str, bounds: [f64; 2]) {
    let items = prompts();
    let got = score(gpu, dir, &items, 64, true);
    let [logits, log_odds, sums] = errors(&got, &score(&Cpu, dir, &items, 64, true));
    say(format_args!("{name}: logits {logits:.1e}, log-odds {log_odds:.1e}, log-sum-exp {sums:.1e}"));
    assert!(logits < bounds[0], "{name}: logits off by {logits:e}");
    assert!(log_odds < bounds[1] && sums < bounds[1], "{name}: off by {log_odds:e} and {sums:e}");
}

/// Every family, and of some what changes their arithmetic.
fn checkpoints() -> Vec<(String, TinyConfig)> {
    // A side input's gates can all be small at once if there are six of them, and the norm behind them then answers every
    // rounding before it up to forty times as strongly; Gemma 4's own has 256.
    let of = |family| TinyConfig { side: 64, ..TinyConfig::new(family) };
    let plain = FAMILIES.map(|family| (format!("{family:?}"), of(family)));
    let more = [
        ("biases", TinyConfig { biases: true, ..of(TinyFamily::Llama) }),
        ("f16", TinyConfig { dtype: Dtype::F16, window: Some(9), ..of(TinyFamily::Mistral) }),
        ("heads of 72", TinyConfig { head_dim: 72, heads: 2, kv_heads: 1, ..of(TinyFamily::Qwen3) }),
        ("heads of 136", TinyConfig { head_dim: 136, heads: 2, kv_heads: 1, ..of(TinyFamily::Glm) }),
        ("heads of 260", TinyConfig { head_dim: 260, heads: 1, kv_heads: 1, ..of(TinyFamily::Llama) }),
        ("odd widths", TinyConfig { hidden: 37, width: 51, ..of(TinyFamily::Qwen2) }),
    ];
    plain.into_iter().chain(more.map(|(name, config)| (name.to_owned(), config))).collect()
}

#[apply(test!)]
fn families_agree_with_the_processor() {
    let (exact, fast) = (open(Precision::F32), open(Precision::Fast));
    for (name, config) in checkpoints() {
        let dir = tempfile::tempdir().expect("a folder");
        write_tiny_checkpoint(dir.path(), &config, 7);
        check(&exact, dir.path(), &format!("{name}, f32"), [1e-4, 1e-3]);
        // Weights stored in f32 are multiplied as in `f32`.
        let dtype = if config.dtype == Dtype::F32 { Dtype::Bf16 } else { config.dtype };
        let dir = tempfile::tempdir().expect("a folder");
        write_tiny_checkpoint(dir.path(), &TinyConfig { dtype, ..config }, 7);
        check(&fast, dir.path(), &format!("{name}, fast"), [5e-3, 2e-2]);
    }
}

#[apply(test!)]
fn families_agree_from_kernel_set_to_kernel_set() {
    let gpus = [
        open(Precision::F32),
        open_with(Precision::F32, Some(KernelSet::Naive)),
        open_with(Precision::F32, Some(KernelSet::Mma)),
    ];
    for (family, dtype) in [(TinyFamily::Qwen2, Dtype::F32), (TinyFamily::Gemma4, Dtype::Bf16)] {
        let dir = tempfile::tempdir().expect("a folder");
        let config = TinyConfig { dtype, ..TinyConfig::new(family) };
        write_tiny_checkpoint(dir.path(), &config, 8);
        let items = prompts();
        let scores = gpus.each_ref().map(|gpu| score(gpu, dir.path(), &items, 64, true));
        for other in &scores[1..] {
            let [logits, ..] = errors(other, &scores[0]);
            assert!(logits < 2e-5, "{family:?}: {logits:e}");
        }
    }
}
