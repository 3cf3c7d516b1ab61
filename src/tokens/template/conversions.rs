//! `%r`, which the formatter lacks: a value as Python's `repr` writes it goes in as a text.

use minijinja::value::Value;

/// A format with `%s` for every `%r`, and what those ask for.
#[derive(Debug, Default, PartialEq)]
pub(super) struct WithoutRepr<'t> {
    pub text: String,
    /// Of a tuple's values, counted from 0.
    pub places: Vec<usize>,
    /// Of a dictionary's values; the format asks for them as [`name_of_repr`].
    pub names: Vec<&'t str>,
}

/// What the format calls the value `name` as `repr` writes it: no name that a template has.
pub(super) fn name_of_repr(name: &str) -> String {
    format!("{name}\u{0}r")
}

/// As Python writes a value within a list.
pub(super) fn repr(value: &Value) -> Value {
    let listed = Value::from(vec![value.clone()]).to_string();
    Value::from(listed.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or_default())
}

pub(super) fn without_repr(format: &str) -> WithoutRepr<'_> {
    let mut done = WithoutRepr::default();
    let mut rest = format;
    let mut place = 0;
    while let Some((before, conversion)) = rest.split_once('%') {
        done.text.push_str(before);
        done.text.push('%');
        let named = conversion.strip_prefix('(').and_then(|inside| inside.split_once(')'));
        let tail = named.map_or(conversion, |(_, tail)| tail);
        let flags = tail.find(|c: char| !(c.is_ascii_digit() || "#- +.*hlL".contains(c)));
        let (flags, after) = tail.split_at(flags.unwrap_or(tail.len()));
        place += flags.matches('*').count();
        let is_repr = after.starts_with('r');
        if let Some((name, _)) = named {
            let asked = if is_repr { name_of_repr(name) } else { name.to_owned() };
            done.text.push_str(&format!("({asked})"));
        }
        match named {
            Some((name, _)) if is_repr => done.names.push(name),
            None if is_repr => done.places.push(place),
            _ => {}
        }
        place += usize::from(!after.starts_with('%'));
        done.text.push_str(flags);
        let letter = after.chars().next();
        done.text.extend(if is_repr { Some('s') } else { letter });
        rest = &after[letter.map_or(0, char::len_utf8)..];
    }
    done.text.push_str(rest);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_repr_is_written_otherwise() {
        for same in ["", "%", "100 %", "%s %05.2f %%r %-3d", "%(a)s%(b", "%é"] {
            assert_eq!(without_repr(same), WithoutRepr { text: same.to_owned(), ..Default::default() });
        }
        let found = without_repr("%s %% %*d %-5r|%r");
        assert_eq!((found.text.as_str(), &found.places[..]), ("%s %% %*d %-5s|%s", &[3, 4][..]));
        let found = without_repr("%(a)s %(a)r");
        assert_eq!((found.text.as_str(), &found.names[..]), ("%(a)s %(a\u{0}r)s", &["a"][..]));
    }
}
