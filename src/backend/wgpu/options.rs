//! How a device is opened.

use super::memory::{Allocate, DeviceMemory};
use super::tune::default_cache;
use crate::backend::Precision;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Which limits are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LimitChoice {
    /// All that the adapter has.
    #[default]
    Adapter,
    /// The WebGPU defaults, which every adapter has: bindings of 128 MiB, 8 storage buffers, 16 KiB of workgroup memory;
    /// no subgroup operations.
    Downlevel,
    /// The adapter's, but bindings of at most this many bytes. For tests of what happens on small devices.
    Binding(u64),
}

/// Which tile shape products with wide weights take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TileChoice {
    /// The quickest on this device, measured once and kept in this file (in no file: measured each time). Software
    /// devices take the smallest.
    Measured { cache: Option<PathBuf> },
    /// This one of those that fit the device.
    Fixed(usize),
}

/// What runs just before each submit; tests use it to lose a device in the middle of a run.
pub type SubmitHook = Arc<dyn Fn(&wgpu::Device) + Send + Sync>;

/// With this variable in the environment shaders are bounds-checked in release builds too.
pub const CHECKED: &str = "TILTMETER_CHECKED_SHADERS";

#[derive(Clone)]
pub struct WgpuOptions {
    pub precision: Precision,
    pub limits: LimitChoice,
    /// Leave out the bounds checks in shaders. The kernels keep inside their buffers by themselves. The default: in
    /// release builds, unless [`CHECKED`] is set.
    pub trusted: bool,
    /// Longest wait for one submit.
    pub submit_timeout: Duration,
    /// Aimed at for one submit; work is cut so that none runs much longer.
    pub submit_target: Duration,
    pub tiles: TileChoice,
    /// Who makes buffers.
    pub memory: Arc<dyn Allocate>,
    pub before_submit: Option<SubmitHook>,
}

impl Default for WgpuOptions {
    fn default() -> Self {
        WgpuOptions {
            precision: Precision::F32,
            limits: LimitChoice::Adapter,
            trusted: !cfg!(debug_assertions) && std::env::var_os(CHECKED).is_none(),
            submit_timeout: Duration::from_secs(120),
            submit_target: Duration::from_millis(100),
            tiles: TileChoice::Measured { cache: default_cache() },
            memory: Arc::new(DeviceMemory),
            before_submit: None,
        }
    }
}
