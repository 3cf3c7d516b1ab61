//! Bytes on their way to the device.
//!
//! A write is staged in host memory until a submit takes it along, so that bytes of a mapped file are copied once; at
//! most twice [`CHUNK`] of them are staged at a time.

use super::Wgpu;
use super::error::WgpuError;
use std::sync::PoisonError;

/// Bytes that go to the device together.
const CHUNK: usize = 32 << 20;

/// What is staged.
#[derive(Default)]
pub(super) struct Staged {
    /// Bytes since the last submit that took some along.
    bytes: usize,
    under_way: Option<wgpu::SubmissionIndex>,
}

impl Wgpu {
    /// A new buffer that holds `data`, filled up with zeros. Nothing that is recorded can be reading it, so it is written
    /// at once.
    pub(super) fn put(&self, what: &str, data: &[u8]) -> Result<wgpu::Buffer, WgpuError> {
        let buffer = self.memory.storage(&self.device, what, data.len() as u64)?;
        for (i, chunk) in data.chunks(CHUNK).enumerate() {
            let at = (i * CHUNK) as u64;
            let (whole, rest) = chunk.split_at(chunk.len() / 4 * 4);
            if !whole.is_empty() {
                self.device.queue.write_buffer(&buffer, at, whole);
            }
            if !rest.is_empty() {
                let mut word = [0; 4];
                word[..rest.len()].copy_from_slice(rest);
                self.device.queue.write_buffer(&buffer, at + whole.len() as u64, &word);
            }
            self.hand_over(chunk.len())?;
        }
        Ok(buffer)
    }

    /// Counts what was staged; a chunk's worth is handed over, and the one before it must have arrived.
    fn hand_over(&self, bytes: usize) -> Result<(), WgpuError> {
        let mut staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
        staged.bytes += bytes;
        if staged.bytes < CHUNK {
            return Ok(());
        }
        staged.bytes = 0;
        let submitted = self.device.queue.submit([]);
        match staged.under_way.replace(submitted) {
            Some(before) => self.device.wait(before).map(drop),
            None => self.device.check(),
        }
    }
}
