"""What faults.sh runs: plants faults, each behind a switch, builds once, and runs the tests with one fault on after the other.

A fault is (file, place, what stands there instead, tests). The place is text that occurs once in the file, and what is replaced
stands in it between « and »: a statement if it ends with ; or }, else an expression.
"""
import json, os, re, shutil, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = Path(os.environ.get("FAULTS_DIR") or ROOT / "target" / "faults")

# Tests: parts of the program `check`.
KERNELS = [
    # the ring of the mma set
    ("product_mma.cu", "«__syncthreads();»  // this stage has landed", ";", "mma small"),
    ("product_mma.cu", "«cp_async_wait<RING - 2>();»", "cp_async_wait<RING - 1>();", "mma"),
    ("product_mma.cu", "plane = of_a ? «i / 2»", "0", "mma small"),
    ("product_mma.cu", "for (int q = «PB - 1»; q >= 0", "0", "mma small"),
    ("product_mma.cu", "r = «q == 0 ? PA - 1 : 0»; r", "0", "mma small"),
    ("product_mma.cu", "ldmatrix(b, sb + «mma_at(q * TN + j * 8 + ((lane >> 4) << 3) + (lane & 7), kk * 2 + ((lane >> 3) & 1))»",
     "mma_at(q * TN + j * 8 + ((lane >> 4) << 3) + (lane & 7), (kk * 2 + ((lane >> 3) & 1)) ^ 1)", "mma small"),
    ("product_mma.cu", "row < «(of_a ? p.m : p.n)»", "p.n", "mma"),
    ("product_mma.cu", "«plane * (of_a ? p.a_rows : p.b_rows)»", "plane * (of_a ? p.m : p.n)", "mma small"),
    ("product_mma.cu", "«step * TK + load_chunk * 8»", "(step ? step - 1 : 0) * TK + load_chunk * 8", "mma small"),
    # loading, stages and barriers on Hopper
    ("product_wgmma.cu", "«mbarrier_wait_cluster(empty + 8 * s, phase);»", ";", "wgmma"),
    ("product_wgmma.cu", "int s = 0, phase = «1»;", "0", "wgmma small"),
    ("product_wgmma.cu", "«wgmma_wait<1>();»", "wgmma_wait<3>();", "wgmma"),
    ("product_wgmma.cu", "«wgmma_wait<0>();»", "wgmma_wait<1>();", "wgmma small"),
    ("product_wgmma.cu", "mbarrier_init(empty + 8 * s, «16»)", "8", "wgmma"),
    ("product_wgmma.cu", "mbarrier_init(full + 8 * s, «1»)", "2", "wgmma small"),
    ("product_wgmma.cu", "mbarrier_expect(full + 8 * s, «STAGE»)", "STAGE - 2", "wgmma small"),
    ("product_wgmma.cu", "n0 = «tile.n * TN + rank * (TN / 2)»", "tile.n * TN", "wgmma small"),
    ("product_wgmma.cu", "m0 = «(2 * tile.m + rank) * TM»", "2 * tile.m * TM", "wgmma"),
    ("product_wgmma.cu", "k * TK, «q * p.b_rows + n0», 3)", "n0", "wgmma small"),
    ("product_wgmma.cu", ", «3»);\n          if (++s", "1", "wgmma small"),
    ("product_wgmma.cu", "factor(a + q * A_BYTES + «kk * 32»)", "kk * 64", "wgmma small"),
    ("product_wgmma.cu", "int add = «k»;", "1", "wgmma small"),
    ("product_wgmma.cu", "a = ring + s * STAGE + «(group - 1) * 64 * TK * 2»", "0", "wgmma small"),
    ("product_wgmma.cu", "if (before >= 0 && lane < «2»)", "1", "wgmma"),
    ("product_wgmma.cu", "before = s;\n        «if (++s == RING) s = 0, phase ^= 1;»", "if (++s == RING) s = 0;", "wgmma"),
    ("product_wgmma.cu", "«cluster_sync();»  // no block leaves", ";", "wgmma"),
    # what follows a product
    ("epilogue.cuh", "x[i] = «x0 * cosine[i] - y[i] * sine[i]»", "x0 * cosine[i] + y[i] * sine[i]", "mma small"),
    ("epilogue.cuh", "y[i] = «y[i] * cosine[i] + x0 * sine[i]»", "y[i] * cosine[i] - x0 * sine[i]", "mma small"),
    ("epilogue.cuh", "if («e.dim >= 128»)", "e.dim > 128", "mma small"),
    ("epilogue.cuh", "if («e.dim == 256»)", "false", "mma"),
    ("epilogue.cuh", "normed = «weight || (is_v && e.value_norm)»", "weight != nullptr", "mma small"),
    ("epilogue.cuh", "«(float)e.true_dim»", "(float)e.dim", "mma small"),
    ("epilogue.cuh", "two = «!is_v || PA == 2»", "true", "mma small"),
    ("epilogue.cuh", "(turn + «in_head + 8 * (j - 8 * g) + 4 * quad»)", "8 * (j - 8 * g) + 4 * quad", "mma"),
    ("epilogue.cuh", "«(size_t)e.position[row] * e.dim»", "(size_t)row * e.dim", "mma small"),
    ("epilogue.cuh", "scale = «is_q ? e.q_scale : is_k ? e.k_scale : e.v_scale»", "is_q ? e.q_scale : e.k_scale", "mma small"),
    ("epilogue.cuh", "plane = (size_t)(«is_q ? e.q_rows : is_k ? e.k_rows : e.v_rows») * ld", "is_q ? e.q_rows : e.k_rows", "mma small"),
    ("epilogue.cuh", "h0 = is_q ? head : is_k ? head - e.q_heads : «head - e.q_heads - e.k_heads»", "head - e.q_heads", "mma small"),
    ("epilogue.cuh", "float scale = «e.g_scale[row]»", "1.f", "mma small"),
    ("epilogue.cuh", "const float x = activate(d[4 * j + 2 * h], «e.act»)", "ACT_SILU", "mma small"),
    ("epilogue.cuh", "e.act) * «d[4 * j + 5 + 2 * h]»", "d[4 * j + 4 + 2 * h]", "mma small"),
    ("epilogue.cuh", "«(size_t)e.out_rows * width»", "(size_t)p.m * width", "mma small"),
    ("epilogue.cuh", "there ? «p.bias ? v + bias : v» : beyond", "v", "mma small"),
    ("epilogue.cuh", " : «beyond»;", "0.f", "mma small"),
    ("epilogue.cuh", "d[4 * j + 2 * h + 1] = «p.bias ? y + bias.y : y»", "y", "mma small"),
    ("epilogue.cuh", "p.a_inv[min(«at.row + 8 * h», p.m - 1)]", "at.row", "mma small"),
    ("epilogue.cuh", ": 1.f) * «p.scale»", "1.f", "mma small"),
    ("epilogue.cuh", "if («at.row + 8 * h >= p.m») continue;", "at.row + 8 * h > p.m", "mma small"),
    ("epilogue.cuh", "e.side + row * «e.side_ld»", "e.ld", "mma small"),
    ("epilogue.cuh", "x = activate(x, «e.act») * side", "ACT_SILU", "mma small"),
    ("epilogue.cuh", "side[h][«8 * j + 1»]", "8 * j", "mma small"),
    ("epilogue.cuh", "*to = «e.mode == ROWS_ADD ? x + *to : x»", "x", "mma"),
    ("epilogue.cuh", "{«b * band + r % height», r / height}", "b + r % height", "mma"),
    ("epilogue.cuh", "«at.first_column / 256») * 2", "0", "mma"),
    ("epilogue.cuh", "«top = fmaxf(top, shuffle_xor(top, 2));»", ";", "mma small"),
    ("epilogue.cuh", "«sum += shuffle_xor(sum, 1);»", ";", "mma small"),
    ("epilogue.cuh", "if («cap.at > 0.f»)\n#pragma unroll\n      for (int i = 4 * j", "false", "mma small"),
    # attention
    ("attention_mma.cu", "auto next = [&] {\n    cp_async_wait<0>();\n    «__syncthreads();»", ";", "attention-mma"),
    ("attention_mma.cu", "behind < «p.window»", "p.window + 1", "attention-mma"),
    ("attention_mma.cu", "sees = «behind >= 0» && behind", "true", "attention-mma small"),
    ("attention_mma.cu", "sum[h] = «sum[h] * fade + part»", "sum[h] + part", "attention-mma"),
    ("attention_mma.cu", "o[n][2 * h] *= fade, o[n][2 * h + 1] *= «fade»", "1.f", "attention-mma"),
    ("attention_mma.cu", "start = «max(0, item.depth - p.window + 1) / KEYS * KEYS»", "max(0, item.depth - p.window + 1)", "attention-mma"),
    ("attention_mma.cu", "k0 = «start + step / (KS + VS) * KEYS»", "step / (KS + VS) * KEYS", "attention-mma"),
    ("attention_mma.cu", "row < «p.path_cap»;", "p.path_cap - 4", "attention-mma"),
    ("attention_mma.cu", "«(on_path ? p.path_cap : p.pass_cap)» * kv_width", "p.pass_cap", "attention-mma"),
    ("attention_mma.cu", "if («of_k || V == 2») cp_async", "of_k", "attention-mma small"),
    ("attention_mma.cu", "x = s[2 * k + i / 2][i % 2 * 2] * «WEIGHT_SCALE»", "524288.f", "attention-mma small"),
    ("attention_mma.cu", "«mma_16816(s[j + 1], hi, kl[2], kl[3]);»", ";", "attention-mma small"),
    ("attention_mma.cu", "«mma_16816(to[0], wl[k], vh[0], vh[1]);»", ";", "attention-mma small"),
    ("attention_mma.cu", "if («r >= n_rows») continue;", "r > n_rows", "attention-mma"),
    ("attention_mma.cu", "r % p.group) * D + «blockIdx.z * OUT» + 2", "0", "attention-mma"),
    ("attention_mma.cu", "item.depth + (r < n_rows ? «r / p.group» : 0)", "0", "attention-mma small"),
    ("attention_mma.cu", "* «LOG2E» : UNSEEN", "1.f", "attention-mma small"),
    ("attention_mma.cu", "x = sees ? «capped(x * p.score_scale, cap)»", "x * p.score_scale", "attention-mma"),
    # rows
    ("rows.cu", "inverse_root(squares, (float)p.width, «p.eps») : 1.f", "0.f", "rows small"),
    ("rows.cu", "p.norm ? inverse_root(squares, «(float)p.width»,", "(float)p.k", "rows small"),
    ("rows.cu", "if (p.flag && threadIdx.x == 0 && «top >= INFINITE») atomic_min(p.flag, p.place);\n  const float norm = p.norm", "top > INFINITE", "rows small"),
    ("rows.cu", "«length * p.up_norm + p.up_bias»", "length * p.up_norm", "rows small"),
    ("rows.cu", "«length * p.gate_norm» + p.gate_bias", "length * p.up_norm", "rows small"),
    ("rows.cu", "if (p.norm && p.weight && c + i < p.width) «v[i] *= p.weight[c + i];»", ";", "rows small"),
    ("rows.cu", "p.planes == 2 ? hi + «(size_t)p.out_rows» * p.k", "(size_t)p.n", "rows small"),
    ("rows.cu", "inverse_root(squares, «(float)p.group», p.eps)", "(float)p.width", "rows small"),
    ("rows.cu", "out[c] = «p.add ? out[c] + v : v»", "out[c] + v", "rows small"),
    ("rows.cu", "first = is_q ? 0 : «t.q_heads * dim»", "0", "rows small"),
    ("rows.cu", "for (int plane = 0; plane < «2»; plane++)", "1", "rows small"),
    ("rows.cu", "if («plane < p.v_planes»)", "plane < 2", "rows small"),
    ("rows.cu", "c += «8 * 256»)", "8 * 512", "rows small"),
    ("rows.cu", "min(«(int)(blockIdx.y + 1) * 1024», width)", "1024", "rows small"),
    ("rows.cu", "p.apart ? «p.apart» : 1", "1", "rows small"),
    ("rows.cu", "p.out[i] = «capped(sum * p.b_inv[token], cap_of(p.cap))»", "sum * p.b_inv[token]", "rows small"),
    ("rows.cu", "(v == last && «c > last_id»)", "c < last_id", "rows"),
    ("rows.cu", "c / p.src_group * «p.dst_group»", "p.src_group", "rows small"),
    ("rows.cu", "stored(p.table, from + c, p.dtype) * «p.scale»", "1.f", "rows small"),
    ("heads.cuh", "weight += «h * t.dim»", "0", "rows small"),
    ("heads.cuh", "n *= «(float)heads»", "2.f", "rows small"),
    ("heads.cuh", "lo = «is_v && t.v_planes == 1» ? nullptr", "false", "naive small"),
    ("numbers.cuh", "«0.044715f» * x * x", "0.0448f", "rows small"),
    ("numbers.cuh", "max(largest >> 23, «15u»)", "60u", "rows small"),
    ("numbers.cuh", "(«268u» - e) << 23", "269u", "rows small"),
    ("numbers.cuh", "a < «0.625f» ?", "2.5f", "rows small"),
    ("numbers.cuh", "if (lo) *(u32*)lo = pack_f16x2(«x - from_f16((u16)top)»", "0.f", "rows small"),
    # loading
    ("weights.cu", "blockIdx.x * 8 + «(threadIdx.x >> 5)»", "(threadIdx.x >> 6)", "weights small"),
    ("weights.cu", "(double)v * «(double)p.weight[c]»", "(double)p.weight[0]", "weights small"),
    ("weights.cu", "«top = max(top, shuffle_xor(top, d));»", ";", "weights small"),
    ("weights.cu", "parts[threadIdx.x] = squares;\n  «__syncthreads();»", ";", "weights small"),
    ("weights.cu", "i < «32»; i++", "16", "weights small"),
    ("weights.cu", "«atomic_max(&p.out->squares, f64_bits(squares));»", "p.out->squares = f64_bits(squares);", "weights"),
    ("weights.cu", "blockIdx.x * «4096»;", "2048", "weights"),
    ("weights.cu", "from == 1 ? p.b : «p.c»;", "p.b", "weights small"),
    ("weights.cu", "from == 1 ? p.b_dtype : «p.c_dtype»", "p.b_dtype", "weights small"),
    ("weights.cu", "column + j < p.cols ? column + j : «-1»", "p.cols - 1", "weights small"),
    ("weights.cu", "«source < 0 || c < 0» ? 0.f", "c < 0", "weights small"),
    ("weights.cu", "dtype) * «p.scale»", "1.f", "weights small"),
    ("weights.cu", "«p.planes == 2» ? hi + plane", "true", "weights small"),
    ("weights.cu", "«if (column == 0) p.inverse[row] = p.unscale;»", ";", "weights small"),
    # the naive set
    ("naive.cu", "«sum *= fade;»", ";", "attention-naive"),
    ("naive.cu", "first = max(0, «depth - p.window + 1»)", "depth - p.window", "attention-naive"),
    ("naive.cu", "«div_rn(o[j], sum)»", "o[j]", "attention-naive"),
    ("naive.cu", "if (e.mode == ROWS_ADD) «v += *out;»", ";", "naive small"),
    ("naive.cu", "|| «t.first / 2 + j >= p.n / 2»", "false", "naive"),
]

# Tests: arguments of cargo test; what is `inside` runs on the emulated driver, capability 8.0.
CUDA = "src/backend/cuda/"
INSIDE = "--test cuda inside::"
FAMILIES, INVARIANCE = INSIDE + "families::families_agree_with", INSIDE + "invariance::scores_do_not"
PRODUCTS, HEADS, LIKELIEST = (INSIDE + "steps::" + step for step in ("products_agree", "heads_agree", "likeliest"))
READ_OFF, EARLY, NOT_FINITE = (INSIDE + "steps::" + step for step in ("what_is_read_off", "weights_that_come_early", "values_that_are_not"))
HOST = [
    (CUDA + "tables.rs", "|row: usize| «if row < path_len { row } else { path_rows + (row - path_len) }»", "row", "--lib cuda::tables"),
    (CUDA + "tables.rs", "tokens: «queries.min(run.rows.len() - first)»", "queries", "--lib cuda::tables"),
    (CUDA + "tables.rs", "i32, «(c.depth + i)» as i32]", "c.depth", INVARIANCE),
    (CUDA + "tables.rs", "«(c.from - path_len + i)» as i32", "(c.from - path_len)", INVARIANCE),
    (CUDA + "bounds.rs", "exponent_below(bound * MARGIN, «15»)", "17", "--lib cuda::bounds"),
    (CUDA + "bounds.rs", "let turn = «2f64.sqrt()»;", "1.0", "--lib cuda::bounds"),
    (CUDA + "bounds.rs", "bound += «(self.decoder.hidden as f64).sqrt()» * largest(&tensors", "1.0", "--lib cuda::bounds"),
    (CUDA + "bounds.rs", "let bound = «(self.longest)(role)» * MARGIN", "1e-3", "--lib cuda::bounds"),
    (CUDA + "bounds.rs", "(«largest(&bias)» * MARGIN) as f32", "0.0", "--lib cuda::bounds"),
    (CUDA + "packing.rs", "let from = «pair * INTERLEAVED + at % INTERLEAVED»;", "pair * INTERLEAVED + at % 4", "--lib cuda::packing"),
    (CUDA + "layer.rs", "group: «group» as i32", "spec.kv_heads", FAMILIES),
    (CUDA + "layer.rs", "window: «spec.window.map_or(i32::MAX, |w| i32::try_from(w).unwrap_or(i32::MAX))»", "i32::MAX", FAMILIES),
    (CUDA + "layer.rs", "power(«-(layer.exponents.q + exponents.k)»)", "-layer.exponents.q", FAMILIES),
    (CUDA + "layer.rs", "scale: «power(-exponents.v)»", "1.0", FAMILIES),
    (CUDA + "layer.rs", "let first = «if made.queries { 0 } else { spec.heads }»;", "0", FAMILIES),
    (CUDA + "layer.rs", "q_norm: «layer.q_norm.as_ref().map_or(0, Buffer::at)»", "0", FAMILIES),
    (CUDA + "layer.rs", "whole_row: «i32::from(spec.head_norm == HeadNorm::WholeRow)»", "0", FAMILIES),
    (CUDA + "layer.rs", "value_norm: i32::from(«spec.value_norm»)", "false", FAMILIES),
    (CUDA + "layer.rs", "side: rows.at() + «4 * column as u64»", "0", FAMILIES),
    (CUDA + "layer.rs", "«self.scale_rows(x, by)?;»", "", FAMILIES),
    (CUDA + "load.rs", "out_bias: «padded(spec.out_bias, Role::AttnOutBias, &out)?»", "None", FAMILIES),
    (CUDA + "load.rs", "down_bias: «padded(spec.mlp.bias, Role::DownBias, &down)?»", "None", FAMILIES),
    (CUDA + "product.rs", "|bias| bias.at() + «4 * rows.start as u64»)", "0", FAMILIES),
    (CUDA + "product.rs", "KernelSet::Mma => [«m.div_ceil(TILE_ROWS)» * columns", "1", PRODUCTS),
    (CUDA + "head.rs", "2f32.powi(«-table.exponent»)", "0", HEADS),
    (CUDA + "head.rs", "input.inverse += «4 * first as u64»;", "0", LIKELIEST),
    (CUDA + "head.rs", "values: values_at + «(4 * first * k) as u64»", "0", LIKELIEST),
    (CUDA + "kv.rs", "|rows: usize| («2 * 2 * rows * kv.width») as u64", "2 * rows * kv.width", FAMILIES),
    (CUDA + "watch.rs", "if unseen.rows.same_as(x) => Ok(«unseen.pending»)", "Pending::default()", NOT_FINITE),
    (CUDA + "transfer.rs", "bytes)?;\n        «self.wait()?;»\n        let read", "", PRODUCTS),
    (CUDA + "transfer.rs", "«landing.end.wait()?;»", "", FAMILIES),
    (CUDA + "gpu.rs", "cuda {planes}, {} kernels\", «self.set.name()»)", "\"any\"", "--test cuda program::a_sweep_that_loses"),
    (CUDA + "plan.rs", "(\"asked tokens\", «8 * ends * IDS»)", "4", "--test cuda log::"),
    (CUDA + "plan.rs", "(\"scales of the head\", «rows_bytes(1, decoder.vocab)»)", "4", "--test cuda log::"),
    (CUDA + "plan.rs", "self.down = «ALIGNED» +", "0", "--test cuda log::"),
    (CUDA + "reading.rs", "left = «rest»;", "left", READ_OFF),
    # weights on their way up
    (CUDA + "ring.rs", "under_way.take() {\n            «mark.wait()?;»\n        }\n        let usual", "", FAMILIES),
    (CUDA + "ring.rs", "self.send_piece(piece, to, «i * SLOT»)", "0", LIKELIEST),
    (CUDA + "stored.rs", "&& «s.sent == s.host.len()» &&", "true", EARLY),
    (CUDA + "stored.rs", "block.at() + «(asked.start - staged.host.start) as u64»", "0", EARLY),
    (CUDA + "stored.rs", "send(bytes, block.buffer()?, «at»)", "0", EARLY),
    (CUDA + "stored.rs", "«lock(&self.cuda.loading.staged).retain(|staged| staged.staging != self.id);»", "", EARLY),
    (CUDA + "stored.rs", "if «bytes + 2 * largest > free - free / 100 * RESERVE_PERCENT»", "false", "--test cuda ahead::"),
    (CUDA + "stored.rs", "«self.driver.mark(Lane::Loading)?.wait()?;»", "", FAMILIES),
    (CUDA + "weights.rs", "unscale: «2f32.powi(-exponent)»", "1.0", FAMILIES),
    (CUDA + "weights.rs", "«self.driver.follow()?;»\n        Ok(Planes", "", EARLY),
]


def plant(text, number, place, instead, call):
    """`text` with the fault behind the switch `call`(number), or None if its place is not there once."""
    before, rest = place.split("«")
    what, after = rest.split("»")
    if text.count(before + what + after) != 1:
        return None
    if what.endswith((";", "}")):
        new = f"{{ if {call(number)} {{ {instead} }} else {{ {what} }} }}"
    else:
        new = call.choice(number, instead, what)
    return text.replace(before + what + after, before + new + after)


class Cpp:
    def __call__(self, number):
        return f"(planted({number}))"

    def choice(self, number, instead, what):
        return f"(planted({number}) ? ({instead}) : ({what}))"


class Rust:
    def __call__(self, number):
        return f"crate::planted({number})"

    def choice(self, number, instead, what):
        return f"(if crate::planted({number}) {{ {instead} }} else {{ {what} }})"


CPP_SWITCH = """
#include <cstdlib>
inline const int planted_fault = [] { const char* n = std::getenv("PLANTED_FAULT"); return n ? std::atoi(n) : -1; }();
inline bool planted(int number) { return number == planted_fault; }
"""
RUST_SWITCH = """
/// Whether this fault is on.
pub fn planted(number: u32) -> bool {
    static ON: std::sync::LazyLock<Option<u32>> =
        std::sync::LazyLock::new(|| std::env::var("PLANTED_FAULT").ok()?.parse().ok());
    *ON == Some(number)
}
"""


def plant_all(faults, folder, call):
    """Plants in the copy at `folder`; the numbers of those whose place is gone."""
    gone = []
    for number, (file, place, instead, _) in enumerate(faults, 1):
        path = folder / file
        new = plant(path.read_text(), number, place, instead, call)
        if new is None:
            gone.append(number)
        else:
            path.write_text(new)
    return gone


def name(fault):
    file, place, instead, _ = fault
    before, rest = place.split("«")
    what = rest.split("»")[0]
    return " ".join(f"{Path(file).name}: `{what}` -> `{instead}`".split())


def judge(faults, gone, only, run, jobs):
    """Runs the tests of each fault; how many were not caught."""
    left = len(gone)
    for number in gone:
        print(f"NO PLACE   {name(faults[number - 1])}")
    asked = [n for n in range(1, len(faults) + 1) if n not in gone and (not only or any(o in name(faults[n - 1]) for o in only))]
    with ThreadPoolExecutor(jobs) as pool:
        for number, (caught, said) in zip(asked, pool.map(run, asked)):
            left += not caught
            print(f"{'caught    ' if caught else 'NOT CAUGHT'} {name(faults[number - 1])}: {said}", flush=True)
    print(f"{len(asked)} faults, {left} not caught", flush=True)
    return left


def kernels(only):
    copy, out = WORK / "kernels", WORK / "check"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    for path in (ROOT / "kernels").iterdir():
        if path.suffix in (".cu", ".cuh"):
            shutil.copy(path, copy)
    gone = plant_all(KERNELS, copy, Cpp())
    with open(copy / "ptx.cuh", "a") as header:
        header.write(CPP_SWITCH)
    subprocess.run([HERE / "build.sh", "--check", out], env=dict(os.environ, KERNELS=str(copy)), check=True)

    def check(number, parts, limit=300):
        environment = dict(os.environ, PLANTED_FAULT=str(number), EMU_SEED="3")
        try:
            done = subprocess.run([out / "check", *parts.split(), "first"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit)
        except subprocess.TimeoutExpired:
            return True, "it did not end"
        lines = done.stdout.decode(errors="replace").splitlines()
        said = next((line for line in lines if re.search("WRONG|emulated GPU|illegal", line)), "it fell")
        return done.returncode != 0, f"check {parts}: {' '.join(said.split())[:90] if done.returncode else 'all right'}"

    # Without sound kernels nothing is told by a failure.
    caught, said = check(0, "small")
    if caught:
        sys.exit(f"with no fault on: {said}")
    return judge(KERNELS, gone, only, lambda n: check(n, KERNELS[n - 1][3]), os.cpu_count())


def host(only):
    copy = WORK / "host"
    copy.mkdir(parents=True, exist_ok=True)
    kept = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    for file in kept.stdout.decode().split("\0"):
        if file and (ROOT / file).is_file():
            (copy / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, copy / file)
    gone = plant_all(HOST, copy, Rust())
    library = copy / "src/lib.rs"
    library.write_text("#![allow(unused)] // of what is planted\n" + library.read_text() + RUST_SWITCH)
    target = os.environ.get("CARGO_TARGET_DIR") or str(ROOT / "target")
    environment = dict(os.environ, CARGO_TARGET_DIR=target, TILTMETER_TEST_NEEDS_CUDA="1", CARGO_TERM_COLOR="never", RUST_BACKTRACE="0")
    environment.pop("PLANTED_FAULT", None)
    build = ["cargo", "test", "--locked", "--lib", "--test", "cuda", "--no-run", "--message-format=json-render-diagnostics"]
    built = subprocess.run(build, cwd=copy, env=environment, stdout=subprocess.PIPE, check=True)
    # Tests by the kind of what they are in. They are kept here: what is built in that folder meanwhile has the same names.
    programs = {}
    for line in built.stdout.decode().splitlines():
        message = json.loads(line)
        if message.get("executable") and message["profile"]["test"]:
            kind = message["target"]["kind"][0]
            programs["--test cuda" if kind == "test" else "--lib"] = shutil.copy2(message["executable"], WORK / f"tests-{kind}")
    driver = WORK / "driver"
    subprocess.run([HERE / "build.sh", driver], check=True)
    emulated = {"TILTMETER_TEST_INSIDE": "1", "EMU_CC": "80", "LD_LIBRARY_PATH": str(driver)}

    def run(arguments, number):
        program, test = arguments.rsplit(" ", 1)
        on = dict(environment, PLANTED_FAULT=str(number), **(emulated if arguments.startswith(INSIDE) else {}))
        done = subprocess.run([programs[program], test], cwd=copy, env=on, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        lines = done.stdout.decode(errors="replace").splitlines()
        said = next((line for line in lines if re.search(r"^test .*FAILED", line)), "it fell" if done.returncode else "")
        ran = any(re.match(r"running [1-9]", line) for line in lines)
        return done.returncode != 0 or not ran, f"cargo test {arguments}: {said[:110] if done.returncode else 'passes' if ran else 'nothing ran'}"

    # As with the kernels.
    asked = [fault for fault in HOST if not only or any(o in name(fault) for o in only)]
    for arguments in dict.fromkeys(fault[3] for fault in asked):
        failed, said = run(arguments, 0)
        if failed:
            sys.exit(f"with no fault on: {said}")
    return judge(HOST, gone, only, lambda n: run(HOST[n - 1][3], n), 1)


def main():
    arguments = sys.argv[1:]
    part = arguments.pop(0) if arguments and arguments[0] in ("kernels", "host") else None
    start, left = time.monotonic(), 0
    if part != "host":
        left += kernels(arguments)
    if part != "kernels":
        left += host(arguments)
    print(f"{time.monotonic() - start:.0f} s")
    sys.exit(bool(left))


main()
