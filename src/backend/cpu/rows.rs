//! Activations: a dense f32 matrix.

use super::values::Values;
use rayon::prelude::*;

/// `[n, width]`, row-major.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    pub n: usize,
    pub width: usize,
    pub data: Values,
}

/// Values copied by one task.
const COPY: usize = 1 << 16;

impl Rows {
    pub fn new(n: usize, width: usize, values: Vec<f32>) -> Rows {
        assert!(values.len() == n * width, "{} values for {n} rows of {width}", values.len());
        Rows { n, width, data: values.into() }
    }

    pub fn zeros(n: usize, width: usize) -> Rows {
        Rows::new(n, width, vec![0.0; n * width])
    }

    /// Rows to be written in full: what they hold is left over from others.
    pub(super) fn unset(n: usize, width: usize) -> Rows {
        Rows { n, width, data: Values::unset(n * width) }
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
        copy(head, first);
        copy(&self.data, rest);
        out
    }
}

fn copy(from: &[f32], to: &mut [f32]) {
    to.par_chunks_mut(COPY).zip(from.par_chunks(COPY)).for_each(|(to, from)| to.copy_from_slice(from));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_after_what_is_prepended() {
        assert_eq!(*Rows::new(1, 2, vec![3.0, 4.0]).prepend(&[1.0, 2.0]).data, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(Rows::new(2, 1, vec![5.0, 6.0]).prepend(&[]), Rows::new(2, 1, vec![5.0, 6.0]));
    }
}
