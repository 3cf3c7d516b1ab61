//! Promise: in f32 mode logits equal those of Hugging Face transformers to 1e-3 of their norm, log-odds to 5e-3, for
//! every reference checkpoint that the cpu backend runs.

use crate::device::open;
use crate::score::references;
use safetensors::SafeTensors;
use serde_json::Value;
use tiltmeter::backend::Backend;
use tiltmeter::backend::wgpu::WgpuOptions;
use tiltmeter::checkpoint::Checkpoint;
use tiltmeter::decoder::Decoder;
use tiltmeter::prefix::PrefixTree;

/// Norm of the difference over norm of the reference.
fn relative(got: &[f32], want: &[f32]) -> f64 {
    let norm = |it: &mut dyn Iterator<Item = f64>| it.map(|x| x * x).sum::<f64>().sqrt();
    let difference = norm(&mut got.iter().zip(want).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    difference / norm(&mut want.iter().map(|x| f64::from(*x)))
}

#[test]
fn final_logits_agree_with_transformers() {
    let Some(gpu) = open(WgpuOptions::default()) else { return };
    for dir in references() {
        let reference: Value =
            serde_json::from_slice(&std::fs::read(dir.join("reference.json")).expect("readable")).expect("JSON");
        let bytes = std::fs::read(dir.join("reference.safetensors")).expect("readable");
        let tensors = SafeTensors::deserialize(&bytes).expect("safetensors");
        let want: Vec<f32> = bytemuck::pod_collect_to_vec(tensors.tensor("logits").expect("logits").data());
        let sequences: Vec<Vec<u32>> =
            serde_json::from_value(reference["sequences"].clone()).expect("sequences");
        let pair: Vec<usize> = serde_json::from_value(reference["pair_ids"].clone()).expect("pair_ids");

        let checkpoint = Checkpoint::open(&dir).expect("opens");
        let decoder = Decoder::new(&gpu, &checkpoint.spec, &checkpoint).expect("uploads");
        let vocab = checkpoint.spec.vocab;
        let all: Vec<u32> = (0..vocab as u32).collect();
        let tree = PrefixTree::new(&sequences, true);
        let mut state = decoder.path_state(&tree, 400).expect("state");
        let (mut seen, mut worst, mut worst_odds) = (0, 0.0f64, 0.0f64);
        for pack in tree.packs(400) {
            let hidden = decoder.forward(&tree, &pack, &mut state).expect("forward");
            let logits = gpu.choice_logits(&hidden, &decoder.head(), &all).expect("logits");
            let sums = gpu.log_sum_exp(&hidden, &decoder.head()).expect("log-sum-exp");
            for ((got, sum), &(branch, _)) in logits.iter().zip(sums).zip(&pack.ends) {
                for &prompt in &tree.branches[branch].prompts {
                    let want = &want[prompt * vocab..(prompt + 1) * vocab];
                    let odds = |l: &[f32]| f64::from(l[pair[0]]) - f64::from(l[pair[1]]);
                    worst = worst.max(relative(got, want));
                    worst_odds = worst_odds.max((odds(got) - odds(want)).abs());
                    let exact = want.iter().map(|l| f64::from(*l).exp()).sum::<f64>().ln();
                    assert!((sum - exact).abs() < 1e-3, "{}: log-sum-exp {sum} {exact}", dir.display());
                    seen += 1;
                }
            }
        }
        println!("{}: logits {worst:.1e} of their norm, log-odds {worst_odds:.1e}", dir.display());
        // Far inside the promise: f32 noise is 1e-6, and the least mistake in the arithmetic is seen above 1e-4.
        assert!(worst < 1e-4 && worst_odds < 1e-3, "{}: {worst:e}, {worst_odds:e}", dir.display());
        assert_eq!(seen, sequences.len());
    }
}
