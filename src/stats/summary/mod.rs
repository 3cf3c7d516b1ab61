//! An analysis as tables for a person: compliance before any preference, then what the preferences are.

mod format;
mod marks;

use std::fmt::Write;

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table as Grid, TableStyle};

use super::cluster::Clustered;
use super::compliance::Tier;
use super::corrections::benjamini_hochberg;
use super::favourability::percent;
use super::figure::{Analysis, Estimate};
pub(crate) use format::decimals;
use format::{Digits, p_value, probability};
use marks::Marks;

/// A rule above, one below the header, one at the end.
const RULED: TableStyle = {
    let rule = LineStyle::none().fill('─').junction('─');
    TableStyle::new().top_border(rule).header_separator(rule).bottom_border(rule)
};

/// Which estimates are shown.
#[derive(Debug, Clone, Default)]
pub struct SummaryOptions {
    /// `preference` where there are two polarities, else the first question.
    pub question: Option<String>,
    /// `all` scenarios unless named.
    pub subset: Option<String>,
    /// Every country unless named.
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
    summary.compliance(&mut text);
    summary.favourability(&mut text);
    summary.shifts(&mut text, "shift", "Post-training shift (last stage less first)", ["language", "family"]);
    let title = "Language shift (less the baseline language)";
    summary.shifts(&mut text, "language_shift", title, ["languages", "checkpoint"]);
    summary.makers(&mut text);
    summary.coherence(&mut text);
    summary.nuisance(&mut text);
    Ok(text)
}

struct Summary<'a> {
    analysis: &'a Analysis,
    question: String,
    subset: String,
    country: Option<&'a str>,
    language: Option<&'a str>,
    condition: Option<&'a str>,
    /// Conditions that the labels name.
    conditions: Vec<&'a str>,
    marks: Marks<'a>,
}

impl<'a> Summary<'a> {
    fn new(analysis: &'a Analysis, options: &'a SummaryOptions) -> Result<Self, String> {
        let mut questions: Vec<&str> = Vec::new();
        let mut subsets: Vec<&str> = Vec::new();
        let (mut countries, mut languages, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        for ([language, label, country, question, subset], _) in analysis.group("favourability") {
            add(&mut languages, language);
            add(&mut labels, label);
            add(&mut countries, country);
            add(&mut questions, question);
            add(&mut subsets, subset);
        }
        let marks = Marks::new(analysis);
        let mut conditions = Vec::new();
        for label in &labels {
            match label.rsplit_once('@') {
                Some((front, condition)) if labels.contains(&front) => add(&mut conditions, condition),
                _ => add(&mut conditions, marks.routed(label)),
            }
        }
        let usual =
            if questions.contains(&"preference") { Some("preference") } else { questions.first().copied() };
        let question = choose("question", options.question.as_deref().or(usual), &questions)?;
        let subset = choose("subset", options.subset.as_deref().or(Some("all")), &subsets)?;
        let country = options.country.as_deref();
        if let Some(country) = country {
            choose("country", Some(country), &countries)?;
        }
        let (language, condition) = (options.language.as_deref(), options.condition.as_deref());
        for (what, wanted, known) in
            [("language", language, &languages), ("condition", condition, &conditions)]
        {
            if wanted.is_some() {
                choose(what, wanted, known)?;
            }
        }
        Ok(Summary { analysis, question, subset, country, language, condition, conditions, marks })
    }

    fn shows_language(&self, language: &str) -> bool {
        self.language.is_none_or(|chosen| chosen == language)
    }

    /// By a checkpoint's or a family's name, which holds its condition where that is not the routed one.
    fn shows_condition(&self, label: &str) -> bool {
        self.condition.is_none_or(|chosen| {
            let own = label.rsplit_once('@').map(|(_, condition)| condition);
            own.filter(|own| self.conditions.contains(own)).unwrap_or(self.marks.routed(label)) == chosen
        })
    }

    fn compliance(&self, text: &mut String) {
        let mut rows = Vec::new();
        let mut shown = Vec::new();
        for ([language, checkpoint, question, _], estimate) in self.analysis.group("compliance") {
            let (Estimate::Compliance(c), "both") = (estimate, question) else { continue };
            if !self.shows_language(language) || !self.shows_condition(checkpoint) {
                continue;
            }
            shown.push((language, checkpoint));
            rows.push(vec![
                self.marks.checkpoint(&[language], checkpoint),
                language.to_owned(),
                probability(c.mean),
                probability(c.median),
                probability(c.min),
                Tier::of(c.mean).name().to_owned(),
            ]);
        }
        let header = ["checkpoint", "language", "mean", "median", "least", "tier"];
        section(text, "Compliance (probability on the choices)", &header, rows);
        text.push_str(&self.marks.warnings(&shown));
        text.push_str(&self.marks.routes());
    }

    /// The clustered sets of a group at the chosen question and subset: the id's first three parts, the columns of
    /// the estimate, and the estimate. p is corrected over all of them, also where a part was chosen to be shown.
    fn estimates(&self, group: &str) -> Vec<([&'a str; 3], Vec<String>, &'a Clustered)> {
        let found =
            self.analysis.group(group).filter_map(|([head, name, country, question, subset], estimate)| {
                match estimate {
                    Estimate::Clustered(c) if question == self.question && subset == self.subset => {
                        Some(([head, name, country], c))
                    }
                    _ => None,
                }
            });
        let found: Vec<([&str; 3], &Clustered)> = found.collect();
        let adjusted = benjamini_hochberg(&found.iter().map(|(_, c)| c.p).collect::<Vec<_>>());
        let digits = Digits::of(found.iter().filter_map(|(_, c)| c.ci_t).collect());
        let columns = |c: &Clustered, p_bh| {
            let mut columns = digits.columns(c).to_vec();
            columns.push(p_value(p_bh));
            columns
        };
        found
            .into_iter()
            .zip(adjusted)
            .filter(|(([head, name, country], _), _)| {
                // A language shift's head is two languages.
                let of = |language: &str| {
                    *head == language
                        || head.strip_prefix(language).is_some_and(|rest| rest.starts_with('-'))
                        || head.strip_suffix(language).is_some_and(|rest| rest.ends_with('-'))
                };
                self.country.is_none_or(|chosen| chosen == *country)
                    && self.language.is_none_or(of)
                    && self.shows_condition(name)
            })
            .map(|((names, c), p_bh)| (names, columns(c, p_bh), c))
            .collect()
    }

    fn chosen(&self) -> String {
        format!("{}, {} scenarios", self.question, self.subset)
    }

    fn favourability(&self, text: &mut String) {
        let row = |([language, checkpoint, country], columns, c): ([&str; 3], Vec<String>, &Clustered)| {
            let checkpoint = self.marks.checkpoint(&[language], checkpoint);
            let mut row = vec![checkpoint, language.to_owned(), country.to_owned()];
            row.extend(columns);
            row.push(format!("{:.1}", percent(c.mean_cluster)));
            row
        };
        let rows = self.estimates("favourability").into_iter().map(row).collect();
        let header =
            ["checkpoint", "language", "country", "log-odds", "95 % interval", "p", "p (BH)", "preference %"];
        section(text, &format!("Favourability ({})", self.chosen()), &header, rows);
        text.push_str("Means over scenario types; intervals and p from Student's t over the types.\n");
    }

    fn shifts(&self, text: &mut String, group: &str, title: &str, names: [&str; 2]) {
        let row = |([head, name, country], columns, _): ([&str; 3], Vec<String>, &Clustered)| {
            let name = match group {
                "shift" => self.marks.shift(head, name),
                _ => {
                    let both: Vec<&str> =
                        head.match_indices('-').flat_map(|(at, _)| [&head[..at], &head[at + 1..]]).collect();
                    self.marks.checkpoint(&both, name)
                }
            };
            let mut row = vec![name, head.to_owned(), country.to_owned()];
            row.extend(columns);
            row
        };
        let rows = self.estimates(group).into_iter().map(row).collect();
        let header = [names[1], names[0], "country", "log-odds", "95 % interval", "p", "p (BH)"];
        section(text, &format!("{title} ({})", self.chosen()), &header, rows);
    }

    fn makers(&self, text: &mut String) {
        let mut rows = Vec::new();
        let mut unread = false;
        for ([language, country, question, subset], estimate) in self.analysis.group("maker") {
            let Estimate::Maker(test) = estimate else { continue };
            // Families are read as they are routed; one of them has no direction in common with others.
            let shown = self.country.is_none_or(|chosen| chosen == country)
                && self.shows_language(language)
                && self.shows_condition("")
                && test.mean_cluster.families() > 1;
            if question != self.question || subset != self.subset || !shown {
                continue;
            }
            let all = &test.mean_cluster;
            let Some(test) = all.among(|family| self.marks.reads(language, family)) else { continue };
            unread |= test.families() < all.families();
            rows.push(vec![
                country.to_owned(),
                language.to_owned(),
                format!("{} of {}", test.families(), all.families()),
                Digits::of(Vec::new()).signed(test.mean),
                p_value(test.p),
                format!("{} of {}", test.aligned, test.families()),
                p_value(test.p_binomial),
                p_value(test.p_sign_flip),
                p_value(test.p_wilcoxon),
            ]);
        }
        let header = [
            "country",
            "language",
            "families",
            "mean shift",
            "p (t)",
            "aligned",
            "p (binomial)",
            "p (sign flip)",
            "p (Wilcoxon)",
        ];
        let title = "Maker direction (shift towards the country at home, away from it elsewhere)";
        section(text, &format!("{title} ({})", self.chosen()), &header, rows);
        if unread {
            text.push_str("Without the families that are as good as noise in the language (‡).\n");
        }
    }

    fn coherence(&self, text: &mut String) {
        let mut rows = Vec::new();
        for ([name], estimate) in self.analysis.group("coherence") {
            if let Estimate::CoherentSet(set) = estimate {
                rows.push(vec![name.to_owned(), set.n.to_string(), set.types.len().to_string()]);
            }
        }
        section(
            text,
            "Coherence (the two polarities opposite in sign)",
            &["threshold", "scenarios", "types"],
            rows,
        );
        if let Some(Estimate::CoherenceCounts(counts)) = self.analysis.estimate("coherence/counts") {
            let _ = writeln!(
                text,
                "Runs: {}; the most coherent scenario is so in {} of them.",
                counts.runs, counts.max
            );
        }
    }

    fn nuisance(&self, text: &mut String) {
        let mut found: Vec<([&str; 4], &Clustered)> = Vec::new();
        for (group, name) in [("role_bias", "first role"), ("letter_bias", "first letter")] {
            for ([language, checkpoint, question, _], estimate) in self.analysis.group(group) {
                let Estimate::Clustered(c) = estimate else { continue };
                if self.shows_language(language) && self.shows_condition(checkpoint) {
                    found.push(([checkpoint, language, name, question], c));
                }
            }
        }
        let digits = Digits::of(found.iter().filter_map(|(_, c)| c.ci_t).collect());
        let row = |([checkpoint, language, name, question], c): ([&str; 4], &Clustered)| {
            let checkpoint = self.marks.checkpoint(&[language], checkpoint);
            let mut row = vec![checkpoint, language.to_owned(), name.to_owned(), question.to_owned()];
            row.extend(digits.columns(c));
            row
        };
        let rows = found.into_iter().map(row).collect();
        let header =
            ["checkpoint", "language", "taste for the", "question", "log-odds", "95 % interval", "p"];
        section(text, "What the design cancels", &header, rows);
    }
}

fn add<'a>(names: &mut Vec<&'a str>, name: &'a str) {
    if !names.contains(&name) {
        names.push(name);
    }
}

fn choose(what: &str, wanted: Option<&str>, known: &[&str]) -> Result<String, String> {
    match wanted {
        Some(name) if known.contains(&name) => Ok(name.to_owned()),
        Some(name) => Err(format!("the analysis has no {what} `{name}`; it has {}", known.join(", "))),
        None => Err(format!("the analysis has no {what}")),
    }
}

/// A heading and a table, or nothing where there are no rows.
fn section(text: &mut String, title: &str, header: &[&str], rows: Vec<Vec<String>>) {
    if rows.is_empty() {
        return;
    }
    let mut grid = Grid::new();
    // The same text whatever the terminal: no wrapping to its width.
    grid.load_style(RULED).set_content_arrangement(ContentArrangement::Disabled);
    grid.set_header(header.iter().copied());
    for row in rows {
        grid.add_row(row);
    }
    for (column, name) in grid.column_iter_mut().zip(header) {
        let is_number = !["checkpoint", "language", "languages", "country", "family", "tier", "threshold"]
            .iter()
            .chain(&["taste for the", "question"])
            .any(|text| text == name);
        if is_number {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let separator = if text.is_empty() { "" } else { "\n" };
    let _ = writeln!(text, "{separator}{title}\n{}", grid.trim_fmt());
}
