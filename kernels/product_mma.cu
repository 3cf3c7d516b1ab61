// Products by mma.sync, for every GPU since Ampere: planes of a times planes of b, f32 sums, an epilogue.
//   product_mma_<epilogue>_<planes of a><planes of b>(Product, epilogue's structure)
// Block of 256 threads, tile 128 x 256 x 32; 8 warps of 16 rows x 256 columns, so that a row of a tile lies in one quad as it does
// after wgmma (epilogue.cuh); ring of 4, 3 or 2 stages by cp.async in 96 KiB, which every GPU of 8.0 to 12.0 has. Any m and n, k a
// multiple of 64. Rows of 64 bytes, two to a 128-byte line, 16-byte chunks placed by xor so that ldmatrix meets no bank twice.
// Numerics: k ascending by 16; in each, lo factors before hi, lo x lo left out; the tensor core's own rounding.
#include "epilogue.cuh"

constexpr int TM = 128, TN = 256, TK = 32, ROW = TK * 2;
DEV u32 mma_at(int row, int chunk) { return row * ROW + ((chunk ^ ((row >> 1) & 3)) << 4); }

template <int PA, int PB, class Epilogue> DEV void product(const Product& p, const Epilogue& e) {
  constexpr int STAGE = (PA * TM + PB * TN) * ROW, RING = 98304 / STAGE, LOADS = (PA * TM + PB * TN) / 64;
  SHARED(shared);
  const u32 ring = shared_address(shared);
  const int tid = threadIdx.x, warp = tid >> 5, lane = tid & 31, steps = p.k / TK;
  const TileIndex tile = tile_at(blockIdx.x, (p.m + TM - 1) / TM, (p.n + TN - 1) / TN);
  const int m0 = tile.m * TM, n0 = tile.n * TN, load_row = tid >> 2, load_chunk = tid & 3;

  auto load = [&](int step) {
    if (step < steps) {
      const u32 stage = ring + step % RING * STAGE;
#pragma unroll
      for (int i = 0; i < LOADS; i++) {  // 64 rows each: planes of a, then planes of b
        const bool of_a = i < 2 * PA;
        const int plane = of_a ? i / 2 : (i - 2 * PA) / 4, row = (of_a ? m0 + i % 2 * 64 : n0 + (i - 2 * PA) % 4 * 64) + load_row;
        const bool there = row < (of_a ? p.m : p.n);
        const u16* from = (of_a ? p.a : p.b) + ((size_t)plane * (of_a ? p.a_rows : p.b_rows) + (there ? row : 0)) * p.k + step * TK + load_chunk * 8;
        cp_async(stage + mma_at(i * 64 + load_row, load_chunk), from, there);
      }
    }
    cp_async_commit();  // an empty group keeps the count
  };

  float d[128];
#pragma unroll
  for (int i = 0; i < 128; i++) d[i] = 0.f;
#pragma unroll
  for (int i = 0; i < RING - 1; i++) load(i);
#pragma unroll 1
  for (int step = 0; step < steps; step++) {
    cp_async_wait<RING - 2>();
    __syncthreads();  // this stage has landed for all, and all have left the one that is loaded next
    load(step + RING - 1);
    const u32 sa = ring + step % RING * STAGE, sb = sa + PA * TM * ROW;
#pragma unroll
    for (int kk = 0; kk < TK / 16; kk++) {
      u32 a[PA][4];
#pragma unroll
      for (int q = 0; q < PA; q++) ldmatrix(a[q], sa + mma_at(q * TM + warp * 16 + (lane & 15), kk * 2 + (lane >> 4)));
#pragma unroll
      for (int j = 0; j < 32; j += 2) {
#pragma unroll
        for (int q = PB - 1; q >= 0; q--) {
          u32 b[4];  // columns 8 j and 8 on
          ldmatrix(b, sb + mma_at(q * TN + j * 8 + ((lane >> 4) << 3) + (lane & 7), kk * 2 + ((lane >> 3) & 1)));
#pragma unroll
          for (int r = q == 0 ? PA - 1 : 0; r >= 0; r--) {
            mma_16816(&d[4 * j], a[r], b[0], b[1]);
            mma_16816(&d[4 * j + 4], a[r], b[2], b[3]);
          }
        }
      }
    }
  }
  cp_async_wait<0>();
  finish<PA>(d, {m0 + warp * 16 + lane / 4, n0}, p, e);
}

#define ENTRY_(epilogue, into, pa, pb) \
  KERNEL(product_mma_##epilogue##_##pa##pb, 256, 1, PARAM(Product) p, PARAM(into) e) { product<pa, pb>(p, e); }
#define ENTRY(epilogue, into, pa, pb) ENTRY_(epilogue, into, pa, pb)
#ifdef EPILOGUE
ENTRY(EPILOGUE, INTO, PLANES_A, PLANES_B)
#else
ENTRY(rows, ToRows, 1, 1) ENTRY(rows, ToRows, 2, 1) ENTRY(rows, ToRows, 2, 2)
ENTRY(gate, ToGate, 1, 1) ENTRY(gate, ToGate, 2, 1) ENTRY(gate, ToGate, 2, 2)
ENTRY(heads, ToHeads, 1, 1) ENTRY(heads, ToHeads, 2, 1) ENTRY(heads, ToHeads, 2, 2)
ENTRY(sums, ToSums, 2, 1) ENTRY(sums, ToSums, 2, 2)
#endif
