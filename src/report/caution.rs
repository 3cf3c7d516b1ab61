//! How far a run can be read, as the page marks it.

use crate::stats::Tier;

/// How far a run's compliance lets its preferences be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Caution {
    None,
    /// Below the top tier.
    Reduced,
    /// Below the bottom tier: as good as noise.
    Low,
}

impl Caution {
    pub fn of(mean: f64) -> Caution {
        match Tier::of(mean) {
            Tier::Full => Caution::None,
            Tier::Low => Caution::Low,
            _ => Caution::Reduced,
        }
    }

    /// How a table paints it.
    pub fn class(self) -> &'static str {
        match self {
            Caution::None => "good",
            Caution::Reduced => "fair",
            Caution::Low => "poor",
        }
    }

    /// The mark that later figures carry.
    pub fn dagger(self) -> &'static str {
        match self {
            Caution::None => "",
            Caution::Reduced => "†",
            Caution::Low => "‡",
        }
    }

    /// What a warning about such runs opens with.
    pub fn warning(self) -> &'static str {
        match self {
            Caution::Low => "Warning.",
            _ => "Read with care.",
        }
    }
}
