// One head of a row by one warp: norm, rotary turn, planes. For the kernels that have a whole head in memory; products that hold
// it in registers do the same in epilogue.cuh.
//
// `at(c)` gives element c of the padded head. Pair i of a q or k head stands at (i / 8) * 16 + i % 8 and 8 further.
// Numerics: f32; the sum of squares by lanes, then a butterfly.
#pragma once
#include "numbers.cuh"

// `head`: number among all columns' heads; `squares`: sum over the whole row where the norm wants that, else negative.
template <class At> DEV void finish_head(At at, int head, int row, const ToHeads& t, float squares) {
  const int lane = threadIdx.x & 31, half = t.dim / 2;
  const bool is_q = head < t.q_heads, is_k = !is_q && head < t.q_heads + t.k_heads, is_v = !is_q && !is_k;
  const int h = is_q ? head : is_k ? head - t.q_heads : head - t.q_heads - t.k_heads;
  const int heads = is_q ? t.q_heads : is_k ? t.k_heads : t.v_heads;
  const float* weight = is_q ? t.q_norm : is_k ? t.k_norm : nullptr;
  if (weight && t.whole_row) weight += h * t.dim;
  float norm = 1.f;
  if (weight || (is_v && t.value_norm)) {
    float n = (float)t.true_dim;
    if (weight && t.whole_row) {
      n *= (float)heads;
    } else {
      squares = 0.f;
      for (int i = lane; i < half; i += 32) {
        const float x = at(i / 8 * 16 + i % 8), y = at(i / 8 * 16 + i % 8 + 8);
        squares += x * x + y * y;
      }
      squares = warp_sum(squares);
    }
    norm = inverse_root(squares, n, t.eps);
  }
  const bool turned = !is_v && t.turns;
  const float* turn = turned ? t.turns + (size_t)t.position[row] * t.dim : nullptr;
  const float scale = is_q ? t.q_scale : is_k ? t.k_scale : t.v_scale;
  const size_t ld = (size_t)heads * t.dim, plane = (size_t)(is_q ? t.q_rows : is_k ? t.k_rows : t.v_rows) * ld;
  u16* hi = (is_q ? t.q : is_k ? t.k : t.v) + (size_t)row * ld + (size_t)h * t.dim;
  u16* lo = is_v && t.v_planes == 1 ? nullptr : hi + plane;
  for (int i = lane; i < half; i += 32) {
    const int c = i / 8 * 16 + i % 8;
    float x = at(c) * norm, y = at(c + 8) * norm;
    if (weight) x *= weight[c], y *= weight[c + 8];
    if (turned) {
      const float cosine = turn[2 * i], sine = turn[2 * i + 1], x0 = x;
      x = x0 * cosine - y * sine;
      y = y * cosine + x0 * sine;
    }
    put(hi + c, lo ? lo + c : nullptr, x * scale);
    put(hi + c + 8, lo ? lo + c + 8 : nullptr, y * scale);
  }
}
