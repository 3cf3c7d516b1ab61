//! NVIDIA GPUs through their own driver: what is there, what is missing, whether it computes right.

use super::{Args, DeviceReport};
use crate::backend::cuda::{CudaError, Gpu, KernelSet, library};
use crate::backend::wgpu::Precision;
use crate::cli::engine::{BackendName, open_cuda};
use crate::cli::output::print;
use crate::doctor::{Sample, kernels};
use crate::scoring::Room;
use anyhow::{Context, Result};
use std::process::ExitCode;

/// What the driver shows.
pub struct Found {
    pub gpus: Vec<Gpu>,
    /// What is missing, old or broken.
    pub why: Option<String>,
    /// That is a failure: the driver is there and cannot be used, or it was asked for.
    pub fails: bool,
    /// The adapter that was asked for by name is one of them.
    pub named: bool,
}

/// The GPUs that the arguments ask for.
pub fn look(args: &Args) -> Found {
    let nothing = Found { gpus: Vec::new(), why: None, fails: false, named: false };
    let wanted = args.backend == BackendName::Cuda;
    if !wanted && args.backend != BackendName::Auto {
        return nothing;
    }
    let gpus = match library::gpus() {
        Ok(gpus) => gpus,
        Err(error) => {
            let fails = wanted || error != CudaError::NoDriver;
            return Found { why: Some(error.to_string()), fails, ..nothing };
        }
    };
    let Some(name) = args.adapter.as_deref() else {
        return Found { gpus, ..nothing };
    };
    // An index without a backend is one of the list that wgpu has.
    if !wanted && name.parse::<usize>().is_ok() {
        return nothing;
    }
    match library::choose(&gpus, Some(name)) {
        Ok(gpu) => Found { gpus: vec![gpu], named: true, ..nothing },
        Err(error) if wanted => Found { why: Some(error.to_string()), fails: true, ..nothing },
        Err(_) => nothing,
    }
}

/// Opens `gpu` and scores the sample on it.
pub fn check(gpu: &Gpu, precision: Precision, sample: &Sample) -> DeviceReport {
    let mut report = DeviceReport::new(format!("cuda, {}", gpu.title()));
    report.cuda = Some(gpu.clone());
    match open_cuda(gpu, precision, true) {
        Err(error) => report.error = Some(crate::cli::sentence(&error)),
        Ok((cuda, chosen)) => {
            report.path = cuda.path();
            report.why = match precision {
                Precision::F32 => "as asked for; --precision fast takes one plane".to_owned(),
                Precision::Fast => "as asked for".to_owned(),
            };
            report.room = chosen.room;
            report.score(&cuda, precision, sample);
        }
    }
    report
}

/// The NVIDIA GPU that `--backend auto` takes: the first whose capability suffices, if it could be opened.
pub fn usable(devices: &[DeviceReport]) -> Option<usize> {
    let fits = |device: &&DeviceReport| device.cuda.as_ref().is_some_and(|gpu| gpu.check().is_ok());
    let first = devices.iter().find(fits).filter(|device| device.room.is_some())?;
    first.cuda.as_ref().map(|gpu| gpu.ordinal as usize)
}

/// Compares a kernel set with its naive twins on the GPU that the arguments name.
pub fn check_kernels(args: &Args, set: &str) -> Result<ExitCode> {
    let set = KernelSet::named(set).with_context(|| format!("there is no kernel set `{set}`"))?;
    let gpu = library::choose(&library::gpus()?, args.adapter.as_deref())?;
    // A reader that has gone away wants no more.
    kernels::check(&gpu, set, &mut |line| drop(print(format!("{line}\n"))));
    Ok(ExitCode::SUCCESS)
}

/// For people.
pub fn described(gpu: &Gpu, room: Option<Room>) -> String {
    let mib = |bytes: u64| format!("{} MiB", crate::cli::grouped(bytes >> 20));
    let memory = match room.and_then(|room| room.free_bytes) {
        Some(free) => format!("{} free of {}", mib(free), mib(gpu.total_bytes)),
        None => mib(gpu.total_bytes),
    };
    format!(
        "cuda {}: {}, {}\n  memory     {memory}\n  kernels    {} multiprocessors\n",
        gpu.ordinal,
        gpu.title(),
        gpu.driver_title(),
        gpu.sms,
    )
}
