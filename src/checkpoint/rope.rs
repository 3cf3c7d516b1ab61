//! Rotary fields in both spellings, and the table of frequencies they mean.
//!
//! Makers ship `rope_theta` beside `rope_scaling` (null or an object); transformers 5 writes one object
//! `rope_parameters`. A file may hold both as long as they say the same.

use std::f64::consts::TAU;

use super::error::{Result, shown};
use super::fields::Fields;
use super::spec::{Pairs, Rotary};

/// What a family's rotary fields may say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rules {
    /// The `llama3` scaling is known.
    pub llama3: bool,
    /// Only a part of each head turns: the meaning of an absent `partial_rotary_factor`. `None`: all of it does.
    pub absent_partial: Option<f64>,
}

impl Rules {
    pub const PLAIN: Rules = Rules { llama3: false, absent_partial: None };
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rope {
    theta: f64,
    scaling: Option<Llama3>,
    /// The share of a head's elements that turn, in (0, 1].
    partial: f64,
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
    /// The table of a family that states nothing: this base, every pair turns.
    pub fn fixed(theta: f64) -> Rope {
        Rope { theta, scaling: None, partial: 1.0 }
    }

    pub fn read(fields: &mut Fields, rules: Rules) -> Result<Rope> {
        let mut theta = Once::new("rope_theta", fields.positive_or_none("rope_theta")?);
        let mut partial = Once::new("partial_rotary_factor", read_partial(fields, rules)?);
        let mut scalings = Vec::new();
        for key in ["rope_scaling", "rope_parameters"] {
            if let Some(object) = fields.object_or_none(key)? {
                let read = read_object(object, rules)?;
                theta.join(fields, key, read.theta)?;
                partial.join(fields, key, read.partial)?;
                scalings.push(read.scaling);
            } else if key == "rope_scaling" && fields.raw(key).is_some() {
                scalings.push(None); // an explicit null says: no scaling
            }
        }
        let theta = theta.value.ok_or_else(|| {
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
        let partial = partial.value.or(rules.absent_partial).unwrap_or(1.0);
        Ok(Rope { theta, scaling: scalings.first().copied().flatten(), partial })
    }

    /// One entry of a `rope_parameters` that holds an object per type of layer: `default`, or `proportional`, where only
    /// the first pairs turn.
    pub fn of_layer_type(parameters: &mut Fields, layer_type: &str) -> Result<Rope> {
        let Some(mut object) = parameters.object_or_none(layer_type)? else {
            return Err(parameters.error(layer_type, "is missing"));
        };
        let theta = object.positive("rope_theta")?;
        if theta <= 1.0 {
            return Err(object.error("rope_theta", format!("is {theta}, expected more than 1")));
        }
        object.may_only_be("factor", 1)?;
        let partial = match read_kind(&mut object)? {
            "default" => read_partial(&mut object, Rules::PLAIN)?,
            "proportional" => {
                let any = Rules { absent_partial: Some(1.0), ..Rules::PLAIN };
                let partial = read_partial(&mut object, any)?;
                Some(partial.ok_or_else(|| object.error("partial_rotary_factor", "is missing"))?)
            }
            other => {
                let why =
                    format!("is \"{}\", but only default and proportional are supported here", shown(other));
                return Err(object.error("rope_type", why));
            }
        };
        object.finish()?;
        Ok(Rope { partial: partial.unwrap_or(1.0), ..Rope::fixed(theta) })
    }

    /// Frequencies for heads of `head_dim` (even) elements whose pairs are `(i, i + head_dim / 2)`; of a partial table
    /// the first pairs turn, with the frequencies that they have in a whole one.
    pub fn table(&self, head_dim: usize) -> Rotary {
        let pairs = (head_dim as f64 * self.partial / 2.0) as usize;
        Rotary { freq: self.frequencies(pairs, head_dim), pairs: Pairs::Apart(head_dim / 2) }
    }

    /// Frequencies for heads of which the first part turns by itself, in pairs `(2i, 2i + 1)`; `None` if that part is
    /// not a positive, even number of elements.
    pub fn adjacent_table(&self, head_dim: usize) -> Option<Rotary> {
        let turning = (head_dim as f64 * self.partial) as usize;
        let sound = turning > 0 && turning.is_multiple_of(2);
        sound.then(|| Rotary { freq: self.frequencies(turning / 2, turning), pairs: Pairs::Adjacent })
    }

    /// `theta^(-2i / period)` for each pair `i`, scaled. Computed in f64, stored in f32.
    fn frequencies(&self, pairs: usize, period: usize) -> Vec<f32> {
        let scaled = |i: usize| {
            let plain = self.theta.powf(-((2 * i) as f64) / period as f64);
            self.scaling.map_or(plain, |s| s.scale(plain)) as f32
        };
        (0..pairs).map(scaled).collect()
    }
}

/// A number that several fields may state, as long as they agree.
struct Once {
    value: Option<f64>,
    name: &'static str,
}

impl Once {
    fn new(name: &'static str, value: Option<f64>) -> Once {
        Once { value, name }
    }

    fn join(&mut self, fields: &Fields, key: &str, stated: Option<f64>) -> Result<()> {
        if let (Some(first), Some(second)) = (self.value, stated)
            && first != second
        {
            let why = format!("gives a `{}` of {second}, but another field gives {first}", self.name);
            return Err(fields.error(key, why));
        }
        self.value = self.value.or(stated);
        Ok(())
    }
}

/// `partial_rotary_factor`; for families whose heads turn as a whole it may only be 1.
fn read_partial(fields: &mut Fields, rules: Rules) -> Result<Option<f64>> {
    const KEY: &str = "partial_rotary_factor";
    if rules.absent_partial.is_none() {
        fields.may_only_be(KEY, 1)?;
    }
    let partial = fields.positive_or_none(KEY)?;
    match partial {
        Some(share) if share > 1.0 => Err(fields.error(KEY, format!("is {share}, expected at most 1"))),
        _ => Ok(partial),
    }
}

impl Llama3 {
    fn read(object: &mut Fields) -> Result<Llama3> {
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

/// What one object says.
struct Stated {
    theta: Option<f64>,
    partial: Option<f64>,
    scaling: Option<Llama3>,
}

/// `rope_scaling` or `rope_parameters`: the base and the share if they stand there, and the scaling.
fn read_object(mut object: Fields, rules: Rules) -> Result<Stated> {
    let theta = object.positive_or_none("rope_theta")?;
    let partial = read_partial(&mut object, rules)?;
    let kind = read_kind(&mut object)?;
    let scaling = match kind {
        "default" => None,
        "llama3" if rules.llama3 => Some(Llama3::read(&mut object)?),
        _ => {
            let known = if rules.llama3 { "default and llama3 are" } else { "default is" };
            return Err(object.error(
                "rope_type",
                format!("is \"{}\", but only {known} supported for this family", shown(kind)),
            ));
        }
    };
    object.finish()?;
    Ok(Stated { theta, partial, scaling })
}

/// `rope_type`, or its older name `type`; files written in between hold both.
fn read_kind<'a>(object: &mut Fields<'a>) -> Result<&'a str> {
    let older = object.word_or_none("type")?;
    let kind = object.word_or_none("rope_type")?.or(older);
    let Some(kind) = kind else {
        return Err(object.error("rope_type", "is missing"));
    };
    if older.is_some_and(|older| older != kind) {
        return Err(object.error("type", format!("contradicts `rope_type` {}", shown(kind))));
    }
    Ok(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn llama31() -> Rope {
        let scaling = Llama3 { factor: 8.0, low: 1.0, high: 4.0, original: 8192.0 };
        Rope { scaling: Some(scaling), ..Rope::fixed(500_000.0) }
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
        let table = Rope::fixed(10_000.0).table(8);
        assert_eq!(table.pairs, Pairs::Apart(4));
        assert_eq!(table.freq, [1.0, 0.1, 0.01, 0.001]);
    }
}
