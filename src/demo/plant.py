#!/usr/bin/env python3
"""Plants a known preference in two tiny checkpoints, checkpoints/base and checkpoints/chat; README.md explains how.

    python3 src/demo/plant.py            writes the checkpoints and planted.json
    python3 src/demo/plant.py --check    compares them with what is there; exit status 1 if a byte differs
    python3 src/demo/plant.py --cover N  how often an interval over types covers zero, over N seeds that nobody chose

Needs Python 3.11 and nothing else. Run it again whenever a text of the default study changes.
"""

import argparse
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # nothing but the checkpoints is left behind

from planting import checkpoint, circuit, noise
from planting.bank import Bank
from planting.files import Shelf, compact, readable, safetensors
from planting.plan import ENTITIES, STAGES
from planting.vocabulary import Vocabulary, channels

HERE = Path(__file__).resolve().parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path, default=HERE.parent / "study" / "default", help="the study folder")
    parser.add_argument("--out", type=Path, default=HERE, help="where the checkpoints go")
    parser.add_argument("--cover", type=int, metavar="N", help="write nothing, draw N seeds for each language")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    args = parser.parse_args()

    bank = Bank(args.study)
    vocabulary = Vocabulary(bank)
    basis = circuit.Basis(bank.languages)
    countries = [entity.id for entity in bank.entities[bank.languages[0]][ENTITIES]]
    marked_shares = noise.shares(vocabulary.narratives, vocabulary.markable)
    if args.cover:
        for language in bank.languages:
            share = noise.coverage(language, marked_shares, args.cover)
            print(f"{language}: {share:.3f} of {args.cover} intervals over types cover zero")
        return 0
    shelf, seeds = Shelf(args.out), {}
    for stage in STAGES:
        signs, seeds[stage.name] = {}, {}
        for channel in channels():
            seeds[stage.name][channel], signs[channel] = noise.choose(f"{stage.name}/{channel}", marked_shares)
        weights = circuit.tensors(basis, stage, vocabulary.features(signs), countries)
        folder = f"checkpoints/{stage.name}"
        shelf.put(f"{folder}/model.safetensors", safetensors(weights))
        shelf.put(f"{folder}/config.json", readable(checkpoint.config(vocabulary)))
        shelf.put(f"{folder}/tokenizer.json", compact(checkpoint.tokenizer(vocabulary)))
        shelf.put(f"{folder}/tokenizer_config.json", readable(checkpoint.tokenizer_config()))
        shelf.put(f"{folder}/generation_config.json", readable(checkpoint.generation_config()))
    shelf.put("checkpoints/chat/chat_template.jinja", checkpoint.TEMPLATE)
    shelf.put("planted.json", readable(checkpoint.planted(bank, STAGES, seeds)))

    print(f"{len(vocabulary.tokens)} tokens, {len(vocabulary.markable)} marked, seeds {seeds}", file=sys.stderr)
    if args.check:
        for name in (differing := shelf.differing()):
            print(f"{name} differs from what plant.py writes; run plant.py and commit", file=sys.stderr)
        return 1 if differing else 0
    shelf.write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
