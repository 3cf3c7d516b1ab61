#include "check.h"

// ---- loading: every plane bit for bit
namespace {
struct Stored { vector<unsigned char> bytes; vector<float> values; int dtype; };
// Random values as a file holds them, sizes over many powers of two; some are zero, negative zero, or below f32's normal numbers.
Stored stored_matrix(int rows, int cols, int dtype, int spread) {
  Stored s{{}, {}, dtype};
  for (int i = 0; i < rows * cols; i++) {
    float v = uniform() * exp2f((float)(int)(dice() % (2 * spread + 1)) - spread);
    if (i % 13 == 5) v = 0.f;
    if (i % 17 == 3) v = -0.f;
    if (i % 19 == 7 && dtype != DTYPE_F16) v = bits_f32(dice() & 0x800fffff);
    u32 bits = f32_bits(v);
    if (dtype == DTYPE_F16) bits = to_f16(v), v = from_f16((u16)bits);
    if (dtype == DTYPE_BF16) bits >>= 16, v = bits_f32(bits << 16);
    for (int b = 0; b < (dtype == DTYPE_F32 ? 4 : 2); b++) s.bytes.push_back((unsigned char)(bits >> 8 * b));
    s.values.push_back(v);
  }
  return s;
}

void packed(int rows, int cols, const vector<int>& dtypes, bool by_rows, bool by_columns, int planes, int exponent) {
  vector<Stored> from;
  for (int d : dtypes) from.push_back(stored_matrix(rows, cols, d, 20));
  const int out_rows = by_rows ? rows * (int)from.size() + 3 : rows, width = by_columns ? (cols + 63) / 64 * 64 + 64 : (cols + 63) / 64 * 64;
  vector<int> source(out_rows, -1), columns(width, -1);
  vector<int> places(out_rows), slots(width);
  std::iota(places.begin(), places.end(), 0);
  std::iota(slots.begin(), slots.end(), 0);
  std::shuffle(places.begin(), places.end(), dice);
  std::shuffle(slots.begin(), slots.end(), dice);
  for (int t = 0; t < (int)from.size(); t++)
    for (int r = 0; r < rows; r++) source[by_rows ? places[t * rows + r] : r] = 4 * r + t;
  for (int c = 0; c < cols; c++) columns[by_columns ? slots[c] : c] = c;
  const size_t plane = (size_t)out_rows * width;
  vector<u16> out(plane * planes + 1, NOTHING);
  vector<float> inverse(out_rows + 1, -1.f);
  auto bytes = [&](size_t i) { return i < from.size() ? (const void*)from[i].bytes.data() : nullptr; };
  auto type = [&](size_t i) { return i < from.size() ? from[i].dtype : -1; };
  const Pack p = {bytes(0), bytes(1), bytes(2), by_rows ? source.data() : nullptr, by_columns ? columns.data() : nullptr, out.data(), inverse.data(),
                  type(0), type(1), type(2), out_rows, cols, width, planes, exp2f(exponent), exp2f(-exponent), 0};
  launch("pack", {(unsigned)((plane / 2 + 4095) / 4096), 1, 1}, 1024, p);
  bool same = out.back() == NOTHING && inverse.back() == -1.f;
  for (int r = 0; r < out_rows; r++) {
    same &= inverse[r] == exp2f(-exponent);
    for (int c = 0; c < width; c++) {
      const bool there = source[r] >= 0 && columns[c] >= 0;
      const float v = there ? from[source[r] & 3].values[(size_t)(source[r] >> 2) * cols + columns[c]] * exp2f(exponent) : 0.f;
      const u16 hi = to_f16(v);
      same &= out[(size_t)r * width + c] == hi && (planes == 1 || out[plane + (size_t)r * width + c] == to_f16(v - from_f16(hi)));
    }
  }
  expect("pack " + std::to_string(from.size()) + " of " + std::to_string(rows) + " x " + std::to_string(cols) + (by_rows ? " by rows" : "") + (by_columns ? " by columns" : "") + ", planes " +
             std::to_string(planes) + ", types " + std::to_string(type(0)) + std::to_string(type(1)) + std::to_string(type(2)),
         same);
}

void measured(int rows, int cols, int dtype, bool weighted) {
  const Stored s = stored_matrix(rows, cols, dtype, 6);
  const vector<float> w = numbers(cols);
  Measured out = {0, 0, 77};
  const Measure p = {s.bytes.data(), weighted ? w.data() : nullptr, &out, rows, cols, dtype, 0};
  launch("measure", {(unsigned)(rows + 7) / 8, 1, 1}, 2048, p);
  float largest = 0;
  double squares = 0;
  for (int r = 0; r < rows; r++) {
    double sum = 0;
    for (int c = 0; c < cols; c++) {
      const double v = s.values[(size_t)r * cols + c];
      largest = std::max(largest, fabsf((float)v));
      sum += pow(weighted ? v * w[c] : v, 2);
    }
    squares = std::max(squares, sum);
  }
  double got;
  memcpy(&got, &out.squares, 8);
  const std::string what = "measure " + std::to_string(rows) + " x " + std::to_string(cols) + (weighted ? " weighted" : "") + ", type " + std::to_string(dtype);
  report(what, relative({got}, {squares}), 1e-14);
  expect(what + ": the largest", bits_f32(out.largest) == largest && out.pad_ == 77);
}
}  // namespace

void loading() {
  for (int dtype : {DTYPE_F32, DTYPE_F16, DTYPE_BF16}) {
    measured(small ? 9 : 21, small ? 33 : 70, dtype, dtype == DTYPE_F16);
    packed(3, small ? 37 : 71, {dtype}, false, false, dtype == DTYPE_F32 ? 2 : 1, 5);
  }
  measured(1, 5, DTYPE_BF16, true);
  // Infinities and NaN, whatever their sign, are above every number.
  for (u32 bits : {0x7f80u, 0xff80u, 0x7fc0u, 0xffc0u}) {
    Stored s = stored_matrix(2, 40, DTYPE_BF16, 3);
    s.bytes[2 * 77] = (unsigned char)bits, s.bytes[2 * 77 + 1] = (unsigned char)(bits >> 8);
    Measured out = {};
    launch("measure", {1, 1, 1}, 2048, Measure{s.bytes.data(), nullptr, &out, 2, 40, DTYPE_BF16, 0});
    double squares;
    memcpy(&squares, &out.squares, 8);
    expect("measure: what is not finite shows", out.largest >= 0x7f800000 && !std::isfinite(squares));
  }
  packed(small ? 3 : 10, 40, {DTYPE_BF16, DTYPE_F16, DTYPE_F32}, true, false, 2, -3);
  packed(small ? 3 : 10, 40, {DTYPE_BF16, DTYPE_BF16}, true, false, 1, 14);
  packed(5, 24, {DTYPE_BF16}, false, true, 1, 30);
  packed(5, 24, {DTYPE_F32}, false, true, 2, 100);
  packed(small ? 5 : 70, 130, {DTYPE_F32, DTYPE_F32, DTYPE_F32}, true, true, 2, 0);  // more than one block
}
