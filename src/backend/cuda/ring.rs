//! Bytes of weights on their way up: pinned memory in slots, each filled by whoever has bytes and copied from by the GPU in its own
//! time. Several threads fill at once; a slot is filled again when its copy is done.

use super::driver::{Driver, Lane, Mark};
use super::error::CudaError;
use super::memory::{Buffer, Pinned};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A copy of so much takes a quarter of a millisecond, long beside what starting it takes.
const SLOT: usize = 8 << 20;
const SLOTS: usize = 8;
/// What a slot has until it is given more.
const LEAST: usize = 64 << 10;

pub struct Ring {
    driver: Arc<Driver>,
    slots: [Mutex<Slot>; SLOTS],
    next: AtomicUsize,
}

#[derive(Default)]
struct Slot {
    shared: Option<Pinned>,
    /// Behind the copy from it.
    under_way: Option<Mark>,
}

impl Ring {
    pub fn new(driver: &Arc<Driver>) -> Ring {
        Ring { driver: driver.clone(), slots: Default::default(), next: AtomicUsize::new(0) }
    }

    /// Has `bytes` copied to place `at` of a buffer; returns when the last of them stands in the ring.
    pub fn send(&self, bytes: &[u8], to: &Buffer, at: usize) -> Result<(), CudaError> {
        for (i, piece) in bytes.chunks(SLOT).enumerate() {
            self.send_piece(piece, to, at + i * SLOT)?;
        }
        Ok(())
    }

    /// [`Ring::send`] on all cores.
    pub fn send_widely(&self, bytes: &[u8], to: &Buffer) -> Result<(), CudaError> {
        let pieces = bytes.par_chunks(SLOT).enumerate();
        pieces.try_for_each(|(i, piece)| self.send_piece(piece, to, i * SLOT))
    }

    fn send_piece(&self, piece: &[u8], to: &Buffer, at: usize) -> Result<(), CudaError> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % SLOTS;
        let mut slot = self.slots[turn].lock().unwrap_or_else(PoisonError::into_inner);
        let Slot { shared, under_way } = &mut *slot;
        if let Some(mark) = under_way.take() {
            mark.wait()?;
        }
        let usual = if piece.len() > LEAST { SLOT } else { LEAST };
        let shared = self.driver.grown(shared, piece.len(), usual)?;
        shared.bytes_mut()[..piece.len()].copy_from_slice(piece);
        self.driver.copy_up(Lane::Loading, shared, 0, to, at, piece.len())?;
        *under_way = Some(self.driver.mark(Lane::Loading)?);
        Ok(())
    }

    /// Lets the memory go, once what is in it has been copied.
    pub fn clear(&self) -> Result<(), CudaError> {
        for slot in &self.slots {
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(mark) = slot.under_way.take() {
                mark.wait()?;
            }
            slot.shared = None;
        }
        Ok(())
    }
}
