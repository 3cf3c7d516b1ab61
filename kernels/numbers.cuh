// Arithmetic that several kernels share: activations, planes and their powers of two, sums over a block.
#pragma once
#include "ptx.cuh"
#include "params.cuh"

constexpr float LOG2E = 1.44269504f;

// e^x within 2^-21 of itself for |x| < 20, and as exp2_approx beyond.
DEV float exp_approx(float x) { return exp2_approx(x * LOG2E); }

// x / (1 + e^-x), and x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) written with the same logistic function, so that nothing
// overflows. No IEEE division: 1 / y within 1 ulp.
DEV float activate(float x, int act) {
  const float inner = act == ACT_SILU ? x : 1.595769f * fmaf(0.044715f * x * x, x, x);
  return x * rcp_approx(1.f + exp_approx(-inner));
}

// tanh within 5e-7 of itself: a polynomial near 0 (Cephes), the logistic form beyond.
DEV float tanh_f32(float x) {
  const float z = x * x;
  float p = fmaf(z, -5.7049887e-3f, 2.063909e-2f);
  p = fmaf(z, p, -5.3739716e-2f);
  p = fmaf(z, p, 1.3331442e-1f);
  p = fmaf(z, p, -3.333328e-1f);
  const float small = fmaf(z * p, x, x);
  const float a = fabsf(x), large = 1.f - 2.f * rcp_approx(1.f + exp_approx(2.f * a));
  return a < 0.625f ? small : x < 0.f ? -large : large;
}
// cap * tanh(x / cap), or x where there is no cap (0).
struct Cap { float at, inverse; };
DEV Cap cap_of(float at) { return {at, at > 0.f ? div_rn(1.f, at) : 0.f}; }
DEV float capped(float x, const Cap& cap) { return cap.at > 0.f ? cap.at * tanh_f32(x * cap.inverse) : x; }

// The power of two that brings `largest` (bits of a value that is not negative) into [2^14, 2^15), where f16 ends just above,
// and its inverse. Values below 2^-112 are taken for that.
struct Power { float scale, inverse; };
DEV Power power_for(u32 largest) {
  const u32 e = min(max(largest >> 23, 15u), 254u);
  return {bits_f32((268u - e) << 23), bits_f32((e - 14u) << 23)};
}

// Two neighbouring elements of a row into its planes, 4 bytes each; `lo` is null with one plane.
DEV void put_pair(u16* hi, u16* lo, float x, float y) {
  const u32 top = pack_f16x2(x, y);
  *(u32*)hi = top;
  if (lo) *(u32*)lo = pack_f16x2(x - from_f16((u16)top), y - from_f16((u16)(top >> 16)));
}
DEV void put(u16* hi, u16* lo, float x) {
  const u16 top = to_f16(x);
  *hi = top;
  if (lo) *lo = to_f16(x - from_f16(top));
}
// hi + lo, exact in f32.
DEV float joined(const u16* planes, size_t at, size_t plane, int count) {
  const float hi = from_f16(planes[at]);
  return count == 2 ? hi + from_f16(planes[plane + at]) : hi;
}

// A stored weight as f32.
DEV float stored(const void* p, size_t at, int dtype) {
  if (dtype == DTYPE_F32) return ((const float*)p)[at];
  const u16 bits = ((const u16*)p)[at];
  return dtype == DTYPE_F16 ? from_f16(bits) : bits_f32((u32)bits << 16);
}

// Over a warp, every lane gets the result; over a block of whole warps likewise, `parts` being room for 32 values that nothing
// else uses meanwhile. One order whatever the data: a butterfly, then warp by warp.
DEV float warp_sum(float x) {
#pragma unroll
  for (int d = 16; d; d >>= 1) x += shuffle_xor(x, d);
  return x;
}
DEV float block_sum(float x, float* parts) {
  x = warp_sum(x);
  __syncthreads();
  if ((threadIdx.x & 31) == 0) parts[threadIdx.x >> 5] = x;
  __syncthreads();
  float s = 0.f;
  for (u32 w = 0; w < blockDim.x >> 5; w++) s += parts[w];
  return s;
}
DEV u32 block_max(u32 x, float* parts) {
#pragma unroll
  for (int d = 16; d; d >>= 1) x = max(x, shuffle_xor(x, d));
  __syncthreads();
  if ((threadIdx.x & 31) == 0) ((u32*)parts)[threadIdx.x >> 5] = x;
  __syncthreads();
  u32 m = 0;
  for (u32 w = 0; w < blockDim.x >> 5; w++) m = max(m, ((u32*)parts)[w]);
  return m;
}
constexpr u32 MAGNITUDE = 0x7fffffff, INFINITE = 0x7f800000;
DEV float inverse_root(float squares, float n, float eps) { return div_rn(1.f, sqrt_rn(div_rn(squares, n) + eps)); }
