//! What Hugging Face transformers computed for the reference checkpoints, and how far a backend is from it.

use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde_json::Value;
use tiltmeter::backend::Backend;
use tiltmeter::checkpoint::Checkpoint;
use tiltmeter::decoder::Decoder;
use tiltmeter::prefix::PrefixTree;

use super::references::references;

/// A reference checkpoint's stored results.
pub struct Reference {
    pub json: Value,
    tensors: Vec<u8>,
}

impl Reference {
    /// Folders that have one.
    pub fn folders() -> Vec<PathBuf> {
        references(|dir| dir.join("reference.json").is_file())
    }

    pub fn read(dir: &Path) -> Self {
        let read = |file: &str| std::fs::read(dir.join(file)).expect("readable");
        let json = serde_json::from_slice(&read("reference.json")).expect("JSON");
        Reference { json, tensors: read("reference.safetensors") }
    }

    pub fn sequences(&self) -> Vec<Vec<u32>> {
        serde_json::from_value(self.json["sequences"].clone()).expect("sequences")
    }

    pub fn f32s(&self, name: &str) -> Vec<f32> {
        let tensors = SafeTensors::deserialize(&self.tensors).expect("safetensors");
        bytemuck::pod_collect_to_vec(tensors.tensor(name).expect(name).data())
    }
}

/// Norm of the difference over norm of the reference.
pub fn relative(got: &[f32], want: &[f32]) -> f64 {
    assert_eq!(got.len(), want.len());
    let norm = |it: &mut dyn Iterator<Item = f64>| it.map(|x| x * x).sum::<f64>().sqrt();
    let difference = norm(&mut got.iter().zip(want).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    difference / norm(&mut want.iter().map(|x| f64::from(*x)))
}

/// Largest errors over a checkpoint's sequences.
#[derive(Debug)]
pub struct Errors {
    /// Of the logits, in parts of their norm.
    pub logits: f64,
    pub log_odds: f64,
    pub log_sum_exp: f64,
}

impl Errors {
    /// Of `backend` on the reference in `dir`.
    pub fn of<B: Backend>(backend: &B, dir: &Path, pack_tokens: usize) -> Self {
        let reference = Reference::read(dir);
        let (want, sequences) = (reference.f32s("logits"), reference.sequences());
        let pair: Vec<usize> = serde_json::from_value(reference.json["pair_ids"].clone()).expect("pair_ids");
        let odds = |l: &[f32]| f64::from(l[pair[0]]) - f64::from(l[pair[1]]);

        let checkpoint = Checkpoint::open(dir).expect("opens");
        let decoder = Decoder::new(backend, &checkpoint.spec, &checkpoint).expect("uploads");
        let vocab = checkpoint.spec.vocab;
        let all: Vec<u32> = (0..vocab as u32).collect();
        let tree = PrefixTree::new(&sequences, true);
        let mut state = decoder.path_state(&tree, pack_tokens).expect("state");
        let mut worst = Errors { logits: 0.0, log_odds: 0.0, log_sum_exp: 0.0 };
        let mut seen = 0;
        for pack in tree.packs(pack_tokens) {
            let hidden = decoder.forward(&tree, &pack, &mut state).expect("forward");
            let logits = backend.choice_logits(&hidden, &decoder.head(), &all).expect("logits");
            let sums = backend.log_sum_exp(&hidden, &decoder.head()).expect("log-sum-exp");
            for ((got, sum), &(branch, _)) in logits.iter().zip(sums).zip(&pack.ends) {
                for &prompt in &tree.branches[branch].prompts {
                    let want = &want[prompt * vocab..(prompt + 1) * vocab];
                    let exact = want.iter().map(|l| f64::from(*l).exp()).sum::<f64>().ln();
                    // `max` would pass over a NaN.
                    let error = [relative(got, want), odds(got) - odds(want), sum - exact].map(f64::abs);
                    assert!(error.iter().all(|e| e.is_finite()), "{}: sequence {prompt}", dir.display());
                    worst.logits = worst.logits.max(error[0]);
                    worst.log_odds = worst.log_odds.max(error[1]);
                    worst.log_sum_exp = worst.log_sum_exp.max(error[2]);
                    seen += 1;
                }
            }
        }
        assert_eq!(seen, sequences.len());
        worst
    }

    /// Demands that the errors are below these; the log-sum-exp's as the log-odds'.
    pub fn check(&self, name: &str, logits: f64, log_odds: f64) {
        assert!(self.logits < logits, "{name}: logits off by {:e}", self.logits);
        assert!(self.log_odds < log_odds, "{name}: log-odds off by {:e}", self.log_odds);
        assert!(self.log_sum_exp < log_odds, "{name}: log-sum-exp off by {:e}", self.log_sum_exp);
    }
}
