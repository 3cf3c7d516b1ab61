// The kernels against sums in f64, launched by name on the emulator without driver or host code: what race.sh and faults.sh run,
// and the first place to look when a test of the program fails. Prints a line per check; exit code 1 if one is wrong.
//   check [rows] [naive] [mma] [wgmma] [attention] [attention-naive] [attention-mma] [small] [first]
// small: the least sizes that still have tails; first: ends with the first that is wrong.
#include "check.h"

namespace {
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

double tolerance(const Case& c) { return 2e-6 + 2e-9 * c.k; }

double activated(double v, int act) { return v / (1 + exp(act == ACT_SILU ? -v : -1.5957691216057308 * (v + 0.044715 * v * v * v))); }

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
    for (int kind = ROWS_STORE; kind <= ROWS_SIDE + 1; kind++) {
      const int mode = std::min(kind, (int)ROWS_SIDE), act = kind == mode ? ACT_SILU : ACT_GELU_TANH, side_ld = ld + 6;
      vector<float> out((size_t)(c.m + 1) * ld, mode == ROWS_ADD ? 0.25f : NAN), side = numbers((size_t)c.m * side_ld);
      std::fill(out.begin() + (size_t)c.m * ld, out.end(), 77.f);
      multiply(set, "rows", a, b, bias.data(), 0.5f, 0, c.m, ToRows{out.data(), side.data(), ld, side_ld, mode, act});
      vector<double> got, want;
      for (int i = 0; i < c.m; i++)
        for (int j = 0; j < c.n; j++) {
          const double v = value[(size_t)i * c.n + j];
          got.push_back(out[(size_t)i * ld + j]);
          want.push_back(mode == ROWS_STORE ? v : mode == ROWS_ADD ? v + 0.25 : activated(v, act) * side[(size_t)i * side_ld + j]);
        }
      report("product " + set + " rows " + (mode == ROWS_STORE ? "store" : mode == ROWS_ADD ? "add" : act == ACT_SILU ? "side silu" : "side gelu") + size,
             std::all_of(out.begin() + (size_t)c.m * ld, out.end(), [](float x) { return x == 77.f; }) ? relative(got, want) : INFINITY, tolerance(c));
    }
    if (c.pa == 2) {
      const int tiles = (c.n + 255) / 256;
      for (float cap : {0.f, 3.f}) {
        vector<float> out((size_t)(c.m + 1) * tiles * 2, NAN);
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
        report("product " + set + " sums" + (cap > 0 ? " capped" : "") + size, std::isnan(out[(size_t)c.m * tiles * 2]) ? relative(got, want) : INFINITY, 2 * tolerance(c));
      }
    }
  }
  // Gate: n a multiple of 128, columns of 8 gate, 8 up.
  for (int kind = 0; kind < (small ? 3 : 4); kind++) {
    const int act = kind % 2 ? ACT_GELU_TANH : ACT_SILU, pa = kind == 2 ? 1 : 2, pb = kind == 3 ? 2 : 1;
    const Case c = small ? Case{9, 128, 64, pa, pb} : Case{140, 384, 320, pa, pb};
    const vector<float> x = numbers((size_t)c.m * c.k), w = numbers((size_t)c.n * c.k, 0.05f), bias = numbers(c.n);
    const Planes a(x, c.m, c.k, c.pa, 3), b(w, c.n, c.k, c.pb);
    vector<u16> out((size_t)2 * (c.m + 5) * (c.n / 2), NOTHING);
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
        want.push_back(activated(v[0], act) * v[1]);
        const size_t at = (size_t)i * (c.n / 2) + j;
        got.push_back(((double)from_f16(out[at]) + (c.pa == 2 ? from_f16(out[at + (size_t)(c.m + 5) * (c.n / 2)]) : 0)) / g_scale[i]);
      }
    const bool beyond = out[(size_t)c.m * (c.n / 2)] == NOTHING && out.back() == NOTHING && (c.pa == 2 || out[(size_t)(c.m + 5) * (c.n / 2)] == NOTHING);
    report("product " + set + " gate " + (act == ACT_SILU ? "silu" : "gelu") + " planes " + std::to_string(c.pa) + std::to_string(c.pb),
           beyond ? relative(got, want) : INFINITY, c.pa == 2 ? 4e-6 : 4e-4);
  }
  // More rows than one band of tiles takes: each equals the same row of a small product.
  if (!small && set != "naive") {
    const int m = set == "mma" ? 1300 : 2500, n = 264, k = 64;
    const Planes a(numbers((size_t)m * k), m, k, 1), b(numbers((size_t)n * k, 0.05f), n, k, 1);
    vector<float> all((size_t)m * n, NAN), some((size_t)64 * n);
    multiply(set, "rows", a, b, nullptr, 1.f, 0, m, ToRows{all.data(), nullptr, n, 0, ROWS_STORE, 0});
    bool same = true;
    for (int first = 0; first < m; first += 64) {
      const int rows = std::min(64, m - first);
      multiply("mma", "rows", a, b, nullptr, 1.f, first, rows, ToRows{some.data(), nullptr, n, 0, ROWS_STORE, 0});
      for (int i = 0; i < rows * n; i++) same &= fabsf(all[(size_t)first * n + i] - some[i]) <= 1e-5f;
    }
    expect("product " + set + " of " + std::to_string(m) + " rows", same);
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

}  // namespace

// ---- heads: the reference works on padded columns, as the kernels do

void heads(const std::string& set, const HeadCase& c, bool whole_row) {
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
  const Planes a(x, c.m, c.k, c.pa, 2), b(w, n, c.k, c.pb);
  const int qw = c.q * c.dim, kw = c.kv * c.dim;
  vector<u16> q((size_t)2 * (c.m + 1) * qw, NOTHING), k((size_t)2 * (c.m + 2) * kw, NOTHING), v((size_t)2 * (c.m + 3) * kw, NOTHING);
  ToHeads t = {};
  t.q = q.data(), t.k = k.data(), t.v = v.data();
  if (c.norm) t.q_norm = qn.data(), t.k_norm = kn.data();
  t.turns = turns.data(), t.position = position.data();
  t.q_rows = c.m + 1, t.k_rows = c.m + 2, t.v_rows = c.m + 3, t.q_heads = c.q, t.k_heads = t.v_heads = c.kv;
  t.dim = c.dim, t.true_dim = c.d, t.value_norm = c.value_norm, t.whole_row = whole_row, t.eps = 1e-5f;
  t.q_scale = 8, t.k_scale = 16, t.v_scale = 32, t.v_planes = c.pa;
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
        got.push_back(((double)from_f16(out[at]) + (kind == 2 && c.pa == 1 ? 0 : from_f16(out[at + plane]))) / (kind == 0 ? 8 : kind == 1 ? 16 : 32));
        want.push_back(y[j]);
      }
    }
  // The row behind the last of each plane is left alone.
  const bool beyond = q[(size_t)c.m * qw] == NOTHING && k[(size_t)c.m * kw] == NOTHING && v[(size_t)c.m * kw] == NOTHING && q.back() == NOTHING && k.back() == NOTHING && v.back() == NOTHING &&
                      (c.pa == 2 || v[(size_t)(c.m + 3) * kw] == NOTHING);
  report("heads " + set + " dim " + std::to_string(c.dim) + (c.norm ? whole_row ? " whole-row norm" : " norm" : "") + (c.bias ? " bias" : "") + " planes " + std::to_string(c.pa) + std::to_string(c.pb),
         beyond ? relative(got, want) : INFINITY, c.pa == 2 ? 4e-6 : 4e-4);
}

int main(int argc, char** argv) {
  std::vector<std::string> parts(argv + 1, argv + argc);
  auto asked = [&](const std::string& part) { return std::find(parts.begin(), parts.end(), part) != parts.end(); };
  small = asked("small");
  first_only = asked("first");
  const bool all = (int)parts.size() == small + first_only;
  if (all || asked("rows")) row_kernels();
  if (all || asked("weights")) loading();
  for (const char* set : {"naive", "mma", "wgmma"}) {
    if (!all && !asked(set)) continue;
    if (!emu::kernels().count(std::string("product_") + set + "_rows" + (strcmp(set, "naive") ? "_21" : ""))) continue;
    products(set);
    const int m = small ? 3 : 20;
    heads(set, {m, 64, 4, 2, 64, 24, false, false, true});
    heads(set, {m, 64, 2, 1, 128, 128, true, false, false});
    heads(set, {m, 64, 2, 1, 64, 40, true, true, true, 1, 1});
    if (!small) heads(set, {m, 64, 2, 1, 256, 200, true, true, true});
    if (!small) heads(set, {140, 64, 3, 1, 128, 96, true, true, true, 2, 2});
  }
  for (const char* set : {"naive", "mma"}) {
    if (!all && !asked("attention") && !asked(std::string("attention-") + set)) continue;
    if (!strcmp(set, "mma") && !emu::kernels().count("attention_mma_64_2")) continue;
    attention(set, 64, small ? 2 : 4, 2, 1 << 30, 0);
    attention(set, 128, 1, 1, 1 << 30, 0);
    if (small && !strcmp(set, "naive")) continue;
    attention(set, 64, 7, 2, 30, 20);
    attention(set, 64, 2, 2, small ? 2 : 5, 0);  // so narrow that the first 64 keys are left out
    if (!small) attention(set, 128, 7, 2, 1 << 30, 0);
    if (!small) attention(set, 64, 16, 1, 70, 0);
    attention(set, 256, small ? 1 : 2, 2, small ? 40 : 1 << 30, 0);
    attention(set, 512, small ? 1 : 3, 2, 1 << 30, small ? 0 : 5);
  }
  puts(wrong ? "WRONG" : "all right");
  return wrong;
}
