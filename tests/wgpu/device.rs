//! An open device for a test.

use tiltmeter::backend::wgpu::{Wgpu, WgpuOptions};

/// Opens the first adapter, with shaders checked; `None`, said aloud, if there is none.
pub fn open(options: WgpuOptions) -> Option<Wgpu> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    let Some(adapter) = adapters.first() else {
        println!("skipped: no Vulkan, Metal or DX12 adapter here");
        return None;
    };
    let options = WgpuOptions { trusted: false, ..options };
    Some(Wgpu::open(adapter, &options).expect("the adapter opens"))
}
