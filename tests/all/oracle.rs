//! Promise: the engine computes a plain decoder. The oracle below is a forward pass in f64 with none of the engine's
//! ideas: one prompt at a time, one loop per sum, straight from the tensors' values.

use crate::common::{
    FAMILIES, RawTensor, TinyConfig, TinyFamily, write_config, write_tiny_checkpoint, write_weights,
};
use half::{bf16, f16};
use tiltmeter::backend::Backend;
use tiltmeter::backend::cpu::Cpu;
use tiltmeter::checkpoint::spec::{Act, HeadNorm, Kv, Pairs};
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
    fn weight(&self, role: Role, layer: Option<usize>) -> Vec<f64> {
        values(self.0, role, layer).unwrap_or_else(|| panic!("{role:?} of {layer:?}"))
    }

    /// `x / sqrt(mean(x^2) + eps)` by groups, times the weight if there is one.
    fn norm(&self, x: &[f64], weight: Option<Vec<f64>>, group: usize) -> Vec<f64> {
        let weight = weight.unwrap_or_else(|| vec![1.0; group]);
        let eps = f64::from(self.0.spec.eps);
        let normed = |x: &[f64]| {
            let scale = 1.0 / (dot(x, x) / x.len() as f64 + eps).sqrt();
            x.iter().zip(&weight).map(|(x, w)| x * scale * w).collect::<Vec<f64>>()
        };
        x.chunks_exact(group).flat_map(normed).collect()
    }

    /// The norm of this role over whole rows, if the spec has it.
    fn norm_if(&self, there: bool, x: &[f64], role: Role, layer: usize) -> Vec<f64> {
        if there { self.norm(x, Some(self.weight(role, Some(layer))), x.len()) } else { x.to_vec() }
    }

    fn linear(&self, x: &[f64], role: Role, bias: Option<Role>, layer: Option<usize>) -> Vec<f64> {
        let w = self.weight(role, layer);
        let mut out: Vec<f64> = w.chunks_exact(x.len()).map(|row| dot(row, x)).collect();
        if let Some(b) = bias.and_then(|bias| values(self.0, bias, layer)) {
            out.iter_mut().zip(b).for_each(|(o, b)| *o += b);
        }
        out
    }

    fn rope(&self, x: &mut [f64], layer: usize, position: usize) {
        let spec = &self.0.spec;
        let (d, rotary) = (spec.layers[layer].head_dim, &spec.rotaries[spec.layers[layer].rotary]);
        for head in x.chunks_exact_mut(d) {
            for (i, &f) in rotary.freq.iter().enumerate() {
                let (sin, cos) = (position as f64 * f64::from(f)).sin_cos();
                let (first, second) = match rotary.pairs {
                    Pairs::Apart(distance) => (i, i + distance),
                    Pairs::Adjacent => (2 * i, 2 * i + 1),
                };
                let (a, b) = (head[first], head[second]);
                head[first] = a * cos - b * sin;
                head[second] = b * cos + a * sin;
            }
        }
    }

    fn head_norm(&self, x: Vec<f64>, role: Role, layer: usize) -> Vec<f64> {
        let spec = &self.0.spec.layers[layer];
        let group = match spec.head_norm {
            HeadNorm::None => return x,
            HeadNorm::EachHead => spec.head_dim,
            HeadNorm::WholeRow => x.len(),
        };
        self.norm(&x, Some(self.weight(role, Some(layer))), group)
    }

    /// Keys and values of one position.
    fn key_value(&self, x: &[f64], i: usize, position: usize) -> (Vec<f64>, Vec<f64>) {
        let spec = &self.0.spec.layers[i];
        let h = self.norm_if(spec.norms.attn_in, x, Role::AttnInNorm, i);
        let mut k =
            self.head_norm(self.linear(&h, Role::Key, Some(Role::KeyBias), Some(i)), Role::KeyNorm, i);
        self.rope(&mut k, i, position);
        let mut v = self.linear(&h, Role::Value, Some(Role::ValueBias), Some(i));
        if spec.value_norm {
            v = self.norm(&v, None, spec.head_dim);
        }
        (k, v)
    }

    fn attention(&self, x: &[f64], kv: &[(Vec<f64>, Vec<f64>)], i: usize, position: usize) -> Vec<f64> {
        let spec = &self.0.spec.layers[i];
        let d = spec.head_dim;
        let h = self.norm_if(spec.norms.attn_in, x, Role::AttnInNorm, i);
        let mut q =
            self.head_norm(self.linear(&h, Role::Query, Some(Role::QueryBias), Some(i)), Role::QueryNorm, i);
        self.rope(&mut q, i, position);
        let first = spec.window.map_or(0, |w| (position + 1).saturating_sub(w as usize));
        let seen = &kv[first..=position];
        let mut attended = Vec::new();
        for head in 0..spec.heads {
            let at = head / (spec.heads / spec.kv_heads) * d;
            let q = &q[head * d..(head + 1) * d];
            let weights: Vec<f64> = seen
                .iter()
                .map(|(k, _)| (dot(q, &k[at..at + d]) * f64::from(spec.score_scale)).exp())
                .collect();
            let total: f64 = weights.iter().sum();
            let mixed = |e: usize| weights.iter().zip(seen).map(|(w, (_, v))| w * v[at + e]).sum::<f64>();
            attended.extend((0..d).map(|e| mixed(e) / total));
        }
        let out = self.linear(&attended, Role::AttnOut, Some(Role::AttnOutBias), Some(i));
        self.norm_if(spec.norms.attn_out, &out, Role::AttnOutNorm, i)
    }

    fn mlp(&self, x: &[f64], i: usize) -> Vec<f64> {
        let spec = &self.0.spec.layers[i];
        let h = self.norm_if(spec.norms.mlp_in, x, Role::MlpInNorm, i);
        let gate = self.linear(&h, Role::Gate, Some(Role::GateBias), Some(i));
        let up = self.linear(&h, Role::Up, Some(Role::UpBias), Some(i));
        let inner: Vec<f64> = gate.iter().zip(up).map(|(g, u)| act(*g, spec.mlp.act) * u).collect();
        let out = self.linear(&inner, Role::Down, Some(Role::DownBias), Some(i));
        self.norm_if(spec.norms.mlp_out, &out, Role::MlpOutNorm, i)
    }

    /// The side input of all layers from a token and its embedded row.
    fn side(&self, token: u32, e: &[f64]) -> Vec<f64> {
        let Some(side) = &self.0.spec.side else {
            return Vec::new();
        };
        let context = self.linear(e, Role::SideContext, None, None);
        let context: Vec<f64> = context.iter().map(|c| c / (e.len() as f64).sqrt()).collect();
        let context = self.norm(&context, Some(self.weight(Role::SideContextNorm, None)), side.width);
        let table = self.weight(Role::SideTable, None);
        let row = &table[token as usize * context.len()..][..context.len()];
        let scale = (side.width as f64).sqrt();
        context.iter().zip(row).map(|(c, t)| (c + t * scale) / 2f64.sqrt()).collect()
    }

    fn side_step(&self, x: &[f64], side: &[f64], i: usize) -> Vec<f64> {
        let gate = self.linear(x, Role::SideGate, None, Some(i));
        let part = &side[i * gate.len()..];
        let inner: Vec<f64> =
            gate.iter().zip(part).map(|(g, p)| act(*g, self.0.spec.layers[i].mlp.act) * p).collect();
        let out = self.linear(&inner, Role::SideOut, None, Some(i));
        self.norm_if(true, &out, Role::SideOutNorm, i)
    }

    /// Logits after the last of `tokens`; every layer computes every position.
    fn logits(&self, tokens: &[u32]) -> Vec<f64> {
        let spec = &self.0.spec;
        let table = self.weight(Role::Embedding, None);
        let row = |t: u32| table[t as usize * spec.hidden..][..spec.hidden].iter();
        let embedded = |t: u32| row(t).map(|e| e * f64::from(spec.embed_scale)).collect::<Vec<f64>>();
        let mut stream: Vec<Vec<f64>> = tokens.iter().map(|&t| embedded(t)).collect();
        let sides: Vec<Vec<f64>> = tokens.iter().zip(&stream).map(|(&t, e)| self.side(t, e)).collect();
        let mut kvs: Vec<Vec<(Vec<f64>, Vec<f64>)>> = Vec::new();
        for (i, layer) in spec.layers.iter().enumerate() {
            kvs.push(match layer.kv {
                Kv::Own => stream.iter().enumerate().map(|(p, x)| self.key_value(x, i, p)).collect(),
                Kv::Of(donor) => kvs[donor].clone(),
            });
            for (position, x) in stream.iter_mut().enumerate() {
                let add = |x: &mut Vec<f64>, out: Vec<f64>| x.iter_mut().zip(out).for_each(|(x, o)| *x += o);
                let out = self.attention(x, &kvs[i], i, position);
                add(x, out);
                let out = self.mlp(x, i);
                add(x, out);
                if layer.side {
                    let out = self.side_step(x, &sides[position], i);
                    add(x, out);
                }
                if layer.out_scale {
                    let by = self.weight(Role::OutScale, Some(i))[0];
                    x.iter_mut().for_each(|x| *x *= by);
                }
            }
        }
        let last = &stream[tokens.len() - 1];
        let last = self.norm(last, Some(self.weight(Role::FinalNorm, None)), spec.hidden);
        let head = self.weight(Role::OutputEmbedding, None);
        let logit = |row: &[f64]| {
            let logit = dot(row, &last) / if spec.head.unit_rows { dot(row, row).sqrt() } else { 1.0 };
            spec.head.cap.map_or(logit, |cap| f64::from(cap) * (logit / f64::from(cap)).tanh())
        };
        head.chunks_exact(spec.hidden).map(logit).collect()
    }
}

fn act(x: f64, act: Act) -> f64 {
    match act {
        Act::Silu => x / (1.0 + (-x).exp()),
        Act::GeluTanh => {
            0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh())
        }
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
        let hidden = decoder.forward(&tree, &pack, &mut state).expect("forward");
        let logits = Cpu.choice_logits(&hidden, &decoder.head(), &all).expect("logits");
        let sums = Cpu.log_sum_exp(&hidden, &decoder.head()).expect("sums");
        for ((got, sum), &(branch, _)) in logits.iter().zip(sums).zip(&pack.ends) {
            let want = oracle.logits(&prompts[tree.branches[branch].prompts[0]]);
            let norm = dot(&want, &want).sqrt();
            let difference: Vec<f64> = got.iter().zip(&want).map(|(g, w)| f64::from(*g) - w).collect();
            let error = dot(&difference, &difference).sqrt() / norm;
            // Scores that are not divided by a root of the head's size round more coarsely.
            let limit = if config.family.is_gemma4() { 1e-4 } else { 2e-5 };
            assert!(error < limit, "{config:?}: {error:e}");
            let exact = want.iter().map(|l| l.exp()).sum::<f64>().ln();
            assert!((sum - exact).abs() < 1e-4, "{config:?}: log-sum-exp {sum}, {exact}");
        }
    }
}

#[apply(test!)]
fn every_family_agrees_with_a_plain_forward_pass_in_f64() {
    for (seed, family) in FAMILIES.into_iter().enumerate() {
        check(&TinyConfig::new(family), seed as u64);
    }
}

#[apply(test!)]
fn stored_types_windows_scaled_rotary_and_tied_embeddings_agree_too() {
    for dtype in [Dtype::F16, Dtype::Bf16] {
        check(&TinyConfig { dtype, shards: 2, ..TinyConfig::new(TinyFamily::Qwen2) }, 5);
    }
    check(&TinyConfig { window: Some(16), ..TinyConfig::new(TinyFamily::Mistral) }, 6);
    check(&TinyConfig { llama3_rope: true, head_dim: 16, ..TinyConfig::new(TinyFamily::Llama) }, 7);
    check(&TinyConfig { tied: true, kv_heads: 1, layers: 3, ..TinyConfig::new(TinyFamily::Llama) }, 8);
}

/// What only the Gemmas have: other patterns of layers and donors, windows of one token and of many, layers that all
/// make their own keys and values, and a first layer that is the only one to make them.
#[apply(test!)]
fn layer_patterns_donors_and_windows_agree_too() {
    let gemma = |global: &[bool], shared| TinyConfig::new(TinyFamily::Gemma4).with_layers(global, shared);
    check(&gemma(&[false, true, false, true], 0), 9);
    check(&gemma(&[true, true, true], 2), 10);
    let gemma3 = |global: &[bool]| TinyConfig::new(TinyFamily::Gemma3Text).with_layers(global, 0);
    check(&TinyConfig { tied: false, dtype: Dtype::F16, ..gemma3(&[true, false, false, true]) }, 16);
    check(&TinyConfig { window: Some(1), kv_heads: 1, dtype: Dtype::Bf16, ..gemma3(&[false, false]) }, 17);
    check(&TinyConfig { window: Some(1), ..gemma(&[true, false, false, true, false, true], 3) }, 11);
    check(
        &TinyConfig { window: Some(33), kv_heads: 1, ..gemma(&[false, false, true, true, false, true], 2) },
        12,
    );
    check(
        &TinyConfig { global_head_dim: 8, side: 1, dtype: Dtype::Bf16, ..gemma(&[false, true, true], 1) },
        13,
    );
}

#[apply(test!)]
fn fused_matrices_and_unit_rows_agree_in_every_stored_type() {
    for dtype in [Dtype::F16, Dtype::Bf16] {
        check(&TinyConfig { dtype, shards: 3, ..TinyConfig::new(TinyFamily::Baichuan) }, 14);
        check(&TinyConfig { dtype, head_dim: 12, ..TinyConfig::new(TinyFamily::Glm) }, 15);
    }
}

/// Finite weights whose products are not: the layer is named, and the next pass starts clean.
#[apply(test!)]
fn an_overflow_is_reported_by_the_layer_where_it_happens() {
    for (name, place) in
        [("layers.1.mlp.down_proj.weight", "in layer 1;"), ("model.norm.weight", "in the final norm;")]
    {
        let config = TinyConfig::new(TinyFamily::Llama);
        let mut tensors = config.tensors(3);
        for tensor in tensors.iter_mut().filter(|tensor| tensor.name.ends_with(name)) {
            let huge = vec![f32::MAX; tensor.shape.iter().product()];
            *tensor = RawTensor::new(tensor.name.clone(), Dtype::F32, tensor.shape.clone(), &huge);
        }
        let dir = tempfile::tempdir().expect("a folder");
        write_config(dir.path(), &config.config());
        write_weights(dir.path(), &tensors, 1);
        let checkpoint = Checkpoint::open(dir.path()).expect("opens");
        let decoder = Decoder::new(&Cpu, &checkpoint.spec, &checkpoint).expect("uploads");
        let tree = PrefixTree::new(&[vec![1u32, 2, 3]], true);
        let mut state = decoder.path_state(&tree, 8).expect("state");
        for pack in tree.packs(8) {
            let error = decoder.forward(&tree, &pack, &mut state).expect_err("an overflow").to_string();
            assert!(error.contains(place), "{error}");
        }
    }
}
