//! A layer's weights as the fused steps want them.

use super::bounds::{Bounds, Exponents, GateBounds};
use super::error::CudaError;
use super::memory::Buffer;
use super::packing::{HeadOrder, Packing, STEP, longest_row};
use super::stored::Stored;
use super::weights::Planes;
use super::{Cuda, Precision, plan};
use crate::backend::BackendError;
use crate::backend::layer::LayerTensors;
use crate::backend::widen::widen_all;
use crate::checkpoint::spec::{DecoderSpec, HeadNorm, Kv};
use crate::checkpoint::{Dtype, Role};
use std::collections::HashMap;
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

/// The matrices of a layer by the roles of their first tensors, and the longest rows of all tensors.
struct Matrices {
    planes: HashMap<Role, Planes>,
    longest: HashMap<Role, f64>,
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
        let side = match spec.side {
            false => None,
            true => Some([Role::SideGate, Role::SideOut].map(|role| tensors.get(role).map(Packing::plain))),
        };
        let side = match side {
            None => None,
            Some([gate, out]) => Some((gate?, out?)),
        };
        let attn_in_norm = vector(spec.norms.attn_in, Role::AttnInNorm)?;

        // The roles of each matrix, in the order of its tensors.
        let mut list: Vec<(&Packing<'_>, &[Role])> = vec![
            (&qkv, &[Role::Query, Role::Key, Role::Value]),
            (&out, &[Role::AttnOut]),
            (&gate_up, &[Role::Gate, Role::Up]),
            (&down, &[Role::Down]),
        ];
        if let Some((gate, out)) = &side {
            list.extend([(gate, &[Role::SideGate][..]), (out, &[Role::SideOut])]);
        }
        let mut matrices = self.pack_together(&list, attn_in_norm.as_ref().map_or(0, Buffer::at))?;
        let longest = |role: Role| matrices.longest.get(&role).copied().unwrap_or(f64::NAN);
        let embedding = || self.longest_embedding(&tensors);
        let bounds = Bounds { decoder, layer, tensors, longest: &longest, embedding: &embedding };
        let (exponents, gate_bounds) = (bounds.exponents()?, bounds.gate()?);
        let mut planes_of = |first: Role| matrices.planes.remove(&first).ok_or(BackendError::Missing(first));
        Ok(Layer {
            attn_in_norm,
            qkv_bias,
            qkv: planes_of(Role::Query)?,
            q_norm: head_norm(true, Role::QueryNorm, spec.heads)?,
            k_norm: head_norm(own, Role::KeyNorm, spec.kv_heads)?,
            out_bias: padded(spec.out_bias, Role::AttnOutBias, &out)?,
            out: planes_of(Role::AttnOut)?,
            attn_out_norm: vector(spec.norms.attn_out, Role::AttnOutNorm)?,
            mlp_in_norm: vector(spec.norms.mlp_in, Role::MlpInNorm)?,
            gate_up: planes_of(Role::Gate)?,
            gate_up_bias,
            down_bias: padded(spec.mlp.bias, Role::DownBias, &down)?,
            down: planes_of(Role::Down)?,
            mlp_out_norm: vector(spec.norms.mlp_out, Role::MlpOutNorm)?,
            side: match spec.side {
                false => None,
                true => Some(LayerSide {
                    gate: planes_of(Role::SideGate)?,
                    out: planes_of(Role::SideOut)?,
                    norm: self.vector(&widen_all(&tensors.get(Role::SideOutNorm)?))?,
                }),
            },
            out_scale: spec.out_scale.then(|| tensors.scalar(Role::OutScale)).transpose()?,
            exponents,
            gate_bounds,
            dim: turning.padded,
            planes,
            mlp_planes,
        })
    }

    /// Packs the matrices of a layer, which are measured together: the host waits once for all of them. `norm`: where the weight of
    /// attention's norm stands, 0 for none.
    fn pack_together(&self, list: &[(&Packing<'_>, &[Role])], norm: u64) -> Result<Matrices, BackendError> {
        let mut stored = Vec::new();
        for (packing, roles) in list {
            stored.push(naming(roles[0], self.stored_parts(packing))?);
        }
        let mut asked: Vec<(&Stored, u64)> = Vec::new();
        for ((_, roles), parts) in list.iter().zip(&stored) {
            let weight = if roles[0] == Role::Query { norm } else { 0 };
            asked.extend(parts.iter().map(|part| (part, weight)));
        }
        let mut sizes = &self.measure(&asked)?[..];
        let mut matrices = Matrices { planes: HashMap::new(), longest: HashMap::new() };
        for ((packing, roles), parts) in list.iter().zip(stored) {
            let (own, rest) = sizes.split_at(parts.len());
            sizes = rest;
            matrices.longest.extend(roles.iter().zip(own).map(|(role, size)| (*role, size.longest)));
            let packed = packing
                .exponent(own)
                .and_then(|e| self.pack_stored("weights", packing, &parts, e, packing.planes()));
            matrices.planes.insert(roles[0], naming(roles[0], packed)?);
        }
        Ok(matrices)
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
