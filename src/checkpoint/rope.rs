//! Rotary fields in both spellings, and the table of frequencies they mean.
//!
//! Makers ship `rope_theta` beside `rope_scaling` (null or an object); transformers 5 writes one object
//! `rope_parameters`. A file may hold both as long as they say the same.

use std::f64::consts::TAU;

use super::error::{Result, shown};
use super::fields::Fields;
use super::spec::{Pairs, Rotary};

/// Which scalings a family knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalings {
    None,
    Llama3,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rope {
    theta: f64,
    scaling: Option<Llama3>,
}

/// Long wavelengths are stretched by `factor`, short ones kept, those between blended.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Llama3 {
    factor: f64,
    /// Wavelengths above `original / low` are divided whole.
    low: f64,
    /// Wavelengths below `original / high` are kept.
    high: f64,
    /// Context length before the stretch, in tokens.
    original: f64,
}

impl Rope {
    pub fn read(fields: &mut Fields, known: Scalings) -> Result<Rope> {
        fields.may_only_be("partial_rotary_factor", 1)?;
        let mut thetas = vec![("rope_theta", fields.positive_or_none("rope_theta")?)];
        let mut scalings = Vec::new();
        for key in ["rope_scaling", "rope_parameters"] {
            if let Some(object) = fields.object_or_none(key)? {
                let (theta, scaling) = read_object(object, known)?;
                thetas.push((key, theta));
                scalings.push(scaling);
            } else if key == "rope_scaling" && fields.raw(key).is_some() {
                scalings.push(None); // an explicit null says: no scaling
            }
        }

        let mut theta = None;
        for (key, stated) in thetas {
            match (theta, stated) {
                (Some(first), Some(second)) if first != second => {
                    return Err(fields.error(
                        key,
                        format!("gives a rotary base of {second}, but another field gives {first}"),
                    ));
                }
                (None, Some(_)) => theta = stated,
                _ => {}
            }
        }
        let theta = theta.ok_or_else(|| {
            fields.error("rope_theta", "is missing, and `rope_parameters` does not hold it either")
        })?;
        if theta <= 1.0 {
            return Err(fields.error("rope_theta", format!("is {theta}, expected more than 1")));
        }
        if let [first, second] = scalings[..]
            && first != second
        {
            return Err(fields
                .error("rope_parameters", "contradicts `rope_scaling`: they describe different scalings"));
        }
        Ok(Rope { theta, scaling: scalings.first().copied().flatten() })
    }

    /// Frequencies for heads of `head_dim` (even) elements whose pairs are `(i, i + head_dim / 2)`.
    /// Computed in f64, stored in f32.
    pub fn table(&self, head_dim: usize) -> Rotary {
        let freq = (0..head_dim / 2)
            .map(|i| {
                let plain = self.theta.powf(-((2 * i) as f64) / head_dim as f64);
                self.scaling.map_or(plain, |s| s.scale(plain)) as f32
            })
            .collect();
        Rotary { freq, pairs: Pairs::Apart(head_dim / 2) }
    }
}

impl Llama3 {
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

/// `rope_scaling` or `rope_parameters`: the base if it stands there, and the scaling.
fn read_object(mut object: Fields, known: Scalings) -> Result<(Option<f64>, Option<Llama3>)> {
    let theta = object.positive_or_none("rope_theta")?;
    object.may_only_be("partial_rotary_factor", 1)?;
    // `type` is the older name of `rope_type`; files written in between hold both.
    let older = object.word_or_none("type")?;
    let kind = object.word_or_none("rope_type")?.or(older);
    let Some(kind) = kind else {
        return Err(object.error("rope_type", "is missing"));
    };
    if older.is_some_and(|older| older != kind) {
        return Err(object.error("type", format!("contradicts `rope_type` {}", shown(kind))));
    }
    let scaling = match (kind, known) {
        ("default", _) => None,
        ("llama3", Scalings::Llama3) => {
            let scaling = Llama3 {
                factor: object.positive("factor")?,
                low: object.positive("low_freq_factor")?,
                high: object.positive("high_freq_factor")?,
                original: object.size("original_max_position_embeddings")? as f64,
            };
            if scaling.factor < 1.0 {
                return Err(object.error("factor", "is below 1"));
            }
            if scaling.high <= scaling.low {
                return Err(object.error("high_freq_factor", "is not above `low_freq_factor`"));
            }
            Some(scaling)
        }
        _ => {
            let known = match known {
                Scalings::None => "default",
                Scalings::Llama3 => "default and llama3",
            };
            return Err(object.error(
                "rope_type",
                format!("is \"{}\", but only {known} is supported for this family", shown(kind)),
            ));
        }
    };
    object.finish()?;
    Ok((theta, scaling))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn llama31() -> Rope {
        let scaling = Llama3 { factor: 8.0, low: 1.0, high: 4.0, original: 8192.0 };
        Rope { theta: 500_000.0, scaling: Some(scaling) }
    }

    #[test]
    fn llama3_keeps_blends_and_divides_the_pairs_of_the_published_model() {
        let scaled = llama31().table(128);
        let plain = Rope { scaling: None, ..llama31() }.table(128);
        let pairs = scaled.freq.iter().zip(&plain.freq);
        let kept = pairs.clone().filter(|(s, p)| s == p).count();
        let divided = pairs.clone().filter(|(s, p)| **s == **p / 8.0).count();
        let blended = pairs.clone().filter(|(s, p)| **s < **p && **s > **p / 8.0).count();
        assert_eq!((kept, blended, divided), (29, 6, 29));
        assert!(scaled.freq.is_sorted_by(|a, b| a > b));
    }

    #[test]
    fn a_plain_table_is_the_powers_of_its_base() {
        let table = Rope { theta: 10_000.0, scaling: None }.table(8);
        assert_eq!(table.pairs, Pairs::Apart(4));
        assert_eq!(table.freq, [1.0, 0.1, 0.01, 0.001]);
    }
}
