// Reads rows of x and w from first_row and first_weight on, in fours along k, where 4 divides k. Beyond the last row or
// column: zeros.

#include "quads_{{STORED}}.wgsl"

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> w: array<WeightQuad>;

fn x_quad(row: u32, quad: u32) -> vec4<f32> {
    if (row >= p.n || quad * 4u >= p.k) {
        return vec4<f32>();
    }
    return x[(p.first_row + row) * (p.k >> 2u) + quad];
}

fn w_quad(row: u32, quad: u32) -> vec4<f32> {
    if (row >= p.rows || quad * 4u >= p.k) {
        return vec4<f32>();
    }
    return widen(w[(p.first_weight + row) * (p.k >> 2u) + quad]);
}
