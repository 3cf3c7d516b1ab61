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

/// A product that is checked.
struct Case {
    kernel: String,
    input: Input,
    weight: Planes,
    bias: Buffer,
    /// Where the input lies.
    _planes: [Buffer; 2],
}

impl Case {
    fn weight(&self) -> Weight<'_> {
        Weight::of(&self.weight, Some(&self.bias))
    }
}

struct Checks<'c> {
    cuda: &'c Cuda,
    random: Random,
    begin: &'c mut dyn FnMut(&str),
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
        let mut checks = Checks { cuda: self, random: Random(7), begin };
        for planes in [(1, 1), (2, 1), (2, 2)] {
            checks.rows(planes)?;
            checks.gate(planes)?;
            checks.heads(planes)?;
            if planes.0 == 2 {
                checks.sums(planes)?;
            }
        }
        for dim in HEAD_SIZES {
            for planes in [1, 2] {
                checks.attention(dim, planes)?;
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

    fn poisoned(&self, bytes: usize) -> Result<Buffer, CudaError> {
        let buffer = self.driver.buffer("something to check with", bytes)?;
        self.driver.fill(&buffer, POISON)?;
        Ok(buffer)
    }
}

impl Checks<'_> {
    /// The product kernel with epilogue `what`, of random rows and `n` random rows of a weight in planes of these numbers.
    fn product(&mut self, what: &str, (a, b): (usize, usize), n: usize) -> Result<Case, CudaError> {
        let kernel = product_name(self.cuda.set, what, a, b);
        (self.begin)(&kernel);
        let (input, planes) = self.rows_in(M, a)?;
        let (weight, bias) = (self.weight(n, b)?, self.vector(n)?);
        Ok(Case { kernel, input, weight, bias, _planes: planes })
    }

    fn vector(&mut self, n: usize) -> Result<Buffer, CudaError> {
        self.cuda.vector(&self.random.take(n))
    }

    /// Planes of random rows, poison behind them.
    fn rows_in(&mut self, n: usize, planes: usize) -> Result<(Input, [Buffer; 2]), CudaError> {
        let cuda = self.cuda;
        let x = cuda.rows_of("random rows", n, K, &self.random.take(n * K))?;
        let rows = n.next_multiple_of(ROWS);
        let values = cuda.poisoned(2 * planes * rows * padded(K))?;
        let inverse = cuda.poisoned(4 * n)?;
        let to = Planes16 { at: values.at(), inverse: inverse.at(), rows, gate_powers: [0, 0] };
        let input = cuda.split(&x, &Split { norm: None, eps: 0.0, planes, gate: None }, &to)?;
        Ok((input, [values, inverse]))
    }

    fn weight(&mut self, rows: usize, planes: usize) -> Result<Planes, CudaError> {
        let values = self.random.take(rows * K);
        let halves: Vec<bf16> = values.iter().map(|v| bf16::from_f32(*v)).collect();
        let (dtype, bytes) = match planes {
            1 => (Dtype::Bf16, bytemuck::cast_slice(&halves)),
            _ => (Dtype::F32, bytemuck::cast_slice(&values)),
        };
        let packing = Packing::plain(Tensor { dtype, rows, cols: K, bytes });
        self.cuda.pack("random weights", &packing, planes)
    }

    fn rows(&mut self, (a, b): (usize, usize)) -> Result<(), CudaError> {
        let cuda = self.cuda;
        let n = if (a, b) == (2, 1) { wide(cuda.gpu()) } else { 328 };
        let case = self.product("rows", (a, b), n)?;
        let side: Rows = cuda.rows_of("side", M, n, &self.random.take(M * n))?;
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
        let all = regions(&[((M + 2) * n, 0)]);
        let ours = cuda.compare(&case.kernel, &all, before, SUMS, &|set, out| {
            cuda.product_of(set, &case.input, &case.weight(), &Epilogue::Rows(&to(out)))
        })?;
        // A row's bits do not depend on the rows beside it.
        if mode == STORE {
            let (first, some) = (131, 4);
            let mut part = Input { rows: some, first, ..case.input };
            part.at += (2 * first * part.width) as u64;
            part.inverse += 4 * first as u64;
            let out = cuda.poisoned(4 * some * n)?;
            cuda.product_of(cuda.set, &part, &case.weight(), &Epilogue::Rows(&to(out.at())))?;
            if cuda.transfer.down(&out, out.bytes())? != ours[4 * first * n..4 * (first + some) * n] {
                let why = "gives rows other bits when other rows stand beside them".to_owned();
                return Err(CudaError::Wrong { kernel: case.kernel, why });
            }
        }
        Ok(())
    }

    fn gate(&mut self, (a, b): (usize, usize)) -> Result<(), CudaError> {
        let cuda = self.cuda;
        let n = 384;
        let case = self.product("gate", (a, b), n)?;
        let powers: Vec<f32> = (0..M).map(|row| 2f32.powi(row as i32 % 3)).collect();
        let powers = cuda.vector(&powers)?;
        let limit = if a == 1 { ONE_PLANE } else { SUMS };
        let act = b as i32 - 1;
        let all = regions(&[((M + 5) * n / 2, a)]);
        cuda.compare(&case.kernel, &all, POISON, limit, &|set, out| {
            let to = params::ToGate { out, g_scale: powers.at(), out_rows: M as i32 + 5, act };
            cuda.product_of(set, &case.input, &case.weight(), &Epilogue::Gate(&to))
        })?;
        Ok(())
    }

    fn heads(&mut self, (a, b): (usize, usize)) -> Result<(), CudaError> {
        let cuda = self.cuda;
        let dim = HEAD_SIZES[a + b - 2];
        let (heads, kv_heads) = (3, 1);
        let case = self.product("heads", (a, b), (heads + 2 * kv_heads) * dim)?;
        let norms = self.vector(dim)?;
        let freq = (0..dim / 2).map(|i| 0.3 / (i + 1) as f32).collect();
        let turns = cuda.turn_table(&Rotary { freq, pairs: Pairs::Adjacent }, dim / 2, 40)?;
        let position: Vec<u32> = (0..M as u32).map(|row| row * 7 % 40).collect();
        let position = cuda.transfer.up(&cuda.pool, "positions", bytemuck::cast_slice(&position))?;
        let norm = if b == 1 { norms.at() } else { 0 };
        let all = regions(&[
            ((M + 1) * heads * dim, 2),
            ((M + 2) * kv_heads * dim, 2),
            ((M + 3) * kv_heads * dim, a),
        ]);
        let limit = if a == 1 { ONE_PLANE } else { SUMS };
        cuda.compare(&case.kernel, &all, POISON, limit, &|set, out| {
            let place = |i: usize| out + all[i].at as u64;
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
            cuda.product_of(set, &case.input, &case.weight(), &Epilogue::Heads(&to))
        })?;
        Ok(())
    }

    fn sums(&mut self, (a, b): (usize, usize)) -> Result<(), CudaError> {
        let cuda = self.cuda;
        let n = 328;
        let tiles = Cuda::sum_tiles(n);
        let case = self.product("sums", (a, b), n)?;
        let cap = if b == 1 { 0.0 } else { 5.0 };
        let all = regions(&[((M + 1) * tiles * 2, 0)]);
        cuda.compare(&case.kernel, &all, POISON, SUMS, &|set, out| {
            let to = params::ToSums { out, tiles: tiles as i32, cap };
            cuda.product_of(set, &case.input, &Weight::of(&case.weight, None), &Epilogue::Sums(&to))
        })?;
        Ok(())
    }

    /// Queries on a path and on rows of their own pass, more keys than one step takes.
    fn attention(&mut self, dim: usize, planes: usize) -> Result<(), CudaError> {
        let cuda = self.cuda;
        let kernel = attention_name(cuda.set, dim, planes);
        (self.begin)(&kernel);
        let (group, path, tokens) = (2, 66, 9);
        let (path_rows, pass_rows, q_rows) = (path + 4, tokens + 3, tokens + 1);
        let mut filled = |planes: usize, rows: usize, real: usize, width: usize| {
            let mut values = vec![f16::NAN; planes * rows * width];
            for (plane, values) in values.chunks_exact_mut(rows * width).enumerate() {
                let size = if plane == 0 { 1.0 } else { 2f32.powi(-12) };
                values[..real * width].fill_with(|| f16::from_f32(size * self.random.next()));
            }
            cuda.transfer.up(&cuda.pool, "random planes", bytemuck::cast_slice(&values))
        };
        let q = filled(2, q_rows, tokens, group * dim)?;
        let (k_path, v_path) = (filled(2, path_rows, path, dim)?, filled(planes, path_rows, path, dim)?);
        let (k_pass, v_pass) = (filled(2, pass_rows, tokens, dim)?, filled(planes, pass_rows, tokens, dim)?);
        let run = QueryRun {
            rows: 0..tokens,
            first_depth: path,
            keys: vec![KeyRange { row: 0, len: path + tokens }],
        };
        let table = cuda.run_table(&[run], queries(dim, group), (path_rows, path))?;
        let limit = if planes == 1 { ONE_PLANE } else { SUMS };
        let out_rows = q_rows + 1;
        let all = regions(&[(out_rows * group * dim, planes)]);
        cuda.compare(&kernel, &all, POISON, limit, &|set, out| {
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
            cuda.attention_of(set, &attention, table.count)
        })?;
        cuda.forget_pass();
        Ok(())
    }
}
