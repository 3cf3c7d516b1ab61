//! Draws that are the same on every machine: SplitMix64, from a stated seed.

/// A stream of 64-bit draws.
#[derive(Debug, Clone)]
pub struct Draws(u64);

impl Draws {
    pub fn new(seed: u64) -> Draws {
        Draws(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A whole number below `n`, which is above zero.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    /// Uniform in (0, 1).
    pub fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Standard normal, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first draws from zero as published with SplitMix64; what is made of them, in Python.
    #[test]
    fn draws_are_those_of_splitmix64() {
        let mut draws = Draws::new(0);
        let published = [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f];
        assert_eq!([draws.next(), draws.next(), draws.next()], published);
        let mut draws = Draws::new(0);
        assert_eq!((draws.uniform(), draws.uniform()), (0.883_310_808_213_642_7, 0.431_527_997_048_51));
        let mut draws = Draws::new(0);
        let below: Vec<usize> = (0..8).map(|_| draws.below(10)).collect();
        assert_eq!(below, [8, 4, 0, 9, 1, 3, 1, 7]);
        assert!((Draws::new(0).normal() + 0.452_757_740_217_458_07).abs() < 1e-15);
    }
}
