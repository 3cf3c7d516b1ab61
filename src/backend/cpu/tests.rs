//! Steps whose results no whole decoder shows apart.

use super::*;

fn values(n: usize, seed: u32) -> Vec<f32> {
    (0..n as u32).map(|i| ((i * 7919 + seed * 104_729) % 1000) as f32 / 250.0 - 2.0).collect()
}

/// One run of four queries on as many keys, with a soft cap that bites, against a plain sum in f64.
#[test]
fn capped_scores_agree_with_a_plain_sum() {
    let (n, heads, d, cap) = (4, 2, 6, 1.5f32);
    let layer = LayerSpec { score_cap: Some(cap), score_scale: 0.7, ..LayerSpec::plain(heads, 1, d, 1) };
    let rows = |width, seed| Rows::new(n, width, values(n * width, seed));
    let (q, k, v) = (rows(heads * d, 1), rows(d, 2), rows(d, 3));
    let decoder = DecoderSpec::plain(heads * d, 1, n, 1e-6, vec![layer.clone()]);
    let mut kv = Cpu.new_kv(&decoder, &PassSizes { tokens: n, ..PassSizes::default() }).expect("room");
    Cpu.write_kv(&mut kv, 0, 0, k.clone(), v.clone()).expect("written");
    let keys = vec![crate::prefix::KeyRange { row: 0, len: n }];
    let runs = [QueryRun { rows: 0..n, first_depth: 0, keys }];
    let got = Cpu.tree_attention(&q, &kv, 0, &runs, &layer).expect("attention");
    for (i, head) in (0..n).flat_map(|i| (0..heads).map(move |head| (i, head))) {
        let q = &q.row(i)[head * d..(head + 1) * d];
        let weight = |j: usize| {
            let dot: f64 = q.iter().zip(k.row(j)).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum();
            (f64::from(cap) * (0.7 * dot / f64::from(cap)).tanh()).exp()
        };
        let total: f64 = (0..=i).map(weight).sum();
        for e in 0..d {
            let want: f64 = (0..=i).map(|j| weight(j) * f64::from(v.row(j)[e])).sum::<f64>() / total;
            let got = f64::from(got.row(i)[head * d + e]);
            assert!((got - want).abs() < 1e-5, "query {i}, head {head}, element {e}: {got}, {want}");
        }
    }
}

#[test]
fn a_norm_by_groups_normalises_each_by_itself() {
    let x = Rows::new(2, 6, values(12, 5));
    let weight = [2.0f32, 0.5, 1.0];
    let tensor = Tensor {
        dtype: crate::checkpoint::Dtype::F32,
        rows: 1,
        cols: 3,
        bytes: bytemuck::cast_slice(&weight),
    };
    let (with, without) =
        (Cpu.norm(&x, Some(&tensor), 3, 1e-6).expect("norm"), Cpu.norm(&x, None, 3, 1e-6).expect("norm"));
    for (i, group) in x.data.chunks_exact(3).enumerate() {
        let scale = 1.0 / (group.iter().map(|v| v * v).sum::<f32>() / 3.0 + 1e-6).sqrt();
        for (e, v) in group.iter().enumerate() {
            assert!((without.data[3 * i + e] - v * scale).abs() < 1e-6);
            assert!((with.data[3 * i + e] - v * scale * weight[e]).abs() < 1e-6);
        }
    }
}

#[test]
fn a_watch_keeps_the_smallest_place_until_it_is_asked() {
    let rows = |value| Rows::new(1, 2, vec![0.0, value]);
    let mut watch = Cpu.new_watch().expect("a watch");
    for (value, place) in [(1.0, 0), (f32::NAN, 4), (f32::INFINITY, 2), (f32::NAN, 3)] {
        Cpu.watch(&mut watch, &rows(value), place).expect("watched");
    }
    assert_eq!(Cpu.noticed(&mut watch).expect("asked"), Some(2));
    assert_eq!(Cpu.noticed(&mut watch).expect("asked"), None);
}
