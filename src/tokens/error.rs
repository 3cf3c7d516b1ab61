//! What can go wrong between text and ids.

use std::path::PathBuf;

/// One sentence each: the file, the field, what is wrong.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TokensError {
    #[error("{}: cannot be read: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: String },

    #[error("{}: larger than the {limit} bytes that such a file may have ({size} bytes)", path.display())]
    TooLarge { path: PathBuf, size: u64, limit: u64 },

    #[error("{}: {reason}", path.display())]
    Malformed { path: PathBuf, reason: String },

    #[error("{}: neither tokenizer.json nor tokenizer.model is in this folder", dir.display())]
    NoTokenizer { dir: PathBuf },

    #[error("{}: the tokenizer cannot encode {excerpt}: {reason}", path.display())]
    Encode { path: PathBuf, excerpt: String, reason: String },

    #[error(
        "the prompt {excerpt} starts twice with {prefix}: the text holds it and the tokenizer adds it; \
         take it out of the text"
    )]
    DoubledPrefix { excerpt: String, prefix: String },

    #[error(
        "{}: the chat template writes {prefix} twice, or a message begins with it: the prompt is {excerpt}",
        file.display()
    )]
    TemplateDoublesPrefix { file: PathBuf, excerpt: String, prefix: String },

    #[error(
        "{}: no chat template: neither chat_template.jinja, nor the key `chat_template` of tokenizer_config.json, nor \
         `user_token_id` in generation_config.json; chat prompts need one", dir.display()
    )]
    NoTemplate { dir: PathBuf },

    #[error("{}: `chat_template` holds named templates but none called `default` (it has: {names})", file.display())]
    NoDefaultTemplate { file: PathBuf, names: String },

    #[error("{}: the chat template does not compile: {reason}", file.display())]
    TemplateSyntax { file: PathBuf, reason: String },

    #[error("{}: the chat template refuses these messages: {message}", file.display())]
    TemplateRaised { file: PathBuf, message: String },

    #[error("{}: the chat template fails: {reason}", file.display())]
    TemplateFailed { file: PathBuf, reason: String },

    #[error("{}: the chat template never ends: {reason}", file.display())]
    TemplateEndless { file: PathBuf, reason: String },

    #[error(
        "{}: the chat template ignores what the messages say: two different questions give the same prompt",
        file.display()
    )]
    TemplateIgnoresMessages { file: PathBuf },

    #[error(
        "{}: the chat template opens a thinking block ({opener}) before the answer and does not close it, \
         although thinking is switched off; such a checkpoint cannot be scored at its first answer token", file.display()
    )]
    ThinkingStaysOpen { file: PathBuf, opener: &'static str },

    #[error("{0:?} is not a date: write it as `26 Jul 2024` or `2024-07-26`")]
    Date(String),

    #[error("a score needs at least two choices; {0} given")]
    TooFewChoices(usize),

    #[error("choice {choice} has no answer string")]
    EmptyChoice { choice: usize },

    #[error("choice {choice} holds an empty answer string")]
    EmptyAnswer { choice: usize },

    #[error("choice {choice}: the answer {answer:?} encodes to no tokens")]
    NoTokens { choice: usize, answer: String },

    #[error(
        "token {id} ({text:?}) stands on both sides: it ends {first:?} of choice {first_choice} and {second:?} of choice {second_choice}"
    )]
    SharedToken {
        id: u32,
        text: String,
        first_choice: usize,
        first: String,
        second_choice: usize,
        second: String,
    },
}

pub type Result<T, E = TokensError> = std::result::Result<T, E>;

/// The start of a text, short enough for a message.
pub(crate) fn excerpt(text: &str) -> String {
    const SHOWN: usize = 48;
    let mut chars = text.chars();
    let head: String = chars.by_ref().take(SHOWN).collect();
    match chars.next() {
        Some(_) => format!("{head:?}…"),
        None => format!("{head:?}"),
    }
}
