//! What happens to a text before it is split: replacements, spaces, the dummy prefix.

use super::SPACE;
use super::charsmap::Charsmap;
use super::model::NormalizerSpec;
use super::prefixes::Prefixes;

pub(super) struct Normalizer {
    name: String,
    /// `None`: characters stay as they are.
    charsmap: Option<Charsmap>,
    add_dummy_prefix: bool,
    remove_extra_whitespaces: bool,
    /// What a space becomes.
    space: &'static str,
}

impl Normalizer {
    pub fn new(spec: NormalizerSpec) -> Result<Self, String> {
        let charsmap = match &spec.charsmap[..] {
            [] => None,
            bytes => Some(Charsmap::new(bytes)?),
        };
        Ok(Self {
            name: spec.name,
            charsmap,
            add_dummy_prefix: spec.add_dummy_prefix,
            remove_extra_whitespaces: spec.remove_extra_whitespaces,
            space: if spec.escape_whitespaces { SPACE } else { " " },
        })
    }

    /// The text as the model splits it. With `remove_extra_whitespaces`, spaces in front, behind and in runs vanish; a
    /// literal U+2581 in the text is not told from a space that was escaped, as in the original.
    /// The dummy prefix stands in front if the model wants one and it is `prefixed`.
    pub fn apply(&self, text: &str, user_defined: &Prefixes, prefixed: bool) -> String {
        let mut rest = text;
        if self.remove_extra_whitespaces {
            while let (" ", length) = self.first(rest, user_defined) {
                rest = &rest[length..];
            }
        }
        let mut normal = String::with_capacity(rest.len());
        if rest.is_empty() {
            return normal;
        }
        if self.add_dummy_prefix && prefixed {
            normal.push_str(self.space);
        }
        let mut after_space = self.remove_extra_whitespaces;
        while !rest.is_empty() {
            let (mut part, length) = self.first(rest, user_defined);
            rest = &rest[length..];
            if after_space {
                part = part.trim_start_matches(' ');
            }
            if part.is_empty() {
                continue;
            }
            for (number, words) in part.split(' ').enumerate() {
                if number > 0 {
                    normal.push_str(self.space);
                }
                normal.push_str(words);
            }
            after_space = self.remove_extra_whitespaces && part.ends_with(' ');
        }
        if self.remove_extra_whitespaces {
            normal.truncate(normal.trim_end_matches(self.space).len());
        }
        normal
    }

    /// What the beginning of `text` becomes, and how long that beginning is: a user-defined piece, the longest entry
    /// of the map, or one character. Both are empty only if `text` is.
    fn first<'a>(&'a self, text: &'a str, user_defined: &Prefixes) -> (&'a str, usize) {
        if let Some(length) = user_defined.longest(text) {
            return (&text[..length], length);
        }
        let mapped = self.charsmap.as_ref().and_then(|map| map.longest(text.as_bytes()));
        match mapped.filter(|(length, _)| text.is_char_boundary(*length)) {
            Some((length, replacement)) => (replacement, length),
            None => {
                let length = text.chars().next().map_or(0, char::len_utf8);
                (&text[..length], length)
            }
        }
    }

    pub fn describe(&self) -> String {
        let name = if self.name.is_empty() { "unnamed" } else { &self.name };
        let prefix = if self.add_dummy_prefix { "a dummy prefix" } else { "no dummy prefix" };
        let spaces = if self.remove_extra_whitespaces { "extra spaces removed" } else { "spaces kept" };
        format!("{name} normaliser, {prefix}, {spaces}")
    }
}
