//! Recording work and handing it to the device in pieces that do not run long.
//!
//! Systems reset a device that runs one piece of work for seconds, so a piece is closed when the work in it should take
//! about the target time; how much that is follows from what earlier pieces took. Nothing of this changes a result:
//! parts of a dispatch are independent of each other.

use super::device::Device;
use super::error::WgpuError;
use super::kernels::Kernel;
use super::memory::Memory;
use super::options::SubmitHook;
use super::pipelines::{PARAMS_BYTES, Pipelines};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// One kernel with its buffers, parameters and extent.
pub struct Dispatch<'a> {
    pub kernel: Kernel,
    pub buffers: &'a [&'a wgpu::Buffer],
    /// What follows `first, end, across` in the kernel's Params, as bits.
    pub params: &'a [u32],
    /// Workgroups that the whole work takes.
    pub parts: u64,
    /// Operations of the whole work, roughly.
    pub cost: u64,
}

/// Distance of two dispatches' parameters; no device asks for more alignment.
const SLOT: u64 = 256;
/// Dispatches of one submit at most.
const SLOTS: u64 = 512;
/// Operations of the first submit: some milliseconds on a software device.
const FIRST_BUDGET: u64 = 100_000_000;
/// Submits that may be waiting at a time.
const IN_FLIGHT: usize = 2;

struct Submitted {
    index: wgpu::SubmissionIndex,
    at: Instant,
    cost: u64,
}

pub struct Recorder {
    params: wgpu::Buffer,
    /// What goes into `params` with the next submit.
    slots: Vec<u8>,
    /// Before its encoder, so that it is dropped first.
    pass: Option<wgpu::ComputePass<'static>>,
    encoder: Option<wgpu::CommandEncoder>,
    cost: u64,
    /// Operations that should take `target`.
    budget: u64,
    target: Duration,
    waiting: VecDeque<Submitted>,
    last_done: Instant,
    hook: Option<SubmitHook>,
}

impl Recorder {
    pub fn new(
        device: &Device,
        memory: &Memory,
        target: Duration,
        hook: Option<SubmitHook>,
    ) -> Result<Recorder, WgpuError> {
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        Ok(Recorder {
            params: memory.make(device, "kernel parameters", SLOT * SLOTS, usage)?,
            slots: Vec::new(),
            encoder: None,
            pass: None,
            cost: 0,
            budget: FIRST_BUDGET,
            target,
            waiting: VecDeque::new(),
            last_done: Instant::now(),
            hook,
        })
    }

    pub fn dispatch(
        &mut self,
        device: &Device,
        pipelines: &Pipelines,
        work: &Dispatch<'_>,
    ) -> Result<(), WgpuError> {
        if work.parts == 0 {
            return Ok(());
        }
        let parts = u32::try_from(work.parts)
            .map_err(|_| WgpuError::Refused(format!("{}: too many workgroups", work.kernel.file)))?;
        let pipeline = pipelines.get(device, &work.kernel)?;
        let group = self.bind(device, &pipeline.layout, work);
        let cost_of = |parts: u32| (work.cost / work.parts).saturating_mul(u64::from(parts));
        let most = device.limits.max_compute_workgroups_per_dimension;
        let mut first = 0;
        while first < parts {
            let left = cost_of(parts - first);
            // Rather a new submit than a sliver at the end of this one.
            let is_full = self.cost > self.budget / 2 && left > self.budget.saturating_sub(self.cost);
            if is_full || self.cost >= self.budget || self.slots.len() as u64 == SLOT * SLOTS {
                self.flush(device)?;
            }
            let room = (self.budget - self.cost) / (work.cost / work.parts).max(1);
            let mut end =
                first.saturating_add(u32::try_from(room).unwrap_or(u32::MAX)).clamp(first + 1, parts);
            if parts - end < (end - first) / 4 {
                end = parts;
            }
            let (across, down) = fold(end - first, most);
            let offset = self.slots.len() as u32;
            for word in [first, end, across].iter().chain(work.params) {
                self.slots.extend_from_slice(&word.to_le_bytes());
            }
            self.slots.resize(offset as usize + SLOT as usize, 0);
            let pass = self.pass(device);
            pass.set_pipeline(&pipeline.raw);
            pass.set_bind_group(0, &group, &[offset]);
            pass.dispatch_workgroups(across, down, 1);
            self.cost += cost_of(end - first);
            first = end;
        }
        Ok(())
    }

    /// Copies bytes from buffer to buffer, after what is recorded already.
    pub fn copy(
        &mut self,
        device: &Device,
        from: (&wgpu::Buffer, u64),
        to: (&wgpu::Buffer, u64),
        bytes: u64,
    ) {
        self.pass = None;
        self.encoder(device).copy_buffer_to_buffer(from.0, from.1, to.0, to.1, bytes);
        self.cost += bytes;
    }

    /// Hands over what is recorded; waits while too much is waiting already.
    pub fn flush(&mut self, device: &Device) -> Result<(), WgpuError> {
        self.pass = None;
        if let Some(encoder) = self.encoder.take() {
            device.check()?;
            if let Some(hook) = &self.hook {
                hook(&device.raw);
            }
            if !self.slots.is_empty() {
                device.queue.write_buffer(&self.params, 0, &self.slots);
            }
            let at = Instant::now();
            let index = device.queue.submit([encoder.finish()]);
            self.waiting.push_back(Submitted { index, at, cost: self.cost });
        }
        self.slots.clear();
        self.cost = 0;
        device.check()?;
        while self.waiting.len() > IN_FLIGHT {
            self.wait_one(device)?;
        }
        Ok(())
    }

    /// Hands over what is recorded and waits until all is done.
    pub fn finish(&mut self, device: &Device) -> Result<(), WgpuError> {
        self.flush(device)?;
        while !self.waiting.is_empty() {
            self.wait_one(device)?;
        }
        Ok(())
    }

    fn wait_one(&mut self, device: &Device) -> Result<(), WgpuError> {
        let Some(submitted) = self.waiting.pop_front() else {
            return Ok(());
        };
        device.wait(submitted.index)?;
        let now = Instant::now();
        let took = now - self.last_done.max(submitted.at);
        self.last_done = now;
        // A piece that was cut short by a read says little about a full one.
        if submitted.cost * 4 >= self.budget {
            self.budget = next_budget(self.budget, submitted.cost, took, self.target);
        }
        Ok(())
    }

    fn encoder(&mut self, device: &Device) -> &mut wgpu::CommandEncoder {
        self.encoder.get_or_insert_with(|| device.raw.create_command_encoder(&Default::default()))
    }

    fn pass(&mut self, device: &Device) -> &mut wgpu::ComputePass<'static> {
        if self.pass.is_none() {
            let pass = self.encoder(device).begin_compute_pass(&Default::default()).forget_lifetime();
            self.pass = Some(pass);
        }
        self.pass.as_mut().expect("made above")
    }

    fn bind(&self, device: &Device, layout: &wgpu::BindGroupLayout, work: &Dispatch<'_>) -> wgpu::BindGroup {
        let params = wgpu::BufferBinding {
            buffer: &self.params,
            offset: 0,
            size: wgpu::BufferSize::new(PARAMS_BYTES),
        };
        let mut entries =
            vec![wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::Buffer(params) }];
        entries.extend(
            work.buffers
                .iter()
                .zip(1..)
                .map(|(b, binding)| wgpu::BindGroupEntry { binding, resource: b.as_entire_binding() }),
        );
        device.raw.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(work.kernel.file),
            layout,
            entries: &entries,
        })
    }
}

/// Width and height of a grid of at least `parts` workgroups with sides of at most `most`.
fn fold(parts: u32, most: u32) -> (u32, u32) {
    let down = parts.div_ceil(most);
    (parts.div_ceil(down), down)
}

/// Operations for `target`, given that `cost` of them took `took`; at most four times as much or as little as before.
fn next_budget(budget: u64, cost: u64, took: Duration, target: Duration) -> u64 {
    let wanted = cost as f64 * target.as_secs_f64() / took.as_secs_f64().max(1e-6);
    (wanted as u64).clamp(budget / 4, budget.saturating_mul(4)).max(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_covers_its_parts_within_the_limit() {
        for parts in [1, 2, 65_535, 65_536, 131_070, 131_071, 10_000_019] {
            let (across, down) = fold(parts, 65_535);
            assert!(across <= 65_535 && down <= 65_535);
            assert!(u64::from(across) * u64::from(down) >= u64::from(parts));
            assert!(across * (down - 1) < parts, "{parts}: a whole row of the grid is empty");
        }
    }

    #[test]
    fn the_budget_moves_towards_the_target_time() {
        let target = Duration::from_millis(100);
        assert_eq!(next_budget(1 << 30, 1 << 30, Duration::from_millis(200), target), 1 << 29);
        assert_eq!(next_budget(1 << 30, 1 << 30, Duration::from_micros(10), target), 1 << 32);
        assert_eq!(next_budget(1 << 30, 1 << 30, Duration::from_secs(100), target), 1 << 28);
        assert!(next_budget(1 << 20, 1, Duration::from_secs(100), target) >= 1 << 20);
    }
}
