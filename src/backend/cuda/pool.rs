//! Buffers that are used again: a block goes back when its last holder lets it go.
//!
//! All work runs in the order in which it was asked, so a block may be written again as soon as the host has let it go.

use super::driver::Driver;
use super::error::CudaError;
use super::memory::Buffer;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Every buffer begins at such a multiple.
const ALIGNED: usize = 256;

/// Free blocks, by size.
pub struct Pool {
    driver: Arc<Driver>,
    free: Arc<Free>,
}

#[derive(Default)]
struct Free(Mutex<Vec<Buffer>>);

/// A piece of the GPU's memory.
pub struct Block {
    buffer: Option<Buffer>,
    home: Weak<Free>,
}

impl Pool {
    pub fn new(driver: &Arc<Driver>) -> Pool {
        Pool { driver: driver.clone(), free: Arc::default() }
    }

    /// A block of at least `bytes`: the smallest that is free and large enough, else a new one.
    pub fn take(&self, what: &str, bytes: usize) -> Result<Block, CudaError> {
        let bytes = bytes.max(1).next_multiple_of(ALIGNED);
        let mut free = self.free.0.lock().unwrap_or_else(PoisonError::into_inner);
        let best = free.iter().enumerate().filter(|(_, b)| b.bytes() >= bytes).min_by_key(|(_, b)| b.bytes());
        let buffer = match best.map(|(i, _)| i) {
            Some(i) => free.swap_remove(i),
            None => {
                drop(free);
                self.driver.buffer(what, bytes)?
            }
        };
        Ok(Block { buffer: Some(buffer), home: Arc::downgrade(&self.free) })
    }

    /// Makes blocks of these sizes ready.
    pub fn reserve(&self, sizes: &[(&str, usize)]) -> Result<(), CudaError> {
        let mut blocks = Vec::with_capacity(sizes.len());
        let mut largest_first: Vec<_> = sizes.to_vec();
        largest_first.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        for (what, bytes) in largest_first {
            blocks.push(self.take(what, bytes)?);
        }
        Ok(())
    }

    /// Gives free blocks back to the GPU.
    pub fn clear(&self) {
        self.free.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Block {
    /// Where it begins.
    pub fn at(&self) -> u64 {
        self.buffer.as_ref().map_or(0, Buffer::at)
    }

    pub fn bytes(&self) -> usize {
        self.buffer.as_ref().map_or(0, Buffer::bytes)
    }

    pub fn buffer(&self) -> Result<&Buffer, CudaError> {
        self.buffer.as_ref().ok_or_else(|| CudaError::Refused("a block without a buffer".into()))
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if let (Some(buffer), Some(free)) = (self.buffer.take(), self.home.upgrade()) {
            free.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        }
    }
}
