//! Bringing a decoder's weights to a backend.

use super::DecoderError;
use crate::backend::layer::LayerTensors;
use crate::backend::{Backend, BackendError, Purpose, Staging};
use crate::checkpoint::spec::DecoderSpec;
use crate::checkpoint::weights::{Role, Tensor, Weights};
use crate::checkpoint::{Checkpoint, CheckpointError, FileHash, Reading, Take};
use std::sync::atomic::AtomicBool;

/// A checkpoint's weight files, read once: their hashes, if they are wanted, and what devices took of them meanwhile.
pub struct WeightsRead<'b> {
    pub hashes: Vec<FileHash>,
    /// Until these go, uploading to their devices is quick; they must go before the checkpoint.
    pub staged: Vec<Box<dyn Take + Send + 'b>>,
    /// A device had no room to take them.
    pub no_room: bool,
}

/// Reads the weights of `checkpoint`, and has `backends` take them while they are read.
///
/// # Errors
/// Those of [`Checkpoint::read`].
pub fn read_weights<'b, B: Backend>(
    checkpoint: &Checkpoint,
    backends: &'b [B],
    hashes: bool,
    stop: Option<&AtomicBool>,
) -> Result<WeightsRead<'b>, CheckpointError> {
    let (bytes, largest) = checkpoint.taken_bytes();
    let mut read = WeightsRead { hashes: Vec::new(), staged: Vec::new(), no_room: false };
    for backend in backends {
        match backend.stage(bytes, largest) {
            Staging::Unneeded => {}
            Staging::NoRoom => read.no_room = true,
            Staging::Begun(taker) => read.staged.push(taker),
        }
    }
    read.hashes = checkpoint.read(&Reading { hashes, takers: &read.staged, stop })?;
    Ok(read)
}

/// Where the side input comes from.
pub(super) struct Side<M> {
    pub table: M,
    pub norm: M,
    /// Projection rows of the layers that every token goes through; `None` if there is no such layer.
    pub lower: Option<M>,
    /// Projection rows of the layers from the last that makes keys and values on.
    pub upper: Option<M>,
}

pub(super) struct Loader<'w, B: Backend> {
    pub backend: &'w B,
    pub spec: &'w DecoderSpec,
    pub weights: &'w dyn Weights,
}

impl<'w, B: Backend> Loader<'w, B> {
    fn tensor(&self, role: Role, layer: Option<usize>) -> Result<Tensor<'w>, DecoderError> {
        self.weights.get(role, layer).ok_or(DecoderError::MissingWeight { role, layer })
    }

    pub fn matrix(&self, role: Role, layer: Option<usize>) -> Result<B::Matrix<'w>, DecoderError> {
        self.upload(self.tensor(role, layer)?, Purpose::Product, role, layer)
    }

    /// `tensor` is that of `role`, or rows of it.
    fn upload(
        &self,
        tensor: Tensor<'w>,
        purpose: Purpose,
        role: Role,
        layer: Option<usize>,
    ) -> Result<B::Matrix<'w>, DecoderError> {
        self.backend.upload(tensor, purpose).map_err(|error| match error {
            BackendError::Weight { why, .. } => {
                DecoderError::Weight { tensor: self.weights.describe(role, layer), why }
            }
            error => error.into(),
        })
    }

    pub fn embedding(&self) -> Result<B::Matrix<'w>, DecoderError> {
        let purpose = if self.spec.head.tied { Purpose::Both } else { Purpose::Gather };
        self.upload(self.tensor(Role::Embedding, None)?, purpose, Role::Embedding, None)
    }

    /// The output embedding, unless it is the input embedding.
    pub fn head(&self) -> Result<Option<B::Matrix<'w>>, DecoderError> {
        if self.spec.head.tied { Ok(None) } else { self.matrix(Role::OutputEmbedding, None).map(Some) }
    }

    pub fn head_scale(&self) -> Result<Option<B::Rows>, DecoderError> {
        if !self.spec.head.unit_rows {
            return Ok(None);
        }
        Ok(Some(self.backend.unit_rows(self.tensor(Role::OutputEmbedding, None)?)?))
    }

    pub fn side(&self) -> Result<Option<Side<B::Matrix<'w>>>, DecoderError> {
        let Some(side) = &self.spec.side else {
            return Ok(None);
        };
        let context = self.tensor(Role::SideContext, None)?;
        let cut = self.spec.last_kv_maker() * side.width;
        let rows = |rows: std::ops::Range<usize>| {
            let part = (!rows.is_empty()).then(|| context.row_range(rows));
            part.map(|part| self.upload(part, Purpose::Product, Role::SideContext, None)).transpose()
        };
        Ok(Some(Side {
            table: self.upload(
                self.tensor(Role::SideTable, None)?,
                Purpose::Gather,
                Role::SideTable,
                None,
            )?,
            norm: self.matrix(Role::SideContextNorm, None)?,
            lower: rows(0..cut)?,
            upper: rows(cut..context.rows)?,
        }))
    }

    pub fn layer(&self, i: usize) -> Result<B::Layer<'w>, DecoderError> {
        let tensors = LayerTensors::new(self.weights, i);
        self.backend.load_layer(self.spec, i, tensors).map_err(|error| match error {
            BackendError::Missing(role) => DecoderError::MissingWeight { role, layer: Some(i) },
            BackendError::Weight { role: Some(role), why } => {
                DecoderError::Weight { tensor: self.weights.describe(role, Some(i)), why }
            }
            error => error.into(),
        })
    }
}
