#include "check.h"

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
    vector<u16> out((size_t)v_planes * (rows + 1) * width, NOTHING);
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
  const bool beyond = std::all_of(out.begin() + (size_t)rows * width, out.begin() + (size_t)(rows + 1) * width, [](u16 x) { return x == NOTHING; });
  report(name, beyond ? relative(got, want) : INFINITY, v_planes == 2 ? 4e-6 : 1e-3);
  if (!small) expect(name + ", one token an item: same bits", out == compute(false));
}
