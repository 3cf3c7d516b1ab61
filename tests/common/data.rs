//! Made-up weights and rows.

use tiltmeter::backend::{Backend, Purpose};
use tiltmeter::checkpoint::{Dtype, Tensor};

/// A weight of its own.
pub struct Weight {
    dtype: Dtype,
    rows: usize,
    cols: usize,
    bytes: Vec<u8>,
}

impl Weight {
    /// Evenly spread values within `size` of 0, the same for the same seed.
    pub fn new(dtype: Dtype, rows: usize, cols: usize, size: f32, seed: u32) -> Weight {
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
        let mut bytes = Vec::new();
        for _ in 0..rows * cols {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let v = ((state >> 8) as f32 / (1 << 23) as f32 - 1.0) * size;
            match dtype {
                Dtype::F32 => bytes.extend(v.to_le_bytes()),
                Dtype::F16 => bytes.extend(half::f16::from_f32(v).to_le_bytes()),
                Dtype::Bf16 => bytes.extend(half::bf16::from_f32(v).to_le_bytes()),
            }
        }
        Weight { dtype, rows, cols, bytes }
    }

    pub fn tensor(&self) -> Tensor<'_> {
        Tensor { dtype: self.dtype, rows: self.rows, cols: self.cols, bytes: &self.bytes }
    }

    pub fn for_products<B: Backend>(&self, backend: &B) -> B::Matrix<'_> {
        backend.upload(self.tensor(), Purpose::Product).expect("uploads")
    }

    /// This weight's values as rows of activations.
    pub fn on<B: Backend>(&self, backend: &B) -> B::Rows {
        let table = backend.upload(self.tensor(), Purpose::Gather).expect("uploads");
        let all: Vec<u32> = (0..self.rows as u32).collect();
        backend.embed(&table, 0..self.cols, &all, 1.0).expect("embeds")
    }
}

/// Rows of f32 values within `size` of 0.
pub fn rows(n: usize, width: usize, size: f32, seed: u32) -> Weight {
    Weight::new(Dtype::F32, n, width, size, seed)
}

/// Whether `got` is `want` to `relative` of the largest value.
pub fn assert_close(what: &str, got: &[f32], want: &[f32], relative: f32) {
    assert_eq!(got.len(), want.len(), "{what}: number of values");
    let scale = want.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    assert!(scale > 0.0, "{what}: nothing to compare");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        assert!((g - w).abs() <= relative * scale, "{what}: value {i} is {g}, should be {w}");
    }
}
