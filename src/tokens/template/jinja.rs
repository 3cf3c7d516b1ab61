//! A chat template in Jinja.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::study::Message;
use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind};

use super::super::error::{Result, TokensError};
use super::super::guard::{self, Stopped};
use super::{Chat, PinnedDate, environment};

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

/// A template, compiled. It knows no clock, and thinking is off.
pub(super) struct Jinja {
    // Shared with the threads that render.
    inner: Arc<Compiled>,
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

impl Jinja {
    /// `tokens` are the special tokens by the names that templates use; `file` is named in messages.
    pub(super) fn compile(
        text: String,
        file: PathBuf,
        tokens: BTreeMap<String, String>,
        date: PinnedDate,
    ) -> Result<Self> {
        // A chain of ten thousand operators makes a syntax tree as deep.
        let env = guard::on_deep_stack(move || {
            environment::compile(&text, date).map_err(|error| environment::describe(&error))
        })
        .map_err(|stopped| stopped.reason)
        .and_then(|compiled| compiled)
        .map_err(|reason| TokensError::TemplateSyntax { file: file.clone(), reason })?;
        Ok(Self { inner: Arc::new(Compiled { env, tokens, file }) })
    }

    /// Conversations to texts, one after the other on a guarded thread.
    pub(super) fn render(&self, chats: &[Chat]) -> Result<Vec<String>> {
        let inner = Arc::clone(&self.inner);
        let owned: Vec<Owned> = chats
            .iter()
            .map(|chat| Owned {
                messages: chat.messages.to_vec(),
                prefill: chat.prefill.unwrap_or_default().to_owned(),
            })
            .collect();
        let mut rendered = Vec::with_capacity(chats.len());
        let streamed = guard::stream(
            chats.len(),
            move |done| {
                for chat in &owned {
                    let rendered = inner.render(chat);
                    // The rest would be thrown away, and may take as long to fail.
                    let last = rendered.is_err();
                    done(rendered);
                    if last {
                        break;
                    }
                }
            },
            |result| rendered.push(result),
        );
        let rendered = rendered.into_iter().collect::<Result<Vec<String>>>()?;
        streamed.map(|()| rendered).map_err(|stopped| self.inner.stopped(stopped))
    }
}

impl Compiled {
    fn render(&self, chat: &Owned) -> Result<String> {
        let mut text = self.evaluate(&chat.messages).map_err(|error| match environment::raised(&error) {
            Some(message) => TokensError::TemplateRaised { file: self.file.clone(), message },
            None if error.kind() == ErrorKind::OutOfFuel => self.endless(environment::describe(&error)),
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
        let messages: Vec<Value> = messages.iter().map(message_value).collect();
        variables.insert("messages", Value::from(messages));
        variables.insert("add_generation_prompt", Value::from(true));
        variables.insert("tools", Value::from(()));
        variables.insert("documents", Value::from(()));
        variables.insert("enable_thinking", Value::from(false));
        self.env.get_template(environment::NAME)?.render(Value::from_pairs(variables))
    }

    fn stopped(&self, Stopped { reason, too_slow }: Stopped) -> TokensError {
        match too_slow {
            true => self.endless(reason),
            false => self.failed(reason),
        }
    }

    fn endless(&self, reason: String) -> TokensError {
        TokensError::TemplateEndless { file: self.file.clone(), reason }
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
mod tests {
    use super::*;

    /// A template that never ends is refused when its folder is opened; one that fails on some messages is not.
    #[test]
    fn only_what_took_too_long_is_endless() {
        let compiled = Compiled { env: Environment::new(), tokens: BTreeMap::new(), file: "t.jinja".into() };
        let stopped = |too_slow| compiled.stopped(Stopped { reason: "so".to_owned(), too_slow });
        assert!(matches!(stopped(true), TokensError::TemplateEndless { reason, .. } if reason == "so"));
        assert!(matches!(stopped(false), TokensError::TemplateFailed { reason, .. } if reason == "so"));
    }
}
