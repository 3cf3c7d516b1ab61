//! The steps of one layer.

use super::load::Linear;
use super::observe::{Observer, Stage};
use super::{Decoder, DecoderError};
use crate::backend::{Backend, Projection};
use crate::checkpoint::spec::HeadNorm;
use crate::prefix::QueryRun;
use std::ops::Range;

/// The rows that go through a layer: a pack's, or those of its prompts' last tokens.
pub(super) struct RowSet<'p, B: Backend> {
    /// Per rotary table.
    pub turns: Vec<B::Turns>,
    pub runs: &'p [QueryRun],
    /// Side input of the layers from `first_side` on, `[n, layers * width]`.
    pub side: Option<B::Rows>,
    pub first_side: usize,
}

impl<'w, B: Backend> Decoder<'w, B> {
    /// The norm over whole rows, where there is one.
    pub(super) fn norm(
        &self,
        x: &B::Rows,
        weight: Option<&B::Matrix<'w>>,
    ) -> Result<Option<B::Rows>, DecoderError> {
        let Some(weight) = weight else {
            return Ok(None);
        };
        Ok(Some(self.backend.norm(x, Some(weight), self.spec.hidden, self.spec.eps)?))
    }

    /// Side input for `tokens`, whose embedded rows are `e`, of the layers below the last maker of keys and values or of
    /// those from it on; `None` without layers or side input.
    pub(super) fn side_rows(
        &self,
        layers: Range<usize>,
        tokens: &[u32],
        e: &B::Rows,
    ) -> Result<Option<B::Rows>, DecoderError> {
        let (Some(side), Some(spec)) = (&self.side, &self.spec.side) else {
            return Ok(None);
        };
        let lower = layers.end <= self.spec.last_kv_maker();
        let Some(context) = (if lower { &side.lower } else { &side.upper }) else {
            return Ok(None);
        };
        let backend = self.backend;
        let columns = layers.start * spec.width..layers.end * spec.width;
        let mut out = backend.linear(e, &Projection { weight: context, bias: None })?;
        backend.scale(&mut out, spec.context_scale)?;
        out = backend.norm(&out, Some(&side.norm), spec.width, self.spec.eps)?;
        backend.add(&backend.embed(&side.table, columns, tokens, spec.token_scale)?, &mut out)?;
        backend.scale(&mut out, spec.join_scale)?;
        Ok(Some(out))
    }

    /// Keys and values from the layer's (normed) input, if it makes any.
    pub(super) fn write_kv(
        &self,
        i: usize,
        h: &B::Rows,
        turns: &[B::Turns],
        path: usize,
        kv: &mut B::Kv,
    ) -> Result<(), DecoderError> {
        let (backend, spec) = (self.backend, &self.spec.layers[i]);
        let Some(own) = &self.layers[i].own_kv else {
            return Ok(());
        };
        let mut k = backend.linear(h, &own.key.on())?;
        k = self.head_norm(i, k, own.key_norm.as_ref(), spec.kv_width())?;
        backend.rope(&mut k, spec.head_dim, &turns[spec.rotary])?;
        let mut v = backend.linear(h, &own.value.on())?;
        if spec.value_norm {
            v = backend.norm(&v, None, spec.head_dim, self.spec.eps)?;
        }
        Ok(backend.write_kv(kv, i, path, k, v)?)
    }

    fn head_norm(
        &self,
        i: usize,
        x: B::Rows,
        weight: Option<&B::Matrix<'w>>,
        width: usize,
    ) -> Result<B::Rows, DecoderError> {
        let spec = &self.spec.layers[i];
        let group = match spec.head_norm {
            HeadNorm::None => return Ok(x),
            HeadNorm::EachHead => spec.head_dim,
            HeadNorm::WholeRow => width,
        };
        Ok(self.backend.norm(&x, weight, group, self.spec.eps)?)
    }

    /// Queries, attention, MLP and side input for the rows of `x` (normed: `h`); keys and values are already written.
    pub(super) fn finish_layer(
        &self,
        i: usize,
        h: Option<&B::Rows>,
        rows: &RowSet<'_, B>,
        kv: &B::Kv,
        x: &mut B::Rows,
        observer: &mut Observer<'_, B::Rows>,
    ) -> Result<(), DecoderError> {
        let (backend, layer, spec) = (self.backend, &self.layers[i], &self.spec.layers[i]);
        let mut q = backend.linear(h.unwrap_or(x), &layer.query.on())?;
        q = self.head_norm(i, q, layer.query_norm.as_ref(), spec.q_width())?;
        backend.rope(&mut q, spec.head_dim, &rows.turns[spec.rotary])?;
        let attended = backend.tree_attention(&q, kv, self.spec.kv_layer(i), rows.runs, spec)?;
        let norm = layer.attn_out_norm.as_ref();
        self.add_projected(&attended, &layer.attn_out, norm, Stage::Attention(i), x, observer)?;

        let h = self.norm(x, layer.mlp_in_norm.as_ref())?;
        let inner = backend.gate(h.as_ref().unwrap_or(x), &layer.gate.on(), &layer.up.on(), spec.mlp.act)?;
        let norm = layer.mlp_out_norm.as_ref();
        self.add_projected(&inner, &layer.down, norm, Stage::Mlp(i), x, observer)?;

        if let (Some(side), Some(input), Some(side_spec)) = (&layer.side, &rows.side, &self.spec.side) {
            let column = (i - rows.first_side) * side_spec.width;
            let inner = backend.side_gate(x, &side.gate.on(), input, column, spec.mlp.act)?;
            let out = backend.linear(&inner, &side.out.on())?;
            backend.add(&backend.norm(&out, Some(&side.norm), self.spec.hidden, self.spec.eps)?, x)?;
        }
        if let Some(by) = layer.out_scale {
            backend.scale(x, by)?;
        }
        Ok(())
    }

    /// `x += norm(inner W^T + b)`, in one step where there is no norm and nobody looks.
    fn add_projected(
        &self,
        inner: &B::Rows,
        linear: &Linear<B::Matrix<'w>>,
        norm: Option<&B::Matrix<'w>>,
        stage: Stage,
        x: &mut B::Rows,
        observer: &mut Observer<'_, B::Rows>,
    ) -> Result<(), DecoderError> {
        if norm.is_none() && !observer.looks() {
            return Ok(self.backend.linear_add(inner, &linear.on(), x)?);
        }
        let out = self.backend.linear(inner, &linear.on())?;
        observer.see(stage, &out)?;
        let normed = self.norm(&out, norm)?;
        Ok(self.backend.add(normed.as_ref().unwrap_or(&out), x)?)
    }
}
