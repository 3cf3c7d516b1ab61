//! The kernels: PTX text in the program, compiled by the driver when it is first needed.

use super::driver::{Driver, Lane};
use super::error::CudaError;
use super::library;
use cudarc::driver::sys::{self, CUfunction_attribute, CUjit_option, CUresult};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::ptr::null_mut;
use std::sync::{Arc, Mutex, PoisonError};

/// Which products and which attention compute. Bits are promised within one set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelSet {
    /// One thread per output: the oracle on the device.
    Naive,
    /// Every GPU since Ampere.
    Mma,
    /// Hopper.
    Wgmma,
}

/// Forces a kernel set.
pub const VARIABLE: &str = "TILTMETER_CUDA_KERNELS";

impl KernelSet {
    /// The fastest set that runs on this capability.
    pub fn fastest(capability: (i32, i32)) -> KernelSet {
        if capability == (9, 0) { KernelSet::Wgmma } else { KernelSet::Mma }
    }

    /// The set that the environment forces, else the fastest that runs on this capability.
    pub fn choose((major, minor): (i32, i32), forced: Option<&str>) -> Result<KernelSet, CudaError> {
        let fastest = KernelSet::fastest((major, minor));
        match forced {
            None => Ok(fastest),
            Some("mma") => Ok(KernelSet::Mma),
            Some("naive") => Ok(KernelSet::Naive),
            Some("wgmma") if fastest == KernelSet::Wgmma => Ok(KernelSet::Wgmma),
            Some("wgmma") => Err(CudaError::Kernels(format!(
                "{VARIABLE} is `wgmma`, and these kernels run on compute capability 9.0 alone; this GPU has {major}.{minor}"
            ))),
            Some(other) => Err(CudaError::Kernels(format!(
                "{VARIABLE} is `{other}`, and there are `naive`, `mma` and `wgmma`"
            ))),
        }
    }

    /// The next slower set, which takes over where this one fails.
    pub fn slower(self) -> Option<KernelSet> {
        match self {
            KernelSet::Wgmma => Some(KernelSet::Mma),
            KernelSet::Mma => Some(KernelSet::Naive),
            KernelSet::Naive => None,
        }
    }

    /// The set that `name` names.
    pub fn named(name: &str) -> Option<KernelSet> {
        [KernelSet::Naive, KernelSet::Mma, KernelSet::Wgmma].into_iter().find(|set| set.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            KernelSet::Naive => "naive",
            KernelSet::Mma => "mma",
            KernelSet::Wgmma => "wgmma",
        }
    }
}

/// Entry, file, threads of a block, blocks of a cluster, dynamic shared memory, parameters; one a line.
const TABLE: &str = include_str!("../../../kernels/kernels.txt");

macro_rules! ptx {
    ($($file:literal),* $(,)?) => {
        /// Every file of PTX.
        const FILES: &[(&str, &str)] = &[
            $(($file, include_str!(concat!("../../../kernels/ptx/", $file, ".ptx")))),*
        ];
    };
}

ptx!(
    "rows.sm80",
    "weights.sm80",
    "naive.sm80",
    "product_mma_rows_11.sm80",
    "product_mma_rows_21.sm80",
    "product_mma_rows_22.sm80",
    "product_mma_gate_11.sm80",
    "product_mma_gate_21.sm80",
    "product_mma_gate_22.sm80",
    "product_mma_heads_11.sm80",
    "product_mma_heads_21.sm80",
    "product_mma_heads_22.sm80",
    "product_mma_sums_21.sm80",
    "product_mma_sums_22.sm80",
    "product_wgmma_rows_11.sm90a",
    "product_wgmma_rows_21.sm90a",
    "product_wgmma_rows_22.sm90a",
    "product_wgmma_gate_11.sm90a",
    "product_wgmma_gate_21.sm90a",
    "product_wgmma_gate_22.sm90a",
    "product_wgmma_heads_11.sm90a",
    "product_wgmma_heads_21.sm90a",
    "product_wgmma_heads_22.sm90a",
    "product_wgmma_sums_21.sm90a",
    "product_wgmma_sums_22.sm90a",
    "attention_mma_64.sm80",
    "attention_mma_128.sm80",
    "attention_mma_256.sm80",
    "attention_mma_512.sm80",
);

/// SHA-256 of the table and of all files of PTX, in hex.
pub fn kernels_sha256() -> String {
    let mut digest = Sha256::new();
    digest.update(TABLE);
    for (file, text) in FILES {
        digest.update(file);
        digest.update(text);
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Codes that say that a text is refused: as an image, for this GPU, as PTX (of this version), or by a switch.
const INVALID_IMAGE: u32 = CUresult::CUDA_ERROR_INVALID_IMAGE as u32;
const NO_BINARY: u32 = CUresult::CUDA_ERROR_NO_BINARY_FOR_GPU as u32;
const INVALID_PTX: u32 = CUresult::CUDA_ERROR_INVALID_PTX as u32;
const JIT_DISABLED: u32 = CUresult::CUDA_ERROR_JIT_COMPILATION_DISABLED as u32;

/// A kernel that can be started.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    function: sys::CUfunction,
    block: u32,
    shared_bytes: u32,
}

/// A line of the table.
struct Entry {
    file: &'static str,
    block: u32,
    shared_bytes: u32,
}

fn entry(name: &str) -> Option<Entry> {
    let line = TABLE.lines().find(|line| line.split_whitespace().next() == Some(name))?;
    let mut words = line.split_whitespace().skip(1);
    let file = words.next()?;
    let block = words.next()?.parse().ok()?;
    let shared_bytes = words.nth(1)?.parse().ok()?;
    Some(Entry { file, block, shared_bytes })
}

/// The kernels loaded so far.
pub struct Kernels {
    driver: Arc<Driver>,
    loaded: Mutex<Loaded>,
}

#[derive(Default)]
struct Loaded {
    modules: HashMap<&'static str, sys::CUmodule>,
    kernels: HashMap<String, Kernel>,
}

// SAFETY: handles of the driver, used under its own lock.
unsafe impl Send for Loaded {}

impl Kernels {
    pub fn new(driver: &Arc<Driver>) -> Kernels {
        Kernels { driver: driver.clone(), loaded: Mutex::default() }
    }

    /// The kernel of this name, loaded if it is not yet.
    pub fn get(&self, name: &str) -> Result<Kernel, CudaError> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kernel) = loaded.kernels.get(name) {
            return Ok(*kernel);
        }
        self.driver.bind()?;
        let unknown = || CudaError::Refused(format!("there is no kernel `{name}`"));
        let Entry { file, block, shared_bytes } = entry(name).ok_or_else(unknown)?;
        let module = match loaded.modules.get(file) {
            Some(module) => *module,
            None => {
                let module = self.load(file)?;
                loaded.modules.insert(file, module);
                module
            }
        };
        let text = CString::new(name).map_err(|_| unknown())?;
        let mut function = null_mut();
        // SAFETY: the module is alive, and the name ends in a zero.
        let code = unsafe { sys::cuModuleGetFunction(&raw mut function, module, text.as_ptr()) };
        self.driver.done(code, &format!("find the kernel {name}"))?;
        if shared_bytes > 48 << 10 {
            let attribute = CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
            // SAFETY: the function is alive.
            let code = unsafe { sys::cuFuncSetAttribute(function, attribute, shared_bytes as i32) };
            self.driver.done(code, &format!("give {name} {shared_bytes} bytes of shared memory"))?;
        }
        let kernel = Kernel { function, block, shared_bytes };
        loaded.kernels.insert(name.to_owned(), kernel);
        Ok(kernel)
    }

    /// Has the driver compile a file, for the context that is bound.
    fn load(&self, file: &'static str) -> Result<sys::CUmodule, CudaError> {
        let ptx = FILES.iter().find(|(name, _)| *name == file).map(|(_, text)| *text);
        let image = ptx.and_then(|text| CString::new(text).ok());
        let image = image.ok_or_else(|| CudaError::Refused(format!("there is no {file}.ptx")))?;
        let mut log = vec![0u8; 4096];
        let mut options =
            [CUjit_option::CU_JIT_ERROR_LOG_BUFFER, CUjit_option::CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES];
        let mut values = [log.as_mut_ptr().cast::<c_void>(), std::ptr::without_provenance_mut(log.len() - 1)];
        let mut module = null_mut();
        // SAFETY: the text ends in a zero, and the log has the size that is given.
        let code = unsafe {
            sys::cuModuleLoadDataEx(
                &raw mut module,
                image.as_ptr().cast(),
                options.len() as u32,
                options.as_mut_ptr(),
                values.as_mut_ptr(),
            )
        };
        // What is not said of the text is said of the GPU.
        if !matches!(code as u32, NO_BINARY | INVALID_IMAGE | INVALID_PTX..=JIT_DISABLED) {
            return self.driver.done(code, "compile a kernel").map(|()| module);
        }
        let said: Vec<u8> = log.into_iter().take_while(|byte| *byte != 0).collect();
        let said = String::from_utf8_lossy(&said).split_whitespace().collect::<Vec<_>>().join(" ");
        let jit = match std::env::var_os("CUDA_DISABLE_PTX_JIT") {
            Some(_) => "; CUDA_DISABLE_PTX_JIT is set, and these kernels come as PTX: unset it",
            None => "",
        };
        Err(CudaError::Module {
            file,
            code: library::name(code),
            log: if said.is_empty() { String::new() } else { format!(": {said}") },
            jit,
        })
    }

    /// Starts a kernel whose parameters are these structures by value.
    ///
    /// # Safety
    /// They must be those that the kernel takes, and what they point to must be there.
    pub unsafe fn start(
        &self,
        lane: Lane,
        kernel: Kernel,
        grid: [u32; 3],
        parameters: &mut [*mut c_void],
    ) -> Result<(), CudaError> {
        // SAFETY: the caller's promise.
        unsafe {
            self.driver.launch(lane, kernel.function, grid, kernel.block, kernel.shared_bytes, parameters)
        }
    }
}

impl Drop for Kernels {
    fn drop(&mut self) {
        if self.driver.bind().is_err() {
            return;
        }
        let loaded = self.loaded.get_mut().unwrap_or_else(PoisonError::into_inner);
        for module in loaded.modules.values() {
            // SAFETY: nothing runs any more: buffers and their work are gone before the kernels.
            unsafe { sys::cuModuleUnload(*module) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_table_is_embedded_and_defines_its_entries() {
        for line in TABLE.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            let name = line.split_whitespace().next().expect("a name");
            let found = entry(name).expect(line);
            let text = FILES.iter().find(|(file, _)| *file == found.file).expect(found.file).1;
            assert!(text.contains(&format!(".entry {name}(")), "{name} is not in {}", found.file);
            assert!(found.block > 0 && found.block.is_multiple_of(32), "{line}");
            assert!(!text.contains('\0'), "{}: a zero in the text", found.file);
        }
        for (file, _) in FILES {
            assert!(TABLE.contains(file), "{file} is embedded and not used");
        }
    }

    #[test]
    fn a_set_is_the_fastest_that_runs_unless_it_is_forced() {
        let set = |cc, forced| KernelSet::choose(cc, forced);
        assert_eq!(set((9, 0), None), Ok(KernelSet::Wgmma));
        assert_eq!(set((8, 0), None), Ok(KernelSet::Mma));
        assert_eq!(set((10, 0), None), Ok(KernelSet::Mma));
        assert_eq!(set((9, 0), Some("mma")), Ok(KernelSet::Mma));
        assert_eq!(set((8, 9), Some("naive")), Ok(KernelSet::Naive));
        assert!(set((8, 9), Some("wgmma")).is_err_and(|e| e.to_string().contains("this GPU has 8.9")));
        assert!(set((9, 0), Some("fast")).is_err_and(|e| e.to_string().contains("`fast`")));
    }
}
