//! Promise: every single step gives what the cpu backend gives, to f32 rounding; in `fast` to f16's.

use super::open;
use crate::common::data::{Weight, assert_close, rows};
use crate::common::heads::agree_with_plain_sums;
use crate::common::steps::{Attention, Product, RowWise, Step};
use tiltmeter::backend::cpu::Cpu;
use tiltmeter::backend::cuda::Cuda;
use tiltmeter::backend::measure::Measured;
use tiltmeter::backend::reading::{Ask, Asks, read_off};
use tiltmeter::backend::{Backend, HeadUse, Precision, Purpose, Staging, TokenLogit};
use tiltmeter::checkpoint::spec::{DecoderSpec, LayerSpec};
use tiltmeter::checkpoint::{Dtype, Tensor};

fn compare(gpu: &Cuda, what: &str, step: &impl Step, within: f32) {
    assert_close(what, &step.run(gpu), &step.run(&Cpu), within);
}

#[apply(test!)]
fn products_agree_for_every_stored_type_and_any_shape() {
    let gpu = open(Precision::F32);
    for (n, k, out) in [(1, 8, 4), (33, 20, 7), (130, 130, 300), (3, 7, 3)] {
        for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16] {
            compare(&gpu, &format!("{n} x {k} x {out} {dtype:?}"), &Product { n, k, out, dtype }, 3e-6);
        }
    }
}

#[apply(test!)]
fn products_of_one_plane_agree_to_its_rounding() {
    let gpu = open(Precision::Fast);
    for dtype in [Dtype::F32, Dtype::Bf16] {
        compare(&gpu, &format!("{dtype:?}"), &Product { n: 33, k: 100, out: 65, dtype }, 3e-3);
    }
}

#[apply(test!)]
fn row_wise_steps_agree() {
    compare(&open(Precision::F32), "row-wise steps", &RowWise, 3e-6);
}

#[apply(test!)]
fn attention_agrees_for_windows_caps_groups_and_every_size_of_head() {
    let gpu = open(Precision::F32);
    for (heads, kv_heads, head_dim, window, score_cap) in [
        (4, 2, 24, None, None),
        (7, 1, 16, Some(16), None),
        (3, 3, 64, Some(100), Some(2.0)),
        (16, 1, 128, None, None),
        (2, 1, 130, None, None),
        (1, 1, 512, None, Some(30.0)),
    ] {
        let layer = LayerSpec { window, score_cap, ..LayerSpec::plain(heads, kv_heads, head_dim, 8) };
        compare(&gpu, &format!("{heads}/{kv_heads} x {head_dim}, {window:?}"), &Attention { layer }, 5e-6);
    }
}

#[apply(test!)]
fn heads_agree_with_plain_sums() {
    agree_with_plain_sums(&open(Precision::Fast), 5, 1000, &[999, 0, 17, 256], 2e-5);
}

#[apply(test!)]
fn likeliest_tokens_of_many_rows_are_those_of_each() {
    // More logits than are looked at at a time.
    const V: usize = 300_000;
    // A table of more than one slot of the ring.
    const H: usize = 16;
    let gpu = open(Precision::F32);
    // Rows of the second part have other powers of two than those of the first.
    let values: Vec<f32> =
        (0..60 * H).map(|i| ((i * 7 % 11) as f32 - 5.0) * 2f32.powi((i / H % 7) as i32)).collect();
    let tensor = Tensor { dtype: Dtype::F32, rows: 60, cols: H, bytes: bytemuck::cast_slice(&values) };
    let all: Vec<u32> = (0..60).collect();
    let rows = gpu.upload(tensor, Purpose::Gather).expect("uploads");
    let x = gpu.embed(&rows, 0..H, &all, 1.0).expect("embeds");
    let stored = Weight::new(Dtype::Bf16, V, H, 1.0, 2);
    let table = gpu.upload(stored.tensor(), Purpose::Product).expect("uploads");
    let head = HeadUse { table: &table, row_scale: None, cap: None };
    let all = gpu.top_tokens(&x, &head, 3).expect("top");
    for row in [0, 55, 59] {
        let one = gpu.gather_rows(&x, &[row]).expect("gathers");
        let alone = gpu.top_tokens(&one, &head, 3).expect("top");
        assert_eq!(format!("{:?}", all[row]), format!("{:?}", alone[0]), "row {row}");
        let logit = |token: &TokenLogit| -> f64 {
            let first = H * token.token as usize;
            let weight = |i: usize| stored.tensor().dtype.value(stored.tensor().bytes, first + i);
            (0..H).map(|i| f64::from(weight(i).expect("inside") * values[row * H + i])).sum()
        };
        for token in &all[row] {
            assert!(
                (f64::from(token.logit) - logit(token)).abs() < 1e-4 * logit(token),
                "row {row}: {token:?}"
            );
        }
    }
}

#[apply(test!)]
fn equal_logits_are_listed_by_token() {
    let gpu = open(Precision::F32);
    let (x, table) = (rows(2, 4, 1.0, 1), rows(300, 4, 0.0, 1));
    let table = gpu.upload(table.tensor(), Purpose::Product).expect("uploads");
    let head = HeadUse { table: &table, row_scale: None, cap: None };
    let top = gpu.top_tokens(&x.on(&gpu), &head, 4).expect("top");
    assert_eq!(top[1].iter().map(|t| t.token).collect::<Vec<_>>(), [0, 1, 2, 3]);
    let sums = gpu.log_sum_exp(&x.on(&gpu), &head).expect("sums");
    assert!((sums[0] - 300f64.ln()).abs() < 1e-6);
}

#[apply(test!)]
fn what_is_read_off_at_once_is_what_is_read_step_by_step() {
    let gpu = open(Precision::F32);
    let (x, table) = (rows(4, 20, 1.0, 1).on(&gpu), Weight::new(Dtype::F16, 300, 20, 1.0, 2));
    let table = table.for_products(&gpu);
    let head = HeadUse { table: &table, row_scale: None, cap: None };
    let ask = |rows: &[usize], ids: &[u32]| Ask { rows: rows.to_vec(), ids: ids.to_vec() };
    let logits = vec![ask(&[3, 0], &[7, 299, 5]), ask(&[1], &[]), ask(&[0, 1, 2], &[8]), ask(&[], &[9])];
    for top in [0, 2] {
        let asks = Asks { logits: logits.clone(), top };
        let mut watch = gpu.new_watch().expect("a watch");
        let want = read_off(&gpu, &x, &head, &asks, &mut watch).expect("reads");
        let reading = gpu.read_off(&x, &head, &asks, &mut watch).expect("begins");
        assert_eq!(gpu.collect(reading).expect("reads"), want);
    }
    for ask in [ask(&[4], &[0]), ask(&[0], &[300])] {
        let asks = Asks { logits: vec![ask], top: 0 };
        let mut watch = gpu.new_watch().expect("a watch");
        assert!(gpu.read_off(&x, &head, &asks, &mut watch).is_err(), "{asks:?}");
    }
}

#[apply(test!)]
fn weights_that_come_early_in_pieces_are_taken_when_all_of_them_are_there() {
    let gpu = open(Precision::F32);
    let x = rows(3, 20, 1.0, 1).on(&gpu);
    // What is sent differs from what is in memory, so that each shows by its logits.
    let (there, sent) = (Weight::new(Dtype::F16, 300, 20, 1.0, 2), Weight::new(Dtype::F16, 300, 20, 1.0, 3));
    // One tensor of a file may be two matrices.
    let logits = |of: &Weight| {
        let whole = of.tensor();
        let (first, second) = whole.bytes.split_at(whole.bytes.len() / 2);
        [first, second].map(|bytes| {
            let table = gpu.upload(Tensor { rows: 150, bytes, ..whole }, Purpose::Product).expect("uploads");
            let head = HeadUse { table: &table, row_scale: None, cap: None };
            gpu.choice_logits(&x, &head, &[0, 77, 149]).expect("logits")
        })
    };
    let (as_there, as_sent) = (logits(&there), logits(&sent));
    let (tensor, bytes) = (there.tensor(), sent.tensor().bytes);
    let begun = || match gpu.stage(bytes.len() as u64, bytes.len() as u64) {
        Staging::Begun(staging) => staging,
        _ => panic!("there is room"),
    };
    let pieces: Vec<usize> = (0..bytes.len()).step_by(1000).rev().collect();
    let staging = begun();
    let send = |at: usize| staging.take(&tensor, at, &bytes[at..bytes.len().min(at + 1000)]);
    pieces[1..].iter().copied().for_each(send);
    assert_eq!(logits(&there), as_there, "a piece is missing");
    send(pieces[0]);
    assert_eq!(logits(&there), as_sent, "all is there");
    assert_eq!(logits(&there), as_there, "it was used up");
    drop(staging);
    let staging = begun();
    staging.take(&tensor, 0, bytes);
    drop(staging);
    assert_eq!(logits(&there), as_there, "its file is closed");
}

#[apply(test!)]
fn values_that_are_not_finite_are_noticed_at_their_first_place() {
    let gpu = open(Precision::F32);
    let mut watch = gpu.new_watch().expect("a watch");
    let sound = rows(40, 300, 3e38, 1).on(&gpu);
    gpu.watch(&mut watch, &sound, 3).expect("looks");
    assert_eq!(gpu.noticed(&mut watch).expect("tells"), None);
    let mut infinite = gpu.gather_rows(&sound, &[39]).expect("gathers");
    gpu.scale(&mut infinite, 1e9).expect("scales");
    let mut nan = gpu.gather_rows(&infinite, &[0]).expect("gathers");
    gpu.scale(&mut nan, 0.0).expect("scales");
    for (first, second) in [(&infinite, &nan), (&nan, &infinite)] {
        gpu.watch(&mut watch, &sound, 1).expect("looks");
        gpu.watch(&mut watch, first, 5).expect("looks");
        gpu.watch(&mut watch, second, 7).expect("looks");
        assert_eq!(gpu.noticed(&mut watch).expect("tells"), Some(5));
        assert_eq!(gpu.noticed(&mut watch).expect("tells"), None);
    }
    // The next step that reads the rows looks at them in passing.
    gpu.watch(&mut watch, &nan, 2).expect("looks");
    gpu.norm(&nan, None, 300, 1e-6).expect("norms");
    assert_eq!(gpu.noticed(&mut watch).expect("tells"), Some(2));
    // What writes over them comes after.
    gpu.watch(&mut watch, &infinite, 1).expect("looks");
    gpu.scale(&mut infinite, 0.0).expect("scales");
    assert_eq!(gpu.noticed(&mut watch).expect("tells"), Some(1));
}

#[apply(test!)]
fn products_are_timed_by_each_way_and_planes_are_counted() {
    let gpu = open(Precision::Fast);
    let times = gpu.products(70, 264, 100).expect("runs");
    let ours: Vec<usize> = times.iter().filter(|time| !time.is_yardstick).map(|time| time.planes).collect();
    assert_eq!(ours, [1, 2]);
    assert!(times.iter().all(|time| time.seconds > 0.0 && time.seconds.is_finite()));
    // Where there is a library of the vendor's, it was asked for both types.
    assert_eq!(times.len() - ours.len(), if gpu.lacks().is_some() { 0 } else { 2 });
    // Around attention two planes, and in the first layer's MLP: 2 x (4 + 2) x 16 of 300 more, in the second layer one.
    let layer = LayerSpec::plain(4, 2, 16, 100);
    let decoder = DecoderSpec::plain(64, 300, 8, 1e-6, vec![layer.clone(), layer]);
    let planes = gpu.planes(&decoder).expect("counted");
    assert!((planes - (2.0 * 192.0 + 300.0 * 1.5) / (192.0 + 300.0)).abs() < 1e-9, "{planes}");
}
