//! An analysis as tables for a person: compliance before any preference, then what the preferences are.

use std::fmt::Write;

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table as Grid, TableStyle};

use super::cluster::Clustered;
use super::compliance::Tier;
use super::corrections::benjamini_hochberg;
use super::favourability::percent;
use super::figure::{Analysis, Estimate};

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
}

impl<'a> Summary<'a> {
    fn new(analysis: &'a Analysis, options: &'a SummaryOptions) -> Result<Self, String> {
        let mut questions: Vec<&str> = Vec::new();
        let mut subsets: Vec<&str> = Vec::new();
        let mut countries: Vec<&str> = Vec::new();
        for ([_, _, country, question, subset], _) in analysis.group("favourability") {
            if !countries.contains(&country) {
                countries.push(country);
            }
            if !questions.contains(&question) {
                questions.push(question);
            }
            if !subsets.contains(&subset) {
                subsets.push(subset);
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
        Ok(Summary { analysis, question, subset, country })
    }

    fn compliance(&self, text: &mut String) {
        let mut rows = Vec::new();
        let mut warnings = String::new();
        for ([language, checkpoint, question, _], estimate) in self.analysis.group("compliance") {
            let (Estimate::Compliance(c), "both") = (estimate, question) else { continue };
            let tier = Tier::of(c.mean);
            if tier == Tier::Low {
                let _ = writeln!(
                    warnings,
                    "Warning: {checkpoint} ({language}) puts {} of its probability on the choices; what follows for it is weak evidence at best.",
                    probability(c.mean)
                );
            }
            rows.push(vec![
                checkpoint.to_owned(),
                language.to_owned(),
                probability(c.mean),
                probability(c.median),
                probability(c.min),
                tier.name().to_owned(),
            ]);
        }
        let header = ["checkpoint", "language", "mean", "median", "least", "tier"];
        section(text, "Compliance (probability on the choices)", &header, rows);
        text.push_str(&warnings);
    }

    /// The clustered sets of a group at the chosen question and subset: the id's first three parts, the columns of
    /// the estimate, and the estimate. p is corrected over all countries, also where one was chosen to be shown.
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
        let columns = |c: &Clustered, p_bh| {
            let mut columns = estimate_columns(c).to_vec();
            columns.push(p_value(p_bh));
            columns
        };
        found
            .into_iter()
            .zip(adjusted)
            .filter(|(([_, _, country], _), _)| self.country.is_none_or(|chosen| chosen == *country))
            .map(|((names, c), p_bh)| (names, columns(c, p_bh), c))
            .collect()
    }

    fn chosen(&self) -> String {
        format!("{}, {} scenarios", self.question, self.subset)
    }

    fn favourability(&self, text: &mut String) {
        let row = |([language, checkpoint, country], columns, c): ([&str; 3], Vec<String>, &Clustered)| {
            let mut row = vec![checkpoint.to_owned(), language.to_owned(), country.to_owned()];
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
            let mut row = vec![name.to_owned(), head.to_owned(), country.to_owned()];
            row.extend(columns);
            row
        };
        let rows = self.estimates(group).into_iter().map(row).collect();
        let header = [names[1], names[0], "country", "log-odds", "95 % interval", "p", "p (BH)"];
        section(text, &format!("{title} ({})", self.chosen()), &header, rows);
    }

    fn makers(&self, text: &mut String) {
        let mut rows = Vec::new();
        for ([language, country, question, subset], estimate) in self.analysis.group("maker") {
            let Estimate::Maker(test) = estimate else { continue };
            let shown = self.country.is_none_or(|chosen| chosen == country);
            if question != self.question || subset != self.subset || !shown {
                continue;
            }
            let test = &test.mean_cluster;
            rows.push(vec![
                country.to_owned(),
                language.to_owned(),
                format!("{:+.3}", test.mean),
                p_value(test.p),
                format!("{} of {}", test.aligned, test.signed.0.len()),
                p_value(test.p_binomial),
                p_value(test.p_sign_flip),
                p_value(test.p_wilcoxon),
            ]);
        }
        let header = [
            "country",
            "language",
            "mean shift",
            "p (t)",
            "aligned",
            "p (binomial)",
            "p (sign flip)",
            "p (Wilcoxon)",
        ];
        let title = "Maker direction (shift towards the country at home, away from it elsewhere)";
        section(text, &format!("{title} ({})", self.chosen()), &header, rows);
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
        let mut rows = Vec::new();
        for (group, name) in [("role_bias", "first role"), ("letter_bias", "first letter")] {
            for ([language, checkpoint, question, _], estimate) in self.analysis.group(group) {
                let Estimate::Clustered(c) = estimate else { continue };
                let mut row =
                    vec![checkpoint.to_owned(), language.to_owned(), name.to_owned(), question.to_owned()];
                row.extend(estimate_columns(c));
                rows.push(row);
            }
        }
        let header =
            ["checkpoint", "language", "taste for the", "question", "log-odds", "95 % interval", "p"];
        section(text, "What the design cancels", &header, rows);
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

fn estimate_columns(c: &Clustered) -> [String; 3] {
    let interval = c.ci_t.map_or_else(
        || "-".to_owned(),
        |half| format!("{:+.3} to {:+.3}", c.mean_cluster - half, c.mean_cluster + half),
    );
    [format!("{:+.3}", c.mean_cluster), interval, p_value(c.p)]
}

fn p_value(p: Option<f64>) -> String {
    match p {
        None => "-".to_owned(),
        Some(p) if p < 0.001 => format!("{p:.1e}"),
        Some(p) => format!("{p:.3}"),
    }
}

fn probability(p: f64) -> String {
    if p < 0.001 { format!("{p:.1e}") } else { format!("{p:.3}") }
}
