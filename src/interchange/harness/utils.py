"""What the tasks of this folder need beyond their YAML: documents, answers and figures.

Written by tiltmeter. Figures have its names and signs: natural logarithms; `log_odds` is + for the first option,
`towards_country_1` is + where country_1 is named; no answer is right, `acc` is the share of prompts in which it is.
"""

import json
import math
from pathlib import Path


def load(file, **_):
    """The documents of a task, as the split `test`."""
    from datasets import Dataset

    with open(Path(__file__).parent / file, encoding="utf-8") as lines:
        return {"test": Dataset.from_list([json.loads(line) for line in lines])}


def choices(doc):
    """Every text that counts for the first answer, then for the second."""
    return [text for answer in doc["answers"] for text in answer]


def log_sum(logprobs):
    most = max(logprobs)
    return most if math.isinf(most) else most + math.log(sum(math.exp(x - most) for x in logprobs))


def apart(answers, known):
    """Those that do not begin with another of `known`, whose probability holds theirs."""
    return [
        logprob
        for text, logprob in answers
        if not any(other != text and text.startswith(other) for other, _ in known)
    ]


def process_results(doc, results):
    """From the log-probability of each text behind the prompt."""
    spelled = list(zip(choices(doc), (logprob for logprob, _ in results)))
    first, second = spelled[: len(doc["answers"][0])], spelled[len(doc["answers"][0]) :]
    log_odds = log_sum(apart(first, first)) - log_sum(apart(second, second))
    towards = log_odds if doc["target"] == 0 else -log_odds
    return {
        "acc": float(towards > 0),
        "towards_country_1": towards,
        "log_odds": log_odds,
        "compliance": math.exp(log_sum(apart(spelled, spelled))),
    }
