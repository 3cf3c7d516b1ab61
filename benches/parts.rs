//! The engine's parts: `cargo bench --manifest-path benches/Cargo.toml`. Shapes are SmolLM2-135M's; elements per second are multiply-adds for products,
//! tokens for the tree. `tiltmeter bench study` sets the whole beside the machine's peak.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tiltmeter::backend::cpu::{Cpu, Rows, Turns};
use tiltmeter::backend::{Backend, PassSizes, Projection};
use tiltmeter::checkpoint::spec::{DecoderSpec, LayerSpec, Pairs, Rotary};
use tiltmeter::checkpoint::{Dtype, Tensor};
use tiltmeter::prefix::PrefixTree;

const PACK: usize = 2048;

fn rows(n: usize, width: usize) -> Rows {
    Rows::new(n, width, (0..n * width).map(|i| ((i * 7919 % 1000) as f32) / 1000.0 - 0.5).collect())
}

/// f16 values, as a checkpoint stores them.
fn weights(rows: usize, cols: usize) -> Vec<u8> {
    (0..rows * cols)
        .flat_map(|i| half::f16::from_f32(((i * 104_729 % 1000) as f32) / 1000.0 - 0.5).to_le_bytes())
        .collect()
}

fn products(c: &mut Criterion) {
    let mut group = c.benchmark_group("linear");
    group.sample_size(10);
    for (out, input) in [(576, 576), (192, 576), (1536, 576), (576, 1536)] {
        let bytes = weights(out, input);
        let weight = Tensor { dtype: Dtype::F16, rows: out, cols: input, bytes: &bytes };
        let x = rows(PACK, input);
        group.throughput(Throughput::Elements((PACK * out * input) as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("{PACK}x{out}x{input}")), |b| {
            b.iter(|| Cpu.linear(black_box(&x), &Projection { weight: &weight, bias: None }))
        });
        // The peer: a general product of the same shape, weights already widened.
        let wide: Vec<f32> =
            bytes.as_chunks::<2>().0.iter().map(|b| half::f16::from_le_bytes(*b).to_f32()).collect();
        let mut product = vec![0.0f32; PACK * out];
        group.bench_function(BenchmarkId::new("gemm crate", format!("{PACK}x{out}x{input}")), |b| {
            b.iter(|| by_gemm(black_box(&x.data), &wide, &mut product, [PACK, out, input]))
        });
    }
    group.finish();
}

/// `a b^T` in `out` on all cores; a `[m, k]`, b `[n, k]`.
fn by_gemm(a: &[f32], b: &[f32], out: &mut [f32], [m, n, k]: [usize; 3]) {
    assert!(a.len() == m * k && b.len() == n * k && out.len() == m * n);
    let (ns, ks) = (n as isize, k as isize);
    let threads = gemm::Parallelism::Rayon(0);
    let (a, b, out) = (a.as_ptr(), b.as_ptr(), out.as_mut_ptr());
    // SAFETY: the strides span the three slices (asserted above).
    unsafe {
        gemm::gemm(m, n, k, out, 1, ns, false, a, 1, ks, b, ks, 1, 0.0, 1.0, false, false, false, threads);
    }
}

fn attention(c: &mut Criterion) {
    let layer = LayerSpec::plain(9, 3, 64, 1536);
    // A trunk of 180 tokens with many twigs of 20, as the study's prompts branch.
    let prompts: Vec<Vec<u32>> =
        (0..93).map(|i| (0..180).chain((0..20).map(|t| 1000 + i * 20 + t)).collect()).collect();
    let tree = PrefixTree::new(&prompts, true);
    let pack = tree.packs(PACK).remove(0);
    let decoder = DecoderSpec::plain(576, 1, 200, 1e-6, vec![layer.clone()]);
    let most = PassSizes { tokens: PACK, path: 200, ..PassSizes::default() };
    let mut kv = Cpu.new_kv(&decoder, &most).expect("room");
    Cpu.write_kv(&mut kv, 0, 0, rows(pack.len(), 192), rows(pack.len(), 192)).expect("written");
    let q = rows(pack.len(), 576);
    let mut group = c.benchmark_group("attention");
    group.sample_size(10);
    group.throughput(Throughput::Elements(pack.len() as u64));
    group
        .bench_function("tree", |b| b.iter(|| Cpu.tree_attention(black_box(&q), &kv, 0, &pack.runs, &layer)));
    let rotary =
        Rotary { freq: (0..32).map(|i| 1e5f32.powf(-(i as f32) / 32.0)).collect(), pairs: Pairs::Apart(32) };
    let turns = Turns::new(&rotary, &tree.depth[..pack.len()]);
    group.bench_function("rotary", |b| {
        let mut x = rows(pack.len(), 576);
        b.iter(|| turns.apply(black_box(&mut x), 64))
    });
    group.finish();
}

fn tree(c: &mut Criterion) {
    // The study's shape: 28 pairs x 79 scenarios x 2 roles, two questions, two orders.
    let prompts: Vec<Vec<u32>> = (0..28 * 79 * 8u32)
        .map(|i| {
            let (story, question, order) = (i / 4, i / 2 % 2, i % 2);
            let mut tokens: Vec<u32> = (0..72).collect();
            tokens.extend((0..80).map(|t| 100 + (story * 31 + t * 7) % 900));
            tokens.extend((0..18).map(|t| 2000 + question * 50 + t));
            tokens.extend((0..24).map(|t| 3000 + order * 50 + t));
            tokens
        })
        .collect();
    let mut group = c.benchmark_group("prefix");
    group.sample_size(10);
    group.throughput(Throughput::Elements(prompts.iter().map(|p| p.len() as u64).sum()));
    group.bench_function("tree of 17,696 prompts", |b| b.iter(|| PrefixTree::new(black_box(&prompts), true)));
    let tree = PrefixTree::new(&prompts, true);
    group.bench_function("packs of 2,048", |b| b.iter(|| tree.packs(black_box(PACK))));
    group.finish();
}

criterion_group!(parts, products, attention, tree);
criterion_main!(parts);
