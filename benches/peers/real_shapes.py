"""Checkpoints of the published shapes, random weights: does tiltmeter load them, and does it agree with transformers?

For each family a checkpoint with the maker's width, heads and vocabulary is written, cut to two layers (Gemma 4: to the
shortest pattern in which upper layers read lower ones' keys and values), scored on eight prompts of random ids by
transformers in f32 and by `tiltmeter score`, and removed again. Times are those of whole processes, loading included;
memory is their peak, mapped weights included. Prints a table; exits with 1 if a difference is above --tolerance.

    pip install torch transformers safetensors numpy
    python3 benches/peers/real_shapes.py --tiltmeter target/release/tiltmeter --work /somewhere/large
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

PROMPTS, LONGEST, CHOICES = 8, 160, 16
SEED = 20

# What all makers' configs share; the values are those of the published config files.
COMMON = {"attention_dropout": 0.0, "initializer_range": 0.02, "use_cache": True, "torch_dtype": "bfloat16"}


def plain(model_type, architecture, hidden, heads, kv, ffn, vocab, theta, eps, context, **more):
    return COMMON | {
        "architectures": [architecture], "model_type": model_type, "hidden_act": "silu", "hidden_size": hidden,
        "num_attention_heads": heads, "num_key_value_heads": kv, "intermediate_size": ffn, "num_hidden_layers": 2,
        "vocab_size": vocab, "rope_theta": theta, "rms_norm_eps": eps, "max_position_embeddings": context,
        "tie_word_embeddings": False,
    } | more


def baichuan():
    config = plain("baichuan", "BaichuanForCausalLM", 4096, 32, 32, 11008, 125696, 1e4, 1e-6, 4096,
                   model_max_length=4096, z_loss_weight=0)
    del config["rope_theta"], config["num_key_value_heads"]
    return config


def gemma4():
    rope = {
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
        "full_attention": {"rope_type": "proportional", "rope_theta": 1e6, "partial_rotary_factor": 0.25},
    }
    config = plain("gemma4_text", "Gemma4ForCausalLM", 2560, 8, 2, 10240, 262144, 0, 1e-6, 131072,
                   head_dim=256, global_head_dim=512, num_global_key_value_heads=None, sliding_window=64,
                   num_hidden_layers=4, num_kv_shared_layers=2, rope_parameters=rope, tie_word_embeddings=True,
                   layer_types=["sliding_attention", "full_attention"] * 2, hidden_size_per_layer_input=256,
                   vocab_size_per_layer_input=262144, final_logit_softcapping=30.0, dtype="bfloat16",
                   hidden_activation="gelu_pytorch_tanh", attention_bias=False, attention_k_eq_v=False,
                   enable_moe_block=False, use_double_wide_mlp=False, use_bidirectional_attention=None)
    for key in ["rope_theta", "hidden_act", "torch_dtype"]:
        del config[key]
    return config


LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 8192}
CONFIGS = {
    "Mistral 7B v0.3": plain("mistral", "MistralForCausalLM", 4096, 32, 8, 14336, 32768, 1e6, 1e-5, 32768,
                             sliding_window=None),
    "Llama 3.1 8B": plain("llama", "LlamaForCausalLM", 4096, 32, 8, 14336, 128256, 5e5, 1e-5, 131072,
                          rope_scaling=LLAMA3, attention_bias=False, mlp_bias=False),
    "Gemma 4 E4B": gemma4(),
    "Qwen 2.5 7B": plain("qwen2", "Qwen2ForCausalLM", 3584, 28, 4, 18944, 152064, 1e6, 1e-6, 131072,
                         use_sliding_window=False, sliding_window=131072, max_window_layers=28),
    "Baichuan 2 7B": baichuan(),
    "Yi 1.5 9B": plain("llama", "LlamaForCausalLM", 4096, 32, 4, 11008, 64000, 5e6, 1e-6, 4096, attention_bias=False),
    "GLM 4 9B": plain("glm", "GlmForCausalLM", 4096, 32, 2, 13696, 151552, 1e4, 1.5625e-7, 8192, head_dim=128,
                      attention_bias=True, partial_rotary_factor=0.5),
    "OLMo 2 7B": plain("olmo2", "Olmo2ForCausalLM", 4096, 32, 32, 11008, 100352, 5e5, 1e-6, 4096, attention_bias=False),
    "Qwen 3 8B": plain("qwen3", "Qwen3ForCausalLM", 4096, 32, 8, 12288, 151936, 1e6, 1e-6, 40960, head_dim=128,
                       attention_bias=False, use_sliding_window=False, sliding_window=None, max_window_layers=36),
}


def shapes(config):
    """Name and shape of every tensor, as the makers store them."""
    family, hidden, layers = config["model_type"], config["hidden_size"], config["num_hidden_layers"]
    heads = config["num_attention_heads"]
    kv_heads, ffn = config.get("num_key_value_heads", heads), config["intermediate_size"]
    gemma, vocab = family == "gemma4_text", config["vocab_size"]
    yield "model.embed_tokens.weight", (vocab, hidden)
    for i in range(layers):
        at = f"model.layers.{i}."
        dim = config.get("head_dim") or hidden // heads
        if gemma and config["layer_types"][i] == "full_attention":
            dim = config["global_head_dim"]
        q, kv = heads * dim, kv_heads * dim
        makes_kv = i < layers - config.get("num_kv_shared_layers", 0)
        if family == "baichuan":
            yield at + "self_attn.W_pack.weight", (q + 2 * kv, hidden)
        else:
            yield at + "self_attn.q_proj.weight", (q, hidden)
            if makes_kv:
                yield at + "self_attn.k_proj.weight", (kv, hidden)
                yield at + "self_attn.v_proj.weight", (kv, hidden)
        if family in ("qwen2", "glm"):
            for name, out in [("q", q), ("k", kv), ("v", kv)]:
                yield at + f"self_attn.{name}_proj.bias", (out,)
        if family in ("qwen3", "olmo2") or gemma:
            whole = family == "olmo2"
            yield at + "self_attn.q_norm.weight", (q if whole else dim,)
            if makes_kv:
                yield at + "self_attn.k_norm.weight", (kv if whole else dim,)
        yield at + "self_attn.o_proj.weight", (hidden, q)
        if family == "glm":
            yield at + "mlp.gate_up_proj.weight", (2 * ffn, hidden)
        else:
            yield at + "mlp.gate_proj.weight", (ffn, hidden)
            yield at + "mlp.up_proj.weight", (ffn, hidden)
        yield at + "mlp.down_proj.weight", (hidden, ffn)
        norms = ["post_attention_layernorm"]
        norms += ["post_feedforward_layernorm"] if family == "olmo2" or gemma else []
        norms += ["input_layernorm"] if family != "olmo2" else []
        if gemma:
            side = config["hidden_size_per_layer_input"]
            norms += ["pre_feedforward_layernorm", "post_per_layer_input_norm"]
            yield at + "per_layer_input_gate.weight", (side, hidden)
            yield at + "per_layer_projection.weight", (hidden, side)
            yield at + "layer_scalar", (1,)
        for norm in norms:
            yield at + norm + ".weight", (hidden,)
    yield "model.norm.weight", (hidden,)
    if gemma:
        side = config["hidden_size_per_layer_input"]
        yield "model.embed_tokens_per_layer.weight", (vocab, layers * side)
        yield "model.per_layer_model_projection.weight", (layers * side, hidden)
        yield "model.per_layer_projection_norm.weight", (side,)
    if not config["tie_word_embeddings"]:
        yield "lm_head.weight", (vocab, hidden)


def write(config, folder):
    """bf16: matrices of about unit gain, norms and scalars away from 1, so that a forgotten one shows."""
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(SEED)
    tensors = {}
    for name, shape in shapes(config):
        values = torch.randn(shape, generator=generator, dtype=torch.float32)
        if name.endswith("norm.weight"):
            values = 1 + 0.2 * values
        elif name.endswith("layer_scalar"):
            values = 0.6 + 0.1 * values
        elif len(shape) == 2:
            values *= shape[1] ** -0.5
        else:
            values *= 0.2
        tensors[name] = values.to(torch.bfloat16)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config, indent=1))


def prompts(vocab):
    """Half of them share a prefix; ids and lengths spread over all there are. And the ids whose logits are compared."""
    numbers = random.Random(SEED)
    ids = lambda count: [numbers.randrange(vocab) for _ in range(count)]
    trunk = ids(LONGEST // 2)
    tails = [ids(numbers.randint(1, LONGEST // 2)) for _ in range(PROMPTS)]
    return [trunk + tail if i % 2 else tail for i, tail in enumerate(tails)], ids(CHOICES)


def split_baichuan(folder, config):
    """transformers has no such class; its Llama, given the parts of W_pack and rows of unit length, computes the same."""
    import torch
    from safetensors.torch import load_file
    from transformers import LlamaConfig, LlamaForCausalLM

    keep = ["hidden_size", "intermediate_size", "num_attention_heads", "num_hidden_layers", "vocab_size", "rms_norm_eps",
            "max_position_embeddings", "tie_word_embeddings"]
    llama = LlamaConfig(**{key: config[key] for key in keep}, rope_parameters={"rope_type": "default", "rope_theta": 1e4})
    weights = {}
    for name, tensor in load_file(folder / "model.safetensors").items():
        tensor = tensor.float()
        if "W_pack" in name:
            for part, rows in zip("qkv", tensor.chunk(3)):
                weights[name.replace("W_pack", f"{part}_proj")] = rows.contiguous()
        else:
            weights[name] = torch.nn.functional.normalize(tensor) if name == "lm_head.weight" else tensor
    model = LlamaForCausalLM(llama).float()
    model.load_state_dict(weights)
    return model.eval()


def reference(folder, out):
    """Worker: the choices' logits and the log-sum-exp after each prompt, by transformers in f32."""
    import torch
    import transformers

    torch.set_grad_enabled(False)
    config = json.loads((folder / "config.json").read_text())
    start = time.perf_counter()
    if config["model_type"] == "baichuan":
        model = split_baichuan(folder, config)
    else:
        load = transformers.AutoModelForCausalLM.from_pretrained
        model = load(folder, dtype=torch.float32, attn_implementation="eager").eval()
    loaded = time.perf_counter()
    sequences, choices = prompts(config["vocab_size"])
    rows = []
    for tokens in sequences:
        logits = model(input_ids=torch.tensor([tokens]), logits_to_keep=1).logits[0, -1].double()
        rows.append({"logits": logits[choices].tolist(), "logsumexp": logits.logsumexp(0).item()})
    ended = time.perf_counter()
    out.write_text(json.dumps({"rows": rows, "load": loaded - start, "score": ended - loaded}))


def run(command, log):
    """Seconds and peak memory in MB of a process; what it says on standard error goes to `log`."""
    start = time.perf_counter()
    with open(log, "w") as said:
        process = subprocess.Popen([str(part) for part in command], stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise RuntimeError(f"{command[0]} failed: {Path(log).read_text().strip()}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def measure(name, args):
    """A row of the table, and whether the two agree."""
    folder = args.work / name.replace(" ", "-").lower()
    folder.mkdir(parents=True, exist_ok=True)
    items, scores, peer = folder / "items.jsonl", folder / "scores.jsonl", folder / "reference.json"
    own = [sys.executable, __file__, "--folder", folder]
    try:
        run([*own, "--worker", "write", "--families", name], folder / "write.log")
        sequences, choices = prompts(CONFIGS[name]["vocab_size"])
        halves = [choices[: CHOICES // 2], choices[CHOICES // 2 :]]
        lines = [{"id": i, "tokens": tokens, "choice_tokens": halves} for i, tokens in enumerate(sequences)]
        items.write_text("".join(json.dumps(line) + "\n" for line in lines))
        command = [args.tiltmeter, "score", "--model", folder, "--input", items, "--output", scores]
        seconds, memory = run(command, folder / "tiltmeter.log")
        print(f"{name}: {(folder / 'tiltmeter.log').read_text().strip().splitlines()[-1]}", file=sys.stderr)
        peer_seconds, peer_memory = run([*own, "--worker", "reference"], folder / "reference.log")
        largest = logits = sums = 0.0
        for line, row in zip(scores.read_text().splitlines(), json.loads(peer.read_text())["rows"], strict=True):
            line = json.loads(line)
            got = [logit for half in line["logits"] for logit in half]
            largest = max(largest, max(map(abs, row["logits"])))
            logits = max(logits, max(abs(a - b) for a, b in zip(got, row["logits"], strict=True)))
            sums = max(sums, abs(line["logsumexp"] - row["logsumexp"]))
        stored = (folder / "model.safetensors").stat().st_size / 1e9
    finally:
        if not args.keep:
            shutil.rmtree(folder, ignore_errors=True)
    row = [name, f"{stored:.2f}", f"{largest:.1f}", f"{logits:.1e}", f"{sums:.1e}", f"{seconds:.1f}", f"{memory:.0f}",
           f"{peer_seconds:.1f}", f"{peer_memory:.0f}"]
    return row, max(logits, sums) <= args.tolerance


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiltmeter", default="target/release/tiltmeter")
    parser.add_argument("--work", type=Path, default=Path("real-shapes"), help="folder for one checkpoint at a time")
    parser.add_argument("--families", help="names separated by commas; all of them if not given")
    parser.add_argument("--tolerance", type=float, default=1e-3, help="of logits and log-sum-exp, absolute")
    parser.add_argument("--keep", action="store_true", help="leave the checkpoints there")
    parser.add_argument("--worker", choices=["write", "reference"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    names = args.families.split(",") if args.families else list(CONFIGS)
    if args.worker == "write":
        write(CONFIGS[names[0]], args.folder)
        return 0
    if args.worker == "reference":
        reference(args.folder, args.folder / "reference.json")
        return 0
    rows, sound = [], True
    for name in names:
        row, agrees = measure(name, args)
        rows.append(row)
        sound &= agrees
    head = ["family", "GB stored", "largest logit", "logits differ", "log-sum-exp differs", "tiltmeter s", "MB",
            "transformers s", "MB"]
    for row in [head, ["---"] * len(head), *rows]:
        print("| " + " | ".join(row) + " |")
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
