//! Matrix products `x W^T` and what follows them in the same kernel.

use super::Wgpu;
use super::error::WgpuError;
use super::kernels;
use super::record::Dispatch;
use super::rows::Rows;
use super::weights::Matrix;
use crate::checkpoint::Dtype;
use crate::checkpoint::spec::Act;
use std::ops::Range;

/// What becomes of a product `v`; the numbers are the kernel's.
#[derive(Clone, Copy)]
pub(super) enum Finish<'a> {
    /// `y = v`
    Set,
    /// `y += v`
    Add,
    /// `y *= act(v)`
    Gate(Act),
    /// `y = act(v) * side[:, column..]`
    Side(Act, &'a Rows, usize),
}

/// The part of a product that is asked for.
pub(super) struct Extent {
    /// Rows of x; they become the first rows of y.
    pub rows: Range<usize>,
    /// Rows of the weight; they become the first columns of y.
    pub outputs: Range<usize>,
    /// f32 products even where the fast path is on.
    pub exact: bool,
}

impl Wgpu {
    /// `y = x W^T + bias`, or as `finish` says; y is `[x.n, W.rows]`.
    pub(super) fn product(
        &self,
        x: &Rows,
        w: &Matrix<'_>,
        bias: Option<&Matrix<'_>>,
        finish: Finish<'_>,
        y: &Rows,
    ) -> Result<(), WgpuError> {
        let extent = Extent { rows: 0..x.n, outputs: 0..w.tensor.rows, exact: false };
        self.product_of(x, w, bias, finish, y, &extent)
    }

    pub(super) fn product_of(
        &self,
        x: &Rows,
        w: &Matrix<'_>,
        bias: Option<&Matrix<'_>>,
        finish: Finish<'_>,
        y: &Rows,
        extent: &Extent,
    ) -> Result<(), WgpuError> {
        let (n, k) = (extent.rows.len(), w.tensor.cols);
        if n == 0 {
            return Ok(());
        }
        if x.width != k || w.parts.is_empty() {
            return Err(WgpuError::Refused(format!(
                "a product of rows of {} elements with a weight of {k} columns, {} of its parts on the device",
                x.width,
                w.parts.len()
            )));
        }
        // f16 holds bf16 and f16 weights exactly, but for tiny ones; f32 weights it does not.
        let units = self.units.filter(|_| !extent.exact && w.dtype != Dtype::F32);
        let powers = units.map(|_| self.row_powers(x)).transpose()?;
        let (kernel, tile) = match units {
            Some(units) => (kernels::product_matrix(w.dtype, k, units), [units.tile(); 2]),
            None => {
                let tile = self.tiles.tile(w.tensor.rows);
                (kernels::product(w.dtype, k, tile), [tile.rows(), tile.columns()])
            }
        };
        let bias_buffer = match bias {
            Some(bias) => bias.vector()?,
            None => &self.nothing,
        };
        let (kind, act, side, column) = match finish {
            Finish::Set => (0, Act::Silu, None, 0),
            Finish::Add => (1, Act::Silu, None, 0),
            Finish::Gate(act) => (2, act, None, 0),
            Finish::Side(act, side, column) => (3, act, Some(side), column),
        };
        let act = match act {
            Act::Silu => 0,
            Act::GeluTanh => 1,
        };
        for part in &w.parts {
            let start = part.rows.start.max(extent.outputs.start);
            let end = part.rows.end.min(extent.outputs.end);
            if start >= end {
                continue;
            }
            let rows = end - start;
            let tiles = n.div_ceil(tile[0] as usize) * rows.div_ceil(tile[1] as usize);
            let params = [
                n,
                k,
                rows,
                start - extent.outputs.start,
                y.width,
                usize::from(bias.is_some()),
                kind,
                act,
                side.map_or(0, |s| s.width),
                column,
                extent.rows.start,
                start - part.rows.start,
            ];
            let side = side.map_or(&self.nothing, |s| &*s.buffer);
            let mut buffers = vec![&*x.buffer, &part.buffer, bias_buffer, side, &*y.buffer];
            buffers.extend(powers.as_ref().map(|p| &*p.buffer));
            self.run(&Dispatch {
                kernel: kernel.clone(),
                buffers: &buffers,
                params: &params.map(|p| p as u32),
                parts: tiles as u64,
                cost: 2 * (tiles as u64) * u64::from(tile[0] * tile[1]) * k as u64,
            })?;
        }
        Ok(())
    }
}
