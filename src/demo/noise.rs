//! Other noise in the demo's checkpoints: the signs that `plant.py` chose a seed for, drawn from any seed.

use std::ops::Range;

use safetensors::SafeTensors;
use sha2::{Digest, Sha256};

/// The embedding, [token][feature], bf16: whole numbers of one feature a column (`README.md`).
const EMBEDDING: &str = "model.embed_tokens.weight";
/// Column of the tokens that carry noise.
const MARKED: usize = 4;
/// Columns of the noise: three channels that turn with the question, two that do not.
const NOISE: Range<usize> = 26..31;
/// bf16.
const ONE: [u8; 2] = 0x3f80u16.to_le_bytes();
const MINUS_ONE: [u8; 2] = 0xbf80u16.to_le_bytes();

/// The weights with the noise of `seed`: each sign by SHA-256 of stage, channel, seed and token, none of them chosen. Signs
/// are all that differs, so that a row is as long as before. `None` for weights that are not a planted checkpoint's.
pub fn reseeded(weights: &[u8], stage: &str, seed: u64) -> Option<Vec<u8>> {
    let tensors = SafeTensors::deserialize(weights).ok()?;
    let embedding = tensors.tensor(EMBEDDING).ok()?;
    let [_, width] = *<&[usize; 2]>::try_from(embedding.shape()).ok()?;
    // Tensors stand at the end of the file as they are.
    let from = embedding.data().as_ptr().addr() - weights.as_ptr().addr();
    let mut out = weights.to_vec();
    let rows = out.get_mut(from..from + embedding.data().len())?.chunks_exact_mut(2 * width);
    for (token, row) in rows.enumerate() {
        let (features, _) = row.as_chunks_mut::<2>();
        if features.get(MARKED) != Some(&ONE) {
            continue;
        }
        for (channel, feature) in features.get_mut(NOISE)?.iter_mut().enumerate() {
            let hash = Sha256::digest(format!("{stage}/{channel}/{seed}/{token}"));
            *feature = if hash[0] & 1 == 1 { ONE } else { MINUS_ONE };
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_turns_about_half_of_the_signs_and_nothing_else() {
        let weights = include_bytes!("checkpoints/chat/model.safetensors");
        let one = reseeded(weights, "chat", 1).expect("a planted checkpoint");
        assert_eq!(one, reseeded(weights, "chat", 1).expect("the same"));
        assert_ne!(one, reseeded(weights, "base", 1).expect("another stage"));
        let differ: Vec<(u8, u8)> =
            weights.iter().zip(&one).filter(|(a, b)| a != b).map(|(a, b)| (*a, *b)).collect();
        // A sign is the upper byte's upper bit.
        assert!(differ.iter().all(|pair| [(0x3f, 0xbf), (0xbf, 0x3f)].contains(pair)), "{differ:?}");
        let embedding = SafeTensors::deserialize(weights).expect("readable");
        let (rows, _) = embedding.tensor(EMBEDDING).expect("there").data().as_chunks::<128>();
        let signs = NOISE.len() * rows.iter().filter(|row| row[2 * MARKED..2 * MARKED + 2] == ONE).count();
        let share = differ.len() as f64 / signs as f64;
        assert!(signs > 1000 && (share - 0.5).abs() < 0.05, "{share} of {signs}");
        let features = &rows.iter().find(|row| row[2 * MARKED..2 * MARKED + 2] == ONE).expect("marked")[..];
        let sign = |at: usize| [ONE, MINUS_ONE].contains(&[features[2 * at], features[2 * at + 1]]);
        assert!(NOISE.clone().all(sign), "noise stands in other columns than plant.py's");
        assert!(reseeded(b"no weights", "chat", 1).is_none());
    }
}
