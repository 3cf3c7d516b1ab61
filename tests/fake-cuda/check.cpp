// The kernels against sums in f64, launched by name on the emulator without driver or host code: what race.sh and faults.sh run,
// and the first place to look when a test of the program fails. Prints a line per check; exit code 1 if one is wrong.
//   check [rows] [naive] [mma] [wgmma] [attention] [attention-naive] [attention-mma] [small] [first]
// small: the least sizes that still have tails; first: ends with the first that is wrong.
#include "machine.h"
#include "params.cuh"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <numeric>

namespace {
using std::vector;
bool wrong = false, small = false, first_only = false;

std::mt19937 dice(1);
float uniform() { return (float)(int)(dice() % 200001 - 100000) / 100000.f; }
vector<float> numbers(size_t n, float by = 1.f) {
  vector<float> v(n);
  for (float& x : v) x = by * uniform() * expf(uniform());
  return v;
}

template <class... P> void launch(const std::string& name, emu::Dim grid, size_t shared, const P&... parameters) {
  void* p[] = {(void*)&parameters...};
  emu::kernels().at(name).bind(p)(grid, shared);
}

void report(const std::string& what, double error, double limit) {
  const bool right = error <= limit;
  printf("%-64s %9.1e  %s\n", what.c_str(), error, right ? "right" : "WRONG");
  fflush(stdout);
  if (!right) wrong = true;
  if (wrong && first_only) exit(1);
}
void expect(const std::string& what, bool right) {
  printf("%-64s            %s\n", what.c_str(), right ? "right" : "WRONG");
  fflush(stdout);
  if (!right) wrong = true;
  if (wrong && first_only) exit(1);
}
double relative(const vector<double>& got, const vector<double>& want) {
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

// ---- products
struct Case { int m, n, k, pa, pb; };
template <class E> void multiply(const std::string& set, const std::string& epilogue, const Planes& a, const Planes& b, const float* bias, float scale, int first, int m, const E& e) {
  Product p = {};
  p.a = a.data.data() + (size_t)first * a.k, p.b = b.data.data(), p.a_inv = a.inv.data() + first, p.b_inv = b.inv.data(), p.bias = bias;
  p.a_rows = a.apart, p.b_rows = b.apart, p.m = m, p.n = b.rows, p.k = a.k, p.scale = scale, p.a_planes = a.count, p.b_planes = b.count;
  const std::string planes = "_" + std::to_string(a.count) + std::to_string(b.count);
  const unsigned tiles_n = (unsigned)(p.n + 255) / 256;
  if (set == "naive") {
    launch("product_naive_" + epilogue, {(unsigned)m, tiles_n, 1}, 2048, p, e);
  } else if (set == "mma") {
    launch("product_mma_" + epilogue + planes, {(unsigned)(m + 127) / 128 * tiles_n, 1, 1}, 98304, p, e);
  } else {
    TensorMap ta = a.map();
    emu::MapFields t;
    memcpy(&t, &ta, sizeof t);
    t.base += (size_t)first * a.k * 2, t.rows -= first;
    memcpy(&ta, &t, sizeof t);
    const unsigned pairs = (unsigned)(m + 255) / 256 * tiles_n;
    launch("product_wgmma_" + epilogue + planes, {2 * std::min(pairs, 2u), 1, 1}, 196672, ta, b.map(), p, e);
  }
}

double tolerance(const Case& c) { return (c.pa == 1 || c.pb == 1 ? 0 : 0) + 2e-6 + 2e-9 * c.k; }

void products(const std::string& set) {
  vector<Case> cases;
  if (small) cases = {{5, 40, 70, 2, 2}, {130, 264, 64, 1, 1}};
  else cases = {{300, 520, 448, 2, 1}, {5, 328, 200, 1, 1}, {130, 264, 130, 2, 2}, {70, 41, 576, 2, 1}};
  for (const Case& c : cases) {
    const vector<float> x = numbers((size_t)c.m * c.k), w = numbers((size_t)c.n * c.k, 0.05f), bias = numbers(c.n);
    const Planes a(x, c.m, c.k, c.pa, 3), b(w, c.n, c.k, c.pb, 8);
    const std::string size = " " + std::to_string(c.m) + "x" + std::to_string(c.n) + "x" + std::to_string(c.k) + " planes " + std::to_string(c.pa) + std::to_string(c.pb);
    vector<double> value((size_t)c.m * c.n);
    for (int i = 0; i < c.m; i++)
      for (int j = 0; j < c.n; j++) {
        double s = 0;
        for (int k = 0; k < c.k; k++) s += a.value(i, k) * b.value(j, k);
        value[(size_t)i * c.n + j] = s * 0.5 + bias[j];
      }
    const int ld = (c.n + 1) / 2 * 2;
    for (int mode : {ROWS_STORE, ROWS_ADD, ROWS_SIDE}) {
      vector<float> out((size_t)c.m * ld, mode == ROWS_ADD ? 0.25f : NAN), side = numbers((size_t)c.m * ld);
      multiply(set, "rows", a, b, bias.data(), 0.5f, 0, c.m, ToRows{out.data(), side.data(), ld, ld, mode, ACT_SILU});
      vector<double> got, want;
      for (int i = 0; i < c.m; i++)
        for (int j = 0; j < c.n; j++) {
          const double v = value[(size_t)i * c.n + j];
          got.push_back(out[(size_t)i * ld + j]);
          want.push_back(mode == ROWS_STORE ? v : mode == ROWS_ADD ? v + 0.25 : v / (1 + exp(-v)) * side[(size_t)i * ld + j]);
        }
      report("product " + set + " rows " + (mode == ROWS_STORE ? "store" : mode == ROWS_ADD ? "add" : "side") + size, relative(got, want), tolerance(c));
    }
    if (c.pa == 2) {
      const int tiles = (c.n + 255) / 256;
      for (float cap : {0.f, 3.f}) {
        vector<float> out((size_t)c.m * tiles * 2, NAN);
        multiply(set, "sums", a, b, bias.data(), 0.5f, 0, c.m, ToSums{out.data(), tiles, cap});
        vector<double> got, want;
        for (int i = 0; i < c.m; i++)
          for (int t = 0; t < tiles; t++) {
            double s = 0;
            for (int j = 256 * t; j < std::min(c.n, 256 * t + 256); j++) {
              const double v = value[(size_t)i * c.n + j];
              s += exp(cap > 0 ? cap * tanh(v / cap) : v);
            }
            got.push_back(out[2 * ((size_t)i * tiles + t)] + log(out[2 * ((size_t)i * tiles + t) + 1]));
            want.push_back(log(s));
          }
        report("product " + set + " sums" + (cap > 0 ? " capped" : "") + size, relative(got, want), 2 * tolerance(c));
      }
    }
  }
  // Gate: n a multiple of 128, columns of 8 gate, 8 up.
  for (int act : {ACT_SILU, ACT_GELU_TANH}) {
    const Case c = small ? Case{9, 128, 64, 2, 1} : Case{140, 384, 320, 2, 1};
    const vector<float> x = numbers((size_t)c.m * c.k), w = numbers((size_t)c.n * c.k, 0.05f), bias = numbers(c.n);
    const Planes a(x, c.m, c.k, c.pa, 3), b(w, c.n, c.k, c.pb);
    vector<u16> out((size_t)2 * (c.m + 5) * (c.n / 2), 0x7e00);
    vector<float> g_scale(c.m);
    for (int i = 0; i < c.m; i++) g_scale[i] = exp2f((float)(i % 5 + 4));
    multiply(set, "gate", a, b, bias.data(), 1.f, 0, c.m, ToGate{out.data(), g_scale.data(), c.m + 5, act});
    vector<double> got, want;
    for (int i = 0; i < c.m; i++)
      for (int j = 0; j < c.n / 2; j++) {
        double v[2];
        for (int h = 0; h < 2; h++) {
          const int col = j / 8 * 16 + j % 8 + 8 * h;
          v[h] = bias[col];
          for (int k = 0; k < c.k; k++) v[h] += a.value(i, k) * b.value(col, k);
        }
        const double z = act == ACT_SILU ? v[0] : 1.5957691216 * (v[0] + 0.044715 * v[0] * v[0] * v[0]);
        want.push_back(v[0] / (1 + exp(-z)) * v[1]);
        const size_t at = (size_t)i * (c.n / 2) + j;
        got.push_back(((double)from_f16(out[at]) + from_f16(out[at + (size_t)(c.m + 5) * (c.n / 2)])) / g_scale[i]);
      }
    report("product " + set + " gate " + (act == ACT_SILU ? "silu" : "gelu"), relative(got, want), 4e-6);
  }
  // A row's bits do not depend on the rows beside it.
  {
    const int m = small ? 131 : 300, n = 264, k = 128, first = small ? 127 : 259, some = small ? 4 : 41;
    const Planes a(numbers((size_t)m * k), m, k, 2), b(numbers((size_t)n * k, 0.05f), n, k, 1);
    vector<float> all((size_t)m * n), part((size_t)some * n);
    multiply(set, "rows", a, b, nullptr, 1.f, 0, m, ToRows{all.data(), nullptr, n, 0, ROWS_STORE, 0});
    multiply(set, "rows", a, b, nullptr, 1.f, first, some, ToRows{part.data(), nullptr, n, 0, ROWS_STORE, 0});
    expect("product " + set + " rows alone have the same bits", !memcmp(all.data() + (size_t)first * n, part.data(), part.size() * 4));
  }
}

// ---- heads: the reference works on padded columns, as the kernels do
struct HeadCase { int m, k, q, kv, dim, d; bool norm, value_norm, bias; };
void heads(const std::string& set, const HeadCase& c, bool whole_row = false) {
  const int n = (c.q + 2 * c.kv) * c.dim, half = c.dim / 2, positions = 40;
  vector<float> x = numbers((size_t)c.m * c.k), w((size_t)n * c.k, 0.f), bias(n, 0.f), qn(c.dim * (whole_row ? c.q : 1), 0.f), kn(c.dim * (whole_row ? c.kv : 1), 0.f), turns((size_t)positions * c.dim);
  auto real = [&](int col) { const int i = col % c.dim; return i / 16 * 8 + i % 8 < c.d / 2; };  // of q and k; v: the first d
  for (int j = 0; j < n; j++) {
    const bool there = j / c.dim < c.q + c.kv ? real(j) : j % c.dim < c.d;
    for (int k = 0; k < c.k; k++) w[(size_t)j * c.k + k] = there ? 0.2f * uniform() : 0.f;
    bias[j] = there && c.bias ? uniform() : 0.f;
  }
  for (size_t j = 0; j < qn.size(); j++) qn[j] = real((int)j) ? 1.5f + uniform() : 0.f;
  for (size_t j = 0; j < kn.size(); j++) kn[j] = real((int)j) ? 1.5f + uniform() : 0.f;
  for (int p = 0; p < positions; p++)
    for (int i = 0; i < half; i++) turns[((size_t)p * half + i) * 2] = cosf(p * 0.3f / (i + 1)), turns[((size_t)p * half + i) * 2 + 1] = sinf(p * 0.3f / (i + 1));
  vector<int> position(c.m);
  for (int i = 0; i < c.m; i++) position[i] = (i * 7) % positions;
  const Planes a(x, c.m, c.k, 2, 2), b(w, n, c.k, 1);
  const int qw = c.q * c.dim, kw = c.kv * c.dim;
  vector<u16> q((size_t)2 * (c.m + 1) * qw, 0x7e00), k((size_t)2 * (c.m + 2) * kw, 0x7e00), v((size_t)2 * (c.m + 3) * kw, 0x7e00);
  ToHeads t = {};
  t.q = q.data(), t.k = k.data(), t.v = v.data();
  if (c.norm) t.q_norm = qn.data(), t.k_norm = kn.data();
  t.turns = turns.data(), t.position = position.data();
  t.q_rows = c.m + 1, t.k_rows = c.m + 2, t.v_rows = c.m + 3, t.q_heads = c.q, t.k_heads = t.v_heads = c.kv;
  t.dim = c.dim, t.true_dim = c.d, t.value_norm = c.value_norm, t.whole_row = whole_row, t.eps = 1e-5f;
  t.q_scale = 8, t.k_scale = 16, t.v_scale = 32, t.v_planes = 2;
  vector<float> rows((size_t)c.m * n);
  vector<double> value((size_t)c.m * n);
  for (int i = 0; i < c.m; i++)
    for (int j = 0; j < n; j++) {
      double s = bias[j];
      for (int e = 0; e < c.k; e++) s += a.value(i, e) * b.value(j, e);
      value[(size_t)i * n + j] = s;
      rows[(size_t)i * n + j] = (float)s;
    }
  if (set == "rows") {
    launch("head_rows", {(unsigned)c.m, 1, 1}, 1024, HeadRows{rows.data(), nullptr, c.m, n, c.dim, 0, t});
  } else {
    multiply(set, "heads", a, b, bias.data(), 1.f, 0, c.m, t);
  }
  vector<double> got, want;
  for (int i = 0; i < c.m; i++)
    for (int h = 0; h < c.q + 2 * c.kv; h++) {
      const double* x = &value[(size_t)i * n + (size_t)h * c.dim];
      const int kind = h < c.q ? 0 : h < c.q + c.kv ? 1 : 2, own = h - (kind == 0 ? 0 : kind == 1 ? c.q : c.q + c.kv);
      vector<double> y(x, x + c.dim);
      const vector<float>& weight = kind == 0 ? qn : kn;
      const bool normed = kind == 2 ? c.value_norm : c.norm;
      if (normed) {
        double s = 0;
        const bool whole = whole_row && kind < 2;
        if (whole) for (int j = 0; j < (kind == 0 ? qw : kw); j++) { const double z = value[(size_t)i * n + (kind == 0 ? 0 : qw) + j]; s += z * z; }
        else for (double z : y) s += z * z;
        const double by = 1 / sqrt(s / (whole ? c.d * (kind == 0 ? c.q : c.kv) : c.d) + 1e-5);
        for (int j = 0; j < c.dim; j++) y[j] *= by * (kind == 2 ? 1 : weight[(whole_row ? own * c.dim : 0) + j]);
      }
      if (kind < 2)
        for (int p = 0; p < half; p++) {
          const int e = p / 8 * 16 + p % 8;
          const double cs = turns[((size_t)position[i] * half + p) * 2], sn = turns[((size_t)position[i] * half + p) * 2 + 1], u = y[e], z = y[e + 8];
          y[e] = u * cs - z * sn, y[e + 8] = z * cs + u * sn;
        }
      const vector<u16>& out = kind == 0 ? q : kind == 1 ? k : v;
      const size_t width = kind == 0 ? qw : kw, plane = (size_t)(c.m + 1 + kind) * width;
      for (int j = 0; j < c.dim; j++) {
        const size_t at = (size_t)i * width + (size_t)own * c.dim + j;
        got.push_back(((double)from_f16(out[at]) + from_f16(out[at + plane])) / (kind == 0 ? 8 : kind == 1 ? 16 : 32));
        want.push_back(y[j]);
      }
    }
  report("heads " + set + " dim " + std::to_string(c.dim) + (c.norm ? whole_row ? " whole-row norm" : " norm" : "") + (c.bias ? " bias" : ""), relative(got, want), 4e-6);
}

// ---- attention: prompts on a shared prefix, rows stored anywhere; shared and alone must have the same bits
void attention(const std::string& set, int dim, int group, int v_planes, int window, float cap) {
  const int kv_heads = small ? 1 : 2, path = small ? 5 : 40, prompts = small ? 1 : 3, prefix = small ? 66 : 70, tail = small ? 3 : 21;
  const int width = kv_heads * group * dim, kv_width = kv_heads * dim, rows = prefix + prompts * tail, cap_rows = path + 3;
  const float score_scale = 1 / sqrtf((float)dim);
  vector<float> q = numbers((size_t)rows * width, 0.7f), k = numbers((size_t)rows * kv_width, 0.7f), v = numbers((size_t)rows * kv_width);
  auto split = [](const vector<float>& x, size_t n, int w, int apart, float s, const vector<int>& place, int count) {
    vector<u16> out((size_t)count * apart * w, 0x7e00);
    for (size_t r = 0; r < n; r++)
      for (int c = 0; c < w; c++) {
        if (place[r] < 0) continue;
        const float y = x[r * w + c] * s;
        const u16 hi = to_f16(y);
        out[(size_t)place[r] * w + c] = hi;
        if (count == 2) out[((size_t)apart + place[r]) * w + c] = to_f16(y - from_f16(hi));
      }
    return out;
  };
  // Rows 0..path are carried, the rest stand in the pass in scrambled order.
  vector<int> on_path(rows, -1), in_pass(rows, -1), key(rows), natural(rows);
  std::iota(natural.begin(), natural.end(), 0);
  vector<int> shuffled(rows - path);
  std::iota(shuffled.begin(), shuffled.end(), 0);
  std::shuffle(shuffled.begin(), shuffled.end(), dice);
  for (int r = 0; r < rows; r++) {
    if (r < path) on_path[r] = r, key[r] = r;
    else in_pass[r] = shuffled[r - path], key[r] = cap_rows + in_pass[r];
  }
  const vector<u16> qp = split(q, rows, width, rows, 16, natural, 2), kpath = split(k, rows, kv_width, cap_rows, 32, on_path, 2), kpass = split(k, rows, kv_width, rows, 32, in_pass, 2);
  const vector<u16> vpath = split(v, rows, kv_width, cap_rows, 64, on_path, v_planes), vpass = split(v, rows, kv_width, rows, 64, in_pass, v_planes);
  Attention p = {};
  p.q = qp.data(), p.k_path = kpath.data(), p.v_path = vpath.data(), p.k_pass = kpass.data(), p.v_pass = vpass.data();
  p.q_rows = rows, p.out_rows = rows + 1, p.path_cap = cap_rows, p.pass_cap = rows, p.group = group, p.kv_heads = kv_heads, p.dim = dim;
  p.window = window, p.score_scale = score_scale / (16 * 32), p.cap = cap, p.v_planes = v_planes;
  const int tile = (dim == 512 ? 32 : 64) / group;
  auto compute = [&](bool shared) {
    vector<AttentionItem> items;
    vector<int> table;
    vector<u16> out((size_t)v_planes * (rows + 1) * width, 0x7e00);
    auto run = [&](int first_row, int n, int depth, const vector<int>& keys) {
      const int at = (int)table.size();
      table.insert(table.end(), keys.begin(), keys.end());
      for (int i = 0; i < n; i += shared ? tile : 1) items.push_back({first_row + i, std::min(shared ? tile : 1, n - i), depth + i, at});
    };
    vector<int> keys(key.begin(), key.begin() + prefix);
    run(0, prefix, 0, keys);
    for (int t = 0; t < prompts; t++) {
      keys.resize(prefix);
      for (int i = 0; i < tail; i++) keys.push_back(key[prefix + t * tail + i]);
      run(prefix + t * tail, tail, prefix, keys);
    }
    p.items = items.data(), p.rows = table.data(), p.out = out.data();
    if (set == "naive") launch("attention_naive", {(unsigned)items.size(), (unsigned)kv_heads, 1}, 2048, p);
    else
      launch("attention_mma_" + std::to_string(dim) + "_" + std::to_string(v_planes), {(unsigned)items.size(), (unsigned)kv_heads, dim > 128 ? dim / 128u : 1u},
             2 * (dim == 512 ? 32 : 64) * dim * 2 + 32768, p);
    return out;
  };
  const vector<u16> out = compute(true);
  vector<double> got, want;
  for (int r = 0; r < rows; r++) {
    vector<int> mine;
    for (int i = 0; i < std::min(prefix, r + 1); i++) mine.push_back(i);
    if (r >= prefix) for (int i = prefix + (r - prefix) / tail * tail; i <= r; i++) mine.push_back(i);
    const int depth = (int)mine.size() - 1, first = std::max(0, depth - window + 1);
    for (int h = 0; h < kv_heads * group; h++) {
      vector<double> s;
      double top = -1e300, sum = 0;
      for (int i = first; i <= depth; i++) {
        double x = 0;
        for (int c = 0; c < dim; c++) x += (double)q[(size_t)r * width + h * dim + c] * k[(size_t)mine[i] * kv_width + h / group * dim + c];
        x *= score_scale;
        s.push_back(cap > 0 ? cap * tanh(x / cap) : x);
        top = std::max(top, s.back());
      }
      for (double& x : s) x = exp(x - top), sum += x;
      for (int c = 0; c < dim; c++) {
        double o = 0;
        for (size_t i = 0; i < s.size(); i++) o += s[i] * v[(size_t)mine[first + i] * kv_width + h / group * dim + c];
        want.push_back(o / sum);
        const size_t at = (size_t)r * width + h * dim + c;
        got.push_back((from_f16(out[at]) + (v_planes == 2 ? (double)from_f16(out[at + (size_t)(rows + 1) * width]) : 0)) / 64);
      }
    }
  }
  const std::string name = "attention " + set + " dim " + std::to_string(dim) + " group " + std::to_string(group) + " v planes " + std::to_string(v_planes) +
                           (window < 1000 ? " window" : "") + (cap > 0 ? " cap" : "");
  report(name, relative(got, want), v_planes == 2 ? 4e-6 : 1e-3);
  if (!small) expect(name + ", one token an item: same bits", out == compute(false));
}

// ---- row kernels
void row_kernels() {
  const int n = small ? 2 : 5, width = small ? 70 : 300, ld = width + 4, k = (width + 63) / 64 * 64;
  const vector<float> x = numbers((size_t)n * ld), w = numbers(width);
  {
    vector<u16> out((size_t)2 * (n + 1) * k, 0x7e00);
    vector<float> inv(n), g(n), gi(n);
    int flag = 1000;
    launch("norm_split", {(unsigned)n, 1, 1}, 1024, NormSplit{x.data(), w.data(), out.data(), inv.data(), g.data(), gi.data(), &flag, n, width, ld, k, n + 1, 2, 1, 7, 1e-5f, 3.f, 50.f, 2.f, 90.f});
    vector<double> got, want;
    bool sound = true, padded = true, tight = true;
    for (int r = 0; r < n; r++) {
      double s = 0, length = 0, top = 0;
      for (int c = 0; c < width; c++) s += (double)x[r * ld + c] * x[r * ld + c];
      const double by = 1 / sqrt(s / width + 1e-5);
      for (int c = 0; c < width; c++) {
        const double y = x[r * ld + c] * by * w[c];
        want.push_back(y);
        length += y * y, top = std::max(top, fabs(y));
        got.push_back(((double)from_f16(out[r * k + c]) + from_f16(out[(n + 1 + r) * k + c])) * inv[r]);
      }
      for (int c = width; c < k; c++) padded &= out[r * k + c] == 0 && out[(n + 1 + r) * k + c] == 0;
      const double bound = (sqrt(length) * 3 + 50) * (sqrt(length) * 2 + 90);
      sound &= g[r] * bound <= 32768 && g[r] * gi[r] == 1.f;
      tight &= g[r] * bound > 16000 && top / inv[r] >= 16383 && top / inv[r] < 32769;
    }
    report("norm_split", relative(got, want), 4e-7);
    expect("norm_split: zeros beyond the width", padded);
    expect("norm_split: nothing exceeds f16, nothing is wasted", sound && tight && flag == 1000);
    vector<float> bad = x;
    bad[ld + width - 1] = NAN;
    launch("norm_split", {(unsigned)n, 1, 1}, 1024, NormSplit{bad.data(), nullptr, out.data(), inv.data(), nullptr, nullptr, &flag, n, width, ld, k, n + 1, 1, 0, 7, 0, 0, 0, 0, 0});
    expect("norm_split: a NaN is noticed", flag == 7);
    int seen = 1000;
    launch("watch", {(unsigned)n, 1, 1}, 1024, Watch{bad.data(), &seen, n, width, ld, 3});
    int quiet = 1000;
    launch("watch", {(unsigned)n, 1, 1}, 1024, Watch{x.data(), &quiet, n, width, ld, 3});
    expect("watch", seen == 3 && quiet == 1000);
  }
  {
    const int group = width / 2;
    vector<float> out((size_t)n * width, 1.f);
    launch("norm_rows", {(unsigned)n, 2, 1}, 1024, NormRows{x.data(), w.data(), out.data(), nullptr, n, width, ld, width, group, 1, 0, 1e-5f});
    vector<double> got(out.begin(), out.end()), want;
    for (int r = 0; r < n; r++)
      for (int h = 0; h < 2; h++) {
        double s = 0;
        for (int c = 0; c < group; c++) s += (double)x[r * ld + h * group + c] * x[r * ld + h * group + c];
        for (int c = 0; c < group; c++) want.push_back(1 + x[r * ld + h * group + c] / sqrt(s / group + 1e-5) * w[c]);
      }
    report("norm_rows, in groups, added", relative(got, want), 4e-7);
  }
  {
    const Planes planes(numbers((size_t)n * width), n, width, 2, 3);
    vector<float> back((size_t)n * (width + 2));
    launch("join_planes", {(unsigned)n, 1, 1}, 1024, JoinPlanes{planes.data.data(), planes.inv.data(), back.data(), n, width, width + 2, n + 3, planes.k, 2, width, width, 2.f});
    bool same = true;
    for (int r = 0; r < n; r++) for (int c = 0; c < width; c++) same &= back[r * (width + 2) + c] == (float)(2 * planes.value(r, c));
    expect("join_planes", same);
  }
  {
    const int vocab = small ? 33 : 700, count = 5;
    vector<float> logits((size_t)n * vocab);
    for (float& l : logits) l = (float)(int)(dice() % 50) - 25;  // many equals
    vector<int> ids(n * count);
    vector<float> values(n * count);
    launch("top_tokens", {(unsigned)n, 1, 1}, 1024, TopTokens{logits.data(), ids.data(), values.data(), n, vocab, vocab, count, 0.f});
    bool same = true;
    for (int r = 0; r < n; r++) {
      vector<int> order(vocab);
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return logits[r * vocab + a] > logits[r * vocab + b]; });
      for (int i = 0; i < count; i++) same &= ids[r * count + i] == order[i] && values[r * count + i] == logits[r * vocab + order[i]];
    }
    expect("top_tokens, smaller id first among equals", same);
    vector<float> sums = {1.f, 2.f, 5.f, 1.5f, -3.f, 9.f, 0.f, 1.f, 0.5f, 3.f, 0.f, 1.f};
    vector<double> folded(4);
    launch("fold_sums", {1, 1, 1}, 1024, FoldSums{sums.data(), folded.data(), 2, 3});
    const double a = log(2 * exp(1.0) + 1.5 * exp(5.0) + 9 * exp(-3.0)), b = log(1 + 3 * exp(0.5) + 1);
    report("fold_sums", std::max(fabs(folded[0] + log(folded[1]) - a), fabs(folded[2] + log(folded[3]) - b)), 1e-6);
  }
  {
    const Planes table(numbers((size_t)9 * width, 0.1f), 9, width, 2);
    vector<int> asks = {0, 3, 1, 8, 1, 0, 0, 8, 1, 4};
    vector<float> out(5);
    launch("choice_logits", {2, 1, 1}, 1024, ChoiceLogits{x.data(), table.data.data(), table.inv.data(), asks.data(), out.data(), 5, width, ld, table.k, 9, 2, 0.f});
    vector<double> got(out.begin(), out.end()), want;
    for (int i = 0; i < 5; i++) {
      double s = 0;
      for (int c = 0; c < width; c++) s += (double)x[asks[2 * i] * ld + c] * table.value(asks[2 * i + 1], c);
      want.push_back(s);
    }
    report("choice_logits", relative(got, want), 1e-6);
  }
  {
    vector<int> pick = {1, 0};
    vector<float> out((size_t)2 * width), sum = x, scaled = x;
    launch("gather_rows", {2, 1, 1}, 1024, Gather{x.data(), pick.data(), out.data(), 2, width, ld, width});
    expect("gather_rows", !memcmp(out.data(), &x[ld], width * 4) && !memcmp(&out[width], &x[0], width * 4));
    launch("add", {(unsigned)n, 1, 1}, 1024, Add{x.data(), sum.data(), n, width, ld, ld});
    launch("scale", {(unsigned)n, 1, 1}, 1024, Scale{scaled.data(), n, width, ld, 2.f});
    bool same = true;
    for (int r = 0; r < n; r++) for (int c = 0; c < width; c++) same &= sum[r * ld + c] == 2 * x[r * ld + c] && scaled[r * ld + c] == 2 * x[r * ld + c];
    expect("add, scale", same);
    vector<u16> table(3 * width);
    for (u16& t : table) t = to_f16(uniform());
    vector<float> rows((size_t)2 * ld);
    launch("embed", {2, 1, 1}, 1024, Embed{table.data(), pick.data(), rows.data(), 2, width, width, ld, DTYPE_F16, 3.f});
    same = true;
    for (int c = 0; c < width; c++) same &= rows[c] == 3.f * from_f16(table[width + c]) && rows[ld + c] == 3.f * from_f16(table[c]);
    expect("embed", same);
    vector<float> gated((size_t)n * width);
    launch("gate_rows", {(unsigned)n, 1, 1}, 1024, GateRows{x.data(), sum.data(), gated.data(), n, width, ld, ld, width, ACT_SILU});
    vector<double> got(gated.begin(), gated.end()), want;
    for (int r = 0; r < n; r++) for (int c = 0; c < width; c++) { const double v = x[r * ld + c]; want.push_back(v / (1 + exp(-v)) * sum[r * ld + c]); }
    report("gate_rows", relative(got, want), 1e-6);
  }
  for (int apart : {0, 5}) {
    const int heads = 2, dim = 12, pairs = 5;
    vector<float> rows = numbers((size_t)n * heads * dim), before = rows, turns = numbers((size_t)4 * pairs * 2);
    vector<int> position(n);
    for (int i = 0; i < n; i++) position[i] = (3 * i) % 4;
    launch("rope_rows", {(unsigned)n, 1, 1}, 1024, RopeRows{rows.data(), turns.data(), position.data(), n, heads * dim, heads, dim, pairs, apart});
    vector<double> got(rows.begin(), rows.end()), want(before.begin(), before.end());
    for (int r = 0; r < n; r++)
      for (int h = 0; h < heads; h++)
        for (int i = 0; i < pairs; i++) {
          const size_t a = (size_t)(r * heads + h) * dim + (apart ? i : 2 * i), b = a + (apart ? apart : 1);
          const double cs = turns[(position[r] * pairs + i) * 2], sn = turns[(position[r] * pairs + i) * 2 + 1];
          want[a] = before[a] * cs - before[b] * sn, want[b] = before[b] * cs + before[a] * sn;
        }
    report(apart ? "rope_rows, apart" : "rope_rows, adjacent", relative(got, want), 1e-6);
  }
  {
    const int kw = 64, pass = 6, path = 4;
    vector<u16> k(2 * pass * kw), v(2 * pass * kw), kp(2 * path * kw, 0), vp(2 * path * kw, 0);
    for (u16& z : k) z = (u16)dice();
    for (u16& z : v) z = (u16)dice();
    vector<int> moves = {5, 0, 2, 3};
    launch("carry", {2, 1, 1}, 1024, Carry{k.data(), v.data(), kp.data(), vp.data(), moves.data(), 2, kw, pass, path, 2});
    bool same = true;
    for (int plane = 0; plane < 2; plane++)
      for (int i = 0; i < 2; i++)
        same &= !memcmp(&kp[(plane * path + moves[2 * i + 1]) * kw], &k[(plane * pass + moves[2 * i]) * kw], 2 * kw) && !memcmp(&vp[(plane * path + moves[2 * i + 1]) * kw], &v[(plane * pass + moves[2 * i]) * kw], 2 * kw);
    expect("carry", same);
  }
  heads("rows", {small ? 2 : 5, 64, 2, 1, 64, 24, false, false, true});
  heads("rows", {small ? 2 : 5, 64, 2, 1, 512, 512, true, true, false});
  heads("rows", {small ? 2 : 5, 64, 2, 1, 64, 32, true, false, false}, true);
}
}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> parts(argv + 1, argv + argc);
  auto asked = [&](const std::string& part) { return std::find(parts.begin(), parts.end(), part) != parts.end(); };
  small = asked("small");
  first_only = asked("first");
  const bool all = (int)parts.size() == small + first_only;
  if (all || asked("rows")) row_kernels();
  for (const char* set : {"naive", "mma", "wgmma"}) {
    if (!all && !asked(set)) continue;
    if (!emu::kernels().count(std::string("product_") + set + "_rows" + (strcmp(set, "naive") ? "_21" : ""))) continue;
    products(set);
    const int m = small ? 3 : 20;
    heads(set, {m, 64, 4, 2, 64, 24, false, false, true});
    heads(set, {m, 64, 2, 1, 128, 128, true, false, false});
    if (!small) heads(set, {m, 64, 2, 1, 256, 200, true, true, true});
  }
  for (const char* set : {"naive", "mma"}) {
    if (!all && !asked("attention") && !asked(std::string("attention-") + set)) continue;
    if (!strcmp(set, "mma") && !emu::kernels().count("attention_mma_64_2")) continue;
    attention(set, 64, small ? 2 : 4, 2, 1 << 30, 0);
    attention(set, 128, 1, 1, 1 << 30, 0);
    if (small && !strcmp(set, "naive")) continue;
    attention(set, 64, 7, 2, 30, 20);
    if (!small) attention(set, 128, 7, 2, 1 << 30, 0);
    if (!small) attention(set, 64, 16, 1, 70, 0);
    attention(set, 256, small ? 1 : 2, 2, small ? 40 : 1 << 30, 0);
    attention(set, 512, small ? 1 : 3, 2, 1 << 30, small ? 0 : 5);
  }
  puts(wrong ? "WRONG" : "all right");
  return wrong;
}
