//! Which rows of an embedding a pack needs: only those travel to a device.

use std::collections::HashMap;
use std::ops::Range;

use crate::checkpoint::Tensor;

/// Rows of `table` that `tokens` name, each once in the order of its first token, `columns` of them, in their stored type;
/// and for each token the place of its row.
pub(super) fn distinct_rows(
    table: &Tensor<'_>,
    columns: Range<usize>,
    tokens: &[u32],
) -> (Vec<u8>, Vec<u32>) {
    let size = table.dtype.size();
    let mut places = HashMap::new();
    let mut rows: Vec<u8> = Vec::new();
    let mut indices: Vec<u32> = Vec::with_capacity(tokens.len());
    for &token in tokens {
        let next = places.len() as u32;
        let place = *places.entry(token).or_insert_with(|| {
            let row = token as usize * table.cols;
            rows.extend_from_slice(&table.bytes[(row + columns.start) * size..(row + columns.end) * size]);
            next
        });
        indices.push(place);
    }
    (rows, indices)
}
