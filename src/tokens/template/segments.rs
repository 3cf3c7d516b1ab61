//! Conversations of checkpoints without a template text: turns opened by ids that generation_config.json names.
//!
//! `user_token_id` and `assistant_token_id` are reserved tokens that no text spells. A system text stands in front
//! without a mark, each text is encoded on its own, and the assistant's id at the end asks for the answer; a
//! conversation that ends in the assistant's own words goes on with them. Source: the `build_chat_input` that
//! Baichuan 2 publishes beside its weights, `generation_utils.py`.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::error::{Result, TokensError};
use super::super::files::{malformed, read_fields};
use super::{Chat, Rendered, Segment};
use crate::plain::shown;

const FILE: &str = "generation_config.json";
const USER: &str = "user_token_id";
const ASSISTANT: &str = "assistant_token_id";

/// The tokenizer in `tokenizer` lacks an id that a turn is opened with.
pub(crate) fn unknown_id(tokenizer: &Path, id: u32) -> TokensError {
    let file = tokenizer.with_file_name(FILE);
    let fields = read_fields(&file).ok().flatten().unwrap_or_default();
    let named = |key: &&str| fields.get(*key).and_then(Value::as_u64) == Some(id.into());
    let field = [USER, ASSISTANT].into_iter().find(named).unwrap_or("turns");
    let name = tokenizer.file_name().unwrap_or_default().to_string_lossy();
    malformed(file, format!("`{field}`: {name} has no token {id}"))
}

pub(super) struct Segments {
    user: u32,
    assistant: u32,
    file: PathBuf,
}

impl Segments {
    /// `None` if the folder's generation_config.json names no such ids.
    pub fn find(dir: &Path) -> Result<Option<Self>> {
        let file = dir.join(FILE);
        let Some(config) = read_fields(&file)? else {
            return Ok(None);
        };
        let id = |key: &str| match config.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_u64().and_then(|id| u32::try_from(id).ok()) {
                Some(id) => Ok(Some(id)),
                None => {
                    let value = shown(&value.to_string());
                    Err(malformed(&file, format!("`{key}` is {value}, expected a token id")))
                }
            },
        };
        match (id(USER)?, id(ASSISTANT)?) {
            (None, None) => Ok(None),
            (Some(user), Some(assistant)) => Ok(Some(Self { user, assistant, file })),
            (None, Some(_)) => Err(malformed(&file, "it has `assistant_token_id` but no `user_token_id`")),
            (Some(_), None) => Err(malformed(&file, "it has `user_token_id` but no `assistant_token_id`")),
        }
    }

    pub fn render(&self, chat: &Chat<'_>) -> Result<Rendered> {
        let raised = |message: String| TokensError::TemplateRaised { file: self.file.clone(), message };
        let mut segments = Vec::new();
        for (number, message) in chat.messages.iter().enumerate() {
            match message.role.as_str() {
                "system" if number == 0 => {}
                "system" => return Err(raised("a system message stands behind another message".into())),
                "user" => segments.push(Segment::Id(self.user)),
                "assistant" => segments.push(Segment::Id(self.assistant)),
                role => {
                    return Err(raised(format!("the role {role:?} is none of system, user and assistant")));
                }
            }
            segments.push(Segment::Text(message.content.clone()));
        }
        if chat.messages.last().is_none_or(|last| last.role != "assistant") {
            segments.push(Segment::Id(self.assistant));
        }
        let rendered = Rendered::new(segments);
        Ok(match chat.prefill {
            Some(prefill) if !prefill.is_empty() => rendered.followed_by(prefill),
            _ => rendered,
        })
    }

    /// What decides the ids, as a text to be hashed.
    pub fn description(&self) -> String {
        format!("user_token_id {}\nassistant_token_id {}\n", self.user, self.assistant)
    }

    pub fn file(&self) -> &Path {
        &self.file
    }
}
