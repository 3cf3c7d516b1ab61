//! Which tensors are read and which are not.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::backend::BackendError;
use crate::backend::cuda::lost::{Lost, lost_weights};
use crate::checkpoint::Checkpoint;

#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct WeightFacts {
    pub files: Vec<String>,
    /// Norm weights are stored less 1, which is added in f32.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub norms_less_one: bool,
    /// By element type, as stored.
    pub used: BTreeMap<String, TypeTotal>,
    pub ignored: BTreeMap<String, TypeTotal>,
    /// Weights of matrices stored in bf16, if every weight was to be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bf16: Option<Bf16Facts>,
    /// Names of the ignored tensors, layer numbers replaced by `*`, with their counts.
    pub ignored_names: BTreeMap<String, usize>,
}

/// What the f16 of `--backend cuda` holds of bf16.
#[derive(Debug, Clone, Copy, Serialize, schemars::JsonSchema)]
pub struct Bf16Facts {
    pub weights: u64,
    /// So far below their matrix' largest that they lose bits.
    pub lose_bits: u64,
}

impl Bf16Facts {
    /// Reads every matrix.
    ///
    /// # Errors
    /// A weight is not finite.
    pub fn of(checkpoint: &Checkpoint) -> Result<Self, BackendError> {
        let Lost { of, lost } = lost_weights(&checkpoint.spec, checkpoint)?;
        Ok(Self { weights: of, lose_bits: lost })
    }
}

#[derive(Debug, Default, Serialize, schemars::JsonSchema)]
pub struct TypeTotal {
    pub tensors: usize,
    pub bytes: u64,
}

impl WeightFacts {
    pub fn of(checkpoint: &Checkpoint) -> Self {
        let mut facts = Self {
            files: checkpoint.weight_files().map(str::to_owned).collect(),
            norms_less_one: checkpoint.norms_less_one,
            used: BTreeMap::new(),
            ignored: BTreeMap::new(),
            ignored_names: BTreeMap::new(),
            bf16: None,
        };
        for tensor in checkpoint.stored() {
            let totals = if tensor.used { &mut facts.used } else { &mut facts.ignored };
            let total = totals.entry(tensor.dtype).or_default();
            total.tensors += 1;
            total.bytes += tensor.bytes;
            if !tensor.used {
                *facts.ignored_names.entry(without_numbers(tensor.name)).or_default() += 1;
            }
        }
        facts
    }
}

/// `model.layers.3.x` as `model.layers.*.x`.
fn without_numbers(name: &str) -> String {
    let part = |part: &str| match !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) {
        true => "*".to_owned(),
        false => part.to_owned(),
    };
    name.split('.').map(part).collect::<Vec<_>>().join(".")
}
