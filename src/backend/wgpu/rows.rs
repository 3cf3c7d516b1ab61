//! Activations on the device, and reading them back.

use super::Wgpu;
use super::error::WgpuError;
use super::kernels::{self, ELEMENTS};
use super::memory::Pooled;
use super::record::Dispatch;
use std::sync::mpsc;

/// `[n, width]` f32, row-major.
pub struct Rows {
    pub n: usize,
    pub width: usize,
    pub(super) buffer: Pooled,
}

impl Rows {
    pub(super) fn elements(&self) -> usize {
        self.n * self.width
    }
}

/// Rough cost of an element that a kernel reads and writes, in operations.
pub(super) const TOUCH: u64 = 16;

impl Wgpu {
    /// Rows whose contents are anything.
    pub(super) fn new_rows(&self, what: &str, n: usize, width: usize) -> Result<Rows, WgpuError> {
        let buffer = self.memory.activation(&self.device, what, (n * width * 4) as u64)?;
        Ok(Rows { n, width, buffer })
    }

    /// Records one kernel.
    pub(super) fn run(&self, work: &Dispatch<'_>) -> Result<(), WgpuError> {
        self.recorder().dispatch(&self.device, &self.pipelines, work)
    }

    /// The first `bytes` of `buffer` once everything recorded is done.
    pub(super) fn fetch(&self, buffer: &wgpu::Buffer, bytes: u64) -> Result<Vec<u8>, WgpuError> {
        if bytes == 0 {
            return Ok(Vec::new());
        }
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let landing = self.memory.make(&self.device, "results", bytes, usage)?;
        let mut recorder = self.recorder();
        recorder.copy(&self.device, (buffer, 0), (&landing, 0), bytes);
        recorder.flush(&self.device)?;
        let (send, receive) = mpsc::channel();
        landing.map_async(wgpu::MapMode::Read, .., move |mapped| {
            // The receiver is gone only if this function has already failed.
            let _ = send.send(mapped);
        });
        recorder.finish(&self.device)?;
        // The work is done, so one look is enough for the mapping to be reported.
        let _ = self.device.raw.poll(wgpu::PollType::Poll);
        match receive.try_recv() {
            Ok(Ok(())) => {}
            failed => return Err(self.device.trouble_or(format!("results could not be read ({failed:?})"))),
        }
        let view = landing
            .get_mapped_range(..)
            .map_err(|e| self.device.trouble_or(format!("results could not be read ({e})")))?;
        Ok(view.to_vec())
    }

    pub(super) fn gather(&self, x: &Rows, rows: &[usize]) -> Result<Rows, WgpuError> {
        let out = self.new_rows("gathered rows", rows.len(), x.width)?;
        let indices: Vec<u32> = rows.iter().map(|&r| r as u32).collect();
        let indices = self.put("row indices", bytemuck::cast_slice(&indices))?;
        self.elementwise(
            kernels::GATHER,
            &[&x.buffer, &indices, &out.buffer],
            out.elements(),
            &[x.width as u32],
        )?;
        Ok(out)
    }

    /// Records a kernel with one thread per element; `params` follow the count.
    pub(super) fn elementwise(
        &self,
        kernel: kernels::Kernel,
        buffers: &[&wgpu::Buffer],
        count: usize,
        params: &[u32],
    ) -> Result<(), WgpuError> {
        let params: Vec<u32> = std::iter::once(count as u32).chain(params.iter().copied()).collect();
        let parts = (count as u64).div_ceil(u64::from(ELEMENTS));
        self.run(&Dispatch { kernel, buffers, params: &params, parts, cost: count as u64 * TOUCH })
    }

    pub(super) fn read_rows(&self, x: &Rows) -> Result<Vec<f32>, WgpuError> {
        let bytes = self.fetch(&x.buffer, (x.elements() * 4) as u64)?;
        Ok(bytemuck::pod_collect_to_vec(&bytes))
    }
}
