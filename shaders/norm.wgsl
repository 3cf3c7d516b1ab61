// y = x / sqrt(mean(x^2) + eps) * weight, over every `group` consecutive elements on their own.
//
// x, y `[n, width]` f32, weight `[group]` f32 (left out where has_weight is 0); group divides width.
// Layout: a workgroup of {{THREADS}} threads per group; parts = n * width / group.
// Numerics: f32; a thread sums every {{THREADS}}th square in ascending order, then the threads' sums are joined.

struct Params {
    first: u32,
    end: u32,
    across: u32,
    group: u32,
    has_weight: u32,
    eps: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

#include "part.wgsl"
#include "reduce_{{REDUCE}}.wgsl"

@compute @workgroup_size({{THREADS}})
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, thread: Thread) {
    let part = part_of(workgroup);
    if (part >= p.end) {
        return;
    }
    let start = part * p.group;
    var squares = 0.0;
    for (var i = thread.index; i < p.group; i += {{THREADS}}u) {
        let v = x[start + i];
        squares = fma(v, v, squares);
    }
    let mean = workgroup_sum(thread, squares) / f32(p.group);
    let factor = 1.0 / sqrt(mean + p.eps);
    for (var i = thread.index; i < p.group; i += {{THREADS}}u) {
        var v = x[start + i] * factor;
        if (p.has_weight != 0u) {
            v *= weight[i];
        }
        y[start + i] = v;
    }
}
