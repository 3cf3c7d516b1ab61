//! Promise: logits equal those of Hugging Face transformers to 1e-3 of their norm and log-odds to 5e-3, in fast mode to
//! 2e-2 and 5e-2, for every reference checkpoint that the cpu backend runs.

use crate::device::{checked, downlevel, open};
use crate::score::references;
use safetensors::SafeTensors;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tiltmeter::backend::Backend;
use tiltmeter::backend::wgpu::{Precision, Wgpu, WgpuOptions};
use tiltmeter::checkpoint::Checkpoint;
use tiltmeter::decoder::Decoder;
use tiltmeter::prefix::PrefixTree;

/// Norm of the difference over norm of the reference.
fn relative(got: &[f32], want: &[f32]) -> f64 {
    let norm = |it: &mut dyn Iterator<Item = f64>| it.map(|x| x * x).sum::<f64>().sqrt();
    let difference = norm(&mut got.iter().zip(want).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    difference / norm(&mut want.iter().map(|x| f64::from(*x)))
}

/// Largest errors over a checkpoint's sequences.
struct Errors {
    /// Of the logits, in parts of their norm.
    logits: f64,
    log_odds: f64,
    log_sum_exp: f64,
}

fn errors(gpu: &Wgpu, dir: &Path) -> Errors {
    let reference: Value =
        serde_json::from_slice(&std::fs::read(dir.join("reference.json")).expect("readable")).expect("JSON");
    let bytes = std::fs::read(dir.join("reference.safetensors")).expect("readable");
    let tensors = SafeTensors::deserialize(&bytes).expect("safetensors");
    let want: Vec<f32> = bytemuck::pod_collect_to_vec(tensors.tensor("logits").expect("logits").data());
    let sequences: Vec<Vec<u32>> = serde_json::from_value(reference["sequences"].clone()).expect("sequences");
    let pair: Vec<usize> = serde_json::from_value(reference["pair_ids"].clone()).expect("pair_ids");

    let checkpoint = Checkpoint::open(dir).expect("opens");
    let decoder = Decoder::new(gpu, &checkpoint.spec, &checkpoint).expect("uploads");
    let vocab = checkpoint.spec.vocab;
    let all: Vec<u32> = (0..vocab as u32).collect();
    let tree = PrefixTree::new(&sequences, true);
    let mut state = decoder.path_state(&tree, 400).expect("state");
    let mut worst = Errors { logits: 0.0, log_odds: 0.0, log_sum_exp: 0.0 };
    let mut seen = 0;
    for pack in tree.packs(400) {
        let hidden = decoder.forward(&tree, &pack, &mut state).expect("forward");
        let logits = gpu.choice_logits(&hidden, &decoder.head(), &all).expect("logits");
        let sums = gpu.log_sum_exp(&hidden, &decoder.head()).expect("log-sum-exp");
        for ((got, sum), &(branch, _)) in logits.iter().zip(sums).zip(&pack.ends) {
            for &prompt in &tree.branches[branch].prompts {
                let want = &want[prompt * vocab..(prompt + 1) * vocab];
                let odds = |l: &[f32]| f64::from(l[pair[0]]) - f64::from(l[pair[1]]);
                let exact = want.iter().map(|l| f64::from(*l).exp()).sum::<f64>().ln();
                worst.logits = worst.logits.max(relative(got, want));
                worst.log_odds = worst.log_odds.max((odds(got) - odds(want)).abs());
                worst.log_sum_exp = worst.log_sum_exp.max((sum - exact).abs());
                seen += 1;
            }
        }
    }
    assert_eq!(seen, sequences.len());
    worst
}

fn check(gpu: &Wgpu, dirs: &[PathBuf], logits: f64, log_odds: f64) {
    println!("{}", gpu.describe());
    for dir in dirs {
        let e = errors(gpu, dir);
        let name = dir.display();
        println!(
            "{name}: logits {:.1e}, log-odds {:.1e}, log-sum-exp {:.1e}",
            e.logits, e.log_odds, e.log_sum_exp
        );
        assert!(e.logits < logits, "{name}: logits off by {:e}", e.logits);
        assert!(e.log_odds < log_odds, "{name}: log-odds off by {:e}", e.log_odds);
        assert!(e.log_sum_exp < log_odds, "{name}: log-sum-exp off by {:e}", e.log_sum_exp);
    }
}

#[test]
fn final_logits_agree_with_transformers() {
    let Some(gpu) = open(checked()) else { return };
    // Far inside the promise: f32 noise is 1e-6, and the least mistake in the arithmetic is seen above 1e-4.
    check(&gpu, &references(), 1e-4, 1e-3);
}

#[test]
fn they_do_on_a_device_with_no_more_than_every_device_has() {
    let Some(gpu) = open(downlevel()) else { return };
    let mut dirs = references();
    dirs.retain(|dir| ["glm4_bf16", "baichuan2", "gemma4"].iter().any(|case| dir.ends_with(case)));
    check(&gpu, &dirs, 1e-4, 1e-3);
}

#[test]
fn cooperative_matrices_stay_within_the_fast_tolerance() {
    let options = WgpuOptions { precision: Precision::Fast, ..checked() };
    let Some(gpu) = open(options) else { return };
    if let Some(note) = gpu.note() {
        println!("skipped: {note}");
        return;
    }
    check(&gpu, &references(), 2e-2, 5e-2);
}
