//! A fingerprint of arithmetic: what a backend makes of a fixed tiny decoder, to the bit.
//!
//! A run keeps it with each checkpoint, so that scores of two builds, devices or drivers mix exactly where they compute the
//! same bits.

use std::collections::HashMap;

use half::bf16;
use sha2::{Digest, Sha256};

use super::{ChoiceScore, ChoiceSet, Engine, Plan, ScoreError, ScoreItem, ScoreOptions};
use crate::backend::Backend;
use crate::backend::cpu::Cpu;
use crate::checkpoint::spec::{Act, Around, DecoderSpec, Head, HeadNorm, LayerSpec, Mlp, Pairs, Rotary};
use crate::checkpoint::{Dtype, Role, Tensor, Weights};
use crate::decoder::{Decoder, DecoderError};

/// Several sums of a norm, and no multiple of any tile.
const HIDDEN: usize = 100;
/// Several stretches of a product's sum.
const WIDTH: usize = 700;
const VOCAB: usize = 300;
/// A branch's tokens: three prompts with a stem of as many cross the blocks of attention.
const STEM: usize = 50;
/// Several packs, whose paths are carried.
const PACK: usize = 64;

/// SHA-256, in hex, over the scores that `backend` gives a fixed decoder for fixed prompts.
///
/// # Errors
/// Whatever the device says.
pub fn fingerprint<B: Backend>(backend: &B) -> Result<String, DecoderError> {
    let mut digest = Sha256::new();
    for score in &scores(backend)? {
        for logit in score.logits.iter().flatten() {
            digest.update(logit.to_bits().to_le_bytes());
        }
        digest.update(score.logsumexp.to_bits().to_le_bytes());
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// How far the fixed decoder's logits are from the processor's: norm of the difference over theirs.
///
/// # Errors
/// Whatever the device says.
pub fn distance<B: Backend>(backend: &B) -> Result<f64, DecoderError> {
    let flat = |scores: Vec<ChoiceScore>| -> Vec<f32> {
        scores.into_iter().flat_map(|score| score.logits.concat()).collect()
    };
    let (ours, wanted) = (flat(scores(backend)?), flat(scores(&Cpu)?));
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let apart = norm(&mut ours.iter().zip(&wanted).map(|(a, b)| f64::from(a - b)));
    Ok(apart / norm(&mut wanted.iter().map(|v| f64::from(*v))))
}

/// The fixed prompts' scores.
fn scores<B: Backend>(backend: &B) -> Result<Vec<ChoiceScore>, DecoderError> {
    let spec = spec();
    let weights = Fixed::new(&spec);
    let engine = Engine::new(Decoder::new(backend, &spec, &weights)?);
    let items = prompts();
    let sets = [ChoiceSet::Tokens(vec![vec![7, 70], vec![11]])];
    let options = ScoreOptions { pack_tokens: PACK, sharing: true, top: 0 };
    let mut scores = Vec::with_capacity(items.len());
    engine
        .score(&Plan::new(&items, &sets, true), &options, |pack, _| {
            scores.extend_from_slice(pack);
            Ok::<_, std::convert::Infallible>(())
        })
        .map_err(|ScoreError::Decoder(error)| error)?;
    scores.sort_by_key(|(item, _)| *item);
    Ok(scores.into_iter().map(|(_, score)| score).collect())
}

/// Two layers that between them take every step whose result a device may round its own way.
fn spec() -> DecoderSpec {
    let plain = LayerSpec::plain(4, 2, 16, WIDTH);
    let other = LayerSpec {
        qkv_bias: true,
        head_norm: HeadNorm::EachHead,
        value_norm: true,
        score_cap: Some(20.0),
        window: Some(40),
        norms: Around::BOTH,
        mlp: Mlp { width: WIDTH, act: Act::GeluTanh, bias: false },
        ..plain.clone()
    };
    DecoderSpec {
        embed_scale: 10.0,
        rotaries: vec![Rotary {
            freq: (0..8).map(|i| 10_000f32.powf(-(i as f32) / 8.0)).collect(),
            pairs: Pairs::Apart(8),
        }],
        head: Head { tied: true, unit_rows: false, cap: Some(30.0) },
        ..DecoderSpec::plain(HIDDEN, VOCAB, 4 * STEM, 1e-6, vec![other, plain])
    }
}

/// A stem, three branches of it, and two leaves on each.
fn prompts() -> Vec<ScoreItem> {
    let mut numbers = Numbers(3);
    let mut tokens = |count: usize| -> Vec<u32> {
        (0..count).map(|_| (numbers.next() >> 40) as u32 % VOCAB as u32).collect()
    };
    let stem = tokens(STEM);
    let mut items = Vec::new();
    for _ in 0..3 {
        let branch = [stem.clone(), tokens(STEM)].concat();
        for leaf in [1, 9] {
            items.push(ScoreItem { tokens: [branch.clone(), tokens(leaf)].concat(), choices: 0 });
        }
    }
    items
}

/// Knuth's linear congruential generator.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0
    }
}

/// Pseudo-random bf16 weights of the fixed decoder: rows and bytes.
struct Fixed(HashMap<(Role, Option<usize>), (usize, Vec<u8>)>);

impl Fixed {
    fn new(spec: &DecoderSpec) -> Fixed {
        let mut numbers = Numbers(5);
        let mut tensors = HashMap::new();
        let mut add = |role, layer, rows: usize, cols: usize| {
            let scale = (3.0 / cols as f32).sqrt();
            let values = (0..rows * cols).flat_map(|_| {
                let unit = (numbers.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
                // Weights of norms lie around one.
                bf16::from_f32(if rows == 1 { 1.0 + unit / 4.0 } else { unit * scale }).to_le_bytes()
            });
            tensors.insert((role, layer), (rows, values.collect()));
        };
        add(Role::Embedding, None, spec.vocab, spec.hidden);
        add(Role::FinalNorm, None, 1, spec.hidden);
        for (i, layer) in spec.layers.iter().enumerate() {
            let hidden = spec.hidden;
            for (role, rows, cols) in [
                (Role::Query, layer.q_width(), hidden),
                (Role::Key, layer.kv_width(), hidden),
                (Role::Value, layer.kv_width(), hidden),
                (Role::QueryBias, 1, layer.q_width()),
                (Role::KeyBias, 1, layer.kv_width()),
                (Role::ValueBias, 1, layer.kv_width()),
                (Role::QueryNorm, 1, layer.head_dim),
                (Role::KeyNorm, 1, layer.head_dim),
                (Role::AttnOut, hidden, layer.q_width()),
                (Role::AttnInNorm, 1, hidden),
                (Role::AttnOutNorm, 1, hidden),
                (Role::MlpInNorm, 1, hidden),
                (Role::MlpOutNorm, 1, hidden),
                (Role::Gate, layer.mlp.width, hidden),
                (Role::Up, layer.mlp.width, hidden),
                (Role::Down, hidden, layer.mlp.width),
            ] {
                add(role, Some(i), rows, cols);
            }
        }
        Fixed(tensors)
    }
}

impl Weights for Fixed {
    fn get(&self, role: Role, layer: Option<usize>) -> Option<Tensor<'_>> {
        let (rows, bytes) = self.0.get(&(role, layer))?;
        Some(Tensor { dtype: Dtype::Bf16, rows: *rows, cols: bytes.len() / 2 / rows, bytes })
    }
}

/// The fixed decoder, its weights and its prompts, for tests.
#[cfg(test)]
pub(super) fn example() -> (DecoderSpec, impl Weights, Vec<ScoreItem>) {
    let spec = spec();
    let weights = Fixed::new(&spec);
    (spec, weights, prompts())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_decoder_is_sound_and_its_fingerprint_does_not_change_by_itself() {
        spec().check().expect("sound");
        let once = fingerprint(&Cpu).expect("scores");
        assert_eq!(once.len(), 64);
        assert_eq!(once, fingerprint(&Cpu).expect("scores"));
    }

    #[test]
    fn prompts_cross_the_blocks_of_attention_and_the_packs() {
        let items = prompts();
        let plan = Plan::new(&items, &[], true);
        assert!(plan.longest() > 64 && plan.tree_tokens() > 2 * PACK, "{}", plan.tree_tokens());
    }
}
