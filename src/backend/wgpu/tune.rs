//! Which tile shape a product takes: a function of the weight and the device only.
//!
//! On a real device the shape for wide weights is measured once and kept in the user's cache folder under the device's
//! and its driver's name. Whatever is chosen, every sum runs over k in the same order.

use super::Wgpu;
use super::error::WgpuError;
use super::kernels::Tile;
use super::options::TileChoice;
use super::product::Finish;
use crate::backend::{BackendError, Purpose, cache};
use crate::checkpoint::{Dtype, Tensor};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The shapes to choose from, small to large.
pub const TILES: [Tile; 5] = [
    Tile { thread: [4, 4], threads: [8, 8] },
    Tile { thread: [8, 8], threads: [8, 8] },
    Tile { thread: [4, 4], threads: [16, 16] },
    Tile { thread: [8, 4], threads: [16, 16] },
    Tile { thread: [8, 8], threads: [16, 16] },
];

/// Rows, columns and depth of the product that is timed.
const TIMED: usize = 2048;

/// The shapes chosen for a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiles {
    /// For weights with few rows.
    narrow: Tile,
    pub(super) wide: Tile,
}

impl Tiles {
    /// One shape for weights of all but a few rows.
    pub fn new(wide: Tile) -> Tiles {
        Tiles { narrow: TILES[0], wide }
    }

    /// For a weight of `rows` rows (all of it, however it is split).
    pub fn tile(&self, rows: usize) -> Tile {
        if rows < 2 * self.wide.columns() as usize { self.narrow } else { self.wide }
    }
}

/// Sets the device's shapes as `choice` says.
pub(super) fn choose(gpu: &mut Wgpu, choice: &TileChoice) -> Result<(), WgpuError> {
    let fitting = fitting(gpu);
    let wide = match choice {
        TileChoice::Fixed(index) => fitting.get(*index).copied(),
        // Software gains nothing from large tiles and would take seconds to say so.
        TileChoice::Measured { .. } if gpu.device.info.device_type == wgpu::DeviceType::Cpu => None,
        TileChoice::Measured { cache: file } => {
            let key = device_key(&gpu.device.info);
            let kept = file.as_deref().and_then(|file| cache::kept(file, &key));
            match fitting.iter().find(|t| kept.as_deref() == Some(&t.to_string())) {
                Some(&tile) => Some(tile),
                None => {
                    let best = measure(gpu, &fitting, TIMED)?;
                    if let (Some(file), Some(best)) = (file, best) {
                        cache::keep(file, &key, &best.to_string());
                    }
                    best
                }
            }
        }
    };
    if let Some(wide) = wide {
        gpu.tiles = Tiles::new(wide);
    }
    Ok(())
}

impl Wgpu {
    /// Measures which tile shape is the quickest at a square product of this size, as opening a device does once, and takes
    /// it from now on. Gives its number for [`TileChoice::Fixed`]; `None` if no shape fits the device.
    ///
    /// # Errors
    /// Of the device, which is small or lost.
    pub fn quickest_tiles(&mut self, size: usize) -> Result<Option<usize>, BackendError> {
        let fitting = fitting(self);
        let best = measure(self, &fitting, size)?;
        if let Some(best) = best {
            self.tiles = Tiles::new(best);
        }
        Ok(fitting.iter().position(|&tile| Some(tile) == best))
    }
}

/// The shapes that the device has room for.
fn fitting(gpu: &Wgpu) -> Vec<Tile> {
    TILES.into_iter().filter(|t| t.fits(&gpu.device.limits)).collect()
}

/// The quickest of `tiles` at a square product of this size, the smaller one where two are equal.
fn measure(gpu: &mut Wgpu, tiles: &[Tile], size: usize) -> Result<Option<Tile>, WgpuError> {
    let bytes = vec![0; size * size * 2];
    let tensor = Tensor { dtype: Dtype::Bf16, rows: size, cols: size, bytes: &bytes };
    let weight = gpu.upload_weight(tensor, Purpose::Product)?;
    let x = gpu.new_rows("rows to be timed", size, size)?;
    let y = gpu.new_rows("rows to be timed", size, size)?;
    let mut best: Option<(Duration, Tile)> = None;
    for &tile in tiles {
        gpu.tiles = Tiles::new(tile);
        // The first run builds the pipeline and lets the length of submits settle.
        for run in 0..4 {
            let start = Instant::now();
            gpu.product(&x, &weight, None, Finish::Set, &y)?;
            gpu.recorder().finish(&gpu.device)?;
            let took = start.elapsed();
            if run > 0 && best.is_none_or(|(time, _)| took < time) {
                best = Some((took, tile));
            }
        }
    }
    Ok(best.map(|(_, tile)| tile))
}

/// What a measured choice holds for.
fn device_key(info: &wgpu::AdapterInfo) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!("{version} | {} | {} | {} {}", info.name, info.backend, info.driver, info.driver_info)
}

/// The file in the user's cache folder, if there is such a folder.
pub fn default_cache() -> Option<PathBuf> {
    cache::file("tiles.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_depends_on_the_weight_alone() {
        let tiles = Tiles::new(TILES[4]);
        assert_eq!(tiles.tile(64), TILES[0]);
        assert_eq!(tiles.tile(4096), TILES[4]);
        assert!(TILES.iter().all(|t| t.workgroup_bytes() <= 16 << 10 && t.invocations() <= 256));
    }
}
