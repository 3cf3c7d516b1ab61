#!/usr/bin/env python3
"""Scores the same prompts with tiltmeter and with its peers, side by side, and prints prompts per second.

    python3 compare.py --tiltmeter BIN --model DIR [--gguf FILE ...] [--prompts N] [--loop-prompts M] [--out table.md]

Every run is a process of its own on the same cores; the peers take turns, for several rounds, and the medians count.
Only scoring is timed: loading, tokenizing and reading the prompts are not. A peer counts as equally accurate when none
of its log-odds is further from tiltmeter's than --tolerance. README.md says what is compared, and why it is fair.
"""
import argparse
import collections
import json
import os
import sys

import peers
import sampling
import table

PEERS = {
    "tiltmeter": "tiltmeter",
    "no-sharing": "tiltmeter --no-sharing",
    "loop": "transformers, one prompt at a time",
    "loop-last": "transformers, the same, logits at the last position only",
    "tree": "transformers, prefix tree packed by hand",
    "llama-single": "llama.cpp, sorted, cached prefix, one prompt at a time",
    "llama-packed": "llama.cpp, sorted, cached prefix, prompts packed",
}
NEEDS = {"loop": "transformers", "loop-last": "transformers", "tree": "transformers",
         "llama-single": "llama_cpp", "llama-packed": "llama_cpp"}
SUBSET = ("no-sharing", "loop", "loop-last")  # as slow for any prompt: a part is enough


def arguments():
    parser = argparse.ArgumentParser(description="tiltmeter and its peers on the same prompts and cores.")
    parser.add_argument("--tiltmeter", metavar="BIN", required=True, help="tiltmeter's release binary")
    parser.add_argument("--model", metavar="DIR", required=True, help="checkpoint folder")
    parser.add_argument("--gguf", metavar="FILE", nargs="+", default=[],
                        help="the same weights for llama.cpp (make_gguf.py); the faster of several is taken")
    parser.add_argument("--prompts", metavar="N", type=int, default=672, help="prompts for all (default 672)")
    parser.add_argument("--loop-prompts", metavar="M", type=int, default=48,
                        help="prompts among them for those that share nothing (default 48)")
    parser.add_argument("--tuning-prompts", metavar="N", type=int, default=48,
                        help="prompts on which the peers' settings are chosen (default 48)")
    parser.add_argument("--rounds", metavar="N", type=int, default=3, help="turns of every peer (default 3)")
    parser.add_argument("--threads", metavar="N", type=int, default=len(os.sched_getaffinity(0)),
                        help="threads of every peer (default: all cores this process may use)")
    parser.add_argument("--peers", metavar="LIST", default=",".join(PEERS), help=f"of {','.join(PEERS)} (default all)")
    parser.add_argument("--tolerance", metavar="X", type=float, default=1e-3,
                        help="largest difference in log-odds that counts as equal accuracy (default 1e-3)")
    parser.add_argument("--study", default="default")
    parser.add_argument("--language", default="en")
    parser.add_argument("--stage", choices=("base", "chat"), default="chat")
    parser.add_argument("--condition", metavar="LIST", default="main",
                        help="of the study, with commas between: one run's prompts share one tree (default main)")
    parser.add_argument("--prompts-file", metavar="FILE",
                        help="lines of `tiltmeter prompts --model`, instead of calling it")
    parser.add_argument("--out", metavar="FILE", help="write the Markdown here too")
    args = parser.parse_args()
    args.peers = args.peers.split(",")
    unknown = [name for name in args.peers if name not in PEERS]
    if unknown:
        parser.error(f"--peers: no peer is named {unknown[0]}; there are {', '.join(PEERS)}")
    if min(args.prompts, args.loop_prompts, args.tuning_prompts, args.rounds, args.threads) < 1:
        parser.error("--prompts, --loop-prompts, --tuning-prompts, --rounds and --threads take positive numbers")
    if "tiltmeter" not in args.peers:
        args.peers.insert(0, "tiltmeter")
    return args


def available(names, gguf):
    """The peers that can run here; says of the others why they cannot."""
    kept = []
    for name in names:
        module = NEEDS.get(name)
        problem = peers.import_problem(module) if module else None
        if module == "llama_cpp" and not problem and not gguf:
            problem = "no --gguf file was given"
        if problem:
            say(f"skipping {PEERS[name]}: {problem}")
        else:
            kept.append(name)
    return kept


def say(text):
    print(text, file=sys.stderr, flush=True)


def difference(run, reference):
    """Largest difference of log-odds over the prompts that both scored."""
    return max(abs(run.log_odds[i] - reference.log_odds[i]) for i in run.log_odds)


def describe(setting):
    """A worker's setting in words."""
    if "gguf" in setting:
        words = [os.path.basename(setting["gguf"]), f"flash attention {'on' if setting['flash'] else 'off'}",
                 f"{setting['kv'].upper()} cache"]
    else:
        words = []
    if setting.get("pack_prompts", 1) > 1:
        words.append(f"packs of {setting['pack_tokens']} tokens")
    return ", ".join(words)


def tune(name, settings, prompts, runner, reference, tolerance):
    """The fastest setting that is equally accurate; all trials, fastest first.

    Every setting is tried once, the best four equally accurate ones once more: noise must not choose. Where the
    arithmetic proves too coarse with one pack size, the other sizes are not tried.
    """
    def trial(setting):
        run = runner.peer(name, prompts, setting)
        apart = difference(run, reference)
        say(f"  tried {name} with {describe(setting)}: {len(prompts) / run.seconds:.2f} prompts/s, difference {apart:.1e}")
        return run.seconds, apart, setting

    def arithmetic(setting):
        return [setting.get(key) for key in ("gguf", "flash", "kv")]

    good, coarse = [], []
    for setting in settings:
        if arithmetic(setting) not in [arithmetic(t[2]) for t in coarse]:
            result = trial(setting)
            (good if result[1] <= tolerance else coarse).append(result)
    good.sort(key=lambda t: t[0])
    again = [min(trial(t[2]), t, key=lambda t: t[0]) for t in good[:4]] if len(good) > 1 else good
    trials = sorted(again, key=lambda t: t[0]) + good[4:] + sorted(coarse, key=lambda t: t[0])
    return trials[0][2], trials


def conclusion(names, rows, tolerance):
    """The two ratios that the comparison is for, in a sentence, as far as they were measured."""
    row = dict(zip(names, rows))
    llama = [row[n] for n in ("llama-single", "llama-packed") if n in row and row[n].difference <= tolerance]
    parts = []
    if "loop" in row:
        parts.append(f"{row['tiltmeter'].rate() / row['loop'].rate():.2f} times the plain transformers loop's")
    if llama:
        best = max(llama, key=lambda r: r.rate())
        parts.append(f"{row['tiltmeter'].rate() / best.rate():.2f} times llama.cpp's in its best order")
    return f"tiltmeter's prompts per second are {' and '.join(parts)}." if parts else ""


def main():
    args = arguments()
    names = available(args.peers, args.gguf)
    everything = sampling.read_prompts(args)
    sample = sampling.scenarios(everything, args.prompts)
    part = sampling.spread(sample, args.loop_prompts)
    tuning = sample[: args.tuning_prompts]
    say(f"{len(sample)} prompts; those that share nothing get {len(part)}")

    runner = peers.Runner(args.tiltmeter, args.model, args.threads)
    settings, trials = {}, {}
    if any(name in NEEDS for name in names):
        reference = runner.peer("tiltmeter", tuning, {})
        for name in names:
            choices = peers.settings(name, args.gguf)
            if len(choices) > 1:
                say(f"choosing settings for {PEERS[name]}")
                settings[name], trials[name] = tune(name, choices, tuning, runner, reference, args.tolerance)

    runs = collections.defaultdict(list)
    for turn in range(args.rounds):
        for name in names:
            run = runner.peer(name, part if name in SUBSET else sample, settings.get(name, {}))
            runs[name].append(run)
            say(f"round {turn + 1}: {PEERS[name]}: {len(run.log_odds) / run.seconds:.2f} prompts/s")

    reference = runs["tiltmeter"][0]
    rows = [table.Row(PEERS[name], describe(settings.get(name, {})), runs[name], difference(runs[name][0], reference))
            for name in names]
    text = table.markdown(args, rows, sampling.sharing(everything), sampling.sharing(sample),
                          {PEERS[n]: [(len(tuning) / s, d, describe(x)) for s, d, x in t] for n, t in trials.items()},
                          conclusion(names, rows, args.tolerance))
    print(text)
    if args.out:
        with open(args.out, "w", encoding="utf-8") as f:
            f.write(text + "\n")


if __name__ == "__main__":
    try:
        main()
    except (OSError, json.JSONDecodeError, peers.PeerFailed) as error:
        sys.exit(f"error: {error}")
