//! Promise: every step gives what the cpu backend gives, to f32 rounding.

use crate::data::{Weight, assert_close, rows};
use crate::device::{checked, downlevel, open};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tiltmeter::backend::cpu::Cpu;
use tiltmeter::backend::wgpu::{Precision, SubmitHook, TileChoice, Wgpu, WgpuOptions};
use tiltmeter::backend::{Backend, PassSizes, Projection, Purpose};
use tiltmeter::checkpoint::Dtype;
use tiltmeter::checkpoint::spec::{Act, DecoderSpec, LayerSpec, Pairs, Rotary};
use tiltmeter::prefix::{Carry, KeyRange, QueryRun};

/// A step, on any backend.
trait Step {
    fn run<B: Backend>(&self, backend: &B) -> Vec<f32>;
}

fn compare(gpu: &Wgpu, what: &str, step: &impl Step) {
    assert_close(what, &step.run(gpu), &step.run(&Cpu), 3e-6);
}

struct Product {
    n: usize,
    k: usize,
    out: usize,
    dtype: Dtype,
}

impl Step for Product {
    fn run<B: Backend>(&self, b: &B) -> Vec<f32> {
        let Product { n, k, out, dtype } = *self;
        let x = rows(n, k, 1.0, 1).on(b);
        let (w, up) = (Weight::new(dtype, out, k, 0.3, 2), Weight::new(dtype, out, k, 0.3, 3));
        let bias = Weight::new(dtype, 1, out, 1.0, 4);
        let (w, up, bias) = (w.for_products(b), up.for_products(b), bias.for_products(b));
        let plain = Projection { weight: &w, bias: None };
        let biased = Projection { weight: &up, bias: Some(&bias) };
        let mut all = Vec::new();
        let mut y = b.linear(&x, &biased).unwrap();
        all.extend(b.read(&y).unwrap());
        b.linear_add(&x, &plain, &mut y).unwrap();
        all.extend(b.read(&y).unwrap());
        for act in [Act::Silu, Act::GeluTanh] {
            all.extend(b.read(&b.gate(&x, &biased, &plain, act).unwrap()).unwrap());
            let side = rows(n, out + 5, 1.0, 6).on(b);
            all.extend(b.read(&b.side_gate(&x, &plain, &side, 3, act).unwrap()).unwrap());
        }
        all
    }
}

#[test]
fn products_agree_for_every_stored_type_and_any_shape() {
    let Some(gpu) = open(checked()) else { return };
    for (n, k, out) in [(1, 8, 4), (33, 20, 7), (5, 64, 200), (70, 30, 40), (3, 7, 3), (550, 8, 70)] {
        for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16] {
            compare(&gpu, &format!("{n} x {k} x {out} {dtype:?}"), &Product { n, k, out, dtype });
        }
    }
}

#[test]
fn products_on_cooperative_matrices_agree_to_f16_rounding() {
    let options = WgpuOptions { precision: Precision::Fast, ..checked() };
    let Some(gpu) = open(options) else { return };
    if let Some(note) = gpu.note() {
        println!("skipped: {note}");
        return;
    }
    for (n, k, out) in [(1, 8, 4), (70, 30, 40), (33, 100, 65), (3, 7, 3)] {
        for dtype in [Dtype::F16, Dtype::Bf16] {
            let step = Product { n, k, out, dtype };
            assert_close(&format!("{n} x {k} x {out} {dtype:?}"), &step.run(&gpu), &step.run(&Cpu), 3e-3);
        }
    }
}

struct RowWise;

impl Step for RowWise {
    fn run<B: Backend>(&self, b: &B) -> Vec<f32> {
        let (n, width) = (5, 96);
        let x = rows(n, width, 3.0, 1);
        let weight = |len| Weight::new(Dtype::Bf16, 1, len, 1.0, 9);
        let mut all = Vec::new();
        for group in [96, 24, 1] {
            let weight = weight(group);
            let weight = weight.for_products(b);
            all.extend(b.read(&b.norm(&x.on(b), Some(&weight), group, 1e-6).unwrap()).unwrap());
            all.extend(b.read(&b.norm(&x.on(b), None, group, 1e-5).unwrap()).unwrap());
        }
        let long = rows(2, 1500, 2.0, 8).on(b);
        all.extend(b.read(&b.norm(&long, None, 1500, 1e-5).unwrap()).unwrap());

        let mut y = b.gather_rows(&x.on(b), &[4, 0, 0, 2]).unwrap();
        all.extend(b.read(&y).unwrap());
        b.add(&rows(4, width, 1.0, 7).on(b), &mut y).unwrap();
        b.scale(&mut y, 0.37).unwrap();
        all.extend(b.read(&y).unwrap());
        assert!(b.read(&b.gather_rows(&y, &[]).unwrap()).unwrap().is_empty());

        for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16] {
            let table = Weight::new(dtype, 11, 21, 1.0, 5);
            let table = b.upload(table.tensor(), Purpose::Both).unwrap();
            all.extend(b.read(&b.embed(&table, 0..21, &[10, 3, 3, 0], 4.5).unwrap()).unwrap());
            all.extend(b.read(&b.embed(&table, 7..18, &[1, 10], 1.0).unwrap()).unwrap());
        }

        let positions = [0, 3, 200, 3, 77];
        for pairs in [Pairs::Apart(12), Pairs::Apart(10), Pairs::Adjacent] {
            let freq = (0..10).map(|i| 10_000f32.powf(-(i as f32) / 12.0)).collect();
            let turns = b.turns(&Rotary { freq, pairs }, &positions).unwrap();
            let mut y = x.on(b);
            b.rope(&mut y, 24, &turns).unwrap();
            all.extend(b.read(&y).unwrap());
        }
        all
    }
}

#[test]
fn row_wise_steps_agree_with_and_without_subgroup_operations() {
    for options in [checked(), downlevel()] {
        let Some(gpu) = open(options) else { return };
        compare(&gpu, "row-wise steps", &RowWise);
    }
}

/// Two passes over a small tree, the second with a carried path.
struct Attention {
    layer: LayerSpec,
}

impl Step for Attention {
    fn run<B: Backend>(&self, b: &B) -> Vec<f32> {
        let l = &self.layer;
        let (q_width, kv_width) = (l.heads * l.head_dim, l.kv_heads * l.head_dim);
        let decoder = DecoderSpec::plain(8, 8, 200, 1e-6, vec![l.clone()]);
        let most = PassSizes { tokens: 160, path: 200, ..PassSizes::default() };
        let mut kv = b.new_kv(&decoder, &most).unwrap();
        let mut all = Vec::new();
        let range = |row, len| KeyRange { row, len };
        let runs = [
            QueryRun { rows: 0..130, first_depth: 0, keys: vec![range(0, 130)] },
            QueryRun { rows: 130..135, first_depth: 70, keys: vec![range(0, 70), range(130, 5)] },
            QueryRun {
                rows: 135..150,
                first_depth: 72,
                keys: vec![range(0, 70), range(130, 2), range(135, 15)],
            },
        ];
        let make = |n, seed| rows(n, kv_width, 1.0, seed).on(b);
        b.write_kv(&mut kv, 0, 0, make(150, 1), make(150, 2)).unwrap();
        let q = rows(150, q_width, 1.0, 3).on(b);
        all.extend(b.read(&b.tree_attention(&q, &kv, 0, &runs, l).unwrap()).unwrap());
        let carry = [Carry { from: 0, depth: 0, len: 70 }, Carry { from: 130, depth: 70, len: 2 }];
        b.carry(&mut kv, 0, &carry).unwrap();

        let runs = [QueryRun { rows: 0..9, first_depth: 72, keys: vec![range(0, 81)] }];
        b.write_kv(&mut kv, 0, 72, make(9, 4), make(9, 5)).unwrap();
        let q = rows(9, q_width, 1.0, 6).on(b);
        all.extend(b.read(&b.tree_attention(&q, &kv, 0, &runs, l).unwrap()).unwrap());
        b.carry(&mut kv, 0, &[Carry { from: 72, depth: 72, len: 4 }]).unwrap();

        let ends = [QueryRun { rows: 0..1, first_depth: 76, keys: vec![range(0, 76), range(76, 1)] }];
        b.write_kv(&mut kv, 0, 76, make(1, 7), make(1, 8)).unwrap();
        let q = rows(1, q_width, 1.0, 9).on(b);
        all.extend(b.read(&b.tree_attention(&q, &kv, 0, &ends, l).unwrap()).unwrap());
        all
    }
}

#[test]
fn attention_agrees_for_windows_caps_groups_and_long_heads() {
    let Some(gpu) = open(checked()) else { return };
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

#[test]
fn values_that_are_not_finite_are_noticed_at_their_first_place() {
    let Some(gpu) = open(checked()) else { return };
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

#[test]
fn every_tile_shape_gives_the_same_bits() {
    let step = Product { n: 150, k: 20, out: 300, dtype: Dtype::Bf16 };
    let mut first: Option<Vec<f32>> = None;
    for tile in 0..5 {
        let Some(gpu) = open(WgpuOptions { tiles: TileChoice::Fixed(tile), ..checked() }) else { return };
        let got = step.run(&gpu);
        let same = first
            .get_or_insert_with(|| got.clone())
            .iter()
            .zip(&got)
            .all(|(a, b)| a.to_bits() == b.to_bits());
        assert!(same, "{}", gpu.path());
    }
}

#[test]
fn long_work_is_cut_without_changing_a_bit() {
    let step = Product { n: 100, k: 400, out: 500, dtype: Dtype::F32 };
    let run = |submit_target| {
        let submits = Arc::new(AtomicUsize::new(0));
        let count = submits.clone();
        let hook: SubmitHook = Arc::new(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        let gpu = open(WgpuOptions { submit_target, before_submit: Some(hook), ..checked() })?;
        // Once for the lengths to settle.
        step.run(&gpu);
        let before = submits.load(Ordering::Relaxed);
        let got: Vec<u32> = step.run(&gpu).into_iter().map(f32::to_bits).collect();
        Some((got, submits.load(Ordering::Relaxed) - before))
    };
    let (Some(whole), Some(cut)) = (run(Duration::from_secs(10)), run(Duration::from_micros(1))) else {
        return;
    };
    assert!(whole.0 == cut.0, "other bits");
    assert!(cut.1 > 2 * whole.1, "{} submits, and {} where they should be short", whole.1, cut.1);
}
