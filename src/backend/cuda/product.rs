//! Products of planes, and what follows them in the same kernel.

use super::Cuda;
use super::driver::Lane;
use super::error::CudaError;
use super::kernels::{Kernel, KernelSet};
use super::memory::Buffer;
use super::params::{self, Product};
use super::plan::SUM_COLUMNS;
use super::weights::Planes;
use cudarc::driver::sys;
use std::ffi::c_void;
use std::ops::Range;

/// Columns that one tile of a product makes.
const TILE_COLUMNS: usize = 256;
/// Rows that one tile makes, and a pair of them.
const TILE_ROWS: usize = 128;
/// A box of a tensor map: one tile's rows, one step's columns.
const BOX: [u32; 2] = [64, 128];

/// The rows that a product reads.
#[derive(Clone, Copy)]
pub(super) struct Input {
    /// f16 planes `[planes][plane_rows][width]`
    pub at: u64,
    pub planes: usize,
    pub plane_rows: usize,
    pub width: usize,
    pub rows: usize,
    /// The row of the planes at which `at` stands.
    pub first: usize,
    /// f32 per row that undoes its power of two; 0 where `scale` does for all.
    pub inverse: u64,
    pub scale: f32,
}

/// Which of a weight's rows, and their bias.
pub(super) struct Weight<'a> {
    pub planes: &'a Planes,
    pub rows: Range<usize>,
    pub bias: Option<&'a Buffer>,
    /// f32 per row of the weight instead of its own inverse.
    pub inverse: Option<u64>,
}

impl<'a> Weight<'a> {
    pub fn of(planes: &'a Planes, bias: Option<&'a Buffer>) -> Self {
        Weight { planes, rows: 0..planes.rows, bias, inverse: None }
    }
}

/// What becomes of a product.
pub(super) enum Epilogue<'p> {
    Rows(&'p params::ToRows),
    Gate(&'p params::ToGate),
    Heads(&'p params::ToHeads),
    Sums(&'p params::ToSums),
}

impl Cuda {
    pub(super) fn product(
        &self,
        input: &Input,
        weight: &Weight<'_>,
        epilogue: &Epilogue<'_>,
    ) -> Result<(), CudaError> {
        self.product_of(self.set, input, weight, epilogue)
    }

    /// By the kernels of this set.
    pub(super) fn product_of(
        &self,
        set: KernelSet,
        input: &Input,
        weight: &Weight<'_>,
        epilogue: &Epilogue<'_>,
    ) -> Result<(), CudaError> {
        let Weight { planes: w, rows, bias, inverse } = weight;
        let (m, n) = (input.rows, rows.len());
        if m == 0 || n == 0 {
            return Ok(());
        }
        if input.width != w.width || input.plane_rows < input.first + m || rows.end > w.rows {
            return Err(CudaError::Refused(format!(
                "a product of {m} rows of {} elements with rows {rows:?} of {} x {}",
                input.width, w.rows, w.width
            )));
        }
        let b_planes = w.planes;
        let a_planes = if b_planes == 2 { 2 } else { input.planes };
        if a_planes > input.planes {
            return Err(CudaError::Refused("a product with a weight of two planes of rows of one".into()));
        }
        let first = (2 * rows.start * w.width) as u64;
        let product = Product {
            a: input.at,
            b: w.values.at() + first,
            a_inv: input.inverse,
            b_inv: inverse.unwrap_or(w.inverse.at()) + 4 * rows.start as u64,
            bias: bias.map_or(0, |bias| bias.at() + 4 * rows.start as u64),
            a_rows: input.plane_rows as i32,
            b_rows: w.rows as i32,
            m: m as i32,
            n: n as i32,
            k: w.width as i32,
            scale: input.scale,
            a_planes: a_planes as i32,
            b_planes: b_planes as i32,
        };
        let (name, last): (&str, *const c_void) = match epilogue {
            Epilogue::Rows(p) => ("rows", (&raw const **p).cast()),
            Epilogue::Gate(p) => ("gate", (&raw const **p).cast()),
            Epilogue::Heads(p) => ("heads", (&raw const **p).cast()),
            Epilogue::Sums(p) => ("sums", (&raw const **p).cast()),
        };
        let kernel = self.kernels.get(&product_name(set, name, a_planes, b_planes))?;
        let columns = n.div_ceil(TILE_COLUMNS);
        let grid = match set {
            KernelSet::Naive => [m, columns, 1],
            KernelSet::Mma => [m.div_ceil(TILE_ROWS) * columns, 1, 1],
            KernelSet::Wgmma => {
                let pairs = m.div_ceil(2 * TILE_ROWS) * columns;
                [2 * pairs.min((self.driver.gpu.sms as usize / 2).max(1)), 1, 1]
            }
        };
        let mut maps = match set {
            KernelSet::Wgmma => vec![
                self.tensor_map(input.at, input.width, input.planes * input.plane_rows - input.first)?,
                self.tensor_map(product.b, w.width, w.planes * w.rows - rows.start)?,
            ],
            _ => Vec::new(),
        };
        let mut parameters: Vec<*mut c_void> = maps.iter_mut().map(|map| (&raw mut *map).cast()).collect();
        parameters.extend([(&raw const product).cast_mut().cast(), last.cast_mut()]);
        // SAFETY: kernels.txt names these structures for this entry, and the buffers are those of `input` and `weight`.
        unsafe { self.kernels.start(Lane::Passes, kernel, grid.map(|g| g as u32), &mut parameters) }
    }

    /// The kernel of a product with this epilogue.
    pub(super) fn product_kernel(
        &self,
        epilogue: &str,
        a_planes: usize,
        b_planes: usize,
    ) -> Result<Kernel, CudaError> {
        self.kernels.get(&product_name(self.set, epilogue, a_planes, b_planes))
    }

    /// How the hardware copies tiles of `[rows, width]` f16 at this address.
    fn tensor_map(&self, at: u64, width: usize, rows: usize) -> Result<sys::CUtensorMap, CudaError> {
        use sys::{
            CUtensorMapDataType as Type, CUtensorMapFloatOOBfill as Fill,
            CUtensorMapInterleave as Interleave, CUtensorMapL2promotion as Promotion,
            CUtensorMapSwizzle as Swizzle,
        };
        let mut map = sys::CUtensorMap { opaque: [0; 16] };
        let extent = [width as u64, rows as u64];
        let stride = [2 * width as u64];
        // SAFETY: two dimensions, as the arrays have.
        let code = unsafe {
            sys::cuTensorMapEncodeTiled(
                &raw mut map,
                Type::CU_TENSOR_MAP_DATA_TYPE_FLOAT16,
                2,
                std::ptr::with_exposed_provenance_mut(at as usize),
                extent.as_ptr(),
                stride.as_ptr(),
                BOX.as_ptr(),
                [1, 1].as_ptr(),
                Interleave::CU_TENSOR_MAP_INTERLEAVE_NONE,
                Swizzle::CU_TENSOR_MAP_SWIZZLE_128B,
                Promotion::CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                Fill::CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE,
            )
        };
        self.driver.done(code, "describe a matrix")?;
        Ok(map)
    }

    /// Partial sums of a row over a vocabulary.
    pub(super) fn sum_tiles(vocab: usize) -> usize {
        vocab.div_ceil(SUM_COLUMNS)
    }
}

/// The entry of a product.
pub(super) fn product_name(set: KernelSet, epilogue: &str, a_planes: usize, b_planes: usize) -> String {
    match set {
        KernelSet::Naive => format!("product_naive_{epilogue}"),
        set => format!("product_{}_{epilogue}_{a_planes}{b_planes}", set.name()),
    }
}
