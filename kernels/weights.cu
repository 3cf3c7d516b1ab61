// Loading: weights from the bytes of their files to planes. Both kernels take matrices as files hold them: rows without gaps, of any
// width, f32, f16 or bf16, each at an address that its elements divide.
#include "numbers.cuh"

// What bounds need of a matrix: the largest size of an element, as bits, which have the order of the sizes with NaN above all; and
// the largest sum of squares of a row, as the bits of a double, each element first times `weight`. Both grow from what the host
// set, by atomic maximum, whose order does not matter. A warp per row; squares in f64, lane by lane, then over the lanes in order.
KERNEL(measure, 256, 1, PARAM(Measure) p) {
  SHARED(shared);
  double* parts = (double*)shared;
  const int row = blockIdx.x * 8 + (threadIdx.x >> 5), lane = threadIdx.x & 31;
  double squares = 0.0;
  u32 top = 0;
  if (row < p.rows)
    for (int c = lane; c < p.cols; c += 32) {
      const float v = stored(p.x, (size_t)row * p.cols + c, p.dtype);
      const double y = p.weight ? (double)v * (double)p.weight[c] : (double)v;
      squares += y * y;
      top = max(top, f32_bits(v) & MAGNITUDE);
    }
#pragma unroll
  for (int d = 16; d; d >>= 1) top = max(top, shuffle_xor(top, d));
  parts[threadIdx.x] = squares;
  __syncthreads();
  if (lane || row >= p.rows) return;
  squares = 0.0;
  for (int i = 0; i < 32; i++) squares += parts[threadIdx.x + i];
  atomic_max(&p.out->largest, top);
  atomic_max(&p.out->squares, f64_bits(squares));
}

// A matrix of planes from up to three stored ones of the same width: row r is that of `source`, column c that of `columns`, what
// has none is zero; times a power of two, hi and lo as everywhere. Two columns a thread, 4096 such pairs a block. Every
// operation is exact or rounded to nearest, so the planes are the same whoever makes them.
KERNEL(pack, 256, 1, PARAM(Pack) p) {
  const u32 pairs = (u32)p.width / 2;
  const size_t plane = (size_t)p.rows * p.width, all = (size_t)p.rows * pairs, first = (size_t)blockIdx.x * 4096;
  for (size_t i = first + threadIdx.x; i < min(first + 4096, all); i += 256) {
    const int row = (int)(i / pairs), column = 2 * (int)(i % pairs);
    const int source = p.source ? p.source[row] : 4 * row, from = source & 3;
    const void* x = from == 0 ? p.a : from == 1 ? p.b : p.c;
    const int dtype = from == 0 ? p.a_dtype : from == 1 ? p.b_dtype : p.c_dtype;
    float v[2];
#pragma unroll
    for (int j = 0; j < 2; j++) {
      const int c = p.columns ? p.columns[column + j] : column + j < p.cols ? column + j : -1;
      v[j] = source < 0 || c < 0 ? 0.f : stored(x, (size_t)(source >> 2) * p.cols + c, dtype) * p.scale;
    }
    u16* hi = p.out + (size_t)row * p.width + column;
    put_pair(hi, p.planes == 2 ? hi + plane : nullptr, v[0], v[1]);
    if (column == 0) p.inverse[row] = p.unscale;
  }
}
