//! What the formatter does not do as Python does: `%r` writes a value as `repr` does, `%d` and its
//! like take a float's whole part. Both go in as what they come to.

use minijinja::Error;
use minijinja::value::{Value, ValueKind};

use super::methods::failed;

/// What a conversion makes of its value before it is formatted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Made {
    /// As Python writes a value within a list.
    Repr,
    /// Without a float's fraction.
    Whole,
}

impl Made {
    fn by(letter: Option<char>) -> Option<Made> {
        match letter? {
            'r' => Some(Made::Repr),
            'd' | 'i' | 'u' => Some(Made::Whole),
            _ => None,
        }
    }

    /// How it is written then.
    fn letter(self) -> char {
        match self {
            Made::Repr => 's',
            Made::Whole => 'd',
        }
    }

    /// What the format calls the value `name` made so: no name that a template has.
    pub fn name(self, name: &str) -> String {
        format!("{name}\u{0}{self:?}")
    }

    pub fn of(self, value: &Value) -> Result<Value, Error> {
        match self {
            Made::Repr => {
                let listed = Value::from(vec![value.clone()]).to_string();
                let text = listed.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
                Ok(Value::from(text.unwrap_or_default()))
            }
            Made::Whole if value.kind() == ValueKind::Number && !value.is_integer() => {
                let number = f64::try_from(value.clone())?.trunc();
                // 2^127: what a whole number of a template can hold.
                match number.abs() < 127f64.exp2() {
                    true => Ok(Value::from(number as i128)),
                    false => Err(failed(format!("cannot convert {number} to a whole number"))),
                }
            }
            Made::Whole => Ok(value.clone()),
        }
    }
}

/// A format that asks for values as they are made, and which those are.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Conversions<'t> {
    pub text: String,
    /// How many values it is for.
    pub wanted: usize,
    /// Whether it takes them from a dictionary, by their names.
    pub is_named: bool,
    /// Of a tuple's values, counted from 0.
    pub places: Vec<(usize, Made)>,
    /// Of a dictionary's values; the format asks for them as [`Made::name`].
    pub names: Vec<(&'t str, Made)>,
}

pub(super) fn conversions(format: &str) -> Conversions<'_> {
    let mut done = Conversions::default();
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
        let letter = after.chars().next();
        let made = Made::by(letter);
        if let Some((name, _)) = named {
            done.is_named = true;
            let asked = made.map_or_else(|| name.to_owned(), |made| made.name(name));
            done.text.push_str(&format!("({asked})"));
        }
        match (named, made) {
            (Some((name, _)), Some(made)) => done.names.push((name, made)),
            (None, Some(made)) => done.places.push((place, made)),
            _ => {}
        }
        place += usize::from(!after.starts_with('%'));
        done.text.push_str(flags);
        done.text.extend(made.map(Made::letter).or(letter));
        rest = &after[letter.map_or(0, char::len_utf8)..];
    }
    done.text.push_str(rest);
    done.wanted = place;
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_made_is_asked_for_otherwise() {
        for same in ["", "%", "100 %", "%s %05.2f %%r %-3x", "%(a)s%(b", "%é"] {
            let found = conversions(same);
            assert_eq!((found.text.as_str(), found.places.len(), found.names.len()), (same, 0, 0));
        }
        let found = conversions("%s %% %*d %-5r|%r");
        let places = [(2, Made::Whole), (3, Made::Repr), (4, Made::Repr)];
        assert_eq!(found.wanted, 5);
        assert_eq!((found.text.as_str(), &found.places[..]), ("%s %% %*d %-5s|%s", &places[..]));
        let found = conversions("%(a)s %(a)r %(b)02d");
        assert_eq!(found.text, "%(a)s %(a\u{0}Repr)s %(b\u{0}Whole)02d");
        assert_eq!(found.names, [("a", Made::Repr), ("b", Made::Whole)]);
    }
}
