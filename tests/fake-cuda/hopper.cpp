// sm_90a: mbarriers, TMA, clusters, wgmma.
#include "machine.h"

namespace emu {
namespace {
void complete(Mbarrier* m) {
  if (!(m->state & 0x7fff) && m->bytes == 0) m->state = (u16)(((m->state & 0x8000) ^ 0x8000) | m->count);
}
Mbarrier* mbarrier(u32 bar) {
  if (bar & 7) fail("an mbarrier at %u, no multiple of 8", bar & 0xfffff);
  return (Mbarrier*)shared_at(bar, 8);
}
u32 swizzle(u32 offset) { return offset ^ ((offset >> 7) & 7) << 4; }

// 16 elements of k from `row` of a K-major operand under the 128-byte swizzle.
void operand_row(float* to, u64 descriptor, int row) {
  const u32 start = (u32)(descriptor & 0x3fff) << 4, stride = (u32)(descriptor >> 32 & 0x3fff) << 4;
  u16 values[16];
  for (int half = 0; half < 2; half++) {
    const u32 at = swizzle(start + row / 8 * stride + row % 8 * 128 + half * 16);
    memcpy(values + 8 * half, shared_at(at, 16), 16);
    READS(shared_at(at, 16), 16);
  }
  widen(to, values, 16);
}

// One product of a warpgroup, computed by its first thread for all 128.
void product(Fiber* f, size_t group, size_t op) {
  const Wgmma o = f[0].products[group][op];
  if ((o.a >> 62) != 1 || (o.b >> 62) != 1) fail("wgmma: a descriptor without the 128-byte swizzle");
  alignas(64) static float a[64][16], b[16][256], d[64][256];
  bool zero = true;
  float row[16];
  for (int c = 0; c < 256; c++) {
    operand_row(row, o.b, c);
    for (int k = 0; k < 16; k++) b[k][c] = row[k], zero &= row[k] == 0.f;
  }
  for (int r = 0; r < 64; r++) operand_row(a[r], o.a, r);
  for (int t = 0; t < 128; t++) {
    const Wgmma& p = f[t].products[group][op];
    if (p.a != o.a || p.b != o.b || p.add != o.add) fail("the threads of a warpgroup issue different wgmma");
    const int r0 = t / 32 * 16 + t % 32 / 4, c0 = 2 * (t % 4);
    for (int j = 0; j < 32; j++)
      for (int h = 0; h < 2; h++)
        for (int e = 0; e < 2; e++) d[r0 + 8 * h][8 * j + c0 + e] = o.add ? p.d[4 * j + 2 * h + e] : 0.f;
  }
  // Columns of zeros, of which a narrow matrix has many, add nothing to finite rows.
  bool used[32];
  for (int j = 0; j < 32; j++) {
    used[j] = false;
    for (int k = 0; k < 16; k++)
      for (int c = 0; c < 8; c++) used[j] |= b[k][8 * j + c] != 0.f;
  }
  for (int r = 0; r < 64; r++) {
    float sum = 0;
    bool some = false;
    for (int k = 0; k < 16; k++) sum += a[r][k] * 0.f, some |= a[r][k] != 0.f;
    const bool finite = sum == 0.f;
    if (!some && finite && zero) continue;
    for (int j = 0; j < 32; j++)
      if (used[j] || !finite) tensor_core(&d[r][8 * j], 256, a[r], &b[0][8 * j], 256, 1, 8);
  }
  for (int t = 0; t < 128; t++) {
    float* to = f[t].products[group][op].d;
    const int r0 = t / 32 * 16 + t % 32 / 4, c0 = 2 * (t % 4);
    for (int j = 0; j < 32; j++)
      for (int h = 0; h < 2; h++)
        for (int e = 0; e < 2; e++) to[4 * j + 2 * h + e] = d[r0 + 8 * h][8 * j + c0 + e];
  }
}
}  // namespace
}  // namespace emu

using namespace emu;

void mbarrier_init(u32 bar, u32 arrivals) { *mbarrier(bar) = {0, (u16)arrivals, (u16)arrivals}; }
void mbarrier_arrive_at(u32 bar, u32 rank) {
  Mbarrier* m = mbarrier(bar | (rank + 1) << 20);
  RELEASE(m);
  if (!(m->state & 0x7fff)) fail("more arrivals at an mbarrier than it waits for");
  m->state--;
  complete(m);
}
void mbarrier_expect(u32 bar, u32 bytes) {
  mbarrier(bar)->bytes += (int)bytes;
  mbarrier_arrive_at(bar, cluster_rank());
}
void mbarrier_wait(u32 bar, u32 parity) {
  Fiber* me = machine.current;
  Mbarrier* m = mbarrier(bar);
  while ((u32)(m->state >> 15) == parity) {
    me->site = "mbarrier", me->line = (int)(bar & 0xfffff);
    me->phase = m, me->parity = parity;
    yield();
  }
  ACQUIRE(m);
}

void tma_load_multicast(u32 to, const TensorMap* map, u32 bar, int x, int y, u16 mask) {
  MapFields t;
  memcpy(&t, map, sizeof t);
  if (t.magic != MAP_MAGIC) fail("TMA: not a tensor map");
  if (to & 1023) fail("TMA: destination %u is no multiple of 1024, as the 128-byte swizzle wants", to);
  shared_at(to, t.box_rows * t.box_columns * 2);
  for (auto& block : machine.cluster->blocks) {
    if (!(mask >> block->rank & 1)) continue;
    Block* b = block.get();
    fly([=] {
      if (!b->alive) fail("TMA to a block of the cluster that has ended");
      const int bytes = (int)t.box_columns * 2;
      for (u32 r = 0; r < t.box_rows; r++)
        for (int chunk = 0; chunk < bytes; chunk += 16) {
          u16 values[8] = {};
          const int64_t row = (int64_t)y + r, column = (int64_t)x + chunk / 2;
          if (row >= 0 && (u64)row < t.rows)
            for (int i = 0; i < 8; i++)
              if (column + i >= 0 && (u64)(column + i) < t.columns) memcpy(values + i, t.base + row * t.pitch + (column + i) * 2, 2);
          unsigned char* at = b->shared + swizzle(to + r * bytes + chunk);
          WRITES(at, 16);
          memcpy(at, values, 16);
        }
      auto* m = (Mbarrier*)(b->shared + bar);
      RELEASE(m);
      m->bytes -= (int)t.box_rows * bytes;
      complete(m);
    });
  }
}

u32 cluster_rank() { return (u32)machine.current->block->rank; }
void cluster_sync() { wait(machine.cluster->barrier, machine.cluster->alive, "cluster_sync", 0); }

void wgmma_m64n256k16(float (&d)[128], u64 a, u64 b, int add) { machine.current->open_products.push_back({d, a, b, add != 0}); }
void wgmma_commit() {
  Fiber* me = machine.current;
  me->products.push_back(std::move(me->open_products));
  me->open_products.clear();
}
// All 128 threads meet, the first computes what is no longer among the newest, all go on.
void wgmma_wait_for(int newest) {
  Fiber* me = machine.current;
  Block& block = *me->block;
  const int first = me->index & ~127;
  Barrier& group = block.warpgroups[me->index / 128];
  wait(group, 128, "wgmma.wait_group", newest);
  if (me->index == first) {
    Fiber* f = &block.fibers[first];
    const size_t all = f->products.size(), n = (int)all > newest ? all - newest : 0;
    for (int t = 1; t < 128; t++)
      if (f[t].products.size() != all) fail("the threads of a warpgroup issue different wgmma");
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < f->products[i].size(); j++) product(f, i, j);
    for (int t = 0; t < 128; t++) f[t].products.erase(f[t].products.begin(), f[t].products.begin() + n);
  }
  wait(group, 128, "wgmma.wait_group", newest);
}
