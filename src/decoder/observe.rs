//! Looking into a pass; for traces and tests.

use crate::backend::BackendError;
use crate::backend::layer::See;

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

pub(super) type Observe<'o, R> = dyn FnMut(Stage, &R) -> Result<(), BackendError> + 'o;

pub(super) struct Observer<'o, R>(pub Option<&'o mut Observe<'o, R>>);

impl<R> Observer<'_, R> {
    pub fn see(&mut self, stage: Stage, rows: &R) -> Result<(), BackendError> {
        match &mut self.0 {
            Some(observe) => observe(stage, rows),
            None => Ok(()),
        }
    }

    /// Does `step` with one who sees its output as that of `stage`; with nobody where nobody looks, since sums with the
    /// stream must then not be kept apart from what is added.
    pub fn at<T>(&mut self, stage: Stage, step: impl FnOnce(&mut See<'_, R>) -> T) -> T {
        match &mut self.0 {
            Some(observe) => step(&mut Some(&mut |rows| observe(stage, rows))),
            None => step(&mut None),
        }
    }
}
