//! Finding the driver: its library, its symbols, its GPUs. Nothing here may panic, whatever is installed.
//!
//! cudarc looks every symbol up at its first use and panics where one is missing, so all that this backend calls are
//! looked up before the first call.

use super::error::CudaError;
use cudarc::driver::sys::{self, CUdevice_attribute as Attribute, CUresult};
use serde::Serialize;
use std::ffi::CStr;
use std::sync::OnceLock;

/// Every function of the driver that is called.
const SYMBOLS: [&str; 34] = [
    "cuInit",
    "cuDriverGetVersion",
    "cuGetErrorName",
    "cuDeviceGet",
    "cuDeviceGetCount",
    "cuDeviceGetName",
    "cuDeviceGetAttribute",
    "cuDeviceTotalMem_v2",
    "cuDevicePrimaryCtxRetain",
    "cuDevicePrimaryCtxRelease_v2",
    "cuCtxSetCurrent",
    "cuMemGetInfo_v2",
    "cuStreamCreate",
    "cuStreamDestroy_v2",
    "cuStreamSynchronize",
    "cuStreamWaitEvent",
    "cuEventCreate",
    "cuEventDestroy_v2",
    "cuEventRecord",
    "cuEventSynchronize",
    "cuMemAlloc_v2",
    "cuMemFree_v2",
    "cuMemHostAlloc",
    "cuMemFreeHost",
    "cuMemcpyHtoDAsync_v2",
    "cuMemcpyDtoHAsync_v2",
    "cuMemcpyDtoDAsync_v2",
    "cuMemsetD8Async",
    "cuModuleLoadDataEx",
    "cuModuleUnload",
    "cuModuleGetFunction",
    "cuFuncSetAttribute",
    "cuLaunchKernel",
    "cuTensorMapEncodeTiled",
];

/// CUDA 12.0: what PTX 8.0 asks for.
const OLDEST_DRIVER: i32 = 12000;
const OLDEST_CAPABILITY: (i32, i32) = (8, 0);

/// An NVIDIA GPU as its driver describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Gpu {
    /// The driver's number for it.
    pub ordinal: i32,
    pub name: String,
    /// Compute capability.
    pub major: i32,
    pub minor: i32,
    /// Streaming multiprocessors.
    pub sms: u32,
    pub total_bytes: u64,
    /// CUDA's version that the driver offers, as 1000 times the first number and 10 times the second.
    pub driver: i32,
}

impl Gpu {
    /// Whether this backend's kernels run on it.
    ///
    /// # Errors
    /// It is too old.
    pub fn check(&self) -> Result<(), CudaError> {
        if (self.major, self.minor) < OLDEST_CAPABILITY {
            return Err(CudaError::OldGpu { name: self.name.clone(), major: self.major, minor: self.minor });
        }
        Ok(())
    }

    /// For people.
    pub fn title(&self) -> String {
        format!("{}, compute capability {}.{}", self.name, self.major, self.minor)
    }

    /// Its driver, for people: the version that NVIDIA numbers it by where the system tells it, and CUDA's.
    pub fn driver_title(&self) -> String {
        let cuda = format!("for CUDA {}.{}", self.driver / 1000, self.driver % 1000 / 10);
        match version(&module()) {
            Some(version) => format!("driver {version} {cuda}"),
            None => format!("driver {cuda}"),
        }
    }
}

/// What Linux says of the driver's part in the kernel, in a line; nothing elsewhere.
pub fn module() -> String {
    let text = std::fs::read_to_string("/proc/driver/nvidia/version").unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

/// The version in [`module`]'s line.
fn version(line: &str) -> Option<&str> {
    let is_version = |word: &&str| word.contains('.') && word.split('.').all(|n| n.parse::<u32>().is_ok());
    line.split_whitespace().find(is_version)
}

/// The GPUs of this machine, in the driver's order; at least one.
///
/// # Errors
/// What is missing, old or broken, in one sentence.
pub fn gpus() -> Result<Vec<Gpu>, CudaError> {
    start()?;
    let mut count = 0;
    // SAFETY: the symbol is there; it writes one number.
    answered(unsafe { sys::cuDeviceGetCount(&raw mut count) })?;
    if count == 0 {
        return Err(CudaError::NoGpu);
    }
    (0..count).map(gpu).collect()
}

/// Looks the library up, once in a process.
fn start() -> Result<(), CudaError> {
    static STARTED: OnceLock<Result<(), CudaError>> = OnceLock::new();
    STARTED
        .get_or_init(|| {
            // SAFETY: loading a driver runs its initialisers, which are trusted as the driver itself is.
            if !unsafe { sys::is_culib_present() } {
                return Err(absent());
            }
            for symbol in SYMBOLS {
                // SAFETY: the symbol is only looked for.
                let found = unsafe { sys::culib().get::<unsafe extern "C" fn()>(symbol.as_bytes()) };
                if found.is_err() {
                    return Err(CudaError::Symbol(symbol));
                }
            }
            // SAFETY: all symbols are there.
            match unsafe { sys::cuInit(0) } {
                CUresult::CUDA_SUCCESS => {}
                CUresult::CUDA_ERROR_NO_DEVICE => return Err(CudaError::NoGpu),
                CUresult::CUDA_ERROR_STUB_LIBRARY => return Err(CudaError::Stub),
                code => return Err(CudaError::Init(name(code))),
            }
            let version = driver_version()?;
            if version < OLDEST_DRIVER { Err(CudaError::OldDriver(version)) } else { Ok(()) }
        })
        .clone()
}

/// Why there is no library: none, or one that the system does not load.
#[cfg(unix)]
fn absent() -> CudaError {
    for name in [c"libcuda.so.1", c"libcuda.so"] {
        // SAFETY: the names end with a zero byte; what dlerror points to is copied before anything else is loaded.
        let why = unsafe {
            if !libc::dlopen(name.as_ptr(), libc::RTLD_LAZY).is_null() {
                continue;
            }
            let why = libc::dlerror();
            if why.is_null() { continue } else { CStr::from_ptr(why).to_string_lossy().into_owned() }
        };
        // The loader has no number for this, only words.
        if !why.to_lowercase().contains("no such file") {
            return CudaError::Library(why);
        }
    }
    CudaError::NoDriver
}

#[cfg(not(unix))]
fn absent() -> CudaError {
    CudaError::NoDriver
}

fn driver_version() -> Result<i32, CudaError> {
    let mut version = 0;
    // SAFETY: it writes one number.
    answered(unsafe { sys::cuDriverGetVersion(&raw mut version) })?;
    Ok(version)
}

fn gpu(ordinal: i32) -> Result<Gpu, CudaError> {
    let device = device(ordinal)?;
    let mut text = [0; 256];
    let mut total = 0;
    // SAFETY: `text` has the length that is given, and `total` takes one number.
    unsafe {
        answered(sys::cuDeviceGetName(text.as_mut_ptr(), text.len() as i32 - 1, device))?;
        answered(sys::cuDeviceTotalMem_v2(&raw mut total, device))?;
    }
    let bytes: Vec<u8> = text.iter().map(|c| c.to_ne_bytes()[0]).take_while(|c| *c != 0).collect();
    let number = |attribute| attribute_of(device, attribute);
    Ok(Gpu {
        ordinal,
        name: String::from_utf8_lossy(&bytes).into_owned(),
        major: number(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
        minor: number(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
        sms: number(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?.max(1).unsigned_abs(),
        total_bytes: total as u64,
        driver: driver_version()?,
    })
}

/// The driver's handle of a GPU.
pub(super) fn device(ordinal: i32) -> Result<sys::CUdevice, CudaError> {
    let mut device = 0;
    // SAFETY: it writes one handle.
    answered(unsafe { sys::cuDeviceGet(&raw mut device, ordinal) })?;
    Ok(device)
}

fn attribute_of(device: sys::CUdevice, attribute: Attribute) -> Result<i32, CudaError> {
    let mut value = 0;
    // SAFETY: it writes one number.
    answered(unsafe { sys::cuDeviceGetAttribute(&raw mut value, attribute, device) })?;
    Ok(value)
}

fn answered(code: CUresult) -> Result<(), CudaError> {
    match code {
        CUresult::CUDA_SUCCESS => Ok(()),
        code => Err(CudaError::Init(name(code))),
    }
}

/// The driver's name for a code, and its number.
pub(super) fn name(code: CUresult) -> String {
    let mut text = std::ptr::null();
    // SAFETY: it points `text` at a constant, or leaves it.
    let known = unsafe { sys::cuGetErrorName(code, &raw mut text) } == CUresult::CUDA_SUCCESS;
    if !known || text.is_null() {
        return format!("error {}", code as u32);
    }
    // SAFETY: a constant of the driver that ends in a zero.
    let text = unsafe { CStr::from_ptr(text) };
    format!("{}, error {}", text.to_string_lossy(), code as u32)
}

/// The GPU that a person means by an index or a part of a name; without either, the first that can be used.
///
/// # Errors
/// None or several fit.
pub fn choose(gpus: &[Gpu], wanted: Option<&str>) -> Result<Gpu, CudaError> {
    let Some(wanted) = wanted else {
        let usable = gpus.iter().find(|gpu| gpu.check().is_ok()).or(gpus.first());
        return usable.cloned().ok_or(CudaError::NoGpu);
    };
    let fits = |gpu: &&Gpu| match wanted.parse::<i32>() {
        Ok(ordinal) => gpu.ordinal == ordinal,
        Err(_) => gpu.name.to_lowercase().contains(&wanted.to_lowercase()),
    };
    let found: Vec<&Gpu> = gpus.iter().filter(fits).collect();
    let there: Vec<String> = gpus.iter().map(|gpu| format!("{}: {}", gpu.ordinal, gpu.name)).collect();
    match found[..] {
        // Cards of one model are alike, and the first is as good as any.
        [first, ..] if found.iter().all(|gpu| gpu.name == first.name) => Ok(first.clone()),
        [] => Err(CudaError::Refused(format!("no NVIDIA GPU `{wanted}`; there is {}", there.join(", ")))),
        _ => Err(CudaError::Refused(format!(
            "`{wanted}` may be several NVIDIA GPUs; there is {}",
            there.join(", ")
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_either_kind_of_line() {
        let own = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024";
        let open = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  565.77  Release Build  (a@b)";
        assert_eq!([version(own), version(open), version("")], [Some("550.54.15"), Some("565.77"), None]);
    }

    fn gpus_named(names: &[&str]) -> Vec<Gpu> {
        let gpu = |(i, name): (usize, &&str)| Gpu {
            ordinal: i as i32,
            name: (*name).to_owned(),
            major: if name.contains("Old") { 7 } else { 8 },
            minor: 5,
            sms: 10,
            total_bytes: 1,
            driver: 12000,
        };
        names.iter().enumerate().map(gpu).collect()
    }

    #[test]
    fn a_gpu_is_chosen_by_index_or_by_part_of_a_name_and_the_first_that_can_be_used_without_either() {
        let gpus = gpus_named(&["Old T4", "NVIDIA A100", "NVIDIA L4", "NVIDIA A100"]);
        let ordinal = |wanted| choose(&gpus, wanted).map(|gpu| gpu.ordinal);
        assert_eq!(ordinal(None), Ok(1));
        assert_eq!(ordinal(Some("2")), Ok(2));
        assert_eq!(ordinal(Some("a100")), Ok(1));
        assert!(ordinal(Some("nvidia")).is_err_and(|e| e.to_string().contains("several")));
        assert!(ordinal(Some("9")).is_err_and(|e| e.to_string().contains("0: Old T4, 1: NVIDIA A100")));
        assert!(gpus[0].check().is_err_and(|e| e.to_string().contains("compute capability 7.5")));
    }
}
