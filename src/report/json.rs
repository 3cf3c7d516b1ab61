//! The report as JSON: its words, its tables as they stand, and the numbers of its figures in full precision.

use schemars::Schema;
use serde_json::{Map, Value, json};

use super::block::Block;
use super::document::Document;
use super::html::visible;
use super::table::Table;

/// What the JSON document calls its shape.
pub const SCHEMA: &str = "tiltmeter-report/1";

impl Document {
    /// One object: title, what must be known first, lead, headline and sections as lists of blocks, each with its `kind`.
    pub fn json(&self) -> Value {
        let section = |(i, section): (usize, &super::block::Section)| {
            json!({
                "id": section.id,
                "number": i + 1,
                "title": text(&section.title),
                "intro": text(&section.intro),
                "blocks": blocks(&section.blocks),
            })
        };
        json!({
            "schema": SCHEMA,
            "program": { "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") },
            "title": text(&self.title),
            "first": blocks(&self.first),
            "lead": text(&self.lead),
            "headline": blocks(&self.headline),
            "sections": self.sections.iter().enumerate().map(section).collect::<Vec<_>>(),
        })
    }
}

/// The shape of [`Document::json`].
pub fn document_schema() -> Schema {
    let text = || json!({"type": "string"});
    let rows = |of: Value| json!({"type": "array", "items": of});
    let list = || json!({"type": "array", "items": {"$ref": "#/$defs/block"}});
    let object = |properties: Value| {
        let required: Vec<String> = properties.as_object().into_iter().flat_map(Map::keys).cloned().collect();
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
    };
    let block = |kind: &str, mut properties: Value| {
        properties["kind"] = json!({"const": kind});
        object(properties)
    };
    let item = object(json!({"lead": text(), "text": text()}));
    // A cell holds words or nothing, a figure's field words or a number.
    let cell = json!({"type": ["string", "null"]});
    let field = json!({"type": ["string", "number", "boolean", "null"]});
    let kinds = [
        block("paragraph", json!({"text": text()})),
        block("answer", json!({"text": text()})),
        block("warning", json!({"lead": text(), "text": text()})),
        block("heading", json!({"text": text()})),
        block("list", json!({"items": rows(item)})),
        block(
            "figure",
            json!({
                "id": text(), "number": {"type": "integer"}, "title": text(), "caption": text(),
                "data": rows(json!({"type": "object", "additionalProperties": field})),
            }),
        ),
        block("table", json!({"caption": text(), "columns": rows(text()), "rows": rows(rows(cell))})),
        block("details", json!({"summary": text(), "blocks": list()})),
        block("commands", json!({"lines": rows(text())})),
        block("verbatim", json!({"label": text(), "text": text()})),
    ];
    let section = object(json!({
        "id": text(), "number": {"type": "integer"}, "title": text(), "intro": text(), "blocks": list(),
    }));
    let mut document = object(json!({
        "schema": {"const": SCHEMA},
        "program": object(json!({"name": text(), "version": text()})),
        "title": text(),
        "first": list(),
        "lead": text(),
        "headline": list(),
        "sections": rows(section),
    }));
    document["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    document["$defs"] = json!({"block": {"oneOf": kinds}});
    match document {
        Value::Object(map) => map.into(),
        _ => Schema::default(),
    }
}

fn blocks(list: &[Block]) -> Vec<Value> {
    list.iter().map(block).collect()
}

fn block(block: &Block) -> Value {
    match block {
        Block::Paragraph { text: words } => json!({ "kind": "paragraph", "text": text(words) }),
        Block::Answer { text: words } => json!({ "kind": "answer", "text": text(words) }),
        Block::Warning { lead, text: words } => {
            json!({ "kind": "warning", "lead": lead, "text": text(words) })
        }
        Block::Heading { text: words, .. } => json!({ "kind": "heading", "text": text(words) }),
        Block::List { items } => {
            let item =
                |item: &super::block::Item| json!({ "lead": text(&item.lead), "text": text(&item.text) });
            json!({ "kind": "list", "items": items.iter().map(item).collect::<Vec<_>>() })
        }
        Block::Figure { figure } => {
            let row = |row: &Vec<Value>| {
                let fields = figure.data.columns.iter().zip(row);
                Value::Object(
                    fields.map(|(name, value)| ((*name).to_owned(), value.clone())).collect::<Map<_, _>>(),
                )
            };
            json!({
                "kind": "figure",
                "id": figure.anchor,
                "number": figure.number,
                "title": text(&figure.title),
                "caption": text(&figure.caption),
                "data": figure.data.rows.iter().map(row).collect::<Vec<_>>(),
            })
        }
        Block::Table { table } => of_table(table),
        Block::Details { summary, blocks: inner } => {
            json!({ "kind": "details", "summary": text(summary), "blocks": blocks(inner) })
        }
        Block::Commands { lines } => json!({ "kind": "commands", "lines": lines }),
        Block::Verbatim { label, text: words } => {
            json!({ "kind": "verbatim", "label": text(label), "text": words })
        }
    }
}

/// Each row with every column; a head that stands for several rows is repeated, what a cell covers beyond its own column is
/// null.
fn of_table(table: &Table) -> Value {
    let mut rows = Vec::with_capacity(table.rows.len());
    let mut head: Option<&str> = None;
    for row in &table.rows {
        let covered: usize = row.iter().map(|cell| cell.columns.max(1)).sum();
        let mut values = Vec::new();
        if covered < table.header.len() {
            values.push(head.map_or(Value::Null, |head| json!(text(head))));
        } else {
            head = row.first().map(|cell| cell.text.as_str());
        }
        for cell in row {
            values.push(json!(text(&cell.text)));
            values.extend(std::iter::repeat_n(Value::Null, cell.columns.saturating_sub(1)));
        }
        rows.push(values);
    }
    let columns: Vec<String> = table.header.iter().map(|cell| text(&cell.text)).collect();
    json!({ "kind": "table", "caption": text(&table.caption), "columns": columns, "rows": rows })
}

fn text(text: &str) -> String {
    text.chars().map(visible).collect()
}
