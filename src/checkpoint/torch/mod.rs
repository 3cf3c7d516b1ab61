//! `pytorch_model.bin`: a zip archive of raw storages and a pickle that says which tensor lies where.
//!
//! A pickle is a program, and Python's own reader calls whatever it names. This one knows tensors and nothing else:
//! its values are an enum, a global is a name that is compared and never looked up, and every opcode, global and object
//! that a file of tensors has no need of is refused by name. Nothing is executed, decompressed or copied; the tensors
//! are handed out as ranges of the mapped file, as for safetensors.
//!
//! Format: `torch.save` (zip form, since PyTorch 1.6), `torch/serialization.py`; opcodes: CPython's `pickletools.py`.

mod container;
mod machine;
mod objects;
mod opcode;
mod state;
mod tensor;

use std::path::Path;

use super::error::{CheckpointError, Result};
use super::safetensors::Entry;

/// Nobody's index of tensors is anywhere near this size.
const LARGEST_PICKLE: usize = 64 << 20;
const MOST_TENSORS: usize = 100_000;

/// The tensors of a mapped file, in the order of the pickle. Several may lie in one storage (tied weights).
///
/// # Errors
/// Whatever is not a plain dictionary of dense tensors, by entry, opcode, global or tensor.
pub(super) fn read_header(file: &Path, bytes: &[u8]) -> Result<Vec<Entry>> {
    let fail = |why: String| CheckpointError::file(file, why);
    let archive = container::open(bytes).map_err(fail)?;
    let pickle = archive.pickle(bytes).map_err(fail)?;
    let (root, objects) =
        machine::run(pickle, &archive).map_err(|why| fail(format!("in data.pkl: {why}")))?;
    let named = state::tensors(root, &objects).map_err(|why| fail(format!("in data.pkl: {why}")))?;
    if let Some(key) = archive.unused(&objects) {
        return Err(fail(format!("holds data/{key}, which no tensor of data.pkl uses")));
    }
    named
        .into_iter()
        .map(|(name, tensor)| {
            tensor::entry(name, &objects.tensors[tensor], &objects)
                .map_err(|why| CheckpointError::tensor(file, name, why))
        })
        .collect()
}
