// Reads rows of x and w from first_row and first_weight on, in fours along k for any k, element by element. Beyond the
// last row or column: zeros.

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<u32>;

#include "weights_{{STORED}}.wgsl"

fn x_quad(row: u32, quad: u32) -> vec4<f32> {
    var out = vec4<f32>();
    for (var i = 0u; i < 4u; i++) {
        let column = quad * 4u + i;
        if (row < p.n && column < p.k) {
            out[i] = x[(p.first_row + row) * p.k + column];
        }
    }
    return out;
}

fn w_quad(row: u32, quad: u32) -> vec4<f32> {
    var out = vec4<f32>();
    for (var i = 0u; i < 4u; i++) {
        let column = quad * 4u + i;
        if (row < p.rows && column < p.k) {
            out[i] = weight((p.first_weight + row) * p.k + column);
        }
    }
    return out;
}
