//! What a document is made of, as the writers of its formats take it. Text is plain and escaped there.

use serde::Serialize;

use super::figure::Figure;
use super::table::Table;

/// What a section is made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Block {
    Paragraph {
        text: String,
    },
    /// The page's answer, set larger.
    Answer {
        text: String,
    },
    Warning {
        lead: &'static str,
        text: String,
    },
    Heading {
        text: String,
        /// What links lead to; empty for none.
        anchor: String,
    },
    List {
        items: Vec<Item>,
    },
    Figure {
        figure: Box<Figure>,
    },
    Table {
        table: Table,
    },
    Details {
        summary: String,
        blocks: Vec<Block>,
    },
    Commands {
        lines: Vec<String>,
    },
    /// A text that a checkpoint was shown, letter by letter; `label` names it.
    Verbatim {
        label: String,
        text: String,
    },
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
        Block::Heading { text: text.into(), anchor: String::new() }
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

impl From<Figure> for Block {
    fn from(figure: Figure) -> Block {
        Block::Figure { figure: Box::new(figure) }
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

/// Every figure of some blocks, folded ones included, from above.
pub fn figures(blocks: &[Block]) -> Vec<&Figure> {
    let mut found = Vec::new();
    for block in blocks {
        match block {
            Block::Figure { figure } => found.push(&**figure),
            Block::Details { blocks, .. } => found.extend(figures(blocks)),
            _ => {}
        }
    }
    found
}

/// Gives each figure the number that follows `last`; returns the last one given.
pub fn number(blocks: &mut [Block], mut last: usize) -> usize {
    for block in blocks {
        match block {
            Block::Figure { figure } => {
                last += 1;
                figure.number = last;
            }
            Block::Details { blocks, .. } => last = number(blocks, last),
            _ => {}
        }
    }
    last
}
