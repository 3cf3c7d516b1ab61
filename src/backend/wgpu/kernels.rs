//! The kernels and their variants: file, buffers, and what is put in its places.

use crate::checkpoint::Dtype;

/// One variant of one kernel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Kernel {
    pub file: &'static str,
    /// A letter per storage buffer, in the order of their bindings from 1 on: `r`ead or `w`rite.
    pub buffers: &'static str,
    pub values: Vec<(&'static str, String)>,
}

/// Shape of the tile that a workgroup of the product makes, and of a thread's share of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tile {
    /// Rows and columns of a thread.
    pub thread: [u32; 2],
    /// Threads along rows and along columns.
    pub threads: [u32; 2],
}

impl Tile {
    pub fn rows(&self) -> u32 {
        self.thread[0] * self.threads[0]
    }

    pub fn columns(&self) -> u32 {
        self.thread[1] * self.threads[1]
    }

    pub fn invocations(&self) -> u32 {
        self.threads[0] * self.threads[1]
    }

    /// Bytes of workgroup memory: 16 elements of every row and column.
    pub fn workgroup_bytes(&self) -> u32 {
        (self.rows() + self.columns()) * 64
    }

    /// Whether a device with these limits can run it.
    pub fn fits(&self, limits: &wgpu::Limits) -> bool {
        self.workgroup_bytes() <= limits.max_compute_workgroup_storage_size
            && self.invocations() <= limits.max_compute_invocations_per_workgroup
            && self.invocations() <= limits.max_compute_workgroup_size_x
    }
}

impl std::fmt::Display for Tile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}/{}x{}", self.rows(), self.columns(), self.thread[0], self.thread[1])
    }
}

/// A device's matrix units: f16 products with f32 sums on square matrices that a subgroup holds together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MatrixUnits {
    /// Rows and columns of a matrix: 8 or 16.
    pub side: u32,
    /// Smallest and largest number of threads that the device makes a subgroup of.
    pub subgroup: [u32; 2],
}

impl MatrixUnits {
    /// Subgroups that work on a tile, two by two, each on two by two matrices.
    const SUBGROUPS: u32 = 4;

    /// Rows, and columns, of a workgroup's tile.
    pub fn tile(&self) -> u32 {
        4 * self.side
    }

    /// Threads of a workgroup: enough for [`Self::SUBGROUPS`] however large subgroups turn out.
    pub fn threads(&self) -> u32 {
        Self::SUBGROUPS * self.subgroup[1]
    }

    /// Subgroups that those threads may form at most.
    fn zones(&self) -> u32 {
        self.threads() / self.subgroup[0].max(1)
    }

    /// Whether a device with these limits can run the kernel.
    pub fn fits(&self, limits: &wgpu::Limits) -> bool {
        let bytes = 2 * self.tile() * 64 + self.zones() * self.side * self.side * 4;
        bytes <= limits.max_compute_workgroup_storage_size
            && self.threads() <= limits.max_compute_invocations_per_workgroup
    }
}

/// How a workgroup adds up: through its memory, or by subgroup operations first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reduce {
    Memory,
    Subgroup,
}

impl Reduce {
    fn name(self) -> String {
        match self {
            Reduce::Memory => "memory".into(),
            Reduce::Subgroup => "subgroup".into(),
        }
    }
}

fn stored(dtype: Dtype) -> (&'static str, String) {
    let name = match dtype {
        Dtype::F32 => "f32",
        Dtype::F16 => "f16",
        Dtype::Bf16 => "bf16",
    };
    ("STORED", name.into())
}

const fn plain(file: &'static str, buffers: &'static str) -> Kernel {
    Kernel { file, buffers, values: Vec::new() }
}

/// Elements that a part of an elementwise kernel covers.
pub const ELEMENTS: u32 = 256;
/// Elements that a part of the watch covers.
pub const WATCHED: u32 = 4096;

/// Copies; what the device's memory can do at best.
pub const BENCH_COPY: Kernel = plain("bench_copy.wgsl", "rw");
pub const ADD: Kernel = plain("add.wgsl", "rw");
pub const SCALE: Kernel = plain("scale.wgsl", "w");
pub const GATHER: Kernel = plain("gather.wgsl", "rrw");
pub const ROPE: Kernel = plain("rope.wgsl", "rrw");
pub const LOGITS: Kernel = plain("logits.wgsl", "rrw");
pub const WATCH: Kernel = plain("watch.wgsl", "rw");

pub fn embed(dtype: Dtype) -> Kernel {
    Kernel { file: "embed.wgsl", buffers: "rrw", values: vec![stored(dtype)] }
}

/// `x W^T` for weights stored as `dtype` and rows of `k` elements.
pub fn product(dtype: Dtype, k: usize, tile: Tile) -> Kernel {
    let values = vec![
        stored(dtype),
        span(k),
        ("BM", tile.rows().to_string()),
        ("BN", tile.columns().to_string()),
        ("TM", tile.thread[0].to_string()),
        ("TN", tile.thread[1].to_string()),
        ("TY", tile.threads[0].to_string()),
        ("TX", tile.threads[1].to_string()),
    ];
    Kernel { file: "product.wgsl", buffers: "rrrrw", values }
}

fn span(k: usize) -> (&'static str, String) {
    ("SPAN", if k.is_multiple_of(4) { "whole".into() } else { "ragged".into() })
}

/// [`product`] on matrix units.
pub fn product_matrix(dtype: Dtype, k: usize, units: MatrixUnits) -> Kernel {
    let values = vec![
        stored(dtype),
        span(k),
        ("SIDE", units.side.to_string()),
        ("BM", units.tile().to_string()),
        ("BN", units.tile().to_string()),
        ("ACROSS", "2".into()),
        ("SUBGROUPS", MatrixUnits::SUBGROUPS.to_string()),
        ("THREADS", units.threads().to_string()),
        ("ZONES", units.zones().to_string()),
    ];
    Kernel { file: "product_matrix.wgsl", buffers: "rrrrwr", values }
}

/// Powers of two that bring rows into the range of f16.
pub fn row_power(reduce: Reduce) -> Kernel {
    let values = vec![("REDUCE", reduce.name()), ("THREADS", "256".into())];
    Kernel { file: "row_power.wgsl", buffers: "rw", values }
}

/// RMS norm over groups of `group` elements.
pub fn norm(group: usize, reduce: Reduce) -> Kernel {
    let threads = if group <= 512 { 64 } else { 256 };
    let values = vec![("REDUCE", reduce.name()), ("THREADS", threads.to_string())];
    Kernel { file: "norm.wgsl", buffers: "rrw", values }
}

pub fn log_sum_exp(reduce: Reduce) -> Kernel {
    let values = vec![("REDUCE", reduce.name()), ("THREADS", "256".into())];
    Kernel { file: "log_sum_exp.wgsl", buffers: "rw", values }
}

pub fn top() -> Kernel {
    Kernel { file: "top.wgsl", buffers: "rw", values: vec![("THREADS", "256".into())] }
}

/// Multiply-adds on registers in so many rounds; what the device can compute at best.
pub fn bench_fma(rounds: u64) -> Kernel {
    Kernel { file: "bench_fma.wgsl", buffers: "w", values: vec![("ROUNDS", rounds.to_string())] }
}

/// Query-head pairs that a workgroup of the attention takes.
pub fn attention_pairs(head_dim: usize) -> usize {
    if head_dim <= 256 { 8 } else { 4 }
}

/// Longest head that the attention kernel can take.
pub const MAX_HEAD_DIM: usize = 512;

pub fn attention(head_dim: usize) -> Kernel {
    let values = vec![
        ("DIM", head_dim.to_string()),
        ("ROWS", attention_pairs(head_dim).to_string()),
        ("QUADS", (head_dim.div_ceil(16) * 4).to_string()),
        ("DIMS", head_dim.div_ceil(64).to_string()),
    ];
    Kernel { file: "attention.wgsl", buffers: "rrrrrrw", values }
}

/// Every variant that the backend can ask for, with these tiles and head sizes; for checks.
pub fn all(tiles: &[Tile], head_dims: &[usize]) -> Vec<Kernel> {
    let dtypes = [Dtype::F32, Dtype::F16, Dtype::Bf16];
    let reduces = [Reduce::Memory, Reduce::Subgroup];
    let mut all = vec![ADD, SCALE, GATHER, ROPE, LOGITS, WATCH, BENCH_COPY, top(), bench_fma(64)];
    all.extend(dtypes.map(embed));
    for &tile in tiles {
        all.extend(dtypes.iter().flat_map(|&dtype| [4, 5].map(|k| product(dtype, k, tile))));
    }
    all.extend(reduces.iter().flat_map(|&reduce| [64, 1024].map(|group| norm(group, reduce))));
    all.extend(reduces.map(log_sum_exp));
    all.extend(reduces.map(row_power));
    for (side, subgroup) in [(8, [8, 8]), (8, [32, 32]), (16, [32, 32]), (16, [32, 64])] {
        let units = MatrixUnits { side, subgroup };
        let halves = [Dtype::F16, Dtype::Bf16];
        all.extend(halves.iter().flat_map(|&dtype| [4, 5].map(|k| product_matrix(dtype, k, units))));
    }
    all.extend(head_dims.iter().map(|&d| attention(d)));
    all
}
