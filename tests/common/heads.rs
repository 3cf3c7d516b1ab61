//! Choice logits, log-sum-exps and likeliest tokens of any backend against plain f64 sums.

use super::data::{Weight, rows};
use tiltmeter::backend::{Backend, HeadUse, Purpose};
use tiltmeter::checkpoint::Dtype;

/// Width of rows and table.
const H: usize = 20;

/// Output embeddings of `v` tokens in each stored type, with and without row scales and caps, for `n` rows: logits of `ids` and
/// log-sum-exps must be within `limit`.
pub fn agree_with_plain_sums<B: Backend>(backend: &B, n: usize, v: usize, ids: &[u32], limit: f64) {
    check(backend, (Dtype::Bf16, false, None), n, v, ids, limit);
    check(backend, (Dtype::F32, true, None), n, v, ids, limit);
    check(backend, (Dtype::F16, false, Some(10.0)), n, v, ids, limit);
    check(backend, (Dtype::F32, true, Some(4.0)), n, v, ids, limit);
}

fn check<B: Backend>(
    backend: &B,
    (dtype, unit_rows, cap): (Dtype, bool, Option<f32>),
    n: usize,
    v: usize,
    ids: &[u32],
    limit: f64,
) {
    let (x, table) = (rows(n, H, 3.0, 1), Weight::new(dtype, v, H, 1.5, 2));
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
    let scale = unit_rows.then(|| backend.unit_rows(table.tensor()).expect("scales"));
    let uploaded = backend.upload(table.tensor(), Purpose::Product).expect("uploads");
    let head = HeadUse { table: &uploaded, row_scale: scale.as_ref(), cap };
    let rows = x.on(backend);
    let choices = backend.choice_logits(&rows, &head, ids).expect("logits");
    let sums = backend.log_sum_exp(&rows, &head).expect("sums");
    let top = backend.top_tokens(&rows, &head, 5).expect("top");
    for row in 0..n {
        let logits: Vec<f64> = (0..v).map(|t| logit(row, t)).collect();
        for (&id, &got) in ids.iter().zip(&choices[row]) {
            assert!((f64::from(got) - logits[id as usize]).abs() < limit, "logit {id} of row {row}: {got}");
        }
        let want = logits.iter().map(|l| l.exp()).sum::<f64>().ln();
        assert!((sums[row] - want).abs() < limit, "row {row}: {} for {want}", sums[row]);
        let mut order: Vec<usize> = (0..v).collect();
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        let tokens: Vec<usize> = top[row].iter().map(|t| t.token as usize).collect();
        assert_eq!(tokens, order[..5], "row {row}");
        assert!((f64::from(top[row][4].logit) - logits[order[4]]).abs() < limit, "row {row}");
    }
}
