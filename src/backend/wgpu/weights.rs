//! Weights on the device, in the type in which they are stored.
//!
//! They go from the mapped file to the device with no copy of a whole matrix on the host. A matrix larger than the device
//! binds in one piece lies in several buffers of whole rows.

use super::Wgpu;
use super::error::WgpuError;
use crate::backend::Purpose;
use crate::checkpoint::{Dtype, Tensor};
use std::ops::Range;

/// A weight: in the file, and where products need it on the device.
pub struct Matrix<'w> {
    /// As stored in the file; gathering reads its rows from here.
    pub(super) tensor: Tensor<'w>,
    /// Type on the device: vectors are widened to f32.
    pub(super) dtype: Dtype,
    pub(super) parts: Vec<Part>,
}

/// Whole rows of a matrix in one buffer.
pub(super) struct Part {
    pub rows: Range<usize>,
    pub buffer: wgpu::Buffer,
}

impl Matrix<'_> {
    /// Rows of the matrix: outputs of a product with it.
    pub(super) fn rows(&self) -> usize {
        self.tensor.rows
    }

    /// The buffer of a vector.
    pub(super) fn vector(&self) -> Result<&wgpu::Buffer, WgpuError> {
        match (&self.parts[..], self.tensor.rows) {
            ([part], 1) => Ok(&part.buffer),
            _ => Err(WgpuError::Refused("a matrix was used where a vector is needed".into())),
        }
    }
}

impl Wgpu {
    pub(super) fn upload_weight<'w>(
        &self,
        tensor: Tensor<'w>,
        purpose: Purpose,
    ) -> Result<Matrix<'w>, WgpuError> {
        if tensor.rows == 1 {
            let buffer = self.put("a vector of weights", bytemuck::cast_slice(&widen(&tensor, 0)))?;
            return Ok(Matrix { tensor, dtype: Dtype::F32, parts: vec![Part { rows: 0..1, buffer }] });
        }
        let mut parts = Vec::new();
        // Gathered rows are few and come from the mapped file; the table itself can stay there.
        if purpose != Purpose::Gather {
            let row_bytes = tensor.cols * tensor.dtype.size();
            let limit = self.device.binding_limit();
            let most = (limit / row_bytes as u64) as usize;
            if most == 0 {
                return Err(WgpuError::TooLarge {
                    what: "one row of a weight".into(),
                    need: row_bytes as u64,
                    limit,
                    advice: "choose another --adapter or --backend cpu",
                });
            }
            for rows in split(tensor.rows, most) {
                let bytes = &tensor.bytes[rows.start * row_bytes..rows.end * row_bytes];
                parts.push(Part { buffer: self.put("weights", bytes)?, rows });
            }
        }
        Ok(Matrix { dtype: tensor.dtype, tensor, parts })
    }
}

/// Refuses a matrix that products on matrix units would turn into infinities: they read bf16 as f16. Of the other types
/// f16 is what they take, and f32 never goes there.
pub(super) fn check_fits_f16(tensor: &Tensor<'_>) -> Result<(), WgpuError> {
    use rayon::prelude::*;
    if tensor.rows == 1 || tensor.dtype != Dtype::Bf16 {
        return Ok(());
    }
    // Without their sign, the bits of floats have the order of their sizes.
    let size = |value: &[u8; 2]| u16::from_le_bytes(*value) & 0x7fff;
    let of_piece = |bytes: &[u8]| bytes.as_chunks::<2>().0.iter().map(size).fold(0, u16::max);
    let bits = tensor.bytes.par_chunks(1 << 20).map(of_piece).max().unwrap_or(0);
    let largest = half::bf16::from_bits(bits).to_f32();
    if largest > half::f16::MAX.to_f32() { Err(WgpuError::BeyondF16 { largest }) } else { Ok(()) }
}

/// Equal ranges of at most `most` of `rows` rows.
fn split(rows: usize, most: usize) -> Vec<Range<usize>> {
    let step = rows.div_ceil(rows.div_ceil(most).max(1)).max(1);
    (0..rows).step_by(step).map(|start| start..(start + step).min(rows)).collect()
}

/// Row `row` of `tensor` as f32; exact.
pub(super) fn widen(tensor: &Tensor<'_>, row: usize) -> Vec<f32> {
    let bytes = tensor.cols * tensor.dtype.size();
    let bytes = &tensor.bytes[row * bytes..(row + 1) * bytes];
    match tensor.dtype {
        Dtype::F32 => bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        Dtype::F16 => {
            bytes.as_chunks::<2>().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect()
        }
        Dtype::Bf16 => {
            bytes.as_chunks::<2>().0.iter().map(|b| half::bf16::from_le_bytes(*b).to_f32()).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_split_evenly_and_completely() {
        assert_eq!(split(10, 100).len(), 1);
        assert_eq!(split(10, 100)[0], 0..10);
        assert_eq!(split(10, 4), [0..4, 4..8, 8..10]);
        assert_eq!(split(152_064, 18_724).len(), 9);
        assert!(split(0, 4).is_empty());
    }

    #[test]
    fn what_f16_cannot_hold_is_found_in_matrices_of_bf16_alone() {
        let mut values = vec![half::bf16::ONE; 2 * (1 << 20)];
        let mut check = |at: usize, value: f32, rows: usize, dtype| {
            values[at] = half::bf16::from_f32(value);
            let bytes = bytemuck::cast_slice(&values);
            let found =
                check_fits_f16(&Tensor { dtype, rows, cols: bytes.len() / rows / dtype.size(), bytes });
            values[at] = half::bf16::ONE;
            found.err().map(|error| error.to_string())
        };
        // The largest of bf16 below 65504, and the next above.
        for at in [0, 1 << 19, 2 * (1 << 20) - 1] {
            assert_eq!(check(at, -65280.0, 2, Dtype::Bf16), None);
            assert!(check(at, -65536.0, 2, Dtype::Bf16).is_some_and(|said| said.contains("65536")));
        }
        assert_eq!(check(7, 1e30, 1, Dtype::Bf16), None, "a vector is widened to f32");
        assert_eq!(check(7, 1e30, 2, Dtype::F32), None, "products of f32 stay f32");
    }
}
