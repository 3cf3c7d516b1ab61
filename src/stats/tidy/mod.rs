//! Figures as a tidy table: one row an estimate, every part of its name a column.

mod cells;
mod parquet;

use std::io::Write;

use super::figure::{Analysis, Figure};
use cells::{Cells, cells};

/// The columns, in their order. docs/data.md says what each holds.
pub const TIDY_COLUMNS: [&str; 33] = [
    "id",
    "group",
    "language",
    "baseline_language",
    "checkpoint",
    "family",
    "stage",
    "baseline_stage",
    "condition",
    "baseline_condition",
    "country",
    "question",
    "subset",
    "name",
    "term",
    "scope",
    "unit",
    "verdict",
    "p_adjusted_by",
    "p_adjusted_over",
    "estimate",
    "se",
    "df",
    "half_width",
    "low",
    "high",
    "t",
    "p",
    "p_adjusted",
    "p_adjusted_tests",
    "types",
    "scenarios",
    "compliance",
];

/// How many of [`TIDY_COLUMNS`] are text; the rest are numbers.
pub const TIDY_TEXTS: usize = 20;

/// One row: texts and numbers, each absent where it does not apply.
#[derive(Debug, Clone, PartialEq)]
pub struct TidyRow<'a> {
    pub texts: [Option<&'a str>; TIDY_TEXTS],
    pub numbers: [Option<f64>; TIDY_COLUMNS.len() - TIDY_TEXTS],
}

impl Analysis {
    /// Hands every row to `take`, figure by figure.
    pub fn tidy<E>(&self, mut take: impl FnMut(&TidyRow<'_>) -> Result<(), E>) -> Result<(), E> {
        for figure in self.figures() {
            for cells in cells(figure) {
                take(&row(figure, &cells))?;
            }
        }
        Ok(())
    }

    /// The table as CSV; numbers read back to the same f64, what does not exist is empty.
    pub fn write_csv(&self, out: impl Write) -> std::io::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(TIDY_COLUMNS)?;
        self.tidy(|row| {
            let numbers = row.numbers.iter().map(|n| n.map_or_else(String::new, |n| n.to_string()));
            let texts = row.texts.iter().map(|text| text.unwrap_or_default().to_owned());
            csv.write_record(texts.chain(numbers))
        })?;
        csv.flush()
    }

    /// The table in Markdown, the columns that hold something in some row.
    pub fn write_markdown(&self, mut out: impl Write) -> std::io::Result<()> {
        let mut used = [false; TIDY_COLUMNS.len()];
        let cells = |row: &TidyRow<'_>| -> Vec<String> {
            let texts = row.texts.iter().map(|text| text.unwrap_or_default().replace('|', "\\|"));
            let numbers = row.numbers.iter().map(|n| n.map_or_else(String::new, short));
            texts.chain(numbers).map(|cell| cell.replace(['\n', '\r'], " ")).collect()
        };
        self.tidy(|row| {
            used.iter_mut().zip(cells(row)).for_each(|(used, cell)| *used |= !cell.is_empty());
            Ok::<(), std::io::Error>(())
        })?;
        let line = |cells: &[String]| {
            let shown = cells.iter().zip(&used).filter(|(_, used)| **used).map(|(cell, _)| cell.as_str());
            format!("| {} |\n", shown.collect::<Vec<_>>().join(" | "))
        };
        out.write_all(line(&TIDY_COLUMNS.map(str::to_owned)).as_bytes())?;
        let rules: Vec<String> = (0..TIDY_COLUMNS.len())
            .map(|at| if at < TIDY_TEXTS { "---" } else { "--:" }.to_owned())
            .collect();
        out.write_all(line(&rules).as_bytes())?;
        self.tidy(|row| out.write_all(line(&cells(row)).as_bytes()))?;
        out.flush()
    }
}

/// Four digits that count.
fn short(n: f64) -> String {
    match n.abs() {
        0.0 => "0".to_owned(),
        size if !(1e-3..1e4).contains(&size) && n.fract() != 0.0 => format!("{n:.3e}"),
        _ if n.fract() == 0.0 => n.to_string(),
        size => format!("{n:.*}", (3 - size.log10().floor() as i32).max(0) as usize),
    }
}

fn row<'a>(figure: &'a Figure, cells: &Cells<'a>) -> TidyRow<'a> {
    let p = &figure.parts;
    let adjusted = figure.adjusted.as_ref().filter(|_| cells.adjusted);
    let beside = |sign: f64| Some(cells.estimate? + sign * cells.half_width?);
    let count = |n: Option<usize>| n.map(|n| n as f64);
    TidyRow {
        texts: [
            Some(&figure.id),
            Some(p.group),
            p.language.as_deref(),
            p.baseline_language.as_deref(),
            p.checkpoint.as_deref(),
            p.family.as_deref(),
            p.stage.as_deref(),
            p.baseline_stage.as_deref(),
            p.condition.as_deref(),
            p.baseline_condition.as_deref(),
            p.country.as_deref(),
            p.question.as_deref(),
            p.subset.as_deref(),
            p.name.as_deref(),
            cells.term,
            cells.scope,
            cells.unit,
            cells.verdict,
            adjusted.map(|a| a.method),
            adjusted.map(|a| a.over),
        ],
        numbers: [
            cells.estimate,
            cells.se,
            cells.df,
            cells.half_width,
            beside(-1.0),
            beside(1.0),
            cells.t,
            cells.p,
            adjusted.and_then(|a| a.p),
            adjusted.map(|a| a.tests as f64),
            count(cells.types),
            count(cells.scenarios),
            figure.compliance,
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_markdown_have_four_digits_that_count() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (3.0, "3"),
            (100_000.0, "100000"),
            (-2.25, "-2.250"),
            (12.3456, "12.35"),
            (1234.56, "1235"),
            (0.012_345_6, "0.01235"),
            (0.001, "0.001000"),
            (-0.000_123_456, "-1.235e-4"),
            (12_345.6, "1.235e4"),
        ] {
            assert_eq!(short(number), text, "{number}");
        }
    }
}
