"""Opens exported Inspect logs with Inspect's own reader, and holds them against the samples of the harness's form:
logs.py LOG.json LOG.eval SAMPLES
"""

import json
import math
import sys
from pathlib import Path

from inspect_ai.log import read_eval_log, read_eval_log_sample, read_eval_log_sample_summaries
from inspect_ai.log import EvalLog


def main(everything, one, folder):
    lines = [json.loads(line) for path in Path(folder).rglob("samples_*.jsonl") for line in path.open()]
    scores = {(line["doc"]["form"], line["doc"]["id"]): line for line in lines}
    for path, models in [(everything, 2), (one, 1)]:
        log = read_eval_log(path)
        # Once more as strictly as it can be: nothing of it is unknown to the reader, or passed over.
        EvalLog.model_validate(log.model_dump())
        assert log.status == "success" and log.results.completed_samples == len(log.samples), path
        assert len(log.eval.metadata["checkpoints"]) == models
        assert len({sample.id for sample in log.samples}) == len(log.samples)
        sums = {}
        for sample in log.samples:
            score, about = sample.scores["tiltmeter"], sample.metadata
            prompt = sample.id if models == 1 else sample.id.split("/", 1)[1]
            line = scores[about["form"], prompt]
            for name in ["acc", "towards_country_1", "log_odds", "compliance"]:
                assert score.value[name] == line[name], (sample.id, name)
                sums.setdefault((about["checkpoint"], name), []).append(line[name])
            assert (score.answer == sample.target) == (line["acc"] == 1.0), sample.id
            assert about["country_1"] in sample.choices and sample.output.completion == score.answer
            text = sample.input if isinstance(sample.input, str) else sample.input[-1].text
            assert text == line["doc"].get("prefill") or line["doc"]["text"] in text, sample.id
        for found in log.results.scores:
            model, _, name = found.name.rpartition(": ")
            values = sums[model or log.eval.metadata["checkpoints"][0]["model"], name]
            assert math.isclose(found.metrics["mean"].value, sum(values) / len(values), abs_tol=1e-9), found.name
        header = read_eval_log(path, header_only=True)
        assert header.results == log.results
        assert read_eval_log_sample(path, log.samples[0].id).scores == log.samples[0].scores
        assert len(read_eval_log_sample_summaries(path)) == len(log.samples)
        print(f"ok: Inspect reads {Path(path).name}: {len(log.samples)} samples, {len(log.results.scores)} scores")


if __name__ == "__main__":
    main(*sys.argv[1:])
