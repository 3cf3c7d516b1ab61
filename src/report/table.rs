//! Tables, as the template takes them. Text is plain and escaped there.

use serde::Serialize;

/// One cell; `class` paints it, `tip` explains it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Cell {
    pub text: String,
    pub class: String,
    /// Heads its row.
    pub head: bool,
    /// Rows it covers; 0 is 1.
    pub rows: usize,
    /// Columns it covers; 0 is 1.
    pub columns: usize,
    /// The anchor that its text leads to; empty for none.
    pub link: String,
}

impl Cell {
    /// A number, right-aligned.
    pub fn number(text: impl Into<String>) -> Cell {
        Cell { text: text.into(), class: "n".to_owned(), ..Cell::default() }
    }

    pub fn text(text: impl Into<String>) -> Cell {
        Cell { text: text.into(), ..Cell::default() }
    }

    pub fn head(text: impl Into<String>) -> Cell {
        Cell { text: text.into(), head: true, ..Cell::default() }
    }

    /// A hash or an id: set in monospace and broken anywhere.
    pub fn code(text: impl Into<String>) -> Cell {
        Cell { text: text.into(), class: "code".to_owned(), ..Cell::default() }
    }

    #[must_use]
    pub fn with_class(mut self, class: &str) -> Cell {
        if !self.class.is_empty() {
            self.class.push(' ');
        }
        self.class.push_str(class);
        self
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Table {
    pub caption: String,
    /// `heat` for a heat map.
    pub class: String,
    pub header: Vec<Cell>,
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// `header` names columns; one that begins with `#` holds numbers.
    pub fn new(caption: impl Into<String>, header: &[&str]) -> Table {
        let header = header.iter().map(|name| match name.strip_prefix('#') {
            Some(name) => Cell::number(name),
            None => Cell::text(*name),
        });
        Table { caption: caption.into(), header: header.collect(), ..Table::default() }
    }

    pub fn push(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    pub fn remove_column(&mut self, column: usize) {
        for row in self.rows.iter_mut().chain([&mut self.header]).filter(|row| column < row.len()) {
            row.remove(column);
        }
    }

    /// Lets one row head stand for the rows of the same name that follow it.
    pub fn merge_heads(&mut self) {
        let heads: Vec<Option<String>> =
            self.rows.iter().map(|row| row.first().filter(|c| c.head).map(|c| c.text.clone())).collect();
        let mut start = 0;
        while start < heads.len() {
            let same =
                heads[start..].iter().take_while(|h| h.is_some() && **h == heads[start]).count().max(1);
            for (i, row) in self.rows.iter_mut().enumerate().skip(start).take(same) {
                if i > start {
                    row.remove(0);
                } else if let Some(head) = row.first_mut() {
                    head.rows = same;
                }
            }
            start += same;
        }
    }
}
