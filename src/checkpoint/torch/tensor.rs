//! Storages and tensors: what the pickle claims of them, checked against the archive.

use safetensors::Dtype;

use super::super::error::shown;
use super::super::safetensors::Entry;
use super::MOST_TENSORS;
use super::container::{Archive, is_key};
use super::objects::{Global, Objects, Storage, TensorClaim, Value};

const MOST_DIMENSIONS: usize = 4;

/// The storage behind a persistent id: `("storage", class, key, location, element count)`. The location (`cpu`,
/// `cuda:0`) is where the tensor was when it was saved.
pub(super) fn storage<'a>(
    id: Value<'a>,
    objects: &mut Objects<'a>,
    archive: &Archive,
) -> Result<Value<'a>, String> {
    let Some(&[tag, class, key, Value::Str(_), count]) = objects.members(id) else {
        return Err("BINPERSID of something that is not a storage's five-part id".into());
    };
    if tag != Value::Str("storage") {
        return Err("BINPERSID of an id that does not begin with \"storage\"".into());
    }
    let Value::Global(Global::Storage(dtype)) = class else {
        return Err("BINPERSID of a storage whose class is not a torch storage".into());
    };
    let key = match key {
        Value::Str(key) if is_key(key) => key,
        Value::Str(key) => return Err(format!("storage key \"{}\" is not a number", shown(key))),
        other => return Err(format!("a storage's key is {}", other.kind())),
    };
    let count = match count {
        Value::Int(count) => {
            usize::try_from(count).map_err(|_| format!("storage {key} has {count} elements"))?
        }
        other => return Err(format!("storage {key} has {} as its element count", other.kind())),
    };
    if let Some(&known) = objects.by_key.get(key) {
        let first = &objects.storages[known];
        return match (first.dtype, first.count) == (dtype, count) {
            true => Ok(Value::Storage(known)),
            false => Err(format!(
                "storage {key} is {count} elements of {dtype:?} here and {} of {:?} before",
                first.count, first.dtype
            )),
        };
    }
    let bytes = archive.storage(key).ok_or_else(|| format!("storage {key} has no entry data/{key}"))?;
    if count.checked_mul(size_of(dtype)) != Some(bytes.len()) {
        return Err(format!(
            "storage {key} claims {count} elements of {dtype:?}, but data/{key} has {} bytes",
            bytes.len()
        ));
    }
    let index = objects.storages.len();
    objects.storages.push(Storage { key, dtype, count, bytes });
    objects.by_key.insert(key, index);
    Ok(Value::Storage(index))
}

/// `_rebuild_tensor_v2(storage, offset, sizes, strides, requires_grad, hooks[, metadata])`; hooks and metadata are empty.
pub(super) fn claim(arguments: &[Value<'_>], objects: &Objects<'_>) -> Result<TensorClaim, String> {
    const WHAT: &str = "torch._utils _rebuild_tensor_v2";
    let wrong = |part: &str, value: Value<'_>| Err(format!("{WHAT} is given {} as its {part}", value.kind()));
    let (required, metadata) = match arguments {
        [required @ .., metadata] if required.len() == 6 => (required, Some(*metadata)),
        required => (required, None),
    };
    let &[storage, offset, sizes, strides, grad, hooks] = required else {
        return Err(format!("{WHAT} with {} arguments, expected 6 or 7", arguments.len()));
    };
    let Value::Storage(storage) = storage else { return wrong("storage", storage) };
    let Value::Int(offset) = offset else { return wrong("offset", offset) };
    let Some(sizes) = integers(sizes, objects) else { return wrong("sizes", sizes) };
    let Some(strides) = integers(strides, objects) else { return wrong("strides", strides) };
    let Value::Bool(_) = grad else { return wrong("requires_grad", grad) };
    if !no_hooks(hooks, objects) {
        return Err(format!("{WHAT} is given hooks, which would be code"));
    }
    match metadata {
        None | Some(Value::None) => {}
        Some(Value::Dict(dict)) if objects.dicts[dict].entries.is_empty() => {}
        Some(_) => return Err(format!("{WHAT} is given metadata, which is not understood")),
    }
    Ok(TensorClaim { storage, offset, sizes, strides })
}

pub(super) fn add<'a>(claim: TensorClaim, objects: &mut Objects<'a>) -> Result<Value<'a>, String> {
    if objects.tensors.len() == MOST_TENSORS {
        return Err(format!("more than {MOST_TENSORS} tensors"));
    }
    objects.tensors.push(claim);
    Ok(Value::Tensor(objects.tensors.len() - 1))
}

/// An empty OrderedDict, as torch writes for "none".
pub(super) fn no_hooks(value: Value<'_>, objects: &Objects<'_>) -> bool {
    matches!(value, Value::Dict(dict) if objects.dicts[dict].entries.is_empty() && objects.dicts[dict].ordered)
}

/// A tuple of whole numbers. Longer ones than a tensor may have are cut, and refused later with the tensor's name.
fn integers(value: Value<'_>, objects: &Objects<'_>) -> Option<Vec<i64>> {
    let number = |value: &Value<'_>| match value {
        Value::Int(number) => Some(*number),
        _ => None,
    };
    objects.members(value)?.iter().take(MOST_DIMENSIONS + 1).map(number).collect()
}

/// The tensor's place in the file, if it is dense, row-major and inside its storage.
pub(super) fn entry(name: &str, claim: &TensorClaim, objects: &Objects<'_>) -> Result<Entry, String> {
    let storage = &objects.storages[claim.storage];
    let TensorClaim { offset, sizes, strides, .. } = claim;
    if sizes.len() > MOST_DIMENSIONS {
        return Err(format!("has more than {MOST_DIMENSIONS} dimensions"));
    }
    if sizes.len() != strides.len() {
        return Err(format!("has {} sizes and {} strides", sizes.len(), strides.len()));
    }
    let shape: Vec<usize> = sizes
        .iter()
        .map(|&size| usize::try_from(size).map_err(|_| format!("has a negative size: {sizes:?}")))
        .collect::<Result<_, _>>()?;
    let too_large = || format!("has sizes {sizes:?}, more elements than can be counted");
    let count = shape.iter().try_fold(1usize, |n, &size| n.checked_mul(size)).ok_or_else(too_large)?;
    if count > 0 && !is_row_major(&shape, strides) {
        return Err(format!(
            "of sizes {sizes:?} has strides {strides:?}: only dense, row-major tensors are read"
        ));
    }
    let begin = usize::try_from(*offset).map_err(|_| format!("has a negative offset: {offset}"))?;
    let end = begin.checked_add(count).filter(|end| *end <= storage.count).ok_or_else(|| {
        format!(
            "of sizes {sizes:?} at offset {offset} does not fit data/{}, which has {} elements",
            storage.key, storage.count
        )
    })?;
    let size = size_of(storage.dtype);
    let start = storage.bytes.start;
    Ok(Entry {
        name: name.to_owned(),
        dtype: storage.dtype,
        shape,
        begin: start + begin * size,
        end: start + end * size,
    })
}

/// Each stride is the product of the sizes behind it; where there is one element, it does not matter.
fn is_row_major(shape: &[usize], strides: &[i64]) -> bool {
    let mut due = 1usize;
    shape.iter().zip(strides).rev().all(|(&size, &stride)| {
        let fits = size == 1 || usize::try_from(stride) == Ok(due);
        due = due.saturating_mul(size);
        fits
    })
}

fn size_of(dtype: Dtype) -> usize {
    dtype.bitsize() / 8
}
