//! How much memory a device has and how much of it is free. wgpu does not tell, so the API below it is asked.

use serde::Serialize;

/// Bytes of a device's own memory; of the machine's where both are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Capacity {
    pub total: u64,
    /// As far as the system tells what others use; else equal to `total`.
    pub free: u64,
}

/// `None` where the API has no such figure.
pub fn of(adapter: &wgpu::Adapter) -> Option<Capacity> {
    match adapter.get_info().backend {
        #[cfg(any(windows, target_os = "linux"))]
        wgpu::Backend::Vulkan => vulkan::capacity(adapter),
        #[cfg(windows)]
        wgpu::Backend::Dx12 => dx12(adapter),
        // Metal's longest buffer is about three quarters of what a process may use, which is all memory there is.
        wgpu::Backend::Metal => {
            let bytes = adapter.limits().max_buffer_size;
            Some(Capacity { total: bytes, free: bytes })
        }
        _ => None,
    }
}

#[cfg(windows)]
fn dx12(adapter: &wgpu::Adapter) -> Option<Capacity> {
    // SAFETY: the handle is only read from, while `adapter` lives.
    let hal = unsafe { adapter.as_hal::<wgpu::hal::api::Dx12>() }?;
    // SAFETY: a plain query on a live adapter.
    let description = unsafe { hal.raw_adapter().GetDesc1() }.ok()?;
    let total = match description.DedicatedVideoMemory {
        0 => description.SharedSystemMemory,
        dedicated => dedicated,
    } as u64;
    Some(Capacity { total, free: total })
}

#[cfg(any(windows, target_os = "linux"))]
mod vulkan {
    use super::Capacity;
    use std::ffi::c_void;

    const MEMORY_PROPERTIES_2: i32 = 1_000_059_006;
    const MEMORY_BUDGET_PROPERTIES: i32 = 1_000_237_000;
    const DEVICE_LOCAL: u32 = 1;
    const HEAPS: usize = 16;

    /// `VkPhysicalDeviceMemoryProperties2`, chained to a [`Budget`].
    #[repr(C)]
    struct Properties {
        kind: i32,
        next: *mut c_void,
        type_count: u32,
        types: [[u32; 2]; 32],
        heap_count: u32,
        heaps: [Heap; HEAPS],
    }

    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Heap {
        size: u64,
        flags: u32,
    }

    /// `VkPhysicalDeviceMemoryBudgetPropertiesEXT`
    #[repr(C)]
    struct Budget {
        kind: i32,
        next: *mut c_void,
        budget: [u64; HEAPS],
        usage: [u64; HEAPS],
    }

    /// The largest heap on the device's side, and what `VK_EXT_memory_budget` says is left of it.
    pub fn capacity(adapter: &wgpu::Adapter) -> Option<Capacity> {
        // SAFETY: the handle is only read from, while `adapter` lives.
        let hal = unsafe { adapter.as_hal::<wgpu::hal::api::Vulkan>() }?;
        let (shared, capabilities) = (hal.shared_instance(), hal.physical_device_capabilities());
        let version_1_1 = 1 << 22 | 1 << 12;
        if shared.instance_api_version().min(capabilities.properties().api_version) < version_1_1 {
            return None;
        }
        let has_budget = capabilities.supports_extension(c"VK_EXT_memory_budget");
        let mut budget = Budget {
            kind: MEMORY_BUDGET_PROPERTIES,
            next: std::ptr::null_mut(),
            budget: [0; HEAPS],
            usage: [0; HEAPS],
        };
        let mut properties = Properties {
            kind: MEMORY_PROPERTIES_2,
            next: if has_budget { (&raw mut budget).cast() } else { std::ptr::null_mut() },
            type_count: 0,
            types: [[0; 2]; 32],
            heap_count: 0,
            heaps: [Heap { size: 0, flags: 0 }; HEAPS],
        };
        let ask = shared.raw_instance().fp_v1_1().get_physical_device_memory_properties2;
        // SAFETY: both structs are laid out as the Vulkan headers have them (x86-64 and AArch64 C layout) and outlive
        // the call; the function is there from version 1.1 on, and the second struct is chained only where the device
        // knows it.
        unsafe { ask(hal.raw_physical_device(), (&raw mut properties).cast()) };
        let heaps = properties.heaps.iter().zip(budget.budget.iter().zip(&budget.usage));
        let (heap, (budget, usage)) = heaps
            .take(properties.heap_count as usize)
            .filter(|(heap, _)| heap.flags & DEVICE_LOCAL != 0)
            .max_by_key(|(heap, _)| heap.size)?;
        let free = if has_budget { budget.saturating_sub(*usage).min(heap.size) } else { heap.size };
        Some(Capacity { total: heap.size, free })
    }
}
