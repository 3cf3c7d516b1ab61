//! The decoder's arithmetic in phrases, equal layers together.

use serde::Serialize;

use crate::checkpoint::spec::{Act, DecoderSpec, LayerSpec, Pairs, Rotary};

#[derive(Debug, Serialize)]
pub struct DecoderFacts {
    pub hidden: usize,
    /// Rows of the embedding.
    pub vocabulary: usize,
    /// Longest prompt in tokens.
    pub context: usize,
    pub eps: f32,
    pub embedding: String,
    pub head: String,
    pub rotaries: Vec<String>,
    pub layers: Vec<LayerGroup>,
}

/// Layers that compute the same.
#[derive(Debug, Serialize)]
pub struct LayerGroup {
    /// `0-3, 5`
    pub layers: String,
    pub count: usize,
    pub what: Vec<String>,
}

impl DecoderFacts {
    pub fn of(spec: &DecoderSpec) -> Self {
        let embedding = match spec.embed_scale {
            1.0 => "as stored".to_owned(),
            scale => format!("times {scale}"),
        };
        let head = if spec.head.tied { "the embedding's rows" } else { "rows of its own" };
        Self {
            hidden: spec.hidden,
            vocabulary: spec.vocab,
            context: spec.context,
            eps: spec.eps,
            embedding,
            head: head.to_owned(),
            rotaries: spec.rotaries.iter().map(rotary).collect(),
            layers: groups(&spec.layers),
        }
    }
}

fn rotary(rotary: &Rotary) -> String {
    let pairs = match rotary.pairs {
        Pairs::Apart(distance) => format!("(i, i + {distance})"),
        Pairs::Adjacent => "(2i, 2i + 1)".to_owned(),
    };
    let bounds = match (rotary.freq.first(), rotary.freq.last()) {
        (Some(first), Some(last)) => format!(", {first:.3e} to {last:.3e} radians a token"),
        _ => String::new(),
    };
    format!("{} pairs {pairs}{bounds}", rotary.freq.len())
}

fn groups(layers: &[LayerSpec]) -> Vec<LayerGroup> {
    let mut kinds: Vec<(&LayerSpec, Vec<usize>)> = Vec::new();
    for (number, layer) in layers.iter().enumerate() {
        match kinds.iter_mut().find(|(kind, _)| *kind == layer) {
            Some((_, members)) => members.push(number),
            None => kinds.push((layer, vec![number])),
        }
    }
    let group = |(kind, members): (&LayerSpec, Vec<usize>)| LayerGroup {
        layers: ranges(&members),
        count: members.len(),
        what: phrases(kind),
    };
    kinds.into_iter().map(group).collect()
}

fn phrases(layer: &LayerSpec) -> Vec<String> {
    let mut said =
        vec![format!("{} heads of {}, {} of keys and values", layer.heads, layer.head_dim, layer.kv_heads)];
    match (layer.qkv_bias, layer.out_bias) {
        (false, false) => {}
        (true, false) => said.push("biases on queries, keys and values".into()),
        (true, true) => said.push("biases on all projections of attention".into()),
        (false, true) => said.push("a bias on the output of attention".into()),
    }
    said.push(format!("rotary table {}", layer.rotary));
    said.push(format!("scores times {}", layer.score_scale));
    said.push(match layer.window {
        Some(window) => format!("window of {window} tokens"),
        None => "sees all tokens".into(),
    });
    let act = match layer.mlp.act {
        Act::Silu => "SiLU",
        Act::GeluTanh => "GELU (tanh)",
    };
    let bias = if layer.mlp.bias { ", with biases" } else { "" };
    said.push(format!("gated MLP of {}, {act}{bias}", layer.mlp.width));
    said
}

/// `[0, 1, 2, 5]` as `0-2, 5`.
fn ranges(numbers: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, end)) if *end + 1 == number => *end = number,
            _ => runs.push((number, number)),
        }
    }
    let run = |(start, end): (usize, usize)| match start == end {
        true => start.to_string(),
        false => format!("{start}-{end}"),
    };
    runs.into_iter().map(run).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn runs_are_joined() {
        assert_eq!(ranges(&[0, 1, 2, 5, 7, 8]), "0-2, 5, 7-8");
        assert_eq!(ranges(&[3]), "3");
        assert_eq!(ranges(&[]), "");
    }
}
