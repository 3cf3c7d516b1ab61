//! Promise: choice logits, log-sum-exp and likeliest tokens agree with plain f64 sums, caps and row scales included.

use crate::common::data::{Weight, rows};
use crate::common::heads::agree_with_plain_sums;
use crate::device::{checked, open};
use tiltmeter::backend::{Backend, HeadUse, Purpose};
use tiltmeter::checkpoint::Dtype;

const V: usize = 4096 + 700;
const H: usize = 20;
const N: usize = 6;

#[apply(test!)]
fn heads_agree_with_plain_sums() {
    agree_with_plain_sums(&open(checked()), N, V, &[4795, 0, 17, 4096], 1e-5);
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
