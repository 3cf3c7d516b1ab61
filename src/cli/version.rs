//! What `--version` says beside the number: what this build can do and what it reads and writes.

use std::sync::LazyLock;

use crate::backend::cuda::KernelSet;
use crate::{build, report, stats, store};

/// Version, commit and date; then what a report of a fault should tell.
pub fn long() -> &'static str {
    static LONG: LazyLock<String> = LazyLock::new(text);
    &LONG
}

fn text() -> String {
    let sets: Vec<&str> = [KernelSet::Wgmma, KernelSet::Mma, KernelSet::Naive].map(KernelSet::name).to_vec();
    let schemas = [
        stats::SCHEMA,
        report::SCHEMA,
        stats::PLAN_SCHEMA,
        stats::EXPLANATION_SCHEMA,
        stats::AGREEMENT_SCHEMA,
    ];
    format!(
        "{}\n\
         built for  {}{}\n\
         cpu        f32 in steps of {}\n\
         wgpu       WGSL, through {}\n\
         cuda       kernel sets {} (PTX for sm_90a and sm_80); NVIDIA driver 525 or newer\n\
         run store  format {} (reads from {} on)\n\
         JSON       {}",
        build::version(),
        env!("TILTMETER_TARGET"),
        if cfg!(debug_assertions) { ", debug" } else { "" },
        if cfg!(target_arch = "x86_64") {
            "AVX-512, AVX2 or plain Rust, as the machine has it"
        } else {
            "plain Rust"
        },
        if cfg!(target_os = "macos") {
            "Metal"
        } else if cfg!(windows) {
            "Direct3D 12 or Vulkan"
        } else {
            "Vulkan"
        },
        sets.join(", "),
        store::FORMAT,
        store::OLDEST_FORMAT,
        schemas.join(", "),
    )
}
