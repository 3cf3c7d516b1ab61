//! What a person sees: one self-contained page with figures, made from an analysis; the same as Markdown and JSON.
//!
//! `Document::new` is the way through: a `ReportInput` becomes a `scope::Scope`, each file of `section/` makes one part
//! of the document from it, and `html`, `markdown` and `json` write the parts. Pictures are SVG of our own; the numbers
//! they draw go with them.

mod agreement;
mod answer;
mod axis;
mod block;
mod caution;
mod checkpoints;
mod data;
mod document;
mod dumbbell;
mod example;
mod figure;
mod fit;
mod forest;
pub mod format;
mod frame;
mod headline;
mod heatmap;
mod html;
mod input;
mod json;
mod markdown;
mod png;
mod prompts;
mod provenance;
mod reading;
mod scope;
mod section;
mod stages;
mod strip;
mod style;
mod summary;
mod svg;
mod table;
mod words;

pub use agreement::{JoinedRuns, differences};
pub use document::{Document, FigureFile, ReportError};
pub use html::render;
pub use input::{CheckpointProvenance, Example, Planted, Provenance, ReportInput};
pub use json::{SCHEMA, document_schema};
pub use png::{Png, PngError};
pub use prompts::attach_prompts;
pub use section::to_explain;
pub use words::planted_noise;
