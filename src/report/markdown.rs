//! The report as Markdown: the same words and tables; a figure is its caption and its numbers.

use std::fmt::Write;

use serde_json::Value;

use super::block::Block;
use super::document::Document;
use super::figure::Figure;
use super::format::{p_value, plain, scientific};
use super::html::visible;
use super::table::{Cell, Table};

impl Document {
    /// GitHub's Markdown. Pictures are left to [`Document::figure_files`].
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "# {}\n", text(&self.title));
        blocks(&mut out, &self.first);
        let _ = writeln!(out, "{}\n\n## What was found\n", text(&self.lead));
        blocks(&mut out, &self.headline);
        for (i, section) in self.sections.iter().enumerate() {
            let _ = writeln!(out, "## {}. {}\n\n{}\n", i + 1, text(&section.title), text(&section.intro));
            blocks(&mut out, &section.blocks);
        }
        let _ = writeln!(
            out,
            "Made by tiltmeter {}. Positive log-odds favour the side named; intervals are 95 %.",
            env!("CARGO_PKG_VERSION")
        );
        out.chars().map(visible).collect()
    }
}

fn blocks(out: &mut String, list: &[Block]) {
    for block in list {
        let _ = match block {
            Block::Paragraph { text: words } | Block::Answer { text: words } => {
                writeln!(out, "{}\n", text(words))
            }
            Block::Warning { lead, text: words } => writeln!(out, "> **{lead}** {}\n", text(words)),
            Block::Heading { text: words, .. } => writeln!(out, "### {}\n", text(words)),
            Block::List { items } => {
                for item in items {
                    let lead = if item.lead.is_empty() {
                        String::new()
                    } else {
                        format!("**{}** ", text(&item.lead))
                    };
                    let _ = writeln!(out, "- {lead}{}", text(&item.text));
                }
                writeln!(out)
            }
            Block::Figure { figure: drawn } => {
                figure(out, drawn);
                Ok(())
            }
            Block::Table { table: cells } => {
                table(out, cells);
                Ok(())
            }
            Block::Details { summary, blocks: inner } => {
                let _ = writeln!(out, "#### {}\n", text(summary));
                blocks(out, inner);
                Ok(())
            }
            Block::Commands { lines } => writeln!(out, "{}", fenced(&lines.join("\n"))),
            Block::Verbatim { label, text: words } => writeln!(out, "{}\n\n{}", text(label), fenced(words)),
        };
    }
}

fn figure(out: &mut String, figure: &Figure) {
    let _ =
        writeln!(out, "**Figure {}.** {}. {}\n", figure.number, text(&figure.title), text(&figure.caption));
    let columns: Vec<Cell> = figure.data.columns.iter().map(|name| Cell::text(*name)).collect();
    let value = |(column, value): (&&str, &Value)| match value {
        Value::Null => Cell::default(),
        Value::String(name) => Cell::text(name.as_str()),
        other => Cell::number(other.as_f64().map_or_else(|| other.to_string(), |v| number(column, v))),
    };
    let row = |row: &Vec<Value>| figure.data.columns.iter().zip(row).map(value).collect();
    let rows = figure.data.rows.iter().map(row);
    table(out, &Table { header: columns, rows: rows.collect(), ..Table::default() });
}

/// With four digits after the point; what these would show as zero, and every p, as the page's tables have them.
fn number(column: &str, value: f64) -> String {
    match value {
        p if matches!(column, "p" | "p_adjusted") => p_value(Some(p)),
        small if small != 0.0 && small.abs() < 0.00005 => scientific(small),
        other => plain(other, 4),
    }
}

fn table(out: &mut String, table: &Table) {
    if !table.caption.is_empty() {
        let _ = writeln!(out, "*{}*\n", text(&table.caption));
    }
    let line = |cells: &[Cell], skipped: usize| {
        let mut line = "|".to_owned() + &" |".repeat(skipped);
        for cell in cells {
            let _ = write!(line, " {} |", text(&cell.text));
            line.push_str(&" |".repeat(cell.columns.saturating_sub(1)));
        }
        line
    };
    let rule = table.header.iter().map(|cell| if cell.class.contains('n') { "---:|" } else { "---|" });
    let _ = writeln!(out, "{}\n|{}", line(&table.header, 0), rule.collect::<String>());
    for row in &table.rows {
        // A row under a head that stands for several has one cell less.
        let covered: usize = row.iter().map(|cell| cell.columns.max(1)).sum();
        let _ = writeln!(out, "{}", line(row, table.header.len().saturating_sub(covered)));
    }
    out.push('\n');
}

/// A code block whose fence no line of the text can close.
fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}\n{text}\n{fence}\n")
}

/// Text that Markdown leaves as it is, on one line.
fn text(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' => {
                out.push('\\');
                out.push(c);
            }
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_markup() {
        assert_eq!(text("a|b_c <i>&\n#1"), "a\\|b\\_c &lt;i>&amp; \\#1");
        assert_eq!(fenced("a ``` b"), "````\na ``` b\n````\n");
    }

    #[test]
    fn small_numbers_are_not_printed_as_zero() {
        let said = [("p", 1.2e-7), ("p_adjusted", 0.0123), ("min", 3e-9), ("low", -2e-5), ("low", -0.25)];
        assert_eq!(
            said.map(|(column, value)| number(column, value)),
            ["1.2 × 10⁻⁷", "0.012", "3.0 × 10⁻⁹", "−2.0 × 10⁻⁵", "−0.2500"]
        );
        assert_eq!(number("low", 0.0), "0.0000");
    }

    #[test]
    fn a_tables_rows_keep_their_columns() {
        let mut cells = Table::new("Caption", &["A", "#B"]);
        cells.push(vec![Cell { rows: 2, ..Cell::head("x") }, Cell::number("1")]);
        cells.push(vec![Cell::number("2")]);
        let mut out = String::new();
        table(&mut out, &cells);
        assert_eq!(out, "*Caption*\n\n| A | B |\n|---|---:|\n| x | 1 |\n| | 2 |\n\n");
    }
}
