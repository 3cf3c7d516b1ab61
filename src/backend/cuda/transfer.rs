//! Bytes on their way to the GPU and back.
//!
//! What goes up is written into memory that both share and copied from there by the GPU in its own time; the place is used
//! again once the host has waited for the GPU, which it does at the end of every pass anyway.

use super::driver::{Buffer, Driver, Mark, Pinned};
use super::error::CudaError;
use super::pool::{Block, Pool};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shared memory for a pass's small tables, at first.
const FIRST: usize = 1 << 20;
/// Shared memory for weights on their way: each of two halves.
const WEIGHTS: usize = 16 << 20;

/// Both directions.
pub struct Transfer {
    driver: Arc<Driver>,
    up: Mutex<Up>,
    down: Mutex<Option<Pinned>>,
    weights: Mutex<Option<Ring>>,
}

#[derive(Default)]
struct Up {
    shared: Option<Pinned>,
    /// Bytes whose copies may be under way.
    used: usize,
}

/// Two halves of shared memory, of which one is filled while the other is copied.
struct Ring {
    shared: Pinned,
    under_way: [Option<Mark>; 2],
    next: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Transfer {
    pub fn new(driver: &Arc<Driver>) -> Transfer {
        Transfer {
            driver: driver.clone(),
            up: Mutex::default(),
            down: Mutex::default(),
            weights: Mutex::default(),
        }
    }

    /// A block of `pool` that will hold `bytes`.
    pub fn up(&self, pool: &Pool, what: &str, bytes: &[u8]) -> Result<Block, CudaError> {
        let block = pool.take(what, bytes.len())?;
        let mut up = lock(&self.up);
        let room = up.shared.as_ref().map_or(0, |shared| shared.bytes().len());
        if up.used + bytes.len() > room {
            self.driver.wait()?;
            up.used = 0;
            if bytes.len() > room {
                self.grow(&mut up, bytes.len())?;
            }
        }
        let Up { shared: Some(shared), used } = &mut *up else {
            return Ok(block);
        };
        shared.bytes_mut()[*used..*used + bytes.len()].copy_from_slice(bytes);
        self.driver.copy_up(shared, *used, block.buffer()?, 0, bytes.len())?;
        *used += bytes.len();
        Ok(block)
    }

    /// Makes shared memory ready for `up` bytes between two waits and `down` bytes at a time.
    pub fn reserve(&self, up: usize, down: usize) -> Result<(), CudaError> {
        let mut way = lock(&self.up);
        if way.shared.as_ref().is_none_or(|shared| shared.bytes().len() < up) {
            self.driver.wait()?;
            way.used = 0;
            self.grow(&mut way, up)?;
        }
        self.landing(down).map(drop)
    }

    fn grow(&self, up: &mut Up, bytes: usize) -> Result<(), CudaError> {
        up.shared = None;
        up.shared = Some(self.driver.pinned(bytes.max(FIRST))?);
        Ok(())
    }

    fn landing(&self, bytes: usize) -> Result<MutexGuard<'_, Option<Pinned>>, CudaError> {
        let mut down = lock(&self.down);
        if down.as_ref().is_none_or(|shared| shared.bytes().len() < bytes) {
            *down = None;
            *down = Some(self.driver.pinned(bytes)?);
        }
        Ok(down)
    }

    /// The first `bytes` of a buffer, once all work before is done.
    pub fn down(&self, buffer: &Buffer, bytes: usize) -> Result<Vec<u8>, CudaError> {
        let landing = self.landing(bytes)?;
        let Some(shared) = &*landing else {
            return Ok(Vec::new());
        };
        self.driver.copy_down(buffer, 0, shared, bytes)?;
        self.wait()?;
        Ok(shared.bytes()[..bytes].to_vec())
    }

    /// Waits for the GPU; what was sent is there.
    pub fn wait(&self) -> Result<(), CudaError> {
        self.driver.wait()?;
        lock(&self.up).used = 0;
        Ok(())
    }

    /// Fills `to` by pieces: `write` is handed a place in `to` and what is to be there, a multiple of `unit` bytes long.
    pub fn fill(
        &self,
        to: &Buffer,
        bytes: usize,
        unit: usize,
        mut write: impl FnMut(usize, &mut [u8]),
    ) -> Result<(), CudaError> {
        self.fill_planes(to, bytes, 1, unit, |start, piece, _| write(start, piece))
    }

    /// Fills one or two planes of `to`, of `bytes` each, one behind the other: `write` is handed a place in a plane and what
    /// is to be there in the first and in the second, a multiple of `unit` bytes long.
    pub fn fill_planes(
        &self,
        to: &Buffer,
        bytes: usize,
        planes: usize,
        unit: usize,
        mut write: impl FnMut(usize, &mut [u8], Option<&mut [u8]>),
    ) -> Result<(), CudaError> {
        let unit = unit.max(1);
        let mut weights = lock(&self.weights);
        let half = WEIGHTS.max(planes * unit);
        if weights.as_ref().is_none_or(|ring| ring.shared.bytes().len() < 2 * half) {
            *weights = None;
            *weights = Some(Ring { shared: self.driver.pinned(2 * half)?, under_way: [None, None], next: 0 });
        }
        let Some(Ring { shared, under_way, next }) = &mut *weights else {
            return Ok(());
        };
        let half = shared.bytes().len() / 2;
        let piece = half / planes / unit * unit;
        for start in (0..bytes).step_by(piece) {
            let len = piece.min(bytes - start);
            if let Some(mark) = under_way[*next].take() {
                mark.wait()?;
            }
            let first = *next * half;
            let (hi, rest) = shared.bytes_mut()[first..first + half].split_at_mut(piece);
            let lo = (planes == 2).then(|| &mut rest[..len]);
            write(start, &mut hi[..len], lo);
            for plane in 0..planes {
                self.driver.copy_up(shared, first + plane * piece, to, plane * bytes + start, len)?;
            }
            under_way[*next] = Some(self.driver.mark()?);
            *next = 1 - *next;
        }
        Ok(())
    }

    /// Lets the shared memory of loading go.
    pub fn loaded(&self) -> Result<(), CudaError> {
        if lock(&self.weights).is_some() {
            self.wait()?;
            *lock(&self.weights) = None;
        }
        Ok(())
    }
}
