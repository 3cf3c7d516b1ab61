//! Device memory: one way to make a buffer, and a pool that uses activation buffers again.

use super::device::{Device, refusal};
use super::error::WgpuError;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Makes buffers. Tests put one here that fails.
pub trait Allocate: Send + Sync {
    /// A buffer of `size` bytes for `what`.
    fn allocate(
        &self,
        device: &Device,
        what: &str,
        size: u64,
        usage: wgpu::BufferUsages,
    ) -> Result<wgpu::Buffer, WgpuError>;
}

/// The device's own memory.
pub struct DeviceMemory;

impl Allocate for DeviceMemory {
    fn allocate(
        &self,
        device: &Device,
        what: &str,
        size: u64,
        usage: wgpu::BufferUsages,
    ) -> Result<wgpu::Buffer, WgpuError> {
        let descriptor = wgpu::BufferDescriptor { label: Some(what), size, usage, mapped_at_creation: false };
        device.scoped(|raw| raw.create_buffer(&descriptor)).map_err(|error| match error {
            wgpu::Error::OutOfMemory { .. } => {
                WgpuError::OutOfMemory { what: what.to_owned(), mib: size.div_ceil(1 << 20) }
            }
            other => refusal(other),
        })
    }
}

/// Buffers that go back to their pool when dropped. Commands run in the order in which they are recorded, so a buffer
/// may be used again while commands that read it are still waiting to run.
pub struct Pooled {
    buffer: Option<wgpu::Buffer>,
    home: Arc<Shelves>,
}

type Shelves = Mutex<BTreeMap<u64, Vec<wgpu::Buffer>>>;

impl std::ops::Deref for Pooled {
    type Target = wgpu::Buffer;

    fn deref(&self) -> &wgpu::Buffer {
        self.buffer.as_ref().expect("only `drop` takes the buffer")
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            let mut shelves = self.home.lock().unwrap_or_else(PoisonError::into_inner);
            shelves.entry(buffer.size()).or_default().push(buffer);
        }
    }
}

/// Hands out buffers.
pub struct Memory {
    allocate: Arc<dyn Allocate>,
    shelves: Arc<Shelves>,
}

/// Usage of every storage buffer.
const STORAGE: wgpu::BufferUsages =
    wgpu::BufferUsages::STORAGE.union(wgpu::BufferUsages::COPY_SRC).union(wgpu::BufferUsages::COPY_DST);

impl Memory {
    pub fn new(allocate: Arc<dyn Allocate>) -> Memory {
        Memory { allocate, shelves: Arc::default() }
    }

    /// A buffer for activations of at least `size` bytes; its contents are anything.
    pub fn activation(&self, device: &Device, what: &str, size: u64) -> Result<Pooled, WgpuError> {
        let limit = device.binding_limit();
        if size > limit {
            return Err(WgpuError::TooLarge {
                what: what.to_owned(),
                need: size,
                limit,
                advice: "use a smaller --pack-tokens",
            });
        }
        let size = size_class(size).min(limit);
        let free = self.lock_shelves().get_mut(&size).and_then(Vec::pop);
        let buffer = match free {
            Some(buffer) => buffer,
            None => self.make(device, what, size, STORAGE)?,
        };
        Ok(Pooled { buffer: Some(buffer), home: self.shelves.clone() })
    }

    /// A storage buffer that is kept: weights, tables.
    pub fn storage(&self, device: &Device, what: &str, size: u64) -> Result<wgpu::Buffer, WgpuError> {
        self.make(device, what, size.max(16).next_multiple_of(16), STORAGE)
    }

    pub fn make(
        &self,
        device: &Device,
        what: &str,
        size: u64,
        usage: wgpu::BufferUsages,
    ) -> Result<wgpu::Buffer, WgpuError> {
        match self.allocate.allocate(device, what, size, usage) {
            // What lies unused in other sizes may be all that is missing.
            Err(WgpuError::OutOfMemory { .. }) if self.give_back(device) > 0 => {
                self.allocate.allocate(device, what, size, usage)
            }
            made => made,
        }
    }

    /// Frees the unused activation buffers and returns their bytes.
    pub fn give_back(&self, device: &Device) -> u64 {
        let shelves = std::mem::take(&mut *self.lock_shelves());
        let bytes = shelves.iter().map(|(size, buffers)| size * buffers.len() as u64).sum();
        drop(shelves);
        // wgpu frees what was dropped when it next looks at the device.
        let _ = device.raw.poll(wgpu::PollType::Poll);
        bytes
    }

    fn lock_shelves(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, Vec<wgpu::Buffer>>> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sizes are rounded up to an eighth of their power of two, so that buffers of nearly equal size serve each other.
fn size_class(size: u64) -> u64 {
    let step = (size.max(256).next_power_of_two() / 8).max(256);
    size.max(1).next_multiple_of(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_classes_hold_what_is_asked_for_and_waste_at_most_a_quarter() {
        for size in [1, 255, 256, 257, 4096, 4097, 1_000_003, 128 << 20] {
            let class = size_class(size);
            assert!(class >= size && class.is_multiple_of(256), "{size}: {class}");
            assert!(size < 2048 || class <= size + size / 4, "{size}: {class}");
        }
    }
}
