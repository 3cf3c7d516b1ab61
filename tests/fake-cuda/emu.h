// CUDA on a CPU: what kernels/*.cu need to be compiled by g++ with -DEMU, and the interface of the emulator (fibers.cpp,
// warp.cpp, hopper.cpp, tensor_core.cpp).
//
// One fiber per CUDA thread. Kept: barriers of block, warp, warpgroup and cluster, shuffles, mma.sync, ldmatrix, cp.async
// (lands at once or at wait_group, by chance), mbarriers, TMA with the 128-byte swizzle and multicast (lands late, in any
// order), wgmma (computed at wait_group), the tensor core's own rounding. Not modelled: weak memory order, proxies and their
// fences, bank conflicts, registers, speed.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __restrict__ __restrict
#define DEV inline __attribute__((always_inline))
#define PARAM(type) const type
#define HAVE_SM90 1
#define SHARED(name) unsigned char* name = emu::shared_memory()
#define KERNEL(name, threads, cluster, ...)                         \
  extern "C" void name(__VA_ARGS__);                                \
  static const emu::Register register_##name(#name, threads, cluster, name); \
  extern "C" void name(__VA_ARGS__)
#define __shared__ static_assert(false, "carve shared memory from SHARED: a static array cannot be emulated per block")
#define threadIdx (emu::thread_index())
#define blockIdx (emu::block_index())
#define blockDim (emu::block_size())
#define gridDim (emu::grid_size())
#define __syncthreads() emu::block_barrier(__LINE__)
#define __syncwarp() emu::warp_barrier(__LINE__)

struct float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct int2 { int x, y; };
inline float2 make_float2(float x, float y) { return {x, y}; }

namespace emu {
struct Dim { unsigned x = 1, y = 1, z = 1; };

const Dim& thread_index();
const Dim& block_index();
const Dim& block_size();
const Dim& grid_size();
unsigned char* shared_memory();
void block_barrier(int line);
void warp_barrier(int line);
u32 shuffle(u32 value, int from_lane);
int lane();
[[noreturn]] void fail(const char* format, ...);

// A launch whose parameters are copied already, as the driver does at the call.
using Launch = std::function<void(Dim grid, size_t shared)>;
struct Kernel {
  unsigned threads;
  int cluster;
  std::function<Launch(void** parameters)> bind;
};
std::unordered_map<std::string, Kernel>& kernels();
void run(const std::string& name, const Kernel& kernel, Dim grid, size_t shared, const std::function<void()>& body);

struct Register {
  template <class... A> Register(const char* name, unsigned threads, int cluster, void (*entry)(A...)) {
    const std::string key = name;
    kernels()[key] = {threads, cluster, [=](void** p) { return bind(key, entry, p, std::index_sequence_for<A...>{}); }};
  }
  template <class... A, size_t... I>
  static Launch bind(const std::string& name, void (*entry)(A...), void** p, std::index_sequence<I...>) {
    auto copies = std::make_tuple(*(const std::remove_cv_t<A>*)p[I]...);
    return [=](Dim grid, size_t shared) {
      run(name, kernels().at(name), grid, shared, [&] { entry(std::get<I>(copies)...); });
    };
  }
};

// What the driver puts into a TensorMap.
struct MapFields {
  unsigned char* base;
  u64 columns, rows, pitch;
  u32 box_columns, box_rows, magic;
};
constexpr u32 MAP_MAGIC = 0x7a7a7a7a;
}  // namespace emu

// ---- the primitives of ptx.cuh
inline u32 f32_bits(float x) { u32 u; memcpy(&u, &x, 4); return u; }
inline u64 f64_bits(double x) { u64 u; memcpy(&u, &x, 8); return u; }
inline float bits_f32(u32 u) { float x; memcpy(&x, &u, 4); return x; }
u16 to_f16(float x);
float from_f16(u16 x);
inline u32 pack_f16x2(float lo, float hi) { return to_f16(lo) | (u32)to_f16(hi) << 16; }
inline float exp2_approx(float x) { return x < -126.f ? 0.f : exp2f(x); }
inline float rcp_approx(float x) { return 1.f / x; }
inline float sqrt_rn(float x) { return sqrtf(x); }
inline float div_rn(float x, float y) { return x / y; }
using std::max;
using std::min;

template <class T> DEV T shuffle_xor(T x, int distance) {
  static_assert(sizeof(T) == 4);
  u32 u; memcpy(&u, &x, 4);
  u = emu::shuffle(u, emu::lane() ^ distance);
  memcpy(&x, &u, 4);
  return x;
}
void atomic_min(int* at, int x);
void atomic_add(u32* at, u32 x);
void atomic_max(u32* at, u32 x);
void atomic_max(u64* at, u64 x);

u32 shared_address(const void* p);
void ldmatrix(u32 (&r)[4], u32 address);
void ldmatrix_trans(u32 (&r)[4], u32 address);
void cp_async(u32 to, const void* from, bool there);
void cp_async_commit();
void cp_async_wait_for(int newest);
template <int N> DEV void cp_async_wait() { cp_async_wait_for(N); }
void mma_16816(float* d, const u32 (&a)[4], u32 b0, u32 b1);

void mbarrier_init(u32 bar, u32 arrivals);
inline void mbarrier_init_fence() {}
void mbarrier_expect(u32 bar, u32 bytes);
void mbarrier_arrive_at(u32 bar, u32 rank);
void mbarrier_wait(u32 bar, u32 parity);
inline void mbarrier_wait_cluster(u32 bar, u32 parity) { mbarrier_wait(bar, parity); }
void tma_load_multicast(u32 to, const TensorMap* map, u32 bar, int x, int y, u16 mask);
u32 cluster_rank();
inline void tma_load(u32 to, const TensorMap* map, u32 bar, int x, int y) {
  tma_load_multicast(to, map, bar, x, y, (u16)(1u << cluster_rank()));
}
void cluster_sync();
template <int N> DEV void registers_decrease() {}
template <int N> DEV void registers_increase() {}
inline void wgmma_fence() {}
void wgmma_commit();
void wgmma_wait_for(int newest);
template <int N> DEV void wgmma_wait() { wgmma_wait_for(N); }
void wgmma_m64n256k16(float (&d)[128], u64 a, u64 b, int add);
