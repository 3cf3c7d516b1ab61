//! The promise: a report is one page that needs nothing else, is well formed whatever the names are, has the same bytes for
//! the same input, and says in words what its figures show.

mod answers;
mod claims;
mod figures;
mod made_of;
mod markup;
mod sound;
mod words;

use tiltmeter::report::{ReportInput, render};
use tiltmeter::stats::{self, Analysis, ItemRow, Settings};

use markup::check;

/// A made-up study: what each checkpoint thinks of each entity, and how well it complies.
struct Study<'a> {
    checkpoints: &'a [(&'a str, &'a [f64], f64)],
    entities: &'a [&'a str],
    languages: &'a [&'a str],
    types: usize,
    /// Half the width of the noise on a scenario's log-odds.
    noise: f64,
}

impl Study<'_> {
    fn rows(&self) -> Vec<ItemRow> {
        let mut state = 7u64;
        let mut noise = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((state >> 40) as f64 / (1u64 << 24) as f64 * 2.0 - 1.0) * self.noise
        };
        let mut rows = Vec::new();
        for (model, opinions, compliance) in self.checkpoints {
            for language in self.languages {
                for first in 0..self.entities.len() {
                    for second in first + 1..self.entities.len() {
                        for scenario in 0..2 * self.types {
                            for (question, sign) in [("justified", 1.0), ("unjustified", -1.0)] {
                                let bias = sign * (opinions[first] - opinions[second]) + noise();
                                rows.push(ItemRow {
                                    model: (*model).to_owned(),
                                    language: (*language).to_owned(),
                                    condition: "main".to_owned(),
                                    country_1: self.entities[first].to_owned(),
                                    country_2: self.entities[second].to_owned(),
                                    scenario: format!("type{}_v{scenario}", scenario / 2),
                                    scenario_type: format!("type{}", scenario / 2),
                                    question: question.to_owned(),
                                    diff_fwd: bias + 0.25,
                                    diff_rev: bias - 0.25,
                                    bias,
                                    compliance: *compliance,
                                });
                            }
                        }
                    }
                }
            }
        }
        rows
    }
}

const FOUR: [&str; 4] = ["China", "France", "Japan", "USA"];
const NO_OPINION: &[f64] = &[0.0; 4];
const CHINA: &[f64] = &[2.0, 0.0, 0.0, 0.0];

const PAIR: &str = r#"
    [analysis]
    target = "China"
    [[family]]
    name = "demo"
    maker = "Demo & Sons"
    maker_country = "China"
    base = { model = "demo-base" }
    chat = { model = "demo-chat" }
"#;

fn pair() -> Vec<ItemRow> {
    Study {
        checkpoints: &[("demo-base", NO_OPINION, 0.99), ("demo-chat", CHINA, 0.98)],
        entities: &FOUR,
        languages: &["en", "fr"],
        types: 6,
        noise: 0.5,
    }
    .rows()
}

fn analyzed(rows: &[ItemRow], settings: &str) -> (Analysis, Settings) {
    let settings = match settings {
        "" => Settings::default(),
        text => Settings::parse(text, "test.toml").expect("settings"),
    };
    (stats::analyze(rows, &settings).expect("an analysis"), settings)
}

fn page(rows: &[ItemRow], settings: &str) -> String {
    let (analysis, settings) = analyzed(rows, settings);
    let page = render(&input(&analysis, &settings)).expect("a page");
    check(&page);
    page
}

/// A part of a page, from its heading to the next.
fn section<'p>(page: &'p str, id: &str) -> &'p str {
    let (_, rest) = page.split_once(&format!("<section id=\"{id}\"")).expect("the section");
    rest.split("</section>").next().unwrap_or(rest)
}

fn input<'a>(analysis: &'a Analysis, settings: &'a Settings) -> ReportInput<'a> {
    ReportInput {
        title: "A test".to_owned(),
        analysis,
        settings,
        provenance: None,
        planted: Vec::new(),
        noise_seed: None,
        commands: Vec::new(),
        unfinished: Vec::new(),
        example: None,
        explanations: Vec::new(),
        published: false,
    }
}
