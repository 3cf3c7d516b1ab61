//! Promise: choice logits, log-sum-exp and likeliest tokens agree with plain f64 sums, caps and row scales included.

use crate::common::data::{Weight, rows};
use crate::device::{checked, open};
use tiltmeter::backend::wgpu::Wgpu;
use tiltmeter::backend::{Backend, HeadUse, Purpose};
use tiltmeter::checkpoint::Dtype;

const V: usize = 4096 + 700;
const H: usize = 20;
const N: usize = 6;

fn check(gpu: &Wgpu, dtype: Dtype, unit_rows: bool, cap: Option<f32>) {
    let (x, table) = (rows(N, H, 3.0, 1), Weight::new(dtype, V, H, 1.5, 2));
    let element =
        |w: &Weight, i: usize| f64::from(w.tensor().dtype.value(w.tensor().bytes, i).expect("inside"));
    let logit = |row: usize, token: usize| {
        let w: Vec<f64> = (0..H).map(|e| element(&table, token * H + e)).collect();
        let mut dot: f64 = w.iter().enumerate().map(|(e, w)| w * element(&x, row * H + e)).sum();
        if unit_rows {
            dot /= w.iter().map(|w| w * w).sum::<f64>().sqrt().max(1e-12);
        }
        cap.map_or(dot, |cap| f64::from(cap) * (dot / f64::from(cap)).tanh())
    };
    let scale = unit_rows.then(|| gpu.unit_rows(table.tensor()).expect("scales"));
    let uploaded = gpu.upload(table.tensor(), Purpose::Product).expect("uploads");
    let head = HeadUse { table: &uploaded, row_scale: scale.as_ref(), cap };
    let rows = x.on(gpu);
    let ids = [4795, 0, 17, 4096];
    let choices = gpu.choice_logits(&rows, &head, &ids).expect("logits");
    let sums = gpu.log_sum_exp(&rows, &head).expect("sums");
    let top = gpu.top_tokens(&rows, &head, 5).expect("top");
    for row in 0..N {
        let logits: Vec<f64> = (0..V).map(|t| logit(row, t)).collect();
        for (&id, &got) in ids.iter().zip(&choices[row]) {
            assert!((f64::from(got) - logits[id as usize]).abs() < 1e-5, "logit {id} of row {row}: {got}");
        }
        let want = logits.iter().map(|l| l.exp()).sum::<f64>().ln();
        assert!((sums[row] - want).abs() < 1e-5, "row {row}: {} for {want}", sums[row]);
        let mut order: Vec<usize> = (0..V).collect();
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        let tokens: Vec<usize> = top[row].iter().map(|t| t.token as usize).collect();
        assert_eq!(tokens, order[..5], "row {row}");
        assert!((f64::from(top[row][4].logit) - logits[order[4]]).abs() < 1e-5);
    }
}

#[apply(test!)]
fn heads_agree_with_plain_sums() {
    let gpu = open(checked());
    check(&gpu, Dtype::Bf16, false, None);
    check(&gpu, Dtype::F32, true, None);
    check(&gpu, Dtype::F16, false, Some(10.0));
    check(&gpu, Dtype::F32, true, Some(4.0));
}

#[apply(test!)]
fn equal_logits_are_listed_by_token() {
    let gpu = open(checked());
    let (x, table) = (rows(2, 4, 1.0, 1), rows(300, 4, 0.0, 1));
    let table = gpu.upload(table.tensor(), Purpose::Product).expect("uploads");
    let head = HeadUse { table: &table, row_scale: None, cap: None };
    let top = gpu.top_tokens(&x.on(&gpu), &head, 4).expect("top");
    assert_eq!(top[1].iter().map(|t| t.token).collect::<Vec<_>>(), [0, 1, 2, 3]);
    let sums = gpu.log_sum_exp(&x.on(&gpu), &head).expect("sums");
    assert!((sums[0] - 300f64.ln()).abs() < 1e-6);
}

#[apply(test!)]
fn many_rows_give_what_each_gives_alone() {
    let gpu = open(checked());
    let (x, table) = (rows(N, H, 3.0, 1), Weight::new(Dtype::Bf16, V, H, 1.5, 2));
    let table = gpu.upload(table.tensor(), Purpose::Product).expect("uploads");
    let head = HeadUse { table: &table, row_scale: None, cap: None };
    let few = x.on(&gpu);
    let (sums, top) =
        (gpu.log_sum_exp(&few, &head).expect("sums"), gpu.top_tokens(&few, &head, 3).expect("top"));
    // More than meet a strip of the vocabulary at a time.
    let indices: Vec<usize> = (0..1030).map(|i| i * 5 % N).collect();
    let many = gpu.gather_rows(&few, &indices).expect("gathers");
    let many_sums = gpu.log_sum_exp(&many, &head).expect("sums");
    let many_top = gpu.top_tokens(&many, &head, 3).expect("top");
    for (row, &index) in indices.iter().enumerate() {
        assert_eq!(many_sums[row].to_bits(), sums[index].to_bits(), "row {row}");
        assert_eq!(many_top[row], top[index], "row {row}");
    }
}
