//! Promise: every step gives what the cpu backend gives, to f32 rounding.

use crate::common::data::{assert_close, rows};
use crate::common::skip;
use crate::common::steps::{Attention, Product, RowWise, Step};
use crate::device::{checked, downlevel, open};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tiltmeter::backend::Backend;
use tiltmeter::backend::cpu::Cpu;
use tiltmeter::backend::wgpu::{Precision, SubmitHook, TileChoice, Wgpu, WgpuOptions};
use tiltmeter::checkpoint::Dtype;
use tiltmeter::checkpoint::spec::LayerSpec;

fn compare(gpu: &Wgpu, what: &str, step: &impl Step) {
    assert_close(what, &step.run(gpu), &step.run(&Cpu), 3e-6);
}

#[apply(test!)]
fn products_agree_for_every_stored_type_and_any_shape() {
    let gpu = open(checked());
    for (n, k, out) in [(1, 8, 4), (33, 20, 7), (5, 64, 200), (70, 30, 40), (3, 7, 3), (550, 8, 70)] {
        for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16] {
            compare(&gpu, &format!("{n} x {k} x {out} {dtype:?}"), &Product { n, k, out, dtype });
        }
    }
}

#[apply(test!)]
fn products_on_cooperative_matrices_agree_to_f16_rounding() {
    let options = WgpuOptions { precision: Precision::Fast, ..checked() };
    let gpu = open(options);
    if let Some(note) = gpu.note() {
        skip(note);
    }
    for (n, k, out) in [(1, 8, 4), (70, 30, 40), (33, 100, 65), (3, 7, 3)] {
        for dtype in [Dtype::F16, Dtype::Bf16] {
            let step = Product { n, k, out, dtype };
            assert_close(&format!("{n} x {k} x {out} {dtype:?}"), &step.run(&gpu), &step.run(&Cpu), 3e-3);
        }
    }
}

#[apply(test!)]
fn row_wise_steps_agree_with_and_without_subgroup_operations() {
    for options in [checked(), downlevel()] {
        let gpu = open(options);
        compare(&gpu, "row-wise steps", &RowWise);
    }
}

#[apply(test!)]
fn attention_agrees_for_windows_caps_groups_and_long_heads() {
    let gpu = open(checked());
    for (heads, kv_heads, head_dim, window, score_cap) in [
        (4, 2, 24, None, None),
        (7, 1, 16, Some(16), None),
        (3, 3, 64, Some(100), Some(2.0)),
        (2, 1, 130, None, None),
        (1, 1, 512, None, Some(30.0)),
    ] {
        let layer = LayerSpec { window, score_cap, ..LayerSpec::plain(heads, kv_heads, head_dim, 8) };
        compare(&gpu, &format!("{heads}/{kv_heads} x {head_dim}, {window:?}"), &Attention { layer });
    }
}

#[apply(test!)]
fn values_that_are_not_finite_are_noticed_at_their_first_place() {
    let gpu = open(checked());
    let mut watch = gpu.new_watch().unwrap();
    let sound = rows(40, 300, 3e38, 1).on(&gpu);
    gpu.watch(&mut watch, &sound, 3).unwrap();
    assert_eq!(gpu.noticed(&mut watch).unwrap(), None);
    let mut infinite = gpu.gather_rows(&sound, &[39]).unwrap();
    gpu.scale(&mut infinite, 1e9).unwrap();
    let mut nan = gpu.gather_rows(&infinite, &[0]).unwrap();
    gpu.scale(&mut nan, 0.0).unwrap();
    for (first, second) in [(&infinite, &nan), (&nan, &infinite)] {
        gpu.watch(&mut watch, &sound, 1).unwrap();
        gpu.watch(&mut watch, first, 5).unwrap();
        gpu.watch(&mut watch, second, 7).unwrap();
        assert_eq!(gpu.noticed(&mut watch).unwrap(), Some(5));
        assert_eq!(gpu.noticed(&mut watch).unwrap(), None);
    }
}

#[apply(test!)]
fn every_tile_shape_gives_the_same_bits() {
    let step = Product { n: 150, k: 20, out: 300, dtype: Dtype::Bf16 };
    let mut first: Option<Vec<f32>> = None;
    for tile in 0..5 {
        let gpu = open(WgpuOptions { tiles: TileChoice::Fixed(tile), ..checked() });
        let got = step.run(&gpu);
        let same = first
            .get_or_insert_with(|| got.clone())
            .iter()
            .zip(&got)
            .all(|(a, b)| a.to_bits() == b.to_bits());
        assert!(same, "{}", gpu.path());
    }
}

#[apply(test!)]
fn one_of_the_tile_shapes_is_measured_as_the_quickest() {
    let mut gpu = open(checked());
    let quickest = gpu.quickest_tiles(64).expect("runs").expect("there are some");
    let chosen = open(WgpuOptions { tiles: TileChoice::Fixed(quickest), ..checked() });
    assert_eq!(gpu.path(), chosen.path());
}

#[apply(test!)]
fn long_work_is_cut_without_changing_a_bit() {
    let step = Product { n: 100, k: 400, out: 500, dtype: Dtype::F32 };
    let run = |submit_target| {
        let submits = Arc::new(AtomicUsize::new(0));
        let count = submits.clone();
        let hook: SubmitHook = Arc::new(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let gpu = open(WgpuOptions { submit_target, before_submit: Some(hook), ..checked() });
        // Once for the lengths to settle.
        step.run(&gpu);
        let before = submits.load(Ordering::Relaxed);
        let got: Vec<u32> = step.run(&gpu).into_iter().map(f32::to_bits).collect();
        (got, submits.load(Ordering::Relaxed) - before)
    };
    let (whole, cut) = (run(Duration::from_secs(10)), run(Duration::from_micros(1)));
    assert!(whole.0 == cut.0, "other bits");
    assert!(cut.1 > 2 * whole.1, "{} submits, and {} where they should be short", whole.1, cut.1);
}
