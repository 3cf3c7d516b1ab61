//! Conversations to text, through a checkpoint's own chat template.

mod bounded;
mod date;
mod environment;
mod json;
mod methods;
mod rewrite;
mod source;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use minijinja::value::Value;
use minijinja::{Environment, Error};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

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

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// `system`, `user` or `assistant`; the template decides what it knows.
    pub role: String,
    pub content: String,
}

impl Message {
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        Self { role: role.into(), content: content.into() }
    }

    fn value(&self) -> Value {
        Value::from_pairs([("role", self.role.as_str()), ("content", self.content.as_str())])
    }
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
    // Shared with the threads that render.
    inner: Arc<Compiled>,
    sha256: String,
    date: PinnedDate,
    uses_date: bool,
}

struct Compiled {
    env: Environment<'static>,
    tokens: BTreeMap<String, String>,
    file: PathBuf,
}

/// A [`Chat`] that a thread can own.
struct Owned {
    messages: Vec<Message>,
    prefill: String,
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
        let sha256 = sha256(text.as_bytes());
        let uses_date = text.contains("strftime_now");
        // A chain of ten thousand operators makes a syntax tree as deep.
        let env = guard::on_deep_stack(move || {
            environment::compile(&text, date).map_err(|error| environment::describe(&error))
        })
        .and_then(|compiled| compiled)
        .map_err(|reason| TokensError::TemplateSyntax { file: file.clone(), reason })?;
        Ok(Self { inner: Arc::new(Compiled { env, tokens, file }), sha256, date, uses_date })
    }

    /// The conversation with its generation prompt, and the prefill behind it.
    ///
    /// Fails if the template does, if it takes more than it may, or if the answer would begin inside a thinking block.
    pub fn render(&self, messages: &[Message], prefill: Option<&str>) -> Result<String> {
        let mut rendered = self.render_share(&[Chat { messages, prefill }])?;
        rendered.pop().ok_or_else(|| self.inner.failed("it gives no text"))
    }

    /// [`render`](Self::render) of many conversations on all cores, in order. On failure the error of one of the
    /// conversations that fail.
    pub fn render_batch(&self, chats: &[Chat]) -> Result<Vec<String>> {
        let share = chats.len().div_ceil(rayon::current_num_threads()).max(1);
        let parts: Vec<Vec<String>> =
            chats.par_chunks(share).map(|share| self.render_share(share)).collect::<Result<_>>()?;
        Ok(parts.into_iter().flatten().collect())
    }

    /// Some conversations, one after the other on a guarded thread.
    fn render_share(&self, chats: &[Chat]) -> Result<Vec<String>> {
        let inner = Arc::clone(&self.inner);
        let owned: Vec<Owned> = chats
            .iter()
            .map(|chat| Owned {
                messages: chat.messages.to_vec(),
                prefill: chat.prefill.unwrap_or_default().to_owned(),
            })
            .collect();
        let mut rendered = Vec::with_capacity(chats.len());
        guard::stream(
            chats.len(),
            move |done| owned.iter().for_each(|chat| done(inner.render(chat))),
            |result| rendered.push(result),
        )
        .map_err(|reason| self.inner.failed(reason))?;
        rendered.into_iter().collect()
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
        &self.inner.file
    }
}

impl Compiled {
    fn render(&self, chat: &Owned) -> Result<String> {
        let mut text = self.evaluate(&chat.messages).map_err(|error| match environment::raised(&error) {
            Some(message) => TokensError::TemplateRaised { file: self.file.clone(), message },
            None => self.failed(environment::describe(&error)),
        })?;
        if text.len() > RENDERED_LIMIT {
            return Err(
                self.failed(format!("its text has {} bytes; {RENDERED_LIMIT} are accepted", text.len()))
            );
        }
        if let Some(opener) = open_thinking(&text, &chat.messages, &chat.prefill) {
            return Err(TokensError::ThinkingStaysOpen { file: self.file.clone(), opener });
        }
        text.push_str(&chat.prefill);
        Ok(text)
    }

    fn evaluate(&self, messages: &[Message]) -> Result<String, Error> {
        let mut variables: BTreeMap<&str, Value> =
            self.tokens.iter().map(|(name, text)| (name.as_str(), Value::from(text.as_str()))).collect();
        let messages: Vec<Value> = messages.iter().map(Message::value).collect();
        variables.insert("messages", Value::from(messages));
        variables.insert("add_generation_prompt", Value::from(true));
        variables.insert("tools", Value::from(()));
        variables.insert("documents", Value::from(()));
        variables.insert("enable_thinking", Value::from(false));
        self.env.get_template(environment::NAME)?.render(Value::from_pairs(variables))
    }

    fn failed(&self, reason: impl Into<String>) -> TokensError {
        TokensError::TemplateFailed { file: self.file.clone(), reason: reason.into() }
    }
}

/// The thinking block that stands open where the answer begins: opened by the template, and not closed since.
fn open_thinking(text: &str, messages: &[Message], prefill: &str) -> Option<&'static str> {
    THINKING.iter().find_map(|&(opener, closer)| {
        let at = text.rfind(opener)?;
        let closed = text[at..].contains(closer) || prefill.contains(closer);
        // What a message says about thinking opens nothing.
        let quoted = messages.iter().any(|message| {
            let content = message.content.trim();
            content
                .rfind(opener)
                .and_then(|within| text.get(at.checked_sub(within)?..))
                .is_some_and(|quote| quote.starts_with(content))
        });
        (!closed && !quoted).then_some(opener)
    })
}

#[cfg(test)]
mod tests;
