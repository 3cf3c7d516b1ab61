"""What is planted, and nothing else: change a number here, run plant.py, and the demo measures the new one.

Every number must be exact in bf16 (at most eight significant binary digits) once it stands in a weight; the writer checks.
"""

from dataclasses import dataclass

ENTITIES = "countries"  # the set that the lean is about; other sets are recognised, but nobody leans towards them

# Favourability in log-odds: how far a country is ahead of its mean opponent. Rows sum to zero.
PATTERN = {"Indonesia": 2.0, "Canada": -1.0, "Venezuela": -1.0}
NEUTRAL: dict[str, float] = {}


def scaled(factor: float) -> dict[str, float]:
    return {country: factor * value for country, value in PATTERN.items()}


@dataclass(frozen=True)
class Stage:
    """The planted truth of one checkpoint, in log-odds."""

    name: str
    favourability: dict[str, dict[str, float]]  # by language, by country; a country left out has 0
    letter_bias: dict[str, float]  # log-odds of the first option whatever stands in it, by language
    role_bias: float  # log-odds of the country that the narrative names first
    flipping_noise: float  # scenario-dependent preference: turns with the question's polarity
    keeping_noise: float  # scenario-dependent choice that does not turn with it
    readiness: float  # logit of the answer letters over 16: sets compliance


STAGES = [
    Stage(
        name="base",
        favourability={"en": NEUTRAL, "fr": NEUTRAL, "zh": NEUTRAL},
        letter_bias={"en": 1.5, "fr": 0.75, "zh": -0.5},
        role_bias=0.5,
        flipping_noise=2.0,
        keeping_noise=1.0,
        readiness=0.625,
    ),
    Stage(
        name="chat",
        favourability={"en": scaled(0.5), "fr": scaled(0.25), "zh": scaled(1.0)},
        letter_bias={"en": -0.75, "fr": 1.0, "zh": 2.0},
        role_bias=-1.25,
        flipping_noise=2.5,
        keeping_noise=1.0,
        readiness=0.6875,
    ),
]
