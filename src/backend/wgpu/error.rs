//! What can go wrong on a graphics device, each with what to do about it.

use crate::backend::BackendError;

#[derive(Debug, Clone, thiserror::Error)]
pub enum WgpuError {
    #[error("{adapter} could not be opened: {reason}")]
    Open { adapter: String, reason: String },
    #[error(
        "the graphics device has no {mib} MiB left for {what}; use a smaller --pack-tokens, a smaller checkpoint or \
         --backend cpu"
    )]
    OutOfMemory { what: String, mib: u64 },
    #[error("the graphics device was lost ({reason}); what has been scored is kept, start again to go on")]
    Lost { reason: String },
    #[error(
        "the graphics device did not finish a piece of work within {seconds} s; what has been scored is kept, start \
         again to go on, or choose another --adapter"
    )]
    Timeout { seconds: u64 },
    #[error("{what} takes {need} bytes in one piece and the graphics device binds at most {limit}; {advice}")]
    TooLarge { what: String, need: u64, limit: u64, advice: &'static str },
    #[error("holds a value of size {largest}, and f16 products hold none above 65504; use --precision f32")]
    BeyondF16 { largest: f32 },
    #[error("the graphics device refused a command: {0}")]
    Refused(String),
    #[error("the shader {file} is broken: {reason}")]
    Shader { file: String, reason: String },
}

impl From<WgpuError> for BackendError {
    fn from(error: WgpuError) -> Self {
        match error {
            WgpuError::Lost { .. } | WgpuError::Timeout { .. } => BackendError::Lost(error.to_string()),
            WgpuError::BeyondF16 { .. } => BackendError::Weight { role: None, why: error.to_string() },
            error => BackendError::Device(error.to_string()),
        }
    }
}
