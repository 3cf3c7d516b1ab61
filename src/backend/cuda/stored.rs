//! Weights on the GPU as their files hold them, until they are packed: brought when they are asked for, or before, while the
//! files are read for the first time ([`Staging`]).

use super::Cuda;
use super::driver::{Driver, Lane};
use super::error::CudaError;
use super::memory::{Buffer, Pinned};
use super::params;
use super::pool::{Block, Pool};
use super::ring::Ring;
use super::rows::dtype_number;
use crate::checkpoint::{Dtype, Take, Tensor};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Left to everything else when stored weights come before they are asked for, out of a hundred of what is free.
const RESERVE_PERCENT: u64 = 5;
/// Rows that a block of `measure` looks at.
const MEASURED_ROWS: usize = 8;

/// What weights need on their way.
pub struct Loading {
    pub ring: Ring,
    /// Memory of stored weights. All of it is written and read by the loading stream, so a block may be written again as soon as the
    /// host has let it go.
    pub pool: Pool,
    staged: Mutex<Vec<Staged>>,
    /// Number of the next [`Staging`].
    next: AtomicU64,
    /// Those before this one bring nothing more: memory ran out.
    barred: AtomicU64,
    /// What is measured comes down here.
    landing: Mutex<Option<Pinned>>,
}

/// A tensor that came before it was asked for.
struct Staged {
    /// Who brought it.
    staging: u64,
    /// Addresses of its bytes in the mapped file, which is there as long as its [`Staging`].
    host: Range<usize>,
    block: Arc<Block>,
    /// Bytes that were sent.
    sent: usize,
    /// Bytes that are still to be packed.
    left: usize,
}

/// A stored matrix on the GPU.
pub struct Stored {
    _block: Arc<Block>,
    pub at: u64,
    pub rows: usize,
    pub cols: usize,
    pub dtype: Dtype,
}

/// What bounds need of a stored matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Size {
    /// Of any element.
    pub largest: f32,
    /// L2 norm of the longest row, each element first times the weight that was given.
    pub longest: f64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn addresses(tensor: &Tensor<'_>) -> Range<usize> {
    let first = tensor.bytes.as_ptr().addr();
    first..first + tensor.bytes.len()
}

impl Loading {
    pub fn new(driver: &Arc<Driver>) -> Loading {
        Loading {
            ring: Ring::new(driver),
            pool: Pool::new(driver),
            staged: Mutex::default(),
            next: AtomicU64::new(0),
            barred: AtomicU64::new(0),
            landing: Mutex::default(),
        }
    }

    /// Gives up what came before it was asked for: it is brought when it is.
    pub fn give_up(&self) {
        self.barred.store(self.next.load(Ordering::Relaxed), Ordering::Relaxed);
        lock(&self.staged).clear();
        self.pool.clear();
    }

    /// The tensor, if all of it was sent before; its bytes count as packed.
    fn staged(&self, tensor: &Tensor<'_>) -> Option<Stored> {
        let asked = addresses(tensor);
        let mut all = lock(&self.staged);
        let found = all.iter().position(|s| {
            s.host.start <= asked.start && asked.end <= s.host.end && s.sent == s.host.len() && s.left > 0
        })?;
        let staged = &mut all[found];
        let block = staged.block.clone();
        staged.left = staged.left.saturating_sub(asked.len());
        let at = block.at() + (asked.start - staged.host.start) as u64;
        if staged.left == 0 {
            all.swap_remove(found);
        }
        Some(Stored { _block: block, at, rows: tensor.rows, cols: tensor.cols, dtype: tensor.dtype })
    }
}

/// Brings tensors to the GPU while their files are read. What is not packed when this goes is forgotten.
struct Staging<'c> {
    cuda: &'c Cuda,
    id: u64,
    /// Something is wrong, too little memory most likely: the rest is brought when it is asked for.
    ended: AtomicBool,
}

impl Take for Staging<'_> {
    fn take(&self, tensor: &Tensor<'_>, at: usize, bytes: &[u8]) {
        let barred = self.id < self.cuda.loading.barred.load(Ordering::Relaxed);
        if !barred && !self.ended.load(Ordering::Relaxed) && self.send(tensor, at, bytes).is_err() {
            // Who asks for the tensor brings it then, and tells what is wrong.
            self.ended.store(true, Ordering::Relaxed);
        }
    }
}

impl Staging<'_> {
    fn send(&self, tensor: &Tensor<'_>, at: usize, bytes: &[u8]) -> Result<(), CudaError> {
        let loading = &self.cuda.loading;
        let host = addresses(tensor);
        let known = |all: &[Staged]| all.iter().position(|s| s.staging == self.id && s.host == host);
        let block = {
            let mut all = lock(&loading.staged);
            match known(&all) {
                Some(place) => all[place].block.clone(),
                None => {
                    let block = Arc::new(loading.pool.take("weights as stored", host.len())?);
                    let (host, left) = (host.clone(), host.len());
                    all.push(Staged { staging: self.id, host, block: block.clone(), sent: 0, left });
                    block
                }
            }
        };
        loading.ring.send(bytes, block.buffer()?, at)?;
        let mut all = lock(&loading.staged);
        if let Some(place) = known(&all) {
            all[place].sent += bytes.len();
        }
        Ok(())
    }
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        lock(&self.cuda.loading.staged).retain(|staged| staged.staging != self.id);
    }
}

impl Cuda {
    /// Someone who brings the tensors of a checkpoint that take `bytes`, the largest of them `largest`; `None` if they do not
    /// fit beside what is there.
    pub(super) fn begin_staging(&self, bytes: u64, largest: u64) -> Option<Box<dyn Take + Send + '_>> {
        let (free, _) = self.driver.memory().ok()?;
        // Packing gives the stored bytes back one matrix after the other.
        if bytes + 2 * largest > free - free / 100 * RESERVE_PERCENT {
            return None;
        }
        let id = self.loading.next.fetch_add(1, Ordering::Relaxed);
        Some(Box::new(Staging { cuda: self, id, ended: AtomicBool::new(false) }))
    }

    /// The tensor as it is stored, brought to the GPU if it is not there.
    pub(super) fn stored(&self, tensor: &Tensor<'_>) -> Result<Stored, CudaError> {
        if let Some(staged) = self.loading.staged(tensor) {
            return Ok(staged);
        }
        let bytes = tensor.bytes.len();
        let block = self.or_after_clearing(|| self.loading.pool.take("weights as stored", bytes))?;
        self.loading.ring.send_widely(tensor.bytes, block.buffer()?)?;
        let at = block.at();
        Ok(Stored { _block: Arc::new(block), at, rows: tensor.rows, cols: tensor.cols, dtype: tensor.dtype })
    }

    /// Memory, once more without what loading keeps to use again if there is too little, without what the run before left, and
    /// without what came early.
    pub(super) fn or_after_clearing<T>(
        &self,
        take: impl Fn() -> Result<T, CudaError>,
    ) -> Result<T, CudaError> {
        let ways: [fn(&Cuda); 3] =
            [|cuda| cuda.loading.pool.clear(), Cuda::forget_run, |cuda| cuda.loading.give_up()];
        for give in ways {
            match take() {
                Err(CudaError::OutOfMemory { .. }) => give(self),
                taken => return taken,
            }
        }
        take()
    }

    /// Looks at each matrix, elements of a row times what stands at the address beside it, if that is not 0. Waits for the loading
    /// stream, once.
    pub(super) fn measure(&self, list: &[(&Stored, u64)]) -> Result<Vec<Size>, CudaError> {
        const EACH: usize = size_of::<params::Measured>();
        let bytes = EACH * list.len();
        let found = self.or_after_clearing(|| self.loading.pool.take("sizes of weights", bytes))?;
        self.driver.fill_on(Lane::Loading, found.buffer()?, 0)?;
        for (i, (stored, weight)) in list.iter().enumerate() {
            let measure = params::Measure {
                x: stored.at,
                weight: *weight,
                out: found.at() + (EACH * i) as u64,
                rows: stored.rows as i32,
                cols: stored.cols as i32,
                dtype: dtype_number(stored.dtype),
                pad: 0,
            };
            self.start_loading("measure", stored.rows.div_ceil(MEASURED_ROWS), &measure)?;
        }
        let mut landing = lock(&self.loading.landing);
        let landing = self.driver.grown(&mut landing, bytes, EACH * 64)?;
        self.driver.copy_down(Lane::Loading, found.buffer()?, landing, 0, bytes)?;
        self.driver.mark(Lane::Loading)?.wait()?;
        let measured: Vec<params::Measured> = bytemuck::pod_collect_to_vec(&landing.bytes()[..bytes]);
        let size = |m: &params::Measured| Size {
            largest: f32::from_bits(m.largest),
            longest: f64::from_bits(m.squares).sqrt(),
        };
        Ok(measured.iter().map(size).collect())
    }

    /// Small values for kernels that load.
    pub(super) fn loading_table(&self, what: &str, values: &[i32]) -> Result<Block, CudaError> {
        let bytes: &[u8] = bytemuck::cast_slice(values);
        let block = self.or_after_clearing(|| self.loading.pool.take(what, bytes.len()))?;
        self.loading.ring.send(bytes, block.buffer()?, 0)?;
        Ok(block)
    }

    /// A buffer of these bytes, for passes.
    pub(super) fn sent(&self, what: &str, bytes: &[u8]) -> Result<Buffer, CudaError> {
        let buffer = self.or_after_clearing(|| self.driver.buffer(what, bytes.len()))?;
        self.loading.ring.send(bytes, &buffer, 0)?;
        self.driver.follow()?;
        Ok(buffer)
    }

    /// Starts a kernel that loads.
    pub(super) fn start_loading<P>(
        &self,
        name: &str,
        blocks: usize,
        parameters: &P,
    ) -> Result<(), CudaError> {
        let blocks = u32::try_from(blocks).map_err(|_| CudaError::Refused("a weight is too large".into()))?;
        self.start_on(Lane::Loading, name, [blocks, 1, 1], parameters)
    }

    /// Everything that was asked for is packed: gives back what loading took. What comes for the next checkpoint stays.
    pub(super) fn loaded(&self) -> Result<(), CudaError> {
        self.driver.wait(Lane::Loading)?;
        self.loading.pool.clear();
        self.loading.ring.clear()
    }
}
