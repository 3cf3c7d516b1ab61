//! `tiltmeter score`: any prompts, any choices, as JSON lines.

use super::engine::{Chosen, EngineArgs, ModelArgs, Work};
use super::output::{is_standard, keep_folder, say, write_json_line, write_whole};
use super::progress::skipped_work;
use crate::backend::Backend;
use crate::backend::measure::Measured;
use crate::checkpoint::Checkpoint;
use crate::decoder::{Decoder, read_weights};
use crate::scoring::lines::{Items, Reader};
use crate::scoring::output::ScoreLine;
use crate::scoring::{self, ChoiceScore, Engine, Plan, ScoreOptions, Tally};
use crate::store::file;
use crate::tokens::{ChatTemplate, PromptTokenizer};
use anyhow::{Context, Result, bail};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Score prompts from a JSONL file.
///
/// A line holds `id`; one of `tokens` (ids), `prompt` (text) or `messages` (role/content, with an optional `prefill`);
/// and either `choices` (lists of answer strings, each counting with its last token) or `choice_tokens` (lists of ids).
/// With `--continuations` every answer string counts as a whole, and a list of `choice_tokens` is one continuation.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    engine: EngineArgs,
    /// Items, one JSON object a line; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Scores in the order of the items; `-` writes standard output
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Also give the K likeliest next tokens, each with its text: part of a character is spelled as in the vocabulary, and
    /// an id that the tokenizer does not have is without a text
    #[arg(long, value_name = "K", default_value_t = 0)]
    top: usize,
    /// Score choices as a whole, token by token, rather than by the next token: for each the sum of its tokens'
    /// log-probabilities behind the prompt, their mean, and the sum per byte of its text
    #[arg(long, conflicts_with = "top")]
    continuations: bool,
}

pub fn run(args: Args) -> Result<ExitCode> {
    let start = Instant::now();
    check_output(&args)?;
    let dir = args.model.resolve()?;
    keep_folder(&args.output, "checkpoint", &dir)?;
    let checkpoint = Checkpoint::open(&dir)?;
    let tokenizer = PromptTokenizer::open(&dir);
    let template = ChatTemplate::open(&dir);
    let reader = Reader {
        tokenizer: &tokenizer,
        template: &template,
        vocab: checkpoint.spec.vocab,
        context: checkpoint.spec.context,
        model: &dir,
        continuations: args.continuations,
    };
    let items = read_items(&reader, &args.input)?;
    for note in &items.notes {
        say(format_args!("note: {note}"));
    }
    let read_seconds = start.elapsed().as_secs_f64();
    let scoring = Scoring { args: &args, checkpoint: &checkpoint, items: &items };
    let Scored { scores, tally, skipped, load_seconds } = args.engine.device.run(false, scoring)?;
    write_whole(&args.output, |out| {
        for (index, (item, score)) in items.items.iter().zip(&scores).enumerate() {
            let (set, bytes) = (&items.choice_sets[item.choices], items.bytes[index].as_deref());
            let line = ScoreLine::new(&items.ids[index], item, set, score, bytes, tokenizer.as_ref().ok());
            write_json_line(out, &line)?;
        }
        Ok(())
    })?;
    let skipped = super::volume::is_verbose().then(|| skipped_work(skipped));
    say(summary(&tally, skipped, read_seconds + load_seconds));
    Ok(ExitCode::SUCCESS)
}

/// Before anything is computed: scores must have a place, and must not take that of their items.
fn check_output(args: &Args) -> Result<()> {
    if is_standard(&args.output) {
        return Ok(());
    }
    file::check_place(&args.output)?;
    if !is_standard(&args.input) && file::is_same(&args.input, &args.output) {
        bail!(
            "--input and --output are one file, {}: the scores would replace the items",
            args.input.display()
        );
    }
    Ok(())
}

fn read_items(reader: &Reader<'_>, input: &Path) -> Result<Items> {
    if input == Path::new("-") {
        return Ok(reader.read(std::io::stdin().lock(), "standard input")?);
    }
    let file = std::fs::File::open(input).with_context(|| format!("cannot open {}", input.display()))?;
    Ok(reader.read(BufReader::new(file), &input.display().to_string())?)
}

/// All items on the device that was chosen.
struct Scoring<'a> {
    args: &'a Args,
    checkpoint: &'a Checkpoint,
    items: &'a Items,
}

struct Scored {
    /// In the order of the items.
    scores: Vec<ChoiceScore>,
    tally: Tally,
    /// Share of the layers' work that nothing needed.
    skipped: f64,
    /// Seconds spent on bringing the weights to the device.
    load_seconds: f64,
}

impl Work for Scoring<'_> {
    type Output = Scored;

    fn run<B: Measured>(self, backend: &B, chosen: &Chosen) -> Result<Scored> {
        let (spec, sharing) = (&self.checkpoint.spec, self.args.engine.sharing());
        let plan = Plan::new(&self.items.items, &self.items.choice_sets, sharing);
        let pack_tokens =
            self.args.engine.pack(chosen).tokens(spec, self.checkpoint.device_bytes(), &plan)?;
        let start = Instant::now();
        // Dropped before the checkpoint is.
        let read = read_weights(self.checkpoint, std::slice::from_ref(backend), false, None)?;
        let named = || self.checkpoint.dir.display().to_string();
        let engine = Engine::new(Decoder::new(backend, spec, self.checkpoint).with_context(named)?);
        drop(read);
        let load_seconds = start.elapsed().as_secs_f64();
        let options = ScoreOptions { pack_tokens, sharing, top: self.args.top };
        let skipped = scoring::Work::of(&plan, spec).skipped();
        let (scores, tally) = score_all(&engine, &plan, &self, &options).with_context(named)?;
        Ok(Scored { scores, tally, skipped, load_seconds })
    }
}

/// Scores in the order of the items.
fn score_all<B: Backend>(
    engine: &Engine<'_, B>,
    plan: &Plan<'_>,
    scoring: &Scoring<'_>,
    options: &ScoreOptions,
) -> Result<(Vec<ChoiceScore>, Tally)> {
    let items = scoring.items;
    let mut scores: Vec<Option<ChoiceScore>> = vec![None; items.items.len()];
    let tally = engine.score(plan, options, |batch, _| {
        for (item, score) in batch {
            scores[*item] = Some(score.clone());
        }
        scoring.checkpoint.check_unchanged()
    })?;
    let scores = scores.into_iter().collect::<Option<Vec<_>>>().context("the engine left out a prompt")?;
    Ok((scores, tally))
}

/// The last line on standard error.
fn summary(tally: &Tally, skipped: Option<String>, load_seconds: f64) -> String {
    format!(
        "scored {}: computed {} of {} tokens in {:.2} s ({load_seconds:.2} s to load){}",
        super::counted(tally.prompts, "prompt"),
        super::grouped(tally.computed_tokens),
        super::grouped(tally.naive_tokens),
        tally.compute_seconds,
        skipped.map_or_else(String::new, |sentence| format!("; {sentence}")),
    )
}
