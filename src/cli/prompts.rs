//! `tiltmeter prompts`: what a checkpoint would be asked, as JSON lines.

use super::engine::ModelArgs;
use super::output::{keep_folder, say, write_json_line, write_whole};
use super::study::sound;
use crate::inspect;
use crate::plain::nearest;
use crate::study::{
    Message, OptionOrder, Prompt, PromptQuery, PromptText, Prompts, Roles, StageForm, Study, StudyError,
};
use crate::tokens::{Chat, ChatTemplate, PromptTokenizer};
use anyhow::{Result, anyhow, bail};
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Print the prompts of a study's condition as JSON lines.
///
/// A line holds id (the same for base and chat), pair, scenario, scenario_type, question, roles, order and what the model
/// is shown: `text`, or for chat without a model `messages` and `prefill` (and `text` too where one user message is all).
/// With a model a chat's `text` is the rendered template (ids spelled as
/// their tokens), and `tokens` are its ids; an answer that merges with the end of a prompt is noted on standard error.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    query: QueryArgs,
    /// How the checkpoint is addressed
    #[arg(long, value_enum)]
    stage: Stage,
    /// Checkpoint folder, or a hub id in the local Hugging Face cache, to render and tokenize for
    #[arg(long, value_name = "DIR|ID")]
    model: Option<String>,
    /// Print only the first N, or with `--seed` N at random
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// With `--limit`: whole items at random, spread evenly over pairs and scenario types
    #[arg(long, value_name = "S", requires = "limit")]
    seed: Option<u64>,
    /// Write the lines here; `-` is standard output
    #[arg(long, visible_alias = "out", value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

/// Which study, and which of its prompts.
#[derive(Debug, Clone, clap::Args)]
pub struct QueryArgs {
    /// Name of an embedded study, or a study's folder
    #[arg(long, value_name = "NAME|DIR", default_value = crate::study::EMBEDDED[0])]
    pub study: String,
    #[command(flatten)]
    pub filter: FilterArgs,
}

/// Which prompts of a study.
#[derive(Debug, Clone, clap::Args)]
pub struct FilterArgs {
    /// Language of the scenarios [default: the study's first]
    #[arg(long, value_name = "L")]
    pub language: Option<String>,
    /// Condition of the study
    #[arg(long, value_name = "C", default_value = "main")]
    pub condition: String,
    /// Keep pairs of these entities only, by id
    #[arg(long, visible_alias = "entities", value_name = "ID,ID,...", value_delimiter = ',')]
    pub countries: Vec<String>,
    /// Keep these pairs only, as `USA-France`
    #[arg(long, value_name = "PAIR,...", value_delimiter = ',')]
    pub pairs: Vec<String>,
    /// Keep these scenarios only, by id or type
    #[arg(long, value_name = "ID|TYPE,...", value_delimiter = ',')]
    pub scenarios: Vec<String>,
    /// The checkpoint's own beginning of an answer, for conditions that ask for it (`\n` is a newline)
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, value_parser = unescape)]
    pub prefill: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Stage {
    /// Plain text
    Base,
    /// Messages
    Chat,
}

impl Stage {
    pub fn form(self) -> StageForm {
        match self {
            Self::Base => StageForm::Base,
            Self::Chat => StageForm::Chat,
        }
    }
}

impl FilterArgs {
    pub fn query(self, study: &Study, stage: Stage) -> PromptQuery {
        let first = || study.languages().first().cloned().unwrap_or_default();
        PromptQuery {
            language: self.language.unwrap_or_else(first),
            condition: self.condition,
            form: stage.form(),
            entities: self.countries,
            pairs: self.pairs,
            scenarios: self.scenarios,
            prefill: self.prefill,
        }
    }
}

/// Shells make it hard to pass a newline.
pub(super) fn unescape(text: &str) -> Result<String, std::convert::Infallible> {
    Ok(text.replace("\\n", "\n"))
}

#[derive(Serialize, schemars::JsonSchema)]
pub struct Line<'a> {
    id: &'a str,
    pair: &'a [String; 2],
    scenario: &'a str,
    scenario_type: &'a str,
    question: &'a str,
    roles: Roles,
    order: OptionOrder,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<&'a [Message]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefill: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<&'a [u32]>,
}

/// The prompts that `query` asks for, of which there must be some; what the options left unsaid is named by its option.
pub(super) fn prompts(study: &Study, query: &PromptQuery) -> Result<Prompts> {
    let prompts = match study.prompts(query) {
        Err(StudyError::NeedsPrefill { condition }) => bail!(
            "condition `{condition}` begins the answer as the checkpoint itself does: say how with --prefill (`\\n` is a \
             newline)"
        ),
        Err(StudyError::Unknown { what: "pair", name, .. }) => {
            let set = study.entity_set(&study.condition(&query.condition)?.entities)?;
            let ids: Vec<&str> = set.entities.iter().map(|e| e.id.as_str()).collect();
            let example = ids.get(..2).map(|two| two.join("-")).unwrap_or_default();
            let names: Vec<String> =
                set.pairs.iter().map(|&(one, two)| format!("{}-{}", ids[one], ids[two])).collect();
            let hint = nearest(&name, names.iter().map(String::as_str));
            return Err(anyhow!(
                "no pair is called `{name}`{hint}; a pair is two of {}, as `{example}`",
                ids.join(", ")
            ));
        }
        prompts => prompts?,
    };
    if prompts.len() == 0 {
        bail!("no prompt is left by this choice of countries, pairs and scenarios");
    }
    if query.prefill.is_some() && !study.condition(&query.condition)?.needs_prefill(query.form) {
        let (condition, form) = (&query.condition, query.form.name());
        say(format_args!(
            "note: --prefill is not used, condition `{condition}` takes none from a {form} checkpoint"
        ));
    }
    Ok(prompts)
}

/// Prompts spelled together, on all cores.
const BATCH: usize = 512;

pub fn run(args: Args) -> Result<ExitCode> {
    keep_folder(&args.output, "study", Path::new(&args.query.study))?;
    let study = sound(&args.query.study)?;
    let query = args.query.filter.query(&study, args.stage);
    let all = prompts(&study, &query)?;
    let places = all.places(args.limit, args.seed);
    let prompts = places.into_iter().filter_map(|place| all.get(place));
    let dir = args.model.map(|model| ModelArgs { model, revision: None }.resolve()).transpose()?;
    if let Some(dir) = &dir {
        keep_folder(&args.output, "checkpoint", dir)?;
    }
    let speller = dir.as_deref().map(|dir| Speller::open(dir, args.stage)).transpose()?;
    write_whole(&args.output, |out| write_lines(out, prompts, &study, speller.as_ref()))?;
    Ok(ExitCode::SUCCESS)
}

fn write_lines(
    out: &mut dyn Write,
    mut prompts: impl Iterator<Item = Prompt>,
    study: &Study,
    speller: Option<&Speller>,
) -> Result<()> {
    let mut first = true;
    loop {
        let batch: Vec<Prompt> = prompts.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            break;
        }
        if let (true, Some(speller), [prompt, ..]) = (first, speller, &batch[..]) {
            for oddity in inspect::oddities(study, prompt, &speller.tokenizer, speller.template.as_ref())? {
                let (condition, language) = (&prompt.condition, &prompt.language);
                say(format_args!("note: condition `{condition}` in `{language}`: {oddity}"));
            }
        }
        first = false;
        match speller {
            None => {
                for prompt in &batch {
                    write_json_line(out, &Line::plain(prompt))?;
                }
            }
            Some(speller) => {
                let spelled = speller.spell(&batch)?;
                for (prompt, (text, tokens)) in batch.iter().zip(&spelled) {
                    write_json_line(out, &Line { tokens: Some(tokens), ..Line::new(prompt, Some(text)) })?;
                }
            }
        }
    }
    Ok(())
}

impl<'a> Line<'a> {
    fn new(prompt: &'a Prompt, text: Option<&'a str>) -> Self {
        Self {
            id: &prompt.id,
            pair: &prompt.pair,
            scenario: &prompt.scenario,
            scenario_type: &prompt.scenario_type,
            question: &prompt.question,
            roles: prompt.roles,
            order: prompt.order,
            text,
            messages: None,
            prefill: None,
            tokens: None,
        }
    }

    /// As the study has it, without a model.
    fn plain(prompt: &'a Prompt) -> Self {
        match &prompt.text {
            PromptText::Plain(text) => Self::new(prompt, Some(text)),
            PromptText::Chat { messages, prefill } => {
                let text = match messages.as_slice() {
                    [only] if only.role == "user" => Some(only.content.as_str()),
                    _ => None,
                };
                Self { messages: Some(messages), prefill: Some(prefill), ..Self::new(prompt, text) }
            }
        }
    }
}

/// A checkpoint's tokenizer and, for chat, its template.
struct Speller {
    tokenizer: PromptTokenizer,
    template: Option<ChatTemplate>,
}

impl Speller {
    fn open(dir: &Path, stage: Stage) -> Result<Self> {
        let template = match stage {
            Stage::Base => None,
            Stage::Chat => Some(ChatTemplate::open(dir)?),
        };
        Ok(Self { tokenizer: PromptTokenizer::open(dir)?, template })
    }

    /// For prompts of one form: the texts that the model reads and their token ids.
    fn spell(&self, prompts: &[Prompt]) -> Result<Vec<(String, Vec<u32>)>> {
        let Some(template) = &self.template else {
            let texts = prompts.iter().filter_map(|prompt| match &prompt.text {
                PromptText::Plain(text) => Some(text.clone()),
                PromptText::Chat { .. } => None,
            });
            let texts: Vec<String> = texts.collect();
            let tokens = self.tokenizer.encode_plain_batch(&texts)?;
            return Ok(texts.into_iter().zip(tokens).collect());
        };
        let chats = prompts.iter().filter_map(|prompt| match &prompt.text {
            PromptText::Chat { messages, prefill } => Some(Chat { messages, prefill: Some(prefill) }),
            PromptText::Plain(_) => None,
        });
        let rendered = template.render_batch(&chats.collect::<Vec<_>>())?;
        let tokens = self.tokenizer.encode_rendered_batch(&rendered)?;
        let texts = rendered.iter().map(|prompt| self.tokenizer.rendered_text(prompt));
        Ok(texts.zip(tokens).collect())
    }
}
