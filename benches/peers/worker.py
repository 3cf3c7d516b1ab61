"""What the peers' worker processes have in common: a job comes as JSON on standard input, a result leaves as JSON.

A job has `prompts` (token ids), `choice_tokens` (ids of the first and of the second answer), `threads` and what the
worker itself asks for. A result has `log_odds` in the order of the prompts, `seconds` (scoring alone), `load_seconds`,
`cpu_seconds` (of all threads while scoring), `computed_tokens` and `version`.
"""
import json
import os
import sys
import time

import numpy as np


def log_odds(choice_logits):
    """Log-odds of the first answer: log-sum-exp over its tokens' logits less that over the second's."""
    first, second = (np.logaddexp.reduce(np.asarray(logits, dtype=np.float64)) for logits in choice_logits)
    return float(first - second)


class Stopwatch:
    """Wall and processor seconds of a `with` block."""

    def __enter__(self):
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_):
        self.wall, self.cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu


def run(load, score, version):
    """Reads the job, loads, scores with the watch running, writes the result.

    `load(job)` gives a model; `score(model, job)` gives (choice logits by prompt, number of tokens computed).
    """
    job = json.load(sys.stdin)
    # Libraries print to standard output; keep it for the result.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with Stopwatch() as loading:
        model = load(job)
    score(model, {**job, "prompts": job["prompts"][:1]})  # threads started, pages read
    with Stopwatch() as scoring:
        choice_logits, computed = score(model, job)
    result = {
        "log_odds": [log_odds(logits) for logits in choice_logits],
        "seconds": scoring.wall,
        "load_seconds": loading.wall,
        "cpu_seconds": scoring.cpu,
        "computed_tokens": computed,
        "version": version(),
    }
    json.dump(result, out)
    out.flush()
