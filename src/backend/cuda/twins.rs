//! Each product and each attention kernel of a set against its naive twin on this GPU: fixed random data with tails in every
//! direction, outputs poisoned before.

use super::error::CudaError;
use super::kernels::KernelSet;
use super::layer::{Planes16, Split, attention_name};
use super::load::padded;
use super::memory::Buffer;
use super::outputs::{Random, Region, difference, regions};
use super::packing::{HEAD_SIZES, Packing};
use super::params::{self, ADD, SIDE, STORE};
use super::plan::{ROWS, queries};
use super::product::{Epilogue, Input, Weight, product_name};
use super::rows::Rows;
use super::weights::Planes;
use super::{Cuda, Gpu};
use crate::checkpoint::spec::{Pairs, Rotary};
use crate::checkpoint::{Dtype, Tensor};
use crate::prefix::{KeyRange, QueryRun};
use bytemuck::Zeroable;
use half::{bf16, f16};

/// What every byte of an output is before a kernel writes it: NaN in f16 and in f32.
const POISON: u8 = 0xff;
/// Rows of products: a tile and a tail. Depth: more steps than a ring has stages.
const M: usize = 140;
const K: usize = 320;
/// Largest difference from the twin, as a share of the twin's largest value: of sums in another order, and of results that are
/// rounded to one f16 plane.
const SUMS: f64 = 1e-4;
const ONE_PLANE: f64 = 2e-3;

/// Columns that give every pair of multiprocessors a tile, and one of them a second.
fn wide(gpu: &Gpu) -> usize {
    256 * (gpu.sms as usize / 2).max(1) + 8
}

impl Cuda {
    /// Runs every product and attention kernel of this GPU's set and its naive twin; `begin` is told each one's name first.
    ///
    /// # Errors
    /// [`CudaError::Wrong`] names the first that computes something else; anything else is what the driver says.
    pub fn check_kernels(&self, begin: &mut dyn FnMut(&str)) -> Result<(), CudaError> {
        if self.set == KernelSet::Naive {
            return Ok(());
        }
        let mut random = Random(7);
        for (a, b) in [(1, 1), (2, 1), (2, 2)] {
            self.check_rows((a, b), &mut random, begin)?;
            self.check_gate((a, b), &mut random, begin)?;
            self.check_heads((a, b), &mut random, begin)?;
            if a == 2 {
                self.check_sums((a, b), &mut random, begin)?;
            }
        }
        for dim in HEAD_SIZES {
            for planes in [1, 2] {
                self.check_attention(dim, planes, &mut random, begin)?;
            }
        }
        Ok(())
    }

    /// Has `launch` fill `regions` by the twin and by our kernel, and compares them; our bytes.
    fn compare(
        &self,
        kernel: &str,
        regions: &[Region],
        before: u8,
        limit: f64,
        launch: &dyn Fn(KernelSet, u64) -> Result<(), CudaError>,
    ) -> Result<Vec<u8>, CudaError> {
        let out = self.driver.buffer("results", regions.iter().map(|r| r.bytes()).sum())?;
        let run = |set| {
            self.driver.fill(&out, before)?;
            launch(set, out.at())?;
            self.transfer.down(&out, out.bytes())
        };
        let (twin, ours) = (run(KernelSet::Naive)?, run(self.set)?);
        for region in regions {
            let apart = difference(&region.read(&twin), &region.read(&ours));
            if apart.is_nan() || apart > limit {
                let why = match apart.is_finite() {
                    true => format!(
                        "is {apart:.1e} of the largest value off its naive twin, and {limit:.0e} is allowed"
                    ),
                    false => "leaves out values that its naive twin writes, or writes more".to_owned(),
                };
                return Err(CudaError::Wrong { kernel: kernel.to_owned(), why });
            }
        }
        Ok(ours)
    }

    /// Planes of random rows, poison behind them.
    fn rows_in(
        &self,
        n: usize,
        planes: usize,
        random: &mut Random,
    ) -> Result<(Input, [Buffer; 2]), CudaError> {
        let x = self.rows_of("random rows", n, K, &random.take(n * K))?;
        let rows = n.next_multiple_of(ROWS);
        let values = self.poisoned(2 * planes * rows * padded(K))?;
        let inverse = self.poisoned(4 * n)?;
        let to = Planes16 { at: values.at(), inverse: inverse.at(), rows, gate_powers: [0, 0] };
        let input = self.split(&x, &Split { norm: None, eps: 0.0, planes, gate: None }, &to)?;
        Ok((input, [values, inverse]))
    }

    fn poisoned(&self, bytes: usize) -> Result<Buffer, CudaError> {
        let buffer = self.driver.buffer("something to check with", bytes)?;
        self.driver.fill(&buffer, POISON)?;
        Ok(buffer)
    }

    fn weight(&self, rows: usize, planes: usize, random: &mut Random) -> Result<Planes, CudaError> {
        let values = random.take(rows * K);
        let halves: Vec<bf16> = values.iter().map(|v| bf16::from_f32(*v)).collect();
        let (dtype, bytes) = match planes {
            1 => (Dtype::Bf16, bytemuck::cast_slice(&halves)),
            _ => (Dtype::F32, bytemuck::cast_slice(&values)),
        };
        self.pack("random weights", &Packing::plain(Tensor { dtype, rows, cols: K, bytes }), planes)
    }

    fn check_rows(
        &self,
        (a, b): (usize, usize),
        random: &mut Random,
        begin: &mut dyn FnMut(&str),
    ) -> Result<(), CudaError> {
        let kernel = product_name(self.set, "rows", a, b);
        begin(&kernel);
        let n = if (a, b) == (2, 1) { wide(self.gpu()) } else { 328 };
        let (input, _planes) = self.rows_in(M, a, random)?;
        let weight = self.weight(n, b, random)?;
        let bias = self.vector(&random.take(n))?;
        let side: Rows = self.rows_of("side", M, n, &random.take(M * n))?;
        // What is added to is no poison.
        let (mode, before) = [(STORE, POISON), (ADD, 0), (SIDE, POISON)][a + b - 2];
        let to = |out: u64| params::ToRows {
            out,
            side: side.at(),
            ld: n as i32,
            side_ld: side.ld as i32,
            mode,
            act: 0,
        };
        // Rows behind the last one stay as they are.
        let ours = self.compare(&kernel, &regions(&[((M + 2) * n, 0)]), before, SUMS, &|set, out| {
            let weight = Weight::of(&weight, Some(&bias));
            self.product_of(set, &input, &weight, &Epilogue::Rows(&to(out)))
        })?;
        // A row's bits do not depend on the rows beside it.
        if mode == STORE {
            let (first, some) = (131, 4);
            let mut part = Input { rows: some, first, ..input };
            part.at += (2 * first * input.width) as u64;
            part.inverse += 4 * first as u64;
            let out = self.poisoned(4 * some * n)?;
            let weight = Weight::of(&weight, Some(&bias));
            self.product_of(self.set, &part, &weight, &Epilogue::Rows(&to(out.at())))?;
            if self.transfer.down(&out, out.bytes())? != ours[4 * first * n..4 * (first + some) * n] {
                let why = "gives rows other bits when other rows stand beside them".to_owned();
                return Err(CudaError::Wrong { kernel, why });
            }
        }
        Ok(())
    }

    fn check_gate(
        &self,
        (a, b): (usize, usize),
        random: &mut Random,
        begin: &mut dyn FnMut(&str),
    ) -> Result<(), CudaError> {
        let kernel = product_name(self.set, "gate", a, b);
        begin(&kernel);
        let n = 384;
        let (input, _planes) = self.rows_in(M, a, random)?;
        let weight = self.weight(n, b, random)?;
        let bias = self.vector(&random.take(n))?;
        let powers: Vec<f32> = (0..M).map(|row| 2f32.powi(row as i32 % 3)).collect();
        let powers = self.vector(&powers)?;
        let limit = if a == 1 { ONE_PLANE } else { SUMS };
        let act = b as i32 - 1;
        self.compare(&kernel, &regions(&[((M + 5) * n / 2, a)]), POISON, limit, &|set, out| {
            let to = params::ToGate { out, g_scale: powers.at(), out_rows: M as i32 + 5, act };
            self.product_of(set, &input, &Weight::of(&weight, Some(&bias)), &Epilogue::Gate(&to))
        })?;
        Ok(())
    }

    fn check_heads(
        &self,
        (a, b): (usize, usize),
        random: &mut Random,
        begin: &mut dyn FnMut(&str),
    ) -> Result<(), CudaError> {
        let kernel = product_name(self.set, "heads", a, b);
        begin(&kernel);
        let dim = HEAD_SIZES[a + b - 2];
        let (heads, kv_heads) = (3, 1);
        let n = (heads + 2 * kv_heads) * dim;
        let (input, _planes) = self.rows_in(M, a, random)?;
        let weight = self.weight(n, b, random)?;
        let bias = self.vector(&random.take(n))?;
        let norms = self.vector(&random.take(dim))?;
        let freq = (0..dim / 2).map(|i| 0.3 / (i + 1) as f32).collect();
        let turns = self.turn_table(&Rotary { freq, pairs: Pairs::Adjacent }, dim / 2, 40)?;
        let position: Vec<u32> = (0..M as u32).map(|row| row * 7 % 40).collect();
        let position = self.transfer.up(&self.pool, "positions", bytemuck::cast_slice(&position))?;
        let norm = if b == 1 { norms.at() } else { 0 };
        let to = regions(&[
            ((M + 1) * heads * dim, 2),
            ((M + 2) * kv_heads * dim, 2),
            ((M + 3) * kv_heads * dim, a),
        ]);
        let limit = if a == 1 { ONE_PLANE } else { SUMS };
        self.compare(&kernel, &to, POISON, limit, &|set, out| {
            let place = |i: usize| out + to[i].at as u64;
            let to = params::ToHeads {
                q: place(0),
                k: place(1),
                v: place(2),
                q_norm: norm,
                k_norm: norm,
                turns: turns.at(),
                position: position.at(),
                q_rows: M as i32 + 1,
                k_rows: M as i32 + 2,
                v_rows: M as i32 + 3,
                q_heads: heads as i32,
                k_heads: kv_heads as i32,
                v_heads: kv_heads as i32,
                dim: dim as i32,
                true_dim: dim as i32,
                value_norm: i32::from(b == 1),
                eps: 1e-5,
                q_scale: 8.0,
                k_scale: 16.0,
                v_scale: 32.0,
                v_planes: a as i32,
                ..params::ToHeads::zeroed()
            };
            self.product_of(set, &input, &Weight::of(&weight, Some(&bias)), &Epilogue::Heads(&to))
        })?;
        Ok(())
    }

    fn check_sums(
        &self,
        (a, b): (usize, usize),
        random: &mut Random,
        begin: &mut dyn FnMut(&str),
    ) -> Result<(), CudaError> {
        let kernel = product_name(self.set, "sums", a, b);
        begin(&kernel);
        let n = 328;
        let tiles = Cuda::sum_tiles(n);
        let (input, _planes) = self.rows_in(M, a, random)?;
        let weight = self.weight(n, b, random)?;
        let cap = if b == 1 { 0.0 } else { 5.0 };
        self.compare(&kernel, &regions(&[((M + 1) * tiles * 2, 0)]), POISON, SUMS, &|set, out| {
            let to = params::ToSums { out, tiles: tiles as i32, cap };
            self.product_of(set, &input, &Weight::of(&weight, None), &Epilogue::Sums(&to))
        })?;
        Ok(())
    }

    /// Queries on a path and on rows of their own pass, more keys than one step takes.
    fn check_attention(
        &self,
        dim: usize,
        planes: usize,
        random: &mut Random,
        begin: &mut dyn FnMut(&str),
    ) -> Result<(), CudaError> {
        let kernel = attention_name(self.set, dim, planes);
        begin(&kernel);
        let (group, path, tokens) = (2, 66, 9);
        let (path_rows, pass_rows, q_rows) = (path + 4, tokens + 3, tokens + 1);
        let mut filled = |planes: usize, rows: usize, real: usize, width: usize| {
            let mut values = vec![f16::NAN; planes * rows * width];
            for (plane, values) in values.chunks_exact_mut(rows * width).enumerate() {
                let size = if plane == 0 { 1.0 } else { 2f32.powi(-12) };
                values[..real * width].fill_with(|| f16::from_f32(size * random.next()));
            }
            self.transfer.up(&self.pool, "random planes", bytemuck::cast_slice(&values))
        };
        let q = filled(2, q_rows, tokens, group * dim)?;
        let (k_path, v_path) = (filled(2, path_rows, path, dim)?, filled(planes, path_rows, path, dim)?);
        let (k_pass, v_pass) = (filled(2, pass_rows, tokens, dim)?, filled(planes, pass_rows, tokens, dim)?);
        let run = QueryRun {
            rows: 0..tokens,
            first_depth: path,
            keys: vec![KeyRange { row: 0, len: path + tokens }],
        };
        let table = self.run_table(&[run], queries(dim, group), (path_rows, path))?;
        let limit = if planes == 1 { ONE_PLANE } else { SUMS };
        let out_rows = q_rows + 1;
        self.compare(&kernel, &regions(&[(out_rows * group * dim, planes)]), POISON, limit, &|set, out| {
            let attention = params::Attention {
                q: q.at(),
                k_path: k_path.at(),
                v_path: v_path.at(),
                k_pass: k_pass.at(),
                v_pass: v_pass.at(),
                out,
                items: table.items.at(),
                rows: table.rows.at(),
                q_rows: q_rows as i32,
                out_rows: out_rows as i32,
                path_cap: path_rows as i32,
                pass_cap: pass_rows as i32,
                group: group as i32,
                kv_heads: 1,
                dim: dim as i32,
                window: if planes == 1 { 40 } else { i32::MAX },
                score_scale: 2.0 / (dim as f32).sqrt(),
                cap: if planes == 1 { 5.0 } else { 0.0 },
                v_planes: planes as i32,
            };
            self.attention_of(set, &attention, table.count)
        })?;
        self.forget_pass();
        Ok(())
    }
}
