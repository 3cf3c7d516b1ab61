//! Weights that f16 cannot hold beside their matrix' largest: the power of two that brings that one below 2^15 leaves them so
//! small that bits fall off the end of f16. Only bf16 reaches so far down: what is stored in f16 is there already, and
//! f32 is rounded to two planes whatever its size.

use super::error::CudaError;
use super::packing::exponent_of;
use crate::backend::widen::widen_row;
use crate::checkpoint::spec::{DecoderSpec, Kv};
use crate::checkpoint::{Dtype, Role, Tensor, Weights};
use half::f16;
use rayon::prelude::*;

/// Weights of matrices that are stored in bf16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lost {
    pub of: u64,
    /// So many lose bits: at most 2^-39 of their matrix' largest each.
    pub lost: u64,
}

/// Tensors of a layer that are one matrix on the GPU, and so have one power of two.
const TOGETHER: [&[Role]; 6] = [
    &[Role::Query, Role::Key, Role::Value],
    &[Role::AttnOut],
    &[Role::Gate, Role::Up],
    &[Role::Down],
    &[Role::SideGate],
    &[Role::SideOut],
];

/// Counts them; reads every matrix.
///
/// # Errors
/// A weight is not finite.
pub fn lost_weights(decoder: &DecoderSpec, weights: &dyn Weights) -> Result<Lost, CudaError> {
    let mut sum = Lost::default();
    let mut add = |roles: &[Role], layer: Option<usize>| {
        let tensors: Vec<Tensor<'_>> = roles.iter().filter_map(|role| weights.get(*role, layer)).collect();
        let counted = of_matrix(&tensors)?;
        (sum.of, sum.lost) = (sum.of + counted.of, sum.lost + counted.lost);
        Ok::<_, CudaError>(())
    };
    add(&[Role::OutputEmbedding], None)?;
    add(&[Role::SideContext], None)?;
    for (i, layer) in decoder.layers.iter().enumerate() {
        for roles in TOGETHER {
            // A layer that reads another's keys and values may have some of its own in its file.
            let own = roles.len() < 3 || layer.kv == Kv::Own;
            add(if own { roles } else { &roles[..1] }, Some(i))?;
        }
    }
    Ok(sum)
}

fn of_matrix(tensors: &[Tensor<'_>]) -> Result<Lost, CudaError> {
    if tensors.iter().any(|tensor| tensor.dtype != Dtype::Bf16) {
        return Ok(Lost::default());
    }
    let scale = 2f32.powi(exponent_of(tensors)?);
    let loses = |value: f32| f16::from_f32(value * scale).to_f32() != value * scale;
    let mut counted = Lost::default();
    for tensor in tensors {
        let of_row = |row: &mut Vec<f32>, i: usize| {
            row.resize(tensor.cols, 0.0);
            widen_row(tensor, i, row);
            row.iter().filter(|value| loses(**value)).count() as u64
        };
        counted.of += (tensor.rows * tensor.cols) as u64;
        counted.lost += (0..tensor.rows).into_par_iter().map_init(Vec::new, of_row).sum::<u64>();
    }
    Ok(counted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::bf16;

    fn lost(values: &[f32]) -> Lost {
        let stored: Vec<u8> = values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect();
        let tensor = Tensor { dtype: Dtype::Bf16, rows: 1, cols: values.len(), bytes: &stored };
        of_matrix(&[tensor]).expect("finite")
    }

    #[test]
    fn what_is_far_below_the_largest_is_counted() {
        let far = 2f32.powi(-33);
        // 1.5 has two bits, 1 + 2^-7 all eight of bf16.
        let exact = [1.0, 0.0, -1.5 * far, (1.0 + 1.0 / 128.0) * 2f32.powi(-31)];
        assert_eq!(lost(&exact), Lost { of: 4, lost: 0 });
        let gone = [1.0, -(1.0 + 1.0 / 128.0) * far, 2f32.powi(-60)];
        assert_eq!(lost(&gone), Lost { of: 3, lost: 2 });
    }

    #[test]
    fn types_that_hold_no_such_weights_are_not_counted() {
        let stored = [0u8; 8];
        for dtype in [Dtype::F32, Dtype::F16] {
            let tensor = Tensor { dtype, rows: 1, cols: 2, bytes: &stored[..2 * dtype.size()] };
            assert_eq!(of_matrix(&[tensor]).expect("finite"), Lost::default());
        }
    }
}
