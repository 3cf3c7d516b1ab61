//! One open GPU: its context, two streams, and what is asked of them.
//!
//! All work of passes is asked of one stream, so a buffer is written and read in the order of the calls. Weights come on the other,
//! beside the passes of the checkpoint before; [`Driver::follow`] puts one behind the other. Only waiting waits.

use super::error::CudaError;
use super::library::{self, Gpu};
use super::memory::{Buffer, Pinned};
use cudarc::driver::sys::{self, CUresult};
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Events that are only waited for need no clock.
const UNTIMED: u32 = sys::CUevent_flags_enum::CU_EVENT_DISABLE_TIMING as u32;

/// A row of work of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    Passes,
    /// Weights, on their way from files to planes.
    Loading,
}

/// An open GPU.
pub struct Driver {
    pub gpu: Gpu,
    device: sys::CUdevice,
    context: sys::CUcontext,
    /// By [`Lane`].
    streams: [sys::CUstream; 2],
    /// Bytes of all buffers that there are.
    pub(super) given: AtomicU64,
}

// SAFETY: the driver's handles may be used from any thread; each call binds the context to its own first.
unsafe impl Send for Driver {}
// SAFETY: as above; the driver locks what it needs.
unsafe impl Sync for Driver {}

impl Driver {
    pub fn open(gpu: &Gpu) -> Result<Arc<Driver>, CudaError> {
        gpu.check()?;
        let device = library::device(gpu.ordinal)?;
        let (mut context, mut streams) = (null_mut(), [null_mut(); 2]);
        let opened = |code| match code {
            CUresult::CUDA_SUCCESS => Ok(()),
            code => {
                Err(CudaError::Refused(format!("{} cannot be opened ({})", gpu.name, library::name(code))))
            }
        };
        // SAFETY: the symbols were looked up; each call writes one handle.
        unsafe {
            opened(sys::cuDevicePrimaryCtxRetain(&raw mut context, device))?;
            opened(sys::cuCtxSetCurrent(context))?;
            let flags = sys::CUstream_flags_enum::CU_STREAM_NON_BLOCKING as u32;
            for stream in &mut streams {
                opened(sys::cuStreamCreate(stream, flags))?;
            }
        }
        Ok(Arc::new(Driver { gpu: gpu.clone(), device, context, streams, given: AtomicU64::new(0) }))
    }

    /// Makes the context this thread's.
    pub fn bind(&self) -> Result<(), CudaError> {
        // SAFETY: the context lives as long as `self`.
        self.done(unsafe { sys::cuCtxSetCurrent(self.context) }, "bind its context")
    }

    /// What a call's answer means; `what` is what was asked.
    pub fn done(&self, code: CUresult, what: &str) -> Result<(), CudaError> {
        use CUresult as R;
        match code {
            R::CUDA_SUCCESS => Ok(()),
            // A call that is refused leaves the GPU as it was; anything else ends its context.
            R::CUDA_ERROR_INVALID_VALUE
            | R::CUDA_ERROR_INVALID_HANDLE
            | R::CUDA_ERROR_NOT_FOUND
            | R::CUDA_ERROR_NOT_SUPPORTED
            | R::CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES
            | R::CUDA_ERROR_OUT_OF_MEMORY => Err(CudaError::Refused(format!(
                "{} refused to {what} ({})",
                self.gpu.name,
                library::name(code)
            ))),
            code => Err(CudaError::Lost(format!("{}, {}", self.gpu.name, library::name(code)))),
        }
    }

    /// Sets every byte of a buffer, for passes.
    pub fn fill(&self, buffer: &Buffer, byte: u8) -> Result<(), CudaError> {
        self.fill_on(Lane::Passes, buffer, byte)
    }

    pub fn fill_on(&self, lane: Lane, buffer: &Buffer, byte: u8) -> Result<(), CudaError> {
        self.bind()?;
        // SAFETY: as many bytes as the buffer has.
        let code = unsafe { sys::cuMemsetD8Async(buffer.at(), byte, buffer.bytes(), self.stream(lane)) };
        self.done(code, "fill a buffer")
    }

    /// Copies `bytes` from the start `from` of shared memory to `to` of the buffer. The memory must stay as it is until the
    /// copy is done.
    pub fn copy_up(
        &self,
        lane: Lane,
        shared: &Pinned,
        from: usize,
        buffer: &Buffer,
        to: usize,
        bytes: usize,
    ) -> Result<(), CudaError> {
        check_range(from, bytes, shared.bytes().len())?;
        check_range(to, bytes, buffer.bytes())?;
        if bytes == 0 {
            return Ok(());
        }
        self.bind()?;
        // SAFETY: both ranges were checked.
        let code = unsafe {
            sys::cuMemcpyHtoDAsync_v2(
                buffer.at() + to as u64,
                shared.at().add(from).cast::<c_void>(),
                bytes,
                self.stream(lane),
            )
        };
        self.done(code, "take a copy")
    }

    /// Copies the first `bytes` of a buffer to `to` of shared memory.
    pub fn copy_down(
        &self,
        lane: Lane,
        buffer: &Buffer,
        shared: &Pinned,
        to: usize,
        bytes: usize,
    ) -> Result<(), CudaError> {
        check_range(0, bytes, buffer.bytes())?;
        check_range(to, bytes, shared.bytes().len())?;
        if bytes == 0 {
            return Ok(());
        }
        self.bind()?;
        // SAFETY: both ranges were checked.
        let code = unsafe {
            sys::cuMemcpyDtoHAsync_v2(
                shared.at().add(to).cast::<c_void>(),
                buffer.at(),
                bytes,
                self.stream(lane),
            )
        };
        self.done(code, "give a copy")
    }

    /// Copies between buffers, for passes.
    pub fn copy(&self, from: (&Buffer, usize), to: (&Buffer, usize), bytes: usize) -> Result<(), CudaError> {
        check_range(from.1, bytes, from.0.bytes())?;
        check_range(to.1, bytes, to.0.bytes())?;
        if bytes == 0 {
            return Ok(());
        }
        self.bind()?;
        let (source, target) = (from.0.at() + from.1 as u64, to.0.at() + to.1 as u64);
        // SAFETY: both ranges were checked.
        self.done(
            unsafe { sys::cuMemcpyDtoDAsync_v2(target, source, bytes, self.stream(Lane::Passes)) },
            "copy",
        )
    }

    /// Starts a kernel.
    ///
    /// # Safety
    /// `parameters` must point at what the kernel's parameters are, in their order.
    pub unsafe fn launch(
        &self,
        lane: Lane,
        function: sys::CUfunction,
        grid: [u32; 3],
        block: u32,
        shared_bytes: u32,
        parameters: &mut [*mut c_void],
    ) -> Result<(), CudaError> {
        self.bind()?;
        let [x, y, z] = grid;
        // SAFETY: the caller's promise.
        let code = unsafe {
            sys::cuLaunchKernel(
                function,
                x,
                y,
                z,
                block,
                1,
                1,
                shared_bytes,
                self.stream(lane),
                parameters.as_mut_ptr(),
                null_mut(),
            )
        };
        self.done(code, "start a kernel")
    }

    /// The stream of a row of work, for a library that puts its own there too.
    pub fn stream(&self, lane: Lane) -> sys::CUstream {
        self.streams[lane as usize]
    }

    /// Waits until everything asked so far is done.
    pub fn wait(&self, lane: Lane) -> Result<(), CudaError> {
        self.bind()?;
        // SAFETY: the stream lives as long as `self`.
        self.done(unsafe { sys::cuStreamSynchronize(self.stream(lane)) }, "finish its work")
    }

    /// Has passes wait, on the GPU, for all of the loading that was asked so far.
    pub fn follow(self: &Arc<Self>) -> Result<(), CudaError> {
        let mark = self.mark(Lane::Loading)?;
        // SAFETY: both handles are alive; the event may go once the stream knows of it.
        let code = unsafe { sys::cuStreamWaitEvent(self.stream(Lane::Passes), mark.event, 0) };
        self.done(code, "wait for weights")
    }

    /// Binds the context and waits for everything, before something is freed; errors are told by whoever asks next.
    pub(super) fn wait_for_all(&self) {
        // SAFETY: context and streams live as long as `self`.
        unsafe {
            sys::cuCtxSetCurrent(self.context);
            for stream in self.streams {
                sys::cuStreamSynchronize(stream);
            }
        }
    }

    /// A mark behind everything asked so far.
    pub fn mark(self: &Arc<Self>, lane: Lane) -> Result<Mark, CudaError> {
        self.bind()?;
        let mut event = null_mut();
        // SAFETY: it writes one handle.
        self.done(unsafe { sys::cuEventCreate(&raw mut event, UNTIMED) }, "make an event")?;
        let mark = Mark { event, passed: AtomicBool::new(false), driver: self.clone() };
        // SAFETY: both handles are alive.
        self.done(unsafe { sys::cuEventRecord(event, self.stream(lane)) }, "record an event")?;
        Ok(mark)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // What fails here fails because the GPU is lost, which was said already.
        // SAFETY: the handles are this value's own.
        unsafe {
            self.wait_for_all();
            for stream in self.streams {
                sys::cuStreamDestroy_v2(stream);
            }
            sys::cuDevicePrimaryCtxRelease_v2(self.device);
        }
    }
}

fn check_range(from: usize, bytes: usize, there: usize) -> Result<(), CudaError> {
    match from.checked_add(bytes) {
        Some(end) if end <= there => Ok(()),
        _ => {
            Err(CudaError::Refused(format!("{bytes} bytes from {from} on were asked of a buffer of {there}")))
        }
    }
}

/// A place in the stream of work.
pub struct Mark {
    event: sys::CUevent,
    /// Somebody has waited for it.
    passed: AtomicBool,
    driver: Arc<Driver>,
}

impl Mark {
    /// Waits until the work before it is done.
    pub fn wait(&self) -> Result<(), CudaError> {
        if self.passed.load(Ordering::Acquire) {
            return Ok(());
        }
        self.driver.bind()?;
        // SAFETY: the event lives as long as `self`.
        self.driver.done(unsafe { sys::cuEventSynchronize(self.event) }, "finish a copy")?;
        self.passed.store(true, Ordering::Release);
        Ok(())
    }
}

// SAFETY: an event may be waited for from any thread; the driver locks what it needs.
unsafe impl Send for Mark {}
// SAFETY: as above.
unsafe impl Sync for Mark {}

impl Drop for Mark {
    fn drop(&mut self) {
        // SAFETY: the handle is this value's own.
        unsafe {
            sys::cuCtxSetCurrent(self.driver.context);
            sys::cuEventDestroy_v2(self.event);
        }
    }
}
