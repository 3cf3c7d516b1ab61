//! One prompt of a study: who is asked about whom, how, and the literal text.

use serde::{Deserialize, Serialize};

/// Which of the pair fills the narrative's first role.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Roles {
    /// `country_1` is role A.
    Fwd,
    /// `country_2` is role A.
    Rev,
}

/// Which of the pair stands in the first option slot.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub enum OptionOrder {
    /// `country_1` is option (A).
    #[serde(rename = "12")]
    First,
    /// `country_2` is option (A).
    #[serde(rename = "21")]
    Second,
}

/// How a checkpoint is addressed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum StageForm {
    /// Plain text.
    Base,
    /// Messages through the checkpoint's chat template.
    Chat,
}

/// Names as they stand in prompt ids and item tables.
impl Roles {
    pub fn name(self) -> &'static str {
        match self {
            Self::Fwd => "fwd",
            Self::Rev => "rev",
        }
    }
}

impl OptionOrder {
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "12",
            Self::Second => "21",
        }
    }
}

impl StageForm {
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Chat => "chat",
        }
    }
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Message {
    pub role: String,
    pub content: String,
}

impl Message {
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Message {
        Message { role: role.into(), content: content.into() }
    }
}

/// What the model is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptText {
    Plain(String),
    /// Through the template with its generation prompt; `prefill` is appended as it stands.
    Chat {
        messages: Vec<Message>,
        prefill: String,
    },
}

/// One forced-choice question, spelled out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// `<language>/<condition>/<country_1>-<country_2>/<scenario>/<question>/<fwd|rev>/<12|21>`
    pub id: String,
    pub language: String,
    pub condition: String,
    /// Entity ids in the order of the entity file.
    pub pair: [String; 2],
    pub scenario: String,
    pub scenario_type: String,
    pub question: String,
    pub roles: Roles,
    pub order: OptionOrder,
    pub text: PromptText,
}
