//! A run's complete items as a table, with the settings that it is analysed with.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::input::settings_for;
use super::{counted, grouped};
use crate::scoring::item::ItemScore;
use crate::stats::{Analysis, ItemRef, Recipes, Settings, Singly, Table, TableBuilder, analyze_with};
use crate::store::{Completeness, RunReader};

pub(super) struct RunTable {
    pub reader: RunReader,
    pub table: Table,
    pub settings: Settings,
    pub completeness: Completeness,
    notes: Vec<String>,
}

impl RunTable {
    /// As far as the run has come; what its roster names beyond that is left out.
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
        let completeness = reader.completeness()?;
        let mut notes = completeness.sentences();
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
        Ok(RunTable { reader, table, settings, completeness, notes })
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
    use crate::stats::summary::{self, SummaryOptions};
    use crate::store::{CheckpointRecord, Progress, RunIdentity, RunStore, ScoreRow, samples};
    use crate::study::{OptionOrder, Prompt, PromptText, Roles, StageForm};

    fn analyze_run(dir: &Path, settings: Option<Settings>) -> Result<Analysis> {
        RunTable::read(dir, settings)?.analyze(Recipes::Both)
    }

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

    #[test]
    fn a_run_that_was_asked_the_negative_question_alone_keeps_its_sign() {
        let folder = tempfile::tempdir().expect("a folder");
        let questions = vec![("less_fair".to_owned(), -1)];
        let mut prompts: Vec<_> =
            prompts().into_iter().filter(|prompt| prompt.question != "justified").collect();
        for prompt in &mut prompts {
            prompt.question = "less_fair".into();
        }
        sweep_as(folder.path(), &RunIdentity { questions, ..samples::identity() }, &prompts);
        let analysis = analyze_run(folder.path(), None).expect("an analysis");
        let mean = |question: &str| {
            let id = format!("favourability/en/chat/B/{question}/all");
            analysis.clustered(&id).map(|c| c.mean_cluster).expect("a figure")
        };
        assert_eq!(mean("preference"), -mean("less_fair"));
    }
}
