//! A NaN or an infinity among the weights would spread to every score: find it before anything is computed.

use super::bind::Bound;
use super::error::{CheckpointError, Result};
use super::files::WeightFiles;
use super::weights::Dtype;

/// Bytes between two looks at the result, so that the inner loop has no branch.
const BLOCK: usize = 4096;

/// Looks at a piece of a tensor, from byte `at` of it on. One whose values are rounded when it is opened is looked at whole
/// with its first piece.
///
/// # Errors
/// The first weight that is NaN or infinite, by file, tensor and element.
pub(super) fn check_piece(files: &WeightFiles, bound: &Bound, at: usize, piece: &[u8]) -> Result<()> {
    let (at, piece) = match (bound.rounded(), at) {
        (None, at) => (at, piece),
        (Some(rounded), 0) => (0, rounded),
        (Some(_), _) => return Ok(()),
    };
    let Some(inside) = first_not_finite(piece, bound.dtype) else {
        return Ok(());
    };
    Err(CheckpointError::NotFinite {
        file: files.path(bound.file).to_owned(),
        tensor: bound.name.clone(),
        index: at / bound.dtype.size() + inside,
        value: bound.dtype.value(piece, inside).unwrap_or(f32::NAN),
    })
}

/// Index of the first element whose exponent is all ones. Works on eight bytes at a time: adding one unit of the
/// exponent to the exponent alone carries into the sign bit exactly where it was all ones.
fn first_not_finite(bytes: &[u8], dtype: Dtype) -> Option<usize> {
    let (exponent, unit, sign) = match dtype {
        Dtype::F32 => (0x7f80_0000_7f80_0000, 0x0080_0000_0080_0000, 0x8000_0000_8000_0000),
        Dtype::F16 => (0x7c00_7c00_7c00_7c00, 0x0400_0400_0400_0400, 0x8000_8000_8000_8000),
        Dtype::Bf16 => (0x7f80_7f80_7f80_7f80, 0x0080_0080_0080_0080, 0x8000_8000_8000_8000),
    };
    let carry = |word: u64| ((word & exponent) + unit) & sign;
    for (block, part) in bytes.chunks(BLOCK).enumerate() {
        let (words, rest) = part.as_chunks::<8>();
        let mut last = [0; 8]; // zero is finite
        last[..rest.len()].copy_from_slice(rest);
        let seen = words
            .iter()
            .fold(carry(u64::from_le_bytes(last)), |seen, word| seen | carry(u64::from_le_bytes(*word)));
        if seen != 0 {
            let bits = 8 * dtype.size();
            let (at, word) = words
                .iter()
                .chain([&last])
                .map(|word| carry(u64::from_le_bytes(*word)))
                .enumerate()
                .find(|(_, word)| *word != 0)?;
            let lane = word.trailing_zeros() as usize / bits;
            return Some((block * BLOCK + at * 8) / dtype.size() + lane);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(values: &[f32], dtype: Dtype) -> Vec<u8> {
        values
            .iter()
            .flat_map(|&v| match dtype {
                Dtype::F32 => v.to_le_bytes().to_vec(),
                Dtype::F16 => half::f16::from_f32(v).to_le_bytes().to_vec(),
                Dtype::Bf16 => half::bf16::from_f32(v).to_le_bytes().to_vec(),
            })
            .collect()
    }

    #[test]
    fn every_place_and_every_kind_of_non_number_is_found() {
        for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16] {
            for length in [1, 2, 3, 7, 8, 2047, 2048, 2049, 5000] {
                let plain: Vec<f32> = (0..length).map(|i| (i as f32 - 9.0) * 6.0).collect();
                assert_eq!(first_not_finite(&bytes_of(&plain, dtype), dtype), None);
                for at in [0, 1, 2, 6, 7, 1023, 2048, 4999] {
                    for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                        let mut values = plain.clone();
                        let Some(place) = values.get_mut(at) else {
                            continue;
                        };
                        *place = bad;
                        let bytes = bytes_of(&values, dtype);
                        assert_eq!(first_not_finite(&bytes, dtype), Some(at), "{dtype:?}");
                        let value = dtype.value(&bytes, at).expect("it is there");
                        assert_eq!(value.is_nan(), bad.is_nan());
                        assert_eq!(value.is_sign_negative(), bad.is_sign_negative());
                        // One behind it does not hide it, wherever it stands.
                        for behind in at + 1..length.min(at + 6) {
                            values[behind] = bad;
                            let bytes = bytes_of(&values, dtype);
                            assert_eq!(first_not_finite(&bytes, dtype), Some(at), "{dtype:?}, {behind}");
                            values[behind] = 1.0;
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_largest_and_smallest_numbers_are_numbers() {
        for bits in [0u16, 0x8000, 0x0001, 0x7bff, 0xfbff] {
            assert_eq!(first_not_finite(&bits.to_le_bytes(), Dtype::F16), None);
        }
        for bits in [0u16, 0x8000, 0x0001, 0x7f7f, 0xff7f] {
            assert_eq!(first_not_finite(&bits.to_le_bytes(), Dtype::Bf16), None);
        }
        for value in [0.0, -0.0, f32::MAX, f32::MIN, f32::from_bits(1)] {
            assert_eq!(first_not_finite(&value.to_le_bytes(), Dtype::F32), None);
        }
    }
}
