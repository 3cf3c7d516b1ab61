//! What is asked: studies as folders of TOML files, and the prompts they expand to.
//!
//! A `Study` is loaded from a folder (or from the binary), says what is wrong with it (`Study::validate`) and
//! expands a condition into its `Prompts`. `docs/writing-a-study.md` describes the files.

mod error;
mod expand;
mod files;
mod kind;
mod load;
mod model;
pub mod prompt;
mod prompts;
mod query;
mod sample;
mod template;
mod validate;

pub use error::{Finding, Severity, StudyError};
pub use files::StudyFiles;
pub use kind::Kind;
pub use load::EMBEDDED;
pub use model::{Choices, Condition, Entity, EntitySet, Question, Scenario, ScenarioRole, Study};
pub use prompt::{Message, OptionOrder, Prompt, PromptText, Roles, StageForm};
pub use prompts::Prompts;
pub use query::PromptQuery;
pub use validate::Validation;
