//! What runs in a process of its own, on one kind of GPU; `outside` starts it.

mod families;
mod invariance;
mod steps;

use tiltmeter::backend::Precision;
use tiltmeter::backend::cuda::{Cuda, CudaOptions, KernelSet, library};

/// The first GPU, with the kernel set that is its own.
fn open(precision: Precision) -> Cuda {
    open_with(precision, None)
}

fn open_with(precision: Precision, kernels: Option<KernelSet>) -> Cuda {
    let gpu = library::choose(&library::gpus().expect("a driver"), None).expect("a GPU");
    Cuda::open(&gpu, &CudaOptions { precision, kernels, ..CudaOptions::default() }).expect("opens")
}
