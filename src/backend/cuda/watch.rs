//! Values that are not finite, noticed without a launch of their own: the next kernel that reads the rows looks at them too.

use super::Cuda;
use super::error::CudaError;
use super::memory::Buffer;
use super::params;
use super::rows::Rows;
use std::sync::PoisonError;

/// Where kernels leave the smallest place.
pub struct Watch {
    pub(super) flag: Buffer,
}

/// The flag that a kernel lowers, and to what; a flag of 0 for none.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pending {
    pub flag: u64,
    pub place: i32,
}

/// Rows that are still to be looked at.
pub(super) struct Unseen {
    pending: Pending,
    rows: Rows,
}

/// Nothing was noticed: i32::MAX, byte by byte all but the highest.
const CLEAR: i32 = 0x7f7f_7f7f;

impl Cuda {
    pub(super) fn make_watch(&self) -> Result<Watch, CudaError> {
        let flag = self.driver.buffer("a flag", size_of::<i32>())?;
        let watch = Watch { flag };
        self.clear_watch(&watch)?;
        Ok(watch)
    }

    pub(super) fn watch_rows(&self, watch: &Watch, x: &Rows, place: usize) -> Result<(), CudaError> {
        self.look_now()?;
        if x.n > 0 {
            let pending = Pending { flag: watch.flag.at(), place: place as i32 };
            *self.unseen.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(Unseen { pending, rows: x.share() });
        }
        Ok(())
    }

    /// What a kernel that is about to read all of `x` has to look for.
    pub(super) fn looked_at(&self, x: &Rows) -> Result<Pending, CudaError> {
        let unseen = self.unseen.lock().unwrap_or_else(PoisonError::into_inner).take();
        match unseen {
            Some(unseen) if unseen.rows.same_as(x) => Ok(unseen.pending),
            Some(unseen) => self.look(&unseen).map(|()| Pending::default()),
            None => Ok(Pending::default()),
        }
    }

    /// Before rows change that are still to be looked at.
    pub(super) fn look_now(&self) -> Result<(), CudaError> {
        match self.unseen.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(unseen) => self.look(&unseen),
            None => Ok(()),
        }
    }

    fn look(&self, Unseen { pending, rows }: &Unseen) -> Result<(), CudaError> {
        let watch = params::Watch {
            x: rows.at(),
            flag: pending.flag,
            n: rows.n as i32,
            width: rows.width as i32,
            ld: rows.ld as i32,
            place: pending.place,
        };
        self.start("watch", rows.grid(), &watch)
    }

    pub(super) fn read_watch(&self, watch: &Watch) -> Result<Option<usize>, CudaError> {
        self.look_now()?;
        let bytes = self.transfer.down(&watch.flag, size_of::<i32>())?;
        let place = noted(&bytes);
        if place.is_some() {
            self.clear_watch(watch)?;
        }
        Ok(place)
    }

    /// Forgets, behind all work so far.
    pub(super) fn clear_watch(&self, watch: &Watch) -> Result<(), CudaError> {
        self.driver.fill(&watch.flag, 0x7f)
    }
}

/// The place that a flag holds.
pub(super) fn noted(flag: &[u8]) -> Option<usize> {
    let value = flag.first_chunk().map_or(CLEAR, |word| i32::from_ne_bytes(*word));
    if value == CLEAR { None } else { usize::try_from(value).ok() }
}
