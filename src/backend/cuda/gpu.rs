//! An open NVIDIA GPU and what its runs need.

use super::driver::{Driver, Lane};
use super::error::CudaError;
use super::kernels::{KernelSet, Kernels, VARIABLE};
use super::kv::Kv;
use super::library::Gpu;
use super::plan::{self, Plan};
use super::pool::Pool;
use super::stored::Loading;
use super::tables::Tables;
use super::transfer::Transfer;
use super::watch::Unseen;
use super::workspace::Workspace;
use super::{Precision, packing};
use crate::backend::{BackendError, PassSizes};
use crate::checkpoint::spec::DecoderSpec;
use std::sync::{Arc, Mutex, PoisonError};

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
    pub(super) unseen: Mutex<Option<Unseen>>,
    pub(super) tables: Mutex<Tables>,
    pub(super) workspace: Mutex<Option<Arc<Workspace>>>,
    pub(super) pool: Pool,
    pub(super) transfer: Transfer,
    pub(super) loading: Loading,
    pub(super) kernels: Kernels,
    pub(super) driver: Arc<Driver>,
    pub(super) precision: Precision,
    pub(super) set: KernelSet,
    /// Address and bytes of an embedding, and the length of its longest row.
    pub(super) embedding: Mutex<Option<((usize, usize), f64)>>,
    /// Planes of activations of the decoder that was loaded last.
    pub(super) planes: Mutex<usize>,
    pub(super) say: Option<fn(&str)>,
    pub(super) said: Mutex<String>,
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
            loading: Loading::new(&driver),
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
        cuda.kernels.get("pack")?;
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
            Precision::Fast => "f16x2, later MLPs f16",
        };
        format!("cuda {planes}, {} kernels", self.set.name())
    }

    /// The path that products take.
    pub fn path(&self) -> String {
        let planes = match self.precision {
            Precision::F32 => "f16 products of two planes (22 bits)",
            Precision::Fast => {
                "f16 products of two planes (22 bits), in MLPs behind the first layer of one (11 bits)"
            }
        };
        format!("{planes}, f32 sums, {} kernels", self.set.name())
    }

    /// Starts a kernel of passes that takes one structure.
    pub(super) fn start<P>(&self, name: &str, grid: [u32; 3], parameters: &P) -> Result<(), CudaError> {
        self.start_on(Lane::Passes, name, grid, parameters)
    }

    pub(super) fn start_on<P>(
        &self,
        lane: Lane,
        name: &str,
        grid: [u32; 3],
        parameters: &P,
    ) -> Result<(), CudaError> {
        let kernel = self.kernels.get(name)?;
        let mut list = [(&raw const *parameters).cast_mut().cast()];
        // SAFETY: callers pass the structure that kernels.txt names for the kernel, filled with buffers that are there.
        unsafe { self.kernels.start(lane, kernel, grid, &mut list) }
    }

    /// Makes everything that the passes of a run need.
    pub(super) fn begin(&self, decoder: &DecoderSpec, most: &PassSizes) -> Result<Kv, CudaError> {
        let planes = *self.planes.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = Plan::new(decoder, most, planes)?;
        self.look_now()?;
        self.forget_pass();
        self.loaded()?;
        self.transfer.wait()?;
        self.pool.clear();
        // What the run before left is used again, or goes.
        let left = self.workspace_bytes();
        let weights = self.driver.given().saturating_sub(left);
        let free = self.driver.memory()?.0 + left;
        let make = || {
            self.prepare_workspace(most.tokens, &plan)?;
            let kv = Kv::new(self, decoder, most, &plan, planes)?;
            // They stay, and are not to stay in a block that passes need.
            for layer in &decoder.layers {
                if let Some(rotary) = decoder.rotaries.get(layer.rotary) {
                    self.turn_table(rotary, packing::padded_head(layer.head_dim)? / 2, most.path)?;
                }
            }
            self.pool.reserve(&plan.blocks)?;
            self.transfer.reserve(plan.up, plan.down)?;
            Ok(kv)
        };
        let kv = self.or_after_clearing(make).map_err(|error| match error {
            CudaError::OutOfMemory { .. } => self.too_little(decoder, most, &plan, planes, free),
            error => error,
        })?;
        self.announce(&plan.text(weights, free));
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

    fn announce(&self, text: &str) {
        let Some(say) = self.say else { return };
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if *said != text {
            say(text);
            text.clone_into(&mut said);
        }
    }
}
