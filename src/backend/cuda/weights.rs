//! Weights on the GPU.

use super::Cuda;
use super::driver::Buffer;
use super::error::CudaError;
use super::packing::Packing;
use crate::backend::Purpose;
use crate::backend::widen::widen_all;
use crate::checkpoint::Tensor;
use half::f16;

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
        let bytes: &[u8] = bytemuck::cast_slice(values);
        let buffer = self.driver.buffer("a vector of weights", bytes.len())?;
        self.transfer.fill(&buffer, bytes.len(), 4, |start, to| {
            to.copy_from_slice(&bytes[start..start + to.len()]);
        })?;
        Ok(buffer)
    }

    /// A matrix as planes; one plane is rounded to what it holds.
    pub(super) fn pack(&self, what: &str, packing: &Packing<'_>, planes: usize) -> Result<Planes, CudaError> {
        let (rows, width) = (packing.rows(), packing.width());
        let exponent = packing.exponent()?;
        let plane = rows * width * size_of::<f16>();
        let values = self.driver.buffer(what, planes * plane)?;
        let row = width * size_of::<f16>();
        // Both planes of a row are made together and copied one behind the other.
        self.transfer.fill_planes(&values, plane, planes, row, |first, hi, lo| {
            packing.write(first / row..(first + hi.len()) / row, exponent, cast(hi), lo.map(cast));
        })?;
        let inverse = self.vector(&vec![2f32.powi(-exponent); rows])?;
        Ok(Planes { values, inverse, rows, width, planes, exponent })
    }
}

/// Shared memory begins at a page, so it is aligned.
fn cast(bytes: &mut [u8]) -> &mut [f16] {
    bytemuck::cast_slice_mut(bytes)
}
