//! Random weights of a real checkpoint's shapes, without a checkpoint's size on the host.

use std::collections::HashMap;

use half::bf16;
use memmap2::{Mmap, MmapMut};

use super::Shape;
use crate::checkpoint::{Dtype, Role, Tensor, Weights};

/// Values before the pattern repeats; odd, so that the rows of a matrix differ.
const PERIOD: usize = (1 << 20) + 7;

/// Every matrix is the same random bf16 values from the start on, as long as it needs them; vectors are ones. A table
/// beside the embedding, of which only rows are gathered, is zeros that take no memory.
pub struct RandomWeights {
    /// Role and layer to rows and columns.
    tensors: HashMap<(Role, Option<usize>), (usize, usize)>,
    matrix: Vec<u8>,
    vector: Vec<u8>,
    side_table: Option<Mmap>,
    /// As a device holds them.
    device_bytes: u64,
}

impl RandomWeights {
    /// # Errors
    /// No room in the address space.
    pub fn new(shape: &Shape) -> std::io::Result<RandomWeights> {
        let longest = |vectors: bool| {
            let sizes =
                shape.tensors.iter().filter(|t| (t.rows == 1) == vectors && t.role != Role::SideTable);
            sizes.map(|t| t.rows * t.cols).max().unwrap_or(0)
        };
        let side_table = shape.tensors.iter().find(|t| t.role == Role::SideTable);
        let side_table =
            side_table.map(|t| MmapMut::map_anon(2 * t.rows * t.cols)?.make_read_only()).transpose()?;
        let on_device = shape.tensors.iter().filter(|t| !t.role.is_only_gathered(shape.spec.head.tied));
        let device_bytes = on_device.map(|t| 2 * t.rows as u64 * t.cols as u64).sum();
        let hidden = shape.spec.hidden as f32;
        let mut state = 1u64;
        let pattern: Vec<u8> = (0..PERIOD.min(longest(false)))
            .flat_map(|_| {
                // Knuth's linear congruential generator; its high bits are random enough to keep adders busy.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let unit = (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
                bf16::from_f32(unit * (3.0 / hidden).sqrt()).to_le_bytes()
            })
            .collect();
        let mut matrix = Vec::with_capacity(2 * longest(false));
        while matrix.len() < 2 * longest(false) {
            let left = 2 * longest(false) - matrix.len();
            matrix.extend_from_slice(&pattern[..left.min(pattern.len())]);
        }
        Ok(RandomWeights {
            tensors: shape.tensors.iter().map(|t| ((t.role, t.layer), (t.rows, t.cols))).collect(),
            matrix,
            vector: bf16::ONE.to_le_bytes().repeat(longest(true)),
            side_table,
            device_bytes,
        })
    }

    /// The first `rows * cols` random values as a table; the shape has a matrix at least as large.
    pub fn table(&self, rows: usize, cols: usize) -> Tensor<'_> {
        let rows = rows.min(self.matrix.len() / 2 / cols.max(1));
        Tensor { dtype: Dtype::Bf16, rows, cols, bytes: &self.matrix[..2 * rows * cols] }
    }

    pub fn parameters(&self) -> u64 {
        self.tensors.values().map(|&(rows, cols)| rows as u64 * cols as u64).sum()
    }

    pub fn device_bytes(&self) -> u64 {
        self.device_bytes
    }
}

impl Weights for RandomWeights {
    fn get(&self, role: Role, layer: Option<usize>) -> Option<Tensor<'_>> {
        let &(rows, cols) = self.tensors.get(&(role, layer))?;
        let values: &[u8] = match (role, rows) {
            (Role::SideTable, _) => self.side_table.as_ref()?,
            (_, 1) => &self.vector,
            _ => &self.matrix,
        };
        Some(Tensor { dtype: Dtype::Bf16, rows, cols, bytes: values.get(..2 * rows * cols)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::shape;

    #[test]
    fn every_tensor_of_a_shape_is_there_and_finite_and_differs_from_row_to_row() {
        let shape = shape("mistral-7b", Some(1)).expect("a shape");
        let weights = RandomWeights::new(&shape).expect("room");
        for wanted in &shape.tensors {
            let tensor = weights.get(wanted.role, wanted.layer).expect("there");
            assert_eq!((tensor.rows, tensor.cols), (wanted.rows, wanted.cols));
            assert_eq!(tensor.bytes.len(), 2 * wanted.rows * wanted.cols);
        }
        let gate = weights.get(Role::Gate, Some(0)).expect("a matrix");
        let row = |i: usize| &gate.bytes[2 * i * gate.cols..2 * (i + 1) * gate.cols];
        assert_ne!(row(0), row(1));
        assert_ne!(row(0), row((1 << 20) / gate.cols), "one period further");
        assert!(row(0).chunks(2).all(|b| bf16::from_le_bytes([b[0], b[1]]).is_finite()));
    }
}
