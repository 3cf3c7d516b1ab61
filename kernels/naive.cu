// Naive products and attention: a thread per element, f32 sums one after the other, nothing clever. The oracle on the device
// that the fast sets are compared with, and the last resort where they fail. Same buffers, structures and results.
//
// Products: block (row, 256 columns); thread t makes the value of column t, then the block finishes its 256 columns from shared
// memory. Any m, n; k a multiple of 64. Numerics: fmaf over k from 0 on, planes joined (22 bits, exact in f32).
#include "heads.cuh"

struct Tile { float* value; float* parts; int row, first, column; };
DEV Tile naive_tile(const Product& p, unsigned char* shared) {
  Tile t = {(float*)shared, (float*)shared + 256, (int)blockIdx.x, (int)blockIdx.y * 256, (int)(blockIdx.y * 256 + threadIdx.x)};
  float sum = 0.f;
  if (t.column < p.n) {
    const size_t a = (size_t)t.row * p.k, b = (size_t)t.column * p.k, a_plane = (size_t)p.a_rows * p.k, b_plane = (size_t)p.b_rows * p.k;
    for (int k = 0; k < p.k; k++) sum = fmaf(joined(p.a, a + k, a_plane, p.a_planes), joined(p.b, b + k, b_plane, p.b_planes), sum);
    sum = sum * ((p.a_inv ? p.a_inv[t.row] : 1.f) * p.scale) * p.b_inv[t.column];
    if (p.bias) sum += p.bias[t.column];
  }
  t.value[threadIdx.x] = sum;
  __syncthreads();
  return t;
}

// f32 rows: store, add, or act(value) * side.
KERNEL(product_naive_rows, 256, 1, PARAM(Product) p, PARAM(ToRows) e) {
  SHARED(shared);
  const Tile t = naive_tile(p, shared);
  if (t.column >= p.n) return;
  float v = t.value[threadIdx.x];
  float* out = e.out + (size_t)t.row * e.ld + t.column;
  if (e.mode == ROWS_ADD) v += *out;
  if (e.mode == ROWS_SIDE) v = activate(v, e.act) * e.side[(size_t)t.row * e.side_ld + t.column];
  *out = v;
}

// Planes of act(gate) * up.
KERNEL(product_naive_gate, 256, 1, PARAM(Product) p, PARAM(ToGate) e) {
  SHARED(shared);
  const Tile t = naive_tile(p, shared);
  const int j = threadIdx.x;
  if (j >= 128 || t.first / 2 + j >= p.n / 2) return;
  const float gate = t.value[j / 8 * 16 + j % 8], up = t.value[j / 8 * 16 + j % 8 + 8];
  u16* hi = e.out + (size_t)t.row * (p.n / 2) + t.first / 2 + j;
  put(hi, p.a_planes == 2 ? hi + (size_t)e.out_rows * (p.n / 2) : nullptr, activate(gate, e.act) * up * e.g_scale[t.row]);
}

// q, k, v planes. Heads of 64, 128 or 256, a warp each.
KERNEL(product_naive_heads, 256, 1, PARAM(Product) p, PARAM(ToHeads) e) {
  SHARED(shared);
  const Tile t = naive_tile(p, shared);
  const int warp = threadIdx.x >> 5;
  if (warp * e.dim >= 256 || t.first + warp * e.dim >= p.n) return;
  finish_head([&](int c) { return t.value[warp * e.dim + c]; }, t.first / e.dim + warp, t.row, e, -1.f);
}

// (largest logit, sum of exp(logit - largest)) of the block's columns.
KERNEL(product_naive_sums, 256, 1, PARAM(Product) p, PARAM(ToSums) e) {
  SHARED(shared);
  const Tile t = naive_tile(p, shared);
  const bool there = t.column < p.n;
  const Cap cap = cap_of(e.cap);
  const float logit = capped(t.value[threadIdx.x], cap);
  float top = capped(t.value[0], cap);
  for (int c = 1; c < 256 && t.first + c < p.n; c++) top = fmaxf(top, capped(t.value[c], cap));
  const float sum = block_sum(there ? exp_approx(logit - top) : 0.f, t.parts);
  if (threadIdx.x == 0) {
    float* out = e.out + ((size_t)t.row * e.tiles + blockIdx.y) * 2;
    out[0] = top;
    out[1] = sum;
  }
}

// Attention of an item's tokens over their path by depth, 64 keys at a time. Block (item, kv head) of 128 threads; rows
// (token, head of the group) one after the other; thread t < 64 makes the score of key t, every thread some columns of the output.
KERNEL(attention_naive, 128, 1, PARAM(Attention) p) {
  SHARED(shared);
  float* weight = (float*)shared;
  const AttentionItem item = p.items[blockIdx.x];
  const int kv_head = blockIdx.y, tid = threadIdx.x, kv_width = p.kv_heads * p.dim, width = kv_width * p.group;
  const size_t q_plane = (size_t)p.q_rows * width, path_plane = (size_t)p.path_cap * kv_width, pass_plane = (size_t)p.pass_cap * kv_width;
  const Cap cap = cap_of(p.cap);
  for (int r = 0; r < item.tokens * p.group; r++) {
    const int depth = item.depth + r / p.group;
    const size_t q = (size_t)(item.q_row + r / p.group) * width + (size_t)(kv_head * p.group + r % p.group) * p.dim;
    const int first = max(0, depth - p.window + 1);
    float o[4] = {0.f, 0.f, 0.f, 0.f}, top = -3e38f, sum = 0.f;
    for (int k0 = first / 64 * 64; k0 <= depth; k0 += 64) {
      float score = -3e38f;
      const int key = k0 + tid;
      const bool seen = tid < 64 && key >= first && key <= depth;
      if (seen) {
        const int row = p.rows[item.path + key];
        const bool on_path = row < p.path_cap;
        const u16* k = on_path ? p.k_path : p.k_pass;
        const size_t at = (size_t)(on_path ? row : row - p.path_cap) * kv_width + (size_t)kv_head * p.dim;
        score = 0.f;
        for (int c = 0; c < p.dim; c++)
          score = fmaf(joined(p.q, q + c, q_plane, 2), joined(k, at + c, on_path ? path_plane : pass_plane, 2), score);
        score = capped(score * p.score_scale, cap) * LOG2E;
      }
      __syncthreads();
      if (tid < 64) weight[tid] = score;
      __syncthreads();
      float now = top;
      for (int i = 0; i < 64; i++) now = fmaxf(now, weight[i]);
      const float fade = exp2_approx(top - now);
      top = now;
      __syncthreads();
      if (tid < 64) weight[tid] = seen ? exp2_approx(score - top) : 0.f;
      __syncthreads();
      sum *= fade;
      for (int i = 0; i < 4; i++) o[i] *= fade;
      for (int i = 0; i < 64; i++) {
        if (k0 + i < first || k0 + i > depth) continue;
        sum += weight[i];
        const int row = p.rows[item.path + k0 + i];
        const bool on_path = row < p.path_cap;
        const u16* v = on_path ? p.v_path : p.v_pass;
        const size_t at = (size_t)(on_path ? row : row - p.path_cap) * kv_width + (size_t)kv_head * p.dim;
        for (int j = 0; j < 4; j++)
          if (tid + 128 * j < p.dim)
            o[j] = fmaf(weight[i], joined(v, at + tid + 128 * j, on_path ? path_plane : pass_plane, p.v_planes), o[j]);
      }
    }
    for (int j = 0; j < 4; j++)
      if (tid + 128 * j < p.dim) {
        u16* hi = p.out + q + tid + 128 * j;
        put(hi, p.v_planes == 2 ? hi + (size_t)p.out_rows * width : nullptr, div_rn(o[j], sum));
      }
    __syncthreads();
  }
}
