//! Sweeps with a model that fails when it is told to.

mod ahead;
mod refused;
mod resumed;
mod rosters;

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use super::*;
use crate::checkpoint::spec::{DecoderSpec, LayerSpec};
use crate::scoring::{ChoiceScore, Rates, ScoreOptions, Work};
use crate::store::{CheckpointRecord, Roster, RunReader, samples};
use crate::study::{Choices, Prompt, PromptText};

const ROSTER: &str = "[[family]]\nname = 'f'\nbase = { model = 'a', checkpoint = 'x/a' }\n\
                      chat = { model = 'b', checkpoint = 'x/b' }\n";

/// Scores that are a function of a prompt's tokens; packs of five prompts.
struct Fake {
    record: CheckpointRecord,
    context: usize,
    /// Last token of every prompt.
    end: u32,
    /// Token of the first answer.
    letter: u32,
    /// Packs until the device is lost.
    packs: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Fakes {
    context: usize,
    end: u32,
    letter: u32,
    arithmetic: Option<String>,
    packs: Arc<AtomicUsize>,
    /// One that cannot be loaded.
    broken: Option<&'static str>,
    /// Checkpoints, as they are loaded.
    loaded: Arc<Mutex<Vec<String>>>,
}

impl Fakes {
    fn new(packs: usize) -> Self {
        Self {
            context: 1 << 20,
            end: 10,
            letter: 65,
            arithmetic: Some("f".into()),
            packs: Arc::new(AtomicUsize::new(packs)),
            broken: None,
            loaded: Arc::default(),
        }
    }
}

impl Fakes {
    fn fake(&self, record: CheckpointRecord) -> Fake {
        let Self { context, end, letter, .. } = *self;
        Fake { record, context, end, letter, packs: self.packs.clone() }
    }
}

impl Loader for Fakes {
    type Model = Fake;

    fn find(&self, _: &Family, _: &Stage) -> Result<u64, ModelError> {
        Ok(1)
    }

    fn load(&self, family: &Family, stage: &Stage, _: &Manner<'_>) -> Result<Fake, ModelError> {
        let record = CheckpointRecord {
            family: family.name.clone(),
            stage: stage.name.clone(),
            form: stage.form,
            source: stage.checkpoint.clone(),
            prefill: stage.prefill.clone(),
            arithmetic: self.arithmetic.clone(),
            ..samples::record(&stage.model)
        };
        self.loaded.lock().expect("no panic").push(stage.model.clone());
        if self.broken == Some(stage.model.as_str()) {
            return Err("its weights are cut short".into());
        }
        Ok(self.fake(record))
    }

    fn speller(&self, stage: &Stage) -> Result<Fake, ModelError> {
        Ok(self.fake(samples::record(&stage.model)))
    }
}

impl Speller for Fake {
    fn context(&self) -> usize {
        self.context
    }

    fn vocab(&self) -> usize {
        256
    }

    fn rates(&self) -> Rates {
        Rates::of(&DecoderSpec::plain(4, 256, 8, 1e-6, vec![LayerSpec::plain(2, 1, 3, 5); 2]))
    }

    fn encode(&self, prompts: &[Prompt]) -> Result<Vec<Vec<u32>>, ModelError> {
        let bytes = |text: &str| text.bytes().map(u32::from).chain([self.end]).collect();
        Ok(prompts
            .iter()
            .map(|prompt| match &prompt.text {
                PromptText::Plain(text) => bytes(text),
                PromptText::Chat { messages, .. } => bytes(&messages[0].content),
            })
            .collect())
    }

    fn answers(&self, _: &Choices) -> Result<Vec<Vec<u32>>, ModelError> {
        Ok(vec![vec![self.letter], vec![66]])
    }

    fn whole(&self, prompts: &[Prompt], _: &Choices) -> Result<Vec<Whole>, ModelError> {
        let answers = vec![vec![vec![65], vec![40, 65, 41]], vec![vec![66], vec![40, 66, 41]]];
        let encoded = self.encode(prompts)?.into_iter();
        Ok(encoded.map(|tokens| Whole { tokens, answers: answers.clone() }).collect())
    }

    fn oddities(&self, _: &Prompt, _: &Choices) -> Result<Vec<String>, ModelError> {
        Ok(vec!["\"A\" merges".into()])
    }
}

impl Model for Fake {
    type Speller = Fake;

    fn speller(&self) -> &Fake {
        self
    }

    fn record(&self) -> &CheckpointRecord {
        &self.record
    }

    fn device(&self) -> String {
        "a pencil".into()
    }

    fn work(&self, _: &Plan<'_>) -> Work {
        Work::default()
    }

    fn pack_tokens(&self, _: &Plan<'_>) -> Result<usize, ModelError> {
        Ok(5)
    }

    fn score(
        &self,
        plan: &Plan<'_>,
        _: &ScoreOptions,
        store: &mut dyn FnMut(Pack<'_>) -> Result<(), SweepError>,
    ) -> Result<Tally, SweepError> {
        let mut tally = Tally::default();
        let indices: Vec<usize> = (0..plan.items().len()).collect();
        for pack in indices.chunks(5) {
            match self.packs.load(Ordering::Relaxed) {
                0 => return Err(SweepError::checkpoint(&self.record.model, "the device was lost")),
                left => self.packs.store(left - 1, Ordering::Relaxed),
            }
            let scores: Vec<(usize, ChoiceScore)> = pack
                .iter()
                .map(|&index| {
                    let tokens = &plan.items()[index].tokens;
                    let seed = tokens.iter().fold(7u32, |h, t| h.wrapping_mul(31).wrapping_add(*t));
                    let logits = vec![vec![(seed % 97) as f32 / 10.0], vec![(seed % 89) as f32 / 10.0]];
                    (index, ChoiceScore::new(logits, 12.0, Vec::new()))
                })
                .collect();
            tally.prompts += scores.len();
            tally.computed_tokens += 3 * scores.len();
            tally.compute_seconds += 0.25;
            store(Pack { scores: &scores, tally: &tally, load_seconds: 0.5 })?;
        }
        Ok(tally)
    }
}

/// Remembers what was said.
#[derive(Default)]
struct Said {
    notes: Vec<String>,
    errors: Vec<String>,
    plans: Vec<PlanFigures>,
    packs: usize,
    stop_after: Option<usize>,
}

impl Watch for Said {
    fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }
    fn count(&mut self, _: &Stage, _: usize, _: usize) {}
    fn begin(&mut self, _: &Stage, _: usize, _: usize) {}
    fn plan(&mut self, _: &Stage, plan: PlanFigures, _: f64) {
        self.plans.push(plan);
    }
    fn spell(&mut self, _: usize, _: usize) {}
    fn advance(&mut self, _: &Tally, _: Option<f64>) {
        self.packs += 1;
    }
    fn end(&mut self, _: &Stage, _: Option<&Tally>) {}
    fn fail(&mut self, error: &SweepError) {
        self.errors.push(error.to_string());
    }
    fn stop(&mut self) -> bool {
        self.stop_after.is_some_and(|packs| self.packs >= packs)
    }
}

struct Setting {
    roster: Roster,
    study: Study,
}

impl Setting {
    fn new() -> Self {
        let roster = Roster::parse(ROSTER, "r.toml", std::path::Path::new("")).expect("the roster parses");
        Self { roster, study: Study::embedded().expect("the study that ships") }
    }

    /// One type of scenarios between three countries in one language.
    fn request(&self) -> Request<'_> {
        let mut request = Request::new(&self.roster, &self.study);
        request.languages = vec!["fr".into()];
        request.countries = ["USA", "China", "Japan"].map(String::from).to_vec();
        request.scenarios = vec!["border".into()];
        request
    }

    fn sweep(&self, request: &Request<'_>, dir: &std::path::Path, loader: &Fakes) -> (Outcome, Said) {
        self.watched(request, dir, loader, Said::default())
    }

    fn watched(
        &self,
        request: &Request<'_>,
        dir: &std::path::Path,
        loader: &Fakes,
        mut said: Said,
    ) -> (Outcome, Said) {
        let mut store = RunStore::open_or_create(dir, &run_identity(&self.study)).expect("the run opens");
        let outcome = sweep(request, &mut store, loader, &mut said).expect("the sweep ends");
        (outcome, said)
    }
}

#[test]
fn a_lost_device_costs_nothing_that_was_stored() {
    let setting = Setting::new();
    let request = setting.request();
    let whole = tempfile::tempdir().expect("a folder");
    let (outcome, _) = setting.sweep(&request, whole.path(), &Fakes::new(usize::MAX));
    assert_eq!((outcome.done, outcome.failed), (2, 0));
    let (expected, _) = RunReader::open(whole.path()).and_then(|r| r.items()).expect("items");
    assert!(!expected.is_empty());

    let dir = tempfile::tempdir().expect("a folder");
    let (outcome, said) = setting.sweep(&request, dir.path(), &Fakes::new(3));
    assert_eq!((outcome.done, outcome.failed), (0, 2));
    assert_eq!(said.errors[0], "checkpoint `a`: the device was lost");
    let (outcome, said) = setting.sweep(&request, dir.path(), &Fakes::new(usize::MAX));
    assert_eq!((outcome.done, outcome.failed), (2, 0));
    assert_eq!(said.plans[0].scored, 15);
    let (items, _) = RunReader::open(dir.path()).and_then(|r| r.items()).expect("items");
    assert_eq!(items, expected);
}

#[test]
fn a_sweep_that_is_stopped_keeps_its_packs_and_the_run_knows_what_is_left() {
    let setting = Setting::new();
    let request = Request { limit: Some(40), ..setting.request() };
    let dir = tempfile::tempdir().expect("a folder");
    let said = Said { stop_after: Some(3), ..Said::default() };
    let (outcome, _) = setting.watched(&request, dir.path(), &Fakes::new(usize::MAX), said);
    assert!(outcome.stopped);
    assert_eq!((outcome.done, outcome.failed, outcome.totals.prompts), (0, 0, 15));
    let reader = RunReader::open(dir.path()).expect("the run opens");
    let found = reader.completeness().expect("readable");
    assert_eq!((found.asked, found.scored), (80, 15));
    // Two countries' pairs of one scenario type in one language, and no more than 40 of those.
    assert!(found.whole > 10_000 && found.is_filtered() && !found.is_finished(), "{found:?}");
    let said = found.sentences();
    assert_eq!(said[0], "unfinished: 15 of 80 prompts are scored");
    let filters = "(languages fr; countries USA, China, Japan; scenarios border; at most 40 prompts per checkpoint, language";
    assert!(said[1].contains(filters), "{said:?}");
    // The checkpoint whose turn did not come is among those asked.
    let fr: Vec<_> = found.cells.iter().filter(|cell| cell.language == "fr").collect();
    assert_eq!(fr.iter().map(|cell| (cell.asked, cell.scored)).collect::<Vec<_>>(), [(40, 15), (40, 0)]);
    let sweeps = reader.sweeps().expect("readable");
    assert_eq!(sweeps[0].outcome.as_deref(), Some("interrupted"));
    assert_eq!(sweeps[0].record.filters.limit, Some(40));
    drop(reader);

    setting.sweep(&request, dir.path(), &Fakes::new(usize::MAX));
    let reader = RunReader::open(dir.path()).expect("the run opens");
    let found = reader.completeness().expect("readable");
    assert!(found.is_finished() && found.sentences().len() == 1, "{found:?}");
    // Tokens of a prompt count once, however often the sweep was begun.
    let whole = tempfile::tempdir().expect("a folder");
    setting.sweep(&request, whole.path(), &Fakes::new(usize::MAX));
    let tokens = |reader: RunReader| {
        let all = reader.checkpoints().expect("readable");
        all.iter().map(|c| c.prompt_tokens).collect::<Vec<_>>()
    };
    assert_eq!(tokens(reader), tokens(RunReader::open(whole.path()).expect("the run opens")));
    // One that is done by then is done.
    let dir = tempfile::tempdir().expect("a folder");
    let said = Said { stop_after: Some(40 / 5), ..Said::default() };
    let (outcome, _) = setting.watched(&request, dir.path(), &Fakes::new(usize::MAX), said);
    assert!(outcome.stopped);
    assert_eq!((outcome.done, outcome.failed, outcome.totals.prompts), (1, 0, 40));
}

#[test]
fn shards_ask_every_prompt_once_and_load_what_they_compute() {
    let setting = Setting::new();
    let whole = tempfile::tempdir().expect("a folder");
    setting.sweep(&setting.request(), whole.path(), &Fakes::new(usize::MAX));
    let scores = |dir: &std::path::Path| kept(dir).expect("readable").into_iter().collect::<Vec<_>>();
    let mut all = Vec::new();
    for index in 1..=5 {
        let request = Request {
            shard: Some(Shard::new(index, 5).expect("a shard")),
            sharing: index > 2,
            ..setting.request()
        };
        let dir = tempfile::tempdir().expect("a folder");
        let loader = Fakes::new(usize::MAX);
        let (outcome, _) = setting.sweep(&request, dir.path(), &loader);
        let own = scores(dir.path());
        let models: HashSet<&str> = own.iter().map(|(model, _)| model.as_str()).collect();
        assert_eq!(
            (outcome.failed, outcome.done, loader.loaded.lock().expect("no panic").len()),
            (0, models.len(), models.len())
        );
        let found = RunReader::open(dir.path()).and_then(|r| r.completeness()).expect("readable");
        assert_eq!((found.asked, found.scored), (own.len() as u64, own.len() as u64));
        assert_eq!(found.shards[0].present, [index]);
        all.extend(own);
    }
    let mut expected = scores(whole.path());
    expected.sort();
    all.sort();
    assert!(all == expected);
}

#[test]
fn the_totals_are_those_of_all_checkpoints_together() {
    let setting = Setting::new();
    let request = Request { limit: Some(40), ..setting.request() };
    let dir = tempfile::tempdir().expect("a folder");
    let (outcome, _) = setting.sweep(&request, dir.path(), &Fakes::new(usize::MAX));
    let totals = outcome.totals;
    let reader = RunReader::open(dir.path()).expect("the run opens");
    let tokens: u64 = reader.checkpoints().expect("readable").iter().map(|c| c.prompt_tokens).sum();
    // Two checkpoints of 40 prompts in 8 packs; what the fake says of each, and the time it took to load it.
    assert_eq!((totals.prompts, totals.naive_tokens, totals.computed_tokens), (80, tokens, 3 * 80));
    assert_eq!(totals.compute_seconds, 0.25 * 16.0);
    assert!((1.0..1.5).contains(&totals.load_seconds), "{}", totals.load_seconds);
}

#[test]
fn a_limit_is_per_language_and_condition() {
    let setting = Setting::new();
    let mut request = setting.request();
    request.languages = vec!["en".into(), "zh".into()];
    request.limit = Some(7);
    let mut said = Said::default();
    let outcome = dry_run(&request, &Fakes::new(0), &Kept::new(), None, &mut said).expect("it plans");
    assert_eq!(outcome.done, 2);
    assert_eq!(said.plans.iter().map(|p| p.asked).collect::<Vec<_>>(), [14, 14]);
}
