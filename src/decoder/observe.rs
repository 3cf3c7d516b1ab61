//! Looking into a pass; for traces and tests.

use super::DecoderError;

/// What a pass shows, in the order of computation. From the last layer that makes keys and values on, only the rows of
/// prompts' last tokens exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Embedded tokens, scaled.
    Embed,
    /// Output of a layer's attention, after the output projection, before any norm and the sum with the stream.
    Attention(usize),
    /// Output of a layer's MLP, likewise.
    Mlp(usize),
    /// Residual stream after a layer.
    Layer(usize),
    FinalNorm,
}

type Observe<'o, R> = dyn FnMut(Stage, &R) -> Result<(), DecoderError> + 'o;

pub(super) struct Observer<'o, R>(pub Option<&'o mut Observe<'o, R>>);

impl<R> Observer<'_, R> {
    pub fn see(&mut self, stage: Stage, rows: &R) -> Result<(), DecoderError> {
        match &mut self.0 {
            Some(observe) => observe(stage, rows),
            None => Ok(()),
        }
    }

    /// Whether sums with the stream must be kept apart from what is added.
    pub fn looks(&self) -> bool {
        self.0.is_some()
    }
}
