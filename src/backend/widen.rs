//! Stored weights as f32: a borrowed view where the file already holds aligned f32, else widened into a buffer.

use crate::checkpoint::weights::{Dtype, Tensor};
use half::slice::HalfFloatSliceExt;
use std::borrow::Cow;
use std::ops::Range;

/// One row of `t`.
pub fn widen_row(t: &Tensor<'_>, row: usize, out: &mut [f32]) {
    widen_columns(t, row, 0..t.cols, out);
}

/// These columns of one row of `t`.
pub fn widen_columns(t: &Tensor<'_>, row: usize, columns: Range<usize>, out: &mut [f32]) {
    let (first, size) = (row * t.cols, t.dtype.size());
    widen(t.dtype, &t.bytes[(first + columns.start) * size..(first + columns.end) * size], out);
}

/// All of `t`; meant for vectors.
pub fn widen_all<'a>(t: &Tensor<'a>) -> Cow<'a, [f32]> {
    if t.dtype == Dtype::F32
        && let Ok(values) = bytemuck::try_cast_slice::<u8, f32>(t.bytes)
    {
        return Cow::Borrowed(values);
    }
    let mut out = vec![0.0; t.rows * t.cols];
    widen(t.dtype, t.bytes, &mut out);
    Cow::Owned(out)
}

/// Exact: every f16 and bf16 value, subnormals included, is an f32.
pub fn widen(dtype: Dtype, bytes: &[u8], out: &mut [f32]) {
    match dtype {
        Dtype::F32 => {
            for (o, b) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
                *o = f32::from_le_bytes(*b);
            }
        }
        Dtype::Bf16 => {
            for (o, b) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                *o = f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16);
            }
        }
        Dtype::F16 => match bytemuck::try_cast_slice::<u8, half::f16>(bytes) {
            Ok(values) => values.convert_to_f32_slice(out),
            Err(_) => {
                for (o, b) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                    *o = half::f16::from_le_bytes(*b).to_f32();
                }
            }
        },
    }
}
