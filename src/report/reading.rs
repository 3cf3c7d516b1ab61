//! An estimate as the page speaks of it: with its interval, or with the reason why there is none.

use crate::stats::{ALPHA, Clustered, Confirmatory, Estimate, Figure, Size};

/// An estimate with what may be inferred from it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Log-odds.
    pub value: f64,
    /// The 95 % interval's half-width, or why there is none.
    pub half: Result<f64, Without>,
    /// Two-sided; `None` wherever there is no interval.
    pub p: Option<f64>,
    /// The same, adjusted for the tests that belong together.
    pub adjusted: Option<f64>,
    /// How it compares with the smallest effect of interest, where that was tested.
    pub size: Option<Size>,
}

/// Why there is no interval, and so nothing to infer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Without {
    /// Asked in one scenario type only.
    OneType,
    /// The same in every scenario type.
    NoSpread,
    /// Fewer than one degree of freedom.
    FewGroups,
}

/// A spread below this share of the mean is rounding.
const ROUNDING: f64 = 1e-12;

impl Reading {
    /// Of a figure that has an interval over scenario types: `crossed` where it states scopes.
    pub fn of(figure: &Figure) -> Option<Reading> {
        let reading = match &figure.estimate {
            Estimate::Clustered(c) => Reading::from(c),
            Estimate::Confirmatory(c) => Reading::from(&**c),
            _ => return None,
        };
        let adjusted = figure.adjusted.as_ref().and_then(|adjusted| adjusted.p);
        Some(Reading { adjusted: adjusted.filter(|_| reading.half.is_ok()), ..reading })
    }

    pub fn half(&self) -> Option<f64> {
        self.half.ok()
    }

    /// The furthest from zero that its interval reaches: the largest lean that the data still allow.
    pub fn reach(&self) -> Option<f64> {
        Some(self.value.abs() + self.half()?)
    }

    /// Whether its own interval leaves zero out.
    pub fn excludes_zero(&self) -> bool {
        self.half().is_some_and(|half| self.value.abs() > half)
    }

    /// Whether it differs from zero after correction.
    pub fn differs(&self) -> bool {
        self.adjusted.is_some_and(|p| p < ALPHA)
    }

    /// Whether the equivalence test holds it within the smallest effect of interest.
    pub fn is_small(&self) -> bool {
        self.size == Some(Size::Smaller)
    }

    /// Whether it is a finding: it differs from zero, and is not held within the smallest effect of interest.
    pub fn is_finding(&self) -> bool {
        self.differs() && !self.is_small()
    }
}

impl From<&Clustered> for Reading {
    fn from(c: &Clustered) -> Reading {
        let value = c.mean_cluster;
        // The standard deviation of the types' means.
        let spread = c.se.map(|se| se * (c.clusters as f64).sqrt());
        let half = match (spread, c.ci_t) {
            (Some(spread), _) if spread <= ROUNDING * value.abs() => Err(Without::NoSpread),
            (Some(_), Some(half)) if half.is_finite() => Ok(half),
            _ => Err(Without::OneType),
        };
        Reading { value, half, p: c.p.filter(|_| half.is_ok()), adjusted: None, size: None }
    }
}

impl From<&Confirmatory> for Reading {
    fn from(c: &Confirmatory) -> Reading {
        let half = match c.crossed {
            None => Err(Without::OneType),
            Some(block) if block.is_starved() => Err(Without::FewGroups),
            Some(block) => block.interval().ok_or(Without::NoSpread),
        };
        let p = c.crossed.and_then(|block| block.p).filter(|_| half.is_ok());
        Reading { value: c.estimate, half, p, adjusted: None, size: c.size.filter(|_| half.is_ok()) }
    }
}

impl Without {
    /// After `no interval:`.
    pub fn why(self) -> &'static str {
        match self {
            Without::OneType => "asked in one scenario type only",
            Without::NoSpread => "the same in every scenario type, without any spread",
            Without::FewGroups => "too few independent groups, fewer than one degree of freedom",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clustered(mean: f64, se: Option<f64>, clusters: usize) -> Clustered {
        Clustered {
            mean_row: mean,
            mean_cluster: mean,
            se,
            ci_z: se.map(|se| 1.96 * se),
            ci_t: se.map(|se| 3.0 * se),
            t: se.map(|se| mean / se),
            p: se.map(|_| 1e-30),
            df: clusters - 1,
            clusters,
            scenario_ci_z: None,
            scenario_p: None,
        }
    }

    #[test]
    fn rounding_is_no_spread_and_one_type_no_interval() {
        let of = |mean, se, n| Reading::from(&clustered(mean, se, n));
        // Three types at 0.1: their standard error comes out as 1e-17.
        let constant = of(0.1, Some(1e-17), 3);
        assert_eq!((constant.half, constant.p), (Err(Without::NoSpread), None));
        assert_eq!(of(0.0, Some(0.0), 3).half, Err(Without::NoSpread));
        assert_eq!(of(9.0, None, 1).half, Err(Without::OneType));
        let usual = of(-1.0, Some(0.125), 5);
        assert_eq!((usual.half(), usual.reach(), usual.excludes_zero()), (Some(0.375), Some(1.375), true));
    }
}
