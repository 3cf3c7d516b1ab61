// Products on Hopper: planes of a times planes of b, f32 sums, an epilogue.
//   product_wgmma_<epilogue>_<planes of a><planes of b>(map of a, map of b, Product, epilogue's structure)
// Block of 384 threads: a warpgroup of which one thread loads by TMA, two that multiply, 64 rows each, by wgmma m64n256k16; tile 128 x
// 256 x 64. Clusters of two blocks, neighbours along m, load half of b's tile each and give it to both. Ring of 4, 3 or 2 stages (192
// KiB) with a full and an empty barrier each; persistent blocks. Any m and n, k a multiple of 64; grid 2 * min(pairs of tiles, SMs / 2).
// A full barrier waits for its one arrival and the stage's bytes; an empty one for 16 arrivals: 8 multiplying warps x 2 blocks, for
// one thread's wait_group speaks for its own warp only.
// Numerics: k ascending by 64; in each, lo factors before hi, lo x lo left out; the tensor core's own rounding.
#include "epilogue.cuh"

#ifdef HAVE_SM90
constexpr int TM = 128, TN = 256, TK = 64, A_BYTES = TM * TK * 2, B_BYTES = TN * TK * 2;

// A factor in shared memory: rows of 64 elements of k under the 128-byte swizzle, 1024 bytes between groups of 8 rows.
DEV u64 factor(u32 address) { return (u64)((address & 0x3ffff) >> 4) | (u64)1 << 16 | (u64)(1024 >> 4) << 32 | (u64)1 << 62; }

template <int PA, int PB, class Epilogue> DEV void product(const TensorMap& map_a, const TensorMap& map_b, const Product& p, const Epilogue& e) {
  constexpr int STAGE = PA * A_BYTES + PB * B_BYTES, RING = 196608 / STAGE;
  SHARED(shared);
  const u32 ring = shared_address(shared), full = ring + RING * STAGE, empty = full + 8 * RING, rank = cluster_rank();
  const int group = threadIdx.x >> 7;
  if (threadIdx.x == 0) {
    for (int s = 0; s < RING; s++) {
      mbarrier_init(full + 8 * s, 1);
      mbarrier_init(empty + 8 * s, 16);
    }
    mbarrier_init_fence();
  }
  cluster_sync();
  const int steps = p.k / TK, pairs_m = (p.m + 2 * TM - 1) / (2 * TM), tiles_n = (p.n + TN - 1) / TN, pairs = pairs_m * tiles_n;
  const int first = blockIdx.x >> 1, stride = gridDim.x >> 1;
  if (group == 0) {
    registers_decrease<40>();
    if (threadIdx.x == 0) {
      int s = 0, phase = 1;
#pragma unroll 1
      for (int i = first; i < pairs; i += stride) {
        const TileIndex tile = tile_at(i, pairs_m, tiles_n);
        const int m0 = (2 * tile.m + rank) * TM, n0 = tile.n * TN + rank * (TN / 2);
#pragma unroll 1
        for (int k = 0; k < steps; k++) {
          mbarrier_wait_cluster(empty + 8 * s, phase);
          mbarrier_expect(full + 8 * s, STAGE);
          const u32 a = ring + s * STAGE, b = a + PA * A_BYTES + rank * (B_BYTES / 2);
#pragma unroll
          for (int q = 0; q < PA; q++) tma_load(a + q * A_BYTES, &map_a, full + 8 * s, k * TK, q * p.a_rows + m0);
#pragma unroll
          for (int q = 0; q < PB; q++) tma_load_multicast(b + q * B_BYTES, &map_b, full + 8 * s, k * TK, q * p.b_rows + n0, 3);
          if (++s == RING) s = 0, phase ^= 1;
        }
      }
    }
    __syncwarp();
  } else {
    registers_increase<232>();
    const int warp = (threadIdx.x >> 5) & 3, lane = threadIdx.x & 31;
    float d[128];
    int s = 0, phase = 0;
    for (int i = first; i < pairs; i += stride) {
      const TileIndex tile = tile_at(i, pairs_m, tiles_n);
      int before = -1;  // the stage whose products may still run
      for (int k = 0; k < steps; k++) {
        mbarrier_wait(full + 8 * s, phase);
        const u32 a = ring + s * STAGE + (group - 1) * 64 * TK * 2, b = ring + s * STAGE + PA * A_BYTES;
        int add = k;
        wgmma_fence();
#pragma unroll
        for (int r = PB - 1; r >= 0; r--)
#pragma unroll
          for (int q = r == 0 ? PA - 1 : 0; q >= 0; q--)
#pragma unroll
            for (int kk = 0; kk < TK / 16; kk++) {
              wgmma_m64n256k16(d, factor(a + q * A_BYTES + kk * 32), factor(b + r * B_BYTES + kk * 32), add);
              add = 1;
            }
        wgmma_commit();
        wgmma_wait<1>();
        if (before >= 0 && lane < 2) mbarrier_arrive_at(empty + 8 * before, lane);  // every warp tells both loaders
        before = s;
        if (++s == RING) s = 0, phase ^= 1;
      }
      wgmma_wait<0>();
      if (lane < 2) mbarrier_arrive_at(empty + 8 * before, lane);
      finish<PA>(d, {(2 * tile.m + (int)rank) * TM + (group - 1) * 64 + warp * 16 + lane / 4, tile.n * TN}, p, e);
    }
  }
  cluster_sync();  // no block leaves while the other may still write to it
}

#define ENTRY_(epilogue, into, pa, pb)                                                                                                   \
  KERNEL(product_wgmma_##epilogue##_##pa##pb, 384, 2, PARAM(TensorMap) a, PARAM(TensorMap) b, PARAM(Product) p, PARAM(into) e) { \
    product<pa, pb>(a, b, p, e);                                                                                                         \
  }
#define ENTRY(epilogue, into, pa, pb) ENTRY_(epilogue, into, pa, pb)
#ifdef EPILOGUE
ENTRY(EPILOGUE, INTO, PLANES_A, PLANES_B)
#else
ENTRY(rows, ToRows, 1, 1) ENTRY(rows, ToRows, 2, 1) ENTRY(rows, ToRows, 2, 2)
ENTRY(gate, ToGate, 1, 1) ENTRY(gate, ToGate, 2, 1) ENTRY(gate, ToGate, 2, 2)
ENTRY(heads, ToHeads, 1, 1) ENTRY(heads, ToHeads, 2, 1) ENTRY(heads, ToHeads, 2, 2)
ENTRY(sums, ToSums, 2, 1) ENTRY(sums, ToSums, 2, 2)
#endif
#endif
