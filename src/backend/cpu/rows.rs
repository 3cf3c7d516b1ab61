//! Activations: a dense f32 matrix, and the buffers that hold one after another.

use std::cell::RefCell;

/// `[n, width]`, row-major.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    pub n: usize,
    pub width: usize,
    pub data: Vec<f32>,
}

/// Buffers kept for the next rows. A pass makes and drops the same sizes layer after layer; fresh pages for each of them
/// cost more than a twentieth of a pass.
const KEPT: usize = 12;

thread_local! {
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

impl Rows {
    pub fn zeros(n: usize, width: usize) -> Rows {
        Rows { n, width, data: vec![0.0; n * width] }
    }

    /// Rows to be written in full: what they hold is left over from others.
    pub(super) fn unset(n: usize, width: usize) -> Rows {
        let len = n * width;
        let mut data = FREE.with_borrow_mut(|free| {
            // Of the large enough the smallest; of the same size that with the least to fill up.
            let fits = free.iter().enumerate().filter(|(_, b)| b.capacity() >= len);
            let best = fits.min_by_key(|(_, b)| (b.capacity(), len.saturating_sub(b.len()))).map(|(i, _)| i);
            best.map_or_else(Vec::new, |i| free.swap_remove(i))
        });
        data.resize(len, 0.0);
        Rows { n, width, data }
    }

    pub fn row(&self, i: usize) -> &[f32] {
        &self.data[i * self.width..(i + 1) * self.width]
    }

    /// `head` (whole rows of the same width) before these rows.
    pub fn prepend(self, head: &[f32]) -> Rows {
        if head.is_empty() {
            return self;
        }
        let mut out = Rows::unset(head.len() / self.width + self.n, self.width);
        let (first, rest) = out.data.split_at_mut(head.len());
        first.copy_from_slice(head);
        rest.copy_from_slice(&self.data);
        out
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        if self.data.capacity() == 0 {
            return;
        }
        // At a thread's end the list may be gone already: then the buffer just goes, too.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            free.push(std::mem::take(&mut self.data));
            if free.len() > KEPT {
                let smallest = free.iter().enumerate().min_by_key(|(_, b)| b.capacity()).map(|(i, _)| i);
                smallest.map(|i| free.swap_remove(i));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_serves_again_and_rows_have_their_size() {
        let rows = Rows { n: 3, width: 5, data: vec![1.0; 15] };
        let address = rows.data.as_ptr();
        drop(rows);
        let again = Rows::unset(2, 4);
        assert_eq!((again.data.as_ptr(), again.data.len()), (address, 8));
        let larger = Rows::unset(20, 20);
        assert_eq!(larger.data.len(), 400);
        assert_eq!(
            Rows { n: 1, width: 2, data: vec![3.0, 4.0] }.prepend(&[1.0, 2.0]).data,
            [1.0, 2.0, 3.0, 4.0]
        );
    }
}
