//! What a person sees: one self-contained page with figures, made from an analysis.
//!
//! `render` is the way through: a `ReportInput` becomes a `scope::Scope`, each file of `section/` makes one part of
//! the page from it, and `page.html.jinja` puts the parts together. Pictures are SVG of our own; tables stand beside them.

mod corrected;
mod dumbbell;
mod forest;
pub mod format;
mod frame;
mod headline;
mod heatmap;
mod input;
mod page;
mod provenance;
mod scope;
mod section;
mod strip;
mod summary;
mod svg;
mod table;
mod words;

pub use input::{CheckpointProvenance, Planted, Provenance, ReportInput};
pub use page::{ReportError, render};
