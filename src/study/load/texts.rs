//! `texts/<language>.toml`: every text of a language but the narratives.

use std::collections::BTreeMap;

use super::super::model::Text;
use super::super::template::{RESERVED, excerpt, is_text_name};
use super::document::Document;

pub fn read(document: &Document<'_>) -> BTreeMap<String, Text> {
    let root = document.root();
    let mut texts = BTreeMap::new();
    for (name, line) in root.entries() {
        if !is_text_name(&name) {
            root.note(
                line,
                format!("`{}` cannot be the name of a text (lower case, digits, `_`)", excerpt(&name)),
            );
            continue;
        }
        if RESERVED.contains(&name.as_str()) {
            root.note(line, format!("`{name}` is reserved and cannot be the name of a text"));
            continue;
        }
        if root.is_table(&name) {
            let Some(table) = root.table(&name) else {
                continue;
            };
            let mut by_question = BTreeMap::new();
            for (question, _) in table.entries() {
                let place = format!("{name}.{question}");
                let text = table.clone().at(&place).string(&question);
                if let Some(template) = text.and_then(|t| table.template(&t, place)) {
                    by_question.insert(question, template);
                }
            }
            let origin = table.at(&name).origin();
            texts.insert(name, Text::ByQuestion(by_question, origin));
        } else if root.is_string(&name) {
            let template = root.string(&name).and_then(|t| root.template(&t, &name));
            if let Some(template) = template {
                texts.insert(name, Text::One(template));
            }
        } else {
            root.note(line, format!("`{name}` must be a string or a table of strings by question id"));
        }
    }
    texts
}
