// Row kernels: everything of a decoder that is not a product or attention. A block works on one row (or a piece of one), rows
// are independent, and sums run in one order, so a row's bits do not depend on the rows beside it.
// All take the structure of params.cuh that has their name; grids are in README.md. Shared memory: room for reductions.
#include "heads.cuh"

// out[i] = scale * table[index[i]]; any width; table as stored (f32, f16, bf16).
KERNEL(embed, 256, 1, PARAM(Embed) p) {
  const size_t from = (size_t)p.index[blockIdx.x] * p.table_ld, to = (size_t)blockIdx.x * p.ld;
  for (int c = threadIdx.x; c < p.width; c += 256) p.out[to + c] = stored(p.table, from + c, p.dtype) * p.scale;
}

// RMS norm (or none) with splitting. x f32 [n][ld] -> planes [planes][out_rows][k], inv, and the gated product's power of two.
// Numerics: squares summed in f32, division and root correctly rounded; each row's largest value becomes [2^14, 2^15).
KERNEL(norm_split, 256, 1, PARAM(NormSplit) p) {
  SHARED(shared);
  float* parts = (float*)shared;
  const int row = blockIdx.x;
  const float* x = p.x + (size_t)row * p.ld;
  float squares = 0.f;
  u32 top = 0;
  for (int c = threadIdx.x; c < p.width; c += 256) {
    const float v = x[c];
    squares += v * v;
    top = max(top, f32_bits(v) & MAGNITUDE);
  }
  squares = block_sum(squares, parts);
  top = block_max(top, parts);
  if (p.flag && threadIdx.x == 0 && top >= INFINITE) atomic_min(p.flag, p.place);
  const float norm = p.norm ? inverse_root(squares, (float)p.width, p.eps) : 1.f;
  if (p.norm) {
    squares = 0.f;
    top = 0;
    for (int c = threadIdx.x; c < p.width; c += 256) {
      float v = x[c] * norm;
      if (p.weight) v *= p.weight[c];
      squares += v * v;
      top = max(top, f32_bits(v) & MAGNITUDE);
    }
    squares = block_sum(squares, parts);
    top = block_max(top, parts);
  }
  const Power power = power_for(top);
  u16* hi = p.out + (size_t)row * p.k;
  u16* lo = p.planes == 2 ? hi + (size_t)p.out_rows * p.k : nullptr;
  for (int c = 2 * threadIdx.x; c < p.k; c += 512) {
    float v[2];
#pragma unroll
    for (int i = 0; i < 2; i++) {
      v[i] = c + i < p.width ? x[c + i] * norm : 0.f;
      if (p.norm && p.weight && c + i < p.width) v[i] *= p.weight[c + i];
    }
    put_pair(hi + c, lo ? lo + c : nullptr, v[0] * power.scale, v[1] * power.scale);
  }
  if (threadIdx.x == 0) {
    p.inv[row] = power.inverse;
    if (p.g_scale) {
      const float length = sqrt_rn(squares) * 1.00001f;
      const float bound = (length * p.gate_norm + p.gate_bias) * (length * p.up_norm + p.up_bias) * 1.00001f;
      const Power gated = power_for(f32_bits(bound) & MAGNITUDE);
      p.g_scale[row] = gated.scale;
      p.g_inv[row] = gated.inverse;
    }
  }
}

// f32 RMS norm of each `group` elements: out = or += x / sqrt(mean(x^2) + eps) * weight. Any group that divides the width.
KERNEL(norm_rows, 256, 1, PARAM(NormRows) p) {
  SHARED(shared);
  const size_t first = (size_t)blockIdx.y * p.group;
  const float* x = p.x + (size_t)blockIdx.x * p.ld + first;
  float* out = p.out + (size_t)blockIdx.x * p.out_ld + first;
  float squares = 0.f;
  u32 top = 0;
  for (int c = threadIdx.x; c < p.group; c += 256) {
    squares += x[c] * x[c];
    top = max(top, f32_bits(x[c]) & MAGNITUDE);
  }
  squares = block_sum(squares, (float*)shared);
  top = block_max(top, (float*)shared);
  if (p.flag && threadIdx.x == 0 && top >= INFINITE) atomic_min(p.flag, p.place);
  const float norm = inverse_root(squares, (float)p.group, p.eps);
  for (int c = threadIdx.x; c < p.group; c += 256) {
    const float v = x[c] * norm * (p.weight ? p.weight[c] : 1.f);
    out[c] = p.add ? out[c] + v : v;
  }
}

// What the `heads` epilogue does, for rows that are in memory: heads of 512, norms over all heads, single steps.
// x f32 [n][ld], heads of src_dim -> planes of q, k, v. A warp per head.
KERNEL(head_rows, 256, 1, PARAM(HeadRows) p) {
  const ToHeads& t = p.to;
  const int row = blockIdx.x, warp = threadIdx.x >> 5, lane = threadIdx.x & 31, dim = p.source ? p.src_dim : t.dim;
  const float* x = p.x + (size_t)row * p.ld;
  for (int head = warp; head < t.q_heads + t.k_heads + t.v_heads; head += 8) {
    const bool is_q = head < t.q_heads, is_k = !is_q && head < t.q_heads + t.k_heads;
    float squares = -1.f;
    if (t.whole_row && (is_q ? t.q_norm : is_k ? t.k_norm : nullptr)) {
      const int first = is_q ? 0 : t.q_heads * dim, n = (is_q ? t.q_heads : t.k_heads) * dim;
      squares = 0.f;
      for (int c = lane; c < n; c += 32) squares += x[first + c] * x[first + c];
      squares = warp_sum(squares);
    }
    const float* from = x + (size_t)head * dim;
    finish_head([&](int c) { return !p.source ? from[c] : p.source[c] < 0 ? 0.f : from[p.source[c]]; }, head, row, t, squares);
  }
}

// Key and value rows of a pass, all planes, to their places on the path of the next. Width a multiple of 8; moves do not overlap.
KERNEL(carry, 256, 1, PARAM(Carry) p) {
  const size_t from = (size_t)p.moves[2 * blockIdx.x] * p.width, to = (size_t)p.moves[2 * blockIdx.x + 1] * p.width;
  const size_t pass = (size_t)p.pass_cap * p.width, path = (size_t)p.path_cap * p.width;
  for (int plane = 0; plane < 2; plane++)
    for (int c = 8 * threadIdx.x; c < p.width; c += 8 * 256) {
      *(float4*)(p.k_path + plane * path + to + c) = *(const float4*)(p.k_pass + plane * pass + from + c);
      if (plane < p.v_planes) *(float4*)(p.v_path + plane * path + to + c) = *(const float4*)(p.v_pass + plane * pass + from + c);
    }
}

// out[i] = x[rows[i]]
KERNEL(gather_rows, 256, 1, PARAM(Gather) p) {
  const size_t from = (size_t)p.rows[blockIdx.x] * p.ld, to = (size_t)blockIdx.x * p.out_ld;
  for (int c = threadIdx.x; c < p.width; c += 256) p.out[to + c] = p.x[from + c];
}

// Elementwise kernels: a block does 1024 columns of a row.
#define COLUMNS(c, width) for (int c = blockIdx.y * 1024 + threadIdx.x; c < min((int)(blockIdx.y + 1) * 1024, width); c += 256)

// to += x
KERNEL(add, 256, 1, PARAM(Add) p) {
  COLUMNS(c, p.width) p.to[(size_t)blockIdx.x * p.to_ld + c] += p.x[(size_t)blockIdx.x * p.ld + c];
}
// x *= by
KERNEL(scale, 256, 1, PARAM(Scale) p) {
  COLUMNS(c, p.width) p.x[(size_t)blockIdx.x * p.ld + c] *= p.by;
}
// out = act(gate) * up
KERNEL(gate_rows, 256, 1, PARAM(GateRows) p) {
  const size_t row = blockIdx.x;
  COLUMNS(c, p.width) p.out[row * p.out_ld + c] = activate(p.gate[row * p.gate_ld + c], p.act) * p.up[row * p.up_ld + c];
}
// Lowers the flag to `place` if x holds a NaN or an infinity.
KERNEL(watch, 256, 1, PARAM(Watch) p) {
  u32 top = 0;
  COLUMNS(c, p.width) top = max(top, f32_bits(p.x[(size_t)blockIdx.x * p.ld + c]) & MAGNITUDE);
  if (top >= INFINITE) atomic_min(p.flag, p.place);
}

// Rotary turn of f32 heads in place, as checkpoints order their elements.
KERNEL(rope_rows, 256, 1, PARAM(RopeRows) p) {
  const float* turn = p.turns + (size_t)p.position[blockIdx.x] * p.pairs * 2;
  const int dim = p.ld / p.heads;
  for (int i = threadIdx.x; i < p.heads * p.pairs; i += 256) {
    const int pair = i % p.pairs, a = p.apart ? pair : 2 * pair;
    float* x = p.x + (size_t)blockIdx.x * p.ld + (size_t)(i / p.pairs) * dim + a;
    float* y = x + (p.apart ? p.apart : 1);
    const float cosine = turn[2 * pair], sine = turn[2 * pair + 1], x0 = *x, y0 = *y;
    *x = x0 * cosine - y0 * sine;
    *y = y0 * cosine + x0 * sine;
  }
}

// Logits of chosen tokens: a warp per (row, token), in f32: by lanes, then a butterfly.
KERNEL(choice_logits, 128, 1, PARAM(ChoiceLogits) p) {
  const int i = blockIdx.x * 4 + (threadIdx.x >> 5), lane = threadIdx.x & 31;
  if (i >= p.count) return;
  const int token = p.asks[2 * i + 1];
  const float* x = p.x + (size_t)p.asks[2 * i] * p.ld;
  const size_t row = (size_t)token * p.k, plane = (size_t)p.b_rows * p.k;
  float sum = 0.f;
  for (int c = lane; c < p.width; c += 32) sum = fmaf(x[c], joined(p.table, row + c, plane, p.planes), sum);
  sum = warp_sum(sum);
  if (lane == 0) p.out[i] = capped(sum * p.b_inv[token], cap_of(p.cap));
}

// (largest, sum) of 256 columns each -> those of the whole vocabulary, tile by tile in f64. A thread per row.
KERNEL(fold_sums, 256, 1, PARAM(FoldSums) p) {
  const int row = blockIdx.x * 256 + threadIdx.x;
  if (row >= p.n) return;
  const float* in = p.in + (size_t)row * p.tiles * 2;
  float top = in[0];
  for (int t = 1; t < p.tiles; t++) top = in[2 * t] > top || in[2 * t] != in[2 * t] ? in[2 * t] : top;
  double sum = 0.0;
  for (int t = 0; t < p.tiles; t++) sum += (double)in[2 * t + 1] * (double)exp_approx(in[2 * t] - top);
  p.out[2 * row] = (double)top;
  p.out[2 * row + 1] = sum;
}

// The largest logits of a row, one after the other: each round looks for what comes next behind the last one found.
KERNEL(top_tokens, 256, 1, PARAM(TopTokens) p) {
  SHARED(shared);
  float* values = (float*)shared;
  int* ids = (int*)shared + 32;
  const float* logits = p.logits + (size_t)blockIdx.x * p.ld;
  const Cap cap = cap_of(p.cap);
  float last = bits_f32(INFINITE);
  int last_id = -1;
  for (int round = 0; round < p.count; round++) {
    float best = -bits_f32(INFINITE);
    int id = p.vocab;
    for (int c = threadIdx.x; c < p.vocab; c += 256) {
      const float v = capped(logits[c], cap);
      const bool behind = v < last || (v == last && c > last_id);
      if (behind && (v > best || (v == best && c < id))) best = v, id = c;
    }
    for (int d = 16; d; d >>= 1) {
      const float v = shuffle_xor(best, d);
      const int c = shuffle_xor(id, d);
      if (v > best || (v == best && c < id)) best = v, id = c;
    }
    __syncthreads();
    if ((threadIdx.x & 31) == 0) values[threadIdx.x >> 5] = best, ids[threadIdx.x >> 5] = id;
    __syncthreads();
    for (int w = 0; w < 8; w++)
      if (values[w] > best || (values[w] == best && ids[w] < id)) best = values[w], id = ids[w];
    if (threadIdx.x == 0) {
      p.values[(size_t)blockIdx.x * p.count + round] = best;
      p.ids[(size_t)blockIdx.x * p.count + round] = id;
    }
    last = best, last_id = id;
  }
}

// What planes hold, as f32 rows.
KERNEL(join_planes, 256, 1, PARAM(JoinPlanes) p) {
  const float by = (p.inv ? p.inv[blockIdx.x] : 1.f) * p.scale;
  for (int c = threadIdx.x; c < p.width; c += 256) {
    const size_t at = (size_t)blockIdx.x * p.k + c / p.src_group * p.dst_group + c % p.src_group;
    p.out[(size_t)blockIdx.x * p.ld + c] = joined(p.in, at, (size_t)p.in_rows * p.k, p.planes) * by;
  }
}
