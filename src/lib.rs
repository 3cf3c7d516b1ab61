//! tiltmeter: does a language model lean towards a country, and did its post-training put the lean there?
//!
//! Data flows one way through these rooms; each knows only the rooms above it. `docs/architecture.md` has the picture.

/// Files from strangers: strict objects, errors in plain words, numbers of things.
mod plain;

/// What the system says to the process.
mod signals;

/// Which build this is.
pub mod build;

/// What is asked: `Study`, `Condition`, `Prompt`.
pub mod study;

/// How it is spelled: `PromptTokenizer`, `ChatTemplate`, `ChoiceTokens`.
pub mod tokens;

/// What is shared: `PrefixTree`, `Pack`.
pub mod prefix;

/// What is loaded: `Checkpoint`, `DecoderSpec`, `Weights`, the families.
pub mod checkpoint;

/// Who computes: `Backend`, `cpu` and `wgpu`.
pub mod backend;

/// The one forward pass: `Decoder`.
pub mod decoder;

/// What is read off: `Engine`, `ChoiceScore`, items.
pub mod scoring;

/// What is kept: `RunStore`, rosters, provenance, exports.
pub mod store;

/// What other programs read: results and tasks of lm-evaluation-harness, logs of Inspect.
pub mod interchange;

/// What was understood of a checkpoint: `Inspection`.
pub mod inspect;

/// The whole way, checkpoint by checkpoint: `Request`, `sweep`.
pub mod sweep;

/// What it means: figures from item tables.
pub mod stats;

/// What a person sees: one HTML page.
pub mod report;

/// What ships to try it on: planted checkpoints, planted beside measured.
pub mod demo;

/// Whether the devices of this machine compute right.
pub mod doctor;

/// How fast it is, as ratios measured in one run.
pub mod bench;

/// Whose work is inside.
pub mod licences;

/// One file per command.
pub mod cli;
