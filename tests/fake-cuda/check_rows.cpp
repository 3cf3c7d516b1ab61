#include "check.h"

// ---- row kernels
void row_kernels() {
  const int n = small ? 2 : 5, width = small ? 70 : 300, ld = width + 4, k = (width + 63) / 64 * 64;
  const vector<float> x = numbers((size_t)n * ld), w = numbers(width);
  {
    vector<u16> out((size_t)2 * (n + 1) * k, 0x7e00);
    vector<float> inv(n), g(n), gi(n);
    int flag = 1000;
    launch("norm_split", {(unsigned)n, 1, 1}, 1024, NormSplit{x.data(), w.data(), out.data(), inv.data(), g.data(), gi.data(), &flag, n, width, ld, k, n + 1, 2, 1, 7, 1e-5f, 30.f, 5.f, 2.f, 90.f});
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
      const double bound = (sqrt(length) * 30 + 5) * (sqrt(length) * 2 + 90);
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
    flag = 3;  // an earlier place stays
    bad[ld + width - 1] = INFINITY;
    launch("norm_split", {(unsigned)n, 1, 1}, 1024, NormSplit{bad.data(), w.data(), out.data(), inv.data(), nullptr, nullptr, &flag, n, width, ld, k, n + 1, 1, 1, 7, 0, 0, 0, 0, 0});
    int infinite = 1000;
    launch("norm_split", {(unsigned)n, 1, 1}, 1024, NormSplit{bad.data(), w.data(), out.data(), inv.data(), nullptr, nullptr, &infinite, n, width, ld, k, n + 1, 1, 1, 7, 0, 0, 0, 0, 0});
    expect("norm_split: an infinity is noticed, at the first place", flag == 3 && infinite == 7);
    int seen = 1000;
    launch("watch", {(unsigned)n, 1, 1}, 1024, Watch{bad.data(), &seen, n, width, ld, 3});
    bad[ld + width - 1] = -INFINITY;
    int infinite_too = 1000, first_place = 2;
    launch("watch", {(unsigned)n, 1, 1}, 1024, Watch{bad.data(), &infinite_too, n, width, ld, 3});
    launch("watch", {(unsigned)n, 1, 1}, 1024, Watch{bad.data(), &first_place, n, width, ld, 3});
    expect("watch: an infinity, the first place", infinite_too == 3 && first_place == 2);
    int quiet = 1000;
    launch("watch", {(unsigned)n, 1, 1}, 1024, Watch{x.data(), &quiet, n, width, ld, 3});
    expect("watch", seen == 3 && quiet == 1000);
  }
  // Rows as they are, with a row of zeros, a tiny and a huge one; one plane and two.
  for (int planes : {1, 2}) {
    vector<float> y((size_t)3 * ld, 0.f);
    for (int c = 0; c < width; c++) y[ld + c] = x[c] * 1e-30f, y[2 * ld + c] = x[ld + c] * 1e30f;
    vector<u16> out((size_t)2 * 4 * k, NOTHING);
    vector<float> inv(3);
    launch("norm_split", {3, 1, 1}, 1024, NormSplit{y.data(), w.data(), out.data(), inv.data(), nullptr, nullptr, nullptr, 3, width, ld, k, 4, planes, 0, 0, 0, 0, 0, 0, 0});
    bool sound = out[3 * k] == NOTHING && out.back() == NOTHING && (planes == 2 || out[4 * k] == NOTHING);
    double worst = 0;
    for (int r = 0; r < 3; r++) {
      vector<double> got, want;
      for (int c = 0; c < width; c++) {
        got.push_back(((double)from_f16(out[r * k + c]) + (planes == 2 ? from_f16(out[(4 + r) * k + c]) : 0)) * inv[r]);
        want.push_back(y[r * ld + c]);
        sound &= r || out[c] == 0;
      }
      if (r) worst = std::max(worst, relative(got, want));
    }
    report("norm_split: zeros, tiny and huge rows, planes " + std::to_string(planes), sound ? worst : INFINITY, planes == 2 ? 2e-7 : 4e-4);
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
    int flag = 9;
    vector<float> bad = x;
    bad[1] = NAN;
    vector<float> plain((size_t)(n + 1) * width, 5.f);
    launch("norm_rows", {(unsigned)n, 1, 1}, 1024, NormRows{x.data(), nullptr, plain.data(), &flag, n, width, ld, width, width, 0, 4, 0.5f});
    const bool quiet = flag == 9;
    got.assign(plain.begin(), plain.end() - width), want.clear();
    for (int r = 0; r < n; r++) {
      double s = 0;
      for (int c = 0; c < width; c++) s += (double)x[r * ld + c] * x[r * ld + c];
      for (int c = 0; c < width; c++) want.push_back(x[r * ld + c] / sqrt(s / width + 0.5));
    }
    report("norm_rows, whole rows, stored", plain.back() == 5.f ? relative(got, want) : INFINITY, 4e-7);
    launch("norm_rows", {(unsigned)n, 1, 1}, 1024, NormRows{bad.data(), nullptr, plain.data(), &flag, n, width, ld, width, width, 0, 4, 0.5f});
    expect("norm_rows: a NaN is noticed", quiet && flag == 4);
  }
  {
    const Planes planes(numbers((size_t)n * width), n, width, 2, 3);
    vector<float> back((size_t)n * (width + 2));
    launch("join_planes", {(unsigned)n, 1, 1}, 1024, JoinPlanes{planes.data.data(), planes.inv.data(), back.data(), n, width, width + 2, n + 3, planes.k, 2, width, width, 2.f});
    bool same = true;
    for (int r = 0; r < n; r++) for (int c = 0; c < width; c++) same &= back[r * (width + 2) + c] == (float)(2 * planes.value(r, c));
    // Heads of 20 elements that are padded to 32; one plane, no power of two.
    vector<u16> padded(64 * 2);
    for (u16& z : padded) z = to_f16(uniform());
    vector<float> joined_rows(2 * 40, NAN);
    launch("join_planes", {2, 1, 1}, 1024, JoinPlanes{padded.data(), nullptr, joined_rows.data(), 2, 40, 40, 2, 64, 1, 20, 32, 0.5f});
    for (int r = 0; r < 2; r++) for (int c = 0; c < 40; c++) same &= joined_rows[r * 40 + c] == 0.5f * from_f16(padded[r * 64 + c / 20 * 32 + c % 20]);
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
    launch("top_tokens", {(unsigned)n, 1, 1}, 1024, TopTokens{logits.data(), ids.data(), values.data(), n, vocab, vocab, count, 30.f});
    for (int r = 0; r < n; r++) for (int i = 0; i < count; i++) same &= fabs(values[r * count + i] - 30 * tanh(logits[r * vocab + ids[r * count + i]] / 30.0)) < 1e-4;
    expect("top_tokens, smaller id first among equals", same);
    vector<float> sums = {1.f, 2.f, 5.f, 1.5f, -3.f, 9.f, 0.f, 1.f, 0.5f, 3.f, 0.f, 1.f};
    vector<double> folded(4);
    launch("fold_sums", {1, 1, 1}, 1024, FoldSums{sums.data(), folded.data(), 2, 3});
    const double a = log(2 * exp(1.0) + 1.5 * exp(5.0) + 9 * exp(-3.0)), b = log(1 + 3 * exp(0.5) + 1);
    vector<float> broken = {1.f, 2.f, NAN, NAN, -3.f, 9.f};
    vector<double> told(2);
    launch("fold_sums", {1, 1, 1}, 1024, FoldSums{broken.data(), told.data(), 1, 3});
    expect("fold_sums: a NaN stays one", std::isnan(told[0] + log(told[1])));
    vector<float> many(600, 1.f);
    vector<double> each(600, -1.);
    launch("fold_sums", {2, 1, 1}, 1024, FoldSums{many.data(), each.data(), 299, 1});
    bool all = each[598] == -1. && each[599] == -1.;
    for (int i = 0; i < 598; i++) all &= each[i] == 1.;
    expect("fold_sums: more rows than a block has threads", all);
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
    const Planes one(numbers((size_t)9 * width, 0.1f), 9, width, 1);
    vector<float> capped_out(6, NAN);
    launch("choice_logits", {2, 1, 1}, 1024, ChoiceLogits{x.data(), one.data.data(), one.inv.data(), asks.data(), capped_out.data(), 5, width, ld, one.k, 9, 1, 2.f});
    got.assign(capped_out.begin(), capped_out.end() - 1), want.clear();
    for (int i = 0; i < 5; i++) {
      double s = 0;
      for (int c = 0; c < width; c++) s += (double)x[asks[2 * i] * ld + c] * one.value(asks[2 * i + 1], c);
      want.push_back(2 * tanh(s / 2));
    }
    report("choice_logits, one plane, capped", std::isnan(capped_out[5]) ? relative(got, want) : INFINITY, 2e-6);
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
    const int part = width - 7;  // some columns of a longer table, and bf16
    vector<float> some((size_t)2 * ld, 6.f), whole((size_t)2 * ld);
    launch("embed", {2, 1, 1}, 1024, Embed{table.data() + 3, pick.data(), some.data(), 2, part, width, ld, DTYPE_BF16, 1.f});
    launch("embed", {2, 1, 1}, 1024, Embed{x.data(), pick.data(), whole.data(), 2, width, ld, ld, DTYPE_F32, 0.5f});
    for (int c = 0; c < part; c++) same &= some[c] == bits_f32((u32)table[width + 3 + c] << 16) && some[ld + c] == bits_f32((u32)table[3 + c] << 16);
    for (int c = 0; c < width; c++) same &= whole[c] == 0.5f * x[ld + c] && whole[ld + c] == 0.5f * x[c];
    expect("embed", same && some[part] == 6.f);
    for (int act : {ACT_SILU, ACT_GELU_TANH}) {
      vector<float> gated((size_t)n * width), up = numbers((size_t)n * (ld + 2));
      launch("gate_rows", {(unsigned)n, 1, 1}, 1024, GateRows{x.data(), up.data(), gated.data(), n, width, ld, ld + 2, width, act});
      vector<double> got(gated.begin(), gated.end()), want;
      for (int r = 0; r < n; r++)
        for (int c = 0; c < width; c++) {
          const double v = x[r * ld + c], z = act == ACT_SILU ? v : 1.5957691216057308 * (v + 0.044715 * v * v * v);
          want.push_back(v / (1 + exp(-z)) * up[r * (ld + 2) + c]);
        }
      report(act == ACT_SILU ? "gate_rows silu" : "gate_rows gelu", relative(got, want), 1e-6);
    }
  }
  {  // wider than one block's part
    const int wide = 1300, apart = 1302;
    const vector<float> y = numbers(2 * apart), z = numbers(2 * apart);
    vector<float> sum = z, scaled = y, gated(2 * apart, 8.f);
    launch("add", {2, 2, 1}, 1024, Add{y.data(), sum.data(), 2, wide, apart, apart});
    launch("scale", {2, 2, 1}, 1024, Scale{scaled.data(), 2, wide, apart, -3.f});
    launch("gate_rows", {2, 2, 1}, 1024, GateRows{y.data(), z.data(), gated.data(), 2, wide, apart, apart, apart, ACT_SILU});
    bool same = true;
    for (int r = 0; r < 2; r++)
      for (int c = 0; c < apart; c++) {
        const size_t i = (size_t)r * apart + c;
        same &= c < wide ? sum[i] == z[i] + y[i] && scaled[i] == -3.f * y[i] : sum[i] == z[i] && scaled[i] == y[i];
        same &= c < wide ? fabs(gated[i] - y[i] / (1 + exp(-(double)y[i])) * z[i]) < 1e-5 : gated[i] == 8.f;
      }
    vector<float> bad = y;
    bad[apart + 1299] = NAN;
    int seen = 100;
    launch("watch", {2, 2, 1}, 1024, Watch{bad.data(), &seen, 2, wide, apart, 6});
    int passed = 100;
    bad = y, bad[1300] = NAN;  // beyond the width
    launch("watch", {2, 2, 1}, 1024, Watch{bad.data(), &passed, 2, wide, apart, 6});
    expect("add, scale, gate_rows, watch of wide rows", same && seen == 6 && passed == 100);
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
    vector<u16> k_one(2 * path * kw, NOTHING), v_one(path * kw, NOTHING);
    launch("carry", {2, 1, 1}, 1024, Carry{k.data(), v.data(), k_one.data(), v_one.data(), moves.data(), 2, kw, pass, path, 1});
    same &= !memcmp(&v_one[3 * kw], &v[2 * kw], 2 * kw) && !memcmp(&k_one[(path + 3) * kw], &k[(pass + 2) * kw], 2 * kw) && v_one[kw] == NOTHING;
    const int wide = 2176;  // more than one round of the block
    vector<u16> kw2(2 * wide), vw2(2 * wide), kp2(2 * wide, 0), vp2(2 * wide, 0);
    for (u16& z : kw2) z = (u16)dice();
    for (u16& z : vw2) z = (u16)dice();
    vector<int> one_move = {0, 0};
    launch("carry", {1, 1, 1}, 1024, Carry{kw2.data(), vw2.data(), kp2.data(), vp2.data(), one_move.data(), 1, wide, 1, 1, 2});
    expect("carry", same && kw2 == kp2 && vw2 == vp2);
  }
  heads("rows", {small ? 2 : 5, 64, 2, 1, 64, 24, false, false, true});
  heads("rows", {small ? 2 : 5, 64, 2, 1, 512, 512, true, true, false});
  heads("rows", {small ? 2 : 5, 64, 2, 1, 64, 32, true, false, false}, true);
}
