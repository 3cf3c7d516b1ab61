//! A figure's numbers, in full precision, and as CSV.

use serde_json::{Value, json};

use super::reading::Reading;

/// Rows of named columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Data {
    pub columns: Vec<&'static str>,
    pub rows: Vec<Vec<Value>>,
}

impl Data {
    pub fn new(columns: &[&'static str]) -> Data {
        Data { columns: columns.to_vec(), rows: Vec::new() }
    }

    pub fn push(&mut self, row: Vec<Value>) {
        debug_assert_eq!(row.len(), self.columns.len());
        self.rows.push(row);
    }

    /// One line per row; a value that does not exist is empty.
    pub fn csv(&self) -> String {
        let mut text = self.columns.join(",");
        text.push('\n');
        for row in &self.rows {
            for (i, value) in row.iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                match value {
                    Value::Null => {}
                    Value::String(name) => text.push_str(&quoted(name)),
                    other => text.push_str(&other.to_string()),
                }
            }
            text.push('\n');
        }
        text
    }
}

/// What every figure of estimates has, behind its own columns: id, value, ends of the interval, p and adjusted p.
pub const ESTIMATE: [&str; 6] = ["id", "estimate", "low", "high", "p", "p_adjusted"];

/// The values of [`ESTIMATE`]'s columns.
pub fn estimate(id: &str, reading: &Reading) -> [Value; 6] {
    let half = reading.half();
    [
        json!(id),
        json!(reading.value),
        json!(half.map(|half| reading.value - half)),
        json!(half.map(|half| reading.value + half)),
        json!(reading.p),
        json!(reading.adjusted),
    ]
}

/// A field of RFC 4180; a name that a spreadsheet would take for a formula is told apart by an apostrophe.
fn quoted(field: &str) -> String {
    let guarded = match field.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{field}"),
        _ => field.to_owned(),
    };
    if guarded.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", guarded.replace('"', "\"\""))
    } else {
        guarded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_quotes_what_it_must() {
        let mut data = Data::new(&["a", "b"]);
        data.push(vec![json!("x,\"y\""), json!(0.1)]);
        data.push(vec![json!("=1+1"), Value::Null]);
        assert_eq!(data.csv(), "a,b\n\"x,\"\"y\"\"\",0.1\n'=1+1,\n");
    }
}
