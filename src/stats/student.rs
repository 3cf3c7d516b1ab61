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

    /// Algorithm 396 written out in Python: the series itself, on either side of where its two branches part.
    #[test]
    fn the_series_is_the_published_one() {
        for (n, starts) in [
            (3.0, [0.276_670_627_781_416, 2.353_379_872_846_73, 3.182_449_116_291_14, 103.299_468_567_365]),
            (3.3, [0.274_502_016_433_28, 2.268_656_362_774_79, 3.024_881_597_488, 73.790_754_258_538_5]),
            (4.2, [0.269_876_930_185_437, 2.103_010_763_408_55, 2.725_072_647_959_02, 36.669_930_145_881_4]),
            (4.9, [0.267_469_017_570_341, 2.024_168_128_161_06, 2.586_441_373_123_49, 25.814_292_433_241_6]),
            (5.0, [0.267_180_858_035_452, 2.015_048_294_624_48, 2.570_581_685_934_97, 24.771_029_765_599_5]),
            (7.25, [0.262_822_758_928_488, 1.884_795_703_080_47, 2.348_194_814_855_76, 13.610_610_980_895_1]),
            (12.0, [0.259_032_745_666_549, 1.782_287_554_577_74, 2.178_812_826_657_79, 8.504_304_094_970_65]),
            (31.7, [0.255_483_690_888_25, 1.694_366_640_858_06, 2.037_689_634_309_26, 5.800_703_458_029_03]),
        ] {
            for (both, start) in [0.8, 0.1, 0.05, 2e-6].into_iter().zip(starts) {
                let found = series(both, n);
                assert!((found / start - 1.0).abs() < 1e-12, "{n} {both}: {found}");
            }
        }
        for (n, both, start) in [
            (3.0, 0.1239, 2.122_430_339_847_89),
            (3.0, 0.1324, 2.052_859_631_287_53),
            (5.0, 0.01196, 3.853_403_422_420_74),
            (5.0, 0.01437, 3.674_884_320_378_23),
            (12.0, 9.446e-7, 9.133_721_349_977_94),
            (12.0, 2.272e-6, 8.400_622_362_627_34),
        ] {
            let found = series(both, n);
            assert!((found / start - 1.0).abs() < 1e-12, "{n} {both}: {found}");
        }
    }

    /// scipy: t.isf.
    #[test]
    fn few_degrees_of_freedom_are_halved_down_to_their_quantile() {
        let tails = [0.4, 0.2, 0.05, 1e-3, 1e-6];
        for (df, quantiles) in [
            (
                0.3,
                [
                    0.502_301_282_059_305,
                    6.414_576_801_692_35,
                    653.020_521_029_074,
                    300_718_580.879_097,
                    3.007_185_808_790_97e18,
                ],
            ),
            (
                1.0,
                [
                    0.324_919_696_232_906,
                    1.376_381_920_471_17,
                    6.313_751_514_675_04,
                    318.308_838_985_55,
                    318_309.886_182_743,
                ],
            ),
            (
                2.999,
                [
                    0.276_678_627_184_431,
                    0.978_523_882_366_886,
                    2.353_683_381_151_72,
                    10.219_546_569_626_9,
                    103.428_015_650_809,
                ],
            ),
        ] {
            for (tail, quantile) in tails.into_iter().zip(quantiles) {
                let found = halved(tail, df).expect("a quantile");
                assert!((found / quantile - 1.0).abs() < 1e-11, "{df} {tail}: {found}");
            }
        }
        assert_eq!((halved(0.5, 2.0), halved(1e-6, 0.01)), (Some(0.0), None));
    }

    /// scipy: t.ppf, on both sides of zero and of what is kept.
    #[test]
    fn quantiles_agree_with_scipy() {
        let shares = [0.025, 0.3, 0.6, 0.975, 0.999];
        for (df, quantiles) in [
            (
                0.5,
                [
                    -164.557_673_480_488,
                    -1.009_525_878_607_17,
                    0.397_975_426_784_791,
                    164.557_673_480_488,
                    102_849.115_630_175,
                ],
            ),
            (
                1.0,
                [
                    -12.706_204_736_174_7,
                    -0.726_542_528_005_361,
                    0.324_919_696_232_906,
                    12.706_204_736_174_7,
                    318.308_838_985_55,
                ],
            ),
            (
                2.5,
                [
                    -3.574_654_842_003_68,
                    -0.597_307_738_252_318,
                    0.281_459_512_748_548,
                    3.574_654_842_003_68,
                    13.822_193_110_866,
                ],
            ),
            (
                3.0,
                [
                    -3.182_446_305_283_71,
                    -0.584_389_727_439_819,
                    0.276_670_662_332_69,
                    3.182_446_305_283_71,
                    10.214_531_852_407_4,
                ],
            ),
            (
                7.3,
                [
                    -2.345_066_736_547_7,
                    -0.548_062_897_942_177,
                    0.262_756_805_250_719,
                    2.345_066_736_547_7,
                    4.688_865_993_538_37,
                ],
            ),
            (
                61.0,
                [
                    -1.999_623_584_994_94,
                    -0.527_152_076_201_808,
                    0.254_454_884_705_596,
                    1.999_623_584_994_94,
                    3.229_296_093_540_47,
                ],
            ),
            (
                4095.0,
                [
                    -1.960_543_462_107_23,
                    -0.524_441_333_831_456,
                    0.253_363_563_365_131,
                    1.960_543_462_107_23,
                    3.092_223_744_529_37,
                ],
            ),
            (
                4096.0,
                [
                    -1.960_543_320_592_11,
                    -0.524_441_323_864_744,
                    0.253_363_559_346_365,
                    1.960_543_320_592_11,
                    3.092_223_258_051_48,
                ],
            ),
            (
                70_000.0,
                [
                    -1.959_997_874_705_09,
                    -0.524_402_900_604_221,
                    0.253_348_066_024_14,
                    1.959_997_874_705_09,
                    3.090_348_740_601_28,
                ],
            ),
            (
                200_000.0,
                [
                    -1.959_975_845_966_77,
                    -0.524_401_348_469_732,
                    0.253_347_440_146_223,
                    1.959_975_845_966_77,
                    3.090_273_057_305_2,
                ],
            ),
        ] {
            for (p, quantile) in shares.into_iter().zip(quantiles) {
                let found = t_quantile(p, df).expect("a quantile");
                // The incomplete beta function has fewer digits there.
                let within = if df > 1e4 { 1e-9 } else { 1e-11 };
                assert!((found / quantile - 1.0).abs() < within, "{df} {p}: {found}");
            }
        }
        // A start of seven millionths off takes more than one step.
        let found = t_quantile(0.95, 3.0).expect("a quantile");
        assert!((found / 2.353_363_434_801_82 - 1.0).abs() < 1e-12, "{found}");
    }
}
