// Attention of the prefix tree by depth, for every GPU since Ampere: softmax(cap(scale * q K^T)) V for the heads of an item's tokens.
//   attention_mma_<dim>_<planes of v>(Attention)
// Block (item, kv head, 128 columns of the output); a row is (token, head of the group), up to R = 64 of them (32 for dim 512), 16 a
// warp. Keys are taken by *depth*, 64 at a time from depth 0 (or from the 64 that hold the first key in the window), whatever nodes,
// packs or paths they lie in: rows[] gives each depth's row. A key that a row does not see weighs exactly 0 and leaves its maximum
// alone, so a row's bits depend on its own prompt only, not on sharing, packing or the rows of its tile.
// q and k always have two planes (three products), v one or two, and so have the weights and the output.
// Shared memory: q, and a ring of two stages of 64 keys x 64 columns of K or V, both planes; 128-byte rows, chunks placed by xor.
// Numerics: scores, maximum, sums and output f32, base 2; weights enter the second product times 2^15 so that f16 holds small ones.
#include "numbers.cuh"

constexpr int KEYS = 64, SLICE = 64, STAGE = 2 * KEYS * SLICE * 2;
constexpr float WEIGHT_SCALE = 32768.f, UNSEEN = -3e38f;
DEV u32 at(int row, int chunk) { return row * 128 + ((chunk ^ (row & 7)) << 4); }

template <int D, int V> DEV void attention(const Attention& p) {
  constexpr int R = D == 512 ? 32 : 64, THREADS = 2 * R, OUT = D < 128 ? D : 128, KS = D / SLICE, VS = OUT / SLICE;
  SHARED(shared);
  const u32 sq = shared_address(shared), ring = sq + 2 * R * D * 2;
  const AttentionItem item = p.items[blockIdx.x];
  const int kv_head = blockIdx.y, tid = threadIdx.x, warp = tid >> 5, lane = tid & 31, n_rows = item.tokens * p.group;
  const int kv_width = p.kv_heads * D, width = kv_width * p.group, last = item.depth + item.tokens - 1;
  const int start = max(0, item.depth - p.window + 1) / KEYS * KEYS, steps = (last - start) / KEYS * (KS + VS) + KS + VS;

#pragma unroll 1
  for (int i = tid; i < 2 * KS * R * 8; i += THREADS) {  // q by plane and slice
    const int chunk = i & 7, r = i / 8 % R, part = i / 8 / R, slice = part % KS, plane = part / KS;
    const bool there = r < n_rows;
    const size_t row = there ? item.q_row + r / p.group : 0, column = (size_t)(kv_head * p.group + (there ? r % p.group : 0)) * D + slice * SLICE + chunk * 8;
    cp_async(sq + part * R * 128 + at(r, chunk), p.q + ((size_t)plane * p.q_rows + row) * width + column, there);
  }
  // Step s: slice s % (KS + VS) of the keys' K, then of V's columns of this block, for the (s / (KS + VS))-th 64 depths.
  auto load = [&](int step) {
    if (step < steps) {
      const int part = step % (KS + VS), k0 = start + step / (KS + VS) * KEYS;
      const bool of_k = part < KS;
      const int column = kv_head * D + (of_k ? part * SLICE : (int)blockIdx.z * OUT + (part - KS) * SLICE) + (tid & 7) * 8;
      const u16* path = of_k ? p.k_path : p.v_path;
      const u16* pass = of_k ? p.k_pass : p.v_pass;
      const u32 stage = ring + (step & 1) * STAGE;
#pragma unroll
      for (int r = 0; r < KEYS; r += THREADS / 8) {
        const int key = r + (tid >> 3);
        const bool there = k0 + key <= last;
        const int row = there ? p.rows[item.path + k0 + key] : 0;
        const bool on_path = row < p.path_cap;
        const u16* from = (on_path ? path : pass) + (size_t)(on_path ? row : row - p.path_cap) * kv_width + column;
        const size_t plane = (size_t)(on_path ? p.path_cap : p.pass_cap) * kv_width;
        cp_async(stage + at(key, tid & 7), from, there);
        if (of_k || V == 2) cp_async(stage + STAGE / 2 + at(key, tid & 7), from + (there ? plane : 0), there);
      }
    }
    cp_async_commit();
  };
  int step = 0;
  // The stage of this step has landed for all, and all have left the other, which is loaded next.
  auto next = [&] {
    cp_async_wait<0>();
    __syncthreads();
    load(step + 1);
    return ring + (step++ & 1) * STAGE;
  };
  load(0);

  float o[VS * 8][4], top[2] = {UNSEEN, UNSEEN}, sum[2] = {0.f, 0.f};
#pragma unroll
  for (int n = 0; n < VS * 8; n++)
#pragma unroll
    for (int i = 0; i < 4; i++) o[n][i] = 0.f;
  const Cap cap = cap_of(p.cap);
  int depth[2];  // of this lane's two rows
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const int r = warp * 16 + lane / 4 + 8 * h;
    depth[h] = item.depth + (r < n_rows ? r / p.group : 0);
  }

#pragma unroll 1
  for (int k0 = start; k0 <= last; k0 += KEYS) {
    float s[8][4];
#pragma unroll
    for (int j = 0; j < 8; j++)
#pragma unroll
      for (int i = 0; i < 4; i++) s[j][i] = 0.f;
#pragma unroll 1
    for (int part = 0; part < KS; part++) {
      const u32 stage = next();
#pragma unroll
      for (int k = 0; k < 4; k++) {
        u32 hi[4], lo[4];
        const u32 q = sq + part * R * 128 + at(warp * 16 + (lane & 15), k * 2 + (lane >> 4));
        ldmatrix(hi, q);
        ldmatrix(lo, q + KS * R * 128);
#pragma unroll
        for (int j = 0; j < 8; j += 2) {
          u32 kh[4], kl[4];
          const u32 key = stage + at(j * 8 + ((lane >> 4) << 3) + (lane & 7), k * 2 + ((lane >> 3) & 1));
          ldmatrix(kh, key);
          ldmatrix(kl, key + STAGE / 2);
          mma_16816(s[j], lo, kh[0], kh[1]);
          mma_16816(s[j + 1], lo, kh[2], kh[3]);
          mma_16816(s[j], hi, kl[0], kl[1]);
          mma_16816(s[j + 1], hi, kl[2], kl[3]);
          mma_16816(s[j], hi, kh[0], kh[1]);
          mma_16816(s[j + 1], hi, kh[2], kh[3]);
        }
      }
    }
    // Scores to weights.
#pragma unroll
    for (int h = 0; h < 2; h++) {
      float now = top[h];
      u32 seen = 0;
#pragma unroll
      for (int j = 0; j < 8; j++)
#pragma unroll
        for (int i = 0; i < 2; i++) {
          const int behind = depth[h] - (k0 + 8 * j + 2 * (lane & 3) + i);
          const bool sees = behind >= 0 && behind < p.window;
          float& x = s[j][2 * h + i];
          x = sees ? capped(x * p.score_scale, cap) * LOG2E : UNSEEN;
          seen |= (u32)sees << (2 * j + i);
          now = fmaxf(now, x);
        }
      now = fmaxf(now, shuffle_xor(now, 1));
      now = fmaxf(now, shuffle_xor(now, 2));
      const float fade = exp2_approx(top[h] - now);
      top[h] = now;
      float part = 0.f;
#pragma unroll
      for (int j = 0; j < 8; j++)
#pragma unroll
        for (int i = 0; i < 2; i++) {
          float& x = s[j][2 * h + i];
          x = seen >> (2 * j + i) & 1 ? exp2_approx(x - now) : 0.f;
          part += x;
        }
      part += shuffle_xor(part, 1);
      part += shuffle_xor(part, 2);
      sum[h] = sum[h] * fade + part;
#pragma unroll
      for (int n = 0; n < VS * 8; n++) o[n][2 * h] *= fade, o[n][2 * h + 1] *= fade;
    }
    u32 wh[4][4], wl[4][4];  // weights as factors: 16 keys each
#pragma unroll
    for (int k = 0; k < 4; k++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const float x = s[2 * k + i / 2][i % 2 * 2] * WEIGHT_SCALE, y = s[2 * k + i / 2][i % 2 * 2 + 1] * WEIGHT_SCALE;
        wh[k][i] = pack_f16x2(x, y);
        if (V == 2) wl[k][i] = pack_f16x2(x - from_f16((u16)wh[k][i]), y - from_f16((u16)(wh[k][i] >> 16)));
      }
#pragma unroll
    for (int part = 0; part < VS; part++) {
      const u32 stage = next();
#pragma unroll
      for (int k = 0; k < 4; k++)
#pragma unroll
        for (int n = 0; n < 8; n += 2) {
          float(*to)[4] = o + part * 8 + n;
          u32 vh[4], vl[4];
          const u32 value = stage + at(k * 16 + (lane & 15), n + (lane >> 4));
          ldmatrix_trans(vh, value);
          if (V == 2) {
            ldmatrix_trans(vl, value + STAGE / 2);
            mma_16816(to[0], wl[k], vh[0], vh[1]);
            mma_16816(to[1], wl[k], vh[2], vh[3]);
            mma_16816(to[0], wh[k], vl[0], vl[1]);
            mma_16816(to[1], wh[k], vl[2], vl[3]);
          }
          mma_16816(to[0], wh[k], vh[0], vh[1]);
          mma_16816(to[1], wh[k], vh[2], vh[3]);
        }
    }
  }
  cp_async_wait<0>();
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const int r = warp * 16 + lane / 4 + 8 * h;
    if (r >= n_rows) continue;
    const float by = div_rn(1.f, sum[h] * WEIGHT_SCALE);
    u16* hi = p.out + (size_t)(item.q_row + r / p.group) * width + (size_t)(kv_head * p.group + r % p.group) * D + blockIdx.z * OUT + 2 * (lane & 3);
    u16* lo = V == 2 ? hi + (size_t)p.out_rows * width : nullptr;
#pragma unroll
    for (int n = 0; n < VS * 8; n++) put_pair(hi + 8 * n, lo ? lo + 8 * n : nullptr, o[n][2 * h] * by, o[n][2 * h + 1] * by);
  }
}

#define ENTRY_(dim, v, threads) \
  KERNEL(attention_mma_##dim##_##v, threads, 1, PARAM(Attention) p) { attention<dim, v>(p); }
#define ENTRY(dim, threads) ENTRY_(dim, 1, threads) ENTRY_(dim, 2, threads)
#if !defined(HEAD) || HEAD == 64
ENTRY(64, 128)
#endif
#if !defined(HEAD) || HEAD == 128
ENTRY(128, 128)
#endif
#if !defined(HEAD) || HEAD == 256
ENTRY(256, 128)
#endif
#if !defined(HEAD) || HEAD == 512
ENTRY(512, 64)
#endif
