//! Activations: a dense f32 matrix.

/// `[n, width]`, row-major.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    pub n: usize,
    pub width: usize,
    pub data: Vec<f32>,
}

impl Rows {
    pub fn zeros(n: usize, width: usize) -> Rows {
        Rows { n, width, data: vec![0.0; n * width] }
    }

    pub fn row(&self, i: usize) -> &[f32] {
        &self.data[i * self.width..(i + 1) * self.width]
    }

    /// `head` (whole rows of the same width) before these rows.
    pub fn prepend(self, head: &[f32]) -> Rows {
        if head.is_empty() {
            return self;
        }
        let mut data = Vec::with_capacity(head.len() + self.data.len());
        data.extend_from_slice(head);
        data.extend_from_slice(&self.data);
        Rows { n: data.len() / self.width, width: self.width, data }
    }
}
