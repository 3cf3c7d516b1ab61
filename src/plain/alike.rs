//! Names that a reader cannot tell apart.

use std::collections::BTreeMap;

use unicode_normalization_alignments::UnicodeNormalization;

/// The name without blanks at its ends and with its letters composed.
pub(crate) fn reading(name: &str) -> String {
    name.trim().nfc().map(|(c, _)| c).collect()
}

/// Pairs of different names that read alike, in the order of the second.
pub(crate) fn alike<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<(&'a str, &'a str)> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    let mut pairs = Vec::new();
    for name in names {
        match seen.get(&reading(name)) {
            Some(first) if *first != name => pairs.push((*first, name)),
            Some(_) => {}
            None => {
                seen.insert(reading(name), name);
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composed_and_decomposed_letters_and_blanks_read_alike() {
        let names = ["C\u{f4}te", "Co\u{302}te", "Japan", "Japan ", "japan"];
        assert_eq!(alike(names), [("C\u{f4}te", "Co\u{302}te"), ("Japan", "Japan ")]);
    }
}
