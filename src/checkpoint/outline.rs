//! What a config.json alone describes: a decoder and the shapes of its tensors, without the weights.

use std::path::Path;

use serde_json::Value;

use super::error::{CheckpointError, Result};
use super::families::Family;
use super::fields::Fields;
use super::plan::TensorPlan;
use super::spec::DecoderSpec;
use super::weights::Role;

/// More layers than any decoder has; a folder's own files give the bound where there are files.
const MOST_LAYERS: usize = 1024;

/// A decoder as its config describes it.
#[derive(Debug, Clone)]
pub struct Outline {
    pub spec: DecoderSpec,
    pub tensors: Vec<OutlineTensor>,
}

/// The shape of one tensor that the decoder needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutlineTensor {
    pub role: Role,
    pub layer: Option<usize>,
    /// A vector has one row.
    pub rows: usize,
    pub cols: usize,
}

impl Outline {
    /// Reads the config.json of the checkpoint in `dir`, whose weights need not be there.
    ///
    /// # Errors
    /// No readable config.json, and as [`Self::of`].
    pub fn read(dir: &Path) -> Result<Outline> {
        let (file, config, _) = super::open::read_config(dir)?;
        Outline::of(&config, &file.display().to_string(), usize::MAX)
    }

    /// Reads `config`, an object as config.json holds it; `name` stands for the file in errors. Layers after the first
    /// `layers` are left out.
    ///
    /// # Errors
    /// As for a checkpoint's config: fields that are missing, contradictory or not understood.
    pub fn of(config: &Value, name: &str, layers: usize) -> Result<Outline> {
        let file = Path::new(name);
        let Some(map) = config.as_object() else {
            return Err(CheckpointError::file(file, "is not a JSON object"));
        };
        let family = Family::of(&mut Fields::new(file, map, 0), file)?;
        let mut spec = family.spec(Fields::new(file, map, MOST_LAYERS))?;
        spec.layers.truncate(layers);
        let tensors = TensorPlan::new(&spec, &family.names, |_| false)
            .uses
            .into_iter()
            .map(|used| {
                let (rows, cols) = used.shape.rows_cols();
                let rows = used.rows.map_or(rows, |part| part.len());
                OutlineTensor { role: used.role, layer: used.layer, rows, cols }
            })
            .collect();
        Ok(Outline { spec, tensors })
    }
}
