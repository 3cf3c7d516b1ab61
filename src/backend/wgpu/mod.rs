//! The wgpu backend: our own WGSL kernels (`shaders/`) on Vulkan, Metal or DX12.
//!
//! Every step is recorded and runs in the order of recording; only reading waits. Arithmetic is f32, weights keep their
//! stored type on the device. A kernel's result for a row is one fixed sequence of operations, so it does not depend on
//! the rows beside it.

pub mod adapter;
pub mod capacity;
pub mod faults;

mod attention;
mod coop;
mod device;
mod error;
mod head;
mod kernels;
mod kv;
mod memory;
mod options;
mod peak;
mod pipelines;
mod product;
mod record;
mod rows;
mod rowwise;
mod source;
mod transfer;
mod tune;
mod watch;
mod weights;

pub use super::Precision;
pub use device::Device;
pub use error::WgpuError;
pub use kv::Kv;
pub use memory::{Allocate, DeviceMemory, Memory};
pub use options::{CHECKED, LimitChoice, SubmitHook, TileChoice, WgpuOptions};
pub use rows::Rows;
pub use rowwise::Turns;
pub use watch::Watch;
pub use weights::Matrix;

use super::layer::{At, LayerTensors, See};
use super::reading::{self, Asks, ReadOff};
use super::{Backend, BackendError, HeadUse, PassSizes, Projection, Purpose, TokenLogit, steps};
use crate::checkpoint::Tensor;
use crate::checkpoint::spec::{Act, DecoderSpec, LayerSpec, Rotary};
use crate::prefix::{Carry, QueryRun};
use kernels::{MatrixUnits, Reduce};
use pipelines::Pipelines;
use product::Finish;
use record::Recorder;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tune::Tiles;

/// One open graphics device.
pub struct Wgpu {
    device: Device,
    memory: Memory,
    pipelines: Pipelines,
    recorder: Mutex<Recorder>,
    staged: Mutex<transfer::Staged>,
    /// The attention plans used last.
    plans: Mutex<Vec<attention::Plan>>,
    tiles: Tiles,
    /// Set if products run on matrix units.
    units: Option<MatrixUnits>,
    /// Why the fast path was asked for and is not taken.
    note: Option<String>,
    reduce: Reduce,
    /// Stands where a kernel's buffer is not used.
    nothing: wgpu::Buffer,
    options: WgpuOptions,
}

impl Wgpu {
    /// Opens `adapter`.
    ///
    /// # Errors
    /// If the adapter refuses the limits that were asked for, or has no memory at all.
    pub fn open(adapter: &wgpu::Adapter, options: &WgpuOptions) -> Result<Wgpu, BackendError> {
        let device = Device::open(adapter, options)?;
        let memory = Memory::new(options.memory.clone());
        let recorder = Recorder::new(&device, &memory, options.submit_target, options.before_submit.clone())?;
        let nothing = memory.storage(&device, "nothing", 256)?;
        let subgroups = device.raw.features().contains(wgpu::Features::SUBGROUP);
        let mut gpu = Wgpu {
            pipelines: Pipelines::new(options.trusted),
            recorder: Mutex::new(recorder),
            staged: Mutex::default(),
            plans: Mutex::default(),
            tiles: Tiles::new(tune::TILES[0]),
            units: None,
            note: None,
            reduce: if subgroups { Reduce::Subgroup } else { Reduce::Memory },
            nothing,
            options: options.clone(),
            device,
            memory,
        };
        tune::choose(&mut gpu, &options.tiles)?;
        gpu.use_units(adapter);
        gpu.device.check()?;
        Ok(gpu)
    }

    /// What a person should know about how this device computes: why `Precision::Fast` has no effect, if it has none.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// What decides a result's bits on one device, as a run records it. Tiles do not.
    pub fn arithmetic(&self) -> String {
        match self.units {
            Some(units) => format!("wgpu f16 on {0}x{0} matrix units", units.side),
            None => "wgpu f32".to_owned(),
        }
    }

    /// The path that products take.
    pub fn path(&self) -> String {
        match self.units {
            Some(units) => {
                format!("f16 products of 16-bit weights on {0}x{0} matrix units, f32 sums", units.side)
            }
            None => format!("f32 products, {} tiles", self.tiles.wide),
        }
    }

    pub fn device(&self) -> &Device {
        &self.device
    }

    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    fn recorder(&self) -> MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_plans(&self) -> MutexGuard<'_, Vec<attention::Plan>> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for Wgpu {
    type Rows = Rows;
    type Matrix<'w> = Matrix<'w>;
    type Layer<'w> = steps::Layer<Matrix<'w>>;
    type Turns = Turns;
    type Kv = Kv;
    type Watch = Watch;
    type Reading = ReadOff;

    const READS_LATE: bool = false;

    fn describe(&self) -> String {
        let info = &self.device.info;
        let driver = [info.driver.as_str(), info.driver_info.as_str()].join(" ");
        format!("wgpu, {}, {}, {}, {}", info.name, info.backend, driver.trim(), self.path())
    }

    fn upload<'w>(&self, tensor: Tensor<'w>, purpose: Purpose) -> Result<Matrix<'w>, BackendError> {
        if self.units.is_some() && purpose != Purpose::Gather {
            weights::check_fits_f16(&tensor)?;
        }
        Ok(self.upload_weight(tensor, purpose)?)
    }

    fn load_layer<'w>(
        &self,
        decoder: &DecoderSpec,
        layer: usize,
        tensors: LayerTensors<'w>,
    ) -> Result<Self::Layer<'w>, BackendError> {
        steps::load_layer(self, decoder, layer, tensors)
    }

    fn keys_values(
        &self,
        layer: &Self::Layer<'_>,
        at: &At<'_, Self>,
        x: &Rows,
        kv: &mut Kv,
    ) -> Result<(), BackendError> {
        steps::keys_values(self, layer, at, x, kv)
    }

    fn attention(
        &self,
        layer: &Self::Layer<'_>,
        at: &At<'_, Self>,
        x: &mut Rows,
        kv: &mut Kv,
        see: &mut See<'_, Rows>,
    ) -> Result<(), BackendError> {
        steps::attention(self, layer, at, x, kv, see)
    }

    fn mlp(
        &self,
        layer: &Self::Layer<'_>,
        at: &At<'_, Self>,
        x: &mut Rows,
        see: &mut See<'_, Rows>,
    ) -> Result<(), BackendError> {
        steps::mlp(self, layer, at, x, see)
    }

    fn unit_rows(&self, tensor: Tensor<'_>) -> Result<Rows, BackendError> {
        Ok(self.unit_scales(&tensor)?)
    }

    fn new_kv(&self, decoder: &DecoderSpec, most: &PassSizes) -> Result<Kv, BackendError> {
        // Buffers of the sizes of an earlier run would only be in the way.
        self.memory.give_back(&self.device);
        Ok(Kv::new(decoder.layers.len(), most.path))
    }

    fn embed(
        &self,
        table: &Matrix<'_>,
        columns: Range<usize>,
        tokens: &[u32],
        scale: f32,
    ) -> Result<Rows, BackendError> {
        Ok(self.embed_rows(table, columns, tokens, scale)?)
    }

    fn norm(
        &self,
        x: &Rows,
        weight: Option<&Matrix<'_>>,
        group: usize,
        eps: f32,
    ) -> Result<Rows, BackendError> {
        Ok(self.rms_norm(x, weight, group, eps)?)
    }

    fn linear(&self, x: &Rows, p: &Projection<'_, Matrix<'_>>) -> Result<Rows, BackendError> {
        let out = self.new_rows("a projection", x.n, p.weight.rows())?;
        self.product(x, p.weight, p.bias, Finish::Set, &out)?;
        Ok(out)
    }

    fn linear_add(
        &self,
        x: &Rows,
        p: &Projection<'_, Matrix<'_>>,
        residual: &mut Rows,
    ) -> Result<(), BackendError> {
        Ok(self.product(x, p.weight, p.bias, Finish::Add, residual)?)
    }

    fn gate(
        &self,
        x: &Rows,
        gate: &Projection<'_, Matrix<'_>>,
        up: &Projection<'_, Matrix<'_>>,
        act: Act,
    ) -> Result<Rows, BackendError> {
        let out = self.linear(x, up)?;
        self.product(x, gate.weight, gate.bias, Finish::Gate(act), &out)?;
        Ok(out)
    }

    fn side_gate(
        &self,
        x: &Rows,
        w: &Projection<'_, Matrix<'_>>,
        side: &Rows,
        column: usize,
        act: Act,
    ) -> Result<Rows, BackendError> {
        let out = self.new_rows("the side gate", x.n, w.weight.rows())?;
        self.product(x, w.weight, w.bias, Finish::Side(act, side, column), &out)?;
        Ok(out)
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
        let layer = kv.layer(layer)?;
        layer.path_len = path;
        layer.pass = Some([k, v]);
        Ok(())
    }

    fn tree_attention(
        &self,
        q: &Rows,
        kv: &Kv,
        kv_layer: usize,
        runs: &[QueryRun],
        layer: &LayerSpec,
    ) -> Result<Rows, BackendError> {
        Ok(self.attend(q, kv, kv_layer, runs, layer)?)
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

    fn read_off(
        &self,
        x: &Rows,
        head: &HeadUse<'_, Matrix<'_>, Rows>,
        asks: &Asks,
        watch: &mut Watch,
    ) -> Result<ReadOff, BackendError> {
        reading::read_off(self, x, head, asks, watch)
    }

    fn collect(&self, reading: ReadOff) -> Result<ReadOff, BackendError> {
        Ok(reading)
    }

    fn read(&self, x: &Rows) -> Result<Vec<f32>, BackendError> {
        Ok(self.read_rows(x)?)
    }
}

/// Name and WGSL text of every kernel variant that a device may be asked to run; for checks.
///
/// # Errors
/// If a shader file is missing or has a place without a value.
pub fn shader_variants() -> Result<Vec<(String, String)>, WgpuError> {
    // One head size for each way in which the attention kernel is cut.
    let head_dims = [8, 24, 64, 128, 256, 512];
    kernels::all(&tune::TILES, &head_dims)
        .into_iter()
        .map(|kernel| {
            let values: Vec<&str> = kernel.values.iter().map(|(_, value)| value.as_str()).collect();
            let name = format!("{} {}", kernel.file, values.join(" "));
            Ok((name, source::expand(kernel.file, &kernel.values)?))
        })
        .collect()
}
