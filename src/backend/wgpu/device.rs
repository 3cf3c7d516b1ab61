//! One open device: its limits, its queue, and what has gone wrong with it.

use super::error::WgpuError;
use super::options::{LimitChoice, WgpuOptions};
use crate::backend::Precision;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// An open device.
pub struct Device {
    pub raw: wgpu::Device,
    pub queue: wgpu::Queue,
    pub limits: wgpu::Limits,
    pub info: wgpu::AdapterInfo,
    submit_timeout: Duration,
    /// The first thing that went wrong outside an error scope.
    trouble: Arc<Mutex<Option<WgpuError>>>,
}

/// Features used where the adapter has them.
fn features(adapter: &wgpu::Adapter, options: &WgpuOptions) -> wgpu::Features {
    let mut wanted = match options.limits {
        LimitChoice::Downlevel => wgpu::Features::empty(),
        LimitChoice::Adapter | LimitChoice::Binding(_) => wgpu::Features::SUBGROUP,
    };
    if options.precision == Precision::Fast {
        wanted |= wgpu::Features::SHADER_F16 | wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
    }
    adapter.features() & wanted
}

fn limits(adapter: &wgpu::Adapter, choice: LimitChoice) -> wgpu::Limits {
    let all = adapter.limits();
    match choice {
        LimitChoice::Adapter => all,
        LimitChoice::Downlevel => wgpu::Limits::default().using_alignment(all),
        LimitChoice::Binding(bytes) => {
            let bytes = bytes.min(all.max_storage_buffer_binding_size);
            wgpu::Limits { max_storage_buffer_binding_size: bytes, ..all }
        }
    }
}

impl Device {
    pub fn open(adapter: &wgpu::Adapter, options: &WgpuOptions) -> Result<Device, WgpuError> {
        let info = adapter.get_info();
        let features = features(adapter, options);
        let experimental = if features.contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX) {
            // SAFETY: the one experimental feature is used by kernels that are compared with the plain ones at start.
            unsafe { wgpu::ExperimentalFeatures::enabled() }
        } else {
            wgpu::ExperimentalFeatures::disabled()
        };
        let limits = limits(adapter, options.limits);
        let (raw, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("tiltmeter"),
            required_features: features,
            required_limits: limits.clone(),
            experimental_features: experimental,
            ..Default::default()
        }))
        .map_err(|e| WgpuError::Open { adapter: info.name.clone(), reason: e.to_string() })?;
        let trouble = Arc::new(Mutex::new(None));
        let note = |trouble: &Arc<Mutex<Option<WgpuError>>>, error| {
            trouble.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        };
        let (uncaptured, lost) = (trouble.clone(), trouble.clone());
        raw.on_uncaptured_error(Arc::new(move |e| note(&uncaptured, refusal(e))));
        raw.set_device_lost_callback(move |_, reason| {
            let reason = if reason.is_empty() { "no reason given".into() } else { reason };
            // Before all else: what a device refuses when it is gone is no fault of what it was told.
            *lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(WgpuError::Lost { reason });
        });
        Ok(Device { raw, queue, limits, info, submit_timeout: options.submit_timeout, trouble })
    }

    /// The first error that the device has noted, if any; it stays.
    pub fn check(&self) -> Result<(), WgpuError> {
        let noted = || self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match noted() {
            None => Ok(()),
            Some(WgpuError::Refused(_)) => {
                // A device that has just gone refuses commands before it is asked, and told, that it is lost.
                let _ = self.raw.poll(wgpu::PollType::Poll);
                noted().map_or(Ok(()), Err)
            }
            Some(error) => Err(error),
        }
    }

    /// The first error that the device has noted, else a refusal for this reason.
    pub fn trouble_or(&self, reason: String) -> WgpuError {
        self.check().err().unwrap_or(WgpuError::Refused(reason))
    }

    /// Waits until `submission` is done, but not for ever.
    pub fn wait(&self, submission: wgpu::SubmissionIndex) -> Result<Duration, WgpuError> {
        let start = Instant::now();
        let polled = self.raw.poll(wgpu::PollType::Wait {
            submission_index: Some(submission),
            timeout: Some(self.submit_timeout),
        });
        self.check()?;
        match polled {
            Ok(_) => Ok(start.elapsed()),
            Err(wgpu::PollError::Timeout) => {
                Err(WgpuError::Timeout { seconds: self.submit_timeout.as_secs() })
            }
            // The submit was not taken, which is how a device that has just gone shows first.
            Err(e) => {
                let _ = self.raw.poll(wgpu::PollType::Poll);
                self.check()?;
                Err(WgpuError::Lost { reason: e.to_string() })
            }
        }
    }

    /// Largest piece of a buffer that a shader may see at once, in whole 256 bytes.
    pub fn binding_limit(&self) -> u64 {
        self.limits.max_storage_buffer_binding_size.min(self.limits.max_buffer_size) / 256 * 256
    }

    /// Runs `make` and turns what it does wrong into an error.
    pub fn scoped<T>(&self, make: impl FnOnce(&wgpu::Device) -> T) -> Result<T, wgpu::Error> {
        let memory = self.raw.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.raw.push_error_scope(wgpu::ErrorFilter::Validation);
        let internal = self.raw.push_error_scope(wgpu::ErrorFilter::Internal);
        let made = make(&self.raw);
        let errors = [internal.pop(), validation.pop(), memory.pop()].map(pollster::block_on);
        match errors.into_iter().flatten().next() {
            Some(error) => Err(error),
            None => Ok(made),
        }
    }
}

/// What an error outside any scope means.
pub fn refusal(error: wgpu::Error) -> WgpuError {
    match error {
        wgpu::Error::OutOfMemory { .. } => WgpuError::OutOfMemory { what: "its own use".into(), mib: 0 },
        wgpu::Error::Validation { description, .. } | wgpu::Error::Internal { description, .. } => {
            WgpuError::Refused(description)
        }
    }
}
