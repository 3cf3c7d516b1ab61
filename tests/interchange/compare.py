"""Holds the harness's own results of the exported tasks against what `tiltmeter export --lm-eval` wrote: compare.py OURS THEIRS

Same prompts, log-odds to 1e-3, the same fields under the same names and the same hashes; and the harness's own readers take ours.
"""

import json
import math
import sys
from pathlib import Path

import datasets
from lm_eval.utils import (
    get_file_datetime,
    get_file_task_name,
    get_latest_filename,
    get_results_filenames,
    get_sample_results_filenames,
    make_table,
    sanitize_model_name,
)

TOLERANCE = 1e-3
datasets.disable_progress_bars()


def files(folder, kind):
    names = [path.as_posix() for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    found = {"results": get_results_filenames, "samples": get_sample_results_filenames}[kind](names)
    assert found, f"no {kind} in {folder}"
    return found


def samples(folder):
    """By task and prompt."""
    found = {}
    for name in files(folder, "samples"):
        task = get_file_task_name(Path(name).name)
        for line in datasets.load_dataset("json", data_files=name, split="train", cache_dir=Path(folder) / "cache"):
            found[task, line["doc"]["id"]] = line
    return found


def main(ours_in, theirs_in):
    ours, theirs = samples(ours_in), samples(theirs_in)
    assert ours.keys() == theirs.keys(), f"not the same prompts: {len(ours)} and {len(theirs)}"
    worst = {"log_odds": 0.0, "towards_country_1": 0.0, "compliance": 0.0}
    for key, own in ours.items():
        other = theirs[key]
        assert list(own) == list(other), f"{key}: {list(own)} for {list(other)}"
        plain = own["doc"]["form"] == "base"
        for hashed in ["doc_hash", "target_hash"] + (["prompt_hash"] if plain else []):
            assert own[hashed] == other[hashed], f"{key}: {hashed}"
        for name in worst:
            # White space at the end of a template is a part of the harness's answers.
            if name != "compliance" or plain:
                worst[name] = max(worst[name], abs(own[name] - other[name]))
        # What the two answers' log-probabilities say is what is said beside them.
        (first, _), (second, _) = own["filtered_resps"]
        assert math.isclose(float(first) - float(second), own["log_odds"], abs_tol=1e-9), key
        assert own["acc"] == other["acc"] or abs(own["log_odds"]) < TOLERANCE, f"{key}: acc"
    assert max(worst.values()) < TOLERANCE, worst
    say = ", ".join(f"{name} {value:.1e}" for name, value in worst.items())
    print(f"ok: {len(ours)} prompts of {len({task for task, _ in ours})} tasks; largest differences: {say}")

    written = {name: json.loads(Path(name).read_text()) for name in files(ours_in, "results")}
    reference = json.loads(Path(files(theirs_in, "results")[0]).read_text())
    of_theirs = {"model_name", "results", "configs", "versions", "n-shot", "higher_is_better", "n-samples", "config", "date"}
    assert of_theirs <= reference.keys(), "the harness writes other fields now"
    for name, results in written.items():
        assert of_theirs <= results.keys(), of_theirs - results.keys()
        assert reference["config"].keys() - results["config"].keys() <= {"model_commit_hash"}, name
        table = make_table(results)
        assert all(task in table for task in results["results"]), table
        assert Path(name).parent.name == sanitize_model_name(results["model_name"])
        folder = [path.name for path in Path(name).parent.iterdir()]
        for task, figures in results["results"].items():
            latest = get_latest_filename([file for file in folder if f"samples_{task}_" in file])
            assert get_file_datetime(latest) == get_file_datetime(Path(name).name).replace(".json", "")
            own = [line for (of, _), line in ours.items() if of == task]
            assert len(own) == figures["sample_len"] == results["n-samples"][task]["effective"]
            mean = sum(line["log_odds"] for line in own) / len(own)
            assert math.isclose(mean, figures["log_odds,none"], abs_tol=1e-9), task
    print(f"ok: the harness's readers take {len(written)} results files and {len(files(ours_in, 'samples'))} samples files")


if __name__ == "__main__":
    main(*sys.argv[1:])
