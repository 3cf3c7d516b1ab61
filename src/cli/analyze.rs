//! `tiltmeter analyze`: figures from an item table or a run.

use super::input::{Input, settings_for};
use super::origin;
use super::output::{is_standard, say, standard_output};
use super::{counted, grouped};
use crate::report::{Document, ReportInput};
use crate::scoring::item::ItemScore;
use crate::stats::summary::{self, SummaryOptions, Tables};
use crate::stats::{
    Analysis, ItemRef, Named, Recipes, Settings, Singly, Table, TableBuilder, analyze_with, read_table,
};
use crate::store::export::parquet_error;
use crate::store::file::replace;
use crate::store::{RunReader, StoreError};
use anyhow::{Context, Result, anyhow, bail};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Estimate leans, shifts, makers' advantage and compliance: tables for a person, or every figure for a program.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Which recipes
    #[arg(long, value_enum, default_value_t = Choice::Confirmatory)]
    analysis: Choice,
    /// Tables for a person; every figure as JSON; one row an estimate as CSV, Parquet or Markdown
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Where to write; standard output if left out, or `-`
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A plan that `plan` wrote before the run: say what was planned and what was not
    #[arg(long, value_name = "FILE.toml")]
    plan: Option<PathBuf>,
    /// The date to write into the JSON; without it the only dates there are the run's own
    #[arg(long, value_name = "DATE")]
    date: Option<String>,
    /// How many tables
    #[arg(long, value_enum, default_value_t = Amount::Key)]
    tables: Amount,
    /// Question shown in the tables (default: preference, where both polarities were asked)
    #[arg(long, value_name = "NAME")]
    question: Option<String>,
    /// Scenarios shown in the tables: all, coherent70 ... (default: all)
    #[arg(long, value_name = "NAME")]
    subset: Option<String>,
    /// The one country shown in the tables (default: the target; every country with --tables all)
    #[arg(long, value_name = "NAME")]
    country: Option<String>,
    /// The one language shown in the tables (default: every language)
    #[arg(long, value_name = "NAME")]
    language: Option<String>,
    /// The one condition shown in the tables (default: every condition)
    #[arg(long, value_name = "NAME")]
    condition: Option<String>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Choice {
    /// The complete bank, intervals for stated scopes, three scales, and what reviewers ask next
    Confirmatory,
    /// Those of the published study
    Published,
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
    Parquet,
    Markdown,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Amount {
    /// Those that an answer needs, for the target
    Key,
    /// Every one, for every country
    All,
}

impl Args {
    fn recipes(&self) -> Recipes {
        // Scenarios and questions that only the published study's figures are made for.
        let asks_published = self.question.is_some() || self.subset.as_deref().is_some_and(|s| s != "all");
        match self.analysis {
            // The summary that comes first is the page's, which is made of both.
            Choice::Confirmatory if self.format == Format::Table && (asks_published || self.opens()) => {
                Recipes::Both
            }
            Choice::Confirmatory => Recipes::Confirmatory,
            Choice::Published => Recipes::Published,
            Choice::Both => Recipes::Both,
        }
    }

    /// Whether the page's opening comes before the tables: where no part of them was chosen.
    fn opens(&self) -> bool {
        let chosen = [&self.question, &self.subset, &self.country, &self.language, &self.condition];
        self.format == Format::Table && chosen.iter().all(|part| part.is_none())
    }

    /// Those that shape the figures.
    fn arguments(&self) -> Named<String> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let analysis = match self.analysis {
            Choice::Confirmatory => "confirmatory",
            Choice::Published => "published",
            Choice::Both => "both",
        };
        let given = [
            ("items", path(&self.input.items)),
            ("run", path(&self.input.run)),
            ("settings", path(&self.input.settings)),
            ("analysis", Some(analysis.to_owned())),
            ("plan", path(&self.plan)),
        ];
        given.into_iter().filter_map(|(flag, value)| Some((flag.to_owned(), value?))).collect()
    }
}

pub fn run(args: Args) -> Result<ExitCode> {
    let file = args.output.as_deref().filter(|output| !is_standard(output));
    if let Some(output) = file {
        args.input.check_output(output)?;
    } else if args.format == Format::Parquet {
        bail!("Parquet is no text for a terminal: name a file with --output");
    }
    let settings = args.input.settings()?;
    let mut first = String::new();
    let recipes = args.recipes();
    let mut analysis = match (&args.input.items, &args.input.run) {
        (Some(items), _) => {
            analyze_with(&read_table(items)?, &settings.clone().unwrap_or_default(), recipes)?
        }
        (None, Some(dir)) => {
            for sentence in RunReader::open(dir)?.completeness()?.sentences() {
                first.push_str(&format!("{sentence}\n\n"));
            }
            analyze_run_with(dir, settings.clone(), recipes)?
        }
        (None, None) => return Err(anyhow!("give --items or --run")),
    };
    let plan =
        args.plan.as_deref().map(|path| super::plan::check(path, &args.input, &analysis)).transpose()?;
    for sentence in plan.iter().flat_map(|plan| plan.sentences()) {
        first.push_str(&summary::wrapped(&sentence));
    }
    first.push_str(if plan.is_some() { "\n" } else { "" });
    if args.opens() && matches!(args.analysis, Choice::Confirmatory | Choice::Both) {
        let settings = match &args.input.run {
            Some(dir) => settings_for(&RunReader::open(dir)?, settings)?,
            None => settings.unwrap_or_default(),
        };
        for sentence in opening(&analysis, &settings) {
            first.push_str(&format!("{}\n", summary::wrapped(&sentence)));
        }
    }
    // Its sentences stand above already; the document has them as fields.
    analysis.plan = plan;
    let origin = origin::of(&args.input, args.arguments(), args.date.clone(), &analysis)?;
    analysis.origin = Some(origin);
    for note in &analysis.notes {
        say(format_args!("note: {note}"));
    }
    write(&args, &analysis, first)
}

/// What the page opens with; nothing where there is nothing for a page.
fn opening(analysis: &Analysis, settings: &Settings) -> Vec<String> {
    let input = ReportInput {
        title: String::new(),
        analysis,
        settings,
        provenance: None,
        planted: Vec::new(),
        noise_seed: None,
        commands: Vec::new(),
        unfinished: Vec::new(),
        example: None,
    };
    Document::new(&input).map_or_else(|_| Vec::new(), |document| document.opening())
}

fn write(args: &Args, analysis: &Analysis, first: String) -> Result<ExitCode> {
    let table = match args.format {
        Format::Table => {
            let options = SummaryOptions {
                tables: match args.tables {
                    Amount::Key => Tables::Key,
                    Amount::All => Tables::All,
                },
                question: args.question.clone(),
                subset: args.subset.clone(),
                country: args.country.clone(),
                language: args.language.clone(),
                condition: args.condition.clone(),
            };
            first + &summary::render(analysis, &options).map_err(|problem| anyhow!(problem))?
        }
        _ => String::new(),
    };
    let text = |out: &mut dyn Write| match args.format {
        Format::Json => analysis.write_json(out),
        Format::Csv => analysis.write_csv(out),
        Format::Markdown => analysis.write_markdown(out),
        Format::Table | Format::Parquet => out.write_all(table.as_bytes()),
    };
    match args.output.as_deref().filter(|output| !is_standard(output)) {
        Some(path) if args.format == Format::Parquet => {
            replace(path, |out| analysis.write_parquet(out).map_err(|e| parquet_error(path, e)))?;
        }
        Some(path) => replace(path, |out| text(out).map_err(|e| StoreError::io(path, e)))?,
        None => {
            let mut out = standard_output();
            text(&mut out)?;
            out.flush()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A run's figures so far, the letter bias of its prompts among them; what its roster names beyond that is left out.
pub(crate) fn analyze_run(dir: &Path, settings: Option<Settings>) -> Result<Analysis> {
    analyze_run_with(dir, settings, Recipes::Both)
}

/// The same of some groups of figures.
fn analyze_run_with(dir: &Path, settings: Option<Settings>, recipes: Recipes) -> Result<Analysis> {
    RunTable::read(dir, settings)?.analyze(recipes)
}

/// A run's complete items as a table, with the settings that it is analysed with.
pub(super) struct RunTable {
    pub reader: RunReader,
    pub table: Table,
    pub settings: Settings,
    notes: Vec<String>,
}

impl RunTable {
    pub fn read(dir: &Path, settings: Option<Settings>) -> Result<RunTable> {
        let reader = RunReader::open(dir)?;
        let mut builder = TableBuilder::new("item table", "row");
        let mut row = 0;
        let of_run = || format!("the run in {}", dir.display());
        let counts = reader.visit_items(|names, score| {
            row += 1;
            let ItemScore { diff_fwd, diff_rev, bias, compliance, chosen, letter_bias, .. } = score;
            let item = ItemRef { names, diff_fwd, diff_rev, bias, compliance };
            builder.push_with(item, Singly { chosen, letter: letter_bias }, row).with_context(of_run)
        })?;
        match (counts.complete, counts.incomplete) {
            (0, 0) => bail!("the run in {} holds no scores yet", dir.display()),
            (0, n) => bail!(
                "the run in {} holds no complete item: {} still lack some of their four prompts; go on with the sweep, without a \
                 --limit",
                dir.display(),
                counted(n, "item")
            ),
            _ => {}
        }
        let mut notes = reader.completeness()?.sentences();
        let mut settings = settings_for(&reader, settings)?;
        let table = builder.finish().with_context(of_run)?;
        notes.append(&mut settings.restrict_to(&table));
        settings.adopt_polarity(&reader.questions()?, &table);
        if counts.incomplete > 0 {
            notes.push(format!(
                "items left out because they lack some of their four prompts: {}",
                grouped(counts.incomplete)
            ));
        }
        Ok(RunTable { reader, table, settings, notes })
    }

    pub fn analyze(&self, recipes: Recipes) -> Result<Analysis> {
        let mut analysis = analyze_with(&self.table, &self.settings, recipes)?;
        analysis.notes.splice(0..0, self.notes.iter().cloned());
        Ok(analysis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::ChoiceSet;
    use crate::store::{CheckpointRecord, Progress, RunIdentity, RunStore, ScoreRow, samples};
    use crate::study::{OptionOrder, Prompt, PromptText, Roles, StageForm};

    const ROSTER: &str = "[analysis]\ntarget = 'B'\nbaseline_language = 'fr'\n\
        [[family]]\nname = 'f'\nmaker_country = 'Z'\n\
        base = { model = 'base', checkpoint = 'b' }\nchat = { model = 'chat', checkpoint = 'c', prefill = '(' }\n";

    /// Three scenarios of as many types, both polarities, all four arrangements.
    fn prompts() -> Vec<Prompt> {
        let mut prompts = Vec::new();
        for kind in ["border", "cyber", "trade"] {
            for question in ["justified", "unjustified"] {
                for roles in [Roles::Fwd, Roles::Rev] {
                    for order in [OptionOrder::First, OptionOrder::Second] {
                        prompts.push(Prompt {
                            id: format!("en/main/A-B/{kind}/{question}/{}/{}", roles.name(), order.name()),
                            language: "en".into(),
                            condition: "main".into(),
                            pair: ["A".into(), "B".into()],
                            scenario: format!("{kind}_v1"),
                            scenario_type: kind.into(),
                            question: question.into(),
                            roles,
                            order,
                            text: PromptText::Plain(String::new()),
                        });
                    }
                }
            }
        }
        prompts
    }

    /// A lean of 1.5 towards B, a taste of 0.5 for the first role and of -0.25 for the first letter.
    fn log_odds(prompt: &Prompt) -> f64 {
        let lean = if ["justified", "fairer"].contains(&prompt.question.as_str()) { -1.5 } else { 1.5 };
        let role = if prompt.roles == Roles::Fwd { 0.5 } else { -0.5 };
        let towards_a = if prompt.order == OptionOrder::First { 1.0 } else { -1.0 };
        towards_a * (lean + role) - 0.25
    }

    /// A run in which `chat` is scored, `base` not yet, and one item of `chat` lacks a prompt.
    fn sweep(dir: &Path) {
        sweep_as(dir, &samples::identity(), &prompts());
    }

    fn sweep_as(dir: &Path, identity: &RunIdentity, prompts: &[Prompt]) {
        let record = CheckpointRecord {
            family: "f".into(),
            stage: "chat".into(),
            form: StageForm::Chat,
            ..samples::record("chat")
        };
        let mut store = RunStore::open_or_create(dir, identity).expect("a run");
        store.keep_roster(ROSTER, &Default::default()).expect("kept");
        let checkpoint = store.checkpoint(&record).expect("registered");
        let answers =
            store.answers(checkpoint, &ChoiceSet::Tokens(vec![vec![1], vec![2]])).expect("registered");
        let mut prompts = prompts.to_vec();
        prompts.push(Prompt {
            scenario: "border_v2".into(),
            scenario_type: "border".into(),
            ..prompts[0].clone()
        });
        let keys = store.keys(&prompts).expect("keys");
        let logits = [vec![0.0], vec![0.0]];
        let row = |(key, prompt): (_, &Prompt)| ScoreRow {
            key,
            prompt_sha256: [0; 32],
            n_tokens: 1,
            answers,
            logits: &logits,
            logsumexp: 1.0,
            logprobs: [-1.0, -1.0],
            log_odds: log_odds(prompt),
            compliance: 0.05,
        };
        let rows: Vec<ScoreRow<'_>> = keys.into_iter().zip(&prompts).map(row).collect();
        let session = store.begin_session(checkpoint, &samples::session()).expect("begun");
        store.put(checkpoint, session, &rows, Progress::default()).expect("stored");
    }

    #[test]
    fn a_run_is_analysed_as_far_as_it_has_come() {
        let folder = tempfile::tempdir().expect("a folder");
        sweep(folder.path());
        let analysis = analyze_run(folder.path(), None).expect("an analysis");
        let mean = |id: &str| analysis.clustered(id).map(|c| c.mean_cluster);
        assert_eq!(mean("favourability/en/chat/B/preference/all"), Some(1.5));
        assert_eq!(mean("role_bias/en/chat/justified/all"), Some(0.5));
        assert_eq!(mean("letter_bias/en/chat/both/all"), Some(-0.25));
        assert!(analysis.figures().iter().all(|f| !f.id.starts_with("shift/")));
        for part in ["`fr`", "`base`", "lack some of their four prompts: 1"] {
            assert!(analysis.notes.iter().any(|note| note.contains(part)), "{part}: {:?}", analysis.notes);
        }
        let text = summary::render(&analysis, &SummaryOptions::default()).expect("tables");
        assert!(text.contains("‡ in en, compliance is below 0.1, as good as noise: chat 0.050"), "{text}");
        assert!(text.contains("chat‡") && text.contains("letters, both"), "{text}");
        // Of one family no direction is made.
        assert!(!text.contains("Maker direction"), "{text}");
    }

    #[test]
    fn a_run_knows_the_polarity_of_its_own_studys_questions() {
        let folder = tempfile::tempdir().expect("a folder");
        let questions = vec![("fairer".to_owned(), 1), ("less_fair".to_owned(), -1)];
        let mut prompts = prompts();
        for prompt in &mut prompts {
            let fairer = prompt.question == "justified";
            prompt.question = if fairer { "fairer" } else { "less_fair" }.into();
        }
        sweep_as(folder.path(), &RunIdentity { questions, ..samples::identity() }, &prompts);
        let mean = |analysis: &Analysis, id: &str| analysis.clustered(id).map(|c| c.mean_cluster);
        let analysis = analyze_run(folder.path(), None).expect("an analysis");
        assert_eq!(mean(&analysis, "favourability/en/chat/B/preference/all"), Some(1.5));
        assert!(analysis.estimate("coherence/counts").is_some());
        assert!(analysis.notes.iter().all(|note| !note.contains("polarity")), "{:?}", analysis.notes);
        // Settings that name the polarity are believed.
        let turned = "[analysis.questions]\npositive = 'less_fair'\nnegative = 'fairer'\n";
        let turned = Settings::parse(turned, "s.toml").expect("settings");
        let analysis = analyze_run(folder.path(), Some(turned)).expect("an analysis");
        assert_eq!(mean(&analysis, "favourability/en/chat/B/preference/all"), Some(-1.5));
    }
}
