//! Single steps to compare backends by.

use super::data::{Weight, rows};
use tiltmeter::backend::{Backend, PassSizes, Projection, Purpose};
use tiltmeter::checkpoint::Dtype;
use tiltmeter::checkpoint::spec::{Act, DecoderSpec, LayerSpec, Pairs, Rotary};
use tiltmeter::prefix::{Carry, KeyRange, QueryRun};

/// A step, on any backend.
pub trait Step {
    fn run<B: Backend>(&self, backend: &B) -> Vec<f32>;
}

/// Every product of a weight `[out, k]` with `n` rows.
pub struct Product {
    pub n: usize,
    pub k: usize,
    pub out: usize,
    pub dtype: Dtype,
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

/// What is done row by row.
pub struct RowWise;

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

/// Two passes over a small tree, the second with a carried path.
pub struct Attention {
    pub layer: LayerSpec,
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
