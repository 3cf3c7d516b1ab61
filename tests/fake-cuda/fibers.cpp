// The scheduler: fibers, barriers, blocks and clusters. Warps go in random order, one round or as far as they can, so that
// they drift apart; unwritten shared memory is NaN and ends at a guard page.
#include "machine.h"
#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>
#if !defined(__x86_64__)
#error "the fiber switch is written for x86-64"
#endif
// Saves this fiber's stack pointer to *save and goes on with another's.
extern "C" void emu_switch(void** save, void* load);
asm(".text\n.hidden emu_switch\n.globl emu_switch\nemu_switch:\n"
    " pushq %rbp\n pushq %rbx\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n"
    " movq %rsp,(%rdi)\n movq %rsi,%rsp\n"
    " popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbx\n popq %rbp\n ret\n");

namespace emu {
namespace {
constexpr size_t STACK = 128 * 1024, PAGE = 4096, MOST_SHARED = 227 * 1024;

struct Pool {  // blocks are kept from launch to launch: stacks and shared memory are dear to map
  std::vector<std::unique_ptr<Block>> blocks;
} pool;

void finish();
void fiber_main() {
  ACQUIRE(machine.cluster);
  (*machine.body)();
  finish();
}

void switch_to(void** save, Fiber* f) {
  machine.current = f;
  RACE(__tsan_switch_to_fiber(f->tsan, __tsan_switch_to_fiber_no_sync));
  emu_switch(save, f->sp);
}

void to_scheduler(void** save) {
  RACE(__tsan_switch_to_fiber(machine.tsan, __tsan_switch_to_fiber_no_sync));
  emu_switch(save, machine.scheduler_sp);
}

// The next fiber of the warp that may run, or the scheduler.
void leave(void** save, Fiber* me) {
  Warp& w = *me->warp;
  for (int i = me->lane + 1; i < w.lanes; i++)
    if (w.fibers[i].runnable()) return switch_to(save, &w.fibers[i]);
  to_scheduler(save);
}

void finish() {
  Fiber* me = machine.current;
  Block& b = *me->block;
  if (!me->copies.empty() || !me->products.empty() || !me->open_products.empty())
    fail("thread %d returned with copies or products in flight", me->index);
  me->done = true;
  me->warp->alive--, b.alive--, b.cluster->alive--;
  RELEASE(machine.cluster);
  if (b.barrier.arrived) fail("thread %d returned while others wait at __syncthreads", me->index);
  if (me->warp->meeting.arrived || me->warp->barrier.arrived) fail("thread %d returned while its warp waits for it", me->index);
  void* gone;
  leave(&gone, me);
}

void prepare(Block& b, Cluster& c, int rank, int threads, size_t shared) {
  if (!b.mapped) {
    const size_t bytes = (MOST_SHARED + PAGE - 1) / PAGE * PAGE + PAGE;
    b.mapped = (unsigned char*)mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b.mapped == MAP_FAILED) fail("no memory for a block");
    mprotect(b.mapped + bytes - PAGE, PAGE, PROT_NONE);
  }
  // The array ends at the guard page, as far as its alignment lets it.
  const size_t top = (MOST_SHARED + PAGE - 1) / PAGE * PAGE;
  b.shared = b.mapped + top - (shared + 1023) / 1024 * 1024;
  b.cluster = &c, b.rank = rank;
  if ((int)b.fibers.size() != threads) {
    for (Fiber& f : b.fibers)
      if (f.stack) munmap(f.stack, STACK);
    b.fibers.assign(threads, Fiber());
    b.warps.assign((threads + 31) / 32, Warp());
    b.warpgroups.assign((threads + 127) / 128, Barrier());
  }
}

void start(Block& b) {
  b.alive = machine.threads;
  b.barrier = {};
  for (Barrier& g : b.warpgroups) g = {};
  memset(b.shared, 0xff, (machine.shared_bytes + 1023) / 1024 * 1024);  // NaN in f16 and f32
  for (int i = 0; i < machine.threads; i++) {
    Fiber& f = b.fibers[i];
    Warp& w = b.warps[i / 32];
    if (i % 32 == 0) {
      w.meeting = w.barrier = {};
      w.fibers = &f;
      w.lanes = w.alive = std::min(32, machine.threads - i);
      w.land_early = machine.random() % 4 == 0;
    }
    f.index = i, f.lane = i % 32, f.warp = &w, f.block = &b, f.done = false;
    f.gate = nullptr, f.phase = nullptr, f.site = nullptr;
    f.tid = {i % machine.block.x, i / machine.block.x % machine.block.y, i / (machine.block.x * machine.block.y)};
    if (!f.stack) {
      f.stack = (char*)mmap(nullptr, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (f.stack == MAP_FAILED) fail("no memory for a thread");
    }
    void** sp = (void**)(f.stack + STACK - 64);
    *--sp = nullptr;
    *--sp = (void*)fiber_main;
    sp -= 6;
    f.sp = sp;
    RACE(f.tsan = __tsan_create_fiber(0));
  }
}

void run_cluster(Cluster& c) {
  RACE(machine.tsan = __tsan_get_current_fiber());
  machine.cluster = &c;
  c.barrier = {};
  c.alive = 0;
  std::vector<Warp*> order;
  for (auto& b : c.blocks) {
    start(*b);
    c.alive += b->alive;
    for (Warp& w : b->warps) order.push_back(&w);
  }
  RELEASE(&c);
  while (c.alive) {
    bool ran = false;
    std::shuffle(order.begin(), order.end(), machine.random);
    for (Warp* w : order) {
      const bool drain = machine.random() % 4;
      do {
        int i = 0;
        while (i < w->lanes && !w->fibers[i].runnable()) i++;
        if (i == w->lanes) break;
        ran = true;
        switch_to(&machine.scheduler_sp, &w->fibers[i]);
      } while (drain);
    }
    if (!c.flying.empty() && (!ran || machine.random() % 2)) {
      const size_t k = machine.random() % c.flying.size();
      auto copy = std::move(c.flying[k]);
      c.flying.erase(c.flying.begin() + k);
      ACQUIRE(&c.flying);
      copy();
    } else if (!ran && c.alive) {
      fail("deadlock");
    }
  }
  if (!c.flying.empty()) fail("blocks ended with %zu TMA copies in flight", c.flying.size());
  // Clusters are ordered here: races between them in global memory are not looked for.
  ACQUIRE(&c);
  machine.current = nullptr;
  RACE(for (auto& b : c.blocks) for (Fiber& f : b->fibers) __tsan_destroy_fiber(f.tsan));
}
}  // namespace

Machine machine;

u64 environment(const char* name, u64 otherwise) {
  const char* v = getenv(name);
  return v && *v ? strtoull(v, nullptr, 0) : otherwise;
}

std::unordered_map<std::string, Kernel>& kernels() {
  static std::unordered_map<std::string, Kernel> all;
  return all;
}

void fail(const char* format, ...) {
  va_list a;
  va_start(a, format);
  fprintf(stderr, "emulated GPU: kernel %s: ", machine.kernel);
  vfprintf(stderr, format, a);
  fprintf(stderr, "\n");
  va_end(a);
  int shown = 0;
  if (machine.current)
    for (auto& b : machine.cluster->blocks)
      for (Fiber& f : b->fibers)
        if (!f.done && f.lane == 0 && shown++ < 24)
          fprintf(stderr, "  block (%u, %u, %u) thread %d at %s (%d)\n", b->bid.x, b->bid.y, b->bid.z, f.index, f.site ? f.site : "-", f.line);
  abort();
}

void yield() {
  Fiber* me = machine.current;
  leave(&me->sp, me);
  me->gate = nullptr;
  me->phase = nullptr;
}

void wait(Barrier& b, int count, const char* site, int line) {
  Fiber* me = machine.current;
  me->site = site, me->line = line;
  if (b.arrived == 0) b.site = site, b.line = line;
  else if (b.site != site || b.line != line)
    fail("thread %d waits at %s (%d), others of the same barrier at %s (%d)", me->index, site, line, b.site, b.line);
  RELEASE(&b);
  if (++b.arrived >= count) {
    b.arrived = 0;
    b.passed++;
  } else {
    me->gate = &b.passed, me->gate_value = b.passed;
    yield();
  }
  ACQUIRE(&b);
  me->site = nullptr;
}

void fly(std::function<void()> copy) {
  RELEASE(&machine.cluster->flying);
  machine.cluster->flying.push_back(std::move(copy));
}

unsigned char* shared_at(u32 address, size_t bytes) {
  Block* b = machine.current->block;
  if (address >> 20) b = machine.cluster->blocks.at((address >> 20) - 1).get();
  if (!b->alive) fail("shared memory of a block of the cluster that has ended");
  const u32 offset = address & 0xfffff;
  if (offset + bytes > machine.shared_bytes) fail("shared address %u is beyond the %zu bytes of the block", offset, machine.shared_bytes);
  return b->shared + offset;
}

const Dim& thread_index() { return machine.current->tid; }
const Dim& block_index() { return machine.current->block->bid; }
const Dim& block_size() { return machine.block; }
const Dim& grid_size() { return machine.grid; }
unsigned char* shared_memory() { return machine.current->block->shared; }
int lane() { return machine.current->lane; }
void block_barrier(int line) {
  Block& b = *machine.current->block;
  wait(b.barrier, b.alive, "__syncthreads", line);
}
void warp_barrier(int line) {
  Warp& w = *machine.current->warp;
  wait(w.barrier, w.alive, "__syncwarp", line);
}

void run(const std::string& name, const Kernel& kernel, Dim grid, size_t shared, const std::function<void()>& body) {
  machine.kernel = name.c_str();
  machine.body = &body;
  machine.grid = grid;
  machine.block = {kernel.threads, 1, 1};
  machine.threads = (int)kernel.threads;
  machine.shared_bytes = shared;
  if (shared > MOST_SHARED) fail("%zu bytes of shared memory asked for", shared);
  if (grid.x % kernel.cluster) fail("a grid of %u is no multiple of the cluster of %d", grid.x, kernel.cluster);
  static const u64 seed = environment("EMU_SEED", 1);
  machine.random.seed(seed);
  Cluster c;
  for (int r = 0; r < kernel.cluster; r++) {
    std::unique_ptr<Block> b;
    if (pool.blocks.empty()) b = std::make_unique<Block>();
    else b = std::move(pool.blocks.back()), pool.blocks.pop_back();
    prepare(*b, c, r, machine.threads, shared);
    c.blocks.push_back(std::move(b));
  }
  // Nothing says in which order blocks run: any that a seed gives.
  const u64 clusters = (u64)grid.x / kernel.cluster * grid.y * grid.z;
  std::vector<u32> order(clusters);
  for (u64 i = 0; i < clusters; i++) order[i] = (u32)i;
  std::shuffle(order.begin(), order.end(), machine.random);
  const u32 across = grid.x / kernel.cluster;
  for (u32 i : order) {
    for (auto& b : c.blocks) b->bid = {i % across * kernel.cluster + b->rank, i / across % grid.y, i / across / grid.y};
    run_cluster(c);
  }
  for (auto& b : c.blocks) pool.blocks.push_back(std::move(b));
  machine.kernel = "-";
}
}  // namespace emu
