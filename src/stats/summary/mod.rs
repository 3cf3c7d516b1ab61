//! An analysis as tables in a terminal of 80 columns: compliance first, since it decides what else can be read, then what
//! the preferences are.

mod format;
mod makers;
mod marks;
mod named;
mod scales;
mod sections;
#[cfg(test)]
mod tests;

use std::fmt::Write;

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table as Grid, TableStyle};

use super::figure::{Analysis, Figure};
pub(crate) use format::decimals;
use marks::Marks;

/// No line of a table is longer.
const WIDTH: u16 = 80;

/// A rule above, one below the header, one at the end.
const RULED: TableStyle = {
    let rule = LineStyle::none().fill('─').junction('─');
    TableStyle::new().top_border(rule).header_separator(rule).bottom_border(rule)
};

/// Which tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tables {
    /// Those that an answer needs, for the target.
    #[default]
    Key,
    /// Every one, for every country.
    All,
}

/// Which estimates are shown.
#[derive(Debug, Clone, Default)]
pub struct SummaryOptions {
    pub tables: Tables,
    /// `preference` where there are two polarities, else the first question.
    pub question: Option<String>,
    /// `all` scenarios unless named.
    pub subset: Option<String>,
    /// The target unless named; every country with all tables.
    pub country: Option<String>,
    /// Every language unless named.
    pub language: Option<String>,
    /// Every condition unless named.
    pub condition: Option<String>,
}

/// Renders the analysis, or says which question or subset it does not have.
pub fn render(analysis: &Analysis, options: &SummaryOptions) -> Result<String, String> {
    let summary = Summary::new(analysis, options)?;
    let mut text = String::new();
    for section in summary.sections() {
        section.write(&mut text);
    }
    Ok(text)
}

struct Summary<'a> {
    analysis: &'a Analysis,
    tables: Tables,
    question: String,
    subset: String,
    /// `None` for every one.
    country: Option<String>,
    language: Option<&'a str>,
    condition: Option<&'a str>,
    marks: Marks<'a>,
}

impl<'a> Summary<'a> {
    fn new(analysis: &'a Analysis, options: &'a SummaryOptions) -> Result<Self, String> {
        let (mut questions, mut subsets): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
        let (mut countries, mut languages, mut conditions) = (Vec::new(), Vec::new(), Vec::new());
        for figure in analysis.of("favourability").chain(analysis.of("confirmatory")) {
            let p = &figure.parts;
            for (names, name) in [
                (&mut questions, &p.question),
                (&mut subsets, &p.subset),
                (&mut countries, &p.country),
                (&mut languages, &p.language),
                (&mut conditions, &p.condition),
            ] {
                if let Some(name) = name.as_deref().filter(|name| !names.contains(name)) {
                    names.push(name);
                }
            }
        }
        let usual =
            if questions.contains(&"preference") { Some("preference") } else { questions.first().copied() };
        let question = choose("question", options.question.as_deref().or(usual), &questions)?;
        let subset = choose("subset", options.subset.as_deref().or(Some("all")), &subsets)?;
        let (language, condition) = (options.language.as_deref(), options.condition.as_deref());
        let chosen = [
            ("country", options.country.as_deref(), &countries),
            ("language", language, &languages),
            ("condition", condition, &conditions),
        ];
        for (what, wanted, known) in chosen {
            if wanted.is_some() {
                choose(what, wanted, known)?;
            }
        }
        let target = || analysis.settings["analysis"]["target"].as_str().map(str::to_owned);
        let country = match (&options.country, options.tables) {
            (Some(country), _) => Some(country.clone()),
            (None, Tables::Key) => target(),
            (None, Tables::All) => None,
        };
        let marks = Marks::new(analysis);
        Ok(Summary {
            analysis,
            tables: options.tables,
            question,
            subset,
            country,
            language,
            condition,
            marks,
        })
    }

    /// Whether a figure is of the chosen question, scenarios, country, language and condition, as far as it has them.
    fn shows(&self, figure: &Figure) -> bool {
        let p = &figure.parts;
        let is = |part: &Option<String>, chosen: Option<&str>| {
            chosen.is_none_or(|chosen| part.as_deref().is_none_or(|part| part == chosen))
        };
        let of_language = self.language.is_none_or(|chosen| {
            [&p.language, &p.baseline_language].into_iter().flatten().any(|part| part == chosen)
                || p.language.is_none()
        });
        of_language && is(&p.condition, self.condition) && is(&p.country, self.country.as_deref())
    }

    /// The figures of a group at the chosen question and scenarios.
    fn of(&self, group: &'a str) -> impl Iterator<Item = &'a Figure> {
        self.analysis.of(group).filter(move |figure| {
            let p = &figure.parts;
            self.shows(figure)
                && p.question.as_deref() == Some(&self.question)
                && p.subset.as_deref() == Some(&self.subset)
        })
    }

    fn chosen(&self) -> String {
        let of = self.country.as_deref().map_or_else(String::new, |country| format!("{country}, "));
        format!("{of}{}, {} scenarios", self.question, self.subset)
    }
}

fn choose(what: &str, wanted: Option<&str>, known: &[&str]) -> Result<String, String> {
    match wanted {
        Some(name) if known.contains(&name) => Ok(name.to_owned()),
        Some(name) => Err(format!("the analysis has no {what} `{name}`; it has {}", known.join(", "))),
        None => Err(format!("the analysis has no {what}")),
    }
}

/// A heading, a table and what must be said below it.
pub(super) struct Section {
    pub title: String,
    pub header: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
    /// Lines with their ends.
    pub below: String,
}

/// Columns whose cells are words; all others are numbers, and stand to the right.
const WORDS: [&str; 12] = [
    "checkpoint",
    "lang",
    "condition",
    "country",
    "family",
    "figure",
    "field",
    "tier",
    "threshold",
    "name",
    "verdict",
    "of",
];

impl Section {
    /// Nothing where there are no rows.
    pub fn write(self, text: &mut String) {
        if self.rows.is_empty() {
            return;
        }
        let mut grid = Grid::new();
        // The same text whatever the terminal: wrapped to one width.
        grid.load_style(RULED).set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
        grid.set_header(self.header.iter().copied());
        for row in self.rows {
            grid.add_row(row);
        }
        for (column, name) in grid.column_iter_mut().zip(&self.header) {
            if !WORDS.contains(name) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let separator = if text.is_empty() { "" } else { "\n" };
        let (title, below) = (wrapped(&self.title), wrapped(&self.below));
        let _ = write!(text, "{separator}{title}{}\n{below}", grid.trim_fmt());
    }
}

/// Lines broken at spaces where they would be longer than [`WIDTH`], each with its end.
pub fn wrapped(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut length = 0;
        for word in line.split(' ') {
            let size = word.chars().count();
            if length > 0 && length + 1 + size > usize::from(WIDTH) {
                out.push('\n');
                length = 0;
            } else if length > 0 {
                out.push(' ');
                length += 1;
            }
            out.push_str(word);
            length += size;
        }
        out.push('\n');
    }
    out
}
