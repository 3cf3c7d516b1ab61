//! A tied output embedding that the files hold a second time.

use half::{bf16, f16};
use rayon::prelude::*;

use super::bind::Bound;
use super::error::{CheckpointError, Result};
use super::files::WeightFiles;
use super::safetensors::Entry;
use super::weights::Dtype;

/// Elements that one task compares.
const PIECE: usize = 1 << 18;

/// Some tools write the output embedding also where it is tied. Equal values are harmless, in whatever type; anything
/// else leaves open which of the two the maker meant, and versions of the reference differ in what they then do.
pub(super) fn check_copy(files: &WeightFiles, file: usize, copy: &Entry, table: &Bound) -> Result<()> {
    let fail = |why: String| Err(CheckpointError::tensor(files.path(file), &copy.name, why));
    if copy.shape != [table.rows, table.cols] {
        return fail(format!(
            "has the shape {:?} and the input embedding [{}, {}], although `tie_word_embeddings` says that they are one",
            copy.shape, table.rows, table.cols
        ));
    }
    let Some(dtype) = Dtype::of(copy.dtype) else {
        return fail(format!(
            "is stored as {:?} although it is the input embedding, which `tie_word_embeddings` says: remove this tensor",
            copy.dtype
        ));
    };
    let pair =
        Pair { a: (dtype, files.bytes(file, copy.begin, copy.end)), b: (table.dtype, table.stored(files)) };
    if pair.all(|a, b| a == b) {
        return Ok(());
    }
    let coarse = if dtype.size() < table.dtype.size() { dtype } else { table.dtype };
    if dtype != table.dtype && pair.all(|a, b| rounded(a, coarse) == rounded(b, coarse)) {
        return fail(format!(
            "is the input embedding in another type: it is stored as {}, the embedding as {}, and they differ only by \
             rounding; `tie_word_embeddings` says that they are one, but not which is meant: remove this tensor, or set \
             `tie_word_embeddings` to false",
            dtype.name(),
            table.dtype.name()
        ));
    }
    fail(
        "differs from the input embedding although `tie_word_embeddings` says that they are one: remove this tensor, or \
         set `tie_word_embeddings` to false"
            .into(),
    )
}

/// Two tensors of as many elements, with their types.
struct Pair<'a> {
    a: (Dtype, &'a [u8]),
    b: (Dtype, &'a [u8]),
}

impl Pair<'_> {
    fn all(&self, alike: impl Fn(f32, f32) -> bool + Sync) -> bool {
        let ((a, left), (b, right)) = (self.a, self.b);
        left.par_chunks(PIECE * a.size())
            .zip(right.par_chunks(PIECE * b.size()))
            .all(|(left, right)| a.values(left).zip(b.values(right)).all(|(x, y)| alike(x, y)))
    }
}

fn rounded(value: f32, to: Dtype) -> f32 {
    match to {
        Dtype::F32 => value,
        Dtype::F16 => f16::from_f32(value).to_f32(),
        Dtype::Bf16 => bf16::from_f32(value).to_f32(),
    }
}
