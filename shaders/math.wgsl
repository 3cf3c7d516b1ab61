// Elementary functions whose accuracy does not depend on the device's own, and which let NaN through.
//
// WGSL allows exp an error of 3 + 2|x| ulp and lets implementations assume that values are finite; these do not.

fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn is_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

// e^x: relative error below 3e-7 on [-87, 88]; 0 below, e^88 above, NaN for NaN.
// Cody-Waite reduction by ln 2 in two parts, polynomial of degree 6 on [-ln2/2, ln2/2], exponent put in as bits.
fn exp_accurate(x: f32) -> f32 {
    let clamped = clamp(x, -87.0, 88.0);
    let n = round(clamped * 1.44269504);
    let r = fma(n, 2.12194440e-4, fma(n, -0.693359375, clamped));
    var e = fma(r, 1.0 / 720.0, 1.0 / 120.0);
    e = fma(r, e, 1.0 / 24.0);
    e = fma(r, e, 1.0 / 6.0);
    e = fma(r, e, 0.5);
    e = fma(r, e, 1.0);
    e = fma(r, e, 1.0);
    let scaled = e * bitcast<f32>(u32(i32(n) + 127) << 23u);
    return select(select(scaled, 0.0, x < -87.0), x, is_nan(x));
}

// x / (1 + e^-x)
fn silu(x: f32) -> f32 {
    return x / (1.0 + exp_accurate(-x));
}

// x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), written with the logistic function so that nothing overflows.
fn gelu_tanh(x: f32) -> f32 {
    let inner = 1.5957691 * fma(0.044715, x * x * x, x);
    return x / (1.0 + exp_accurate(-inner));
}

// cap * tanh(x / cap). Small arguments by a series, where the quotient of exponentials would cancel.
fn soft_cap(x: f32, cap: f32) -> f32 {
    let y = x / cap;
    let s = y * y;
    let series = y * fma(s, fma(s, fma(s, -17.0 / 315.0, 2.0 / 15.0), -1.0 / 3.0), 1.0);
    let e = exp_accurate(-2.0 * abs(y));
    let quotient = sign(y) * (1.0 - e) / (1.0 + e);
    return select(cap * select(quotient, series, abs(y) < 0.2), x, is_nan(x));
}
