//! How a model trained on short contexts is stretched to longer ones.

use std::f64::consts::TAU;

use super::super::error::{Result, shown};
use super::super::fields::Fields;
use super::Rules;
use super::yarn::Yarn;

/// `rope_type`, with its numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scaling {
    None,
    /// Every frequency divided by this.
    Linear(f64),
    /// NTK by length: nothing is changed within `max_position_embeddings`, and no longer prompt is accepted.
    Dynamic,
    Llama3(Llama3),
    Yarn(Yarn),
}

/// Long wavelengths are stretched by `factor`, short ones kept, those between blended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Llama3 {
    factor: f64,
    /// Wavelengths above `original / low` are divided whole.
    low: f64,
    /// Wavelengths below `original / high` are kept.
    high: f64,
    /// Context length before the stretch, in tokens.
    original: f64,
}

impl Scaling {
    /// The numbers that belong to `kind`, from the object that names it.
    pub fn read(kind: &str, object: &mut Fields, rules: &Rules) -> Result<Scaling> {
        Ok(match kind {
            "default" => Scaling::None,
            "linear" => Scaling::Linear(factor(object)?),
            "dynamic" => {
                factor(object)?;
                Scaling::Dynamic
            }
            "llama3" => Scaling::Llama3(Llama3::read(object)?),
            "yarn" => Scaling::Yarn(Yarn::read(object, rules)?),
            _ => {
                let why = "but only default, linear, dynamic, yarn and llama3 are supported";
                return Err(object.error("rope_type", format!("is \"{}\", {why}", shown(kind))));
            }
        })
    }

    /// The table for the frequencies `plain` of base `theta` over `period` elements.
    pub fn frequencies(
        &self,
        plain: impl ExactSizeIterator<Item = f64>,
        theta: f64,
        period: usize,
    ) -> Vec<f32> {
        let scaled = |(i, freq): (usize, f64)| match self {
            Scaling::None | Scaling::Dynamic => freq,
            Scaling::Linear(factor) => freq / factor,
            Scaling::Llama3(llama3) => llama3.scale(freq),
            Scaling::Yarn(yarn) => yarn.scale(i, freq, theta, period),
        };
        plain.enumerate().map(|pair| scaled(pair) as f32).collect()
    }

    /// Whether a ramp over pairs begins and ends on whole ones, if there is one.
    pub fn truncates(&self) -> bool {
        !matches!(self, Scaling::Yarn(yarn) if !yarn.truncate)
    }

    /// What sines and cosines are multiplied by.
    pub fn attention_factor(&self) -> f64 {
        match self {
            Scaling::Yarn(yarn) => yarn.attention_factor,
            _ => 1.0,
        }
    }
}

/// By how much the context grows.
pub(super) fn factor(object: &mut Fields) -> Result<f64> {
    let factor = object.positive("factor")?;
    if factor < 1.0 {
        return Err(object.error("factor", "is below 1"));
    }
    Ok(factor)
}

impl Llama3 {
    fn read(object: &mut Fields) -> Result<Llama3> {
        let scaling = Llama3 {
            factor: factor(object)?,
            low: object.positive("low_freq_factor")?,
            high: object.positive("high_freq_factor")?,
            original: object.size("original_max_position_embeddings")? as f64,
        };
        if scaling.high <= scaling.low {
            return Err(object.error("high_freq_factor", "is not above `low_freq_factor`"));
        }
        Ok(scaling)
    }

    fn scale(&self, freq: f64) -> f64 {
        let turns = self.original * freq / TAU; // full turns within the original context
        if turns > self.high {
            freq
        } else if turns < self.low {
            freq / self.factor
        } else {
            let keep = (turns - self.low) / (self.high - self.low);
            (1.0 - keep) * freq / self.factor + keep * freq
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Rope;
    use super::*;

    #[test]
    fn a_context_may_stay_as_long_as_it_is_and_not_shrink() {
        let read = |stated: serde_json::Value| {
            let mut fields = Fields::new("config.json".as_ref(), stated.as_object().unwrap(), 1);
            factor(&mut fields).map_err(|error| error.to_string())
        };
        assert_eq!(read(serde_json::json!({"factor": 1})), Ok(1.0));
        assert_eq!(read(serde_json::json!({"factor": 1.5})), Ok(1.5));
        assert!(read(serde_json::json!({"factor": 0.999})).unwrap_err().contains("is below 1"));
    }

    #[test]
    fn llama3_keeps_blends_and_divides_the_pairs_of_the_published_model() {
        let scaling = Llama3 { factor: 8.0, low: 1.0, high: 4.0, original: 8192.0 };
        let plain = Rope::fixed(500_000.0);
        let scaled = Rope { scaling: Scaling::Llama3(scaling), ..plain }.table(128).rotary;
        let plain = plain.table(128).rotary;
        let pairs = scaled.freq.iter().zip(&plain.freq);
        let kept = pairs.clone().filter(|(s, p)| s == p).count();
        let divided = pairs.clone().filter(|(s, p)| **s == **p / 8.0).count();
        let blended = pairs.clone().filter(|(s, p)| **s < **p && **s > **p / 8.0).count();
        assert_eq!((kept, blended, divided), (29, 6, 29));
        assert!(scaled.freq.is_sorted_by(|a, b| a > b));
    }
}
