//! An open device for a test, and the checkpoints to try on it.

use crate::common::{Reference, skip, skip_part};
use std::path::PathBuf;
use std::time::Duration;
use tiltmeter::backend::wgpu::{LimitChoice, Wgpu, WgpuOptions, adapter};
use tiltmeter::checkpoint::Checkpoint;

/// Folders of the reference checkpoints that this build can open; the test counts as ignored without the others.
pub fn references() -> Vec<PathBuf> {
    let mut dirs = Reference::folders();
    dirs.retain(|dir| match Checkpoint::open(dir) {
        Ok(_) => true,
        Err(e) => {
            skip_part(format_args!("{}: {e}", dir.display()));
            false
        }
    });
    dirs
}

/// Opens the adapter that `TILTMETER_ADAPTER` names, else the best one; without any the test counts as ignored.
pub fn open(options: WgpuOptions) -> Wgpu {
    let list = adapter::list();
    if list.is_empty() {
        assert!(
            std::env::var_os("TILTMETER_TEST_NEEDS_ADAPTER").is_none(),
            "no Vulkan, Metal or DX12 adapter here"
        );
        skip("no Vulkan, Metal or DX12 adapter here");
    }
    let named = std::env::var(adapter::VARIABLE).ok();
    let candidate = adapter::choose(list, named.as_deref()).expect("an adapter of that name");
    // Software devices may share their cores with other tests.
    let submit_timeout = Duration::from_secs(600);
    let options = WgpuOptions { submit_timeout, ..options };
    Wgpu::open(&candidate.adapter, &options).expect("the adapter opens")
}

/// All that the device has, with bounds checked in the shaders.
pub fn checked() -> WgpuOptions {
    WgpuOptions { trusted: false, ..WgpuOptions::default() }
}

/// What every device has, without bounds checks.
pub fn downlevel() -> WgpuOptions {
    WgpuOptions { limits: LimitChoice::Downlevel, trusted: true, ..WgpuOptions::default() }
}
