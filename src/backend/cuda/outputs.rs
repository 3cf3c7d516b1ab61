//! Random inputs, and outputs of kernels as numbers that can be compared, what nobody wrote included.

use half::f16;

/// Knuth's linear congruential generator, as numbers from -1 to 1.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    pub fn take(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.next()).collect()
    }
}

/// Part of an output: where it begins, and what it holds.
#[derive(Clone, Copy)]
pub struct Region {
    pub at: usize,
    /// Values of a plane.
    values: usize,
    /// f16 planes, one behind the other; 0 for f32.
    planes: usize,
}

impl Region {
    pub fn bytes(self) -> usize {
        self.values * if self.planes == 0 { 4 } else { 2 * self.planes }
    }

    pub fn read(self, bytes: &[u8]) -> Vec<f64> {
        let bytes = &bytes[self.at..self.at + self.bytes()];
        if self.planes == 0 {
            return bytemuck::pod_collect_to_vec::<u8, f32>(bytes).into_iter().map(f64::from).collect();
        }
        let all: Vec<f16> = bytemuck::pod_collect_to_vec(bytes);
        let (hi, lo) = all.split_at(self.values);
        hi.iter().enumerate().map(|(i, hi)| hi.to_f64() + lo.get(i).map_or(0.0, |lo| lo.to_f64())).collect()
    }
}

/// Regions of these values and planes, one behind the other.
pub fn regions(parts: &[(usize, usize)]) -> Vec<Region> {
    let mut at = 0;
    let one = |&(values, planes): &(usize, usize)| {
        let region = Region { at, values, planes };
        at += region.bytes();
        region
    };
    parts.iter().map(one).collect()
}

/// How far two results are apart where both wrote, in shares of the first's largest value; infinite where only one wrote.
pub fn difference(twin: &[f64], ours: &[f64]) -> f64 {
    let largest = twin.iter().filter(|v| !v.is_nan()).fold(0.0f64, |most, v| most.max(v.abs()));
    let apart = |(a, b): (&f64, &f64)| match (a.is_nan(), b.is_nan()) {
        (true, true) => 0.0,
        (false, false) if a == b => 0.0,
        (false, false) => (a - b).abs() / largest.max(f64::MIN_POSITIVE),
        _ => f64::INFINITY,
    };
    twin.iter().zip(ours).map(apart).fold(0.0, |most, d| if d <= most { most } else { d })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_one_wrote_and_what_is_off_shows() {
        let nan = f64::NAN;
        assert_eq!(difference(&[1.0, nan, -4.0], &[1.0, nan, -4.0]), 0.0);
        assert_eq!(difference(&[1.0, 0.0, -4.0], &[2.0, 0.0, -4.0]), 0.25);
        assert_eq!(difference(&[1.0, nan], &[1.0, 0.0]), f64::INFINITY);
        assert_eq!(difference(&[1.0, 0.0], &[1.0, nan]), f64::INFINITY);
        let two = regions(&[(2, 0), (1, 2)]);
        let bytes: Vec<u8> = [1.5f32.to_le_bytes(), [0xff; 4], {
            let [hi, lo] = [f16::from_f32(2.0), f16::from_f32(0.25)].map(f16::to_le_bytes);
            [hi[0], hi[1], lo[0], lo[1]]
        }]
        .concat();
        assert!(two[0].read(&bytes)[0] == 1.5 && two[0].read(&bytes)[1].is_nan());
        assert_eq!(two[1].read(&bytes), [2.25]);
    }
}
