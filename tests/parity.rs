//! Promise: logits equal those of Hugging Face transformers in f32, to 1e-4 of their norm.
//!
//! The references lie beside the repository in `../shared/reference` and are not part of it; without them these tests
//! say so and pass. `tests/oracle.rs` compares with a plain forward pass of our own, everywhere.

use safetensors::SafeTensors;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tiltmeter::backend::Backend;
use tiltmeter::backend::cpu::Cpu;
use tiltmeter::checkpoint::Checkpoint;
use tiltmeter::decoder::{Decoder, Stage};
use tiltmeter::prefix::PrefixTree;

fn shared(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("readable")).expect("JSON")
}

fn f32s(st: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let bytes = st.tensor(name).expect(name).data().to_vec();
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

/// Norm of the difference over norm of the reference.
fn relative(got: &[f32], want: &[f32]) -> f64 {
    assert_eq!(got.len(), want.len());
    let norm = |it: &mut dyn Iterator<Item = f64>| it.map(|x| x * x).sum::<f64>().sqrt();
    let difference = norm(&mut got.iter().zip(want).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    difference / norm(&mut want.iter().map(|x| f64::from(*x)))
}

fn cases() -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(shared("reference")) else {
        println!("skipped: ../shared/reference is not here");
        return Vec::new();
    };
    let mut dirs: Vec<PathBuf> = entries
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|dir| dir.join("reference.json").is_file())
        .collect();
    dirs.sort();
    dirs
}

#[test]
fn final_logits_agree_with_transformers() {
    for dir in cases() {
        let reference = json(&dir.join("reference.json"));
        let bytes = std::fs::read(dir.join("reference.safetensors")).expect("readable");
        let tensors = SafeTensors::deserialize(&bytes).expect("safetensors");
        let want = f32s(&tensors, "logits");
        let sequences: Vec<Vec<u32>> =
            serde_json::from_value(reference["sequences"].clone()).expect("sequences");
        let pair: Vec<usize> = serde_json::from_value(reference["pair_ids"].clone()).expect("pair_ids");

        let checkpoint = Checkpoint::open(&dir).expect("opens");
        let decoder = Decoder::new(&Cpu, &checkpoint.spec, &checkpoint).expect("uploads");
        let vocab = checkpoint.spec.vocab;
        let all: Vec<u32> = (0..vocab as u32).collect();
        let tree = PrefixTree::new(&sequences, true);
        for pack_tokens in [7, 100, 4096] {
            let mut state = decoder.path_state(&tree, pack_tokens).expect("state");
            let mut seen = 0;
            for pack in tree.packs(pack_tokens) {
                let hidden = decoder.forward(&tree, &pack, &mut state).expect("forward");
                let logits = Cpu.choice_logits(&hidden, &decoder.head(), &all).expect("logits");
                let sums = Cpu.log_sum_exp(&hidden, &decoder.head()).expect("log-sum-exp");
                for ((got, sum), &(branch, _)) in logits.iter().zip(sums).zip(&pack.ends) {
                    for &prompt in &tree.branches[branch].prompts {
                        let want = &want[prompt * vocab..(prompt + 1) * vocab];
                        let error = relative(got, want);
                        assert!(error < 1e-4, "{}: sequence {prompt}: {error:e}", dir.display());
                        let odds = |l: &[f32]| f64::from(l[pair[0]]) - f64::from(l[pair[1]]);
                        assert!((odds(got) - odds(want)).abs() < 1e-3, "{}: log-odds", dir.display());
                        let exact = want.iter().map(|l| f64::from(*l).exp()).sum::<f64>().ln();
                        assert!((sum - exact).abs() < 1e-3, "{}: log-sum-exp {sum} {exact}", dir.display());
                        seen += 1;
                    }
                }
            }
            assert_eq!(seen, sequences.len());
        }
    }
}

#[test]
fn every_layer_agrees_with_the_stored_trace() {
    for dir in cases() {
        let reference = json(&dir.join("reference.json"));
        let bytes = std::fs::read(dir.join("reference.safetensors")).expect("readable");
        let tensors = SafeTensors::deserialize(&bytes).expect("safetensors");
        let trace = reference["trace_sequence"].as_u64().expect("trace_sequence") as usize;
        let tokens: Vec<u32> = serde_json::from_value(reference["sequences"][trace].clone()).expect("ids");
        let checkpoint = Checkpoint::open(&dir).expect("opens");
        let decoder = Decoder::new(&Cpu, &checkpoint.spec, &checkpoint).expect("uploads");
        let tree = PrefixTree::new(&[tokens], true);
        let mut state = decoder.path_state(&tree, tree.len()).expect("state");
        // From here on only the rows of prompts' last tokens exist.
        let need = checkpoint.spec.last_kv_maker();
        let width = checkpoint.spec.hidden;
        for pack in tree.packs(tree.len()) {
            let mut stages = 0;
            decoder
                .trace(&tree, &pack, &mut state, &mut |stage, rows| {
                    let (name, final_only) = match stage {
                        Stage::Embed => ("trace.embed".to_string(), false),
                        Stage::Attention(i) => (format!("trace.layer.{i}.attn"), i >= need),
                        Stage::Mlp(i) => (format!("trace.layer.{i}.mlp"), i >= need),
                        Stage::Layer(i) => (format!("trace.layer.{i}"), i >= need),
                        Stage::FinalNorm => ("trace.final_norm".to_string(), true),
                    };
                    let want = f32s(&tensors, &name);
                    let want = if final_only { &want[want.len() - width..] } else { &want[..] };
                    let error = relative(&rows.data, want);
                    assert!(error < 1e-4, "{}: {name}: {error:e}", dir.display());
                    stages += 1;
                    Ok(())
                })
                .expect("forward");
            assert_eq!(stages, 3 * checkpoint.spec.layers.len() + 2);
        }
    }
}
