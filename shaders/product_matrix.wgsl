// y = x W^T with what comes after it, as product.wgsl, on the device's matrix units: f16 products, f32 sums.
//
// Same shapes and kinds as product.wgsl; powers `[any]` f32 (row_power.wgsl) by row of x. Rows of x are multiplied by
// their power of two before they become f16 and results divided by it, which is exact; weights, stored in 16 bits, become
// f16 (from bf16: exact from 2^-14 on, what is smaller loses bits).
//
// Layout: a workgroup of {{SUBGROUPS}} working subgroups makes a {{BM}} x {{BN}} tile, each subgroup 2 x 2 matrices of
// {{SIDE}} x {{SIDE}}. Steps of 32 along k are staged in workgroup memory as f16. Where a device runs smaller subgroups
// than it may, the ones left over compute the same as others and write nothing.
// Limits: a {{SIDE}} x {{SIDE}} x {{SIDE}} f16 -> f32 matrix unit of subgroup scope; workgroup memory of
// ({{BM}} + {{BN}}) * 64 + {{ZONES}} * {{SIDE}} * {{SIDE}} * 4 bytes.
// Numerics: inputs rounded to 11 bits, sums f32 in the device's own order, the same for every row.

enable f16;
enable wgpu_cooperative_matrix;

#include "product_params.wgsl"

@group(0) @binding(6) var<storage, read> powers: array<f32>;

const SIDE = {{SIDE}}u;
const BM = {{BM}}u;
const BN = {{BN}}u;
// Working subgroups along the columns.
const ACROSS = {{ACROSS}}u;
const SUBGROUPS = {{SUBGROUPS}}u;
const THREADS = {{THREADS}}u;
const STEP = 32u;

alias Left = coop_mat{{SIDE}}x{{SIDE}}<f16, A>;
alias Right = coop_mat{{SIDE}}x{{SIDE}}<f16, B>;
alias Sums = coop_mat{{SIDE}}x{{SIDE}}<f32, C>;

var<workgroup> xs: array<f16, BM * STEP>;
var<workgroup> ws: array<f16, BN * STEP>;
// Where each subgroup lays a matrix of sums out.
var<workgroup> zones: array<f32, {{ZONES}} * {{SIDE}} * {{SIDE}}>;

// Rows of a finished matrix that the subgroup's threads pass on.
fn pass_on(zone: u32, row_0: u32, j_0: u32, lane: u32, lanes: u32) {
    for (var i = lane; i < SIDE * SIDE; i += lanes) {
        let row = row_0 + i / SIDE;
        if (row < p.n) {
            finish(row, j_0 + i % SIDE, zones[zone + i] / powers[p.first_row + row]);
        }
    }
}

@compute @workgroup_size({{THREADS}})
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) t: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_size) lanes: u32,
) {
    // As part_of, but written out: matrices need control flow that is seen to be uniform.
    let part = p.first + workgroup.y * p.across + workgroup.x;
    if (part >= p.end) {
        return;
    }
    let tile = tile_of(part, BM, BN);
    let mine = subgroup % SUBGROUPS;
    let row_0 = mine / ACROSS * 2u * SIDE;
    let j_0 = mine % ACROSS * 2u * SIDE;
    let zone = subgroup * SIDE * SIDE;
    let is_working = subgroup < SUBGROUPS;

    var sums_00 = Sums();
    var sums_01 = Sums();
    var sums_10 = Sums();
    var sums_11 = Sums();
    for (var k_0 = 0u; k_0 < p.k; k_0 += STEP) {
        for (var i = t; i < BM * STEP / 4u; i += THREADS) {
            let row = tile.x + i / (STEP / 4u);
            var power = 1.0;
            if (row < p.n) {
                power = powers[p.first_row + row];
            }
            let four = x_quad(row, k_0 / 4u + i % (STEP / 4u)) * power;
            for (var c = 0u; c < 4u; c++) {
                xs[i * 4u + c] = f16(four[c]);
            }
        }
        for (var i = t; i < BN * STEP / 4u; i += THREADS) {
            let four = w_quad(tile.y + i / (STEP / 4u), k_0 / 4u + i % (STEP / 4u));
            for (var c = 0u; c < 4u; c++) {
                ws[i * 4u + c] = f16(four[c]);
            }
        }
        workgroupBarrier();
        for (var k = 0u; k < STEP; k += SIDE) {
            let left_0 = coopLoadT<Left>(&xs[row_0 * STEP + k], STEP);
            let left_1 = coopLoadT<Left>(&xs[(row_0 + SIDE) * STEP + k], STEP);
            let right_0 = coopLoad<Right>(&ws[j_0 * STEP + k], STEP);
            let right_1 = coopLoad<Right>(&ws[(j_0 + SIDE) * STEP + k], STEP);
            sums_00 = coopMultiplyAdd(left_0, right_0, sums_00);
            sums_01 = coopMultiplyAdd(left_0, right_1, sums_01);
            sums_10 = coopMultiplyAdd(left_1, right_0, sums_10);
            sums_11 = coopMultiplyAdd(left_1, right_1, sums_11);
        }
        workgroupBarrier();
    }
    // The SPIR-V writer wants every argument of a store named first.
    let stride = SIDE;
    let done_00 = sums_00;
    coopStoreT(done_00, &zones[zone], stride);
    workgroupBarrier();
    if (is_working) {
        pass_on(zone, tile.x + row_0, tile.y + j_0, lane, lanes);
    }
    workgroupBarrier();
    let done_01 = sums_01;
    coopStoreT(done_01, &zones[zone], stride);
    workgroupBarrier();
    if (is_working) {
        pass_on(zone, tile.x + row_0, tile.y + j_0 + SIDE, lane, lanes);
    }
    workgroupBarrier();
    let done_10 = sums_10;
    coopStoreT(done_10, &zones[zone], stride);
    workgroupBarrier();
    if (is_working) {
        pass_on(zone, tile.x + row_0 + SIDE, tile.y + j_0, lane, lanes);
    }
    workgroupBarrier();
    let done_11 = sums_11;
    coopStoreT(done_11, &zones[zone], stride);
    workgroupBarrier();
    if (is_working) {
        pass_on(zone, tile.x + row_0 + SIDE, tile.y + j_0 + SIDE, lane, lanes);
    }
}
