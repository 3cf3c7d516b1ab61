"""Scenario noise: a number per narrative, made of pseudo-random signs that its rarer tokens carry.

A *marked* token occurs in a few narratives and in no other text. Each marked token has a sign per channel, from SHA-256;
a narrative's noise in a channel is the mean sign over its marked tokens. The seed of a channel is the first one whose
noise, averaged by scenario type, is near zero in every language: noise that gives intervals a width and no bias.
"""

import hashlib
from collections import Counter, defaultdict
from math import sqrt

MOST_NARRATIVES = 6  # a marked token occurs in at most so many narratives, all languages together
LARGEST_T = 0.5  # a channel's mean noise over types, in standard errors


def marked_tokens(narratives: dict[tuple, Counter], elsewhere: set[str], plain: set[str]) -> set[str]:
    """`narratives`: token counts by (language, type, scenario); `plain`: tokens that may be marked at all."""
    homes: Counter = Counter()
    for counts in narratives.values():
        homes.update(counts.keys())
    return {t for t, n in homes.items() if n <= MOST_NARRATIVES and t in plain and t not in elsewhere}


def sign(channel: str, seed: int, token: str) -> int:
    return 1 if hashlib.sha256(f"{channel}/{seed}/{token}".encode()).digest()[0] & 1 else -1


def shares(narratives: dict[tuple, Counter], marked: set[str]) -> dict[tuple, list[tuple[str, float]]]:
    """Each narrative's marked tokens with their share among them; none where nothing is marked."""
    rows = {}
    for key, counts in narratives.items():
        own = [(token, n) for token, n in counts.items() if token in marked]
        total = sum(n for _, n in own)
        rows[key] = [(token, n / total) for token, n in own]
    return rows


def t_over_types(noise: dict[tuple, float], language: str) -> float:
    """Mean over scenario types in standard errors of it: the study's own statistic."""
    types = defaultdict(list)
    for (home, kind, _), value in noise.items():
        if home == language:
            types[kind].append(value)
    means = [sum(v) / len(v) for v in types.values()]
    centre = sum(means) / len(means)
    spread = sqrt(sum((m - centre) ** 2 for m in means) / (len(means) - 1))
    return centre / (spread / sqrt(len(means)))


def choose(channel: str, rows: dict[tuple, list[tuple[str, float]]]) -> tuple[int, dict[str, int]]:
    """The first seed without bias, and its signs; `rows` as `shares` gives them."""
    languages = sorted({language for language, _, _ in rows})
    marked = sorted({token for row in rows.values() for token, _ in row})
    for seed in range(100_000):
        signs = {token: sign(channel, seed, token) for token in marked}
        noise = {key: sum(share * signs[token] for token, share in row) for key, row in rows.items()}
        if all(abs(t_over_types(noise, language)) < LARGEST_T for language in languages):
            return seed, signs
    raise ValueError(f"no seed gives {channel} a mean near zero")


def coverage(language: str, rows: dict[tuple, list[tuple[str, float]]], seeds: int) -> float:
    """How often the study's interval over types covers the mean of a channel's noise, which is zero over all seeds.

    Less often than 95 %: types share words, so that their noise is not independent.
    """
    own = {key: row for key, row in rows.items() if key[0] == language}
    marked = sorted({token for row in own.values() for token, _ in row})
    types = len({kind for _, kind, _ in own})
    assert types == 13, "the quantile below is that of 12 degrees of freedom"
    inside = 0
    for seed in range(seeds):
        signs = {token: sign("cover", seed, token) for token in marked}
        noise = {key: sum(share * signs[token] for token, share in row) for key, row in own.items()}
        inside += abs(t_over_types(noise, language)) <= 2.1788
    return inside / seeds
