//! f32 rows on the GPU and the single steps on them.

use super::super::distinct::distinct_rows;
use super::Cuda;
use super::error::CudaError;
use super::params;
use super::plan::{row_length, rows_bytes};
use super::pool::Block;
use super::tables::Turns;
use super::watch::Pending;
use super::weights::Matrix;
use crate::checkpoint::Dtype;
use crate::checkpoint::spec::{Act, Pairs};
use std::ops::Range;
use std::sync::Arc;

/// Elements of a row that one block of a kernel takes.
const ELEMENTS: usize = 1024;

/// `[n, width]`, rows `ld` apart.
pub struct Rows {
    pub n: usize,
    pub width: usize,
    pub(super) ld: usize,
    block: Arc<Block>,
}

impl Rows {
    pub(super) fn at(&self) -> u64 {
        self.block.at()
    }

    /// The same memory.
    pub(super) fn share(&self) -> Rows {
        Rows { block: self.block.clone(), ..*self }
    }

    pub(super) fn same_as(&self, other: &Rows) -> bool {
        self.at() == other.at() && self.n == other.n && self.width == other.width
    }

    /// The grid of kernels that go through all elements.
    pub(super) fn grid(&self) -> [u32; 3] {
        [self.n as u32, self.width.div_ceil(ELEMENTS) as u32, 1]
    }

    /// A product's results, stored here.
    pub(super) fn target(&self, mode: i32) -> params::ToRows {
        params::ToRows { out: self.at(), side: 0, ld: self.ld as i32, side_ld: 0, mode, act: 0 }
    }
}

pub(super) fn act_number(act: Act) -> i32 {
    match act {
        Act::Silu => 0,
        Act::GeluTanh => 1,
    }
}

pub(super) fn dtype_number(dtype: Dtype) -> i32 {
    match dtype {
        Dtype::F32 => 0,
        Dtype::F16 => 1,
        Dtype::Bf16 => 2,
    }
}

fn same_shape(what: &str, a: &Rows, b: &Rows) -> Result<(), CudaError> {
    if (a.n, a.width) == (b.n, b.width) {
        return Ok(());
    }
    Err(CudaError::Refused(format!("{what} of {} x {} and {} x {} rows", a.n, a.width, b.n, b.width)))
}

impl Cuda {
    pub(super) fn new_rows(&self, what: &str, n: usize, width: usize) -> Result<Rows, CudaError> {
        let block = Arc::new(self.pool.take(what, rows_bytes(n, width))?);
        Ok(Rows { n, width, ld: row_length(width), block })
    }

    /// Rows of `table` for `tokens`, `columns` of them, times `scale`. Only the distinct rows travel to the GPU, in their
    /// stored type.
    pub(super) fn embed_rows(
        &self,
        table: &Matrix<'_>,
        columns: Range<usize>,
        tokens: &[u32],
        scale: f32,
    ) -> Result<Rows, CudaError> {
        let t = &table.tensor;
        let (distinct, indices) = distinct_rows(t, columns.clone(), tokens);
        let out = self.new_rows("embedded tokens", tokens.len(), columns.len())?;
        if out.n == 0 {
            return Ok(out);
        }
        let distinct = self.transfer.up(&self.pool, "embedding rows", &distinct)?;
        let indices = self.transfer.up(&self.pool, "token rows", bytemuck::cast_slice(&indices))?;
        let embed = params::Embed {
            table: distinct.at(),
            index: indices.at(),
            out: out.at(),
            n: out.n as i32,
            width: out.width as i32,
            table_ld: out.width as i32,
            ld: out.ld as i32,
            dtype: dtype_number(t.dtype),
            scale,
        };
        self.start("embed", [out.n as u32, 1, 1], &embed)?;
        Ok(out)
    }

    /// `to = norm(x)`, or `to += norm(x)`, each `group` elements by themselves.
    pub(super) fn norm_into(
        &self,
        x: &Rows,
        weight: Option<u64>,
        group: usize,
        eps: f32,
        to: &Rows,
        add: bool,
    ) -> Result<(), CudaError> {
        same_shape("a norm", x, to)?;
        if x.n == 0 {
            return Ok(());
        }
        // What is added to may be what is still to be looked at.
        let Pending { flag, place } = self.looked_at(x)?;
        let norm = params::NormRows {
            x: x.at(),
            weight: weight.unwrap_or(0),
            out: to.at(),
            flag,
            n: x.n as i32,
            width: x.width as i32,
            ld: x.ld as i32,
            out_ld: to.ld as i32,
            group: group as i32,
            add: i32::from(add),
            place,
            eps,
        };
        self.start("norm_rows", [x.n as u32, (x.width / group.max(1)) as u32, 1], &norm)
    }

    pub(super) fn add_rows(&self, x: &Rows, to: &Rows) -> Result<(), CudaError> {
        same_shape("a sum", x, to)?;
        self.look_now()?;
        if x.n == 0 {
            return Ok(());
        }
        let add = params::Add {
            x: x.at(),
            to: to.at(),
            n: x.n as i32,
            width: x.width as i32,
            ld: x.ld as i32,
            to_ld: to.ld as i32,
        };
        self.start("add", x.grid(), &add)
    }

    pub(super) fn scale_rows(&self, x: &Rows, by: f32) -> Result<(), CudaError> {
        self.look_now()?;
        if x.n == 0 {
            return Ok(());
        }
        let scale = params::Scale { x: x.at(), n: x.n as i32, width: x.width as i32, ld: x.ld as i32, by };
        self.start("scale", x.grid(), &scale)
    }

    /// `act(gate) * up[:, column..]`
    pub(super) fn gated(&self, gate: &Rows, up: &Rows, column: usize, act: Act) -> Result<Rows, CudaError> {
        if gate.n != up.n || column + gate.width > up.width {
            return Err(CudaError::Refused(format!(
                "a gate of {} x {} rows with columns from {column} on of {} x {}",
                gate.n, gate.width, up.n, up.width
            )));
        }
        let out = self.new_rows("gated rows", gate.n, gate.width)?;
        if out.n == 0 {
            return Ok(out);
        }
        let rows = params::GateRows {
            gate: gate.at(),
            up: up.at() + 4 * column as u64,
            out: out.at(),
            n: out.n as i32,
            width: out.width as i32,
            gate_ld: gate.ld as i32,
            up_ld: up.ld as i32,
            out_ld: out.ld as i32,
            act: act_number(act),
        };
        self.start("gate_rows", out.grid(), &rows)?;
        Ok(out)
    }

    pub(super) fn turn(&self, x: &Rows, head_dim: usize, turns: &Turns) -> Result<(), CudaError> {
        self.look_now()?;
        let pairs = turns.rotary.freq.len();
        if x.n == 0 || pairs == 0 {
            return Ok(());
        }
        let table = self.turn_table(&turns.rotary, pairs, turns.last)?;
        let rope = params::RopeRows {
            x: x.at(),
            turns: table.at(),
            position: turns.positions.at(),
            n: x.n as i32,
            ld: x.ld as i32,
            heads: (x.width / head_dim.max(1)) as i32,
            dim: head_dim as i32,
            pairs: pairs as i32,
            apart: match turns.rotary.pairs {
                Pairs::Apart(distance) => distance as i32,
                Pairs::Adjacent => 0,
            },
        };
        self.start("rope_rows", [x.n as u32, 1, 1], &rope)
    }

    pub(super) fn gather(&self, x: &Rows, rows: &[usize]) -> Result<Rows, CudaError> {
        if let Some(row) = rows.iter().find(|row| **row >= x.n) {
            return Err(CudaError::Refused(format!("row {row} of {} was asked for", x.n)));
        }
        let out = self.new_rows("gathered rows", rows.len(), x.width)?;
        if out.n == 0 {
            return Ok(out);
        }
        let indices: Vec<u32> = rows.iter().map(|&r| r as u32).collect();
        let indices = self.transfer.up(&self.pool, "row indices", bytemuck::cast_slice(&indices))?;
        let gather = params::Gather {
            x: x.at(),
            rows: indices.at(),
            out: out.at(),
            n: out.n as i32,
            width: out.width as i32,
            ld: x.ld as i32,
            out_ld: out.ld as i32,
        };
        self.start("gather_rows", [out.n as u32, 1, 1], &gather)?;
        Ok(out)
    }

    pub(super) fn read_rows(&self, x: &Rows) -> Result<Vec<f32>, CudaError> {
        if x.n == 0 || x.width == 0 {
            return Ok(Vec::new());
        }
        let bytes = self.transfer.down(x.block.buffer()?, rows_bytes(x.n, x.width))?;
        let values: Vec<f32> = bytemuck::pod_collect_to_vec(&bytes);
        Ok(values.chunks_exact(x.ld).flat_map(|row| row[..x.width].iter().copied()).collect())
    }

    /// Rows of these values.
    pub(super) fn rows_of(
        &self,
        what: &str,
        n: usize,
        width: usize,
        values: &[f32],
    ) -> Result<Rows, CudaError> {
        let ld = row_length(width);
        let mut padded = vec![0.0f32; n * ld];
        for (to, from) in padded.chunks_exact_mut(ld.max(1)).zip(values.chunks_exact(width.max(1))) {
            to[..width].copy_from_slice(from);
        }
        let block = Arc::new(self.transfer.up(&self.pool, what, bytemuck::cast_slice(&padded))?);
        Ok(Rows { n, width, ld, block })
    }
}
