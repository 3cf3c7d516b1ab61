//! The one forward pass, driven by a `DecoderSpec` and written once for every backend.
//!
//! A layer computes a token's output only if something downstream reads it: in the last layer every token makes its keys
//! and values, but only prompts' last tokens go on.

use crate::backend::{Backend, BackendError, GatedMlp, Projection};
use crate::checkpoint::spec::{DecoderSpec, LayerSpec};
use crate::checkpoint::weights::{Role, Weights};
use crate::prefix::{Pack, PrefixTree};

#[derive(Debug, thiserror::Error)]
pub enum DecoderError {
    #[error("the checkpoint has no tensor for {role:?}{}", .layer.map(|l| format!(" of layer {l}")).unwrap_or_default())]
    MissingWeight { role: Role, layer: Option<usize> },
    #[error(
        "a value became infinite or NaN in {place}; the weights or their stored type cannot be computed with"
    )]
    NotFinite { place: String },
    #[error(transparent)]
    Backend(#[from] BackendError),
}

/// A decoder whose weights are on a backend.
pub struct Decoder<'w, B: Backend> {
    backend: &'w B,
    spec: &'w DecoderSpec,
    embedding: B::Matrix<'w>,
    layers: Vec<Layer<B::Matrix<'w>>>,
    final_norm: B::Matrix<'w>,
    /// `None` when tied: the embedding serves.
    head: Option<B::Matrix<'w>>,
}

/// A weight and its bias.
struct Linear<M> {
    weight: M,
    bias: Option<M>,
}

impl<M> Linear<M> {
    fn on(&self) -> Projection<'_, M> {
        Projection { weight: &self.weight, bias: self.bias.as_ref() }
    }
}

struct Layer<M> {
    attn_in_norm: M,
    query: Linear<M>,
    key: Linear<M>,
    value: Linear<M>,
    attn_out: Linear<M>,
    mlp_in_norm: M,
    gate: Linear<M>,
    up: Linear<M>,
    down: Linear<M>,
}

/// Keys and values carried from pack to pack.
pub struct PathState<B: Backend>(B::Kv);

/// What a pass hands to an observer, in the order of computation; for traces and tests.
pub enum Stage {
    Embed,
    /// Residual stream after a layer. In the last layer only the rows of prompt ends exist.
    Layer(usize),
    FinalNorm,
}

impl<'w, B: Backend> Decoder<'w, B> {
    pub fn new(
        backend: &'w B,
        spec: &'w DecoderSpec,
        weights: &'w dyn Weights,
    ) -> Result<Self, DecoderError> {
        let need = |role, layer| {
            let tensor = weights.get(role, layer).ok_or(DecoderError::MissingWeight { role, layer })?;
            Ok::<_, DecoderError>(backend.upload(tensor)?)
        };
        let linear = |weight, bias, has_bias: bool, layer| {
            let bias = if has_bias { Some(need(bias, layer)?) } else { None };
            Ok::<_, DecoderError>(Linear { weight: need(weight, layer)?, bias })
        };
        let mut layers = Vec::with_capacity(spec.layers.len());
        for (i, l) in spec.layers.iter().enumerate() {
            let at = Some(i);
            layers.push(Layer {
                attn_in_norm: need(Role::AttnInNorm, at)?,
                query: linear(Role::Query, Role::QueryBias, l.qkv_bias, at)?,
                key: linear(Role::Key, Role::KeyBias, l.qkv_bias, at)?,
                value: linear(Role::Value, Role::ValueBias, l.qkv_bias, at)?,
                attn_out: linear(Role::AttnOut, Role::AttnOutBias, l.out_bias, at)?,
                mlp_in_norm: need(Role::MlpInNorm, at)?,
                gate: linear(Role::Gate, Role::GateBias, l.mlp.bias, at)?,
                up: linear(Role::Up, Role::UpBias, l.mlp.bias, at)?,
                down: linear(Role::Down, Role::DownBias, l.mlp.bias, at)?,
            });
        }
        Ok(Decoder {
            backend,
            spec,
            embedding: need(Role::Embedding, None)?,
            layers,
            final_norm: need(Role::FinalNorm, None)?,
            head: if spec.head.tied { None } else { Some(need(Role::OutputEmbedding, None)?) },
        })
    }

    pub fn spec(&self) -> &DecoderSpec {
        self.spec
    }

    pub fn backend(&self) -> &B {
        self.backend
    }

    /// The output embedding, `[V, H]`.
    pub fn head(&self) -> &B::Matrix<'w> {
        self.head.as_ref().unwrap_or(&self.embedding)
    }

    /// Fresh state for the packs of one tree, to be run in order.
    pub fn path_state(&self, tree: &PrefixTree, pack_tokens: usize) -> Result<PathState<B>, DecoderError> {
        let path = tree.depth.iter().max().map_or(0, |d| *d as usize + 1);
        Ok(PathState(self.backend.new_kv(&self.spec.layers, pack_tokens.min(tree.len()), path)?))
    }

    /// Final-normed hidden rows of the prompts' last tokens in `pack`, in the order of `pack.ends`: `[ends, H]`.
    pub fn forward(
        &self,
        tree: &PrefixTree,
        pack: &Pack,
        state: &mut PathState<B>,
        observe: &mut dyn FnMut(Stage, &B::Rows) -> Result<(), DecoderError>,
    ) -> Result<B::Rows, DecoderError> {
        let backend = self.backend;
        let positions = &tree.depth[pack.places.clone()];
        let end_rows: Vec<usize> = pack.ends.iter().map(|&(_, row)| row).collect();
        let end_positions: Vec<u32> = end_rows.iter().map(|&row| positions[row]).collect();
        let end_runs = pack.end_runs();
        let turns = |at: &[u32]| {
            self.spec.rotaries.iter().map(|r| backend.turns(r, at)).collect::<Result<Vec<_>, _>>()
        };
        let (all_turns, end_turns) = (turns(positions)?, turns(&end_positions)?);

        let mut x =
            backend.embed(&self.embedding, &tree.tokens[pack.places.clone()], self.spec.embed_scale)?;
        observe(Stage::Embed, &x)?;
        for (i, (layer, spec)) in self.layers.iter().zip(&self.spec.layers).enumerate() {
            let last = i + 1 == self.layers.len();
            let h = backend.norm(&x, &layer.attn_in_norm, self.spec.eps)?;
            let mut k = backend.linear(&h, &layer.key.on())?;
            let v = backend.linear(&h, &layer.value.on())?;
            backend.rope(&mut k, spec.head_dim, &all_turns[spec.rotary])?;
            backend.write_kv(&mut state.0, i, pack.path, k, v)?;
            if last {
                // Nothing reads the other tokens' outputs any more.
                let h = backend.gather_rows(&h, &end_rows)?;
                x = backend.gather_rows(&x, &end_rows)?;
                self.finish_layer(layer, spec, &h, &end_turns, &end_runs, state, &mut x)?;
            } else {
                self.finish_layer(layer, spec, &h, &all_turns, &pack.runs, state, &mut x)?;
            }
            backend.carry(&mut state.0, i, &pack.carry)?;
            if backend.first_non_finite(&x)?.is_some() {
                return Err(DecoderError::NotFinite { place: format!("layer {i}") });
            }
            observe(Stage::Layer(i), &x)?;
        }
        let x = backend.norm(&x, &self.final_norm, self.spec.eps)?;
        if backend.first_non_finite(&x)?.is_some() {
            return Err(DecoderError::NotFinite { place: "the final norm".into() });
        }
        observe(Stage::FinalNorm, &x)?;
        Ok(x)
    }

    /// Queries, attention and MLP for the rows of `x` (normed: `h`); keys and values are already written.
    #[allow(clippy::too_many_arguments)]
    fn finish_layer(
        &self,
        layer: &Layer<B::Matrix<'w>>,
        spec: &LayerSpec,
        h: &B::Rows,
        turns: &[B::Turns],
        runs: &[crate::prefix::QueryRun],
        state: &PathState<B>,
        x: &mut B::Rows,
    ) -> Result<(), DecoderError> {
        let backend = self.backend;
        let mut q = backend.linear(h, &layer.query.on())?;
        backend.rope(&mut q, spec.head_dim, &turns[spec.rotary])?;
        let attended = backend.tree_attention(&q, &state.0, runs, spec)?;
        backend.linear_add(&attended, &layer.attn_out.on(), x)?;
        let h = backend.norm(x, &layer.mlp_in_norm, self.spec.eps)?;
        let mlp =
            GatedMlp { gate: layer.gate.on(), up: layer.up.on(), down: layer.down.on(), act: spec.mlp.act };
        Ok(backend.gated_mlp(&h, &mlp, x)?)
    }
}
