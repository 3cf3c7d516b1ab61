//! Bytes on their way to the GPU and back.
//!
//! What goes up is written into memory that both share and copied from there by the GPU in its own time; what comes back lands
//! in such memory too. A pass has a page of its own, which the pass after the next uses again: by then the host has waited for
//! what the first one sent back.

use super::driver::{Buffer, Driver, Mark, Pinned};
use super::error::CudaError;
use super::pool::{Block, Pool};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shared memory for a pass's small tables, at first.
const FIRST: usize = 1 << 20;
/// Each part of what comes back begins at such a multiple.
pub const ALIGNED: usize = 16;
/// Shared memory for weights on their way: each of two halves.
const WEIGHTS: usize = 16 << 20;

/// Both directions.
pub struct Transfer {
    driver: Arc<Driver>,
    up: Mutex<Up>,
    /// Landing places that nothing is on its way to.
    down: Mutex<Vec<Pinned>>,
    weights: Mutex<Option<Ring>>,
}

/// Two pages, since a pass is prepared while the one before it is computed.
#[derive(Default)]
struct Up {
    pages: [Page; 2],
    now: usize,
}

#[derive(Default)]
struct Page {
    shared: Option<Pinned>,
    /// Bytes whose copies may be under way.
    used: usize,
    /// They are done once this has passed; `None` while more is written.
    end: Option<Arc<Mark>>,
}

/// What is on its way down, with the mark behind it.
pub struct Landing {
    shared: Pinned,
    end: Arc<Mark>,
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

impl Page {
    fn room(&self) -> usize {
        self.shared.as_ref().map_or(0, |shared| shared.bytes().len())
    }
}

impl Up {
    /// Everything that was sent is there.
    fn done(&mut self) {
        for page in &mut self.pages {
            (page.used, page.end) = (0, None);
        }
    }
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
        let now = up.now;
        if let Some(end) = up.pages[now].end.take() {
            end.wait()?;
            up.pages[now].used = 0;
        }
        let room = up.pages[now].room();
        if up.pages[now].used + bytes.len() > room {
            self.driver.wait()?;
            up.done();
            if bytes.len() > room {
                self.grow(&mut up.pages[now], bytes.len())?;
            }
        }
        let Page { shared: Some(shared), used, .. } = &mut up.pages[now] else {
            return Ok(block);
        };
        shared.bytes_mut()[*used..*used + bytes.len()].copy_from_slice(bytes);
        self.driver.copy_up(shared, *used, block.buffer()?, 0, bytes.len())?;
        *used += bytes.len();
        Ok(block)
    }

    /// Makes shared memory ready for `up` bytes of each of two passes, and for `down` bytes that come back from each.
    pub fn reserve(&self, up: usize, down: usize) -> Result<(), CudaError> {
        let mut way = lock(&self.up);
        if way.pages.iter().any(|page| page.room() < up) {
            self.driver.wait()?;
            way.done();
            for page in &mut way.pages {
                self.grow(page, up)?;
            }
        }
        let landings = [self.landing(down)?, self.landing(down)?];
        lock(&self.down).extend(landings);
        Ok(())
    }

    fn grow(&self, page: &mut Page, bytes: usize) -> Result<(), CudaError> {
        page.shared = None;
        page.shared = Some(self.driver.pinned(bytes.max(FIRST))?);
        Ok(())
    }

    /// A place of at least `bytes`.
    fn landing(&self, bytes: usize) -> Result<Pinned, CudaError> {
        let mut free = lock(&self.down);
        let fits = free.iter().position(|shared| shared.bytes().len() >= bytes);
        if let Some(shared) = fits.map(|at| free.swap_remove(at)) {
            return Ok(shared);
        }
        // Those that are too small would stay for good.
        free.pop();
        drop(free);
        self.driver.pinned(bytes)
    }

    /// Sends buffers down, with the bytes wanted of each, one behind the other, each from a multiple of [`ALIGNED`] on, and begins the
    /// page of the next pass.
    pub fn send_down(&self, parts: &[(&Buffer, usize)]) -> Result<Landing, CudaError> {
        let shared = self.landing(parts.iter().map(|(_, bytes)| bytes.next_multiple_of(ALIGNED)).sum())?;
        let mut at = 0;
        for (buffer, bytes) in parts {
            self.driver.copy_down(buffer, &shared, at, *bytes)?;
            at += bytes.next_multiple_of(ALIGNED);
        }
        let end = Arc::new(self.driver.mark()?);
        let mut up = lock(&self.up);
        let now = up.now;
        up.pages[now].end = Some(end.clone());
        up.now = 1 - now;
        Ok(Landing { shared, end })
    }

    /// Waits for what was sent down and hands it to `read`.
    pub fn landed<T>(&self, landing: Landing, read: impl FnOnce(&[u8]) -> T) -> Result<T, CudaError> {
        landing.end.wait()?;
        let result = read(landing.shared.bytes());
        lock(&self.down).push(landing.shared);
        Ok(result)
    }

    /// The first `bytes` of a buffer, once all work before is done.
    pub fn down(&self, buffer: &Buffer, bytes: usize) -> Result<Vec<u8>, CudaError> {
        let shared = self.landing(bytes)?;
        self.driver.copy_down(buffer, &shared, 0, bytes)?;
        self.wait()?;
        let read = shared.bytes()[..bytes].to_vec();
        lock(&self.down).push(shared);
        Ok(read)
    }

    /// Waits for the GPU; what was sent is there.
    pub fn wait(&self) -> Result<(), CudaError> {
        self.driver.wait()?;
        lock(&self.up).done();
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
