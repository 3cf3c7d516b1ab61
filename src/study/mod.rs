//! What is asked: studies as folders of TOML files, and the prompts they expand to.

pub mod prompt;

pub use prompt::{Message, OptionOrder, Prompt, PromptText, Roles, StageForm};
