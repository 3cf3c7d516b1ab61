//! tiltmeter: does a language model lean towards a country, and did its post-training put the lean there?
//!
//! Data flows one way through these rooms; each knows only the rooms above it. `docs/architecture.md` has the picture.

pub mod backend; //    who computes           trait Backend, cpu
pub mod checkpoint; // what is loaded         Checkpoint, DecoderSpec, Weights, families
pub mod cli;
pub mod decoder; //    the one forward pass   Decoder
pub mod prefix; //     what is shared         PrefixTree, Pack
pub mod report; //     what a person sees     SVG, HTML, tables
pub mod scoring; //    what is read off       ChoiceScore, ItemRow
pub mod stats; //      what it means          figures from item tables
pub mod store; //      what is kept           RunStore, provenance, exports
pub mod study; //      what is asked          Study, Condition, Prompt
pub mod tokens; //     how it is spelled      PromptTokenizer, ChatTemplate, ChoiceTokens //        one file per command
