"""Runs tiltmeter or a peer's worker once, in a process of its own, and reads what it says."""
import dataclasses
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CHOICES = [["A", " A", "(A", "\nA"], ["B", " B", "(B", "\nB"]]
SUMMARY = re.compile(r"computed ([\d,]+) of [\d,]+ tokens in ([\d.]+) s(?: \(([\d.]+) s to load\))?")


class PeerFailed(Exception):
    """A run gave no result."""


@dataclasses.dataclass
class Run:
    log_odds: dict  # by prompt id
    seconds: float  # scoring
    load_seconds: float
    cpu_seconds: float  # of all threads; tiltmeter's include loading
    wall_seconds: float  # of the process
    computed_tokens: int
    version: str


def import_problem(module):
    """Why the module cannot be imported here, or None."""
    done = subprocess.run([sys.executable, "-c", f"import {module}"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True)
    return done.stderr.strip().split("\n")[-1] if done.returncode else None


def settings(name, gguf):
    """What a peer is tried with before the rounds; one entry where there is nothing to choose."""
    if name == "tree":
        return [{"pack_tokens": n, "pack_prompts": 256} for n in (256, 512, 1024)]
    if not name.startswith("llama"):
        return [{}]
    sizes = [(256, 1)] if name == "llama-single" else [(n, 64) for n in (128, 256, 512)]
    return [{"gguf": path, "flash": flash, "kv": kv, "pack_tokens": tokens, "pack_prompts": prompts}
            for path in gguf for kv, flash in (("f32", False), ("f32", True), ("f16", True))
            for tokens, prompts in sizes]


class Runner:
    def __init__(self, binary, model, threads):
        self.binary, self.model, self.threads = binary, model, threads
        self.choice_tokens = None  # known once tiltmeter has run
        count = str(threads)
        self.environment = {**os.environ, "RAYON_NUM_THREADS": count, "OMP_NUM_THREADS": count,
                            "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}

    def peer(self, name, prompts, setting):
        """Scores `prompts`, a list of (id, tokens)."""
        if name in ("tiltmeter", "no-sharing"):
            return self._tiltmeter(prompts, ["--no-sharing"] if name == "no-sharing" else [])
        job = {"model": self.model, "prompts": [tokens for _, tokens in prompts], "threads": self.threads,
               "choice_tokens": self.choice_tokens, "way": name, "pack_tokens": 512, "pack_prompts": 256, **setting}
        script = "run_llama_cpp.py" if name.startswith("llama") else "run_transformers.py"
        command = [sys.executable, os.path.join(HERE, script)]
        start = time.perf_counter()
        done = subprocess.run(command, input=json.dumps(job), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=self.environment)
        wall = time.perf_counter() - start
        if done.returncode:
            raise PeerFailed(f"{name} failed: {done.stderr.strip()[-1500:]}")
        result = json.loads(done.stdout)
        odds = dict(zip((name for name, _ in prompts), result.pop("log_odds")))
        return Run(log_odds=odds, wall_seconds=wall, **result)

    def _tiltmeter(self, prompts, options):
        with tempfile.TemporaryDirectory() as scratch:
            items, scores = os.path.join(scratch, "items.jsonl"), os.path.join(scratch, "scores.jsonl")
            with open(items, "w", encoding="utf-8") as f:
                for name, tokens in prompts:
                    f.write(json.dumps({"id": name, "tokens": tokens, "choices": CHOICES}) + "\n")
            command = [self.binary, "score", "--model", self.model, "--input", items, "--output", scores, *options]
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            done = subprocess.run(command, stderr=subprocess.PIPE, text=True, env=self.environment)
            wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
            if done.returncode:
                raise PeerFailed(f"tiltmeter failed: {done.stderr.strip()[-1500:]}")
            with open(scores, encoding="utf-8") as f:
                lines = [json.loads(line) for line in f]
        summary = SUMMARY.search(done.stderr)
        if not summary:
            raise PeerFailed(f"tiltmeter's last line is not understood: {done.stderr.strip()[-300:]}")
        self.choice_tokens = lines[0]["choice_tokens"]
        return Run(
            log_odds={line["id"]: line["log_odds"] for line in lines},
            seconds=float(summary[2]),
            load_seconds=float(summary[3] or "nan"),
            cpu_seconds=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            wall_seconds=wall,
            computed_tokens=int(summary[1].replace(",", "")),
            version=self.version(),
        )

    def version(self):
        return subprocess.run([self.binary, "--version"], stdout=subprocess.PIPE, text=True).stdout.strip()
