//! Every test that goes through the library's doors or the program itself, in one binary: linking is what tests cost.
//! A file, or a folder, is a promise; its first lines say which. GPU backends have binaries of their own.

#[macro_use]
extern crate macro_rules_attribute;

#[macro_use]
#[path = "../common/mod.rs"]
mod common;

mod backend_cli;
mod bench;
mod compare;
mod configs;
mod confirmatory;
mod continuations;
mod demo;
mod docs;
mod explain;
mod export;
mod figures;
mod full_disk;
mod fuzz;
mod harness;
mod hostile_checkpoint;
mod hostile_templates;
mod hostile_tokenizers;
mod hostile_torch;
mod inspect;
mod interchange;
mod invariance;
mod killed;
mod one_answer;
mod oracle;
mod outputs;
mod parity;
mod parity_of_our_own;
mod places;
mod reference_files;
mod release;
mod report;
mod resume;
mod roster;
mod score;
mod sentencepiece;
mod shapes;
mod shards;
mod status;
mod study;
mod sweep_asked;
mod template_code;
mod tidy;
mod tokenizer_folders;
mod tokens;
mod underfoot;
mod volume;

fn main() -> std::process::ExitCode {
    let is_sample = std::env::var_os(harness::SAMPLE).is_some();
    common::harness::run(|test| test.starts_with("harness::sample::") == is_sample)
}
