// Maximum and sum of exp(z - maximum) of every row of a piece of the logits; the host joins pieces in f64.
//
// z `[n, width]` f32, y f32, from pair place on: maximum and sum of each row. Layout: a workgroup of {{THREADS}} threads per row.
// Numerics: f32 with an exp good to 3e-7; a thread sums every {{THREADS}}th value in ascending order, then the threads'
// sums are joined. At 4096 columns that is 16 terms a thread: relative error below 1e-6.

struct Params {
    first: u32,
    end: u32,
    across: u32,
    width: u32,
    place: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> z: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

#include "part.wgsl"
#include "math.wgsl"
#include "reduce_{{REDUCE}}.wgsl"

@compute @workgroup_size({{THREADS}})
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, thread: Thread) {
    let row = part_of(workgroup);
    if (row >= p.end) {
        return;
    }
    let start = row * p.width;
    // Comparisons drop NaN, so it is added separately and comes out as NaN.
    var most = -3.4028235e38;
    for (var i = thread.index; i < p.width; i += {{THREADS}}u) {
        most = max(most, z[start + i]);
    }
    most = workgroup_max(thread, most);
    var sum = 0.0;
    for (var i = thread.index; i < p.width; i += {{THREADS}}u) {
        sum += exp_accurate(z[start + i] - most);
    }
    sum = workgroup_sum(thread, sum);
    if (thread.index == 0u) {
        y[(p.place + row) * 2u] = most;
        y[(p.place + row) * 2u + 1u] = sum;
    }
}
