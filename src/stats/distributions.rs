//! Distributions and exact tests. Tails are computed as tails, never as one minus a distribution function: p goes down to 1e-48.

use std::sync::LazyLock;

use statrs::distribution::{Continuous, ContinuousCDF, Normal, StudentsT};
use statrs::function::beta::checked_beta_reg;

/// Two-sided p of a t statistic: the regularised incomplete beta function I_x(df/2, 1/2) at x = df/(df + t²). The degrees
/// of freedom need not be whole.
pub fn t_two_sided(t: f64, df: f64) -> Option<f64> {
    // Beyond this the tail is the normal one to seven digits, and the beta function loses more than that.
    const NORMAL: f64 = 1e7;
    if df.is_nan() || df <= 0.0 || !t.is_finite() {
        return None;
    }
    let df = df.min(NORMAL);
    checked_beta_reg(df / 2.0, 0.5, df / (df + t * t)).ok()
}

/// P(T > t), as a tail on either side.
pub fn t_upper(t: f64, df: f64) -> Option<f64> {
    let tail = t_two_sided(t, df)? / 2.0;
    Some(if t >= 0.0 { tail } else { 1.0 - tail })
}

/// P(F > f) with real degrees of freedom.
pub fn f_upper(f: f64, df1: f64, df2: f64) -> Option<f64> {
    if !(df1 > 0.0 && df2 > 0.0 && f.is_finite() && f >= 0.0) {
        return None;
    }
    checked_beta_reg(df2 / 2.0, df1 / 2.0, df2 / (df2 + df1 * f)).ok()
}

/// The t quantile at 0.975, by which a standard error is multiplied for a 95 % half-width.
pub fn t_975(df: usize) -> Option<f64> {
    static SMALL: LazyLock<Vec<Option<f64>>> = LazyLock::new(|| (0..256).map(t_quantile_975).collect());
    SMALL.get(df).copied().unwrap_or_else(|| t_quantile_975(df))
}

/// The quantile with the arithmetic that the published figures were first given by, to the bit.
fn t_quantile_975(df: usize) -> Option<f64> {
    let distribution = StudentsT::new(0.0, 1.0, df as f64).ok()?;
    let mut quantile = distribution.inverse_cdf(0.975);
    for _ in 0..3 {
        quantile += (t_two_sided(quantile, df as f64)? / 2.0 - 0.025) / distribution.pdf(quantile);
    }
    quantile.is_finite().then_some(quantile)
}

/// The standard normal quantile.
pub fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// Exact two-sided binomial p of `successes` among `n` fair trials.
pub fn binomial_half(successes: usize, n: usize) -> Option<f64> {
    // Beyond this 2^-n is no longer a normal f64.
    if n == 0 || n > 1000 || successes > n {
        return None;
    }
    let mut term = 0.5f64.powi(n as i32);
    let mut tail = term;
    for i in 0..successes.min(n - successes) {
        term *= (n - i) as f64 / (i + 1) as f64;
        tail += term;
    }
    Some((2.0 * tail).min(1.0))
}

/// Exact two-sided sign-flip p of the mean: the share of the 2^n sign patterns whose |sum| reaches the observed one.
///
/// The patterns of either half are enumerated and the halves matched by binary search, so n up to 40 stays fast;
/// beyond that there is no exact value.
pub fn sign_flip(values: &[f64]) -> Option<f64> {
    if values.is_empty() || values.len() > 40 {
        return None;
    }
    let (left, right) = values.split_at(values.len() / 2);
    let left = signed_sums(left);
    let right = signed_sums(right);
    // Patterns that tie with the observed one (itself among them) must count, whatever the order of addition.
    let slack = 1e-12 * values.iter().map(|v| v.abs()).sum::<f64>();
    let bound = values.iter().sum::<f64>().abs() - slack;
    let reached: usize = if bound <= 0.0 {
        left.len() * right.len()
    } else {
        let above = |l: &f64| right.len() - right.partition_point(|r| l + r < bound);
        let below = |l: &f64| right.partition_point(|r| l + r <= -bound);
        left.iter().map(|l| above(l) + below(l)).sum()
    };
    Some(reached as f64 / (left.len() as f64 * right.len() as f64))
}

/// All sums of `values` with either sign, ascending.
fn signed_sums(values: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0];
    for v in values {
        sums = sums.iter().flat_map(|s| [s - v, s + v]).collect();
    }
    sums.sort_by(f64::total_cmp);
    sums
}

/// Exact two-sided Wilcoxon signed-rank p. Zeros are dropped and ties share their mean rank.
pub fn wilcoxon(values: &[f64]) -> Option<f64> {
    let mut nonzero: Vec<f64> = values.iter().copied().filter(|v| *v != 0.0).collect();
    if nonzero.is_empty() || nonzero.len() > 500 {
        return None;
    }
    nonzero.sort_by(|a, b| a.abs().total_cmp(&b.abs()));

    // Ranks are doubled, so that the mean rank of a tie is a whole number.
    let mut doubled_ranks = vec![0usize; nonzero.len()];
    let mut start = 0;
    while start < nonzero.len() {
        let tied = nonzero[start..].iter().take_while(|v| v.abs() == nonzero[start].abs()).count();
        doubled_ranks[start..start + tied].fill(2 * start + tied + 1);
        start += tied;
    }
    let observed: usize = nonzero.iter().zip(&doubled_ranks).filter(|(v, _)| **v > 0.0).map(|(_, r)| r).sum();

    // Distribution of the sum of positive ranks under random signs.
    let total: usize = doubled_ranks.iter().sum();
    let mut probability = vec![0.0; total + 1];
    probability[0] = 1.0;
    for &rank in &doubled_ranks {
        for sum in (0..=total).rev() {
            let with = if sum >= rank { probability[sum - rank] } else { 0.0 };
            probability[sum] = 0.5 * (probability[sum] + with);
        }
    }
    let lower: f64 = probability[..=observed].iter().sum();
    let upper: f64 = probability[observed..].iter().sum();
    Some((2.0 * lower.min(upper)).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::super::student::t_quantile;
    use super::*;

    fn close(a: Option<f64>, b: f64, tolerance: f64) {
        let a = a.expect("a value");
        assert!((a - b).abs() <= tolerance * b.abs(), "{a} is not {b}");
    }

    /// For even df the tail is algebraic: one minus s(1 + c²/2 + 3c⁴/8 + ...), s and c the sine and cosine of atan(t/√df).
    #[test]
    fn t_tails_agree_with_closed_forms() {
        close(t_two_sided(1.0, 1.0), 0.5, 1e-14);
        // df 2: 1 - t/√(t²+2), written without cancellation.
        for t in [0.3f64, 2.0, 40.0, 1e6] {
            let root = (t * t + 2.0).sqrt();
            close(t_two_sided(-t, 2.0), 2.0 / (root * (root + t)), 1e-12);
        }
        // df 1 far out: (2/π) atan(1/t).
        close(t_two_sided(1e9, 1.0), std::f64::consts::FRAC_2_PI * 1e-9, 1e-12);
    }

    /// At large t the density's leading term fixes the tail: p ≈ 2 C df^((df-1)/2) t^-df.
    #[test]
    fn tails_beyond_double_precision_of_one_survive() {
        let p = t_two_sided(1e5, 12.0).expect("a value");
        // C = Γ(6.5)/(√(12π) Γ(6)); 2 C 12^6 / 12 ... evaluated exactly for even df: Γ(6.5)/Γ(6) = √π 10395/64/120.
        let c = 10395.0 / 64.0 / 120.0 / 12f64.sqrt();
        let leading = 2.0 * c * 12f64.powf(6.5) / 12.0 * 1e5f64.powi(-12);
        assert!((p / leading - 1.0).abs() < 1e-7, "{p} {leading}");
        assert!(p < 1e-50);
    }

    #[test]
    fn t_quantiles_solve_their_tail() {
        // df 1 and 2 have closed forms: tan(0.475 π) and 0.95 √(2/(1-0.95²)).
        close(t_975(1), (0.475 * std::f64::consts::PI).tan(), 1e-13);
        close(t_975(2), 0.95 * (2.0 / (1.0 - 0.95f64 * 0.95)).sqrt(), 1e-13);
        close(t_975(11), 2.2009851600916, 1e-13);
        for df in [3, 7, 78, 255, 256, 100_000] {
            let quantile = t_975(df).expect("a quantile");
            close(t_two_sided(quantile, df as f64), 0.05, 1e-11);
        }
        assert_eq!(t_975(0), None);
    }

    #[test]
    fn real_degrees_of_freedom_lie_between_whole_ones() {
        // scipy: 2 t.sf(2.5, 7.3).
        close(t_two_sided(2.5, 7.3), 0.039_650_234_665_600_43, 1e-12);
        let quantile = t_quantile(0.975, 9.7).expect("a quantile");
        assert!(t_975(10).expect("10") < quantile && quantile < t_975(9).expect("9"));
        close(t_two_sided(quantile, 9.7), 0.05, 1e-11);
        close(t_upper(t_quantile(0.8, 15.35).expect("a quantile"), 15.35), 0.2, 1e-11);
        close(t_quantile(0.975, 11.0), t_975(11).expect("11"), 1e-13);
        close(t_two_sided(1.959_963_984_540_054, 1e14), 0.05, 1e-5);
        // F with one degree of freedom above is t squared.
        close(f_upper(6.25, 1.0, 7.3), t_two_sided(2.5, 7.3).expect("a tail"), 1e-12);
        assert_eq!(
            (t_two_sided(1.0, 0.0), t_quantile(0.975, -1.0), t_quantile(1.0, 3.0)),
            (None, None, None)
        );
    }

    /// scipy: 2 t.sf(t), whole degrees of freedom and broken ones, near and far out.
    #[test]
    fn tails_of_t_agree_with_scipy() {
        let ts = [0.25, 1.5, 3.0, 12.0];
        for (df, tails) in [
            (
                0.5,
                [0.869_119_769_684_851, 0.507_901_790_648_108, 0.367_308_155_985_943, 0.185_060_521_069_202],
            ),
            (
                2.5,
                [
                    0.821_680_601_125_303,
                    0.247_836_453_086_296,
                    0.072_576_095_549_031_8,
                    2.836_215_030_078_32e-3,
                ],
            ),
            (
                7.3,
                [
                    0.809_477_542_604_578,
                    0.175_563_092_803_086,
                    0.018_980_551_023_133_5,
                    4.555_785_229_570_55e-6,
                ],
            ),
            (
                12.0,
                [
                    0.806_815_900_645_864,
                    0.159_457_503_513_207,
                    0.011_066_695_686_033_7,
                    4.835_928_486_645_68e-8,
                ],
            ),
            (
                61.0,
                [
                    0.803_427_382_701_512,
                    0.138_772_677_280_758,
                    3.905_653_024_669_53e-3,
                    1.060_190_479_456_11e-17,
                ],
            ),
            (
                1000.5,
                [
                    0.802_638_670_603_544,
                    0.133_929_881_114_238,
                    2.766_675_387_146_23e-3,
                    4.314_578_485_962_34e-31,
                ],
            ),
        ] {
            for (t, both) in ts.into_iter().zip(tails) {
                close(t_two_sided(t, df), both, 1e-11);
                close(t_two_sided(-t, df), both, 1e-11);
                close(t_upper(t, df), both / 2.0, 1e-11);
                close(t_upper(-t, df), 1.0 - both / 2.0, 1e-13);
            }
            assert_eq!((t_two_sided(0.0, df), t_upper(0.0, df)), (Some(1.0), Some(0.5)));
        }
        for (t, df) in [(f64::NAN, 3.0), (f64::INFINITY, 3.0), (1.0, f64::NAN), (1.0, -2.0)] {
            assert_eq!((t_two_sided(t, df), t_upper(t, df)), (None, None), "{t} {df}");
        }
    }

    /// scipy: f.sf.
    #[test]
    fn tails_of_f_agree_with_scipy() {
        for (df1, df2, f, tail) in [
            (1.0, 1.0, 1.0, 0.5),
            (2.0, 5.0, 0.5, 0.633_938_145_260_609),
            (3.5, 7.25, 2.0, 0.197_899_643_546_009),
            (12.0, 77.0, 4.5, 1.917_267_485_105_52e-5),
            (5.0, 3.0, 100.0, 1.555_513_452_565_96e-3),
            (0.5, 0.7, 0.01, 0.812_568_331_922_933),
            (40.0, 8.0, 0.3, 0.994_838_966_746_007),
            (2.0, 5.0, 0.0, 1.0),
        ] {
            close(f_upper(f, df1, df2), tail, 1e-11);
        }
        for (df1, df2, f) in [
            (0.0, 5.0, 1.0),
            (2.0, 0.0, 1.0),
            (2.0, 5.0, -0.5),
            (2.0, 5.0, f64::INFINITY),
            (2.0, 5.0, f64::NAN),
        ] {
            assert_eq!(f_upper(f, df1, df2), None, "{df1} {df2} {f}");
        }
    }

    /// scipy: t.ppf(0.975), on either side of the ones that are kept.
    #[test]
    fn half_widths_of_whole_degrees_of_freedom_agree_with_scipy() {
        for (df, quantile) in [
            (1, 12.706_204_736_174_7),
            (2, 4.302_652_729_749_46),
            (3, 3.182_446_305_283_71),
            (5, 2.570_581_835_636_31),
            (12, 2.178_812_829_667_23),
            (77, 1.991_254_395_388_38),
            (255, 1.969_310_569_849_88),
            (256, 1.969_273_889_655_69),
            (300, 1.967_903_011_261_09),
            (5000, 1.960_438_551_706_51),
        ] {
            close(t_975(df), quantile, 1e-12);
        }
    }

    /// scipy: binomtest.
    #[test]
    fn binomial_tails_agree_with_scipy() {
        for (successes, n, p) in [
            (0, 1, 1.0),
            (3, 10, 0.343_75),
            (17, 60, 1.065_765_779_143_44e-3),
            (60, 60, 1.734_723_475_976_81e-18),
            (460, 1000, 0.012_444_146_277_171_8),
            (540, 1000, 0.012_444_146_277_171_8),
            (0, 1000, 1.866_527_237_006_44e-301),
        ] {
            close(binomial_half(successes, n), p, 1e-11);
        }
        assert_eq!((binomial_half(500, 1001), binomial_half(61, 60)), (None, None));
    }

    #[test]
    fn exact_tests_on_hand_counted_cases() {
        assert_eq!(binomial_half(6, 7), Some(0.125));
        assert_eq!(binomial_half(2, 4), Some(1.0));
        assert_eq!(binomial_half(0, 3), Some(0.25));
        // Tails of 1 + 12 + 66 + 220 and 1 + 7 + 21 of 2^n.
        assert_eq!(
            (binomial_half(3, 12), binomial_half(9, 12)),
            (Some(598.0 / 4096.0), Some(598.0 / 4096.0))
        );
        assert_eq!(binomial_half(2, 7), Some(58.0 / 128.0));
        assert_eq!((binomial_half(0, 0), binomial_half(4, 3)), (None, None));
        // All of one sign: only the two extreme patterns reach the sum.
        assert_eq!(sign_flip(&[1.0, 2.0, 3.0]), Some(0.25));
        // 1+2-3 = 0: every pattern reaches it.
        assert_eq!(sign_flip(&[1.0, 2.0, -3.0]), Some(1.0));
        // |3+4-1| = 6 is reached by 8 and 6 on either side: 4 of 8.
        assert_eq!(sign_flip(&[3.0, 4.0, -1.0]), Some(0.5));
        // Nothing is reached twice, and nothing is lost to the order of addition: in exact fractions 6 of the 64 patterns.
        assert_eq!(sign_flip(&[0.0, 0.0]), Some(1.0));
        assert_eq!(sign_flip(&[-541.2, 728.7, 949.9, 541.2, 888.3, 728.7]), Some(6.0 / 64.0));
        assert_eq!((sign_flip(&[]), sign_flip(&[1.0; 41])), (None, None));
        // Ranks 2, 3 against 1: P(W+ >= 5) = P(5) + P(6) = 2/8, doubled.
        assert_eq!(wilcoxon(&[3.0, 4.0, -1.0]), Some(0.5));
        // A tie: ranks 1.5, 1.5, 3, all positive: P = 1/8, doubled.
        assert_eq!(wilcoxon(&[1.0, 1.0, 4.0, 0.0]), Some(0.25));
        assert_eq!((wilcoxon(&[0.0]), wilcoxon(&[]), wilcoxon(&[1.0; 501])), (None, None, None));
    }

    /// By all patterns of signs, in Python; the first two have ties, the third has sums on either side.
    #[test]
    fn signed_ranks_agree_with_plain_enumeration() {
        for (values, p) in [
            (&[0.3, -1.2, 0.8, 2.5, -0.1, 0.9, 1.1, 0.8, -0.9][..], 0.386_718_75),
            (&[1.0, 2.0, 3.0, -4.0, 5.0, 5.0, 5.0, -0.5, 0.0], 0.101_562_5),
            (&[-1.0, -2.0, 3.0, -4.0, -5.0, 1.5, 2.0], 0.625),
        ] {
            close(wilcoxon(values), p, 1e-14);
        }
    }

    #[test]
    fn sign_flip_halves_agree_with_plain_enumeration() {
        let values = [0.3, -1.2, 0.8, 2.5, -0.1, 0.9, 1.1];
        let observed = values.iter().sum::<f64>().abs();
        let mut reached = 0;
        for pattern in 0u32..1 << values.len() {
            let sum: f64 =
                values.iter().enumerate().map(|(i, v)| if pattern >> i & 1 == 1 { -v } else { *v }).sum();
            reached += usize::from(sum.abs() >= observed - 1e-9);
        }
        assert_eq!(sign_flip(&values), Some(reached as f64 / 128.0));
    }
}
