//! Promise: on one GPU a score has the same bits for every pack size, order of the prompts, and with sharing off.

use super::open;
use crate::common::continuations::check_on;
use crate::common::{TinyConfig, TinyFamily, bits, items, score, write_tiny_checkpoint};
use tiltmeter::backend::Precision;
use tiltmeter::backend::cuda::Cuda;
use tiltmeter::checkpoint::Dtype;

fn check(gpu: &Cuda, name: &str, config: &TinyConfig) {
    let dir = tempfile::tempdir().expect("a folder");
    write_tiny_checkpoint(dir.path(), config, 9);
    let items = items(60, 90, 9);
    let want = bits(&score(gpu, dir.path(), &items, 64, true));
    for (pack_tokens, sharing) in [(512, true), (13, true), (8192, false)] {
        let got = bits(&score(gpu, dir.path(), &items, pack_tokens, sharing));
        assert!(got == want, "{name}: packs of {pack_tokens}, sharing {sharing}");
    }
    let reversed: Vec<_> = items.iter().rev().cloned().collect();
    let mut got = bits(&score(gpu, dir.path(), &reversed, 100, true));
    got.reverse();
    assert!(got == want, "{name}: order of the prompts");
}

#[apply(test!)]
fn scores_do_not_depend_on_packs_order_or_sharing() {
    let gpu = open(Precision::F32);
    check(&gpu, "qwen2", &TinyConfig::new(TinyFamily::Qwen2));
    check(&gpu, "gemma4", &TinyConfig { dtype: Dtype::Bf16, ..TinyConfig::new(TinyFamily::Gemma4) });
}

#[apply(test!)]
fn nor_do_they_with_one_plane() {
    let config = TinyConfig { window: Some(9), dtype: Dtype::F16, ..TinyConfig::new(TinyFamily::Mistral) };
    check(&open(Precision::Fast), "mistral", &config);
}

#[apply(test!)]
fn continuations_agree_with_the_processor_however_they_are_packed() {
    check_on(&open(Precision::F32));
}
