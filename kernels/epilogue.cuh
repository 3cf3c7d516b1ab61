// From a product's sums in registers to what is stored: one code for the mma and the wgmma set, which leave a tile of 16 rows x 256
// columns in a warp alike. Lane l holds rows `row` = first + l/4 and row + 8, columns first_column + 8 j + 2 (l % 4) + {0, 1} in
// d[4 j] .. d[4 j + 1] and, 8 rows on, d[4 j + 2] .. d[4 j + 3].
//
// Everything a row needs is in the four lanes of a quad: rotary partners are 8 columns apart (j and j + 1), gate and up too, heads of
// 64, 128 and 256 never leave a warp's 256 columns. So there is no shared memory, no barrier, and no address depends on m.
// Numerics: value = sum * (a_inv * scale) * b_inv + bias in f32; norms, turns, activations in f32; planes as put_pair makes them.
#pragma once
#include "numbers.cuh"

struct Place { int row, first_column; };

struct RowScales { float of[2]; };
DEV RowScales row_scales(Place at, const Product& p) {
  RowScales r;
#pragma unroll
  for (int h = 0; h < 2; h++) r.of[h] = (p.a_inv ? p.a_inv[min(at.row + 8 * h, p.m - 1)] : 1.f) * p.scale;
  return r;
}
// The values of this lane's columns c and c + 1, both rows, in place; `beyond` where there is no such column.
DEV void finish_values(float* d, int c, const RowScales& r, const Product& p, float beyond) {
#pragma unroll
  for (int e = 0; e < 2; e++) {
    const bool there = c + e < p.n;
    const float column_scale = there ? p.b_inv[c + e] : 0.f, bias = p.bias && there ? p.bias[c + e] : 0.f;
#pragma unroll
    for (int h = 0; h < 2; h++) {
      const float v = d[2 * h + e] * r.of[h] * column_scale;
      d[2 * h + e] = there ? p.bias ? v + bias : v : beyond;
    }
  }
}
// All of a tile, where n is a multiple of 64: groups of columns are there or not.
DEV void finish_values(float (&d)[128], Place at, const Product& p) {
  const RowScales r = row_scales(at, p);
#pragma unroll
  for (int g = 0; g < 4; g++) {
    if (at.first_column + 64 * g >= p.n) continue;
#pragma unroll
    for (int j = 8 * g; j < 8 * g + 8; j++) {
      const int c = at.first_column + 8 * j + 2 * (threadIdx.x & 3);
      const float2 column_scale = *(const float2*)(p.b_inv + c);
      const float2 bias = p.bias ? *(const float2*)(p.bias + c) : make_float2(0.f, 0.f);
#pragma unroll
      for (int h = 0; h < 2; h++) {
        const float x = d[4 * j + 2 * h] * r.of[h] * column_scale.x, y = d[4 * j + 2 * h + 1] * r.of[h] * column_scale.y;
        d[4 * j + 2 * h] = p.bias ? x + bias.x : x;
        d[4 * j + 2 * h + 1] = p.bias ? y + bias.y : y;
      }
    }
  }
}

// f32 rows: store, add, or act(value) * side.
template <int PA> DEV void finish(float (&d)[128], Place at, const Product& p, const ToRows& e) {
  const RowScales r = row_scales(at, p);
  const int first = at.first_column + 2 * (threadIdx.x & 3);
  float* out[2];
  const float* side[2];
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const size_t row = min(at.row + 8 * h, p.m - 1);
    out[h] = e.out + row * e.ld + first;
    side[h] = e.side + row * e.side_ld + first;
  }
#pragma unroll
  for (int j = 0; j < 32; j++) {
    const int c = first + 8 * j;
    if (c >= p.n) continue;
    finish_values(d + 4 * j, c, r, p, 0.f);
    const bool both = c + 1 < p.n;
#pragma unroll
    for (int h = 0; h < 2; h++) {
      if (at.row + 8 * h >= p.m) continue;
      float x = d[4 * j + 2 * h], y = d[4 * j + 2 * h + 1];
      float* to = out[h] + 8 * j;
      if (e.mode == ROWS_SIDE) {
        x = activate(x, e.act) * side[h][8 * j];
        if (both) y = activate(y, e.act) * side[h][8 * j + 1];
      }
      if (both) {
        float2 v = make_float2(x, y);
        if (e.mode == ROWS_ADD) {
          const float2 old = *(const float2*)to;
          v = make_float2(x + old.x, y + old.y);
        }
        *(float2*)to = v;
      } else {
        *to = e.mode == ROWS_ADD ? x + *to : x;
      }
    }
  }
}

// Planes of act(gate) * up, 8 columns of gate, 8 of up.
template <int PA> DEV void finish(float (&d)[128], Place at, const Product& p, const ToGate& e) {
  finish_values(d, at, p);
  const int quad = threadIdx.x & 3, width = p.n / 2;
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const int row = at.row + 8 * h;
    if (row >= p.m) continue;
    const float scale = e.g_scale[row];
    u16* hi = e.out + (size_t)row * width + at.first_column / 2 + 2 * quad;
    u16* lo = PA == 2 ? hi + (size_t)e.out_rows * width : nullptr;
#pragma unroll
    for (int j = 0; j < 32; j += 2) {
      if (at.first_column + 8 * j >= p.n) continue;
      const float x = activate(d[4 * j + 2 * h], e.act) * d[4 * j + 4 + 2 * h];
      const float y = activate(d[4 * j + 1 + 2 * h], e.act) * d[4 * j + 5 + 2 * h];
      put_pair(hi + 4 * j, lo ? lo + 4 * j : nullptr, x * scale, y * scale);
    }
  }
}

// q, k and v: head norm, rotary turn, planes. Sums of squares: a lane's own columns of 64, the quad, then groups of 64 of a head.
template <int PA> DEV void finish(float (&d)[128], Place at, const Product& p, const ToHeads& e) {
  finish_values(d, at, p);
  const int quad = threadIdx.x & 3;
  float squares[2][4];
#pragma unroll
  for (int h = 0; h < 2; h++) {
#pragma unroll
    for (int g = 0; g < 4; g++) {
      float s = 0.f;
#pragma unroll
      for (int j = 8 * g; j < 8 * g + 8; j++) s += d[4 * j + 2 * h] * d[4 * j + 2 * h] + d[4 * j + 1 + 2 * h] * d[4 * j + 1 + 2 * h];
      s += shuffle_xor(s, 1);
      s += shuffle_xor(s, 2);
      squares[h][g] = s;
    }
    if (e.dim >= 128) {
      squares[h][0] = squares[h][1] = squares[h][0] + squares[h][1];
      squares[h][2] = squares[h][3] = squares[h][2] + squares[h][3];
    }
    if (e.dim == 256) squares[h][0] = squares[h][1] = squares[h][2] = squares[h][3] = squares[h][0] + squares[h][2];
  }
#pragma unroll
  for (int g = 0; g < 4; g++) {
    const int column = at.first_column + 64 * g;
    if (column >= p.n) continue;
    const int head = column / e.dim, in_head = column % e.dim;
    const bool is_q = head < e.q_heads, is_k = !is_q && head < e.q_heads + e.k_heads, is_v = !is_q && !is_k;
    const int h0 = is_q ? head : is_k ? head - e.q_heads : head - e.q_heads - e.k_heads;
    const int heads = is_q ? e.q_heads : is_k ? e.k_heads : e.v_heads;
    const float* weight = is_q ? e.q_norm : is_k ? e.k_norm : nullptr;
    const bool normed = weight || (is_v && e.value_norm), turned = !is_v && e.turns;
    const float scale = is_q ? e.q_scale : is_k ? e.k_scale : e.v_scale;
    const size_t ld = (size_t)heads * e.dim, plane = (size_t)(is_q ? e.q_rows : is_k ? e.k_rows : e.v_rows) * ld;
    const bool two = !is_v || PA == 2;
#pragma unroll
    for (int h = 0; h < 2; h++) {
      const int row = at.row + 8 * h;
      if (row >= p.m) continue;
      const float norm = normed ? inverse_root(squares[h][g], (float)e.true_dim, e.eps) : 1.f;
      const float* turn = turned ? e.turns + (size_t)e.position[row] * e.dim : nullptr;
      u16* out = (is_q ? e.q : is_k ? e.k : e.v) + (size_t)row * ld + (size_t)h0 * e.dim;
#pragma unroll
      for (int j = 8 * g; j < 8 * g + 8; j += 2) {
        const int c = in_head + 8 * (j - 8 * g) + 2 * quad;
        float x[2], y[2];
#pragma unroll
        for (int i = 0; i < 2; i++) {
          x[i] = d[4 * j + 2 * h + i] * norm;
          y[i] = d[4 * j + 4 + 2 * h + i] * norm;
          if (weight) x[i] *= weight[c + i], y[i] *= weight[c + 8 + i];
        }
        if (turned) {
          const float4 t = *(const float4*)(turn + in_head + 8 * (j - 8 * g) + 4 * quad);
          const float cosine[2] = {t.x, t.z}, sine[2] = {t.y, t.w};
#pragma unroll
          for (int i = 0; i < 2; i++) {
            const float x0 = x[i];
            x[i] = x0 * cosine[i] - y[i] * sine[i];
            y[i] = y[i] * cosine[i] + x0 * sine[i];
          }
        }
        put_pair(out + c, two ? out + plane + c : nullptr, x[0] * scale, x[1] * scale);
        put_pair(out + c + 8, two ? out + plane + c + 8 : nullptr, y[0] * scale, y[1] * scale);
      }
    }
  }
}

// (largest logit, sum of exp(logit - largest)) of the 256 columns: a lane's own, then the quad. Columns beyond n are -infinity.
template <int PA> DEV void finish(float (&d)[128], Place at, const Product& p, const ToSums& e) {
  const RowScales r = row_scales(at, p);
  const Cap cap = cap_of(e.cap);
#pragma unroll
  for (int j = 0; j < 32; j++) {
    finish_values(d + 4 * j, at.first_column + 8 * j + 2 * (threadIdx.x & 3), r, p, -bits_f32(INFINITE));
    if (cap.at > 0.f)
#pragma unroll
      for (int i = 4 * j; i < 4 * j + 4; i++) d[i] = d[i] == -bits_f32(INFINITE) ? d[i] : capped(d[i], cap);
  }
#pragma unroll
  for (int h = 0; h < 2; h++) {
    float top = -bits_f32(INFINITE), sum = 0.f;
#pragma unroll
    for (int j = 0; j < 32; j++) top = fmaxf(top, fmaxf(d[4 * j + 2 * h], d[4 * j + 2 * h + 1]));
    top = fmaxf(top, shuffle_xor(top, 1));
    top = fmaxf(top, shuffle_xor(top, 2));
#pragma unroll
    for (int j = 0; j < 32; j++) sum += exp_approx(d[4 * j + 2 * h] - top) + exp_approx(d[4 * j + 2 * h + 1] - top);
    sum += shuffle_xor(sum, 1);
    sum += shuffle_xor(sum, 2);
    const int row = at.row + 8 * h;
    if ((threadIdx.x & 3) == 0 && row < p.m) *(float2*)(e.out + ((size_t)row * e.tiles + at.first_column / 256) * 2) = make_float2(top, sum);
  }
}

// Tiles in bands of 8 along m with n outermost in a band: weights stay in L2 while the rows of a band pass by.
struct TileIndex { int m, n; };
DEV TileIndex tile_at(int i, int tiles_m, int tiles_n) {
  const int band = 8, per_band = band * tiles_n, b = i / per_band, height = min(band, tiles_m - b * band), r = i - b * per_band;
  return {b * band + r % height, r / height};
}
