//! Promise: the engine computes a plain decoder. The oracle below is a forward pass in f64 with none of the engine's
//! ideas: one prompt at a time, one loop per sum, straight from the tensors' values.

mod common;

use common::{FAMILIES, TinyConfig, TinyFamily, write_tiny_checkpoint};
use half::{bf16, f16};
use tiltmeter::backend::Backend;
use tiltmeter::backend::cpu::Cpu;
use tiltmeter::checkpoint::{Checkpoint, Dtype, Role, Weights};
use tiltmeter::decoder::Decoder;
use tiltmeter::prefix::PrefixTree;

/// All values of a tensor, widened exactly.
fn values(checkpoint: &Checkpoint, role: Role, layer: Option<usize>) -> Option<Vec<f64>> {
    let t = checkpoint.get(role, layer)?;
    Some(match t.dtype {
        Dtype::F32 => t.bytes.as_chunks::<4>().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
        Dtype::F16 => t.bytes.as_chunks::<2>().0.iter().map(|b| f16::from_le_bytes(*b).to_f64()).collect(),
        Dtype::Bf16 => t.bytes.as_chunks::<2>().0.iter().map(|b| bf16::from_le_bytes(*b).to_f64()).collect(),
    })
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

struct Oracle<'c>(&'c Checkpoint);

impl Oracle<'_> {
    fn norm(&self, x: &[f64], role: Role, layer: Option<usize>) -> Vec<f64> {
        let w = values(self.0, role, layer).expect("norm");
        let scale = 1.0 / (dot(x, x) / x.len() as f64 + f64::from(self.0.spec.eps)).sqrt();
        x.iter().zip(w).map(|(x, w)| x * scale * w).collect()
    }

    fn linear(&self, x: &[f64], role: Role, bias: Option<Role>, layer: usize) -> Vec<f64> {
        let w = values(self.0, role, Some(layer)).expect("matrix");
        let mut out: Vec<f64> = w.chunks_exact(x.len()).map(|row| dot(row, x)).collect();
        if let Some(b) = bias.and_then(|bias| values(self.0, bias, Some(layer))) {
            out.iter_mut().zip(b).for_each(|(o, b)| *o += b);
        }
        out
    }

    fn rope(&self, x: &mut [f64], layer: usize, position: usize) {
        let spec = &self.0.spec;
        let d = spec.layers[layer].head_dim;
        for head in x.chunks_exact_mut(d) {
            for (i, &f) in spec.rotaries[spec.layers[layer].rotary].freq.iter().enumerate() {
                let (sin, cos) = (position as f64 * f64::from(f)).sin_cos();
                let (a, b) = (head[i], head[i + d / 2]);
                head[i] = a * cos - b * sin;
                head[i + d / 2] = b * cos + a * sin;
            }
        }
    }

    /// Logits after the last of `tokens`.
    fn logits(&self, tokens: &[u32]) -> Vec<f64> {
        let spec = &self.0.spec;
        let table = values(self.0, Role::Embedding, None).expect("embedding");
        let row = |t: u32| table[t as usize * spec.hidden..][..spec.hidden].to_vec();
        let mut stream: Vec<Vec<f64>> = tokens.iter().map(|&t| row(t)).collect();
        for (i, layer) in spec.layers.iter().enumerate() {
            let d = layer.head_dim;
            let (mut queries, mut keys, mut vals) = (Vec::new(), Vec::new(), Vec::new());
            for (position, x) in stream.iter().enumerate() {
                let h = self.norm(x, Role::AttnInNorm, Some(i));
                let mut q = self.linear(&h, Role::Query, Some(Role::QueryBias), i);
                let mut k = self.linear(&h, Role::Key, Some(Role::KeyBias), i);
                self.rope(&mut q, i, position);
                self.rope(&mut k, i, position);
                vals.push(self.linear(&h, Role::Value, Some(Role::ValueBias), i));
                queries.push(q);
                keys.push(k);
            }
            for (position, x) in stream.iter_mut().enumerate() {
                let first = layer.window.map_or(0, |w| (position + 1).saturating_sub(w as usize));
                let mut attended = Vec::new();
                for head in 0..layer.heads {
                    let kv = head / (layer.heads / layer.kv_heads);
                    let q = &queries[position][head * d..(head + 1) * d];
                    let weights: Vec<f64> = (first..=position)
                        .map(|p| (dot(q, &keys[p][kv * d..(kv + 1) * d]) / (d as f64).sqrt()).exp())
                        .collect();
                    let total: f64 = weights.iter().sum();
                    for e in 0..d {
                        let sum: f64 =
                            weights.iter().zip(first..).map(|(w, p)| w * vals[p][kv * d + e]).sum();
                        attended.push(sum / total);
                    }
                }
                let out = self.linear(&attended, Role::AttnOut, Some(Role::AttnOutBias), i);
                x.iter_mut().zip(out).for_each(|(x, o)| *x += o);
                let h = self.norm(x, Role::MlpInNorm, Some(i));
                let gate = self.linear(&h, Role::Gate, Some(Role::GateBias), i);
                let up = self.linear(&h, Role::Up, Some(Role::UpBias), i);
                let inner: Vec<f64> = gate.iter().zip(up).map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect();
                let out = self.linear(&inner, Role::Down, Some(Role::DownBias), i);
                x.iter_mut().zip(out).for_each(|(x, o)| *x += o);
            }
        }
        let last = self.norm(&stream[tokens.len() - 1], Role::FinalNorm, None);
        let head = values(self.0, Role::OutputEmbedding, None).unwrap_or(table.clone());
        head.chunks_exact(spec.hidden).map(|row| dot(row, &last)).collect()
    }
}

fn check(config: &TinyConfig, seed: u64) {
    let dir = tempfile::tempdir().expect("a folder");
    write_tiny_checkpoint(dir.path(), config, seed);
    let checkpoint = Checkpoint::open(dir.path()).expect("opens");
    let decoder = Decoder::new(&Cpu, &checkpoint.spec, &checkpoint).expect("uploads");
    let oracle = Oracle(&checkpoint);
    let vocab = config.vocab as u32;
    let prompts: Vec<Vec<u32>> = [1usize, 2, 9, 40, 90]
        .iter()
        .flat_map(|&n| {
            (0..3u32)
                .map(move |s| (0..n as u32).map(|i| (i * 7 + i / 20 * s * 5 + n as u32) % vocab).collect())
        })
        .collect();
    let all: Vec<u32> = (0..vocab).collect();
    let tree = PrefixTree::new(&prompts, true);
    let mut state = decoder.path_state(&tree, 33).expect("state");
    for pack in tree.packs(33) {
        let hidden = decoder.forward(&tree, &pack, &mut state, &mut |_, _| Ok(())).expect("forward");
        let logits = Cpu.choice_logits(&hidden, decoder.head(), &all).expect("logits");
        let sums = Cpu.log_sum_exp(&hidden, decoder.head()).expect("sums");
        for ((got, sum), &(branch, _)) in logits.iter().zip(sums).zip(&pack.ends) {
            let want = oracle.logits(&prompts[tree.branches[branch].prompts[0]]);
            let norm = dot(&want, &want).sqrt();
            let difference: Vec<f64> = got.iter().zip(&want).map(|(g, w)| f64::from(*g) - w).collect();
            let error = dot(&difference, &difference).sqrt() / norm;
            assert!(error < 2e-5, "{config:?}: {error:e}");
            let exact = want.iter().map(|l| l.exp()).sum::<f64>().ln();
            assert!((sum - exact).abs() < 1e-4, "{config:?}: log-sum-exp {sum}, {exact}");
        }
    }
}

#[test]
fn every_family_agrees_with_a_plain_forward_pass_in_f64() {
    for (seed, family) in FAMILIES.into_iter().enumerate() {
        check(&TinyConfig::new(family), seed as u64);
    }
}

#[test]
fn stored_types_windows_scaled_rotary_and_tied_embeddings_agree_too() {
    for dtype in [Dtype::F16, Dtype::Bf16] {
        check(&TinyConfig { dtype, shards: 2, ..TinyConfig::new(TinyFamily::Qwen2) }, 5);
    }
    check(&TinyConfig { window: Some(16), ..TinyConfig::new(TinyFamily::Mistral) }, 6);
    check(&TinyConfig { llama3_rope: true, head_dim: 16, ..TinyConfig::new(TinyFamily::Llama) }, 7);
    check(&TinyConfig { tied: true, kv_heads: 1, layers: 3, ..TinyConfig::new(TinyFamily::Llama) }, 8);
}
