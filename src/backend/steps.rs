//! A layer composed of a backend's single steps: what `load_layer`, `keys_values`, `attention` and `mlp` are on a backend
//! that fuses none of them.

use super::layer::{At, LayerTensors, See};
use super::{Backend, BackendError, Projection, Purpose};
use crate::checkpoint::spec::{DecoderSpec, HeadNorm, Kv, LayerSpec};
use crate::checkpoint::weights::Role;

/// A weight and its bias.
pub struct Linear<M> {
    weight: M,
    bias: Option<M>,
}

impl<M> Linear<M> {
    fn on(&self) -> Projection<'_, M> {
        Projection { weight: &self.weight, bias: self.bias.as_ref() }
    }
}

/// A layer's weights, one by one.
pub struct Layer<M> {
    attn_in_norm: Option<M>,
    query: Linear<M>,
    query_norm: Option<M>,
    /// `None` where an earlier layer's keys and values are read.
    own_kv: Option<OwnKv<M>>,
    attn_out: Linear<M>,
    attn_out_norm: Option<M>,
    mlp_in_norm: Option<M>,
    gate: Linear<M>,
    up: Linear<M>,
    down: Linear<M>,
    mlp_out_norm: Option<M>,
    side: Option<LayerSide<M>>,
    out_scale: Option<f32>,
}

struct OwnKv<M> {
    key: Linear<M>,
    key_norm: Option<M>,
    value: Linear<M>,
}

/// What a layer does with its side input.
struct LayerSide<M> {
    gate: Linear<M>,
    out: Linear<M>,
    norm: M,
}

/// Uploads the tensors of layer `layer` of `decoder`.
pub fn load_layer<'w, B: Backend>(
    backend: &B,
    decoder: &DecoderSpec,
    layer: usize,
    tensors: LayerTensors<'w>,
) -> Result<Layer<B::Matrix<'w>>, BackendError> {
    let spec = &decoder.layers[layer];
    let matrix = |role: Role| {
        backend.upload(tensors.get(role)?, Purpose::Product).map_err(|error| match error {
            BackendError::Weight { why, .. } => BackendError::Weight { role: Some(role), why },
            error => error,
        })
    };
    let given = |there: bool, role| there.then(|| matrix(role)).transpose();
    let linear = |weight, bias: Option<Role>| {
        Ok::<_, BackendError>(Linear { weight: matrix(weight)?, bias: bias.map(matrix).transpose()? })
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
        out_scale: spec.out_scale.then(|| tensors.scalar(Role::OutScale)).transpose()?,
    })
}

/// [`Backend::keys_values`] step by step.
pub fn keys_values<'w, B: Backend>(
    backend: &B,
    layer: &Layer<B::Matrix<'w>>,
    at: &At<'_, B>,
    x: &B::Rows,
    kv: &mut B::Kv,
) -> Result<(), BackendError> {
    let h = norm::<B>(backend, at, x, layer.attn_in_norm.as_ref())?;
    write_kv(backend, layer, at, h.as_ref().unwrap_or(x), kv)
}

/// [`Backend::attention`] step by step.
pub fn attention<'w, B: Backend>(
    backend: &B,
    layer: &Layer<B::Matrix<'w>>,
    at: &At<'_, B>,
    x: &mut B::Rows,
    kv: &mut B::Kv,
    see: &mut See<'_, B::Rows>,
) -> Result<(), BackendError> {
    let spec = at.spec();
    let h = norm::<B>(backend, at, x, layer.attn_in_norm.as_ref())?;
    let h = h.as_ref().unwrap_or(x);
    if at.makes_kv {
        write_kv(backend, layer, at, h, kv)?;
    }
    let mut q = backend.linear(h, &layer.query.on())?;
    q = head_norm(backend, at, q, layer.query_norm.as_ref(), spec.q_width())?;
    backend.rope(&mut q, spec.head_dim, &at.turns[spec.rotary])?;
    let attended = backend.tree_attention(&q, kv, at.decoder.kv_layer(at.layer), at.runs, spec)?;
    add_projected(backend, at, &attended, &layer.attn_out, layer.attn_out_norm.as_ref(), x, see)
}

/// [`Backend::mlp`] step by step.
pub fn mlp<'w, B: Backend>(
    backend: &B,
    layer: &Layer<B::Matrix<'w>>,
    at: &At<'_, B>,
    x: &mut B::Rows,
    see: &mut See<'_, B::Rows>,
) -> Result<(), BackendError> {
    let LayerSpec { mlp, .. } = at.spec();
    let h = norm::<B>(backend, at, x, layer.mlp_in_norm.as_ref())?;
    let inner = backend.gate(h.as_ref().unwrap_or(x), &layer.gate.on(), &layer.up.on(), mlp.act)?;
    add_projected(backend, at, &inner, &layer.down, layer.mlp_out_norm.as_ref(), x, see)?;
    if let (Some(side), Some((input, column))) = (&layer.side, at.side) {
        let inner = backend.side_gate(x, &side.gate.on(), input, column, mlp.act)?;
        let out = backend.linear(&inner, &side.out.on())?;
        backend.add(&backend.norm(&out, Some(&side.norm), at.decoder.hidden, at.decoder.eps)?, x)?;
    }
    if let Some(by) = layer.out_scale {
        backend.scale(x, by)?;
    }
    Ok(())
}

/// The norm over whole rows, where there is one.
fn norm<B: Backend>(
    backend: &B,
    at: &At<'_, B>,
    x: &B::Rows,
    weight: Option<&B::Matrix<'_>>,
) -> Result<Option<B::Rows>, BackendError> {
    weight.map(|w| backend.norm(x, Some(w), at.decoder.hidden, at.decoder.eps)).transpose()
}

/// Keys and values from the layer's (normed) input, if it makes any.
fn write_kv<'w, B: Backend>(
    backend: &B,
    layer: &Layer<B::Matrix<'w>>,
    at: &At<'_, B>,
    h: &B::Rows,
    kv: &mut B::Kv,
) -> Result<(), BackendError> {
    let spec = at.spec();
    let Some(own) = &layer.own_kv else {
        return Ok(());
    };
    let mut k = backend.linear(h, &own.key.on())?;
    k = head_norm(backend, at, k, own.key_norm.as_ref(), spec.kv_width())?;
    backend.rope(&mut k, spec.head_dim, &at.turns[spec.rotary])?;
    let mut v = backend.linear(h, &own.value.on())?;
    if spec.value_norm {
        v = backend.norm(&v, None, spec.head_dim, at.decoder.eps)?;
    }
    backend.write_kv(kv, at.layer, at.path, k, v)
}

fn head_norm<B: Backend>(
    backend: &B,
    at: &At<'_, B>,
    x: B::Rows,
    weight: Option<&B::Matrix<'_>>,
    width: usize,
) -> Result<B::Rows, BackendError> {
    let spec = at.spec();
    let group = match spec.head_norm {
        HeadNorm::None => return Ok(x),
        HeadNorm::EachHead => spec.head_dim,
        HeadNorm::WholeRow => width,
    };
    backend.norm(&x, weight, group, at.decoder.eps)
}

/// `x += norm(inner W^T + b)`, in one step where there is no norm and nobody looks.
fn add_projected<'w, B: Backend>(
    backend: &B,
    at: &At<'_, B>,
    inner: &B::Rows,
    linear: &Linear<B::Matrix<'w>>,
    weight: Option<&B::Matrix<'w>>,
    x: &mut B::Rows,
    see: &mut See<'_, B::Rows>,
) -> Result<(), BackendError> {
    if weight.is_none() && see.is_none() {
        return backend.linear_add(inner, &linear.on(), x);
    }
    let out = backend.linear(inner, &linear.on())?;
    if let Some(see) = see {
        see(&out)?;
    }
    let normed = norm::<B>(backend, at, &out, weight)?;
    backend.add(normed.as_ref().unwrap_or(&out), x)
}
