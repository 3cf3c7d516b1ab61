//! Promise: logits equal those of Hugging Face transformers to 1e-3 of their norm and log-odds to 5e-3, in fast mode to
//! 2e-2 and 5e-2, for every reference checkpoint that the cpu backend runs.

use crate::common::{Errors, say, skip};
use crate::device::{checked, downlevel, open, references};
use std::path::PathBuf;
use tiltmeter::backend::Backend;
use tiltmeter::backend::wgpu::{Precision, Wgpu, WgpuOptions};

fn check(gpu: &Wgpu, dirs: &[PathBuf], logits: f64, log_odds: f64) {
    say(gpu.describe());
    for dir in dirs {
        let e = Errors::of(gpu, dir, 400);
        let name = dir.display().to_string();
        say(format_args!(
            "{name}: logits {:.1e}, log-odds {:.1e}, log-sum-exp {:.1e}",
            e.logits, e.log_odds, e.log_sum_exp
        ));
        e.check(&name, logits, log_odds);
    }
}

#[apply(test!)]
fn final_logits_agree_with_transformers() {
    let gpu = open(checked());
    // Far inside the promise: f32 noise is 1e-6, and the least mistake in the arithmetic is seen above 1e-4.
    check(&gpu, &references(), 1e-4, 1e-3);
}

#[apply(test!)]
fn they_do_on_a_device_with_no_more_than_every_device_has() {
    let gpu = open(downlevel());
    let mut dirs = references();
    dirs.retain(|dir| {
        ["glm4_bf16", "baichuan2", "gemma3_bf16", "gemma4"].iter().any(|case| dir.ends_with(case))
    });
    check(&gpu, &dirs, 1e-4, 1e-3);
}

#[apply(test!)]
fn cooperative_matrices_stay_within_the_fast_tolerance() {
    let options = WgpuOptions { precision: Precision::Fast, ..checked() };
    let gpu = open(options);
    if let Some(note) = gpu.note() {
        skip(note);
    }
    check(&gpu, &references(), 2e-2, 5e-2);
}
