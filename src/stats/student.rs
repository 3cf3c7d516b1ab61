//! Quantiles of Student's t, for any real degrees of freedom.

use std::cell::RefCell;
use std::collections::HashMap;
use std::f64::consts::PI;

use statrs::function::gamma::ln_gamma;

use super::distributions::{normal_quantile, t_upper};

/// P(T <= t) = `p`.
pub fn t_quantile(p: f64, df: f64) -> Option<f64> {
    if !(df > 0.0 && p > 0.0 && p < 1.0) {
        return None;
    }
    if p < 0.5 {
        return Some(-t_quantile(1.0 - p, df)?);
    }
    match df.fract() == 0.0 && df < MOST_KEPT {
        true => kept(p, df),
        false => solved(p, df),
    }
}

/// Whole degrees of freedom below this are asked for again and again: by every interval over the same types, and by the search
/// for the number of types that a study needs.
const MOST_KEPT: f64 = 4096.0;

fn kept(p: f64, df: f64) -> Option<f64> {
    thread_local! {
        static KEPT: RefCell<HashMap<(u64, u16), Option<f64>>> = RefCell::default();
    }
    KEPT.with_borrow_mut(|kept| *kept.entry((p.to_bits(), df as u16)).or_insert_with(|| solved(p, df)))
}

/// Where the tail is `1 - p`.
fn solved(p: f64, df: f64) -> Option<f64> {
    let tail = 1.0 - p;
    let mut quantile = match df < LEAST_SERIES {
        true => halved(tail, df)?,
        false => series(2.0 * tail, df),
    };
    let scale = (ln_gamma((df + 1.0) / 2.0) - ln_gamma(df / 2.0)).exp() / (df * PI).sqrt();
    for _ in 0..MOST_STEPS {
        let density = scale * (-(df + 1.0) / 2.0 * (quantile * quantile / df).ln_1p()).exp();
        let step = (t_upper(quantile, df)? - tail) / density;
        quantile += step;
        // Below this a step is rounding.
        if step.abs() <= 1e-15 * quantile.abs() {
            break;
        }
    }
    quantile.is_finite().then_some(quantile)
}

/// A start within a thousandth doubles its digits with every step.
const MOST_STEPS: usize = 5;
/// With fewer degrees of freedom the series is too coarse a start.
const LEAST_SERIES: f64 = 3.0;

/// By halving the logarithm's range; `None` where the square is beyond what a number can hold.
fn halved(tail: f64, df: f64) -> Option<f64> {
    if tail >= 0.5 {
        return Some(0.0);
    }
    let (mut low, mut high) = (-60.0f64, 354.0f64);
    if t_upper(high.exp(), df)? > tail {
        return None;
    }
    for _ in 0..60 {
        let middle = low.midpoint(high);
        match t_upper(middle.exp(), df)? > tail {
            true => low = middle,
            false => high = middle,
        }
    }
    Some(low.midpoint(high).exp())
}

/// The quantile of two tails of `both` together (G. W. Hill, Algorithm 396: Student's t-quantiles, Commun. ACM 13, 1970).
fn series(both: f64, n: f64) -> f64 {
    let a = 1.0 / (n - 0.5);
    let b = 48.0 / (a * a);
    let mut c = ((20700.0 * a / b - 98.0) * a - 16.0) * a + 96.36;
    let d = ((94.5 / (b + c) - 3.0) / b + 1.0) * (a * PI / 2.0).sqrt() * n;
    let mut y = (d * both).powf(2.0 / n);
    if y > 0.05 + a {
        let x = normal_quantile(both / 2.0);
        y = x * x;
        if n < 5.0 {
            c += 0.3 * (n - 4.5) * (x + 0.6);
        }
        c += (((0.05 * d * x - 5.0) * x - 7.0) * x - 2.0) * x + b;
        y = (((((0.4 * y + 6.3) * y + 36.0) * y + 94.5) / c - y - 3.0) / b + 1.0) * x;
        y = (a * y * y).exp_m1();
    } else {
        y = ((1.0 / (((n + 6.0) / (n * y) - 0.089 * d - 0.822) * (n + 2.0) * 3.0) + 0.5 / (n + 4.0)) * y
            - 1.0)
            * (n + 1.0)
            / (n + 2.0)
            + 1.0 / y;
    }
    (n * y).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_beyond_a_quantile_is_what_was_asked_for() {
        for df in [0.05, 0.3, 1.0, 1.7, 2.0, 2.999, 3.0, 3.3, 4.9, 5.0, 7.25, 12.0, 31.7, 250.0, 4095.0] {
            for p in [0.5, 0.5001, 0.6, 0.8, 0.9, 0.95, 0.975, 0.995, 0.9999, 0.999_999] {
                let Some(quantile) = t_quantile(p, df) else { panic!("{p} {df}: none") };
                let tail = t_upper(quantile, df).expect("a tail");
                assert!((tail / (1.0 - p) - 1.0).abs() < 1e-9, "{p} {df}: {quantile}, {tail}");
                assert_eq!(
                    t_quantile(1.0 - p, df).map(f64::abs),
                    t_quantile(1.0 - (1.0 - p), df).map(f64::abs)
                );
            }
        }
        // Of tables.
        for (p, df, known) in [
            (0.975, 1.0, 12.706_204_736_174_694),
            (0.975, 12.0, 2.178_812_829_667_228_4),
            (0.8, 12.0, 0.872_609_291_588_138_3),
            (0.975, 30.0, 2.042_272_456_301_237_8),
        ] {
            let found = t_quantile(p, df).expect("a quantile");
            assert!((found - known).abs() < 1e-12 * known, "{p} {df}: {found}");
        }
        // Beyond what a number's square can hold.
        assert_eq!(t_quantile(0.999_999, 0.01), None);
        for (p, df) in [(0.0, 3.0), (1.0, 3.0), (f64::NAN, 3.0), (0.9, 0.0), (0.9, -1.0), (0.9, f64::NAN)] {
            assert_eq!(t_quantile(p, df), None);
        }
    }

    /// The quantiles of both tails by scipy (t.isf), and how near Hill's algorithm comes to them, written out in Python.
    #[test]
    fn the_series_starts_as_near_as_published() {
        let tails = [0.8, 0.1, 0.05, 0.01, 2e-6];
        let expected = [
            (
                3.0,
                8e-6,
                [0.276_670_662_333, 2.353_363_434_8, 3.182_446_305_28, 5.840_909_309_73, 103.299_467_78],
            ),
            (
                3.3,
                3e-6,
                [0.274_501_974_221, 2.268_654_566_76, 3.024_874_461_84, 5.344_306_069_72, 73.790_759_717_6],
            ),
            (
                4.2,
                8e-7,
                [0.269_876_944_253, 2.103_010_745_01, 2.725_072_722_59, 4.457_770_305_32, 36.669_930_118_9],
            ),
            (
                4.9,
                4e-6,
                [0.267_469_027_317, 2.024_168_119_26, 2.586_441_295_62, 4.074_825_115_3, 25.814_292_380_7],
            ),
            (
                5.0,
                5e-6,
                [0.267_180_865_704, 2.015_048_373_33, 2.570_581_835_64, 4.032_142_983_56, 24.771_029_720_5],
            ),
            (
                7.25,
                6e-7,
                [0.262_822_759_427, 1.884_795_718_08, 2.348_194_849_11, 3.458_755_962_44, 13.610_610_944_2],
            ),
            (
                12.0,
                2e-7,
                [0.259_032_745_677, 1.782_287_555_65, 2.178_812_829_67, 3.054_539_589_39, 8.504_302_718_05],
            ),
            (
                31.7,
                8e-9,
                [0.255_483_690_888, 1.694_366_640_87, 2.037_689_634_33, 2.740_110_657_27, 5.800_703_496_06],
            ),
            (
                250.0,
                1e-11,
                [0.253_616_881_582, 1.650_971_489_81, 1.969_498_393_42, 2.595_637_630_47, 4.867_928_470_36],
            ),
        ];
        for (df, within, quantiles) in expected {
            for (both, quantile) in tails.into_iter().zip(quantiles) {
                let start = series(both, df);
                assert!((start / quantile - 1.0).abs() < within, "{df} {both}: {start}");
            }
        }
    }
}
