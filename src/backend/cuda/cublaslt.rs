//! NVIDIA's own products, where their library is installed: a yardstick for benchmarks, and nothing that computes a score.

use super::driver::{Driver, Lane};
use super::error::CudaError;
use super::memory::Buffer;
use cudarc::cublaslt::sys::{
    self, cublasComputeType_t as Compute, cublasLtMatmulDescAttributes_t as Attribute,
    cublasLtMatmulPreferenceAttributes_t as Preference, cublasStatus_t as Status, cudaDataType_t as Type,
};
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::Arc;

/// Every function of the library that is called.
const SYMBOLS: [&str; 12] = [
    "cublasLtCreate",
    "cublasLtDestroy",
    "cublasLtMatmul",
    "cublasLtMatmulAlgoGetHeuristic",
    "cublasLtMatmulDescCreate",
    "cublasLtMatmulDescDestroy",
    "cublasLtMatmulDescSetAttribute",
    "cublasLtMatmulPreferenceCreate",
    "cublasLtMatmulPreferenceDestroy",
    "cublasLtMatmulPreferenceSetAttribute",
    "cublasLtMatrixLayoutCreate",
    "cublasLtMatrixLayoutDestroy",
];
/// What it may use beside the operands.
const WORKSPACE: usize = 64 << 20;
/// `CUBLAS_OP_T`
const TRANSPOSED: i32 = 1;

/// Which 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    F16,
    Bf16,
}

/// The library, open on one GPU.
pub struct CublasLt {
    handle: sys::cublasLtHandle_t,
    workspace: Buffer,
    driver: Arc<Driver>,
}

/// A product that the library has chosen an algorithm for.
pub struct Prepared<'l> {
    library: &'l CublasLt,
    operation: sys::cublasLtMatmulDesc_t,
    /// Of b, a and the result, as the library sees them: by columns.
    layouts: [sys::cublasLtMatrixLayout_t; 3],
    found: sys::cublasLtMatmulHeuristicResult_t,
}

fn done(status: Status, what: &str) -> Result<(), CudaError> {
    match status {
        Status::CUBLAS_STATUS_SUCCESS => Ok(()),
        status => Err(CudaError::Refused(format!("cuBLASLt refused to {what} ({status:?})"))),
    }
}

impl CublasLt {
    /// `None` where the library is not installed, or lacks what is called.
    pub fn open(driver: &Arc<Driver>) -> Result<Option<CublasLt>, CudaError> {
        // SAFETY: loading the library runs its initialisers, which are trusted as the driver is.
        if !unsafe { sys::is_culib_present() } {
            return Ok(None);
        }
        // SAFETY: symbols are only looked for.
        let has =
            |symbol: &&str| unsafe { sys::culib().get::<unsafe extern "C" fn()>(symbol.as_bytes()).is_ok() };
        if !SYMBOLS.iter().all(has) {
            return Ok(None);
        }
        driver.bind()?;
        let mut handle = null_mut();
        // SAFETY: it writes one handle.
        done(unsafe { sys::cublasLtCreate(&raw mut handle) }, "start")?;
        let workspace = driver.buffer("room for cuBLASLt", WORKSPACE)?;
        Ok(Some(CublasLt { handle, workspace, driver: driver.clone() }))
    }

    /// `[m, k]` rows by `[n, k]` rows, into `[m, n]` of the same 16 bits, with f32 sums.
    pub fn prepare(&self, half: Half, m: usize, n: usize, k: usize) -> Result<Prepared<'_>, CudaError> {
        let kind = match half {
            Half::F16 => Type::CUDA_R_16F,
            Half::Bf16 => Type::CUDA_R_16BF,
        };
        let mut prepared = Prepared {
            library: self,
            operation: null_mut(),
            layouts: [null_mut(); 3],
            // SAFETY: plain numbers, for which zeros are values.
            found: unsafe { std::mem::zeroed() },
        };
        let mut preference = null_mut();
        let mut count = 0;
        let (transposed, workspace) = (TRANSPOSED, WORKSPACE);
        // By columns, a row of ours is a column: the result's columns are rows of a, and b is to be transposed.
        let shapes = [(k, n), (k, m), (n, m)];
        // SAFETY: every call writes what it is handed the place of; sizes are those of the values.
        unsafe {
            let (compute, scale) = (Compute::CUBLAS_COMPUTE_32F, Type::CUDA_R_32F);
            let created = sys::cublasLtMatmulDescCreate(&raw mut prepared.operation, compute, scale);
            done(created, "describe a product")?;
            let set = sys::cublasLtMatmulDescSetAttribute(
                prepared.operation,
                Attribute::CUBLASLT_MATMUL_DESC_TRANSA,
                (&raw const transposed).cast(),
                size_of::<i32>(),
            );
            done(set, "transpose")?;
            for (layout, (rows, columns)) in prepared.layouts.iter_mut().zip(shapes) {
                let created = sys::cublasLtMatrixLayoutCreate(
                    &raw mut *layout,
                    kind,
                    rows as u64,
                    columns as u64,
                    rows as i64,
                );
                done(created, "describe a matrix")?;
            }
            done(sys::cublasLtMatmulPreferenceCreate(&raw mut preference), "take preferences")?;
            let set = sys::cublasLtMatmulPreferenceSetAttribute(
                preference,
                Preference::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                (&raw const workspace).cast(),
                size_of::<usize>(),
            );
            let [b, a, d] = prepared.layouts;
            let found = sys::cublasLtMatmulAlgoGetHeuristic(
                self.handle,
                prepared.operation,
                b,
                a,
                d,
                d,
                preference,
                1,
                &raw mut prepared.found,
                &raw mut count,
            );
            sys::cublasLtMatmulPreferenceDestroy(preference);
            done(set, "take preferences")?;
            done(found, "choose an algorithm")?;
        }
        if count < 1 {
            return Err(CudaError::Refused("cuBLASLt knows no algorithm for this product".to_owned()));
        }
        Ok(prepared)
    }
}

impl Prepared<'_> {
    /// Starts the product of `a` and `b` into `d`, which must have the sizes it was prepared for.
    pub fn start(&self, a: &Buffer, b: &Buffer, d: &Buffer) -> Result<(), CudaError> {
        let library = self.library;
        library.driver.bind()?;
        let (one, none) = (1.0f32, 0.0f32);
        let at = |buffer: &Buffer| std::ptr::with_exposed_provenance_mut::<c_void>(buffer.at() as usize);
        let [b_layout, a_layout, d_layout] = self.layouts;
        // SAFETY: the buffers hold so many values, and the descriptions live as long as `self`.
        let status = unsafe {
            sys::cublasLtMatmul(
                library.handle,
                self.operation,
                (&raw const one).cast(),
                at(b),
                b_layout,
                at(a),
                a_layout,
                (&raw const none).cast(),
                at(d),
                d_layout,
                at(d),
                d_layout,
                &raw const self.found.algo,
                at(&library.workspace),
                library.workspace.bytes(),
                library.driver.stream(Lane::Passes).cast(),
            )
        };
        done(status, "multiply")
    }
}

impl Drop for Prepared<'_> {
    fn drop(&mut self) {
        // SAFETY: the handles are this value's own; null ones were never made.
        unsafe {
            for layout in self.layouts.into_iter().filter(|layout| !layout.is_null()) {
                sys::cublasLtMatrixLayoutDestroy(layout);
            }
            if !self.operation.is_null() {
                sys::cublasLtMatmulDescDestroy(self.operation);
            }
        }
    }
}

impl Drop for CublasLt {
    fn drop(&mut self) {
        if self.driver.bind().is_ok() {
            // SAFETY: the handle is this value's own.
            unsafe { sys::cublasLtDestroy(self.handle) };
        }
    }
}
