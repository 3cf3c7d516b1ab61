//! The wgpu backend: our own WGSL kernels (`shaders/`) on Vulkan, Metal or DX12.

mod device;
mod error;
mod memory;
mod options;

pub use device::Device;
pub use error::WgpuError;
pub use memory::{Allocate, DeviceMemory, Memory};
pub use options::{LimitChoice, Precision, SubmitHook, WgpuOptions};

use super::BackendError;

/// One open graphics device.
pub struct Wgpu {
    device: Device,
    memory: Memory,
    options: WgpuOptions,
}

impl Wgpu {
    /// Opens `adapter`.
    pub fn open(adapter: &wgpu::Adapter, options: &WgpuOptions) -> Result<Wgpu, BackendError> {
        let device = Device::open(adapter, options)?;
        let memory = Memory::new(options.memory.clone());
        Ok(Wgpu { device, memory, options: options.clone() })
    }

    /// Adapter, driver and the path that products take.
    pub fn describe(&self) -> String {
        let info = &self.device.info;
        let driver = [info.driver.as_str(), info.driver_info.as_str()].join(" ");
        let path = match self.options.precision {
            Precision::F32 => "f32",
            Precision::Fast => "fast",
        };
        format!("wgpu, {}, {}, {}, {path}", info.name, info.backend, driver.trim())
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    pub fn memory(&self) -> &Memory {
        &self.memory
    }
}
