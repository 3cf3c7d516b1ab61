// What the host hands to every kernel: one structure by value, mirrored field by field in src/backend/cuda/params.rs.
// Fields stand in the order pointers, then 4-byte numbers, so that no compiler inserts padding between them.
// README.md says what each kernel does with them, and how grids and blocks are chosen.
#pragma once

enum Dtype { DTYPE_F32 = 0, DTYPE_F16 = 1, DTYPE_BF16 = 2 };
enum Act { ACT_SILU = 0, ACT_GELU_TANH = 1 };
enum RowsMode { ROWS_STORE = 0, ROWS_ADD = 1, ROWS_SIDE = 2 };

// ---- products: value(row, col) = sum over k of a[row, k] b[col, k], times (a_inv[row] * scale) * b_inv[col], plus bias[col]
struct Product {
  const u16* a;         // f16 planes [a planes][a_rows][k]
  const u16* b;         // f16 planes [b planes][b_rows][k]
  const float* a_inv;   // [m], undoes the rows' powers of two; null: 1
  const float* b_inv;   // [n], undoes the weights' powers of two
  const float* bias;    // [n]; null: none
  int a_rows, b_rows;   // rows from one plane to the next
  int m, n, k;          // k: a multiple of 64
  float scale;          // undoes a power of two that all rows share, or any other constant
  int a_planes, b_planes;  // read by the naive kernels; the others carry them in their names
};

struct ToRows {         // f32 rows
  float* out;           // [m][ld]
  const float* side;    // [m][side_ld], read by ROWS_SIDE; column 0 belongs to col 0
  int ld, side_ld;      // ld: even
  int mode, act;        // ROWS_STORE: out = value; ROWS_ADD: out += value; ROWS_SIDE: out = act(value) * side
};

struct ToGate {         // planes of act(gate) * up; columns of the product come 8 of gate, 8 of up, ...
  u16* out;             // [planes of a][out_rows][n / 2]
  const float* g_scale; // [m], the power of two that a row is stored with
  int out_rows, act;
};

struct ToHeads {        // queries, keys and values, turned and split; columns: q heads, then k heads, then v heads
  u16 *q, *k, *v;       // planes [2][q_rows][q_heads * dim], [2][k_rows][k_heads * dim], [planes of a][v_rows][v_heads * dim]
  const float *q_norm, *k_norm;  // weights of the head norms: [dim] (or [heads * dim] with whole_row); null: no norm
  const float* turns;   // [positions][dim / 2][2]: cosine, sine
  const int* position;  // [m]
  int q_rows, k_rows, v_rows;
  int q_heads, k_heads, v_heads;  // each may be 0
  int dim, true_dim;    // padded and real size of a head
  int value_norm;       // norm each head's value, without a weight
  int whole_row;        // norms run over all heads together (row kernel only)
  float eps;
  float q_scale, k_scale, v_scale;  // powers of two that planes are stored with
  int v_planes;         // read by the naive product and the row kernel
};

struct ToSums {         // for a log-sum-exp
  float* out;           // [m][tiles][2]: largest logit of 256 columns, sum of exp(logit - largest)
  int tiles;            // ceil(n / 256)
  float cap;            // logit = cap * tanh(value / cap); 0: logit = value
};

// ---- attention
struct AttentionItem { int q_row, tokens, depth, path; };  // first query's row, tokens, depth of the first, offset into rows

struct Attention {
  const u16* q;                     // planes [2][q_rows][kv_heads * group * dim]
  const u16 *k_path, *v_path;       // planes [2], [v planes][path_cap][kv_heads * dim]: the carried path
  const u16 *k_pass, *v_pass;       // planes [2], [v planes][pass_cap][kv_heads * dim]: this pass
  u16* out;                         // planes [v planes][out_rows][kv_heads * group * dim], with v's power of two
  const AttentionItem* items;
  const int* rows;                  // rows[item.path + depth] = key row: r < path_cap is path row r, else pass row r - path_cap
  int q_rows, out_rows;
  int path_cap, pass_cap;
  int group, kv_heads;
  int dim;                          // read by the naive kernel
  int window;                       // a key is seen if 0 <= query depth - key depth < window
  float score_scale;                // from sums over planes to scores: score scale * 2^-(q's and k's exponents)
  float cap;                        // score = cap * tanh(score / cap); 0: none
  int v_planes;                     // read by the naive kernel
};

// ---- rows
struct Embed {          // out[i] = scale * table[index[i]]
  const void* table; const int* index; float* out;
  int n, width, table_ld, ld, dtype;
  float scale;
};

struct NormSplit {      // planes of norm(x) * weight, each row times its own power of two
  const float *x, *weight;  // [n][ld]; [width] or null
  u16* out;             // [planes][out_rows][k], zeros from width to k
  float* inv;           // [n]: undoes the row's power of two
  float *g_scale, *g_inv;   // [n]: power of two for the gated product of the row, and its inverse; null: not wanted
  int* flag;            // lowered to place if a value of x is not finite; null: do not look
  int n, width, ld, k, out_rows, planes;
  int norm;             // 0: split x as it is
  int place;
  float eps;
  float gate_norm, gate_bias, up_norm, up_bias;  // longest row and largest bias of the gate and of the up matrix
};

struct NormRows {       // out = (or +=) norm over each `group` elements of x * weight[element of the group]
  const float *x, *weight; float* out; int* flag;
  int n, width, ld, out_ld, group, add, place;
  float eps;
};

struct HeadRows {       // ToHeads from f32 rows instead of from a product
  const float* x;       // [n][ld], (q_heads + k_heads + v_heads) heads of src_dim elements
  const int* source;    // [dim]: element of a source head for each element of a padded one, -1: zero; null: src_dim = dim
  int n, ld, src_dim, pad_;
  ToHeads to;
};

struct Carry {          // key and value rows of a pass that the next pass's path keeps
  const u16 *k_pass, *v_pass; u16 *k_path, *v_path;
  const int* moves;     // [count][2]: pass row, path row
  int count, width, pass_cap, path_cap, v_planes;
};

struct Gather { const float* x; const int* rows; float* out; int n, width, ld, out_ld; };
struct Add { const float* x; float* to; int n, width, ld, to_ld; };
struct Scale { float* x; int n, width, ld; float by; };
struct GateRows { const float *gate, *up; float* out; int n, width, gate_ld, up_ld, out_ld, act; };  // act(gate) * up
struct RopeRows {       // turns heads of f32 rows in place; pair i is (i, i + apart), or (2i, 2i + 1) if apart is 0
  float* x; const float* turns; const int* position;  // turns [positions][pairs][2]
  int n, ld, heads, dim, pairs, apart;
};
struct Watch { const float* x; int* flag; int n, width, ld, place; };

// ---- what is read off
struct ChoiceLogits {   // out[i] = logit of token asks[i][1] at row asks[i][0]
  const float* x; const u16* table; const float* b_inv; const int* asks; float* out;
  int count, width, ld, k, b_rows, planes;
  float cap;
};
struct FoldSums { const float* in; double* out; int n, tiles; };  // out [n][2]: largest logit, sum of exp(logit - largest)
struct TopTokens {      // the `count` largest logits of each row, largest first, smaller id first among equals
  const float* logits; int* ids; float* values;  // [n][ld], [n][count], [n][count]
  int n, vocab, ld, count;
  float cap;
};

struct JoinPlanes {     // f32 rows of what planes hold: element c from column c / src_group * dst_group + c % src_group
  const u16* in; const float* inv; float* out;  // [planes][in_rows][k]; [n] or null; [n][ld]
  int n, width, ld, in_rows, k, planes, src_group, dst_group;
  float scale;
};

// ---- loading
struct Measured {       // grows by atomic maximum; the host sets it to zero
  u64 squares;          // bits of a double: the largest sum of squares of a row
  u32 largest;          // bits of a float: the largest size of an element; above infinity if one is NaN
  u32 pad_;
};
struct Measure { const void* x; const float* weight; Measured* out; int rows, cols, dtype, pad_; };  // weight [cols] or null
struct Pack {           // planes of rows of stored matrices
  const void *a, *b, *c;      // [.][cols] each; b and c may be null
  const int *source, *columns;  // [rows]: 4 * row + 0, 1, 2 for a, b, c, -1: zeros; null: rows of a. [width]: column, -1: zeros; null: in order
  u16* out;             // [planes][rows][width]
  float* inverse;       // [rows], each unscale
  int a_dtype, b_dtype, c_dtype;
  int rows, cols, width, planes;  // width: even
  float scale, unscale; // a power of two and what undoes it
  int pad_;
};
