// Multiply-adds on registers: the best that a device does in f32 when there is nothing to wait for.
//
// A thread keeps eight independent sums of four and runs {{ROUNDS}} rounds: 64 operations a round and thread, a
// multiply-add counted as two. out `[threads]` f32, so that nothing is left out as unused.
// Numerics: |a| < 1 and the sums stay below 1 / (1 - a), finite for any number of rounds.

struct Params {
    first: u32,
    end: u32,
    across: u32,
    a: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

#include "part.wgsl"

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    let part = part_of(workgroup);
    if (part >= p.end) {
        return;
    }
    let a = vec4<f32>(p.a);
    let b = vec4<f32>(f32(t) * 0.001, 1.0, 0.5, 0.25);
    var s0 = b;
    var s1 = b + 1.0;
    var s2 = b + 2.0;
    var s3 = b + 3.0;
    var s4 = b + 4.0;
    var s5 = b + 5.0;
    var s6 = b + 6.0;
    var s7 = b + 7.0;
    for (var round = 0u; round < {{ROUNDS}}u; round++) {
        s0 = fma(s0, a, b);
        s1 = fma(s1, a, b);
        s2 = fma(s2, a, b);
        s3 = fma(s3, a, b);
        s4 = fma(s4, a, b);
        s5 = fma(s5, a, b);
        s6 = fma(s6, a, b);
        s7 = fma(s7, a, b);
    }
    let s = (s0 + s1) + (s2 + s3) + ((s4 + s5) + (s6 + s7));
    out[part * 256u + t] = s.x + s.y + s.z + s.w;
}
