//! How long a whole sweep still takes, told from what it has done.

use std::time::Instant;

/// One checkpoint's share: prompts that are left, and bytes of its weights. A prompt's work is in proportion to the
/// weights; how well prompts share their tokens differs little between checkpoints of one study.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Share {
    pub prompts: u64,
    pub weight_bytes: u64,
}

impl Share {
    fn work(self) -> f64 {
        self.prompts as f64 * self.weight_bytes as f64
    }
}

/// Shares in the order of the sweep, and the time that those behind us took.
#[derive(Debug)]
pub struct Pace {
    shares: Vec<Share>,
    begun: Instant,
}

impl Pace {
    pub fn new(shares: Vec<Share>) -> Pace {
        Pace { shares, begun: Instant::now() }
    }

    /// Seconds until the end, when `fraction` of the work on checkpoint `index` is done; `None` as long as nothing is.
    pub fn left(&self, index: usize, fraction: f64) -> Option<f64> {
        self.left_after(index, fraction, self.begun.elapsed().as_secs_f64())
    }

    fn left_after(&self, index: usize, fraction: f64, seconds: f64) -> Option<f64> {
        let work = |shares: &[Share]| shares.iter().map(|share| share.work()).sum::<f64>();
        let own = self.shares.get(index)?.work();
        let done = work(&self.shares[..index]) + fraction * own;
        let left = work(&self.shares[index + 1..]) + (1.0 - fraction) * own;
        (done > 0.0).then(|| seconds * left / done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_in_proportion_to_prompts_and_weights() {
        let share = |prompts, weight_bytes| Share { prompts, weight_bytes };
        let pace = Pace::new(vec![share(100, 2), share(100, 6), share(0, 9)]);
        assert_eq!(pace.left_after(0, 0.0, 5.0), None);
        assert_eq!(pace.left_after(0, 0.5, 10.0), Some(70.0));
        assert_eq!(pace.left_after(1, 0.5, 50.0), Some(30.0));
        assert_eq!(pace.left_after(2, 0.0, 80.0), Some(0.0));
    }
}
