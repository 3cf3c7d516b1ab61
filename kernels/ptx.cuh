// The only file with inline PTX. Every primitive has its PTX body here and a C++ body of the same meaning in
// tests/fake-cuda/, so that one source runs on a GPU and, compiled by g++ with -DEMU, on a CPU.
//
// Kernels carve shared memory from the one dynamic array (SHARED), use no static arrays, and are opened with KERNEL.
#pragma once
typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned short u16;
struct alignas(64) TensorMap { u64 opaque[16]; };

#ifdef EMU
#include "emu.h"
#else
typedef unsigned long size_t;

#define CLUSTER_DIMS_1
#define CLUSTER_DIMS_2 __cluster_dims__(2, 1, 1)
// KERNEL(name, threads of a block, blocks of a cluster, parameters...) { body }
#define KERNEL(name, threads, cluster, ...) extern "C" __global__ CLUSTER_DIMS_##cluster __launch_bounds__(threads, 1) void name(__VA_ARGS__)
#define PARAM(type) const __grid_constant__ type
#define SHARED(name) extern __shared__ __align__(1024) unsigned char name[]
#define DEV __device__ __forceinline__
#define ASM(...) asm volatile(__VA_ARGS__)

// ---- numbers
DEV u32 f32_bits(float x) { return __float_as_uint(x); }
DEV float bits_f32(u32 x) { return __uint_as_float(x); }
DEV u64 f64_bits(double x) { return (u64)__double_as_longlong(x); }
// Both round to nearest; the low half of the result is `lo`.
DEV u32 pack_f16x2(float lo, float hi) { u32 r; asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(hi), "f"(lo)); return r; }
DEV u16 to_f16(float x) { u16 r; asm("cvt.rn.f16.f32 %0, %1;" : "=h"(r) : "f"(x)); return r; }
DEV float from_f16(u16 x) { float r; asm("cvt.f32.f16 %0, %1;" : "=f"(r) : "h"(x)); return r; }
// 2^x within 2^-22 of itself, 0 far below, and 1 / x within 1 ulp: the hardware's own, which no driver changes.
DEV float exp2_approx(float x) { float r; asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x)); return r; }
DEV float rcp_approx(float x) { float r; asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x)); return r; }
// Correctly rounded.
DEV float sqrt_rn(float x) { return __fsqrt_rn(x); }
DEV float div_rn(float x, float y) { return __fdiv_rn(x, y); }

// ---- warps
DEV float shuffle_xor(float x, int distance) { return __shfl_xor_sync(0xffffffffu, x, distance); }
DEV u32 shuffle_xor(u32 x, int distance) { return __shfl_xor_sync(0xffffffffu, x, distance); }
DEV int shuffle_xor(int x, int distance) { return __shfl_xor_sync(0xffffffffu, x, distance); }
DEV void atomic_min(int* at, int x) { atomicMin(at, x); }
DEV void atomic_add(u32* at, u32 x) { atomicAdd(at, x); }
DEV void atomic_max(u32* at, u32 x) { atomicMax(at, x); }
DEV void atomic_max(u64* at, u64 x) { atomicMax(at, x); }

// ---- shared memory
DEV u32 shared_address(const void* p) { return (u32)__cvta_generic_to_shared(p); }
// Four 8x8 matrices of 16-bit elements; lane l gives the address of row l % 8 of matrix l / 8 and gets, of matrix i in r[i],
// elements (l / 4, 2 (l % 4) + {0, 1}); with trans those of the transposed matrix.
DEV void ldmatrix(u32 (&r)[4], u32 address) {
  ASM("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
      : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
}
DEV void ldmatrix_trans(u32 (&r)[4], u32 address) {
  ASM("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
      : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
}
// 16 bytes from global to shared memory, or 16 zeros if not `there` (nothing is read then). Visible to the thread after
// cp_async_wait<N>, which leaves the newest N groups in flight; to others after a barrier.
DEV void cp_async(u32 to, const void* from, bool there) {
  ASM("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(there ? 16 : 0) : "memory");
}
DEV void cp_async_commit() { ASM("cp.async.commit_group;" ::: "memory"); }
template <int N> DEV void cp_async_wait() { ASM("cp.async.wait_group %0;" ::"n"(N) : "memory"); }

// ---- tensor cores
// d[16x8] += a[16x16] b[8x16]^T, f16 factors, f32 sums. Lane l: a = rows l/4 and l/4 + 8, elements 2 (l % 4) and 8 on;
// b = column l/4; d = rows l/4 and l/4 + 8, columns 2 (l % 4) + {0, 1}.
DEV void mma_16816(float* d, const u32 (&a)[4], u32 b0, u32 b1) {
  ASM("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define HAVE_SM90 1
// ---- mbarriers, 8 bytes of shared memory each
DEV void mbarrier_init(u32 bar, u32 arrivals) { ASM("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(bar), "r"(arrivals)); }
DEV void mbarrier_init_fence() { ASM("fence.mbarrier_init.release.cluster;" ::: "memory"); }
// Arrives, and lets the phase wait for so many bytes more.
DEV void mbarrier_expect(u32 bar, u32 bytes) {
  ASM("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(bar), "r"(bytes) : "memory");
}
// Arrives at the same barrier of block `rank` of the cluster.
DEV void mbarrier_arrive_at(u32 bar, u32 rank) {
  ASM("{\n.reg .b32 r;\nmapa.shared::cluster.u32 r, %0, %1;\nmbarrier.arrive.release.cluster.shared::cluster.b64 _, [r];\n}"
      ::"r"(bar), "r"(rank) : "memory");
}
// Waits for the end of the phase with this parity; the second form also sees what other blocks of the cluster did before.
DEV void mbarrier_wait(u32 bar, u32 parity) {
  ASM("{\n.reg .pred p;\nW_%=:\nmbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1;\n@p bra D_%=;\nbra W_%=;\nD_%=:\n}"
      ::"r"(bar), "r"(parity) : "memory");
}
DEV void mbarrier_wait_cluster(u32 bar, u32 parity) {
  ASM("{\n.reg .pred p;\nW_%=:\nmbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%0], %1;\n@p bra D_%=;\nbra W_%=;\n"
      "D_%=:\n}" ::"r"(bar), "r"(parity) : "memory");
}
// ---- TMA: a box of a tensor map, from element x of row y on, to shared memory; its bytes complete on `bar`
DEV void tma_load(u32 to, const TensorMap* map, u32 bar, int x, int y) {
  ASM("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4}], [%2];"
      ::"r"(to), "l"(map), "r"(bar), "r"(x), "r"(y) : "memory");
}
// To the same place of every block in `mask`, completing on each one's own barrier.
DEV void tma_load_multicast(u32 to, const TensorMap* map, u32 bar, int x, int y, u16 mask) {
  ASM("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster [%0], [%1, {%3, %4}], "
      "[%2], %5;" ::"r"(to), "l"(map), "r"(bar), "r"(x), "r"(y), "h"(mask) : "memory");
}
// ---- clusters and warpgroups
DEV u32 cluster_rank() { u32 r; asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(r)); return r; }
DEV void cluster_sync() { ASM("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory"); }
template <int N> DEV void registers_decrease() { ASM("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(N)); }
template <int N> DEV void registers_increase() { ASM("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(N)); }
DEV void wgmma_fence() { ASM("wgmma.fence.sync.aligned;" ::: "memory"); }
DEV void wgmma_commit() { ASM("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int N> DEV void wgmma_wait() { ASM("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory"); }
#define R4(b) "+f"(d[b]), "+f"(d[b + 1]), "+f"(d[b + 2]), "+f"(d[b + 3])
#define R32(b) R4(b), R4(b + 4), R4(b + 8), R4(b + 12), R4(b + 16), R4(b + 20), R4(b + 24), R4(b + 28)
// d[64x256] = a[64x16] b[256x16]^T + (add ? d : 0), both factors in shared memory. Lane l of warp w holds rows 16 w + l/4 and
// 8 on, columns 8 j + 2 (l % 4) + {0, 1} in d[4 j .. 4 j + 3].
DEV void wgmma_m64n256k16(float (&d)[128], u64 a, u64 b, int add) {
  ASM("{\n.reg .pred p;\nsetp.ne.b32 p, %130, 0;\nwgmma.mma_async.sync.aligned.m64n256k16.f32.f16.f16 {"
      "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,"
      "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63,"
      "%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79,%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95,"
      "%96,%97,%98,%99,%100,%101,%102,%103,%104,%105,%106,%107,%108,%109,%110,%111,%112,%113,%114,%115,%116,%117,%118,%119,%120,%121,"
      "%122,%123,%124,%125,%126,%127}, %128, %129, p, 1, 1, 0, 0;\n}"
      : R32(0), R32(32), R32(64), R32(96) : "l"(a), "l"(b), "r"(add));
}
#endif
#endif
