//! The bijection between what a decoder needs and what the files hold: every needed tensor is there once with the
//! exact shape, and every tensor that is there is needed or on the family's list of ignored names.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use super::error::{CheckpointError, Result};
use super::files::WeightFiles;
use super::plan::{NamePattern, TensorPlan, TensorUse};
use super::quantised;
use super::safetensors::Entry;
use super::tied;
use super::weights::{Dtype, Role, Tensor};

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
    /// The values in f32 where the decoder does not read them as they are stored.
    widened: Option<Widened>,
}

#[derive(Debug, Clone)]
enum Widened {
    /// The values plus 1, where they are stored less 1: few types of the files can hold the sum.
    Raised(Box<[u8]>),
    /// The nearest to what is stored in F64, as the reference rounds them where it computes in f32.
    Rounded(Box<[u8]>),
}

impl Bound {
    /// The tensor as the decoder reads it.
    pub fn view<'a>(&'a self, files: &'a WeightFiles) -> Tensor<'a> {
        let (dtype, bytes) = match &self.widened {
            Some(Widened::Raised(bytes) | Widened::Rounded(bytes)) => (Dtype::F32, &bytes[..]),
            None => (self.dtype, files.bytes(self.file, self.begin, self.end)),
        };
        Tensor { dtype, rows: self.rows, cols: self.cols, bytes }
    }

    /// The values as they are stored, in a type that is computed with.
    pub fn stored<'a>(&'a self, files: &'a WeightFiles) -> &'a [u8] {
        self.rounded().unwrap_or_else(|| files.bytes(self.file, self.begin, self.end))
    }

    /// The values in f32 where they are stored in F64.
    pub fn rounded(&self) -> Option<&[u8]> {
        match &self.widened {
            Some(Widened::Rounded(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// Whether the decoder reads the bytes of the file.
    pub fn is_as_stored(&self) -> bool {
        self.widened.is_none()
    }
}

pub(super) struct Binding {
    pub roles: HashMap<(Role, Option<usize>), Bound>,
    /// Names of tensors that are in the files and are not read.
    pub ignored: Vec<String>,
}

pub(super) fn bind(files: &WeightFiles, plan: TensorPlan, ignored: &[NamePattern]) -> Result<Binding> {
    let is_copy = |name: &str| plan.copies.contains(&name);
    // An index may go on listing a copy of a tied embedding that is not written any more.
    files.check_index(is_copy)?;
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
        let table = roles.get(&(Role::Embedding, None)).filter(|_| is_copy(name));
        let Some(table) = table else {
            return fail("is there, but the decoder that config.json describes has no use for it");
        };
        tied::check_copy(files, *file, entry, table)?;
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
    let why = match quantised::told_by(files.tensors.keys()) {
        Some(told) => format!("is missing; {told}"),
        None => format!("is missing; config.json asks for it in the shape {}", wanted.shape),
    };
    CheckpointError::tensor(&place, &wanted.name, why)
}

fn fit(files: &WeightFiles, file: usize, entry: &Entry, wanted: &TensorUse) -> Result<Bound> {
    let fail = |why| CheckpointError::tensor(files.path(file), &entry.name, why);
    // Types first: packed bits have another shape too.
    let (dtype, double) = match (Dtype::of(entry.dtype), entry.dtype) {
        (Some(dtype), _) => (dtype, false),
        (None, safetensors::Dtype::F64) => (Dtype::F32, true),
        (None, other) => {
            let told = quantised::told_by_type(other).map(|told| format!(": {told}"));
            let why = format!("is stored as {other:?}, expected F32, F16, BF16 or F64");
            return Err(fail(why + &told.unwrap_or_default()));
        }
    };
    if !wanted.shape.is(&entry.shape) {
        return Err(fail(format!(
            "has the shape {:?}, but config.json asks for {}",
            entry.shape, wanted.shape
        )));
    }
    let (all, cols) = wanted.shape.rows_cols();
    let rows = wanted.rows.clone().unwrap_or(0..all);
    let size = if double { size_of::<f64>() } else { dtype.size() };
    let place = |row: usize| entry.begin + row * cols * size;
    let (begin, end) = (place(rows.start), place(rows.end));
    let bytes = files.bytes(file, begin, end);
    let widened = match (double, wanted.less_one) {
        (false, false) => None,
        (false, true) => {
            let raised = dtype.values(bytes).flat_map(|value| (1.0 + value).to_le_bytes());
            Some(Widened::Raised(raised.collect()))
        }
        (true, _) => {
            // Rounded first, so that it is what the same weights in F32 are.
            let more = if wanted.less_one { 1.0 } else { 0.0 };
            let (values, _) = bytes.as_chunks::<8>();
            let rounded =
                values.iter().flat_map(|value| (f64::from_le_bytes(*value) as f32 + more).to_le_bytes());
            Some(Widened::Rounded(rounded.collect()))
        }
    };
    Ok(Bound { name: entry.name.clone(), file, begin, end, dtype, rows: rows.len(), cols, widened })
}
