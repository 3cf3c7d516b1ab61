//! A TOML file under reading: typed access to its keys, with every slip noted by file, line and key.

use std::cell::RefCell;
use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::error::{Finding, Origin};
use super::super::template::{Template, excerpt};
use crate::plain::{MOST_VALUES, TOML_SIGNS, crowded, nearest};

/// One parsed file and what was found wrong so far.
pub struct Document<'t> {
    file: &'t str,
    root: DeTable<'t>,
    /// Byte offset of each line's start.
    lines: Vec<usize>,
    problems: RefCell<Vec<Finding>>,
}

/// A string and the line its value starts on.
#[derive(Debug, Clone)]
pub struct Located {
    pub text: String,
    pub line: usize,
}

impl<'t> Document<'t> {
    pub fn parse(file: &'t str, text: &'t str) -> Result<Self, Box<Finding>> {
        let lines: Vec<usize> =
            std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        if let Some(why) = crowded(text.as_bytes(), TOML_SIGNS, MOST_VALUES) {
            return Err(Box::new(Finding::error(&Origin::file(file), format!("the file {why}"))));
        }
        match DeTable::parse(text) {
            Ok(root) => Ok(Self { file, root: root.into_inner(), lines, problems: RefCell::default() }),
            Err(e) => {
                let line = e.span().map(|span| line_at(&lines, span.start));
                let mut finding = Finding::error(
                    &Origin::file(file),
                    format!("not readable as TOML: {}", e.message().replace('\n', ", ")),
                );
                finding.line = line;
                Err(Box::new(finding))
            }
        }
    }

    pub fn root(&self) -> Table<'_> {
        Table { document: self, map: &self.root, place: String::new(), line: 1 }
    }

    pub fn into_problems(self) -> Vec<Finding> {
        self.problems.into_inner()
    }
}

fn line_at(lines: &[usize], byte: usize) -> usize {
    lines.partition_point(|&start| start <= byte)
}

/// A table of a document. Accessors give `None` for what is absent or wrong; what is wrong has then been noted.
#[derive(Clone)]
pub struct Table<'d> {
    document: &'d Document<'d>,
    map: &'d DeTable<'d>,
    /// As ``scenario `x` ``; empty at the root.
    place: String,
    line: usize,
}

impl<'d> Table<'d> {
    /// Says where the table is, for messages.
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = place.into();
        self
    }

    pub fn origin(&self) -> Origin {
        Origin::new(self.document.file, self.line, self.place.clone())
    }

    /// Notes a problem with the table.
    pub fn problem(&self, message: impl Into<String>) {
        self.note(self.line, message);
    }

    /// Notes a problem on a line.
    pub fn note(&self, line: usize, message: impl Into<String>) {
        let origin = Origin::new(self.document.file, line, self.place.clone());
        self.document.problems.borrow_mut().push(Finding::error(&origin, message));
    }

    /// Refuses keys that are not listed.
    pub fn only(&self, known: &[&str]) {
        for key in self.map.keys() {
            if !known.contains(&key.get_ref().as_ref()) {
                let line = line_at(&self.document.lines, key.span().start);
                self.note(
                    line,
                    format!(
                        "unknown key `{}`{} (known here: {})",
                        excerpt(key.get_ref()),
                        nearest(key.get_ref(), known.iter().copied()),
                        known.join(", ")
                    ),
                );
            }
        }
    }

    fn value(&self, key: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.map.get(key)
    }

    pub fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    fn line_of(&self, value: &Spanned<DeValue<'_>>) -> usize {
        line_at(&self.document.lines, value.span().start)
    }

    fn wrong_type(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        self.note(self.line_of(value), format!("`{key}` must be {wanted}, not {}", kind(value.get_ref())));
    }

    /// A string, if the key is there.
    pub fn string(&self, key: &str) -> Option<Located> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(Located { text: text.to_string(), line: self.line_of(value) }),
            _ => {
                self.wrong_type(key, value, "a string");
                None
            }
        }
    }

    /// A string that must be there.
    pub fn need_string(&self, key: &str) -> Option<Located> {
        self.need(key)?;
        self.string(key)
    }

    /// A string that must be there and be usable as an identifier.
    pub fn need_id(&self, key: &str) -> Option<String> {
        let id = self.need_string(key)?;
        if is_id(&id.text) {
            return Some(id.text);
        }
        self.note(
            id.line,
            format!(
                "`{key}` must consist of letters, digits, `_`, `-` and `.`, which `{}` does not",
                excerpt(&id.text)
            ),
        );
        None
    }

    pub fn need(&self, key: &str) -> Option<()> {
        if self.has(key) {
            return Some(());
        }
        self.problem(format!("the key `{key}` is missing"));
        None
    }

    /// True or false, if the key is there.
    pub fn boolean(&self, key: &str) -> Option<bool> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Boolean(is) => Some(*is),
            _ => {
                self.wrong_type(key, value, "true or false");
                None
            }
        }
    }

    pub fn integer(&self, key: &str) -> Option<i64> {
        self.need(key)?;
        let value = self.value(key)?;
        let number = match value.get_ref() {
            DeValue::Integer(i) => i64::from_str_radix(i.as_str(), i.radix()).ok(),
            _ => None,
        };
        if number.is_none() {
            self.wrong_type(key, value, "a whole number");
        }
        number
    }

    /// A list of strings, if the key is there.
    pub fn strings(&self, key: &str) -> Option<Vec<String>> {
        let value = self.value(key)?;
        let strings = match value.get_ref() {
            DeValue::Array(items) => strings_of(items),
            _ => None,
        };
        if strings.is_none() {
            self.wrong_type(key, value, "a list of strings");
        }
        strings
    }

    /// A list of lists of strings, if the key is there.
    pub fn string_lists(&self, key: &str) -> Option<Vec<Vec<String>>> {
        let value = self.value(key)?;
        let lists = match value.get_ref() {
            DeValue::Array(items) => {
                items.iter().map(|item| item.get_ref().as_array().and_then(strings_of)).collect()
            }
            _ => None,
        };
        if lists.is_none() {
            self.wrong_type(key, value, "a list of lists of strings");
        }
        lists
    }

    /// A table of strings, if the key is there.
    pub fn string_map(&self, key: &str) -> Option<BTreeMap<String, String>> {
        let table = self.table(key)?;
        let mut map = BTreeMap::new();
        for (name, _) in table.entries() {
            if let Some(text) = table.string(&name) {
                map.insert(name, text.text);
            }
        }
        Some(map)
    }

    /// A table, if the key is there.
    pub fn table(&self, key: &str) -> Option<Table<'d>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Table(map) => Some(self.inner(map, self.line_of(value))),
            _ => {
                self.wrong_type(key, value, "a table");
                None
            }
        }
    }

    /// A list of at most `limit` tables; empty if the key is absent.
    pub fn tables(&self, key: &str, limit: usize) -> Vec<Table<'d>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let tables: Option<Vec<_>> = value.get_ref().as_array().and_then(|items| {
            items
                .iter()
                .map(|item| Some(self.inner(item.get_ref().as_table()?, self.line_of(item))))
                .collect()
        });
        let Some(tables) = tables else {
            self.wrong_type(key, value, &format!("a list of tables (`[[{key}]]`)"));
            return Vec::new();
        };
        if tables.len() > limit {
            self.problem(format!("{} of `[[{key}]]` are too many (at most {limit})", tables.len()));
            return Vec::new();
        }
        tables
    }

    fn inner(&self, map: &'d DeTable<'d>, line: usize) -> Table<'d> {
        Table { document: self.document, map, place: self.place.clone(), line }
    }

    /// Keys and lines, in alphabetical order.
    pub fn entries(&self) -> Vec<(String, usize)> {
        self.map
            .keys()
            .map(|key| {
                let line = line_at(&self.document.lines, key.span().start);
                (key.get_ref().to_string(), line)
            })
            .collect()
    }

    pub fn is_table(&self, key: &str) -> bool {
        self.value(key).is_some_and(|v| v.get_ref().is_table())
    }

    pub fn is_string(&self, key: &str) -> bool {
        self.value(key).is_some_and(|v| v.get_ref().is_str())
    }

    /// Parses the placeholders of a text found in this table.
    pub fn template(&self, text: &Located, place: impl Into<String>) -> Option<Template> {
        let origin = Origin::new(self.document.file, text.line, place);
        match Template::parse(&text.text, origin.clone()) {
            Ok(template) => Some(template),
            Err(message) => {
                self.document.problems.borrow_mut().push(Finding::error(&origin, message));
                None
            }
        }
    }
}

fn strings_of(items: &toml::de::DeArray<'_>) -> Option<Vec<String>> {
    items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// What questions, scenarios, types, sets, conditions and languages may be called: they make up prompt ids.
pub fn is_id(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}
