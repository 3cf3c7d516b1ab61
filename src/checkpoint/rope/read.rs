//! Both spellings of the rotary fields.
//!
//! Makers ship `rope_theta` beside `rope_scaling` (null or an object); transformers 5 writes one object
//! `rope_parameters`. A file may hold both as long as they say the same.

use super::super::error::{Result, shown};
use super::super::fields::Fields;
use super::scaling::Scaling;
use super::{Rope, Rules};

impl Rope {
    pub fn read(fields: &mut Fields, rules: Rules) -> Result<Rope> {
        let mut stated = Stated::older(fields, &rules, true)?;
        if let Some(object) = fields.object_or_none("rope_parameters")? {
            stated.join(fields, "rope_parameters", read_object(object, &rules)?)?;
        }
        stated.rope(fields, &rules)
    }

    /// One of several types of layers, which have an object each in `parameters`, the `rope_parameters` of newer files.
    /// `scaled`: older files' `rope_scaling` is of this type.
    pub fn of_layers(
        fields: &mut Fields,
        parameters: Option<&mut Fields>,
        layer_type: &str,
        scaled: bool,
        rules: Rules,
    ) -> Result<Rope> {
        let mut stated = Stated::older(fields, &rules, scaled)?;
        if let Some(parameters) = parameters
            && let Some(object) = parameters.object_or_none(layer_type)?
        {
            stated.join(parameters, layer_type, read_object(object, &rules)?)?;
        }
        if stated.scaling.is_some_and(|scaling| !scaling.truncates()) {
            let why =
                "is false, which versions of transformers read differently where types of layers differ";
            return Err(fields.error("truncate", why));
        }
        stated.rope(fields, &rules)
    }

    /// One entry of a `rope_parameters` that holds an object per type of layer and of which nothing may be left out:
    /// `default`, or `proportional`, where only the first pairs turn.
    pub fn of_layer_type(parameters: &mut Fields, layer_type: &str) -> Result<Rope> {
        let Some(mut object) = parameters.object_or_none(layer_type)? else {
            return Err(parameters.error(layer_type, "is missing"));
        };
        let theta = object.positive("rope_theta")?;
        check_theta(&object, "rope_theta", theta)?;
        object.may_only_be("factor", 1)?;
        let partial = match read_kind(&mut object)? {
            "default" => read_partial(&mut object, None)?,
            "proportional" => {
                let partial = read_partial(&mut object, Some(1.0))?;
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
}

/// What the fields read so far say.
#[derive(Debug)]
struct Stated {
    theta: Option<f64>,
    partial: Option<f64>,
    scaling: Option<Scaling>,
}

impl Stated {
    /// What the makers' fields say.
    fn older(fields: &mut Fields, rules: &Rules, scaled: bool) -> Result<Stated> {
        const KEY: &str = "rope_scaling";
        let mut stated = Stated {
            theta: fields.positive_or_none(rules.theta_key)?,
            partial: read_partial(fields, rules.absent_partial)?,
            scaling: None,
        };
        if scaled && let Some(object) = fields.object_or_none(KEY)? {
            stated.join(fields, KEY, read_object(object, rules)?)?;
        } else if scaled && fields.raw(KEY).is_some() {
            stated.scaling = Some(Scaling::None); // an explicit null says: no scaling
        }
        Ok(stated)
    }

    /// Adds what the object under `key` says; several may state a thing as long as they agree.
    fn join(&mut self, fields: &Fields, key: &str, object: Stated) -> Result<()> {
        for (name, known, more) in [
            ("rope_theta", &mut self.theta, object.theta),
            ("partial_rotary_factor", &mut self.partial, object.partial),
        ] {
            if let (Some(first), Some(second)) = (*known, more)
                && first != second
            {
                let why = format!("gives a `{name}` of {second}, but another field gives {first}");
                return Err(fields.error(key, why));
            }
            *known = known.or(more);
        }
        if let (Some(first), Some(second)) = (self.scaling, object.scaling)
            && first != second
        {
            let why = "contradicts `rope_scaling`: they describe different scalings";
            return Err(fields.error(key, why));
        }
        self.scaling = self.scaling.or(object.scaling);
        Ok(())
    }

    fn rope(self, fields: &Fields, rules: &Rules) -> Result<Rope> {
        let theta = self.theta.unwrap_or(rules.absent_theta);
        check_theta(fields, rules.theta_key, theta)?;
        let scaling = self.scaling.unwrap_or(Scaling::None);
        let partial = self.partial.or(rules.absent_partial).unwrap_or(1.0);
        if partial < 1.0 && scaling.attention_factor() != 1.0 {
            let why =
                "is below 1 beside yarn, whose attention factor is only supported where whole heads turn";
            return Err(fields.error("partial_rotary_factor", why));
        }
        Ok(Rope { theta, scaling, partial })
    }
}

fn check_theta(fields: &Fields, key: &str, theta: f64) -> Result<()> {
    match theta > 1.0 {
        true => Ok(()),
        false => Err(fields.error(key, format!("is {theta}, expected more than 1"))),
    }
}

/// `partial_rotary_factor`; for families whose heads turn as a whole (`None`) it may only be 1.
fn read_partial(fields: &mut Fields, absent: Option<f64>) -> Result<Option<f64>> {
    const KEY: &str = "partial_rotary_factor";
    if absent.is_none() {
        fields.may_only_be(KEY, 1)?;
    }
    let partial = fields.positive_or_none(KEY)?;
    match partial {
        Some(share) if share > 1.0 => Err(fields.error(KEY, format!("is {share}, expected at most 1"))),
        _ => Ok(partial),
    }
}

/// `rope_scaling` or `rope_parameters`: the base and the share if they stand there, and the scaling.
fn read_object(mut object: Fields, rules: &Rules) -> Result<Stated> {
    let theta = object.positive_or_none("rope_theta")?;
    let partial = read_partial(&mut object, rules.absent_partial)?;
    let kind = read_kind(&mut object)?;
    let scaling = Scaling::read(kind, &mut object, rules)?;
    object.finish()?;
    Ok(Stated { theta, partial, scaling: Some(scaling) })
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
