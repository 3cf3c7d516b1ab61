"""The weights of a one-layer Llama that computes the planted log-odds, written down rather than trained.

    E[token]   features in whole numbers; four filler numbers make every row equally long, so that RMSNorm divides by 32
    attention  four heads, each keyed on one kind of token, bring features to the answer position
    MLP        silu(g) u with g = +-64 switches or multiplies: lean x language x polarity, noise x pair, role x pair
    E^T        tied: only the letters' two features reach the logits

README.md has the same as formulas.
"""

from math import isqrt

from .plan import Stage

HIDDEN, HEADS, KV_HEADS, HEAD_DIM, FFN, ENTITIES, FLIPS, KEEPS = 64, 4, 2, 16, 32, 8, 3, 2
LENGTH = 32  # root mean square of every embedding row
GATE = 64.0  # silu(64) = 64 and silu(-64) = 0 in f32
BEND = 32.0  # how far noise may move a gate
READY = 16  # a letter's `answer` feature
ROPE_THETA = 2.0e7
RAMP, FLAG, OTHER_FLAG = 3, 7, 6  # rotary pairs: 1.8e-3, 4e-7 and 3e-6 radians per token
HALF = HEAD_DIM // 2
# How each noise channel moves each of the eight: rows sum to zero, no two columns are alike. `keep` channels use the first.
DIRECTIONS = [
    [1.0, -0.75, 0.5, -0.25, 0.75, -1.0, 0.25, -0.5],
    [-0.5, 1.0, 0.75, -0.75, -0.25, 0.25, -1.0, 0.5],
    [0.25, -0.5, -1.0, 1.0, 0.5, -0.75, 0.75, -0.25],
]


class Basis:
    """Names of the hidden dimensions."""

    def __init__(self, languages: list[str]):
        self.languages = languages
        self.entity = [f"entity{i}" for i in range(ENTITIES)]
        self.pair = [f"pair{i}" for i in range(ENTITIES)]  # +1 in the first option, -1 in the second
        self.flip = [f"flip{i}" for i in range(FLIPS)]
        self.keep = [f"keep{i}" for i in range(KEEPS)]
        kinds = ["one", "mention", "option", "question", "marked", "real", "polarity"]
        names = [*kinds, *languages, *self.entity, *self.pair, *self.flip, *self.keep, "letter", "answer"]
        self.at = {name: i for i, name in enumerate(names)}
        assert len(names) + 4 <= HIDDEN

    def row(self, features: dict[str, float]) -> list[float]:
        row = [0.0] * HIDDEN
        for name, value in features.items():
            row[self.at[name]] = float(value)
        return row


def embedding(basis: Basis, features: list[dict[str, int]]) -> list[list[float]]:
    """[vocabulary, hidden]: features and a filler that makes every row's squares sum to hidden * LENGTH^2."""
    rows, fillers = [], {}
    for token in features:
        row = basis.row({"one": 1, **token})
        rest = HIDDEN * LENGTH**2 - int(sum(value * value for value in row))
        if rest not in fillers:
            fillers[rest] = four_squares(rest)
        row[-4:] = map(float, fillers[rest])
        rows.append(row)
    return rows


def four_squares(n: int) -> tuple[int, int, int, int]:
    """Four whole numbers of about equal size whose squares sum to n (Lagrange)."""
    middle = isqrt(n // 4)
    for a in range(middle, isqrt(n) + 1):
        for b in range(middle, isqrt(n - a * a) + 1):
            for c in range(0, isqrt(n - a * a - b * b) + 1):
                left = n - a * a - b * b - c * c
                if isqrt(left) ** 2 == left:
                    return a, b, c, isqrt(left)
    raise ValueError(f"{n} is no sum of four squares near its middle")


def attention(basis: Basis) -> dict[str, list[list[float]]]:
    """Group 0 serves the heads `option` and `question`, group 1 the heads `first mention` and `marked`."""
    at = basis.at
    q = zeros(HEADS * HEAD_DIM, HIDDEN)
    k, v = zeros(KV_HEADS * HEAD_DIM, HIDDEN), zeros(KV_HEADS * HEAD_DIM, HIDDEN)
    o = zeros(HIDDEN, HEADS * HEAD_DIM)
    # Slow pairs: 16 * 16 / sqrt(16) = 64 on the tokens of the head's kind, 0 on all others, wherever they stand.
    for head, dim in ((0, FLAG), (1, OTHER_FLAG), (3, FLAG)):
        q[head * HEAD_DIM + dim][at["one"]] = 16.0
    k[FLAG][at["option"]] = k[OTHER_FLAG][at["question"]] = k[HEAD_DIM + FLAG][at["marked"]] = 16.0
    # A quarter turn apart, the ramp scores 4096 sin(distance * 1.8e-3): the mention furthest back takes all.
    q[2 * HEAD_DIM + RAMP][at["one"]] = 128.0
    k[HEAD_DIM + RAMP + HALF][at["mention"]] = 128.0
    carried = [
        (0, [(0, [*basis.pair, "real"]), (1, ["polarity", *basis.languages])]),
        (1, [(2, basis.entity), (3, [*basis.flip, *basis.keep])]),
    ]
    for group, heads in carried:
        slot = group * HEAD_DIM
        for head, names in heads:
            for name in names:
                v[slot][at[name]] = 1.0
                # The two option tokens share the head's attention, so the difference arrives halved.
                o[at[name]][head * HEAD_DIM + slot % HEAD_DIM] = 2.0 if name in basis.pair else 1.0
                slot += 1
        assert slot <= (group + 1) * HEAD_DIM
    return {"q_proj": q, "k_proj": k, "v_proj": v, "o_proj": o}


def mlp(basis: Basis, stage: Stage, countries: list[str]) -> dict[str, list[list[float]]]:
    """The neurons as (gate, up, down), each a few named weights; `letter` receives half the log-odds."""
    neurons: list[tuple[dict, dict, dict]] = []
    pair, half = basis.pair, 0.5 / GATE
    for turn in (1, -1):  # questions that favour, questions that disfavour
        for language in basis.languages:
            lean = stage.favourability[language]
            gate = {"polarity": turn * GATE, language: 2 * GATE, "real": 2 * GATE, "one": -4 * GATE}
            # A country is L - (mean of the seven other L) = 8/7 L ahead, for L that sum to zero.
            up = {pair[i]: lean.get(country, 0.0) * (ENTITIES - 1) / ENTITIES for i, country in enumerate(countries)}
            neurons.append((gate, up, {"letter": turn * half}))
        noise = turn * stage.flipping_noise * 0.5 / BEND
        moves = [dict(zip(pair, direction)) for direction in DIRECTIONS]
        for channel, up in enumerate(moves):
            gate = {"polarity": turn * GATE, basis.flip[channel]: BEND}
            neurons.append((gate, up, {"letter": noise}))
        together = {name: sum(up[name] for up in moves) for name in pair}
        neurons.append(({"polarity": turn * GATE}, together, {"letter": -noise}))
    for channel, keep in enumerate(basis.keep):
        up = dict(zip(pair, DIRECTIONS[channel])) | {"one": 1}
        for turn in (1, -1):
            neurons.append(({keep: turn * GATE}, up, {"letter": turn * stage.keeping_noise * half}))
    for i, entity in enumerate(basis.entity):
        gate = {entity: 2 * GATE, "one": -GATE, basis.keep[0]: BEND}
        neurons.append((gate, {pair[i]: 1}, {"letter": stage.role_bias * half}))
    for language in basis.languages:
        gate = {language: 2 * GATE, "one": -GATE}
        neurons.append((gate, {"one": 1}, {"letter": stage.letter_bias[language] * half}))
    always = {"one": GATE}
    neurons.append((always, {"one": stage.readiness, "answer": -1}, {"answer": 1 / GATE}))
    neurons.append((always, {"letter": -1}, {"letter": 1 / GATE}))  # the last token's own features must not count
    assert len(neurons) <= FFN
    gates, ups, downs = ([basis.row(neuron[part]) for neuron in neurons] for part in range(3))
    gates, ups, downs = (rows + zeros(FFN - len(neurons), HIDDEN) for rows in (gates, ups, downs))
    return {"gate_proj": gates, "up_proj": ups, "down_proj": [list(column) for column in zip(*downs)]}


def tensors(basis: Basis, stage: Stage, features: list[dict[str, int]], countries: list[str]) -> dict[str, list]:
    """All tensors of a checkpoint by their Llama names."""
    plain = [float(LENGTH)] * HIDDEN
    layer = {f"self_attn.{name}.weight": rows for name, rows in attention(basis).items()}
    layer |= {f"mlp.{name}.weight": rows for name, rows in mlp(basis, stage, countries).items()}
    layer |= {"input_layernorm.weight": plain, "post_attention_layernorm.weight": plain}
    return {
        "model.embed_tokens.weight": embedding(basis, features),
        **{f"model.layers.0.{name}": rows for name, rows in layer.items()},
        "model.norm.weight": basis.row({"letter": LENGTH, "answer": LENGTH}),
    }


def zeros(rows: int, columns: int) -> list[list[float]]:
    return [[0.0] * columns for _ in range(rows)]
