// f16 and the tensor core's arithmetic.
#include "machine.h"
#include <cstdlib>
#include <cstring>
#if defined(__F16C__)
#include <immintrin.h>
#endif

u16 to_f16(float x) {
#if defined(__F16C__)
  return (u16)_cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT);
#else
  _Float16 h = (_Float16)x;
  u16 u;
  memcpy(&u, &h, 2);
  return u;
#endif
}
float from_f16(u16 u) {
#if defined(__F16C__)
  return _cvtsh_ss(u);
#else
  _Float16 h;
  memcpy(&h, &u, 2);
  return (float)h;
#endif
}

namespace emu {
int capability() {
  static const int cc = (int)environment("EMU_CC", 90);
  return cc;
}

bool is_meant(const char* setting, const char* kernel) {
  const char* text = getenv(setting);
  return text && *text && strstr(kernel, text);
}

void widen(float* to, const u16* from, int n) {
#if defined(__F16C__)
  for (int i = 0; i < n; i += 8) _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)(from + i))));
#else
  for (int i = 0; i < n; i++) to[i] = from_f16(from[i]);
#endif
}

namespace {
// One row, 8 columns, one block of `K` elements of k. Everything is per column, so that the compiler makes vectors of it.
template <int K, int EXTRA> inline void add_block(float* d, const float* a, const float* b, int b_ld) {
  float p[K][8];
  int top[8], sum[8];
  float up[8], down[8];
  for (int c = 0; c < 8; c++) top[c] = (int)(f32_bits(d[c]) & 0x7fffffff);
  for (int i = 0; i < K; i++)
    for (int c = 0; c < 8; c++) {
      p[i][c] = a[i] * b[i * b_ld + c];
      const int u = (int)(f32_bits(p[i][c]) & 0x7fffffff);
      top[c] = top[c] > u ? top[c] : u;
    }
  int most = 0;
  for (int c = 0; c < 8; c++) most = most > top[c] ? most : top[c];
  if (most >= 0x7f800000) {  // infinities and NaN go their way
    for (int c = 0; c < 8; c++)
      for (int i = 0; i < K; i++) d[c] += p[i][c];
    return;
  }
  for (int c = 0; c < 8; c++) {
    int e = top[c] & 0x7f800000;
    const int least = (25 + EXTRA) << 23;  // below, the scale itself would overflow
    e = e > least ? e : least;
    up[c] = bits_f32((u32)(((254 + 23 + EXTRA) << 23) - e));
    down[c] = bits_f32((u32)(e - ((23 + EXTRA) << 23)));
  }
  for (int c = 0; c < 8; c++) sum[c] = (int)(d[c] * up[c]);
  for (int i = 0; i < K; i++)
    for (int c = 0; c < 8; c++) sum[c] += (int)(p[i][c] * up[c]);
  for (int c = 0; c < 8; c++) {
    // Cut to 24 bits: clear what lies below the top 24.
    const int m = sum[c] < 0 ? -sum[c] : sum[c];
    int cut = m;
    cut = m >= 1 << 24 ? m & ~1 : cut;
    cut = m >= 1 << 25 ? m & ~3 : cut;
    cut = m >= 1 << 26 ? m & ~7 : cut;
    cut = m >= 1 << 27 ? m & ~15 : cut;
    cut = m >= 1 << 28 ? m & ~31 : cut;
    cut = m >= 1 << 29 ? m & ~63 : cut;
    cut = m >= 1 << 30 ? m & ~127 : cut;
    d[c] = (float)(sum[c] < 0 ? -cut : cut) * down[c];
  }
}

void add_exactly(float* d, const float* a, const float* b, int b_ld) {
  for (int c = 0; c < 8; c++) {
    double s = d[c];
    for (int i = 0; i < 16; i++) s += (double)a[i] * b[i * b_ld + c];
    d[c] = (float)s;
  }
}
}  // namespace

void tensor_core(float* d, int d_ld, const float* a, const float* b, int b_ld, int rows, int columns) {
  static const bool nearest = [] { const char* v = getenv("EMU_TC"); return v && !strcmp(v, "nearest"); }();
  static const char* faulty = getenv("EMU_WRONG");
  const bool hopper = capability() >= 90;
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < columns; c += 8) {
      float* to = d + r * d_ld + c;
      const float* row = a + 16 * r;
      if (nearest) {
        add_exactly(to, row, b + c, b_ld);
      } else if (hopper) {
        add_block<16, 2>(to, row, b + c, b_ld);
      } else {
        add_block<8, 1>(to, row, b + c, b_ld);
        add_block<8, 1>(to, row + 8, b + 8 * b_ld + c, b_ld);
      }
    }
  if (faulty && is_meant("EMU_WRONG", machine.kernel)) d[(rows - 1) * d_ld] *= 1.25f;
}
}  // namespace emu
