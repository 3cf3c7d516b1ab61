// Attention over the prefix tree: out = softmax(scale * q K^T) V per head, over the keys that a query sees.
//
// q, out `[n, kv_heads * group * d]` f32. Keys and values `[rows, kv_heads * d]` f32 lie in two buffers: rows below
// p.path in path_k / path_v (the carried path), the others in k / v. d = {{DIM}}.
// plan (u32): tasks (run, first of its pairs), then runs (first query row, its depth, queries, first range, ranges), then
// ranges (first depth, its key row), each run's by depth. A run's pairs are its queries times the `group` heads that
// share a key/value head: pair j is query j / group.
//
// Layout: a workgroup of 64 threads takes up to {{ROWS}} pairs of one task and one key/value head; parts = tasks *
// kv_heads. Blocks of 64 keys: a thread scores one key for all pairs (keys staged 16 elements at a time), then sums
// {{DIMS}} elements of the output over the block's values.
// Limits: d <= 512; ({{ROWS}} * {{QUADS}} + 320) * 16 + 4 KiB of workgroup memory.
// Numerics: f32. Keys are taken by depth in blocks that begin at multiples of 64, with a running maximum and sum; which
// other queries are in the task changes nothing in a pair's result: blocks without a visible key leave it as it is.

struct Params {
    first: u32,
    end: u32,
    across: u32,
    kv_heads: u32,
    group: u32,
    path: u32,
    // 0: no window.
    window: u32,
    scale: f32,
    // 0: no cap.
    cap: f32,
    runs_at: u32,
    ranges_at: u32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> q: array<f32>;
@group(0) @binding(2) var<storage, read> path_k: array<f32>;
@group(0) @binding(3) var<storage, read> path_v: array<f32>;
@group(0) @binding(4) var<storage, read> k: array<f32>;
@group(0) @binding(5) var<storage, read> v: array<f32>;
@group(0) @binding(6) var<storage, read> plan: array<u32>;
@group(0) @binding(7) var<storage, read_write> out: array<f32>;

#include "part.wgsl"
#include "math.wgsl"

const D = {{DIM}}u;
const ROWS = {{ROWS}}u;
// Fours of a head, filled up to whole steps of 16 elements.
const QUADS = {{QUADS}}u;
// Output elements of a thread.
const DIMS = {{DIMS}}u;
const BLOCK = 64u;
// Threads that share one pair's maximum and sum.
const LANES = BLOCK / ROWS;
const NO_ROW = 0xffffffffu;
const HIDDEN = -3.0e38;

var<workgroup> queries: array<vec4<f32>, ROWS * QUADS>;
// A block's keys, 16 elements each; one four of padding spreads the banks.
var<workgroup> staged: array<vec4<f32>, BLOCK * 5>;
var<workgroup> key_rows: array<u32, BLOCK>;
// Scores, then weights.
var<workgroup> weights: array<f32, ROWS * BLOCK>;
var<workgroup> partial: array<f32, BLOCK>;
var<workgroup> maximum: array<f32, ROWS>;
var<workgroup> rescale: array<f32, ROWS>;
var<workgroup> total: array<f32, ROWS>;

fn key_quad(row: u32, kv_head: u32, quad: u32) -> vec4<f32> {
    var four = vec4<f32>();
    if (row == NO_ROW) {
        return four;
    }
    let stride = p.kv_heads * D;
    for (var i = 0u; i < 4u; i++) {
        let e = quad * 4u + i;
        if (e < D) {
            if (row < p.path) {
                four[i] = path_k[row * stride + kv_head * D + e];
            } else {
                four[i] = k[(row - p.path) * stride + kv_head * D + e];
            }
        }
    }
    return four;
}

fn value(row: u32, column: u32) -> f32 {
    let stride = p.kv_heads * D;
    if (row < p.path) {
        return path_v[row * stride + column];
    }
    return v[(row - p.path) * stride + column];
}

fn first_visible(depth: u32) -> u32 {
    if (p.window == 0u || depth + 1u <= p.window) {
        return 0u;
    }
    return depth + 1u - p.window;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) t: u32) {
    let part = part_of(workgroup);
    if (part >= p.end) {
        return;
    }
    let task = part / p.kv_heads * 2u;
    let kv_head = part % p.kv_heads;
    let run = p.runs_at + plan[task] * 5u;
    let first_pair = plan[task + 1u];
    let first_row = plan[run];
    let first_depth = plan[run + 1u];
    let pairs = min(plan[run + 2u] * p.group - first_pair, ROWS);
    let ranges = p.ranges_at + plan[run + 3u] * 2u;
    let last_range = ranges + (plan[run + 4u] - 1u) * 2u;
    let q_width = p.kv_heads * p.group * D;

    for (var i = t; i < ROWS * QUADS; i += BLOCK) {
        let pair = first_pair + i / QUADS;
        let at = (first_row + pair / p.group) * q_width + (kv_head * p.group + pair % p.group) * D;
        var four = vec4<f32>();
        for (var c = 0u; c < 4u; c++) {
            let e = i % QUADS * 4u + c;
            if (i / QUADS < pairs && e < D) {
                four[c] = q[at + e];
            }
        }
        queries[i] = four;
    }
    if (t < ROWS) {
        maximum[t] = HIDDEN;
        total[t] = 0.0;
    }
    var sums: array<array<f32, DIMS>, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
        for (var i = 0u; i < DIMS; i++) {
            sums[r][i] = 0.0;
        }
    }

    let last_depth = first_depth + (first_pair + pairs - 1u) / p.group;
    var range = ranges;
    for (
        var block = first_visible(first_depth + first_pair / p.group) / BLOCK * BLOCK;
        block <= last_depth;
        block += BLOCK
    ) {
        let depth = block + t;
        while (range < last_range && plan[range + 2u] <= depth) {
            range += 2u;
        }
        key_rows[t] = select(NO_ROW, plan[range + 1u] + depth - plan[range], depth <= last_depth);
        workgroupBarrier();

        var scores: array<f32, ROWS>;
        for (var r = 0u; r < ROWS; r++) {
            scores[r] = 0.0;
        }
        for (var quad_0 = 0u; quad_0 < QUADS; quad_0 += 4u) {
            for (var i = t; i < BLOCK * 4u; i += BLOCK) {
                staged[(i >> 2u) * 5u + (i & 3u)] = key_quad(key_rows[i >> 2u], kv_head, quad_0 + (i & 3u));
            }
            workgroupBarrier();
            for (var quad = 0u; quad < 4u; quad++) {
                let key = staged[t * 5u + quad];
                for (var r = 0u; r < ROWS; r++) {
                    let query = queries[r * QUADS + quad_0 + quad];
                    var sum = scores[r];
                    sum = fma(query.x, key.x, sum);
                    sum = fma(query.y, key.y, sum);
                    sum = fma(query.z, key.z, sum);
                    sum = fma(query.w, key.w, sum);
                    scores[r] = sum;
                }
            }
            workgroupBarrier();
        }
        for (var r = 0u; r < ROWS; r++) {
            let query_depth = first_depth + (first_pair + r) / p.group;
            var score = scores[r] * p.scale;
            if (p.cap != 0.0) {
                score = soft_cap(score, p.cap);
            }
            let visible = r < pairs && depth <= query_depth && depth >= first_visible(query_depth);
            weights[r * BLOCK + t] = select(HIDDEN, score, visible);
        }
        workgroupBarrier();

        let own = t / LANES;
        var most = HIDDEN;
        for (var i = t % LANES; i < BLOCK; i += LANES) {
            most = max(most, weights[own * BLOCK + i]);
        }
        partial[t] = most;
        workgroupBarrier();
        if (t < ROWS) {
            let before = maximum[t];
            var now = before;
            for (var i = 0u; i < LANES; i++) {
                now = max(now, partial[t * LANES + i]);
            }
            maximum[t] = now;
            rescale[t] = exp_accurate(before - now);
        }
        workgroupBarrier();
        var sum = 0.0;
        for (var i = t % LANES; i < BLOCK; i += LANES) {
            let score = weights[own * BLOCK + i];
            let weight = select(exp_accurate(score - maximum[own]), 0.0, score == HIDDEN);
            weights[own * BLOCK + i] = weight;
            sum += weight;
        }
        partial[t] = sum;
        workgroupBarrier();
        if (t < ROWS) {
            var all = partial[t * LANES];
            for (var i = 1u; i < LANES; i++) {
                all += partial[t * LANES + i];
            }
            total[t] = fma(total[t], rescale[t], all);
        }

        for (var r = 0u; r < ROWS; r++) {
            for (var i = 0u; i < DIMS; i++) {
                sums[r][i] *= rescale[r];
            }
        }
        for (var key = 0u; key < BLOCK; key++) {
            let row = key_rows[key];
            if (row == NO_ROW) {
                break;
            }
            for (var i = 0u; i < DIMS; i++) {
                let e = t + i * BLOCK;
                if (e < D) {
                    let element = value(row, kv_head * D + e);
                    for (var r = 0u; r < ROWS; r++) {
                        sums[r][i] = fma(weights[r * BLOCK + key], element, sums[r][i]);
                    }
                }
            }
        }
        workgroupBarrier();
    }

    for (var r = 0u; r < pairs; r++) {
        let pair = first_pair + r;
        let at = (first_row + pair / p.group) * q_width + (kv_head * p.group + pair % p.group) * D;
        for (var i = 0u; i < DIMS; i++) {
            let e = t + i * BLOCK;
            if (e < D) {
                out[at + e] = sums[r][i] / total[r];
            }
        }
    }
}
