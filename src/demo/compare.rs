//! Planted beside measured.

use super::{FAMILY, Planted};
use crate::stats::{Analysis, Clustered};
use comfy_table::{CellAlignment, Table, presets};

/// One country's lean, or the bias that stands for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Lean {
    pub stage: String,
    pub language: String,
    pub country: String,
    pub planted: f64,
    pub measured: f64,
    /// Half-width of the 95 % interval over scenario types.
    pub half_width: f64,
}

/// A bias that the counterbalancing removes.
#[derive(Debug, Clone, PartialEq)]
pub struct Bias {
    pub stage: String,
    pub language: String,
    pub name: &'static str,
    pub planted: f64,
    pub measured: f64,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Comparison {
    pub leans: Vec<Lean>,
    pub biases: Vec<Bias>,
    /// Countries in the order of the study.
    countries: Vec<String>,
    languages: Vec<String>,
}

impl Lean {
    /// As the report prints it.
    pub fn for_report(&self) -> crate::report::Planted {
        crate::report::Planted {
            checkpoint: format!("{FAMILY}-{}", self.stage),
            language: self.language.clone(),
            entity: self.country.clone(),
            log_odds: self.planted,
        }
    }

    /// The planted figure lies inside the measured interval.
    pub fn holds(&self) -> bool {
        (self.planted - self.measured).abs() <= self.half_width
    }
}

impl Comparison {
    /// Sets `analysis` of the demo's run beside `planted`; the figures are those of `preference` on all scenarios.
    pub fn new(
        planted: &Planted,
        analysis: &Analysis,
        languages: &[String],
        countries: &[String],
    ) -> Comparison {
        let mut out = Comparison {
            countries: countries.to_vec(),
            languages: languages.to_vec(),
            ..Comparison::default()
        };
        for (stage, truth) in &planted.stages {
            let model = format!("{FAMILY}-{stage}");
            for language in languages {
                let figure = |id: String| analysis.clustered(&id);
                let by_country = truth.favourability.get(language);
                for country in countries {
                    let id = format!("favourability/{language}/{model}/{country}/preference/all");
                    let Some(planted) = by_country.and_then(|c| c.get(country)) else { continue };
                    let Some(Clustered { mean_cluster, ci_t: Some(half_width), .. }) = figure(id) else {
                        continue;
                    };
                    out.leans.push(Lean {
                        stage: stage.clone(),
                        language: language.clone(),
                        country: country.clone(),
                        planted: *planted,
                        measured: *mean_cluster,
                        half_width: *half_width,
                    });
                }
                let biases =
                    [("letter", "both", &truth.letter_bias), ("role", "justified", &truth.role_bias)];
                for (name, question, truth) in biases {
                    let id = format!("{name}_bias/{language}/{model}/{question}/all");
                    let (Some(planted), Some(measured)) = (truth.get(language), figure(id)) else { continue };
                    out.biases.push(Bias {
                        stage: stage.clone(),
                        language: language.clone(),
                        name,
                        planted: *planted,
                        measured: measured.mean_cluster,
                    });
                }
            }
        }
        out
    }

    /// Every planted lean lies inside its interval.
    pub fn holds(&self) -> bool {
        !self.leans.is_empty() && self.leans.iter().all(Lean::holds)
    }

    /// Tables for a person.
    pub fn render(&self) -> String {
        let mut text = String::new();
        for stage in ["base", "chat"] {
            text += &format!("{stage}: planted -> measured lean in log-odds, with 95 % interval\n");
            text += &self.leans_table(stage).trim_fmt();
            text += "\n";
        }
        text += "Biases that the counterbalancing removes: planted -> measured, in log-odds\n";
        text += &self.biases_table().trim_fmt();
        let inside = self.leans.iter().filter(|l| l.holds()).count();
        text += &format!(
            "\n{inside} of {} planted leans lie inside their measured intervals; a dot marks one that does not.\n",
            self.leans.len()
        );
        text
    }

    fn table(&self, first: &str) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(std::iter::once(first).chain(self.languages.iter().map(String::as_str)));
        for i in 0..self.languages.len() {
            if let Some(column) = table.column_mut(i + 1) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }

    fn leans_table(&self, stage: &str) -> Table {
        let mut table = self.table("country");
        for country in &self.countries {
            let cell = |language: &String| {
                let lean = self
                    .leans
                    .iter()
                    .find(|l| l.stage == stage && l.language == *language && l.country == *country);
                lean.map_or_else(
                    || "-".to_owned(),
                    |l| {
                        let mark = if l.holds() { "" } else { " •" };
                        format!("{:+.2} -> {:+.3} ± {:.3}{mark}", l.planted, l.measured, l.half_width)
                    },
                )
            };
            table.add_row(std::iter::once(country.clone()).chain(self.languages.iter().map(cell)));
        }
        table
    }

    fn biases_table(&self) -> Table {
        let mut table = self.table("bias");
        for stage in ["base", "chat"] {
            for name in ["letter", "role"] {
                let cell = |language: &String| {
                    let bias = self
                        .biases
                        .iter()
                        .find(|b| b.stage == stage && b.language == *language && b.name == name);
                    bias.map_or_else(
                        || "-".to_owned(),
                        |b| format!("{:+.2} -> {:+.3}", b.planted, b.measured),
                    )
                };
                table.add_row(
                    std::iter::once(format!("{stage}, {name}")).chain(self.languages.iter().map(cell)),
                );
            }
        }
        table
    }
}
