//! Arguments that every command with a forward pass shares, and the one place where the backend is chosen.

use super::output::{say, warn};
use crate::backend::cpu::Cpu;
use crate::backend::cuda::{Cuda, CudaError, CudaOptions, Gpu, VARIABLE, library, plan};
use crate::backend::measure::Measured;
use crate::backend::wgpu::adapter::{self, Candidate, DeviceKind};
use crate::backend::wgpu::{Wgpu, WgpuOptions, faults};
use crate::backend::{Backend, Precision};
use crate::doctor::kernels::trusted;
use crate::scoring::{PackSize, Room, Workspace};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;

/// Which checkpoint.
#[derive(Debug, Clone, clap::Args)]
pub struct ModelArgs {
    /// Checkpoint folder, or a hub id (`org/name`) that is in the local Hugging Face cache
    #[arg(long, value_name = "DIR|ID")]
    pub model: String,
    /// Revision of a hub id
    #[arg(long, value_name = "REV")]
    pub revision: Option<String>,
}

impl ModelArgs {
    pub fn resolve(&self) -> Result<PathBuf> {
        Ok(crate::checkpoint::hub::resolve(&self.model, self.revision.as_deref())?.dir)
    }
}

/// Who computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum BackendName {
    /// An NVIDIA GPU, else the best other real GPU, else the processor
    Auto,
    /// The processor
    Cpu,
    /// A GPU through Vulkan, Metal or DX12
    Wgpu,
    /// An NVIDIA GPU since Ampere, through its own driver
    Cuda,
}

/// Arithmetic of the matrix products on a GPU; all else is f32 in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PrecisionName {
    /// As good as f32 products, whatever type the weights are stored in
    F32,
    /// f16 products with f32 sums, one factor rounded to 11 bits, where the device has matrix units that fit; else as f32
    Fast,
}

impl From<PrecisionName> for Precision {
    fn from(name: PrecisionName) -> Precision {
        match name {
            PrecisionName::F32 => Precision::F32,
            PrecisionName::Fast => Precision::Fast,
        }
    }
}

/// Which device computes, and with what arithmetic.
#[derive(Debug, Clone, clap::Args)]
pub struct DeviceArgs {
    /// Device to compute on
    #[arg(long, value_enum, default_value_t = BackendName::Auto)]
    pub backend: BackendName,
    /// GPU by its index or a part of its name, as `tiltmeter doctor` lists them
    #[arg(long, value_name = "NAME|INDEX")]
    pub adapter: Option<String>,
    /// Arithmetic of the matrix products on a GPU
    #[arg(long, value_enum, default_value_t = PrecisionName::F32)]
    pub precision: PrecisionName,
}

/// How to compute. None of it but the device changes a result's bits.
#[derive(Debug, Clone, clap::Args)]
pub struct EngineArgs {
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Tokens computed together at most; `auto` is 4096 on the processor (2048 from 2 GB of weights on) and what fits on a GPU
    #[arg(long, value_name = "T", default_value = "auto", value_parser = pack_tokens)]
    pub pack_tokens: PackTokens,
    /// Compute every prompt alone, for comparison
    #[arg(long)]
    pub no_sharing: bool,
}

/// `auto`, or a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackTokens(pub Option<usize>);

fn pack_tokens(text: &str) -> Result<PackTokens, String> {
    if text == "auto" {
        return Ok(PackTokens(None));
    }
    match text.parse() {
        Ok(tokens @ 1..=1_048_576) => Ok(PackTokens(Some(tokens))),
        _ => Err("expected `auto` or a number from 1 to 1048576".to_owned()),
    }
}

/// The device that was chosen, as a run records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// What must stay the same for all scores of one checkpoint in a run: figures of two devices or of two arithmetics
    /// differ in their last digits. The driver's version may change; it is recorded with each session.
    pub arithmetic: String,
    pub room: Option<Room>,
}

/// What a command does on whichever device is chosen.
pub trait Work {
    type Output;

    fn run<B: Measured>(self, backend: &B, chosen: &Chosen) -> Result<Self::Output>;

    /// On several devices of one model, at least one; on the first alone where the work is not to be divided.
    fn run_on<B: Measured>(self, backends: &[B], chosen: &Chosen) -> Result<Self::Output>
    where
        Self: Sized,
    {
        let first = backends.first().context("no device was chosen")?;
        self.run(first, chosen)
    }
}

impl DeviceArgs {
    /// Does `work` on the device that the arguments mean, and says on standard error which one that is.
    pub fn run<W: Work>(&self, quiet: bool, work: W) -> Result<W::Output> {
        let announce = |device: &str| {
            if !quiet {
                say(format_args!("device: {device}"));
            }
        };
        match self.device(quiet)? {
            Device::Cpu => {
                announce(&Cpu.describe());
                work.run(&Cpu, &Chosen { arithmetic: "cpu f32".to_owned(), room: None })
            }
            Device::Cuda(cuda, chosen) => {
                announce(&cuda.describe());
                work.run(&*cuda, &chosen)
            }
            Device::Wgpu(candidate) => {
                if candidate.facts.kind == DeviceKind::Software && !quiet {
                    let name = &candidate.facts.name;
                    say(format_args!("note: {name} is no GPU; `--backend cpu` is faster"));
                }
                let (wgpu, chosen) = open(&candidate, self.precision.into())?;
                announce(&wgpu.describe());
                if let Some(note) = wgpu.note().filter(|_| !quiet) {
                    say(format_args!("note: {note}"));
                }
                work.run(&wgpu, &chosen)
            }
        }
    }

    /// [`DeviceArgs::run`] on these NVIDIA GPUs together; as ever if none is named.
    pub fn run_on<W: Work>(&self, devices: &[usize], quiet: bool, work: W) -> Result<W::Output> {
        if devices.is_empty() {
            return self.run(quiet, work);
        }
        if self.backend != BackendName::Cuda {
            bail!("--devices names NVIDIA GPUs: give --backend cuda with it");
        }
        let gpus = library::gpus()?;
        let mut opened: Vec<(Cuda, Chosen)> = Vec::new();
        for (i, device) in devices.iter().enumerate() {
            if devices[..i].contains(device) {
                bail!("--devices names GPU {device} twice");
            }
            let gpu = library::choose(&gpus, Some(&device.to_string()))?;
            opened.push(open_cuda(&gpu, self.precision.into(), quiet)?);
        }
        let (backends, all): (Vec<Cuda>, Vec<Chosen>) = opened.into_iter().unzip();
        let mut chosen = all.first().cloned().context("no device was chosen")?;
        for (device, other) in devices.iter().zip(&all) {
            if other.arithmetic != chosen.arithmetic {
                bail!(
                    "GPU {device} computes as `{}` and GPU {} as `{}`: scores of one checkpoint come from one kind of device",
                    other.arithmetic,
                    devices[0],
                    chosen.arithmetic
                );
            }
            // Packs are those of the fullest.
            if other.room.map(|room| room.free_bytes) < chosen.room.map(|room| room.free_bytes) {
                chosen.room = other.room;
            }
        }
        if !quiet {
            for backend in &backends {
                say(format_args!("device: {}", backend.describe()));
            }
        }
        work.run_on(&backends, &chosen)
    }

    /// Who computes.
    fn device(&self, quiet: bool) -> Result<Device> {
        let named = self.adapter.as_deref();
        match self.backend {
            BackendName::Cpu if named.is_some() => bail!("--adapter names a GPU, but --backend is cpu"),
            BackendName::Cpu => Ok(Device::Cpu),
            BackendName::Cuda => {
                let gpu = library::choose(&library::gpus()?, named)?;
                let (cuda, chosen) = open_cuda(&gpu, self.precision.into(), quiet)?;
                Ok(Device::Cuda(Box::new(cuda), chosen))
            }
            BackendName::Auto => {
                if let Some(device) = self.cuda_if_usable(quiet) {
                    return Ok(device);
                }
                let wgpu = match named {
                    None => adapter::best_real(adapter::list()),
                    Some(_) => Some(adapter::choose(adapter::list(), named)?),
                };
                Ok(wgpu.map_or(Device::Cpu, |candidate| Device::Wgpu(Box::new(candidate))))
            }
            BackendName::Wgpu => {
                let usual = std::env::var(adapter::VARIABLE).ok();
                let candidate = adapter::choose(adapter::list(), named.or(usual.as_deref()))?;
                Ok(Device::Wgpu(Box::new(candidate)))
            }
        }
    }

    /// The NVIDIA GPU that `auto` takes; why it takes none is said where there is a driver. An index is one of wgpu's list.
    fn cuda_if_usable(&self, quiet: bool) -> Option<Device> {
        let gpus = match auto_gpus() {
            Ok(gpus) => gpus,
            Err(CudaError::NoDriver) => return None,
            Err(error) => {
                if !quiet {
                    say(format_args!("note: cuda cannot be used: {error}"));
                }
                return None;
            }
        };
        let gpu = match self.adapter.as_deref() {
            Some(name) if name.parse::<usize>().is_ok() => return None,
            named => library::choose(&gpus, named).ok()?,
        };
        match open_cuda(&gpu, self.precision.into(), quiet) {
            Ok((cuda, chosen)) => Some(Device::Cuda(Box::new(cuda), chosen)),
            Err(error) => {
                if !quiet {
                    say(format_args!("note: {}", super::sentence(&error)));
                }
                None
            }
        }
    }
}

/// The NVIDIA GPUs that `auto` may take.
pub fn auto_gpus() -> Result<Vec<Gpu>, CudaError> {
    let gpus = library::gpus()?;
    match gpus.iter().find_map(|gpu| gpu.check().err()) {
        Some(error) if gpus.iter().all(|gpu| gpu.check().is_err()) => Err(error),
        _ => Ok(gpus),
    }
}

/// Who was chosen.
enum Device {
    Cpu,
    Wgpu(Box<Candidate>),
    Cuda(Box<Cuda>, Chosen),
}

/// Opens an NVIDIA GPU, with the kernels that were found to compute right on it.
pub fn open_cuda(gpu: &Gpu, precision: Precision, quiet: bool) -> Result<(Cuda, Chosen)> {
    /// Packs of an emulated GPU, which has few multiprocessors, need not be large.
    const FEW: u32 = 16;
    /// Of the widest rows, those around attention, in either precision.
    const PLANES: usize = 2;
    let told = |text: &str| say(text);
    let kernels = match (std::env::var_os(VARIABLE), gpu.check()) {
        (Some(_), Ok(())) if !quiet => {
            say(format_args!("note: {VARIABLE} names the kernels, which are taken unchecked"));
            None
        }
        (None, Ok(())) => Some(trusted(gpu, &|text| say(format_args!("note: {text}")), &|text| warn(text))?),
        _ => None,
    };
    let options = CudaOptions { precision, kernels, say: (!quiet).then_some(told) };
    let cuda = Cuda::open(gpu, &options).with_context(|| format!("cannot use {}", gpu.title()))?;
    let chosen = Chosen {
        arithmetic: format!("{}, {}", cuda.arithmetic(), gpu.name),
        room: Some(Room {
            free_bytes: Some(cuda.free_bytes()?),
            binding_bytes: u64::MAX,
            most_tokens: plan::whole_wave(gpu.sms, if gpu.sms < FEW { 1024 } else { 4096 }),
            step: plan::ROWS,
            workspace: Workspace::Planes(PLANES),
        }),
    };
    Ok((cuda, chosen))
}

/// Opens `candidate`, with the fault that a test may have asked for.
pub fn open(candidate: &Candidate, precision: Precision) -> Result<(Wgpu, Chosen)> {
    let mut options = WgpuOptions { precision, ..WgpuOptions::default() };
    faults::from_env(&mut options).map_err(anyhow::Error::msg)?;
    let facts = &candidate.facts;
    let wgpu =
        Wgpu::open(&candidate.adapter, &options).with_context(|| format!("cannot use {}", facts.title()))?;
    let chosen = Chosen {
        arithmetic: format!("{}, {} ({})", wgpu.arithmetic(), facts.name, facts.api),
        room: Some(Room {
            free_bytes: facts.capacity.map(|c| c.free),
            binding_bytes: wgpu.device().binding_limit(),
            most_tokens: if facts.kind == DeviceKind::Software { 1024 } else { 8192 },
            step: 64,
            workspace: Workspace::Rows,
        }),
    };
    Ok((wgpu, chosen))
}

impl EngineArgs {
    pub fn sharing(&self) -> bool {
        !self.no_sharing
    }

    /// How large packs are on `chosen`.
    pub fn pack(&self, chosen: &Chosen) -> PackSize {
        PackSize { asked: self.pack_tokens.0, room: chosen.room }
    }
}
