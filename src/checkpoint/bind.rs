//! The bijection between what a decoder needs and what the files hold: every needed tensor is there once with the
//! exact shape, and every tensor that is there is needed or on the family's list of ignored names.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use rayon::prelude::*;

use super::error::{CheckpointError, Result};
use super::files::WeightFiles;
use super::plan::{NamePattern, OUTPUT_EMBEDDING, TensorPlan, TensorUse};
use super::safetensors::Entry;
use super::spec::DecoderSpec;
use super::weights::{Dtype, Role};

/// A tensor of the files, or some of its rows, that plays a role.
#[derive(Debug, Clone)]
pub(super) struct Bound {
    pub name: String,
    pub file: usize,
    pub begin: usize,
    pub end: usize,
    pub dtype: Dtype,
    pub rows: usize,
    pub cols: usize,
}

pub(super) struct Binding {
    pub roles: HashMap<(Role, Option<usize>), Bound>,
    /// Names of tensors that are in the files and are not read.
    pub ignored: Vec<String>,
}

pub(super) fn bind(
    files: &WeightFiles,
    spec: &DecoderSpec,
    plan: TensorPlan,
    ignored: &[NamePattern],
) -> Result<Binding> {
    let mut roles = HashMap::with_capacity(plan.uses.len());
    let mut used = BTreeSet::new();
    for wanted in plan.uses {
        let Some((file, entry)) = files.tensors.get(&wanted.name) else {
            return Err(missing(files, &wanted));
        };
        let bound = fit(files, *file, entry, &wanted)?;
        used.insert(entry.name.as_str());
        roles.insert((wanted.role, wanted.layer), bound);
    }
    let mut left = Vec::new();
    for (name, (file, entry)) in &files.tensors {
        let fail = |why| Err(CheckpointError::tensor(files.path(*file), name, why));
        if ignored.iter().chain(&plan.ignored).any(|pattern| pattern.matches(name)) {
            left.push(name.clone());
            continue;
        }
        if !files.lists(name) {
            return fail("is there, but the index does not list it");
        }
        if used.contains(name.as_str()) {
            continue;
        }
        if !(spec.head.tied && name == OUTPUT_EMBEDDING) {
            return fail("is there, but the decoder that config.json describes has no use for it");
        }
        check_tied_copy(files, *file, entry, &roles)?;
        left.push(name.clone());
    }
    Ok(Binding { roles, ignored: left })
}

fn missing(files: &WeightFiles, wanted: &TensorUse) -> CheckpointError {
    // One file is named; of several, the folder.
    let place: PathBuf = match &files.files[..] {
        [only] => only.path.clone(),
        [first, ..] => first.path.parent().unwrap_or(&first.path).to_owned(),
        [] => PathBuf::new(),
    };
    CheckpointError::tensor(
        &place,
        &wanted.name,
        format!("is missing; config.json asks for it in the shape {}", wanted.shape),
    )
}

fn fit(files: &WeightFiles, file: usize, entry: &Entry, wanted: &TensorUse) -> Result<Bound> {
    let fail = |why| CheckpointError::tensor(files.path(file), &entry.name, why);
    if !wanted.shape.is(&entry.shape) {
        return Err(fail(format!(
            "has the shape {:?}, but config.json asks for {}",
            entry.shape, wanted.shape
        )));
    }
    let dtype = match entry.dtype {
        ::safetensors::Dtype::F32 => Dtype::F32,
        ::safetensors::Dtype::F16 => Dtype::F16,
        ::safetensors::Dtype::BF16 => Dtype::Bf16,
        other => {
            return Err(fail(format!("is stored as {other:?}, expected F32, F16 or BF16")));
        }
    };
    let (all, cols) = wanted.shape.rows_cols();
    let rows = wanted.rows.clone().unwrap_or(0..all);
    let place = |row: usize| entry.begin + row * cols * dtype.size();
    Ok(Bound {
        name: entry.name.clone(),
        file,
        begin: place(rows.start),
        end: place(rows.end),
        dtype,
        rows: rows.len(),
        cols,
    })
}

/// Some tools write the output embedding also where it is tied. Equal bytes are harmless; anything else leaves open
/// which of the two the maker meant, and implementations differ in what they then do.
fn check_tied_copy(
    files: &WeightFiles,
    file: usize,
    entry: &Entry,
    roles: &HashMap<(Role, Option<usize>), Bound>,
) -> Result<()> {
    const PIECE: usize = 1 << 20;
    let copy = files.bytes(file, entry.begin, entry.end);
    let equal = roles.get(&(Role::Embedding, None)).is_some_and(|bound| {
        let table = files.bytes(bound.file, bound.begin, bound.end);
        table.len() == copy.len() && table.par_chunks(PIECE).zip(copy.par_chunks(PIECE)).all(|(a, b)| a == b)
    });
    if equal {
        return Ok(());
    }
    Err(CheckpointError::tensor(
        files.path(file),
        &entry.name,
        "differs from the input embedding although `tie_word_embeddings` says that they are one",
    ))
}
