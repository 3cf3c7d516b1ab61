//! Conversations to text, through a checkpoint's own chat template.

mod date;
mod environment;
mod json;
mod methods;
mod source;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::study::Message;
use minijinja::value::Value;
use minijinja::{Environment, Error};

use super::error::{Result, TokensError};
use super::files::sha256;
use super::guard;
use super::special::TokenizerConfig;

pub use date::PinnedDate;

/// The longest rendering that is accepted, in bytes.
const RENDERED_LIMIT: usize = 4 << 20;

/// How thinking models open and close the part that comes before their answer.
const THINKING: [(&str, &str); 6] = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("<|channel>thought", "<channel|>"),
];

/// A message as the template sees it.
fn message_value(message: &Message) -> Value {
    Value::from_pairs([("role", message.role.as_str()), ("content", message.content.as_str())])
}

/// A conversation and how the answer begins.
#[derive(Debug, Clone, Copy)]
pub struct Chat<'a> {
    pub messages: &'a [Message],
    /// Text put behind the generation prompt as it stands.
    pub prefill: Option<&'a str>,
}

/// A checkpoint's chat template, compiled. It knows no clock, and thinking is off.
pub struct ChatTemplate {
    env: Environment<'static>,
    tokens: BTreeMap<String, String>,
    file: PathBuf,
    sha256: String,
    date: PinnedDate,
    uses_date: bool,
}

impl ChatTemplate {
    /// The template of the checkpoint in `dir`, told the default date.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        Self::open_with_date(dir, PinnedDate::default())
    }

    /// The template of the checkpoint in `dir`: chat_template.jinja, else the key `chat_template` of tokenizer_config.json.
    pub fn open_with_date(dir: impl AsRef<Path>, date: PinnedDate) -> Result<Self> {
        let dir = dir.as_ref();
        let config = TokenizerConfig::read(dir)?;
        let source = source::find(dir, &config)?;
        let tokens =
            config.template_tokens().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        Self::compile(source.text, source.file, tokens, date)
    }

    fn compile(
        text: String,
        file: PathBuf,
        tokens: BTreeMap<String, String>,
        date: PinnedDate,
    ) -> Result<Self> {
        // A chain of a hundred thousand operators makes a syntax tree as deep.
        let env = guard::on_deep_stack(|| {
            environment::compile(&text, date).map_err(|error| environment::describe(&error))
        })
        .and_then(|compiled| compiled)
        .map_err(|reason| TokensError::TemplateSyntax { file: file.clone(), reason })?;
        Ok(Self {
            env,
            tokens,
            file,
            sha256: sha256(text.as_bytes()),
            date,
            uses_date: text.contains("strftime_now"),
        })
    }

    /// The conversation with its generation prompt, and the prefill behind it.
    ///
    /// Fails if the template does, if it takes more than it may, or if the answer would begin inside a thinking block.
    pub fn render(&self, messages: &[Message], prefill: Option<&str>) -> Result<String> {
        guard::on_deep_stack(|| self.render_here(Chat { messages, prefill }))
            .map_err(|reason| self.failed(reason))?
    }

    /// [`render`](Self::render) of many conversations on all cores, in order; the first failure in order is returned.
    pub fn render_batch(&self, chats: &[Chat]) -> Result<Vec<String>> {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let share = chats.len().div_ceil(workers).max(1);
        let parts = std::thread::scope(|scope| {
            let handles: Vec<_> = chats
                .chunks(share)
                .map(|chunk| {
                    scope.spawn(move || {
                        guard::on_deep_stack(|| {
                            let rendered = chunk.iter().map(|chat| self.render_here(*chat));
                            rendered.collect::<Result<Vec<_>>>()
                        })
                        .unwrap_or_else(|reason| Err(self.failed(reason)))
                    })
                })
                .collect();
            handles
                .into_iter()
                .map(|handle| handle.join().unwrap_or_else(|_| Err(self.failed("it panicked".to_owned()))))
                .collect::<Result<Vec<_>>>()
        })?;
        Ok(parts.into_iter().flatten().collect())
    }

    /// Whether the template asks for today's date (and is told [`date`](Self::date)).
    pub fn uses_date(&self) -> bool {
        self.uses_date
    }

    pub fn date(&self) -> PinnedDate {
        self.date
    }

    /// SHA-256 of the template's text, wherever it stands.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The file that the template was found in.
    pub fn file(&self) -> &Path {
        &self.file
    }

    fn render_here(&self, chat: Chat) -> Result<String> {
        let mut text =
            self.evaluate(chat.messages, true).map_err(|error| match environment::raised(&error) {
                Some(message) => TokensError::TemplateRaised { file: self.file.clone(), message },
                None => self.failed(environment::describe(&error)),
            })?;
        if text.len() > RENDERED_LIMIT {
            return Err(
                self.failed(format!("its text has {} bytes; {RENDERED_LIMIT} are accepted", text.len()))
            );
        }
        let prefill = chat.prefill.unwrap_or_default();
        if let Some(opener) = open_thinking(&text, chat.messages, prefill) {
            return Err(TokensError::ThinkingStaysOpen { file: self.file.clone(), opener });
        }
        text.push_str(prefill);
        Ok(text)
    }

    fn evaluate(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String, Error> {
        let mut variables: BTreeMap<&str, Value> =
            self.tokens.iter().map(|(name, text)| (name.as_str(), Value::from(text.as_str()))).collect();
        let messages: Vec<Value> = messages.iter().map(message_value).collect();
        variables.insert("messages", Value::from(messages));
        variables.insert("add_generation_prompt", Value::from(add_generation_prompt));
        variables.insert("tools", Value::from(()));
        variables.insert("documents", Value::from(()));
        variables.insert("enable_thinking", Value::from(false));
        self.env.get_template(environment::NAME)?.render(Value::from_pairs(variables))
    }

    fn failed(&self, reason: String) -> TokensError {
        TokensError::TemplateFailed { file: self.file.clone(), reason }
    }
}

/// The thinking block that stands open where the answer begins: opened behind the last message, not closed since.
fn open_thinking(text: &str, messages: &[Message], prefill: &str) -> Option<&'static str> {
    let last = messages.last().map_or("", |message| message.content.trim());
    let tail = match text.rfind(last) {
        Some(at) if !last.is_empty() => &text[at + last.len()..],
        _ => text,
    };
    THINKING.iter().find_map(|&(opener, closer)| {
        let at = tail.rfind(opener)?;
        let closed = tail[at..].contains(closer) || prefill.contains(closer);
        (!closed).then_some(opener)
    })
}

#[cfg(test)]
mod tests;
