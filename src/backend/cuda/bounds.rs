//! What no value of a layer can exceed, read off its weights: powers of two for f16 planes follow, and nothing overflows.
//!
//! A normed row of width H is at most sqrt(H) long before its weight, so by Cauchy-Schwarz its product with a row `w` of a
//! matrix is at most sqrt(H) * |w * weight|. The kernel `measure` finds the longest rows.

use super::error::CudaError;
use super::packing::exponent_below;
use crate::backend::BackendError;
use crate::backend::layer::LayerTensors;
use crate::backend::widen::widen_all;
use crate::checkpoint::Tensor;
use crate::checkpoint::spec::{DecoderSpec, HeadNorm, LayerSpec};
use crate::checkpoint::weights::Role;

/// For the rounding of what bounds are computed from, and of what they bound.
const MARGIN: f64 = 1.0 + 1e-5;

/// Planes of q, k and v hold values times 2 to these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exponents {
    pub q: i32,
    pub k: i32,
    pub v: i32,
}

/// Longest row and largest bias of gate and up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GateBounds {
    pub gate_norm: f32,
    pub gate_bias: f32,
    pub up_norm: f32,
    pub up_bias: f32,
}

/// The exponent that brings what is at most `bound` below 2^15.
pub fn exponent_for(bound: f64) -> Result<i32, CudaError> {
    if bound.is_finite() { Ok(exponent_below(bound * MARGIN, 15)) } else { Err(CudaError::NotFinite) }
}

/// One layer's, with `tensors` of the layer and what it says of the stream that comes in.
pub struct Bounds<'a, 'w> {
    pub decoder: &'a DecoderSpec,
    pub layer: usize,
    pub tensors: LayerTensors<'w>,
    /// The longest row of a matrix of the layer, each element first times the weight of the norm before it where that is attention's.
    pub longest: &'a dyn Fn(Role) -> f64,
    /// The embedding's longest row.
    pub embedding: &'a dyn Fn() -> f64,
}

impl Bounds<'_, '_> {
    fn spec(&self) -> &LayerSpec {
        &self.decoder.layers[self.layer]
    }

    pub fn exponents(&self) -> Result<Exponents, BackendError> {
        let spec = self.spec();
        let own = spec.kv == crate::checkpoint::spec::Kv::Own;
        let turn = 2f64.sqrt();
        let q = turn * self.head(Role::Query, Role::QueryBias, Role::QueryNorm, spec.q_width())?;
        let (k, v) = match own {
            false => (0.0, 0.0),
            true => {
                let k = turn * self.head(Role::Key, Role::KeyBias, Role::KeyNorm, spec.kv_width())?;
                let v = match spec.value_norm {
                    true => (spec.head_dim as f64).sqrt(),
                    false => self.projected(Role::Value, Role::ValueBias)?,
                };
                (k, v)
            }
        };
        Ok(Exponents { q: exponent_for(q)?, k: exponent_for(k)?, v: exponent_for(v)? })
    }

    /// Queries or keys, before they turn.
    fn head(&self, weight: Role, bias: Role, norm: Role, width: usize) -> Result<f64, BackendError> {
        let elements = match self.spec().head_norm {
            HeadNorm::None => return self.projected(weight, bias),
            HeadNorm::EachHead => self.spec().head_dim,
            HeadNorm::WholeRow => width,
        };
        Ok((elements as f64).sqrt() * largest(&self.tensors.get(norm)?))
    }

    /// An element of a projection of the layer's input.
    fn projected(&self, weight: Role, bias: Role) -> Result<f64, BackendError> {
        let spec = self.spec();
        let input = if spec.norms.attn_in { (self.decoder.hidden as f64).sqrt() } else { self.stream()? };
        let product = input * (self.longest)(weight);
        let bias = self.tensors.given(spec.qkv_bias, bias)?;
        Ok(product + bias.map_or(0.0, |bias| largest(&bias)))
    }

    /// Length of a row of the stream that comes into the layer: what was embedded and what each block can have added, which
    /// the norm after it bounds.
    fn stream(&self) -> Result<f64, BackendError> {
        let mut bound = (self.embedding)() * f64::from(self.decoder.embed_scale).abs();
        for (i, spec) in self.decoder.layers[..self.layer].iter().enumerate() {
            let tensors = self.tensors.of(i);
            let mut norms = vec![Role::AttnOutNorm, Role::MlpOutNorm];
            if !(spec.norms.attn_out && spec.norms.mlp_out) {
                return Err(CudaError::Refused(format!(
                    "layer {} takes its input without a norm, and layer {i} adds to it without one: no bound for f16 \
                     is known; use --backend wgpu or --backend cpu",
                    self.layer
                ))
                .into());
            }
            norms.extend(spec.side.then_some(Role::SideOutNorm));
            for norm in norms {
                bound += (self.decoder.hidden as f64).sqrt() * largest(&tensors.get(norm)?);
            }
            if spec.out_scale {
                bound *= f64::from(tensors.scalar(Role::OutScale)?).abs();
            }
        }
        Ok(bound)
    }

    pub fn gate(&self) -> Result<GateBounds, BackendError> {
        let bias = self.spec().mlp.bias;
        let longest = |role| {
            let bound = (self.longest)(role) * MARGIN;
            if bound.is_finite() { Ok(bound as f32) } else { Err(BackendError::from(CudaError::NotFinite)) }
        };
        let most = |role| {
            let bias = self.tensors.given(bias, role)?;
            Ok::<_, BackendError>(bias.map_or(0.0, |bias| (largest(&bias) * MARGIN) as f32))
        };
        Ok(GateBounds {
            gate_norm: longest(Role::Gate)?,
            gate_bias: most(Role::GateBias)?,
            up_norm: longest(Role::Up)?,
            up_bias: most(Role::UpBias)?,
        })
    }
}

/// The largest size of a vector's elements.
fn largest(vector: &Tensor<'_>) -> f64 {
    // Written so that a NaN comes through.
    widen_all(vector).iter().fold(0.0f64, |most, v| {
        let size = f64::from(*v).abs();
        if size <= most { most } else { size }
    })
}

#[cfg(test)]
mod tests {
    use super::super::packing::longest_row;
    use super::*;
    use crate::checkpoint::spec::{Around, Mlp};
    use crate::checkpoint::{Dtype, Weights};
    use std::collections::HashMap;

    struct Made(HashMap<(Role, Option<usize>), (usize, Vec<f32>)>);

    impl Weights for Made {
        fn get(&self, role: Role, layer: Option<usize>) -> Option<Tensor<'_>> {
            let (rows, values) = self.0.get(&(role, layer))?;
            let bytes = bytemuck::cast_slice(values);
            Some(Tensor { dtype: Dtype::F32, rows: *rows, cols: values.len() / rows, bytes })
        }
    }

    fn made(list: &[(Role, Option<usize>, usize, &[f32])]) -> Made {
        Made(list.iter().map(|(role, layer, rows, v)| ((*role, *layer), (*rows, v.to_vec()))).collect())
    }

    /// As the kernel measures them.
    fn longest(tensors: LayerTensors<'_>, normed: bool) -> impl Fn(Role) -> f64 {
        move |role| {
            let norm =
                normed.then(|| widen_all(&tensors.get(Role::AttnInNorm).expect("a norm")).into_owned());
            longest_row(&tensors.get(role).expect("a matrix"), norm.as_deref())
        }
    }

    #[test]
    fn no_value_exceeds_its_bound_and_the_bound_is_near() {
        // H = 4: a normed row is at most 2 long.
        let weights = made(&[
            (Role::AttnInNorm, Some(0), 1, &[1.0, 2.0, 1.0, 1.0]),
            (Role::Query, Some(0), 2, &[1.0, 1.0, 1.0, 1.0, 0.0, 3.0, 0.0, 0.0]),
            (Role::Key, Some(0), 2, &[0.5; 8]),
            (Role::Value, Some(0), 2, &[0.25; 8]),
            (Role::ValueBias, Some(0), 1, &[-7.0, 1.0]),
            (Role::QueryBias, Some(0), 1, &[0.0; 2]),
            (Role::KeyBias, Some(0), 1, &[0.0; 2]),
        ]);
        let layer = LayerSpec { qkv_bias: true, ..LayerSpec::plain(1, 1, 2, 8) };
        let decoder = DecoderSpec::plain(4, 8, 8, 1e-6, vec![layer]);
        let tensors = LayerTensors::new(&weights, 0);
        let longest = longest(tensors, true);
        let bounds = Bounds { decoder: &decoder, layer: 0, tensors, longest: &longest, embedding: &|| 0.0 };
        // q: 2 * 6 * 1.414 = 17, k: 2 * 0.5 * sqrt(7) * 1.414 = 3.7, v: 2 * 0.25 * sqrt(7) + 7 = 8.3.
        assert_eq!(bounds.exponents().expect("bounds"), Exponents { q: 10, k: 13, v: 11 });
        assert!(exponent_for(f64::NAN).is_err());
    }

    #[test]
    fn gated_products_are_bounded_by_their_longest_rows_and_largest_biases() {
        let weights = made(&[
            (Role::Gate, Some(0), 2, &[3.0, 4.0, 0.0, 1.0]),
            (Role::Up, Some(0), 2, &[0.5, 0.0, 0.0, -2.0]),
            (Role::GateBias, Some(0), 1, &[0.25, -1.5]),
            (Role::UpBias, Some(0), 1, &[7.0, 0.0]),
        ]);
        let plain = LayerSpec::plain(1, 1, 2, 2);
        let layer = LayerSpec { mlp: Mlp { bias: true, ..plain.mlp.clone() }, ..plain };
        let decoder = DecoderSpec::plain(2, 2, 8, 1e-6, vec![layer]);
        let tensors = LayerTensors::new(&weights, 0);
        let longest = longest(tensors, false);
        let bounds = Bounds { decoder: &decoder, layer: 0, tensors, longest: &longest, embedding: &|| 0.0 };
        let bounds = bounds.gate().expect("bounds");
        let near = |got: f32, want: f32| got >= want && got < want * 1.001;
        assert!(near(bounds.gate_norm, 5.0) && near(bounds.up_norm, 2.0), "{bounds:?}");
        assert!(near(bounds.gate_bias, 1.5) && near(bounds.up_bias, 7.0), "{bounds:?}");
    }

    #[test]
    fn a_stream_without_a_norm_is_bounded_by_the_norms_of_what_is_added() {
        let one = [1.0f32; 4];
        let two = [2.0f32; 4];
        let weights = made(&[
            (Role::AttnOutNorm, Some(0), 1, &one),
            (Role::MlpOutNorm, Some(0), 1, &two),
            (Role::Query, Some(1), 2, &[0.0; 8]),
            (Role::Key, Some(1), 2, &[0.0; 8]),
            (Role::Value, Some(1), 2, &[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
        ]);
        let layer = LayerSpec { norms: Around::AFTER, ..LayerSpec::plain(1, 1, 2, 8) };
        let mut decoder = DecoderSpec::plain(4, 8, 8, 1e-6, vec![layer.clone(), layer]);
        let v = |decoder: &DecoderSpec| {
            let tensors = LayerTensors::new(&weights, 1);
            let longest = longest(tensors, false);
            let bounds = Bounds { decoder, layer: 1, tensors, longest: &longest, embedding: &|| 3.0 };
            bounds.exponents().map(|e| e.v)
        };
        // 3 + 2 + 4 = 9
        assert_eq!(v(&decoder).expect("a bound"), 11);
        decoder.layers[0].norms = Around::BEFORE;
        assert!(v(&decoder).is_err_and(|e| e.to_string().contains("without a norm")));
    }
}
