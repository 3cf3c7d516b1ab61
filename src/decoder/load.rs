//! Bringing a decoder's weights to a backend.

use super::DecoderError;
use crate::backend::{Backend, BackendError, Projection, Purpose};
use crate::checkpoint::spec::{DecoderSpec, HeadNorm, Kv};
use crate::checkpoint::weights::{Role, Tensor, Weights};

/// A weight and its bias.
pub(super) struct Linear<M> {
    weight: M,
    bias: Option<M>,
}

impl<M> Linear<M> {
    pub fn on(&self) -> Projection<'_, M> {
        Projection { weight: &self.weight, bias: self.bias.as_ref() }
    }
}

pub(super) struct Layer<M> {
    pub attn_in_norm: Option<M>,
    pub query: Linear<M>,
    pub query_norm: Option<M>,
    /// `None` where an earlier layer's keys and values are read.
    pub own_kv: Option<OwnKv<M>>,
    pub attn_out: Linear<M>,
    pub attn_out_norm: Option<M>,
    pub mlp_in_norm: Option<M>,
    pub gate: Linear<M>,
    pub up: Linear<M>,
    pub down: Linear<M>,
    pub mlp_out_norm: Option<M>,
    pub side: Option<LayerSide<M>>,
    pub out_scale: Option<f32>,
}

pub(super) struct OwnKv<M> {
    pub key: Linear<M>,
    pub key_norm: Option<M>,
    pub value: Linear<M>,
}

/// What a layer does with its side input.
pub(super) struct LayerSide<M> {
    pub gate: Linear<M>,
    pub out: Linear<M>,
    pub norm: M,
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
            BackendError::Weight(why) => {
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

    pub fn layer(&self, i: usize) -> Result<Layer<B::Matrix<'w>>, DecoderError> {
        let spec = &self.spec.layers[i];
        let matrix = |role| self.matrix(role, Some(i));
        let given = |there: bool, role| if there { matrix(role).map(Some) } else { Ok(None) };
        let linear = |weight, bias: Option<Role>| {
            Ok::<_, DecoderError>(Linear { weight: matrix(weight)?, bias: bias.map(matrix).transpose()? })
        };
        let qkv_bias = |role| spec.qkv_bias.then_some(role);
        let mlp_bias = |role| spec.mlp.bias.then_some(role);
        let head_norm = spec.head_norm != HeadNorm::None;
        Ok(Layer {
            attn_in_norm: given(spec.norms.attn_in, Role::AttnInNorm)?,
            query: linear(Role::Query, qkv_bias(Role::QueryBias))?,
            query_norm: given(head_norm, Role::QueryNorm)?,
            own_kv: match spec.kv {
                Kv::Of(_) => None,
                Kv::Own => Some(OwnKv {
                    key: linear(Role::Key, qkv_bias(Role::KeyBias))?,
                    key_norm: given(head_norm, Role::KeyNorm)?,
                    value: linear(Role::Value, qkv_bias(Role::ValueBias))?,
                }),
            },
            attn_out: linear(Role::AttnOut, spec.out_bias.then_some(Role::AttnOutBias))?,
            attn_out_norm: given(spec.norms.attn_out, Role::AttnOutNorm)?,
            mlp_in_norm: given(spec.norms.mlp_in, Role::MlpInNorm)?,
            gate: linear(Role::Gate, mlp_bias(Role::GateBias))?,
            up: linear(Role::Up, mlp_bias(Role::UpBias))?,
            down: linear(Role::Down, mlp_bias(Role::DownBias))?,
            mlp_out_norm: given(spec.norms.mlp_out, Role::MlpOutNorm)?,
            side: match spec.side {
                false => None,
                true => Some(LayerSide {
                    gate: linear(Role::SideGate, None)?,
                    out: linear(Role::SideOut, None)?,
                    norm: matrix(Role::SideOutNorm)?,
                }),
            },
            out_scale: match spec.out_scale {
                false => None,
                true => {
                    let missing = DecoderError::MissingWeight { role: Role::OutScale, layer: Some(i) };
                    let tensor = self.tensor(Role::OutScale, Some(i))?;
                    Some(tensor.dtype.value(tensor.bytes, 0).ok_or(missing)?)
                }
            },
        })
    }
}
