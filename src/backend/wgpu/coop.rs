//! The fast path: products on the device's matrix units, where it has fitting ones that compute correctly.

use super::Wgpu;
use super::device::Device;
use super::error::WgpuError;
use super::kernels::{self, MatrixUnits};
use super::product::Finish;
use super::record::Dispatch;
use super::rows::{Rows, TOUCH};
use crate::backend::Precision;
use crate::backend::Purpose;
use crate::checkpoint::{Dtype, Tensor};

/// Largest difference from the plain path that f16 products explain, in parts of the largest result.
const TOLERATED: f32 = 5e-3;

/// The best matrix units that `adapter` reports and `device` can use.
pub(super) fn units(adapter: &wgpu::Adapter, device: &Device) -> Option<MatrixUnits> {
    let needed = wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX
        | wgpu::Features::SHADER_F16
        | wgpu::Features::SUBGROUP;
    if !device.raw.features().contains(needed) {
        return None;
    }
    let reported = adapter.cooperative_matrix_properties();
    let has = |side| {
        reported.iter().any(|p| {
            [p.m_size, p.n_size, p.k_size] == [side; 3]
                && p.ab_type == wgpu::CooperativeScalarType::F16
                && p.cr_type == wgpu::CooperativeScalarType::F32
        })
    };
    let subgroup = [device.info.subgroup_min_size, device.info.subgroup_max_size];
    [16, 8]
        .into_iter()
        .filter(|&side| has(side))
        .map(|side| MatrixUnits { side, subgroup })
        .find(|units| units.fits(&device.limits))
}

impl Wgpu {
    /// Takes the matrix units into use if `Fast` was asked for, they are there and they agree with the plain path;
    /// else says why not.
    pub(super) fn use_units(&mut self, adapter: &wgpu::Adapter) {
        if self.options.precision != Precision::Fast {
            return;
        }
        let Some(units) = units(adapter, &self.device) else {
            self.note = Some("the device reports no matrix units that fit, products are f32".into());
            return;
        };
        match self.disagreement(units) {
            Ok(difference) if difference <= TOLERATED => self.units = Some(units),
            Ok(difference) => {
                self.note = Some(format!(
                    "the device's matrix units are off by {difference:.1e} of the largest result and are not used, \
                     products are f32"
                ));
            }
            Err(e) => {
                self.note = Some(format!("the device's matrix units are not used ({e}), products are f32"))
            }
        }
    }

    /// Largest difference of a made-up product on `units` from the plain one, in parts of the largest result. Its rows
    /// range over what f16 could not hold.
    fn disagreement(&mut self, units: MatrixUnits) -> Result<f32, WgpuError> {
        let (n, k, out) = (70, 100, 83);
        let value = |i: usize| ((i * 37 % 101) as f32 - 50.0) / 50.0;
        let x: Vec<f32> = (0..n * k).map(|i| value(i) * 10f32.powi((i / k % 13) as i32 - 6)).collect();
        let w: Vec<half::bf16> = (0..out * k).map(|i| half::bf16::from_f32(value(i * 7 + 3))).collect();
        let x = Tensor { dtype: Dtype::F32, rows: n, cols: k, bytes: bytemuck::cast_slice(&x) };
        let w = Tensor { dtype: Dtype::Bf16, rows: out, cols: k, bytes: bytemuck::cast_slice(&w) };
        let w = self.upload_weight(w, Purpose::Product)?;
        let all: Vec<u32> = (0..n as u32).collect();
        let x = self.embed_rows(&self.upload_weight(x, Purpose::Gather)?, 0..k, &all, 1.0)?;
        let mut results = Vec::new();
        for path in [None, Some(units)] {
            self.units = path;
            let y = self.new_rows("a made-up product", n, out)?;
            let done = self.product(&x, &w, None, Finish::Set, &y).and_then(|()| self.read_rows(&y));
            self.units = None;
            results.push(done?);
        }
        let rows = results[0].chunks_exact(out).zip(results[1].chunks_exact(out));
        Ok(rows.map(|(plain, fast)| row_difference(plain, fast)).fold(0.0, nan_max))
    }

    /// Powers of two for the rows of `x`.
    pub(super) fn row_powers(&self, x: &Rows) -> Result<Rows, WgpuError> {
        let powers = self.new_rows("row powers", x.n, 1)?;
        self.run(&Dispatch {
            kernel: kernels::row_power(self.reduce),
            buffers: &[&x.buffer, &powers.buffer],
            params: &[x.width as u32],
            parts: x.n as u64,
            cost: x.elements() as u64 * TOUCH / 2,
        })?;
        Ok(powers)
    }
}

/// Largest difference in parts of the largest value; NaN if there is one.
fn row_difference(want: &[f32], got: &[f32]) -> f32 {
    let scale = want.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()));
    want.iter().zip(got).map(|(w, g)| (w - g).abs() / scale).fold(0.0, nan_max)
}

fn nan_max(a: f32, b: f32) -> f32 {
    if b.is_nan() || b > a { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nan_is_a_disagreement() {
        assert!(row_difference(&[1.0, 2.0, 3.0], &[1.0, f32::NAN, 3.0]).is_nan());
        assert_eq!(row_difference(&[1.0, -4.0], &[1.0, -3.0]), 0.25);
        assert!([f32::NAN, 1.0].into_iter().fold(0.0, nan_max).is_nan());
    }
}
