//! Memory of the GPU, and of the host that the GPU shares, which free themselves.

use super::driver::Driver;
use super::error::CudaError;
use cudarc::driver::sys::{self, CUresult};
use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Memory of the GPU.
pub struct Buffer {
    at: sys::CUdeviceptr,
    bytes: usize,
    driver: Arc<Driver>,
}

impl Buffer {
    /// The address of its first byte on the GPU.
    pub fn at(&self) -> u64 {
        self.at
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // Freeing waits for work that still uses it.
        // SAFETY: the address is this value's own.
        unsafe {
            self.driver.wait_for_all();
            sys::cuMemFree_v2(self.at);
        }
        self.driver.given.fetch_sub(self.bytes as u64, Ordering::Relaxed);
    }
}

/// Memory of the host that the GPU copies from and to.
pub struct Pinned {
    at: *mut u8,
    bytes: usize,
    driver: Arc<Driver>,
}

// SAFETY: plain memory that is only written through `&mut self`.
unsafe impl Send for Pinned {}
// SAFETY: as above.
unsafe impl Sync for Pinned {}

impl Pinned {
    pub(super) fn at(&self) -> *mut u8 {
        self.at
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: so many bytes, set to zero when they were given.
        unsafe { std::slice::from_raw_parts(self.at, self.bytes) }
    }

    /// No copy from it may be under way.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: so many bytes, set to zero when they were given.
        unsafe { std::slice::from_raw_parts_mut(self.at, self.bytes) }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // SAFETY: the address is this value's own; work that still uses it is waited for.
        unsafe {
            self.driver.wait_for_all();
            sys::cuMemFreeHost(self.at.cast());
        }
    }
}

impl Driver {
    /// Free and all memory of the GPU in bytes.
    pub fn memory(&self) -> Result<(u64, u64), CudaError> {
        self.bind()?;
        let (mut free, mut total) = (0, 0);
        // SAFETY: it writes two numbers.
        self.done(unsafe { sys::cuMemGetInfo_v2(&raw mut free, &raw mut total) }, "tell its memory")?;
        Ok((free as u64, total as u64))
    }

    /// Bytes of all buffers that there are.
    pub fn given(&self) -> u64 {
        self.given.load(Ordering::Relaxed)
    }

    /// A buffer of at least one byte; `what` for messages. What is in it is not known.
    pub fn buffer(self: &Arc<Self>, what: &str, bytes: usize) -> Result<Buffer, CudaError> {
        self.bind()?;
        let bytes = bytes.max(1);
        let mut at = 0;
        // SAFETY: it writes one address.
        match unsafe { sys::cuMemAlloc_v2(&raw mut at, bytes) } {
            CUresult::CUDA_ERROR_OUT_OF_MEMORY => Err(self.out_of_memory(what, bytes as u64)),
            code => {
                self.done(code, "give memory")?;
                self.given.fetch_add(bytes as u64, Ordering::Relaxed);
                Ok(Buffer { at, bytes, driver: self.clone() })
            }
        }
    }

    pub fn out_of_memory(&self, what: &str, bytes: u64) -> CudaError {
        let free = self.memory().map_or(0, |(free, _)| free);
        CudaError::OutOfMemory {
            what: what.to_owned(),
            need_mib: bytes.div_ceil(1 << 20),
            free_mib: free >> 20,
            advice: String::new(),
        }
    }

    /// A buffer of zeros.
    pub fn zeros(self: &Arc<Self>, what: &str, bytes: usize) -> Result<Buffer, CudaError> {
        let buffer = self.buffer(what, bytes)?;
        self.fill(&buffer, 0)?;
        Ok(buffer)
    }

    /// Memory of the host that the GPU copies from and to by itself.
    pub fn pinned(self: &Arc<Self>, bytes: usize) -> Result<Pinned, CudaError> {
        self.bind()?;
        let bytes = bytes.max(1);
        let mut at = null_mut();
        // SAFETY: it writes one address.
        match unsafe { sys::cuMemHostAlloc(&raw mut at, bytes, 0) } {
            CUresult::CUDA_ERROR_OUT_OF_MEMORY => Err(CudaError::Refused(format!(
                "the system has no {} MiB of memory to share with the GPU; use a smaller --pack-tokens",
                bytes.div_ceil(1 << 20)
            ))),
            code => {
                self.done(code, "share memory of the host")?;
                // SAFETY: so many bytes were just given.
                unsafe { std::ptr::write_bytes(at.cast::<u8>(), 0, bytes) };
                Ok(Pinned { at: at.cast(), bytes, driver: self.clone() })
            }
        }
    }

    /// Memory of at least `least` bytes in `place`: what is there if it suffices, else `usual` bytes or more when that is gone. No
    /// copy may be under way.
    pub fn grown<'p>(
        self: &Arc<Self>,
        place: &'p mut Option<Pinned>,
        least: usize,
        usual: usize,
    ) -> Result<&'p mut Pinned, CudaError> {
        place.take_if(|there| there.bytes < least);
        match place {
            Some(there) => Ok(there),
            empty => Ok(empty.insert(self.pinned(usual.max(least))?)),
        }
    }
}
