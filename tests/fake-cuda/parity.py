#!/usr/bin/env python3
"""parity.py TILTMETER DRIVER FOLDER... [--items FILE] [--jobs N] [--pairs N] [--cc 80,90] [--precision f32,fast]

How far the CUDA backend is from transformers, as a Markdown table: the program TILTMETER scores each checkpoint FOLDER on the
emulated driver in the folder DRIVER (build.sh makes it), for both kinds of GPU and both precisions.

A FOLDER holds a checkpoint and what transformers computes from it in f32: reference.json (`sequences`, `pair_ids`,
`weight_dtype`) and reference.safetensors (`logits`, the last row of each sequence; where it has `logits_bf16_native` or
`logits_f16_native`, transformers' own arithmetic in the stored type stands beside ours). A folder of such folders stands for all
of them. --items FILE is for a real model instead: its `items` hold `tokens`, `logits` of all `choice_tokens`, `log_odds`;
the first eight of a study are scored (an `id` that begins with `study/`), in packs of 256 tokens.

Logits: norm of the difference over norm of the reference, over the whole vocabulary and all sequences. Log-odds: largest
difference for the pair; --pairs N takes the largest over N more pairs of tokens. Exit code 1 where f32 is off by more than 1e-4
and 1e-3, or fast by more than 5e-3 and 2e-2.
"""
import argparse, json, math, os, struct, subprocess, sys, tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BOUNDS = {"f32": (1e-4, 1e-3), "fast": (5e-3, 2e-2)}


def rows(file, names):
    """The first of these f32 tensors that the file has, as lists of rows."""
    with open(file, "rb") as f:
        (size,) = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(size))
        for name in names:
            if name in header:
                start, end = header[name]["data_offsets"]
                f.seek(8 + size + start)
                values = struct.unpack(f"<{(end - start) // 4}f", f.read(end - start))
                width = header[name]["shape"][1]
                return [values[i : i + width] for i in range(0, len(values), width)]
    return None


def cases(paths, items, pairs):
    """(name, stored type, checkpoint, prompts, ids asked of each, wanted logits, transformers' own, pairs of places)"""
    for path in paths:
        if items:
            reference = json.loads(Path(items).read_text())
            chosen = [i for i in reference["items"] if i["id"].startswith("study/")][:8]
            ids = sum(reference["choice_tokens"], [])
            split = len(reference["choice_tokens"][0])
            yield (path.name, "f16", path, [i["tokens"] for i in chosen], ids, [sum(i["logits"], []) for i in chosen], None,
                   [(range(split), range(split, len(ids)))])
        elif (path / "reference.json").exists():
            reference = json.loads((path / "reference.json").read_text())
            want = rows(path / "reference.safetensors", ["logits"])
            own = rows(path / "reference.safetensors", ["logits_bf16_native", "logits_f16_native"])
            width = len(want[0])
            places = [reference["pair_ids"]] + [(i * 7919 % width, (i * 104729 + 13) % width) for i in range(1, pairs + 1)]
            yield (path.name, reference["weight_dtype"], path, reference["sequences"], list(range(width)), want, own,
                   [((a,), (b,)) for a, b in places if a != b])
        else:
            found = sorted(p for p in path.iterdir() if (p / "reference.safetensors").exists())
            if not found:
                sys.exit(f"{path}: neither a checkpoint with its reference.json nor a folder of such")
            yield from cases(found, items, pairs)


def log_odds(logits, pair):
    def total(places):
        top = max(logits[i] for i in places)
        return top + math.log(sum(math.exp(logits[i] - top) for i in places))
    return total(pair[0]) - total(pair[1])


def errors(got, want, pairs):
    squares = sum((a - b) ** 2 for g, w in zip(got, want) for a, b in zip(g, w))
    norm = sum(b * b for w in want for b in w)
    odds = max(abs(log_odds(g, p) - log_odds(w, p)) for g, w in zip(got, want) for p in pairs)
    return math.sqrt(squares / norm), odds


def scored(program, driver, case, capability, precision):
    name, _, model, prompts, ids, *_ = case
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder, "items.jsonl"), Path(folder, "scores.jsonl")
        asks = [[ids[0]], ids[1:]]
        source.write_text("".join(json.dumps({"id": i, "tokens": t, "choice_tokens": asks}) + "\n" for i, t in enumerate(prompts)))
        command = [program, "score", "-q", "--backend", "cuda", "--precision", precision, "--model", str(model), "--input", str(source),
                   "--output", str(out)] + (["--pack-tokens", "256"] if len(ids) < 64 else [])
        environment = dict(os.environ, LD_LIBRARY_PATH=str(driver), EMU_CC=capability)
        done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"{name}, {precision}, compute capability {capability}: {done.stderr.strip()}")
        return [sum(json.loads(line)["logits"], []) for line in out.read_text().splitlines()]


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("program"), parser.add_argument("driver"), parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--items"), parser.add_argument("--jobs", type=int, default=1), parser.add_argument("--pairs", type=int, default=0)
    parser.add_argument("--cc", default="90,80"), parser.add_argument("--precision", default="f32,fast")
    a = parser.parse_args()
    kinds = [(c, p) for p in a.precision.split(",") for c in a.cc.split(",")]
    titles = [f"{p}, {c[0]}.{c[1:]}: logits | log-odds" for c, p in kinds]
    print(f"| checkpoint | stored | {' | '.join(titles)} | transformers as stored: logits | log-odds |")
    print("|---|---|" + "--:|--:|" * (len(kinds) + 1))
    good = True

    def line(case):
        name, stored, _, _, _, want, own, pairs = case
        found = [(kind, errors(scored(a.program, a.driver, case, *kind), want, pairs)) for kind in kinds]
        figures = [f for _, pair in found for f in pair] + list(errors(own, want, pairs) if own else [])
        right = all(e <= b for (_, precision), pair in found for e, b in zip(pair, BOUNDS[precision]))
        return right, f"| {name} | {stored} | " + " | ".join([f"{f:.1e}".replace("e-0", "e-") for f in figures] + [""] * (0 if own else 2)) + " |"

    with ThreadPoolExecutor(a.jobs) as pool:
        for right, text in pool.map(line, list(cases(a.folders, a.items, a.pairs))):
            print(text if right else text + " beyond its bound", flush=True)
            good &= right
    sys.exit(not good)


main()
