//! The decoder's arithmetic in phrases, equal layers together.

use serde::Serialize;

use crate::checkpoint::spec::{Act, Around, DecoderSpec, HeadNorm, Kv, LayerSpec, Pairs, Rotary, SideInput};

#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct DecoderFacts {
    pub hidden: usize,
    /// Rows of the embedding.
    pub vocabulary: usize,
    /// Longest prompt in tokens.
    pub context: usize,
    pub eps: f32,
    pub embedding: String,
    /// A second embedding that enters layer by layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side_input: Option<String>,
    pub head: String,
    pub rotaries: Vec<String>,
    pub layers: Vec<LayerGroup>,
}

/// Layers that compute the same.
#[derive(Debug, Serialize, schemars::JsonSchema)]
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
        let mut head = if spec.head.tied { "the embedding's rows" } else { "rows of its own" }.to_owned();
        if spec.head.unit_rows {
            head += ", each divided by its length";
        }
        if let Some(cap) = spec.head.cap {
            head += &format!(", logits capped at {cap} by tanh");
        }
        Self {
            hidden: spec.hidden,
            vocabulary: spec.vocab,
            context: spec.context,
            eps: spec.eps,
            embedding,
            side_input: spec.side.as_ref().map(side_input),
            head,
            rotaries: spec.rotaries.iter().map(rotary).collect(),
            layers: groups(&spec.layers),
        }
    }
}

fn side_input(side: &SideInput) -> String {
    format!(
        "{} elements a layer: (token's row times {} + normed projection of the embedding times {}) times {}",
        side.width, side.token_scale, side.context_scale, side.join_scale
    )
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
    match layer.head_norm {
        HeadNorm::None => {}
        HeadNorm::EachHead => said.push("norms on each head's queries and keys".into()),
        HeadNorm::WholeRow => said.push("norms on queries and on keys, all heads together".into()),
    }
    if layer.value_norm {
        said.push("values normed without weight".into());
    }
    said.push(format!("rotary table {}", layer.rotary));
    said.push(format!("scores times {}", layer.score_scale));
    if let Some(cap) = layer.score_cap {
        said.push(format!("scores capped at {cap} by tanh"));
    }
    said.push(match layer.window {
        Some(window) => format!("window of {window} tokens"),
        None => "sees all tokens".into(),
    });
    if let Kv::Of(donor) = layer.kv {
        said.push(format!("reads the keys and values of layer {donor}"));
    }
    said.push(norms(layer.norms));
    let act = match layer.mlp.act {
        Act::Silu => "SiLU",
        Act::GeluTanh => "GELU (tanh)",
    };
    let bias = if layer.mlp.bias { ", with biases" } else { "" };
    said.push(format!("gated MLP of {}, {act}{bias}", layer.mlp.width));
    if layer.side {
        said.push("side input added".into());
    }
    if layer.out_scale {
        said.push("output times a stored scalar".into());
    }
    said
}

fn norms(norms: Around) -> String {
    let places = [
        (norms.attn_in, "before attention"),
        (norms.attn_out, "after it"),
        (norms.mlp_in, "before the MLP"),
        (norms.mlp_out, "after it"),
    ];
    match norms {
        Around::BEFORE => "norms before attention and MLP".into(),
        Around::AFTER => "norms after attention and MLP".into(),
        Around::BOTH => "norms before and after attention and MLP".into(),
        _ => {
            let there: Vec<&str> = places.into_iter().filter(|place| place.0).map(|place| place.1).collect();
            format!("norms {}", there.join(", "))
        }
    }
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
