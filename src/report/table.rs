//! Tables and the other blocks of a page, as the template takes them. Text is plain and escaped there.

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

/// One picture of a figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Panel {
    pub title: String,
    pub note: String,
    /// Finished markup.
    pub svg: String,
}

/// A heading with its panels.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Group {
    pub title: String,
    pub panels: Vec<Panel>,
}

/// A key to a series or a shape.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LegendEntry {
    /// Finished markup.
    pub svg: String,
    pub text: String,
}

/// What a section is made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Block {
    Paragraph { text: String },
    Warning { lead: &'static str, text: String },
    Heading { text: String },
    List { items: Vec<Item> },
    Figure { caption: String, legend: Vec<LegendEntry>, groups: Vec<Group> },
    Table { table: Table },
    Details { summary: String, blocks: Vec<Block> },
    Commands { lines: Vec<String> },
}

/// A list's item, with what it is about in front.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Item {
    pub lead: String,
    pub text: String,
    /// `lean`, `none` or `caution`: the item's mark.
    pub tone: &'static str,
}

impl Block {
    pub fn paragraph(text: impl Into<String>) -> Block {
        Block::Paragraph { text: text.into() }
    }

    pub fn warning(lead: &'static str, text: impl Into<String>) -> Block {
        Block::Warning { lead, text: text.into() }
    }

    pub fn heading(text: impl Into<String>) -> Block {
        Block::Heading { text: text.into() }
    }

    pub fn details(summary: impl Into<String>, blocks: Vec<Block>) -> Block {
        Block::Details { summary: summary.into(), blocks }
    }
}

impl From<Table> for Block {
    fn from(table: Table) -> Block {
        Block::Table { table }
    }
}

/// A numbered part of the page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Section {
    /// The anchor.
    pub id: &'static str,
    pub title: String,
    /// What it shows and how to read it.
    pub intro: String,
    pub blocks: Vec<Block>,
}
