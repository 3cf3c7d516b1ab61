//! The buffers that hold activations and interleaved weights, one after another.

use memmap2::MmapMut;
use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// The first values of a buffer that may hold more.
#[derive(Debug, Default)]
pub struct Values {
    buffer: Buffer,
    len: usize,
}

#[derive(Debug)]
enum Buffer {
    Heap(Vec<f32>),
    Pages(MmapMut),
}

/// Buffers kept for the next values: all of a pass, every layer's keys and values among them. A pass makes and drops the
/// same sizes layer after layer, pack after pack; fresh pages for each of them
/// cost more than a twentieth of a pass.
const KEPT: usize = 256;
/// Bytes from which a buffer asks for huge pages, and their size. A product walks through megabytes in steps of a row:
/// with small pages a twelfth of its time went into their addresses (on a virtual machine).
const HUGE: usize = 2 << 20;

thread_local! {
    static FREE: RefCell<Vec<Buffer>> = const { RefCell::new(Vec::new()) };
}

impl Buffer {
    fn zeros(len: usize) -> Buffer {
        let bytes = len * size_of::<f32>();
        if bytes >= HUGE
            && let Ok(pages) = MmapMut::map_anon(bytes.next_multiple_of(HUGE))
        {
            // Where the system has none, small ones do.
            #[cfg(target_os = "linux")]
            let _ = pages.advise(memmap2::Advice::HugePage);
            return Buffer::Pages(pages);
        }
        Buffer::Heap(vec![0.0; len])
    }

    fn len(&self) -> usize {
        match self {
            Buffer::Heap(values) => values.len(),
            Buffer::Pages(bytes) => bytes.len() / size_of::<f32>(),
        }
    }
}

impl Default for Buffer {
    fn default() -> Buffer {
        Buffer::Heap(Vec::new())
    }
}

impl Values {
    /// Values to be written in full: what they hold is left over from others.
    pub fn unset(len: usize) -> Values {
        let kept = FREE.with_borrow_mut(|free| {
            // The smallest that is large enough.
            let fits = free.iter().enumerate().filter(|(_, b)| b.len() >= len);
            let best = fits.min_by_key(|(_, b)| b.len()).map(|(i, _)| i);
            best.map(|i| free.swap_remove(i))
        });
        Values { buffer: kept.unwrap_or_else(|| Buffer::zeros(len)), len }
    }
}

impl From<Vec<f32>> for Values {
    fn from(values: Vec<f32>) -> Values {
        let len = values.len();
        Values { buffer: Buffer::Heap(values), len }
    }
}

impl Deref for Values {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &self.buffer {
            Buffer::Heap(values) => &values[..self.len],
            Buffer::Pages(bytes) => bytemuck::cast_slice(&bytes[..self.len * size_of::<f32>()]),
        }
    }
}

impl DerefMut for Values {
    fn deref_mut(&mut self) -> &mut [f32] {
        match &mut self.buffer {
            Buffer::Heap(values) => &mut values[..self.len],
            Buffer::Pages(bytes) => bytemuck::cast_slice_mut(&mut bytes[..self.len * size_of::<f32>()]),
        }
    }
}

impl Clone for Values {
    fn clone(&self) -> Values {
        Values::from(self.to_vec())
    }
}

impl PartialEq for Values {
    fn eq(&self, other: &Values) -> bool {
        **self == **other
    }
}

impl Drop for Values {
    fn drop(&mut self) {
        if self.buffer.len() == 0 {
            return;
        }
        // At a thread's end the list may be gone already: then the buffer just goes, too.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            free.push(std::mem::take(&mut self.buffer));
            if free.len() > KEPT {
                let smallest = free.iter().enumerate().min_by_key(|(_, b)| b.len()).map(|(i, _)| i);
                smallest.map(|i| free.swap_remove(i));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_serves_again_and_values_have_their_number() {
        let values = Values::from(vec![1.0; 15]);
        let address = values.as_ptr();
        drop(values);
        let again = Values::unset(8);
        assert_eq!((again.as_ptr(), again.len()), (address, 8));
        assert_eq!(Values::unset(400).len(), 400);
    }

    #[test]
    fn a_large_buffer_holds_what_is_written() {
        let len = HUGE / 4 + 3;
        let mut values = Values::unset(len);
        assert_eq!(values.len(), len);
        values.iter_mut().enumerate().for_each(|(i, value)| *value = i as f32);
        assert_eq!((values[0], values[len - 1]), (0.0, (len - 1) as f32));
        assert_eq!(values.clone(), values);
    }
}
