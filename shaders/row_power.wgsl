// A power of two for each row of x that brings its largest value near 2^8, so that f16 holds the row.
//
// x `[n, k]` f32, y `[n]` f32: the factor; 1 for a row of zeros or with a value that is not finite (which then stays
// visible). Layout: a workgroup of {{THREADS}} threads per row. Exact: only exponents are looked at.

struct Params {
    first: u32,
    end: u32,
    across: u32,
    k: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

#include "part.wgsl"
#include "reduce_{{REDUCE}}.wgsl"

@compute @workgroup_size({{THREADS}})
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, thread: Thread) {
    let row = part_of(workgroup);
    if (row >= p.end) {
        return;
    }
    // The exponent as a number: comparing it needs no care for NaN.
    var most = 0.0;
    for (var i = thread.index; i < p.k; i += {{THREADS}}u) {
        most = max(most, f32((bitcast<u32>(x[row * p.k + i]) >> 23u) & 0xffu));
    }
    most = workgroup_max(thread, most);
    if (thread.index == 0u) {
        // 2^(8 - (most - 127)), kept a normal number.
        let exponent = clamp(262 - i32(most), 1, 254);
        y[row] = select(bitcast<f32>(u32(exponent) << 23u), 1.0, most == 0.0 || most == 255.0);
    }
}
