//! Which of many texts a text begins with.

/// Texts with ids, sorted, so that those that share a beginning stand together.
pub(crate) struct Prefixes {
    sorted: Vec<(Box<[u8]>, u32)>,
}

impl Prefixes {
    pub fn new<'t>(texts: impl Iterator<Item = (&'t str, u32)>) -> Self {
        let mut sorted: Vec<_> = texts.map(|(text, id)| (Box::from(text.as_bytes()), id)).collect();
        sorted.sort();
        Self { sorted }
    }

    /// Lengths and ids of all texts that `text` begins with, shortest first.
    pub fn matches<'s>(&'s self, text: &'s [u8]) -> impl Iterator<Item = (usize, u32)> + 's {
        let mut range = &self.sorted[..];
        let narrowed = text.iter().enumerate().map_while(move |(depth, byte)| {
            // everything in the range agrees with `text` up to `depth`
            let from = range.partition_point(|(known, _)| known.get(depth) < Some(byte));
            let to = range.partition_point(|(known, _)| known.get(depth) <= Some(byte));
            range = &range[from..to];
            range.first().map(|(known, id)| (known.len() == depth + 1).then_some((depth + 1, *id)))
        });
        narrowed.flatten()
    }

    /// Length of the longest text that `text` begins with.
    pub fn longest(&self, text: &str) -> Option<usize> {
        self.matches(text.as_bytes()).last().map(|(length, _)| length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_beginnings_are_found_shortest_first() {
        let known =
            Prefixes::new([("ab", 1), ("a", 2), ("b", 3), ("abcd", 4), ("é", 5), ("\u{ea}x", 6)].into_iter());
        let found = |text: &str| known.matches(text.as_bytes()).collect::<Vec<_>>();
        assert_eq!(found("abcx"), [(1, 2), (2, 1)]);
        assert_eq!(found("abcde"), [(1, 2), (2, 1), (4, 4)]);
        assert_eq!(found("é"), [(2, 5)]);
        assert_eq!((found("xab"), found("")), (vec![], vec![]));
        assert_eq!(["abcd", "abc", "ê", "x"].map(|text| known.longest(text)), [Some(4), Some(2), None, None]);
    }
}
