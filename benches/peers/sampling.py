"""Which prompts are scored: a part of the study that shares its prefixes as the whole study does."""
import collections
import json
import subprocess

from prefix import tree_tokens


def read_prompts(args):
    """All prompts of the study's conditions with token ids, by scenario: {scenario: [(id, tokens), ...]}."""
    if args.prompts_file:
        with open(args.prompts_file, encoding="utf-8") as f:
            lines = f.read()
    else:
        lines = "".join(prompts_of(args, condition) for condition in args.condition.split(","))
    groups = collections.defaultdict(list)
    for line in filter(None, lines.split("\n")):
        item = json.loads(line)
        groups[item["scenario"]].append((item["id"], item["tokens"]))
    return dict(groups)


def prompts_of(args, condition):
    """The lines of `tiltmeter prompts` for one condition."""
    command = [args.tiltmeter, "prompts", "--study", args.study, "--language", args.language, "--stage", args.stage,
               "--condition", condition, "--model", args.model]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise OSError(f"tiltmeter prompts failed: {done.stderr.strip()}")
    return done.stdout


def scenarios(groups, count):
    """About `count` prompts: whole scenarios, evenly spread over the bank; a run of the first ones if that is less.

    A scenario's prompts (all pairs, roles, questions, orders) share among themselves what they share in the whole
    study, and next to nothing with other scenarios but the head of every prompt.
    """
    names = list(groups)
    size = max(map(len, groups.values()))
    chosen = max(1, min(len(names), round(count / size)))
    sample = [item for i in range(chosen) for item in sorted(groups[names[i * len(names) // chosen]], key=lambda p: p[1])]
    sample = list({tuple(tokens): (name, tokens) for name, tokens in sample}.values())  # one of equal prompts
    return sample[:count]


def spread(sample, count):
    """`count` prompts at even distances."""
    count = min(count, len(sample))
    return [sample[i * len(sample) // count] for i in range(count)]


def sharing(prompts):
    """(prompts, tokens, tokens of the prefix tree)"""
    if isinstance(prompts, dict):
        prompts = [item for group in prompts.values() for item in group]
    tokens = [tokens for _, tokens in prompts]
    return len(tokens), sum(map(len, tokens)), tree_tokens(tokens)
