//! The row-wise steps: embedding, norm, rotary, add and scale.

use super::super::distinct::distinct_rows;
use super::Wgpu;
use super::error::WgpuError;
use super::kernels;
use super::record::Dispatch;
use super::rows::{Rows, TOUCH};
use super::weights::Matrix;
use crate::checkpoint::spec::{Pairs, Rotary};
use std::ops::Range;

/// Cosines and sines of every position up to the largest, and the position of each row.
pub struct Turns {
    table: wgpu::Buffer,
    positions: wgpu::Buffer,
    pairs: usize,
    kind: Pairs,
}

impl Wgpu {
    /// Rows of `table` for `tokens`, `columns` of them, times `scale`. Only the distinct rows travel to the device, in
    /// their stored type.
    pub(super) fn embed_rows(
        &self,
        table: &Matrix<'_>,
        columns: Range<usize>,
        tokens: &[u32],
        scale: f32,
    ) -> Result<Rows, WgpuError> {
        let t = &table.tensor;
        let (distinct, indices) = distinct_rows(t, columns.clone(), tokens);
        let out = self.new_rows("embedded tokens", tokens.len(), columns.len())?;
        let distinct = self.put("embedding rows", &distinct)?;
        let indices = self.put("token rows", bytemuck::cast_slice(&indices))?;
        let params = [columns.len() as u32, scale.to_bits()];
        self.elementwise(
            kernels::embed(t.dtype),
            &[&distinct, &indices, &out.buffer],
            out.elements(),
            &params,
        )?;
        Ok(out)
    }

    pub(super) fn rms_norm(
        &self,
        x: &Rows,
        weight: Option<&Matrix<'_>>,
        group: usize,
        eps: f32,
    ) -> Result<Rows, WgpuError> {
        let out = self.new_rows("normed rows", x.n, x.width)?;
        let vector = weight.map(Matrix::vector).transpose()?.unwrap_or(&self.nothing);
        self.run(&Dispatch {
            kernel: kernels::norm(group, self.reduce),
            buffers: &[&x.buffer, vector, &out.buffer],
            params: &[group as u32, u32::from(weight.is_some()), eps.to_bits()],
            parts: (x.elements() / group) as u64,
            cost: x.elements() as u64 * TOUCH,
        })?;
        Ok(out)
    }

    pub(super) fn add_rows(&self, x: &Rows, to: &Rows) -> Result<(), WgpuError> {
        self.elementwise(kernels::ADD, &[&x.buffer, &to.buffer], to.elements(), &[])
    }

    pub(super) fn scale_rows(&self, x: &Rows, by: f32) -> Result<(), WgpuError> {
        self.elementwise(kernels::SCALE, &[&x.buffer], x.elements(), &[by.to_bits()])
    }

    /// The angle is the f32 product of position and frequency, as the reference implementation has it; its sine and
    /// cosine are taken in f64 and kept in f32.
    pub(super) fn new_turns(&self, rotary: &Rotary, positions: &[u32]) -> Result<Turns, WgpuError> {
        let last = positions.iter().max().map_or(0, |&p| p + 1);
        let table: Vec<[f32; 2]> = (0..last)
            .flat_map(|p| rotary.freq.iter().map(move |f| f64::from(p as f32 * f)))
            .map(|angle| [angle.cos() as f32, angle.sin() as f32])
            .collect();
        Ok(Turns {
            table: self.put("rotary table", bytemuck::cast_slice(&table))?,
            positions: self.put("positions", bytemuck::cast_slice(positions))?,
            pairs: rotary.freq.len(),
            kind: rotary.pairs,
        })
    }

    pub(super) fn turn(&self, x: &Rows, head_dim: usize, turns: &Turns) -> Result<(), WgpuError> {
        let count = x.elements() / head_dim * turns.pairs;
        let distance = match turns.kind {
            Pairs::Apart(distance) => distance as u32,
            Pairs::Adjacent => 0,
        };
        self.elementwise(
            kernels::ROPE,
            &[&turns.table, &turns.positions, &x.buffer],
            count,
            &[x.width as u32, head_dim as u32, turns.pairs as u32, distance],
        )
    }
}
