// What a warp does together: shuffles, ldmatrix, mma.sync, computed once by the lane that comes last; cp.async; atomics.
#include "machine.h"

namespace emu {
namespace {
// Every lane has filled warp.in[lane]; the last one to come runs `compute`, which fills warp.out; all go on.
template <class F> void together(const char* site, F compute) {
  Fiber* me = machine.current;
  Warp& w = *me->warp;
  Barrier& b = w.meeting;
  if (b.arrived == 0) b.site = site;
  else if (b.site != site) fail("lane %d of a warp is at %s, others at %s", me->lane, site, b.site);
  if (w.alive != w.lanes) fail("%s in a warp some of whose threads have returned", site);
  if (++b.arrived == w.lanes) {
    compute(w);
    b.arrived = 0;
    b.passed++;
  } else {
    me->site = site, me->gate = &b.passed, me->gate_value = b.passed;
    yield();
  }
}

void load_matrix(u32 (&r)[4], u32 address, bool trans) {
  if (address & 15) fail("ldmatrix: address %u is no multiple of 16", address);
  Fiber* me = machine.current;
  READS(shared_at(address, 16), 16);
  me->warp->in[me->lane][0] = address;
  together(trans ? "ldmatrix.trans" : "ldmatrix", [&](Warp& w) {
    for (int i = 0; i < 4; i++) {
      u16 m[8][8];
      for (int row = 0; row < 8; row++) memcpy(m[row], shared_at(w.in[8 * i + row][0], 16), 16);
      for (int l = 0; l < 32; l++) {
        const int x = l / 4, y = 2 * (l % 4);
        w.out[l][i] = trans ? m[y][x] | (u32)m[y + 1][x] << 16 : m[x][y] | (u32)m[x][y + 1] << 16;
      }
    }
  });
  memcpy(r, me->warp->out[me->lane], 16);
}

bool any_not_finite(const u32* words, int n) {
  u32 bad = 0;
  for (int i = 0; i < n; i++) bad |= ((words[i] & 0x7c00) == 0x7c00) | ((words[i] & 0x7c000000) == 0x7c000000);
  return bad;
}
}  // namespace

u32 shuffle(u32 value, int from_lane) {
  Fiber* me = machine.current;
  me->warp->in[me->lane][0] = value;
  me->warp->in[me->lane][1] = (u32)from_lane;
  together("shuffle", [](Warp& w) {
    for (int l = 0; l < w.lanes; l++) {
      const u32 from = w.in[l][1];
      if ((int)from >= w.lanes) fail("shuffle from lane %u of a warp of %d", from, w.lanes);
      w.out[l][0] = w.in[from][0];
    }
  });
  static const bool faulty = getenv("EMU_WRONG");
  // In a float, the second bit behind the point.
  return me->warp->out[me->lane][0] ^ (faulty && is_meant("EMU_WRONG", machine.kernel) ? 1u << 21 : 0);
}

void land(const Copy& c, Block& block) {
  unsigned char* to = block.shared + c.to;
  WRITES(to, 16);
  if (c.there) {
    READS(c.from, 16);
    memcpy(to, c.from, 16);
  } else {
    memset(to, 0, 16);
  }
}
}  // namespace emu

using namespace emu;

void ldmatrix(u32 (&r)[4], u32 address) { load_matrix(r, address, false); }
void ldmatrix_trans(u32 (&r)[4], u32 address) { load_matrix(r, address, true); }

void mma_16816(float* d, const u32 (&a)[4], u32 b0, u32 b1) {
  Fiber* me = machine.current;
  u32* in = me->warp->in[me->lane];
  memcpy(in, a, 16);
  in[4] = b0, in[5] = b1;
  memcpy(in + 6, d, 16);
  together("mma.sync", [](Warp& w) {
    if (w.lanes != 32) fail("mma.sync in a warp of %d", w.lanes);
    // A factor of zeros adds nothing, unless the other holds what is not finite.
    u32 some_a = 0, some_b = 0, bad = 0;
    for (int l = 0; l < 32; l++) {
      some_a |= w.in[l][0] | w.in[l][1] | w.in[l][2] | w.in[l][3];
      some_b |= w.in[l][4] | w.in[l][5];
      bad |= any_not_finite(w.in[l], 6);
    }
    constexpr u32 MAGNITUDE = 0x7fff7fff;
    if (!bad && (!(some_a & MAGNITUDE) || !(some_b & MAGNITUDE))) {
      for (int l = 0; l < 32; l++) memcpy(w.out[l], w.in[l] + 6, 16);
      return;
    }
    alignas(64) u16 a16[16][16], b16[16][8];
    alignas(64) float a[16][16], b[16][8], d[16][8];
    for (int l = 0; l < 32; l++) {
      const int r = l / 4, k = 2 * (l % 4);
      for (int i = 0; i < 4; i++) memcpy(&a16[r + 8 * (i & 1)][k + 8 * (i >> 1)], &w.in[l][i], 4);
      for (int i = 0; i < 2; i++) {
        b16[k + 8 * i][r] = (u16)w.in[l][4 + i];
        b16[k + 8 * i + 1][r] = (u16)(w.in[l][4 + i] >> 16);
      }
      for (int i = 0; i < 2; i++) memcpy(&d[r + 8 * i][k], &w.in[l][6 + 2 * i], 8);
    }
    widen(&a[0][0], &a16[0][0], 256);
    widen(&b[0][0], &b16[0][0], 128);
    tensor_core(&d[0][0], 8, &a[0][0], &b[0][0], 8, 16, 8);
    for (int l = 0; l < 32; l++)
      for (int i = 0; i < 2; i++) memcpy(&w.out[l][2 * i], &d[l / 4 + 8 * i][2 * (l % 4)], 8);
  });
  memcpy(d, me->warp->out[me->lane], 16);
}

u32 shared_address(const void* p) { return (u32)((const unsigned char*)p - machine.current->block->shared); }

void cp_async(u32 to, const void* from, bool there) {
  if ((to & 15) || (there && ((uintptr_t)from & 15))) fail("cp.async: address no multiple of 16");
  shared_at(to, 16);
  machine.current->copies.push_back({to, from, there});
  machine.current->open_copies++;
}
void cp_async_commit() {
  Fiber* me = machine.current;
  if (me->warp->land_early) {  // lands before anything of this thread that follows
    for (const Copy& c : me->copies) land(c, *me->block);
    me->copies.clear();
    me->copy_groups.clear();
  }
  me->copy_groups.push_back(me->warp->land_early ? 0 : me->open_copies);
  me->open_copies = 0;
}
void cp_async_wait_for(int newest) {
  Fiber* me = machine.current;
  const int groups = std::max(0, (int)me->copy_groups.size() - newest);
  int n = 0;
  for (int g = 0; g < groups; g++) n += me->copy_groups[g];
  for (int i = 0; i < n; i++) land(me->copies[i], *me->block);
  me->copies.erase(me->copies.begin(), me->copies.begin() + n);
  me->copy_groups.erase(me->copy_groups.begin(), me->copy_groups.begin() + groups);
}

void atomic_min(int* at, int x) { *at = std::min(*at, x); }
void atomic_add(u32* at, u32 x) { *at += x; }
void atomic_max(u32* at, u32 x) { *at = std::max(*at, x); }
void atomic_max(u64* at, u64 x) { *at = std::max(*at, x); }
