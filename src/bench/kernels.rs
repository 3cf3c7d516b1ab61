//! Each kernel by itself at the families' sizes, as a share of the device's own best.

use std::collections::HashSet;
use std::time::Instant;

use serde::Serialize;

use super::{BenchError, RandomWeights, Shape, pack::prompts, timing::median};
use crate::backend::measure::{Measured, ProductTime};
use crate::backend::{BackendError, HeadUse, PassSizes, Projection, Purpose};
use crate::checkpoint::spec::{DecoderSpec, Kv, LayerSpec};
use crate::checkpoint::{Role, Tensor, Weights};

/// Operations are repeated until they take this long together, so that a device's answering time does not count.
const LEAST_SECONDS: f64 = 0.05;
const MOST_REPEATS: usize = 200;
/// Of each kernel; the median counts.
const TRIES: usize = 3;
/// Tokens for each prompt that ends among them: about as in the study.
const TOKENS_PER_END: usize = 32;
/// Rows of the table that activations are made from.
const SOURCE_ROWS: usize = 512;

/// What a kernel's speed is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub enum Bound {
    #[serde(rename = "GFLOP/s")]
    Arithmetic,
    #[serde(rename = "GB/s")]
    Memory,
}

#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct KernelTiming {
    /// The first family with this size.
    pub shape: String,
    pub kernel: &'static str,
    /// Rows, then what distinguishes the size.
    pub size: String,
    pub seconds: f64,
    pub rate: f64,
    pub unit: Bound,
    pub share_of_peak: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct KernelReport {
    pub device: String,
    pub rows: usize,
    pub peak_gflop_per_second: f64,
    pub peak_gb_per_second: f64,
    pub peak_is: &'static str,
    pub kernels: Vec<KernelTiming>,
    /// Products by each way that the device has, where it has several.
    pub products: Vec<ProductTiming>,
    /// A yardstick that is not installed.
    pub lacks: Option<&'static str>,
}

/// A plain product of one of the shapes' sizes.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct ProductTiming {
    /// The first family with this size.
    pub shape: String,
    pub size: String,
    pub by: String,
    pub seconds: f64,
    /// Arithmetic counted once, however many planes it takes.
    pub gflop_per_second: f64,
    /// Of the fastest product of this run, the peak's included: arithmetic counted once, and as matrix units are used.
    pub share_once: f64,
    pub share_of_cycles: f64,
    /// Speed over those of the vendor's products of this size.
    pub over_yardsticks: Vec<(String, f64)>,
}

/// Times every kernel on `rows` rows at the sizes of `shapes`, each size once.
///
/// # Errors
/// Whatever the device refuses, too little memory for one matrix first of all.
pub fn kernels<B: Measured>(backend: &B, shapes: &[Shape], rows: usize) -> Result<KernelReport, BenchError> {
    let peak = backend.peak()?;
    let mut bench = Bench { backend, rows, done: HashSet::new(), peak, kernels: Vec::new() };
    // What is compared with somebody else comes first, should there be no time for the rest.
    let products = products(backend, shapes, rows, peak.gflop_per_second)?;
    for shape in shapes {
        bench.shape(shape)?;
    }
    Ok(KernelReport {
        device: backend.describe(),
        rows,
        peak_gflop_per_second: peak.gflop_per_second,
        peak_gb_per_second: peak.gb_per_second,
        peak_is: B::PEAK,
        kernels: bench.kernels,
        products,
        lacks: backend.lacks(),
    })
}

/// The matrices of a layer as the products that a fused layer takes: columns and depth.
fn fused(spec: &DecoderSpec, layer: &LayerSpec) -> [(usize, usize); 4] {
    let made = if layer.kv == Kv::Own { 2 * layer.kv_width() } else { 0 };
    [
        (layer.q_width() + made, spec.hidden),
        (spec.hidden, layer.q_width()),
        (2 * layer.mlp.width, spec.hidden),
        (spec.hidden, layer.mlp.width),
    ]
}

fn products<B: Measured>(
    backend: &B,
    shapes: &[Shape],
    rows: usize,
    peak: f64,
) -> Result<Vec<ProductTiming>, BenchError> {
    let mut timed = Vec::new();
    let mut done = HashSet::new();
    for shape in shapes {
        for layer in &shape.spec.layers {
            for (columns, depth) in fused(&shape.spec, layer) {
                if !done.insert((columns, depth)) {
                    continue;
                }
                let times = backend.products(rows, columns, depth)?;
                let flop = 2.0 * rows as f64 * columns as f64 * depth as f64;
                let others: Vec<&ProductTime> = times.iter().filter(|time| time.is_yardstick).collect();
                for time in &times {
                    timed.push((
                        time.planes,
                        ProductTiming {
                            shape: shape.name.clone(),
                            size: format!("{rows} x {depth} x {columns}"),
                            by: time.by.clone(),
                            seconds: time.seconds,
                            gflop_per_second: flop / time.seconds / 1e9,
                            share_once: f64::NAN,
                            share_of_cycles: f64::NAN,
                            over_yardsticks: others
                                .iter()
                                .filter(|_| !time.is_yardstick)
                                .map(|other| (other.by.clone(), other.seconds / time.seconds))
                                .collect(),
                        },
                    ));
                }
            }
        }
    }
    let used = |(planes, one): &(usize, ProductTiming)| *planes as f64 * one.gflop_per_second;
    let best = timed.iter().map(used).fold(peak, f64::max);
    Ok(timed
        .into_iter()
        .map(|(planes, one)| ProductTiming {
            share_once: one.gflop_per_second / best,
            share_of_cycles: planes as f64 * one.gflop_per_second / best,
            ..one
        })
        .collect())
}

struct Bench<'b, B> {
    backend: &'b B,
    rows: usize,
    /// Kernels and sizes that are timed already.
    done: HashSet<(&'static str, String)>,
    peak: crate::backend::measure::Peak,
    kernels: Vec<KernelTiming>,
}

/// Operations or bytes of one run of a kernel.
#[derive(Debug, Clone, Copy)]
enum Cost {
    Flop(f64),
    Bytes(f64),
}

impl<B: Measured> Bench<'_, B> {
    fn shape(&mut self, shape: &Shape) -> Result<(), BenchError> {
        let weights = RandomWeights::new(shape).map_err(BenchError::Scratch)?;
        let mut kinds: Vec<&LayerSpec> = Vec::new();
        for (i, layer) in shape.spec.layers.iter().enumerate() {
            if !kinds.contains(&layer) {
                kinds.push(layer);
                self.layer(shape, &weights, i, layer)?;
            }
        }
        self.head(shape, &weights)
    }

    fn layer(
        &mut self,
        shape: &Shape,
        weights: &RandomWeights,
        i: usize,
        layer: &LayerSpec,
    ) -> Result<(), BenchError> {
        let (backend, n, hidden) = (self.backend, self.rows, shape.spec.hidden);
        let x = self.activations(weights, n, hidden)?;
        let norm = weights
            .get(Role::AttnInNorm, Some(i))
            .map(|t| backend.upload(t, Purpose::Product))
            .transpose()?;
        let group = if norm.is_some() { hidden } else { layer.head_dim };
        self.time(shape, "norm", format!("{n} x {hidden}"), Cost::Bytes(8.0 * (n * hidden) as f64), || {
            backend.norm(&x, norm.as_ref(), group, 1e-6).map(drop)
        })?;
        for (role, kernel) in [(Role::Query, "linear"), (Role::Key, "linear"), (Role::Down, "linear, add")] {
            let Some(tensor) = weights.get(role, Some(i)) else { continue };
            self.product(shape, weights, kernel, tensor)?;
        }
        if let (Some(gate), Some(up)) = (weights.get(Role::Gate, Some(i)), weights.get(Role::Up, Some(i))) {
            let size = format!("{n} x {} x 2*{}", gate.cols, gate.rows);
            if self.is_new("gate", &size) {
                let (gate_m, up_m) =
                    (backend.upload(gate, Purpose::Product)?, backend.upload(up, Purpose::Product)?);
                let [gate_p, up_p] = [&gate_m, &up_m].map(|weight| Projection { weight, bias: None });
                let flop = 4.0 * (n * gate.rows) as f64 * gate.cols as f64;
                self.time(shape, "gate", size, Cost::Flop(flop), || {
                    backend.gate(&x, &gate_p, &up_p, layer.mlp.act).map(drop)
                })?;
            }
        }
        self.attention(shape, weights, layer)
    }

    /// One matrix, with the residual sum where `kernel` says so.
    fn product(
        &mut self,
        shape: &Shape,
        weights: &RandomWeights,
        kernel: &'static str,
        tensor: Tensor<'_>,
    ) -> Result<(), BenchError> {
        let (backend, n) = (self.backend, self.rows);
        let size = format!("{n} x {} x {}", tensor.cols, tensor.rows);
        if !self.is_new(kernel, &size) {
            return Ok(());
        }
        let matrix = backend.upload(tensor, Purpose::Product)?;
        let p = Projection { weight: &matrix, bias: None };
        let x = self.activations(weights, n, tensor.cols)?;
        let mut residual = self.activations(weights, n, tensor.rows)?;
        let cost = Cost::Flop(2.0 * (n * tensor.rows) as f64 * tensor.cols as f64);
        match kernel {
            "linear" => self.time(shape, kernel, size, cost, || backend.linear(&x, &p).map(drop)),
            _ => self.time(shape, kernel, size, cost, || backend.linear_add(&x, &p, &mut residual)),
        }
    }

    /// Rotary and attention over prompts that share most of their tokens.
    fn attention(
        &mut self,
        shape: &Shape,
        weights: &RandomWeights,
        layer: &LayerSpec,
    ) -> Result<(), BenchError> {
        let (backend, n) = (self.backend, self.rows);
        let (tree, pack) = prompts(n);
        let positions = &tree.depth[pack.places.clone()];
        let mut q = self.activations(weights, n, layer.q_width())?;
        if let Some(rotary) = shape.spec.rotaries.get(layer.rotary) {
            let turns = backend.turns(rotary, positions)?;
            let size = format!("{n} x {} heads of {}", layer.heads, layer.head_dim);
            let bytes = 8.0 * (n * layer.q_width()) as f64;
            self.time(shape, "rope", size, Cost::Bytes(bytes), || {
                backend.rope(&mut q, layer.head_dim, &turns)
            })?;
        }
        let size = format!(
            "{n} x {} heads of {} on {}{}",
            layer.heads,
            layer.head_dim,
            layer.kv_heads,
            layer.window.map(|w| format!(", window {w}")).unwrap_or_default()
        );
        if !self.is_new("attention", &size) {
            return Ok(());
        }
        // Rows that are turned again and again stay what they are in length, but fresh ones cost nothing.
        let q = self.activations(weights, n, layer.q_width())?;
        let own = LayerSpec { kv: Kv::Own, ..layer.clone() };
        let decoder = DecoderSpec { layers: vec![own.clone()], ..shape.spec.clone() };
        let most = PassSizes { tokens: n, path: 1, ..PassSizes::default() };
        let mut kv = backend.new_kv(&decoder, &most)?;
        let [k, v] = [(); 2].map(|()| self.activations(weights, n, layer.kv_width()));
        backend.write_kv(&mut kv, 0, 0, k?, v?)?;
        let keys: f64 = positions
            .iter()
            .map(|depth| f64::from(layer.window.map_or(depth + 1, |window| window.min(depth + 1))))
            .sum();
        self.time(shape, "attention", size, Cost::Flop(4.0 * layer.q_width() as f64 * keys), || {
            backend.tree_attention(&q, &kv, 0, &pack.runs, &own).map(drop)
        })
    }

    /// Embedding and log-sum-exp.
    fn head(&mut self, shape: &Shape, weights: &RandomWeights) -> Result<(), BenchError> {
        let (backend, n, spec) = (self.backend, self.rows, &shape.spec);
        let ends = n.div_ceil(TOKENS_PER_END);
        let role = if spec.head.tied { Role::Embedding } else { Role::OutputEmbedding };
        let Some(tensor) = weights.get(role, None) else { return Ok(()) };
        let table = backend.upload(tensor, Purpose::Both)?;
        let tokens: Vec<u32> = (0..n).map(|i| (i * 7919 % spec.vocab) as u32).collect();
        let size = format!("{n} x {} of {} rows", spec.hidden, spec.vocab);
        let bytes = 6.0 * (n * spec.hidden) as f64;
        self.time(shape, "embed", size, Cost::Bytes(bytes), || {
            backend.embed(&table, 0..spec.hidden, &tokens, 1.0).map(drop)
        })?;
        let head = HeadUse { table: &table, row_scale: None, cap: None };
        let x = self.activations(weights, ends, spec.hidden)?;
        let flop = 2.0 * ends as f64 * spec.vocab as f64 * spec.hidden as f64;
        let size = format!("{ends} x {} x {}", spec.hidden, spec.vocab);
        self.time(shape, "log-sum-exp", size, Cost::Flop(flop), || backend.log_sum_exp(&x, &head).map(drop))
    }

    /// `[n, width]` rows of random values.
    fn activations(&self, weights: &RandomWeights, n: usize, width: usize) -> Result<B::Rows, BackendError> {
        let table = weights.table(SOURCE_ROWS, width);
        let table = self.backend.upload(table, Purpose::Gather)?;
        let tokens: Vec<u32> = (0..n).map(|i| (i % SOURCE_ROWS) as u32).collect();
        self.backend.embed(&table, 0..width, &tokens, 1.0)
    }

    fn is_new(&self, kernel: &'static str, size: &str) -> bool {
        !self.done.contains(&(kernel, size.to_owned()))
    }

    fn time(
        &mut self,
        shape: &Shape,
        kernel: &'static str,
        size: String,
        cost: Cost,
        mut run: impl FnMut() -> Result<(), BackendError>,
    ) -> Result<(), BenchError> {
        if !self.done.insert((kernel, size.clone())) {
            return Ok(());
        }
        let backend = self.backend;
        let mut timed = |repeats: usize| -> Result<f64, BackendError> {
            let start = Instant::now();
            for _ in 0..repeats {
                run()?;
            }
            backend.finish()?;
            Ok(start.elapsed().as_secs_f64())
        };
        backend.finish()?;
        // The first run compiles and chooses; the second tells how often to repeat.
        timed(1)?;
        let repeats = (LEAST_SECONDS / timed(1)?.max(1e-6)).ceil() as usize;
        let repeats = repeats.clamp(1, MOST_REPEATS);
        let mut seconds = (0..TRIES)
            .map(|_| Ok(timed(repeats)? / repeats as f64))
            .collect::<Result<Vec<f64>, BackendError>>()?;
        let seconds = median(&mut seconds).unwrap_or(f64::NAN);
        let (rate, unit, peak) = match cost {
            Cost::Flop(flop) => (flop / seconds / 1e9, Bound::Arithmetic, self.peak.gflop_per_second),
            Cost::Bytes(bytes) => (bytes / seconds / 1e9, Bound::Memory, self.peak.gb_per_second),
        };
        let shape = shape.name.clone();
        let share_of_peak = rate / peak;
        self.kernels.push(KernelTiming { shape, kernel, size, seconds, rate, unit, share_of_peak });
        Ok(())
    }
}
