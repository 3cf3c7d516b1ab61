//! `tiltmeter inspect`: what was understood of a checkpoint.

mod text;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

use self::text::Text;
use super::engine::{Chosen, DeviceArgs, ModelArgs, Work};
use super::output::{print, print_json};
use super::prompts::unescape;
use crate::backend::measure::Measured;
use crate::decoder::Decoder;
use crate::inspect::{Answer, Bf16Facts, Parts, answer, choices};
use crate::scoring::{Engine, ScoreOptions};
use crate::study::{Message, Study};
use crate::tokens::PromptTokenizer;

/// Print what was understood of a checkpoint: arithmetic, tensors, tokenizer, BOS, chat template, cost.
///
/// Answers are looked at in the context of every condition and language of a study: a letter that merges with the end
/// of a prompt is named. With a prompt or messages, the likeliest tokens at the answer position follow.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// Study whose answers and prompts are looked at: a name or a folder
    #[arg(long, value_name = "NAME|DIR", default_value = crate::study::EMBEDDED[0])]
    study: String,
    /// Plain text to ask the model (`\n` is a newline)
    #[arg(long, value_name = "TEXT", conflicts_with = "messages", allow_hyphen_values = true, value_parser = unescape)]
    prompt: Option<String>,
    /// Conversation to ask the model: a JSON list of `role` and `content`, or a file with one
    #[arg(long, value_name = "JSON|FILE")]
    messages: Option<String>,
    /// The checkpoint's own beginning of an answer (`\n` is a newline)
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, value_parser = unescape)]
    prefill: Option<String>,
    /// Likeliest tokens to list
    #[arg(long, value_name = "K", default_value_t = 10)]
    top: usize,
    /// Read every weight, and count those that f16, in which `--backend cuda` multiplies, does not hold exactly
    #[arg(long)]
    weights: bool,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub fn run(args: Args) -> Result<ExitCode> {
    let study = Study::open(&args.study)?;
    let parts = Parts::open(&args.model.resolve()?)?;
    let mut inspection = parts.inspect(&study, args.prefill.as_deref());
    if args.weights {
        parts.checkpoint.check_finite()?;
        inspection.weights.bf16 = Some(Bf16Facts::of(&parts.checkpoint)?);
    }
    if args.prompt.is_some() || args.messages.is_some() {
        inspection.answer = Some(ask(&args, &parts, &study)?);
    }
    match args.json {
        true => print_json(&inspection)?,
        false => print(Text(&inspection).to_string())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn ask(args: &Args, parts: &Parts, study: &Study) -> Result<Answer> {
    let tokenizer = parts.tokenizer.as_ref().map_err(Clone::clone)?;
    let tokens = match (&args.prompt, &args.messages) {
        (Some(prompt), _) => tokenizer.encode_plain(prompt)?,
        (None, messages) => {
            let messages = read_messages(messages.as_deref().unwrap_or_default())?;
            let template = parts.template.as_ref().map_err(Clone::clone)?;
            tokenizer.encode_rendered(&template.render(&messages, args.prefill.as_deref())?)?
        }
    };
    let language = study.languages().first().context("the study has no language")?;
    let choices = choices(study, language, tokenizer)?.ids();
    parts.checkpoint.check_finite()?;
    args.device.run(args.json, Asking { parts, tokenizer, tokens, choices, top: args.top })
}

/// One prompt on the device that was chosen.
struct Asking<'a> {
    parts: &'a Parts,
    tokenizer: &'a PromptTokenizer,
    tokens: Vec<u32>,
    choices: Vec<Vec<u32>>,
    top: usize,
}

impl Work for Asking<'_> {
    type Output = Answer;

    fn run<B: Measured>(self, backend: &B, _: &Chosen) -> Result<Answer> {
        let checkpoint = &self.parts.checkpoint;
        let engine = Engine::new(Decoder::new(backend, &checkpoint.spec, checkpoint)?);
        let options = ScoreOptions { top: self.top, ..ScoreOptions::default() };
        Ok(answer(&engine, self.tokens, self.choices, self.tokenizer, &options)?)
    }
}

/// A list as it stands, or a file that holds one.
fn read_messages(given: &str) -> Result<Vec<Message>> {
    if given.trim_start().starts_with('[') {
        return serde_json::from_str(given).context("--messages is not a list of role and content");
    }
    let text = std::fs::read_to_string(Path::new(given)).with_context(|| format!("cannot read {given}"))?;
    serde_json::from_str(&text).with_context(|| format!("{given} is not a list of role and content"))
}
