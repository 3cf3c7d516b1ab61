//! The second embedding that enters the layers, and the rows that go through them.

use super::load::Side;
use super::{Decoder, DecoderError};
use crate::backend::{Backend, Projection};
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
    /// Side input for `tokens`, whose embedded rows are `e`, of the layers below the last maker of keys and values or of
    /// those from it on; `None` without layers or side input.
    pub(super) fn side_rows(
        &self,
        layers: Range<usize>,
        tokens: &[u32],
        e: &B::Rows,
    ) -> Result<Option<B::Rows>, DecoderError> {
        let (Some(Side { table, norm, lower, upper }), Some(spec)) = (&self.side, &self.spec.side) else {
            return Ok(None);
        };
        let is_lower = layers.end <= self.spec.last_kv_maker();
        let Some(context) = (if is_lower { lower } else { upper }) else {
            return Ok(None);
        };
        let backend = self.backend;
        let columns = layers.start * spec.width..layers.end * spec.width;
        let mut out = backend.linear(e, &Projection { weight: context, bias: None })?;
        backend.scale(&mut out, spec.context_scale)?;
        out = backend.norm(&out, Some(norm), spec.width, self.spec.eps)?;
        backend.add(&backend.embed(table, columns, tokens, spec.token_scale)?, &mut out)?;
        backend.scale(&mut out, spec.join_scale)?;
        Ok(Some(out))
    }
}
