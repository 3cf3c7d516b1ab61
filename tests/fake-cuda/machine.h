// The emulated machine's state, shared by the emulator's own files. One launch runs at a time, on the thread that waits for it.
#pragma once
#include "ptx.cuh"
#include <deque>
#include <memory>
#include <random>

// ThreadSanitizer as a detector of races between CUDA threads: kernels are compiled with -fsanitize=thread, the emulator is
// not and tells it of fibers, barriers and of the memory that primitives touch.
#if defined(EMU_RACE)
#include <sanitizer/tsan_interface.h>
extern "C" void __tsan_read_range(void*, unsigned long), __tsan_write_range(void*, unsigned long);
#define RACE(x) x
#else
#define RACE(x)
#endif
#define RELEASE(p) RACE(__tsan_release((void*)(p)))
#define ACQUIRE(p) RACE(__tsan_acquire((void*)(p)))
#define READS(p, n) RACE(__tsan_read_range((void*)(p), n))
#define WRITES(p, n) RACE(__tsan_write_range((void*)(p), n))

namespace emu {

struct Mbarrier { int bytes; u16 count, state; };  // state: bit 15 the phase, else arrivals still missing
struct Barrier { u64 passed = 0; int arrived = 0; const char* site = nullptr; int line = 0; };
struct Copy { u32 to; const void* from; bool there; };
struct Wgmma { float* d; u64 a, b; bool add; };  // one thread's part of a product in flight

struct Block;
struct Warp;
struct Fiber {
  void* sp = nullptr;
  // What the fiber waits for: a counter to leave `gate_value`, or an mbarrier to leave the phase `parity`.
  const u64* gate = nullptr;
  u64 gate_value = 0;
  const Mbarrier* phase = nullptr;
  u32 parity = 0;
  int index = 0, lane = 0;
  bool done = true;
  Warp* warp = nullptr;
  Block* block = nullptr;
  Dim tid;
  const char* site = nullptr;
  int line = 0;
  char* stack = nullptr;
  std::vector<Copy> copies;       // issued, not yet landed
  std::vector<int> copy_groups;   // copies in each group committed
  int open_copies = 0;
  std::vector<std::vector<Wgmma>> products;
  std::vector<Wgmma> open_products;
  RACE(void* tsan = nullptr;)

  bool runnable() const {
    return !done && (!gate || *gate != gate_value) && (!phase || (u32)(phase->state >> 15) != parity);
  }
};

struct alignas(64) Warp {
  u32 in[32][12];
  u32 out[32][4];
  Barrier meeting;   // of collective operations
  Barrier barrier;   // of __syncwarp
  Fiber* fibers = nullptr;
  int lanes = 0, alive = 0;
  bool land_early = false;
};

struct Cluster;
struct Block {
  Dim bid;
  int rank = 0, alive = 0;
  Cluster* cluster = nullptr;
  unsigned char *mapped = nullptr, *shared = nullptr;
  Barrier barrier;
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  std::vector<Barrier> warpgroups;
};

struct Cluster {
  std::vector<std::unique_ptr<Block>> blocks;
  Barrier barrier;
  int alive = 0;
  std::vector<std::function<void()>> flying;  // TMA copies
};

struct Machine {
  Fiber* current = nullptr;
  Cluster* cluster = nullptr;
  void* scheduler_sp = nullptr;
  const char* kernel = "-";
  const std::function<void()>* body = nullptr;
  Dim grid, block;
  int threads = 0;
  size_t shared_bytes = 0;
  std::mt19937_64 random;
  RACE(void* tsan = nullptr;)
};
extern Machine machine;

void yield();                                        // to a fiber that may run, until this one may
void wait(Barrier& b, int count, const char* site, int line);
void fly(std::function<void()> copy);                // lands some time later
unsigned char* shared_at(u32 address, size_t bytes); // address: offset, and from bit 20 on (rank + 1) of another block
void land(const Copy& copy, Block& block);

// The published model of the tensor core (arXiv 2512.07004): products of a block of k and the accumulator are aligned to the
// largest exponent, cut off towards zero some bits below f32's last place, added, and the sum is cut to f32. Hopper: blocks of
// 16, 2 bits; Ampere and Ada: 8, 1 bit. EMU_TC=nearest adds exactly and rounds once.
// d[rows][columns] (+)= a[rows][16] b[16][columns], row lengths as given, columns a multiple of 8.
void tensor_core(float* d, int d_ld, const float* a, const float* b, int b_ld, int rows, int columns);
void widen(float* to, const u16* from, int n);       // n a multiple of 8
int capability();                                    // EMU_CC, 90 if it is not set
bool is_meant(const char* setting, const char* kernel);  // the environment's text is part of the kernel's name
u64 environment(const char* name, u64 otherwise);
}  // namespace emu
