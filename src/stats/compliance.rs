//! Compliance: how much of the model's probability falls on the choices at all. To be read before any preference.

use serde::Serialize;

use super::cells::{Question, mean};
use super::figure::{Estimate, Figure};
use super::table::Id;
use super::view::View;

/// Over rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Quantiles {
    pub mean: f64,
    pub median: f64,
    pub q25: f64,
    pub q75: f64,
    pub min: f64,
    pub max: f64,
}

impl Quantiles {
    /// `None` without values.
    pub fn new(mut values: Vec<f64>) -> Option<Quantiles> {
        values.sort_by(f64::total_cmp);
        Some(Quantiles {
            mean: mean(values.iter().copied())?,
            median: quantile(&values, 0.5)?,
            q25: quantile(&values, 0.25)?,
            q75: quantile(&values, 0.75)?,
            min: *values.first()?,
            max: *values.last()?,
        })
    }
}

/// Linear interpolation at (n-1)q between ascending values.
pub fn quantile(ascending: &[f64], q: f64) -> Option<f64> {
    let position = ascending.len().checked_sub(1)? as f64 * q;
    let below = position.floor();
    let low = *ascending.get(below as usize)?;
    let high = *ascending.get(position.ceil() as usize)?;
    Some(low + (high - low) * (position - below))
}

/// How far a checkpoint's compliance carries its preferences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Below 0.1: what is read off is noise as likely as not.
    Low,
    /// 0.1 to 0.4 and 0.6 to 0.97 lie between the study's tiers.
    Partial,
    /// 0.4 to 0.6.
    Middling,
    /// At least 0.97.
    Full,
}

impl Tier {
    /// End of the low tier, both ends of the middling, beginning of the full.
    pub const BOUNDS: [f64; 4] = [0.1, 0.4, 0.6, 0.97];

    pub fn of(mean: f64) -> Tier {
        let [low, from, to, full] = Tier::BOUNDS;
        match mean {
            m if m >= full => Tier::Full,
            m if (from..=to).contains(&m) => Tier::Middling,
            m if m < low => Tier::Low,
            _ => Tier::Partial,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Tier::Full => ">= 0.97",
            Tier::Middling => "0.4-0.6",
            Tier::Low => "< 0.1",
            Tier::Partial => "between tiers",
        }
    }
}

/// `compliance`: each question as asked, and `both` (all rows).
pub fn figures(view: &View<'_>, out: &mut Vec<Figure>) {
    for (subject, run) in view.runs() {
        let asked = view.plan.questions.iter().filter_map(|q| match q {
            Question::Asked(id) => Some((view.question(*q), Some(*id))),
            _ => None,
        });
        for (name, question) in asked.chain([("both", None::<Id>)]) {
            let rows = run.rows.iter().filter(|row| question.is_none_or(|id| row.question == id));
            let Some(quantiles) = Quantiles::new(rows.map(|row| row.compliance).collect()) else { continue };
            let key = view.of_run("compliance", subject, run).question(name).subset("all");
            out.push(key.figure(Estimate::Compliance(quantiles)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate() {
        let q = Quantiles::new(vec![4.0, 1.0, 2.0, 3.0]).expect("values");
        assert_eq!((q.mean, q.median, q.q25, q.q75, q.min, q.max), (2.5, 2.5, 1.75, 3.25, 1.0, 4.0));
        assert_eq!(quantile(&[7.0], 0.75), Some(7.0));
        assert_eq!(Quantiles::new(vec![]), None);
    }

    #[test]
    fn tiers() {
        assert_eq!(
            [0.99, 0.5, 0.8, 0.2, 0.01].map(Tier::of).map(Tier::name),
            [">= 0.97", "0.4-0.6", "between tiers", "between tiers", "< 0.1"]
        );
        // A bound belongs to what it begins, and 0.6 to what it ends.
        assert_eq!(Tier::BOUNDS.map(Tier::of), [Tier::Partial, Tier::Middling, Tier::Middling, Tier::Full]);
    }
}
