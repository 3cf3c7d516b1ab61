//! Weights on the GPU.

use super::error::CudaError;
use super::memory::Buffer;
use super::packing::Packing;
use super::pool::Block;
use super::rows::dtype_number;
use super::stored::Stored;
use super::{Cuda, params};
use crate::backend::Purpose;
use crate::backend::widen::widen_all;
use crate::checkpoint::Tensor;
use half::f16;

/// Pairs of elements that a block of `pack` makes.
const PAIRS: usize = 4096;

/// A weight: in the file, and where products need it on the GPU.
pub struct Matrix<'w> {
    /// As stored; gathering reads its rows from here.
    pub(super) tensor: Tensor<'w>,
    pub(super) on_gpu: OnGpu,
}

pub(super) enum OnGpu {
    /// Only rows of it are ever needed.
    Nothing,
    /// A vector in f32.
    Vector(Buffer),
    Planes(Planes),
}

/// A matrix as products take it.
pub(super) struct Planes {
    /// f16, `[planes][rows][width]`
    pub values: Buffer,
    /// f32, `[rows]`: what undoes the power of two.
    pub inverse: Buffer,
    pub rows: usize,
    pub width: usize,
    pub planes: usize,
    /// The values are times 2 to this.
    pub exponent: i32,
}

impl Matrix<'_> {
    pub(super) fn planes(&self) -> Result<&Planes, CudaError> {
        match &self.on_gpu {
            OnGpu::Planes(planes) => Ok(planes),
            _ => {
                Err(CudaError::Refused("a vector or a table was used where a product needs a matrix".into()))
            }
        }
    }

    /// Where the vector begins on the GPU.
    pub(super) fn vector(&self) -> Result<u64, CudaError> {
        match &self.on_gpu {
            OnGpu::Vector(buffer) => Ok(buffer.at()),
            _ => Err(CudaError::Refused("a matrix was used where a vector is needed".into())),
        }
    }
}

impl Cuda {
    pub(super) fn upload_weight<'w>(
        &self,
        tensor: Tensor<'w>,
        purpose: Purpose,
    ) -> Result<Matrix<'w>, CudaError> {
        let on_gpu = if tensor.rows == 1 {
            OnGpu::Vector(self.vector(&widen_all(&tensor))?)
        } else if purpose == Purpose::Gather {
            OnGpu::Nothing
        } else {
            let packing = Packing::plain(tensor);
            // It may be the output embedding.
            self.product_kernel("sums", 2, packing.planes())?;
            self.product_kernel("rows", 2, packing.planes())?;
            OnGpu::Planes(self.pack("weights", &packing, packing.planes())?)
        };
        Ok(Matrix { tensor, on_gpu })
    }

    /// A vector of f32.
    pub(super) fn vector(&self, values: &[f32]) -> Result<Buffer, CudaError> {
        self.sent("a vector of weights", bytemuck::cast_slice(values))
    }

    /// A matrix as planes; one plane is rounded to what it holds.
    pub(super) fn pack(&self, what: &str, packing: &Packing<'_>, planes: usize) -> Result<Planes, CudaError> {
        let stored = self.stored_parts(packing)?;
        let sizes = self.measure(&stored.iter().map(|s| (s, 0)).collect::<Vec<_>>())?;
        let exponent = packing.exponent(&sizes)?;
        self.pack_stored(what, packing, &stored, exponent, planes)
    }

    /// The matrices that become one, as they are stored.
    pub(super) fn stored_parts(&self, packing: &Packing<'_>) -> Result<Vec<Stored>, CudaError> {
        packing.tensors().iter().map(|tensor| self.stored(tensor)).collect()
    }

    /// The planes of [`Cuda::stored_parts`], times 2^`exponent`.
    pub(super) fn pack_stored(
        &self,
        what: &str,
        packing: &Packing<'_>,
        stored: &[Stored],
        exponent: i32,
        planes: usize,
    ) -> Result<Planes, CudaError> {
        let (rows, width) = (packing.rows(), packing.width());
        let buffer = |bytes: usize| self.or_after_clearing(|| self.driver.buffer(what, bytes));
        let values = buffer(planes * rows * width * size_of::<f16>())?;
        let inverse = buffer(rows * size_of::<f32>())?;
        let table = |what: &str, entries: Option<Vec<i32>>| {
            entries.map(|entries| self.loading_table(what, &entries)).transpose()
        };
        let source = table("rows of a matrix", packing.row_table()?)?;
        let columns = table("columns of a matrix", packing.column_table())?;
        let part = |i: usize| stored.get(i).map_or((0, 0), |s| (s.at, dtype_number(s.dtype)));
        let [(a, a_dtype), (b, b_dtype), (c, c_dtype)] = [0, 1, 2].map(part);
        let pack = params::Pack {
            a,
            b,
            c,
            source: source.as_ref().map_or(0, Block::at),
            columns: columns.as_ref().map_or(0, Block::at),
            out: values.at(),
            inverse: inverse.at(),
            a_dtype,
            b_dtype,
            c_dtype,
            rows: rows as i32,
            cols: stored.first().map_or(0, |s| s.cols) as i32,
            width: width as i32,
            planes: planes as i32,
            scale: 2f32.powi(exponent),
            unscale: 2f32.powi(-exponent),
            pad: 0,
        };
        self.start_loading("pack", (rows * width / 2).div_ceil(PAIRS), &pack)?;
        self.driver.follow()?;
        Ok(Planes { values, inverse, rows, width, planes, exponent })
    }
}
