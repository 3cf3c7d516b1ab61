// What the parts of the check of kernels share: check.cpp (products, heads, main), check_attention.cpp, check_rows.cpp,
// check_weights.cpp.
#pragma once
#include "machine.h"
#include "params.cuh"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <numeric>

using std::vector;
inline bool wrong = false, small = false, first_only = false;

inline std::mt19937 dice(1);
inline float uniform() { return (float)(int)(dice() % 200001 - 100000) / 100000.f; }
inline vector<float> numbers(size_t n, float by = 1.f) {
  vector<float> v(n);
  for (float& x : v) x = by * uniform() * expf(uniform());
  return v;
}

template <class... P> void launch(const std::string& name, emu::Dim grid, size_t shared, const P&... parameters) {
  void* p[] = {(void*)&parameters...};
  emu::kernels().at(name).bind(p)(grid, shared);
}

inline void report(const std::string& what, double error, double limit) {
  const bool right = error <= limit;
  printf("%-64s %9.1e  %s\n", what.c_str(), error, right ? "right" : "WRONG");
  fflush(stdout);
  if (!right) wrong = true;
  if (wrong && first_only) exit(1);
}
inline void expect(const std::string& what, bool right) {
  printf("%-64s            %s\n", what.c_str(), right ? "right" : "WRONG");
  fflush(stdout);
  if (!right) wrong = true;
  if (wrong && first_only) exit(1);
}
inline double relative(const vector<double>& got, const vector<double>& want) {
  double up = 0, down = 0;
  for (size_t i = 0; i < want.size(); i++) {
    if (!std::isfinite(got[i])) return INFINITY;
    up += (got[i] - want[i]) * (got[i] - want[i]), down += want[i] * want[i];
  }
  return sqrt(up / std::max(down, 1e-300));
}

// f16 planes of rows, each times its own power of two, in a buffer whose rows beyond the real ones are NaN.
struct Planes {
  int rows, width, k, count, apart;
  vector<u16> data;
  vector<float> inv;
  Planes(const vector<float>& x, int rows, int width, int count, int extra = 0)
      : rows(rows), width(width), k((width + 63) / 64 * 64), count(count), apart(rows + extra), data((size_t)count * apart * k, 0x7e00), inv(rows) {
    for (int r = 0; r < rows; r++) {
      float top = 0;
      for (int c = 0; c < width; c++) top = std::max(top, fabsf(x[(size_t)r * width + c]));
      const float s = top > 0 ? exp2f(14 - floorf(log2f(top))) : 1.f;
      inv[r] = 1 / s;
      for (int c = 0; c < k; c++) {
        const float v = c < width ? x[(size_t)r * width + c] * s : 0.f;
        const u16 hi = to_f16(v);
        data[(size_t)r * k + c] = hi;
        if (count == 2) data[((size_t)apart + r) * k + c] = to_f16(v - from_f16(hi));
      }
    }
  }
  double value(int r, int c) const {
    double v = from_f16(data[(size_t)r * k + c]);
    if (count == 2) v += from_f16(data[((size_t)apart + r) * k + c]);
    return v * inv[r];
  }
  TensorMap map() const {
    TensorMap m = {};
    const emu::MapFields t = {(unsigned char*)data.data(), (u64)k, (u64)count * apart, 2ull * k, 64, 128, emu::MAP_MAGIC};
    memcpy(&m, &t, sizeof t);
    return m;
  }
};
// Rows beyond what a kernel may write hold this, and still do afterwards.
constexpr u16 NOTHING = 0x7e00;

void heads(const std::string& set, const struct HeadCase& c, bool whole_row = false);
void attention(const std::string& set, int dim, int group, int v_planes, int window, float cap);
void row_kernels();
void loading();

// Heads of d elements padded to dim; q heads, then kv of k and of v. planes: of the rows and of the weights.
struct HeadCase { int m, k, q, kv, dim, d; bool norm, value_norm, bias; int pa = 2, pb = 1; };
