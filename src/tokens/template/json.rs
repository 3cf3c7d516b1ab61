//! `tojson` as Python's `json.dumps` writes it: no HTML escapes, `", "` and `": "` between items.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

/// Lists in lists in lists ...: deeper than any conversation, shallow enough for any stack.
const MOST_NESTED: usize = 128;

struct Writer<'a> {
    state: &'a State<'a, 'a>,
    out: String,
    ensure_ascii: bool,
    indent: Option<String>,
    between_items: String,
    after_key: String,
    sort_keys: bool,
}

/// The filter: `value | tojson(ensure_ascii=false, indent=none, separators=none, sort_keys=false)`.
pub(super) fn tojson(
    state: &State,
    value: &Value,
    indent_positional: Option<Value>,
    kwargs: Kwargs,
) -> Result<Value, Error> {
    let indent = match kwargs.get::<Option<Value>>("indent")?.or(indent_positional) {
        None => None,
        Some(value) => match value.as_str() {
            Some(text) => Some(text.to_owned()),
            None => {
                let width = value
                    .as_i64()
                    .filter(|width| *width <= 64)
                    .ok_or_else(|| failed("tojson: indent must be a small number or a string"))?;
                Some(" ".repeat(usize::try_from(width).unwrap_or(0)))
            }
        },
    };
    let separators: Option<Vec<String>> = kwargs.get("separators")?;
    let (between_items, after_key) = match separators.as_deref() {
        Some([item, key]) => (item.clone(), key.clone()),
        Some(_) => return Err(failed("tojson: separators must be two strings")),
        None if indent.is_some() => (",".to_owned(), ": ".to_owned()),
        None => (", ".to_owned(), ": ".to_owned()),
    };
    let mut writer = Writer {
        state,
        out: String::new(),
        ensure_ascii: kwargs.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false),
        indent,
        between_items,
        after_key,
        sort_keys: kwargs.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
    };
    kwargs.assert_all_used()?;
    writer.value(value, 0)?;
    Ok(Value::from(writer.out))
}

fn failed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

impl Writer<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        // A list may hold itself many times over without taking memory; its text would. Pay as we write.
        self.state.consume_fuel(4)?;
        if depth > MOST_NESTED {
            return Err(failed("tojson: nested too deeply"));
        }
        match value.kind() {
            ValueKind::None => self.out.push_str("null"),
            ValueKind::Bool => self.out.push_str(match value.is_true() {
                true => "true",
                false => "false",
            }),
            ValueKind::Number => self.number(value)?,
            ValueKind::String => self.string(value.as_str().unwrap_or_default())?,
            ValueKind::Seq | ValueKind::Iterable => {
                let items = value.try_iter()?;
                self.group('[', ']', items, depth, |writer, item, depth| writer.value(&item, depth))?;
            }
            ValueKind::Map => {
                let mut keys: Vec<Value> = value.try_iter()?.collect();
                if self.sort_keys {
                    keys.sort();
                }
                self.group('{', '}', keys.into_iter(), depth, |writer, key, depth| {
                    writer.key(&key)?;
                    let after_key = writer.after_key.clone();
                    writer.out.push_str(&after_key);
                    writer.value(&value.get_item(&key)?, depth)
                })?;
            }
            kind => return Err(failed(format!("tojson: a {kind} has no form in JSON"))),
        }
        Ok(())
    }

    fn group(
        &mut self,
        open: char,
        close: char,
        items: impl Iterator<Item = Value>,
        depth: usize,
        mut write: impl FnMut(&mut Self, Value, usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.out.push(open);
        let mut any = false;
        for item in items {
            if any {
                let between = self.between_items.clone();
                self.out.push_str(&between);
            }
            any = true;
            self.line(depth + 1)?;
            write(self, item, depth + 1)?;
        }
        if any {
            self.line(depth)?;
        }
        self.out.push(close);
        Ok(())
    }

    fn line(&mut self, depth: usize) -> Result<(), Error> {
        if let Some(indent) = &self.indent {
            let text = indent.repeat(depth);
            self.state.consume_fuel(1 + text.len() as u64 / 64)?;
            self.out.push('\n');
            self.out.push_str(&text);
        }
        Ok(())
    }

    /// Python turns numbers, truth values and none into strings where they are keys.
    fn key(&mut self, key: &Value) -> Result<(), Error> {
        match key.kind() {
            ValueKind::String => self.string(key.as_str().unwrap_or_default()),
            ValueKind::None | ValueKind::Bool | ValueKind::Number => {
                self.out.push('"');
                self.value(key, 0)?;
                self.out.push('"');
                Ok(())
            }
            kind => Err(failed(format!("tojson: a {kind} cannot be a key"))),
        }
    }

    fn number(&mut self, value: &Value) -> Result<(), Error> {
        match value.is_integer() {
            true => self.out.push_str(&value.to_string()),
            false => {
                let number = f64::try_from(value.clone())?;
                self.out.push_str(&match number {
                    number if number.is_nan() => "NaN".to_owned(),
                    f64::INFINITY => "Infinity".to_owned(),
                    f64::NEG_INFINITY => "-Infinity".to_owned(),
                    number => python_float(number),
                });
            }
        }
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<(), Error> {
        self.state.consume_fuel(text.len() as u64 / 64)?;
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                c if c < ' ' || (self.ensure_ascii && c > '~') => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        self.out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                c => self.out.push(c),
            }
        }
        self.out.push('"');
        Ok(())
    }
}

/// A float as Python's `repr`: the shortest digits that read back, an exponent outside 1e-4 to 1e16; `inf` and `nan`.
pub(super) fn python_float(number: f64) -> String {
    if !number.is_finite() {
        return number.to_string().to_lowercase();
    }
    let magnitude = number.abs();
    if magnitude == 0.0 || (1e-4..1e16).contains(&magnitude) {
        return format!("{number:?}");
    }
    let scientific = format!("{number:e}");
    match scientific.split_once('e') {
        Some((digits, exponent)) => {
            let (sign, exponent) = match exponent.strip_prefix('-') {
                Some(exponent) => ('-', exponent),
                None => ('+', exponent),
            };
            format!("{digits}e{sign}{exponent:0>2}")
        }
        None => scientific,
    }
}

#[cfg(test)]
mod tests {
    use minijinja::Environment;

    fn dumps(expression: &str) -> Result<String, minijinja::Error> {
        let mut env = Environment::new();
        env.add_global("controls", "\\\r\t\u{8}\u{c}\u{1}");
        env.add_global("limits", vec![f64::INFINITY, f64::NEG_INFINITY, f64::NAN]);
        env.add_filter("tojson", super::tojson);
        env.set_fuel(Some(100_000));
        env.render_str(&format!("{{{{ {expression} }}}}"), ())
    }

    #[test]
    fn writes_what_python_writes() {
        for (expression, expected) in [
            (r#"{"b": [1, 2.5, none, true], "a": {}} | tojson"#, r#"{"b": [1, 2.5, null, true], "a": {}}"#),
            (r#"{"b": 1, "a": [] } | tojson(sort_keys=true)"#, r#"{"a": [], "b": 1}"#),
            (r#"[1, {"a": 2}] | tojson(separators=(",", ":"))"#, r#"[1,{"a":2}]"#),
            (r#"[1, {"a": 2}, []] | tojson(indent=2)"#, "[\n  1,\n  {\n    \"a\": 2\n  },\n  []\n]"),
            (r#"[1] | tojson(2)"#, "[\n  1\n]"),
            (r#""<a href='x'>&é😀\n" | tojson"#, "\"<a href='x'>&é😀\\n\""),
            ("\"é😀\u{7f}~\" | tojson(ensure_ascii=true)", r#""\u00e9\ud83d\ude00\u007f~""#),
            (r#"{2: 1, none: 2, true: 3} | tojson"#, r#"{"2": 1, "null": 2, "true": 3}"#),
            ("[1.0, 1e16, 1.5e-7, 123456.75, 1e22] | tojson", "[1.0, 1e+16, 1.5e-07, 123456.75, 1e+22]"),
            ("(1, 2) | tojson", "[1, 2]"),
            ("controls | tojson", r#""\\\r\t\b\f\u0001""#),
            ("limits | tojson", "[Infinity, -Infinity, NaN]"),
        ] {
            assert_eq!(dumps(expression).unwrap(), expected, "{expression}");
        }
        assert!(dumps("nothing | tojson").is_err());
        assert!(dumps("[1] | tojson(wrong=1)").is_err());
        assert!(dumps("[1] | tojson(indent=100000)").is_err());
    }
}
