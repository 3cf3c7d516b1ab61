//! Promise: on one device a score has the same bits for every pack size, order of the prompts, and with sharing off.

use crate::common::continuations::check_on;
use crate::common::{bits, items, score, skip};
use crate::device::{checked, open, references};
use tiltmeter::backend::wgpu::{Precision, Wgpu, WgpuOptions};

/// One of each kind of arithmetic that a pack could touch; the parity test runs all of them.
const CASES: [&str; 6] = ["llama31_bf16", "mistral_window", "qwen25", "glm4", "gemma3", "gemma4"];

fn check(gpu: &Wgpu) {
    for dir in references() {
        if !CASES.iter().any(|case| dir.ends_with(case)) {
            continue;
        }
        let items = items(390, 150, 16);
        let want = bits(&score(gpu, &dir, &items, 64, true));
        for (pack_tokens, sharing) in [(512, true), (8192, true), (13, true), (512, false)] {
            let got = bits(&score(gpu, &dir, &items, pack_tokens, sharing));
            assert!(got == want, "{}: packs of {pack_tokens}, sharing {sharing}", dir.display());
        }
        let reversed: Vec<_> = items.iter().rev().cloned().collect();
        let mut got = bits(&score(gpu, &dir, &reversed, 100, true));
        got.reverse();
        assert!(got == want, "{}: order of the prompts", dir.display());
    }
}

#[apply(test!)]
fn scores_do_not_depend_on_packs_order_or_sharing() {
    let gpu = open(checked());
    check(&gpu);
}

#[apply(test!)]
fn nor_do_they_on_cooperative_matrices() {
    let options = WgpuOptions { precision: Precision::Fast, ..checked() };
    let gpu = open(options);
    match gpu.note() {
        Some(note) => skip(note),
        None => check(&gpu),
    }
}

#[apply(test!)]
fn continuations_agree_with_the_processor_however_they_are_packed() {
    check_on(&open(checked()));
}
