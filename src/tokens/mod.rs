//! How it is spelled: text to token ids, conversations to text, answers to the tokens that stand for them.
//!
//! Everything is read from a checkpoint's own files and nothing from its weights. BOS stands once in every prompt: the
//! tokenizer adds it to plain text, the chat template writes it into a rendered conversation.

mod added;
mod beside;
mod bos;
mod budget;
mod choices;
mod class;
mod encoder;
mod error;
mod files;
mod guard;
mod sanity;
mod sentencepiece;
mod special;
mod splitter;
mod template;
mod tokenizer;
mod tokenizer_json;
mod tokenizer_model;

pub use crate::study::Message;
pub(crate) use choices::{Behind, ends_in_answer};
pub use choices::{Choice, ChoiceTokens, InContext, Spelling};
pub use error::{Result, TokensError};
pub use template::{Chat, ChatTemplate, PinnedDate, Rendered, Segment};
pub use tokenizer::{PromptInput, PromptTokenizer};
