//! Bytes of passes on their way to the GPU and back.
//!
//! What goes up is written into memory that both share and copied from there by the GPU in its own time; what comes back lands
//! in such memory too. A pass has a page of its own, which the pass after the next uses again: by then the host has waited for
//! what the first one sent back.

use super::driver::{Driver, Lane, Mark};
use super::error::CudaError;
use super::memory::{Buffer, Pinned};
use super::pool::{Block, Pool};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shared memory for a pass's small tables, at first.
const FIRST: usize = 1 << 20;
/// Each part of what comes back begins at such a multiple.
pub const ALIGNED: usize = 16;

/// Both directions.
pub struct Transfer {
    driver: Arc<Driver>,
    up: Mutex<Up>,
    /// Landing places that nothing is on its way to.
    down: Mutex<Vec<Pinned>>,
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
        Transfer { driver: driver.clone(), up: Mutex::default(), down: Mutex::default() }
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
        if up.pages[now].used + bytes.len() > up.pages[now].room() {
            self.driver.wait(Lane::Passes)?;
            up.done();
        }
        let Page { shared, used, .. } = &mut up.pages[now];
        let shared = self.driver.grown(shared, bytes.len(), FIRST)?;
        shared.bytes_mut()[*used..*used + bytes.len()].copy_from_slice(bytes);
        self.driver.copy_up(Lane::Passes, shared, *used, block.buffer()?, 0, bytes.len())?;
        *used += bytes.len();
        Ok(block)
    }

    /// Makes shared memory ready for `up` bytes of each of two passes, and for `down` bytes that come back from each.
    pub fn reserve(&self, up: usize, down: usize) -> Result<(), CudaError> {
        let mut way = lock(&self.up);
        if way.pages.iter().any(|page| page.room() < up) {
            self.driver.wait(Lane::Passes)?;
            way.done();
            for page in &mut way.pages {
                self.driver.grown(&mut page.shared, up, FIRST)?;
            }
        }
        let landings = [self.landing(down)?, self.landing(down)?];
        lock(&self.down).extend(landings);
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
            self.driver.copy_down(Lane::Passes, buffer, &shared, at, *bytes)?;
            at += bytes.next_multiple_of(ALIGNED);
        }
        let end = Arc::new(self.driver.mark(Lane::Passes)?);
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
        self.driver.copy_down(Lane::Passes, buffer, &shared, 0, bytes)?;
        self.wait()?;
        let read = shared.bytes()[..bytes].to_vec();
        lock(&self.down).push(shared);
        Ok(read)
    }

    /// Waits for the GPU; what was sent is there.
    pub fn wait(&self) -> Result<(), CudaError> {
        self.driver.wait(Lane::Passes)?;
        lock(&self.up).done();
        Ok(())
    }
}
