//! What the CUDA backend should take on a GPU that nobody has measured yet, counted from its own kernels: tiles, waves, cycles of
//! tensor cores, instructions, bytes. A prediction to hold a measurement against, not a measurement.
//!
//! The rules are few. A product of the wgmma set makes 128 x 256 results a block, two blocks a cluster; a step of 64 of k takes the
//! tensor cores 1024 cycles for each product of planes. Blocks stay and take tile after tile, so a product takes whole waves. What
//! follows the sums counts whole, as if nothing hid it. Attention counts by instructions, row kernels by bytes.

use std::collections::HashMap;

use serde::Serialize;

use super::{BenchError, Shape};
use crate::backend::Precision;
use crate::backend::cuda::plan::{self, activation_planes, fuses_heads, padded_head, queries, whole_wave};
use crate::checkpoint::spec::{Kv, LayerSpec};

/// What `kernels/report.sh` keeps there: instructions of every kernel.
const REPORT: &str = include_str!("../../docs/cuda.md");

/// Multiply-adds count as two; so many a cycle and multiprocessor with f16 factors on Hopper.
const FLOP_PER_CYCLE: f64 = 4096.0;
/// Cycles of the tensor cores for 128 x 256 results and 64 of k.
const STEP_CYCLES: f64 = 1024.0;
const STEP: usize = 64;
const TILE: [usize; 2] = [128, 256];
/// Warps that finish a tile, for each of a multiprocessor's four schedulers.
const WARPS_PER_SCHEDULER: f64 = 2.0;
/// Keys that attention takes at a time.
const KEYS: f64 = 64.0;
/// Seconds from one kernel's end to the next one's begin.
const GAP: f64 = 2e-6;

/// A GPU in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Machine {
    pub sms: u32,
    /// What dense f16 products reach at most, which is less than the data sheet says: power limits the clock.
    pub tflops: f64,
    /// What a plain copy reaches.
    pub gb_per_second: f64,
}

/// The prompts in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Load {
    /// Of the prefix tree.
    pub tokens: f64,
    pub prompts: f64,
    /// That a token sees on average.
    pub keys: f64,
}

/// All launches of one kind together.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Predicted {
    pub kernel: &'static str,
    pub launches: f64,
    /// Of products: a pair of blocks each.
    pub tiles: f64,
    pub waves: f64,
    /// Instructions of a warp for one tile, or one block of attention.
    pub instructions: f64,
    /// Millions of cycles of each multiprocessor's tensor cores.
    pub tensor_megacycles: f64,
    /// Between the kernel and memory, for each token of the tree.
    pub bytes_per_token: f64,
    pub seconds: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct Model {
    pub shape: String,
    pub precision: &'static str,
    pub pack_tokens: usize,
    pub packs: f64,
    pub kernels: Vec<Predicted>,
    pub launches: f64,
    /// Between one launch and the next.
    pub gap_seconds: f64,
    pub seconds: f64,
    /// Of the ceiling: arithmetic counted once, however many planes it takes; and cycles in which tensor cores of products work.
    pub share_once: f64,
    pub share_cycles: f64,
}

/// Instructions of a kernel's main loop and outside of it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Instructions {
    looped: f64,
    rest: f64,
}

/// By kernel, from the table that the assembler's output was put into.
fn instructions() -> HashMap<String, Instructions> {
    let number = |text: &str| text.split('/').next().and_then(|n| n.trim().parse::<f64>().ok());
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, name, _, _, _, looped, all, ..] = cells[..] else { return None };
        let (looped, all) = (number(looped)?, number(all)?);
        Some((name.trim_matches('`').to_owned(), Instructions { looped, rest: all - looped }))
    };
    REPORT.lines().filter_map(row).collect()
}

/// A product of a pack.
#[derive(Clone, Copy)]
struct Product {
    kernel: &'static str,
    epilogue: &'static str,
    rows: f64,
    columns: usize,
    depth: usize,
    planes: usize,
    bytes_per_row: f64,
}

struct Counter<'m> {
    machine: &'m Machine,
    /// Cycles a second.
    clock: f64,
    instructions: HashMap<String, Instructions>,
    packs: f64,
    tokens: f64,
    kernels: Vec<Predicted>,
}

impl Counter<'_> {
    fn add(&mut self, one: Predicted) {
        match self.kernels.iter_mut().find(|k| k.kernel == one.kernel) {
            Some(k) => {
                k.launches += one.launches;
                k.tiles += one.tiles;
                k.waves += one.waves;
                k.instructions = k.instructions.max(one.instructions);
                k.tensor_megacycles += one.tensor_megacycles;
                k.bytes_per_token += one.bytes_per_token;
                k.seconds += one.seconds;
            }
            None => self.kernels.push(one),
        }
    }

    fn of(&self, kernel: &str) -> Instructions {
        self.instructions.get(kernel).copied().unwrap_or(Instructions { looped: 0.0, rest: 0.0 })
    }

    fn product(&mut self, p: Product) {
        let pairs = |rows: f64, columns: usize| {
            (rows / (2 * TILE[0]) as f64).ceil() * (columns as f64 / TILE[1] as f64).ceil()
        };
        let tiles = pairs(p.rows, p.columns);
        let clusters = f64::from((self.machine.sms / 2).max(1));
        let waves = (tiles / clusters).ceil();
        let steps = p.depth.div_ceil(STEP) as f64;
        let counted = self.of(&format!("product_wgmma_{}_{}1", p.epilogue, p.planes));
        // Rows are stored, added to, or gated by a side input: one of three ways is taken.
        let ways = if p.epilogue == "rows" { 3.0 } else { 1.0 };
        let finish = counted.rest / ways;
        let tile = steps * STEP_CYCLES * p.planes as f64;
        self.add(Predicted {
            kernel: p.kernel,
            launches: self.packs,
            tiles: tiles * self.packs,
            waves: waves * self.packs,
            instructions: counted.looped * steps + finish,
            tensor_megacycles: tiles / clusters * tile * self.packs / 1e6,
            bytes_per_token: p.bytes_per_row * p.rows * self.packs / self.tokens,
            seconds: waves * (tile + finish * WARPS_PER_SCHEDULER) / self.clock * self.packs,
        });
    }

    /// A kernel that takes as long as its bytes.
    fn rows(&mut self, kernel: &'static str, rows: f64, bytes: f64) {
        self.add(Predicted {
            kernel,
            launches: self.packs,
            tiles: 0.0,
            waves: 0.0,
            instructions: 0.0,
            tensor_megacycles: 0.0,
            bytes_per_token: bytes * rows * self.packs / self.tokens,
            seconds: bytes * rows / self.machine.gb_per_second / 1e9 * self.packs,
        });
    }

    fn attention(&mut self, layer: &LayerSpec, dim: usize, planes: usize, rows: f64, runs: f64, keys: f64) {
        let group = layer.heads / layer.kv_heads;
        let block = queries(dim, group) as f64;
        // The last block of a run is half full on average.
        let items = rows / block + runs / 2.0;
        let z = (dim / 128).max(1) as f64;
        let seen = layer.window.map_or(keys, |window| keys.min(f64::from(window)));
        let counted = self.of(&format!("attention_mma_{dim}_{planes}"));
        let warp = counted.looped * (seen / KEYS).ceil() + counted.rest;
        // Each of a block's four warps has a scheduler of its own.
        let cycles = items * layer.kv_heads as f64 * z * warp / f64::from(self.machine.sms);
        let width = (layer.heads * dim) as f64;
        let read = 4.0 * width + seen / block * (layer.kv_heads * dim) as f64 * 2.0 * (2 + planes) as f64;
        self.add(Predicted {
            kernel: "attention",
            launches: self.packs,
            tiles: 0.0,
            waves: 0.0,
            instructions: warp,
            tensor_megacycles: 0.0,
            bytes_per_token: (read + 2.0 * planes as f64 * width) * rows * self.packs / self.tokens,
            seconds: cycles / self.clock * self.packs,
        });
    }
}

/// What scoring `load` with a checkpoint of this shape should take on `machine`.
///
/// # Errors
/// Heads longer than there are kernels for.
pub fn model(
    shape: &Shape,
    precision: Precision,
    machine: &Machine,
    load: &Load,
) -> Result<Model, BenchError> {
    let spec = &shape.spec;
    let pack_tokens = whole_wave(machine.sms, 4096);
    let packs = load.tokens / pack_tokens as f64;
    let (tokens, ends) = (pack_tokens as f64, load.prompts / packs);
    let clock = machine.tflops * 1e12 / (f64::from(machine.sms) * FLOP_PER_CYCLE);
    let mut count = Counter {
        machine,
        clock,
        instructions: instructions(),
        packs,
        tokens: load.tokens,
        kernels: Vec::new(),
    };
    let hidden = spec.hidden;
    let stored = |width: usize| width.next_multiple_of(STEP);
    let need = spec.last_kv_maker();
    for (i, layer) in spec.layers.iter().enumerate() {
        let [around, mlp] = activation_planes(precision, i, false);
        let dim = padded_head(layer.head_dim).map_err(|e| BenchError::Nothing(e.to_string()))?;
        let (q, kv) = (layer.heads * dim, layer.kv_heads * dim);
        let norm = |planes: usize| (4 * hidden + 2 * planes * stored(hidden)) as f64;
        // Queries and keys are two planes, values as many as are around attention.
        let made =
            |q: usize, kv: usize| (2 * around * stored(hidden) + 4 * (q + kv) + 2 * around * kv) as f64;
        let heads = if fuses_heads(layer, dim) { "heads" } else { "rows" };
        let own = if layer.kv == Kv::Own { kv } else { 0 };
        let project = |rows: f64, q: usize, kv: usize| Product {
            kernel: "q, k, v",
            epilogue: heads,
            rows,
            columns: q + 2 * kv,
            depth: hidden,
            planes: around,
            bytes_per_row: made(q, kv),
        };
        if i == need {
            count.rows("norms", tokens, norm(around));
            count.product(project(tokens, 0, own));
        }
        // From the last maker of keys and values on only prompts' ends go on.
        let (rows, runs, own) = if i < need { (tokens, ends, own) } else { (ends, ends, 0) };
        count.rows("norms", rows, norm(around));
        count.product(project(rows, q, own));
        if heads == "rows" {
            count.rows("heads", rows, (8 * (q + 2 * own)) as f64);
        }
        count.attention(layer, dim, around, rows, runs, load.keys);
        let to_stream = |kernel, depth: usize, planes: usize| Product {
            kernel,
            epilogue: "rows",
            rows,
            columns: hidden,
            depth,
            planes,
            bytes_per_row: (2 * planes * depth + 8 * hidden) as f64,
        };
        count.product(to_stream("o", q, around));
        count.rows("norms", rows, norm(mlp));
        let width = stored(layer.mlp.width);
        count.product(Product {
            kernel: "gate, up",
            epilogue: "gate",
            rows,
            columns: 2 * width,
            depth: hidden,
            planes: mlp,
            bytes_per_row: (2 * mlp * (stored(hidden) + width)) as f64,
        });
        count.product(to_stream("down", width, mlp));
        let after = usize::from(layer.norms.attn_out) + usize::from(layer.norms.mlp_out);
        for _ in 0..after {
            count.rows("norms", rows, (12 * hidden) as f64);
        }
        if let (true, Some(width)) = (layer.side, spec.side.as_ref().map(|side| side.width)) {
            let side = |columns: usize, depth: usize| Product {
                kernel: "side inputs",
                epilogue: "rows",
                rows,
                columns,
                depth: stored(depth),
                planes: around,
                bytes_per_row: (2 * around * stored(depth) + 8 * columns) as f64,
            };
            count.product(side(width, hidden));
            count.product(side(hidden, width));
            count.rows("norms", rows, norm(around) + (12 * hidden) as f64);
        }
        if layer.kv == Kv::Own {
            count.rows("carry", load.keys, (2 * 2 * kv * (2 + around)) as f64);
        }
    }
    count.rows("embed", tokens, (6 * hidden) as f64);
    count.rows("norms", ends, (8 * hidden) as f64);
    count.product(Product {
        kernel: "log-sum-exp",
        epilogue: "sums",
        rows: ends,
        columns: spec.vocab,
        depth: hidden,
        planes: 2,
        bytes_per_row: (4 * stored(hidden) + 8 * spec.vocab.div_ceil(plan::SUM_COLUMNS)) as f64,
    });
    let once = 2.0
        * (load.tokens * spec.token_products(false) as f64
            + load.prompts * (spec.token_products(true) - spec.token_products(false)) as f64
            + load.prompts * spec.vocab as f64 * hidden as f64);
    let kernels = count.kernels;
    let launches: f64 = kernels.iter().map(|k| k.launches).sum();
    let gap_seconds = launches * GAP;
    let seconds = kernels.iter().map(|k| k.seconds).sum::<f64>() + gap_seconds;
    let tensor: f64 = kernels.iter().map(|k| k.tensor_megacycles).sum();
    Ok(Model {
        shape: shape.title(),
        precision: match precision {
            Precision::F32 => "f32",
            Precision::Fast => "fast",
        },
        pack_tokens,
        packs,
        launches,
        gap_seconds,
        seconds,
        share_once: once / seconds / (machine.tflops * 1e12),
        share_cycles: tensor * 1e6 / clock / seconds,
        kernels,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{shape, shapes};
    use super::*;

    const H200: Machine = Machine { sms: 132, tflops: 790.0, gb_per_second: 4300.0 };
    const STUDY: Load = Load { tokens: 700_000.0, prompts: 17_696.0, keys: 120.0 };

    #[test]
    fn every_kernel_that_is_counted_is_in_the_assembler_s_table() {
        let found = instructions();
        for name in ["rows_11", "rows_21", "gate_11", "gate_21", "heads_21", "sums_21"] {
            let counted = found[&format!("product_wgmma_{name}")];
            assert!(counted.looped > 100.0 && counted.rest > 1000.0, "{name}: {counted:?}");
        }
        for dim in [64, 128, 256, 512] {
            assert!(found[&format!("attention_mma_{dim}_2")].looped > 100.0);
        }
    }

    #[test]
    fn tensor_cycles_are_those_of_the_arithmetic_and_two_planes_take_twice() {
        let shape = shape("qwen2.5-7b", None).expect("a shape");
        let of = |precision| model(&shape, precision, &H200, &STUDY).expect("counts");
        let (f32, fast) = (of(Precision::F32), of(Precision::Fast));
        let cycles = |m: &Model| m.kernels.iter().map(|k| k.tensor_megacycles).sum::<f64>();
        // 2 x 6.525 G x 0.70 M, less the last layer of all but the ends, by 2 planes: 132 x 4096 a cycle; tiles are full to 1 %.
        let ideal = 2.0 * 2.0 * 700_000.0 * shape.spec.token_products(false) as f64 / (132.0 * 4096.0) / 1e6;
        let ratio = cycles(&f32) / ideal;
        assert!((1.0..1.06).contains(&ratio), "{ratio}");
        assert!(cycles(&fast) < 0.7 * cycles(&f32));
        assert!(f32.share_cycles < 1.0 && fast.share_once > f32.share_once);
        // Two planes counted once are half of their cycles; ends and padding are the difference.
        assert!((f32.share_cycles / f32.share_once / 2.0 - 1.0).abs() < 0.06);
    }

    #[test]
    fn all_shapes_are_counted_in_both_precisions_on_any_number_of_multiprocessors() {
        for name in shapes() {
            let shape = shape(&name, None).expect("a shape");
            for (sms, precision) in [(132, Precision::F32), (114, Precision::Fast), (78, Precision::Fast)] {
                let model = model(&shape, precision, &Machine { sms, ..H200 }, &STUDY).expect("counts");
                assert!(model.seconds > 1.0 && model.seconds < 120.0, "{name}: {}", model.seconds);
                assert!(model.kernels.iter().all(|k| k.seconds.is_finite() && k.seconds >= 0.0));
            }
        }
    }
}
