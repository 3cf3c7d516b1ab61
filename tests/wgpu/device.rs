//! An open device for a test.

use std::time::Duration;
use tiltmeter::backend::wgpu::{LimitChoice, Wgpu, WgpuOptions};

/// Opens the first adapter; `None`, said aloud, if there is none.
pub fn open(options: WgpuOptions) -> Option<Wgpu> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    let Some(adapter) = adapters.first() else {
        println!("skipped: no Vulkan, Metal or DX12 adapter here");
        return None;
    };
    // Software devices may share their cores with other tests.
    let submit_timeout = Duration::from_secs(600);
    let options = WgpuOptions { submit_timeout, ..options };
    Some(Wgpu::open(adapter, &options).expect("the adapter opens"))
}

/// All that the device has, with bounds checked in the shaders.
pub fn checked() -> WgpuOptions {
    WgpuOptions { trusted: false, ..WgpuOptions::default() }
}

/// What every device has, without bounds checks.
pub fn downlevel() -> WgpuOptions {
    WgpuOptions { limits: LimitChoice::Downlevel, trusted: true, ..WgpuOptions::default() }
}
