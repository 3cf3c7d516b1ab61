//! `precompiled_charsmap`: which beginnings of a text are replaced by what, as a double-array trie.
//!
//! Layout: the trie's size in bytes (u32), its units (u32 each), then the replacements, each ended by a zero byte.
//! Units as in github.com/s-yata/darts-clone, `darts.h`; all numbers are little-endian.

pub(super) struct Charsmap {
    units: Vec<u32>,
    replacements: Vec<u8>,
}

impl Charsmap {
    /// # Errors
    /// Sizes that do not fit, and replacements that are not UTF-8.
    pub fn new(bytes: &[u8]) -> Result<Self, String> {
        const FIELD: &str = "`normalizer_spec.precompiled_charsmap`";
        let cut = || format!("{FIELD} is cut off");
        let (size, rest) = bytes.split_first_chunk::<4>().ok_or_else(cut)?;
        let (trie, replacements) =
            rest.split_at_checked(u32::from_le_bytes(*size) as usize).ok_or_else(cut)?;
        let (units, odd) = trie.as_chunks::<4>();
        if units.is_empty() || !odd.is_empty() {
            return Err(format!("{FIELD} holds a trie of {} bytes", trie.len()));
        }
        if std::str::from_utf8(replacements).is_err() {
            return Err(format!("{FIELD} holds a replacement that is not UTF-8"));
        }
        let units = units.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
        Ok(Self { units, replacements: replacements.to_owned() })
    }

    /// The longest beginning of `text` that is replaced, in bytes, and what replaces it.
    pub fn longest(&self, text: &[u8]) -> Option<(usize, &str)> {
        let mut at = offset(*self.units.first()?);
        let mut found = None;
        for (read, &byte) in text.iter().enumerate() {
            at ^= usize::from(byte);
            let Some(&unit) = self.units.get(at) else { break };
            if label(unit) != u32::from(byte) {
                break;
            }
            at ^= offset(unit);
            if has_leaf(unit) {
                let Some(&leaf) = self.units.get(at) else { break };
                found = Some((read + 1, (leaf & 0x7fff_ffff) as usize));
            }
        }
        let (length, start) = found?;
        let rest = self.replacements.get(start..)?;
        let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
        Some((length, std::str::from_utf8(&rest[..end]).ok()?))
    }
}

fn has_leaf(unit: u32) -> bool {
    unit >> 8 & 1 == 1
}

/// The byte that leads here; leaves have the top bit set, so that no byte matches them.
fn label(unit: u32) -> u32 {
    unit & 0x8000_00ff
}

fn offset(unit: u32) -> usize {
    ((unit >> 10) << ((unit & 1 << 9) >> 6)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `DoubleArrayUnit` of darts-clone: bit 8 has_leaf, bit 9 an offset 256 times as long, bits 10 to 30 the offset.
    #[test]
    fn units_are_read_as_darts_clone_lays_them_out() {
        let unit = 5 << 10 | u32::from(b'a');
        assert_eq!((offset(unit), has_leaf(unit), label(unit)), (5, false, u32::from(b'a')));
        let far = unit | 1 << 9 | 1 << 8;
        assert_eq!((offset(far), has_leaf(far), label(far)), (5 << 8, true, u32::from(b'a')));
        assert_eq!(label(1 << 31 | u32::from(b'a')), 1 << 31 | u32::from(b'a'));
    }
}
