//! What a layer is to a backend: its tensors when it is loaded, its place in a pass when it is computed.

use super::{Backend, BackendError};
use crate::checkpoint::spec::{DecoderSpec, LayerSpec};
use crate::checkpoint::weights::{Role, Tensor, Weights};
use crate::prefix::QueryRun;

/// The tensors of one layer, as the checkpoint stores them.
#[derive(Clone, Copy)]
pub struct LayerTensors<'w> {
    weights: &'w dyn Weights,
    layer: usize,
}

impl<'w> LayerTensors<'w> {
    pub fn new(weights: &'w dyn Weights, layer: usize) -> Self {
        LayerTensors { weights, layer }
    }

    /// Those of layer `layer`.
    pub fn of(&self, layer: usize) -> Self {
        LayerTensors { layer, ..*self }
    }

    /// One that belongs to no layer.
    pub fn outside(&self, role: Role) -> Option<Tensor<'w>> {
        self.weights.get(role, None)
    }

    /// # Errors
    /// There is no such tensor.
    pub fn get(&self, role: Role) -> Result<Tensor<'w>, BackendError> {
        self.weights.get(role, Some(self.layer)).ok_or(BackendError::Missing(role))
    }

    /// The tensor where the layer has one.
    ///
    /// # Errors
    /// It should be there and is not.
    pub fn given(&self, there: bool, role: Role) -> Result<Option<Tensor<'w>>, BackendError> {
        there.then(|| self.get(role)).transpose()
    }

    /// The value of a tensor of one element.
    ///
    /// # Errors
    /// There is no such tensor, or no element in it.
    pub fn scalar(&self, role: Role) -> Result<f32, BackendError> {
        let tensor = self.get(role)?;
        tensor.dtype.value(tensor.bytes, 0).ok_or(BackendError::Missing(role))
    }
}

/// Where in a pass a layer is computed, and for which rows: a pack's, or those of its prompts' last tokens.
pub struct At<'p, B: Backend + ?Sized> {
    pub decoder: &'p DecoderSpec,
    pub layer: usize,
    /// Per rotary table, of these rows.
    pub turns: &'p [B::Turns],
    /// The queries of these rows, which cover them in order.
    pub runs: &'p [QueryRun],
    /// Rows of the carried path.
    pub path: usize,
    /// Side input of these rows, and the layer's first column in it.
    pub side: Option<(&'p B::Rows, usize)>,
    /// These rows are the whole pack's and the layer makes their keys and values.
    pub makes_kv: bool,
}

impl<'p, B: Backend + ?Sized> At<'p, B> {
    pub fn spec(&self) -> &'p LayerSpec {
        &self.decoder.layers[self.layer]
    }
}

/// Who looks at what a block adds to the stream: its output before any norm and the sum; nobody, usually.
pub type See<'o, R> = Option<&'o mut dyn FnMut(&R) -> Result<(), BackendError>>;
