//! What can go wrong on an NVIDIA GPU, each with what to do about it.

use crate::backend::BackendError;

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CudaError {
    #[error(
        "no NVIDIA driver on this machine (libcuda.so.1 or nvcuda.dll not found); in a container, start it with GPU access"
    )]
    NoDriver,
    #[error(
        "the NVIDIA driver library cannot be loaded ({0}); it is damaged or another system's: install driver 525 or newer"
    )]
    Library(String),
    #[error(
        "the NVIDIA driver library lacks {0}: it is older than CUDA 12.0, a stub, or damaged; install driver 525 or newer"
    )]
    Symbol(&'static str),
    #[error("the library that was found is the CUDA toolkit's stub, not a driver; install the NVIDIA driver")]
    Stub,
    #[error("the NVIDIA driver cannot start: {0}")]
    Init(String),
    #[error("the NVIDIA driver offers CUDA {}.{}, and 12.0 is needed; update it to 525 or newer", .0 / 1000, .0 % 1000 / 10)]
    OldDriver(i32),
    #[error("the NVIDIA driver sees no GPU{}", visible())]
    NoGpu,
    #[error(
        "{name} has compute capability {major}.{minor}, and 8.0 is needed; use --backend wgpu or --backend cpu"
    )]
    OldGpu { name: String, major: i32, minor: i32 },
    #[error("{0}")]
    Kernels(String),
    #[error("the driver refuses the kernels of {file} ({code}){log}{jit}")]
    Module { file: &'static str, code: String, log: String, jit: &'static str },
    #[error(
        "the GPU has {free_mib} MiB of free memory, and {what} takes {need_mib} MiB{advice}; close what else uses the GPU, \
         or compute with --backend cpu"
    )]
    OutOfMemory { what: String, need_mib: u64, free_mib: u64, advice: String },
    #[error("the GPU is lost ({0}); what has been scored is kept, start again to go on")]
    Lost(String),
    #[error("{0}")]
    Refused(String),
    /// Found by the check of a kernel against its naive twin.
    #[error("the kernel {kernel} {why}")]
    Wrong { kernel: String, why: String },
    #[error("holds a value that is not finite")]
    NotFinite,
}

/// Where GPUs may be hidden.
fn visible() -> String {
    match std::env::var("CUDA_VISIBLE_DEVICES") {
        Ok(value) => format!(" (CUDA_VISIBLE_DEVICES is `{value}`)"),
        Err(_) => String::new(),
    }
}

impl From<CudaError> for BackendError {
    fn from(error: CudaError) -> Self {
        match error {
            CudaError::Lost(_) => BackendError::Lost(error.to_string()),
            CudaError::NotFinite => BackendError::Weight { role: None, why: error.to_string() },
            error => BackendError::Device(error.to_string()),
        }
    }
}
