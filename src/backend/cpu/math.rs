//! Elementary functions that vectorise, and the choice of instruction set.
//!
//! Everything here is `#[inline(always)]`, so that a loop in a `vectorized!` function is compiled for the best vector
//! unit of the machine that runs it.

/// Defines a function that runs compiled for the best instruction set of this machine: AVX-512, AVX2 with FMA, else what
/// the target guarantees. What it calls must be `#[inline(always)]` to be compiled along.
macro_rules! vectorized {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name($($arg: $type),*) {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn body($($arg: $type),*) $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                fn avx512($($arg: $type),*) {
                    body($($arg),*)
                }
                #[target_feature(enable = "avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                fn avx2($($arg: $type),*) {
                    body($($arg),*)
                }
                match $crate::backend::cpu::math::instruction_set() {
                    // SAFETY: the machine has these instructions.
                    "avx512" => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    "avx2" => return unsafe { avx2($($arg),*) },
                    _ => {}
                }
            }
            body($($arg),*)
        }
    };
}
pub(super) use vectorized;

/// What `vectorized!` functions run with.
pub fn instruction_set() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
        {
            return "avx512";
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return "avx2";
        }
    }
    std::env::consts::ARCH
}

/// `e^x` in f32: relative error below 3e-7 on [-87, 88]; 0 below, saturating at `e^88` above; NaN stays NaN.
///
/// Cody-Waite reduction by ln 2 in two parts, degree-6 polynomial on [-ln2/2, ln2/2], exponent put in as bits.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const LOG2E: f32 = std::f32::consts::LOG2_E;
    const LN2_HI: f32 = 0.693_359_4;
    const LN2_LO: f32 = -2.121_944_4e-4;
    // Adding and taking away 1.5 * 2^23 rounds to the nearest integer without a call.
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.clamp(-87.0, 88.0);
    let n = clamped.mul_add(LOG2E, ROUND) - ROUND;
    let r = n.mul_add(-LN2_LO, n.mul_add(-LN2_HI, clamped));
    let p = 1.0 / 720.0;
    let p = r.mul_add(p, 1.0 / 120.0);
    let p = r.mul_add(p, 1.0 / 24.0);
    let p = r.mul_add(p, 1.0 / 6.0);
    let p = r.mul_add(p, 0.5);
    let p = r.mul_add(p, 1.0);
    let p = r.mul_add(p, 1.0);
    // SAFETY: `n` is an integer in [-126, 127], or NaN, whose bits are then of no consequence.
    let n: i32 = if n.is_nan() { 0 } else { unsafe { n.to_int_unchecked() } };
    let scale = f32::from_bits(((n + 127) << 23) as u32);
    if x < -87.0 { 0.0 } else { p * scale }
}

/// `x / (1 + e^-x)`
#[inline(always)]
pub fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// `x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))`, written with the logistic function so that nothing overflows.
#[inline(always)]
pub fn gelu_tanh(x: f32) -> f32 {
    const SQRT_8_OVER_PI: f32 = 1.595_769;
    let inner = SQRT_8_OVER_PI * 0.044_715f32.mul_add(x * x * x, x);
    x / (1.0 + exp(-inner))
}

/// `tanh(x)` in f32: relative error below 4e-7 (polynomial: Cephes `tanhf`; beyond it the logistic form).
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let z = x * x;
    let p = z.mul_add(-5.704_988_7e-3, 2.063_909e-2);
    let p = z.mul_add(p, -5.373_971_6e-2);
    let p = z.mul_add(p, 1.333_144_2e-1);
    let p = z.mul_add(p, -3.333_328e-1);
    let small = (z * p).mul_add(x, x);
    let large = (1.0 - 2.0 / (1.0 + exp(2.0 * x.abs()))).copysign(x);
    if x.abs() < 0.625 { small } else { large }
}

/// Sum of products in a fixed order: 16 partial sums by lane, then pairwise.
#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (a16, a_rest) = a.as_chunks::<16>();
    let (b16, b_rest) = b.as_chunks::<16>();
    for (x, y) in a16.iter().zip(b16) {
        for i in 0..16 {
            lanes[i] = x[i].mul_add(y[i], lanes[i]);
        }
    }
    for (i, (x, y)) in a_rest.iter().zip(b_rest).enumerate() {
        lanes[i] = x.mul_add(*y, lanes[i]);
    }
    sum_lanes(lanes)
}

/// The pairwise sum of 16 lanes.
#[inline(always)]
pub fn sum_lanes(mut lanes: [f32; 16]) -> f32 {
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_3e7_of_the_exact_value() {
        let mut worst = 0.0f64;
        for i in -86_900..=87_900 {
            let x = i as f32 * 1e-3;
            let exact = (x as f64).exp();
            let error = ((exp(x) as f64 - exact) / exact).abs();
            worst = worst.max(error);
        }
        assert!(worst < 3e-7, "worst relative error {worst:e}");
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-200.0), 0.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert!(exp(f32::NAN).is_nan());
        assert!(exp(1000.0).is_finite());
    }

    #[test]
    fn activations_agree_with_f64() {
        for i in -4000..=4000 {
            let x = i as f32 * 0.01;
            let d = x as f64;
            let want = d / (1.0 + (-d).exp());
            assert!((silu(x) as f64 - want).abs() <= 1e-6 * want.abs() + 1e-30, "silu({x})");
            let want =
                0.5 * d * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (d + 0.044715 * d.powi(3))).tanh());
            assert!((gelu_tanh(x) as f64 - want).abs() <= 2e-6 * want.abs() + 1e-7, "gelu({x})");
        }
    }

    #[test]
    fn tanh_agrees_with_f64() {
        for i in -20_000..=20_000 {
            let x = i as f32 * 1e-3;
            let want = (x as f64).tanh();
            assert!((tanh(x) as f64 - want).abs() <= 4e-7 * want.abs(), "tanh({x})");
        }
        assert_eq!((tanh(f32::INFINITY), tanh(f32::NEG_INFINITY)), (1.0, -1.0));
        assert!(tanh(f32::NAN).is_nan());
    }

    #[test]
    fn dot_sums_every_element_of_any_length() {
        for n in 0..70 {
            let a: Vec<f32> = (0..n).map(|i| i as f32).collect();
            let b: Vec<f32> = (0..n).map(|i| (i % 5) as f32).collect();
            let want: f32 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
            assert_eq!(dot(&a, &b), want);
        }
    }
}
