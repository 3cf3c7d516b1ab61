//! Conversations to what the model reads, through a checkpoint's own chat template.

mod bounded;
mod conversions;
mod date;
mod environment;
mod filters;
mod globals;
mod jinja;
mod json;
mod methods;
mod rendered;
mod rewrite;
mod segments;
mod source;
mod strings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::study::Message;
use rayon::prelude::*;

use super::error::{Result, TokensError};
use super::files::sha256;
use super::special::{NAMED, TokenizerConfig};
use super::tokenizer::class_of;
use jinja::Jinja;
use segments::Segments;

pub(crate) use methods::is_space;
pub(crate) use segments::unknown_id;
pub(crate) use source::template_file;

pub use date::PinnedDate;
pub use rendered::{Rendered, Segment};

/// A conversation and how the answer begins.
#[derive(Debug, Clone, Copy)]
pub struct Chat<'a> {
    pub messages: &'a [Message],
    /// Text put behind the generation prompt as it stands.
    pub prefill: Option<&'a str>,
}

/// A checkpoint's chat template. It knows no clock, and thinking is off.
pub struct ChatTemplate {
    kind: Kind,
    file: PathBuf,
    sha256: String,
    date: PinnedDate,
    uses_date: bool,
}

enum Kind {
    Jinja(Jinja),
    Segments(Segments),
}

/// The special tokens that the template may print: those that the configuration names, and what the class calls the others.
fn tokens_for(template: &str, dir: &Path, config: &TokenizerConfig) -> Result<BTreeMap<String, String>> {
    let own = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
    let mut tokens: BTreeMap<_, _> = config.template_tokens().map(own).collect();
    let is_open = |name: &str| template.contains(name) && config.get(name).is_none();
    if NAMED.iter().any(|name| is_open(name)) {
        let class = class_of(dir, config)?;
        tokens.extend(class.told_tokens().iter().copied().filter(|(name, _)| is_open(name)).map(own));
    }
    Ok(tokens)
}

impl ChatTemplate {
    /// The template of the checkpoint in `dir`, told the default date: chat_template.jinja, else the key
    /// `chat_template` of tokenizer_config.json, else the turn ids of generation_config.json.
    ///
    /// A template that never ends, or that gives the same for all questions, is refused.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        let template = Self::read(dir.as_ref(), PinnedDate::default())?;
        template.try_out()?;
        Ok(template)
    }

    fn read(dir: &Path, date: PinnedDate) -> Result<Self> {
        let config = TokenizerConfig::read(dir)?;
        let Some(source) = source::find(dir, &config)? else {
            let segments =
                Segments::find(dir)?.ok_or_else(|| TokensError::NoTemplate { dir: dir.to_owned() })?;
            return Ok(Self {
                file: segments.file().to_owned(),
                sha256: sha256(segments.description().as_bytes()),
                kind: Kind::Segments(segments),
                date,
                uses_date: false,
            });
        };
        let tokens = tokens_for(&source.text, dir, &config)?;
        Ok(Self {
            sha256: sha256(source.text.as_bytes()),
            uses_date: source.text.contains("strftime_now"),
            kind: Kind::Jinja(Jinja::compile(source.text, source.file.clone(), tokens, date)?),
            file: source.file,
            date,
        })
    }

    /// Puts two questions to it. What else it may fail with (it may want a system message, say) is left to the prompts.
    fn try_out(&self) -> Result<()> {
        let ask = |question: &str| match self.render(&[Message::new("user", question)], None) {
            Err(error @ TokensError::TemplateEndless { .. }) => Err(error),
            other => Ok(other.ok()),
        };
        let Some(first) = ask("Which one is it?")? else {
            return Ok(());
        };
        match ask("Who was there?")? {
            Some(second) if second == first => {
                Err(TokensError::TemplateIgnoresMessages { file: self.file.clone() })
            }
            _ => Ok(()),
        }
    }

    /// The conversation with its generation prompt, and the prefill behind it.
    ///
    /// Fails if the template does, if it takes more than it may, or if the answer would begin inside a thinking block.
    pub fn render(&self, messages: &[Message], prefill: Option<&str>) -> Result<Rendered> {
        let mut rendered = self.render_share(&[Chat { messages, prefill }])?;
        rendered.pop().ok_or_else(|| TokensError::TemplateFailed {
            file: self.file.clone(),
            reason: "it gives no text".to_owned(),
        })
    }

    /// [`render`](Self::render) of many conversations on all cores, in order. On failure the error of one of the
    /// conversations that fail.
    pub fn render_batch(&self, chats: &[Chat]) -> Result<Vec<Rendered>> {
        let share = chats.len().div_ceil(rayon::current_num_threads()).max(1);
        let parts: Vec<Vec<Rendered>> =
            chats.par_chunks(share).map(|share| self.render_share(share)).collect::<Result<_>>()?;
        Ok(parts.into_iter().flatten().collect())
    }

    fn render_share(&self, chats: &[Chat]) -> Result<Vec<Rendered>> {
        match &self.kind {
            Kind::Jinja(jinja) => Ok(jinja.render(chats)?.into_iter().map(Rendered::from).collect()),
            Kind::Segments(segments) => chats.iter().map(|chat| segments.render(chat)).collect(),
        }
    }

    /// Whether the template asks for today's date (and is told [`date`](Self::date)).
    pub fn uses_date(&self) -> bool {
        self.uses_date
    }

    pub fn date(&self) -> PinnedDate {
        self.date
    }

    /// SHA-256 of the template's text, wherever it stands; of turn ids, of their names and numbers.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The file that the template was found in.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What kind of template it is, in words.
    pub fn describe(&self) -> &'static str {
        match self.kind {
            Kind::Jinja(_) => "Jinja",
            Kind::Segments(_) => "turns opened by token ids",
        }
    }
}

#[cfg(test)]
mod tests;
