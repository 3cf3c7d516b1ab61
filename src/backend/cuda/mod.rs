//! The CUDA backend: our own kernels (`kernels/`) on NVIDIA GPUs since Ampere, through the driver alone.
//!
//! Products read f16 planes and sum in f32 on tensor cores; the residual stream, norms, rotary and softmax are f32. All work
//! runs on one stream in the order in which it is asked; only reading waits. A kernel's result for a row is one fixed
//! sequence of operations, so it does not depend on the rows beside it.

pub mod library;
pub mod plan;

mod bounds;
mod driver;
mod error;
mod head;
mod kernels;
mod kv;
mod layer;
mod load;
mod packing;
mod params;
mod peak;
mod pool;
mod product;
mod rows;
mod single;
mod tables;
mod transfer;
mod watch;
mod weights;
mod workspace;

pub use error::CudaError;
pub use kernels::{KernelSet, VARIABLE};
pub use kv::Kv;
pub use library::Gpu;
pub use load::Layer;
pub use rows::Rows;
pub use tables::Turns;
pub use watch::Watch;
pub use weights::Matrix;

use super::layer::{At, LayerTensors, See};
use super::{Backend, BackendError, HeadUse, PassSizes, Precision, Projection, Purpose, TokenLogit};
use crate::checkpoint::spec::{Act, DecoderSpec, LayerSpec, Rotary};
use crate::checkpoint::weights::Tensor;
use crate::prefix::{Carry, QueryRun};
use driver::Driver;
use kernels::Kernels;
use params::ADD;
use plan::Plan;
use pool::Pool;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use tables::Tables;
use transfer::Transfer;
use watch::Unseen;
use workspace::Workspace;

/// How a GPU is opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct CudaOptions {
    pub precision: Precision,
    /// This kernel set and no other; else the environment's, else the fastest that runs.
    pub kernels: Option<KernelSet>,
    /// Told of each run's memory.
    pub say: Option<fn(&str)>,
}

/// One open NVIDIA GPU.
pub struct Cuda {
    // Fields are dropped in this order: what holds memory before what gave it.
    unseen: Mutex<Option<Unseen>>,
    tables: Mutex<Tables>,
    workspace: Mutex<Option<Arc<Workspace>>>,
    pool: Pool,
    transfer: Transfer,
    kernels: Kernels,
    driver: Arc<Driver>,
    precision: Precision,
    set: KernelSet,
    /// Address and bytes of an embedding, and the length of its longest row.
    embedding: Mutex<Option<((usize, usize), f64)>>,
    /// Planes of activations of the decoder that was loaded last.
    planes: Mutex<usize>,
    say: Option<fn(&str)>,
    said: Mutex<String>,
}

impl Cuda {
    /// Opens `gpu`.
    ///
    /// # Errors
    /// It is too old, cannot be opened, or refuses the kernels.
    pub fn open(gpu: &Gpu, options: &CudaOptions) -> Result<Cuda, BackendError> {
        let set = match options.kernels {
            Some(set) => KernelSet::choose((gpu.major, gpu.minor), Some(set.name())),
            None => {
                let forced = std::env::var(VARIABLE).ok();
                KernelSet::choose((gpu.major, gpu.minor), forced.as_deref())
            }
        }?;
        let driver = Driver::open(gpu)?;
        let cuda = Cuda {
            unseen: Mutex::default(),
            tables: Mutex::default(),
            workspace: Mutex::default(),
            pool: Pool::new(&driver),
            transfer: Transfer::new(&driver),
            kernels: Kernels::new(&driver),
            driver,
            precision: options.precision,
            set,
            embedding: Mutex::default(),
            planes: Mutex::new(2),
            say: options.say,
            said: Mutex::default(),
        };
        // A driver that cannot compile them says so now.
        cuda.kernels.get("norm_split")?;
        Ok(cuda)
    }

    pub fn gpu(&self) -> &Gpu {
        &self.driver.gpu
    }

    /// Free memory in bytes.
    pub fn free_bytes(&self) -> Result<u64, BackendError> {
        Ok(self.driver.memory()?.0)
    }

    /// What decides a result's bits on one GPU, as a run records it.
    pub fn arithmetic(&self) -> String {
        let planes = match self.precision {
            Precision::F32 => "f16x2",
            Precision::Fast => "f16x2, MLPs f16",
        };
        format!("cuda {planes}, {} kernels", self.set.name())
    }

    /// The path that products take.
    pub fn path(&self) -> String {
        let planes = match self.precision {
            Precision::F32 => "f16 products of two planes (22 bits)",
            Precision::Fast => "f16 products of two planes (22 bits), in MLPs of one (11 bits)",
        };
        format!("{planes}, f32 sums, {} kernels", self.set.name())
    }

    /// Starts a kernel that takes one structure.
    fn start<P>(&self, name: &str, grid: [u32; 3], parameters: &P) -> Result<(), CudaError> {
        let kernel = self.kernels.get(name)?;
        let mut list = [(&raw const *parameters).cast_mut().cast()];
        // SAFETY: callers pass the structure that kernels.txt names for the kernel, filled with buffers that are there.
        unsafe { self.kernels.start(kernel, grid, &mut list) }
    }

    /// Makes everything that the passes of a run need.
    fn begin(&self, decoder: &DecoderSpec, most: &PassSizes) -> Result<Kv, CudaError> {
        let planes = *self.planes.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = Plan::new(decoder, most, planes)?;
        self.look_now()?;
        self.forget_pass();
        self.transfer.loaded()?;
        self.transfer.wait()?;
        self.pool.clear();
        let (free, _) = self.driver.memory()?;
        let make = || {
            self.prepare_workspace(most.tokens, &plan)?;
            let kv = Kv::new(self, decoder, most, &plan, planes)?;
            self.pool.reserve(&plan.blocks)?;
            self.transfer.reserve(plan.up, plan.down)?;
            for layer in &decoder.layers {
                if let Some(rotary) = decoder.rotaries.get(layer.rotary) {
                    self.turn_table(rotary, packing::padded_head(layer.head_dim)? / 2, most.path)?;
                }
            }
            Ok(kv)
        };
        let kv = make().map_err(|error| match error {
            CudaError::OutOfMemory { .. } => self.too_little(decoder, most, &plan, planes, free),
            error => error,
        })?;
        self.announce(&plan, free);
        Ok(kv)
    }

    /// What would fit.
    fn too_little(
        &self,
        decoder: &DecoderSpec,
        most: &PassSizes,
        plan: &Plan,
        planes: usize,
        free: u64,
    ) -> CudaError {
        let fits = (1..most.tokens.div_ceil(64))
            .rev()
            .map(|parts| 64 * parts)
            .find(|tokens| plan::pass_bytes(decoder, *tokens, most.path, planes) <= free / 100 * 95);
        let advice = match fits {
            Some(tokens) => format!("; --pack-tokens {tokens} would fit"),
            None => "; no smaller pack would fit either".to_owned(),
        };
        CudaError::OutOfMemory {
            what: format!("a pass of {} tokens", most.tokens),
            need_mib: plan.bytes().div_ceil(1 << 20),
            free_mib: free >> 20,
            advice,
        }
    }

    fn announce(&self, plan: &Plan, free: u64) {
        let Some(say) = self.say else { return };
        let total = self.driver.gpu.total_bytes;
        let text = plan.text(total.saturating_sub(free), free);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if *said != text {
            say(&text);
            *said = text;
        }
    }
}

impl Backend for Cuda {
    type Rows = Rows;
    type Matrix<'w> = Matrix<'w>;
    type Layer<'w> = Layer;
    type Turns = Turns;
    type Kv = Kv;
    type Watch = Watch;

    fn describe(&self) -> String {
        let gpu = &self.driver.gpu;
        let driver = format!("driver for CUDA {}.{}", gpu.driver / 1000, gpu.driver % 1000 / 10);
        format!("cuda, {}, {driver}, {}", gpu.title(), self.path())
    }

    fn upload<'w>(&self, tensor: Tensor<'w>, purpose: Purpose) -> Result<Matrix<'w>, BackendError> {
        Ok(self.upload_weight(tensor, purpose)?)
    }

    fn load_layer<'w>(
        &self,
        decoder: &DecoderSpec,
        layer: usize,
        tensors: LayerTensors<'w>,
    ) -> Result<Layer, BackendError> {
        let layer = self.load(decoder, layer, tensors)?;
        *self.planes.lock().unwrap_or_else(PoisonError::into_inner) = layer.planes;
        Ok(layer)
    }

    fn unit_rows(&self, tensor: Tensor<'_>) -> Result<Rows, BackendError> {
        let lengths = packing::row_lengths(&tensor);
        let scales: Vec<f32> = lengths.iter().map(|length| length.max(1e-12).recip() as f32).collect();
        Ok(self.rows_of("lengths of rows", 1, scales.len(), &scales)?)
    }

    fn new_kv(&self, decoder: &DecoderSpec, most: &PassSizes) -> Result<Kv, BackendError> {
        Ok(self.begin(decoder, most)?)
    }

    fn keys_values(
        &self,
        layer: &Layer,
        at: &At<'_, Self>,
        x: &Rows,
        kv: &mut Kv,
    ) -> Result<(), BackendError> {
        self.make_keys_values(layer, at, x, kv)
    }

    fn attention(
        &self,
        layer: &Layer,
        at: &At<'_, Self>,
        x: &mut Rows,
        kv: &mut Kv,
        see: &mut See<'_, Rows>,
    ) -> Result<(), BackendError> {
        self.attend_block(layer, at, x, kv, see)
    }

    fn mlp(
        &self,
        layer: &Layer,
        at: &At<'_, Self>,
        x: &mut Rows,
        see: &mut See<'_, Rows>,
    ) -> Result<(), BackendError> {
        self.mlp_block(layer, at, x, see)
    }

    fn embed(
        &self,
        table: &Matrix<'_>,
        columns: Range<usize>,
        tokens: &[u32],
        scale: f32,
    ) -> Result<Rows, BackendError> {
        self.forget_pass();
        Ok(self.embed_rows(table, columns, tokens, scale)?)
    }

    fn norm(
        &self,
        x: &Rows,
        weight: Option<&Matrix<'_>>,
        group: usize,
        eps: f32,
    ) -> Result<Rows, BackendError> {
        let out = self.new_rows("normed rows", x.n, x.width)?;
        let weight = weight.map(Matrix::vector).transpose()?;
        self.norm_into(x, weight, group, eps, &out, false)?;
        Ok(out)
    }

    fn linear(&self, x: &Rows, p: &Projection<'_, Matrix<'_>>) -> Result<Rows, BackendError> {
        Ok(self.linear_rows(x, p)?)
    }

    fn linear_add(
        &self,
        x: &Rows,
        p: &Projection<'_, Matrix<'_>>,
        residual: &mut Rows,
    ) -> Result<(), BackendError> {
        Ok(self.linear_into(x, p, residual, ADD)?)
    }

    fn gate(
        &self,
        x: &Rows,
        gate: &Projection<'_, Matrix<'_>>,
        up: &Projection<'_, Matrix<'_>>,
        act: Act,
    ) -> Result<Rows, BackendError> {
        let (gate, up) = (self.linear_rows(x, gate)?, self.linear_rows(x, up)?);
        Ok(self.gated(&gate, &up, 0, act)?)
    }

    fn side_gate(
        &self,
        x: &Rows,
        w: &Projection<'_, Matrix<'_>>,
        side: &Rows,
        column: usize,
        act: Act,
    ) -> Result<Rows, BackendError> {
        Ok(self.gated(&self.linear_rows(x, w)?, side, column, act)?)
    }

    fn add(&self, x: &Rows, to: &mut Rows) -> Result<(), BackendError> {
        Ok(self.add_rows(x, to)?)
    }

    fn scale(&self, x: &mut Rows, by: f32) -> Result<(), BackendError> {
        Ok(self.scale_rows(x, by)?)
    }

    fn turns(&self, rotary: &Rotary, positions: &[u32]) -> Result<Turns, BackendError> {
        Ok(self.new_turns(rotary, positions)?)
    }

    fn rope(&self, x: &mut Rows, head_dim: usize, turns: &Turns) -> Result<(), BackendError> {
        Ok(self.turn(x, head_dim, turns)?)
    }

    fn write_kv(&self, kv: &mut Kv, layer: usize, path: usize, k: Rows, v: Rows) -> Result<(), BackendError> {
        Ok(self.write_rows(kv, layer, path, &k, &v)?)
    }

    fn tree_attention(
        &self,
        q: &Rows,
        kv: &Kv,
        kv_layer: usize,
        runs: &[QueryRun],
        layer: &LayerSpec,
    ) -> Result<Rows, BackendError> {
        Ok(self.attend_rows(q, kv, kv_layer, runs, layer)?)
    }

    fn carry(&self, kv: &mut Kv, layer: usize, carry: &[Carry]) -> Result<(), BackendError> {
        Ok(self.carry_rows(kv, layer, carry)?)
    }

    fn gather_rows(&self, x: &Rows, rows: &[usize]) -> Result<Rows, BackendError> {
        Ok(self.gather(x, rows)?)
    }

    fn choice_logits(
        &self,
        x: &Rows,
        head: &HeadUse<'_, Matrix<'_>, Rows>,
        ids: &[u32],
    ) -> Result<Vec<Vec<f32>>, BackendError> {
        Ok(self.logits_of(x, head, ids)?)
    }

    fn log_sum_exp(&self, x: &Rows, head: &HeadUse<'_, Matrix<'_>, Rows>) -> Result<Vec<f64>, BackendError> {
        Ok(self.log_sums(x, head)?)
    }

    fn top_tokens(
        &self,
        x: &Rows,
        head: &HeadUse<'_, Matrix<'_>, Rows>,
        k: usize,
    ) -> Result<Vec<Vec<TokenLogit>>, BackendError> {
        Ok(self.largest(x, head, k)?)
    }

    fn new_watch(&self) -> Result<Watch, BackendError> {
        Ok(self.make_watch()?)
    }

    fn watch(&self, watch: &mut Watch, x: &Rows, place: usize) -> Result<(), BackendError> {
        Ok(self.watch_rows(watch, x, place)?)
    }

    fn noticed(&self, watch: &mut Watch) -> Result<Option<usize>, BackendError> {
        Ok(self.read_watch(watch)?)
    }

    fn read(&self, x: &Rows) -> Result<Vec<f32>, BackendError> {
        Ok(self.read_rows(x)?)
    }
}
