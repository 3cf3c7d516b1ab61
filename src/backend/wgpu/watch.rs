//! Noticing NaN and infinity without waiting: a flag on the device that is read once a pass.

use super::Wgpu;
use super::error::WgpuError;
use super::kernels::{self, WATCHED};
use super::record::Dispatch;
use super::rows::{Rows, TOUCH};

/// The smallest place noticed so far.
pub struct Watch {
    flag: wgpu::Buffer,
}

const NOTHING: u32 = u32::MAX;

impl Wgpu {
    pub(super) fn make_watch(&self) -> Result<Watch, WgpuError> {
        Ok(Watch { flag: self.put("watch", &NOTHING.to_le_bytes())? })
    }

    pub(super) fn watch_rows(&self, watch: &Watch, x: &Rows, place: usize) -> Result<(), WgpuError> {
        let count = x.elements();
        self.run(&Dispatch {
            kernel: kernels::WATCH,
            buffers: &[&x.buffer, &watch.flag],
            params: &[count as u32, place as u32],
            parts: (count as u64).div_ceil(u64::from(WATCHED)),
            cost: count as u64 * TOUCH / 2,
        })
    }

    pub(super) fn read_watch(&self, watch: &Watch) -> Result<Option<usize>, WgpuError> {
        let bytes = self.fetch(&watch.flag, 4)?;
        let place = bytes.first_chunk().map_or(NOTHING, |b| u32::from_le_bytes(*b));
        if place == NOTHING {
            return Ok(None);
        }
        // Everything recorded is done by now, so the flag can be written at once.
        self.device.queue.write_buffer(&watch.flag, 0, &NOTHING.to_le_bytes());
        Ok(Some(place as usize))
    }
}
