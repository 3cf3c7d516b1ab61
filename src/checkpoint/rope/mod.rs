//! Rotary fields and the table of frequencies they mean.
//!
//! The reference for every table is `modeling_rope_utils.py` of transformers, whose 4.57 and 5.24 agree on what is read
//! here; where they do not, the file is refused.

mod read;
mod scaling;
mod yarn;

use scaling::Scaling;

use super::spec::{Pairs, Rotary};

/// What a family's rotary fields may leave out or say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rules {
    /// The older field of the base, and its value where no field states one.
    pub theta_key: &'static str,
    pub absent_theta: f64,
    /// Only a part of each head turns: the meaning of an absent `partial_rotary_factor`. `None`: all of it does.
    pub absent_partial: Option<f64>,
    /// The longest prompt of the checkpoint, for scalings that state no original context.
    pub context: usize,
}

impl Rules {
    /// Whole heads turn; the base is that of the family's class, which older files do not repeat.
    pub fn plain(context: usize) -> Rules {
        Rules { theta_key: "rope_theta", absent_theta: 10_000.0, absent_partial: None, context }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rope {
    theta: f64,
    scaling: Scaling,
    /// The share of a head's elements that turn, in (0, 1].
    partial: f64,
}

/// What a layer needs of a [`Rope`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table {
    pub rotary: Rotary,
    /// Multiplies the layer's attention scores. Yarn lengthens turned queries and keys; where whole heads turn, that is
    /// its square on every score, and no backend has to know of it.
    pub score_factor: f64,
}

impl Rope {
    /// The table of a family that states nothing: this base, every pair turns.
    pub fn fixed(theta: f64) -> Rope {
        Rope { theta, scaling: Scaling::None, partial: 1.0 }
    }

    /// For heads of `head_dim` (even) elements whose pairs are `(i, i + head_dim / 2)`; of a partial table the first
    /// pairs turn, with the frequencies that they have in a whole one.
    pub fn table(&self, head_dim: usize) -> Table {
        let pairs = (head_dim as f64 * self.partial / 2.0) as usize;
        self.of(pairs, head_dim, Pairs::Apart(head_dim / 2))
    }

    /// For heads of which the first part turns by itself, in pairs `(2i, 2i + 1)`; `None` if that part is not a
    /// positive, even number of elements.
    pub fn adjacent_table(&self, head_dim: usize) -> Option<Table> {
        let turning = (head_dim as f64 * self.partial) as usize;
        let sound = turning > 0 && turning.is_multiple_of(2);
        sound.then(|| self.of(turning / 2, turning, Pairs::Adjacent))
    }

    /// `theta^(-2i / period)` for each pair `i`, scaled. Computed in f64, stored in f32.
    fn of(&self, pairs: usize, period: usize, form: Pairs) -> Table {
        let plain = (0..pairs).map(|i| self.theta.powf(-((2 * i) as f64) / period as f64));
        let freq = self.scaling.frequencies(plain, self.theta, period);
        let length = self.scaling.attention_factor();
        Table { rotary: Rotary { freq, pairs: form }, score_factor: length * length }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_table_is_the_powers_of_its_base() {
        let Table { rotary, score_factor } = Rope::fixed(10_000.0).table(8);
        assert_eq!(rotary.pairs, Pairs::Apart(4));
        assert_eq!(rotary.freq, [1.0, 0.1, 0.01, 0.001]);
        assert_eq!(score_factor, 1.0);
    }
}
