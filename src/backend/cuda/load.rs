//! A layer's weights as the fused steps want them.

use super::bounds::{Bounds, Exponents, GateBounds};
use super::driver::Buffer;
use super::error::CudaError;
use super::packing::{HeadOrder, Packing, STEP, longest_row};
use super::weights::Planes;
use super::{Cuda, Precision, plan};
use crate::backend::BackendError;
use crate::backend::layer::LayerTensors;
use crate::backend::widen::widen_all;
use crate::checkpoint::spec::{DecoderSpec, HeadNorm, Kv};
use crate::checkpoint::{Dtype, Role};
use std::sync::PoisonError;

/// A layer's weights.
pub struct Layer {
    pub(super) attn_in_norm: Option<Buffer>,
    /// Rows of query, then key and value where the layer makes them.
    pub(super) qkv: Planes,
    pub(super) qkv_bias: Option<Buffer>,
    pub(super) q_norm: Option<Buffer>,
    pub(super) k_norm: Option<Buffer>,
    pub(super) out: Planes,
    pub(super) out_bias: Option<Buffer>,
    pub(super) attn_out_norm: Option<Buffer>,
    pub(super) mlp_in_norm: Option<Buffer>,
    pub(super) gate_up: Planes,
    pub(super) gate_up_bias: Option<Buffer>,
    pub(super) down: Planes,
    pub(super) down_bias: Option<Buffer>,
    pub(super) mlp_out_norm: Option<Buffer>,
    pub(super) side: Option<LayerSide>,
    pub(super) out_scale: Option<f32>,
    pub(super) exponents: Exponents,
    pub(super) gate_bounds: GateBounds,
    /// Size of a padded head.
    pub(super) dim: usize,
    /// Planes of activations in the attention block, and in the MLP.
    pub(super) planes: usize,
    pub(super) mlp_planes: usize,
}

pub(super) struct LayerSide {
    pub gate: Planes,
    pub out: Planes,
    pub norm: Buffer,
}

/// Every matrix of a layer.
const MATRICES: [Role; 9] = [
    Role::Query,
    Role::Key,
    Role::Value,
    Role::AttnOut,
    Role::Gate,
    Role::Up,
    Role::Down,
    Role::SideGate,
    Role::SideOut,
];

/// [`plan::activation_planes`] of a layer of these tensors.
pub(super) fn activation_planes(
    precision: Precision,
    decoder: &DecoderSpec,
    layer: usize,
    tensors: &LayerTensors<'_>,
) -> [usize; 2] {
    let wide = |layer: usize| {
        let tensors = tensors.of(layer);
        MATRICES.iter().any(|role| tensors.get(*role).is_ok_and(|tensor| tensor.dtype == Dtype::F32))
    };
    plan::activation_planes(precision, layer, (0..decoder.layers.len()).any(wide))
}

/// Adds the role to an error that is a weight's.
fn naming<T>(role: Role, result: Result<T, CudaError>) -> Result<T, BackendError> {
    result.map_err(|error| match BackendError::from(error) {
        BackendError::Weight { why, .. } => BackendError::Weight { role: Some(role), why },
        error => error,
    })
}

impl Cuda {
    pub(super) fn load(
        &self,
        decoder: &DecoderSpec,
        layer: usize,
        tensors: LayerTensors<'_>,
    ) -> Result<Layer, BackendError> {
        let spec = &decoder.layers[layer];
        let own = spec.kv == Kv::Own;
        let order = |rotary: usize| HeadOrder::turning(spec.head_dim, &decoder.rotaries[rotary]);
        let turning = order(spec.rotary)?;
        if let Kv::Of(donor) = spec.kv
            && order(decoder.layers[donor].rotary)? != turning
        {
            return Err(BackendError::Device(format!(
                "layer {layer} reads keys of layer {donor}, whose heads turn otherwise; use --backend wgpu or --backend cpu"
            )));
        }
        let plain = HeadOrder::plain(spec.head_dim)?;
        let vector = |there: bool, role: Role| -> Result<Option<Buffer>, BackendError> {
            let tensor = tensors.given(there, role)?;
            Ok(tensor.map(|tensor| self.vector(&widen_all(&tensor))).transpose()?)
        };
        // A bias whose end is read with its matrix' padding.
        let padded =
            |there: bool, role: Role, packing: &Packing<'_>| -> Result<Option<Buffer>, BackendError> {
                let tensor = tensors.given(there, role)?;
                let values = tensor.map(|tensor| packing.vector(&[&*widen_all(&tensor)]));
                Ok(values.map(|values| self.vector(&values)).transpose()?)
            };

        let packed =
            |role: Role, packing: &Packing<'_>| naming(role, self.pack("weights", packing, packing.planes()));

        let query = tensors.get(Role::Query)?;
        let mut parts = vec![(query, &turning)];
        let mut biases = Vec::new();
        if own {
            parts.extend([(tensors.get(Role::Key)?, &turning), (tensors.get(Role::Value)?, &plain)]);
        }
        if spec.qkv_bias {
            let roles = [Role::QueryBias, Role::KeyBias, Role::ValueBias];
            for role in &roles[..parts.len()] {
                biases.push(widen_all(&tensors.get(*role)?));
            }
        }
        let qkv = Packing::heads(&parts);
        let biases: Vec<&[f32]> = biases.iter().map(|bias| &**bias).collect();
        let qkv_bias = spec.qkv_bias.then(|| self.vector(&qkv.vector(&biases))).transpose()?;
        let head_norm = |there: bool, role: Role, heads: usize| -> Result<Option<Buffer>, BackendError> {
            let heads = match spec.head_norm {
                HeadNorm::None => return Ok(None),
                HeadNorm::EachHead => 1,
                HeadNorm::WholeRow => heads,
            };
            let tensor = tensors.given(there, role)?;
            let values = tensor.map(|tensor| turning.vector(&widen_all(&tensor), heads));
            Ok(values.map(|values| self.vector(&values)).transpose()?)
        };

        let (gate, up) = (tensors.get(Role::Gate)?, tensors.get(Role::Up)?);
        let gate_up = Packing::alternating(gate, up);
        let gate_up_bias = match spec.mlp.bias {
            false => None,
            true => {
                let biases =
                    [widen_all(&tensors.get(Role::GateBias)?), widen_all(&tensors.get(Role::UpBias)?)];
                Some(self.vector(&gate_up.vector(&[&*biases[0], &*biases[1]]))?)
            }
        };
        let [planes, mlp_planes] = activation_planes(self.precision, decoder, layer, &tensors);
        self.compile([planes, mlp_planes], gate_up.planes(), turning.padded)?;
        let out = Packing::from_heads(tensors.get(Role::AttnOut)?, &plain);
        let down = Packing::plain(tensors.get(Role::Down)?);
        let embedding = || self.longest_embedding(&tensors);
        let bounds = Bounds { decoder, layer, tensors, embedding: &embedding };
        Ok(Layer {
            attn_in_norm: vector(spec.norms.attn_in, Role::AttnInNorm)?,
            qkv_bias,
            qkv: packed(Role::Query, &qkv)?,
            q_norm: head_norm(true, Role::QueryNorm, spec.heads)?,
            k_norm: head_norm(own, Role::KeyNorm, spec.kv_heads)?,
            out_bias: padded(spec.out_bias, Role::AttnOutBias, &out)?,
            out: packed(Role::AttnOut, &out)?,
            attn_out_norm: vector(spec.norms.attn_out, Role::AttnOutNorm)?,
            mlp_in_norm: vector(spec.norms.mlp_in, Role::MlpInNorm)?,
            gate_up: packed(Role::Gate, &gate_up)?,
            gate_up_bias,
            down_bias: padded(spec.mlp.bias, Role::DownBias, &down)?,
            down: packed(Role::Down, &down)?,
            mlp_out_norm: vector(spec.norms.mlp_out, Role::MlpOutNorm)?,
            side: match spec.side {
                false => None,
                true => Some(LayerSide {
                    gate: packed(Role::SideGate, &Packing::plain(tensors.get(Role::SideGate)?))?,
                    out: packed(Role::SideOut, &Packing::plain(tensors.get(Role::SideOut)?))?,
                    norm: self.vector(&widen_all(&tensors.get(Role::SideOutNorm)?))?,
                }),
            },
            out_scale: spec.out_scale.then(|| tensors.scalar(Role::OutScale)).transpose()?,
            exponents: bounds.exponents()?,
            gate_bounds: bounds.gate()?,
            dim: turning.padded,
            planes,
            mlp_planes,
        })
    }

    /// The length of the embedding's longest row, computed once for one table.
    fn longest_embedding(&self, tensors: &LayerTensors<'_>) -> f64 {
        let Some(table) = tensors.outside(Role::Embedding) else {
            return f64::NAN;
        };
        let key = (table.bytes.as_ptr().addr(), table.bytes.len());
        let mut known = self.embedding.lock().unwrap_or_else(PoisonError::into_inner);
        match *known {
            Some((of, length)) if of == key => length,
            _ => {
                let length = longest_row(&table, None);
                *known = Some((key, length));
                length
            }
        }
    }
}

/// Elements of a row of planes of `width` elements.
pub(super) fn padded(width: usize) -> usize {
    width.next_multiple_of(STEP)
}
