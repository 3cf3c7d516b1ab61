"""Worker: llama.cpp through the low-level interface of llama-cpp-python, on the CPU.

Prompts are sorted, the cache keeps what the next prompts share with the last one, only the tails are evaluated, and
logits are made for prompts' last tokens alone. With `pack_prompts` = 1 that is one prompt at a time; with more, several
prompts ride in one batch as sequences that share the cells of their common prefix (one unified cache).

The job also has `gguf`, `flash` (bool), `kv` ("f16" or "f32"), `pack_tokens`.
"""
import ctypes

import worker
import numpy as np
import llama_cpp
from prefix import packs

KV_TYPES = {"f16": llama_cpp.GGML_TYPE_F16, "f32": llama_cpp.GGML_TYPE_F32}
MAX_SEQUENCES = 256  # llama.cpp's own limit, one of them for the carried path


@llama_cpp.llama_log_callback
def log_errors(level, text, _):
    if level == 4:  # GGML_LOG_LEVEL_ERROR
        print(text.decode(), end="", flush=True)


class Context:
    """A loaded model, a context that fits the job and a batch to fill."""

    def __init__(self, job):
        llama_cpp.llama_log_set(log_errors, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        model_params = llama_cpp.llama_model_default_params()
        model_params.n_gpu_layers = 0
        self.model = llama_cpp.llama_model_load_from_file(job["gguf"].encode(), model_params)
        if not self.model:
            raise SystemExit(f"llama.cpp cannot load {job['gguf']}")
        self.vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))

        longest = max(map(len, job["prompts"]))
        rows = max(job["pack_tokens"], longest)
        sequences = job["pack_prompts"] + 1
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = -(-(rows + longest) // 256) * 256
        params.n_batch = params.n_ubatch = rows
        params.n_seq_max = sequences
        params.n_threads = params.n_threads_batch = job["threads"]
        params.flash_attn_type = 1 if job["flash"] else 0
        params.type_k = params.type_v = KV_TYPES[job["kv"]]
        params.kv_unified = True
        params.no_perf = True
        self.context = llama_cpp.llama_init_from_model(self.model, params)
        if not self.context:
            raise SystemExit("llama.cpp cannot make a context with these settings")
        self.memory = llama_cpp.llama_get_memory(self.context)
        self.batch = llama_cpp.llama_batch_init(rows, 0, sequences)

    def decode(self, pack):
        """Computes a pack's rows; sequence k + 1 is its prompt k, sequence 0 the path carried over."""
        rows = len(pack.tokens)
        sequences = [[] for _ in range(rows)]
        for k, path in enumerate(pack.paths):
            for row in path:
                sequences[row].append(k + 1)
        batch = self.batch
        batch.n_tokens = rows
        for row in range(rows):
            batch.token[row] = pack.tokens[row]
            batch.pos[row] = pack.depths[row]
            batch.n_seq_id[row] = len(sequences[row])
            for i, sequence in enumerate(sequences[row]):
                batch.seq_id[row][i] = sequence
            batch.logits[row] = 0
        for path in pack.paths:
            batch.logits[path[-1]] = 1

        llama_cpp.llama_memory_seq_rm(self.memory, 0, pack.shared[0], -1)
        for k, shared in enumerate(pack.shared):
            if shared:
                llama_cpp.llama_memory_seq_cp(self.memory, 0, k + 1, 0, shared)
        status = llama_cpp.llama_decode(self.context, batch)
        if status != 0:
            raise SystemExit(f"llama_decode failed with {status}")
        llama_cpp.llama_memory_seq_rm(self.memory, 0, -1, -1)
        llama_cpp.llama_memory_seq_cp(self.memory, len(pack.members), 0, -1, -1)
        for k in range(len(pack.members)):
            llama_cpp.llama_memory_seq_rm(self.memory, k + 1, -1, -1)

    def logits(self, row):
        return np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self.context, row), shape=(self.vocab,))


def score(context, job):
    llama_cpp.llama_memory_clear(context.memory, False)
    logits, computed = [None] * len(job["prompts"]), 0
    for pack in packs(job["prompts"], job["pack_tokens"], job["pack_prompts"]):
        context.decode(pack)
        computed += len(pack.tokens)
        for member, path in zip(pack.members, pack.paths):
            row = context.logits(path[-1])
            logits[member] = [row[ids] for ids in job["choice_tokens"]]
    return logits, computed


def version():
    features = llama_cpp.llama_print_system_info().decode().strip(" |")
    return f"llama-cpp-python {llama_cpp.__version__} ({features})"


if __name__ == "__main__":
    worker.run(Context, score, version)
