"""Which strings are tokens, and what each of them means to the circuit."""

import hashlib
from collections import Counter
from collections.abc import Iterator

from . import noise, spelling
from .bank import Bank, Entity, fill, pieces
from .circuit import ENTITIES, FLIPS, KEEPS, READY
from .plan import ENTITIES as LEAN_SET

SPECIALS = ["<s>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
MERGES = 3700  # at most; learning stops where nothing repeats
SPACE = spelling.spelled(" ")
SAMPLES = (1, 3)  # a narrative is read with entity i in role A and i + 1, i + 3 in role B
LONG_LINE = 16  # bytes; answer cues are shorter, and stay ordinary text
TEXT_WEIGHT = 8  # other texts stand in every prompt


class Vocabulary:
    """Tokens in the order of their ids, and the features of each."""

    def __init__(self, bank: Bank):
        self.bank = bank
        names = dict(meanings(bank))
        self.meanings = {line: {} for line in fixed_lines(bank)} | names
        self.added = SPECIALS + list(self.meanings)
        # Words are learned from fixed lines too, as if these were no tokens: a line that is edited later
        # still spells well, and none of its words is marked.
        merges = spelling.learn(self.corpus(spelling.cutter(list(names))), [(SPACE, "A"), (SPACE, "B")], MERGES)
        self.merges = merges
        self.encoder = spelling.Encoder(self.added, merges)
        made = dict.fromkeys(left + right for left, right in merges)
        self.tokens = SPECIALS + spelling.LETTERS + list(made) + list(self.meanings)
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        assert len(self.ids) == len(self.tokens), "an added token is spelled like a learned one"
        self.narratives = self.count_narratives()
        by_word = spelling.Encoder(list(names), merges)
        elsewhere = {token for text in other_texts(bank) for token in by_word.encode(text)}
        self.markable = noise.marked_tokens(self.narratives, elsewhere, set(made) - {SPACE + "A", SPACE + "B"})

    def corpus(self, cut) -> Counter:
        """Words of all texts with their counts: what merges are learned from."""
        counts: Counter = Counter()
        for _, text in narratives(self.bank, self.bank.scenarios):
            counts.update(spelling.words(text, cut))
        for text in other_texts(self.bank):
            for word in spelling.words(text, cut):
                counts[word] += TEXT_WEIGHT
        return counts

    def count_narratives(self) -> dict[tuple, Counter]:
        """Token counts by (language, type, scenario), summed over the sampled pairs."""
        counts: dict[tuple, Counter] = {}
        for key, text in narratives(self.bank, self.bank.scenarios):
            counts.setdefault(key, Counter()).update(self.encoder.encode(text))
        return counts

    def features(self, signs: dict[str, dict[str, int]]) -> list[dict[str, int]]:
        """Every token's features, in the order of ids; `signs` holds a token's sign by noise channel."""
        rows = []
        for token in self.tokens:
            row = dict(self.meanings.get(token, {}))
            if token in self.markable:
                row |= {"marked": 1} | {channel: by_token[token] for channel, by_token in signs.items()}
            row["answer"] = -(hashlib.sha256(token.encode()).digest()[1] % 9)
            rows.append(row)
        for side, letter in ((1, "A"), (-1, "B")):
            rows[self.ids[letter]] = {"letter": side, "answer": READY}
            rows[self.ids[SPACE + letter]] = {"letter": side, "answer": READY * 3 // 4}
        return rows


def channels() -> list[str]:
    return [f"flip{i}" for i in range(FLIPS)] + [f"keep{i}" for i in range(KEEPS)]


def meanings(bank: Bank) -> Iterator[tuple[str, dict[str, int]]]:
    """The added tokens that mean something: names, names as options, questions."""
    questions: dict[str, list] = {}
    for language in bank.languages:
        for name, entities in bank.entities[language].items():
            real = {"real": 1} if name == LEAN_SET else {}
            for i, entity in enumerate(entities[:ENTITIES]):
                for space in ("", " "):
                    yield space + entity.stem(), {"mention": 1, f"entity{i}": 1}
                for side, option in option_spellings(bank, language, entity):
                    yield option, {"option": 1, f"pair{i}": side, **real}
        for name, question, text in bank.plain_texts(language):
            if name.startswith("question"):
                for literal in pieces(text)[::2]:
                    questions.setdefault(literal.strip(), []).append((language, bank.polarity[question]))
    for literal, uses in questions.items():
        if literal and len(uses) == 1:  # a piece that both questions share tells nothing
            language, polarity = uses[0]
            yield literal, {"question": 1, "polarity": polarity, language: 1}


def fixed_lines(bank: Bank) -> Iterator[str]:
    """Lines that stand word for word in many prompts: a token each, for short prompts and quick spelling."""
    for language in bank.languages:
        for _, _, text in bank.plain_texts(language):
            for literal in pieces(text)[::2]:
                yield from (line for line in literal.split("\n") if len(line.encode()) >= LONG_LINE)


def option_spellings(bank: Bank, language: str, entity: Entity) -> Iterator[tuple[int, str]]:
    """(+1 or -1, text) for an entity in the first and in the second option, label included."""
    for _, _, text in bank.plain_texts(language):
        parts = pieces(text)
        for i in range(1, len(parts), 2):
            for slot, side in (("first", 1), ("second", -1)):
                if parts[i].startswith("{" + slot):
                    label = parts[i - 1].rsplit("\n", 1)[-1]
                    yield side, label + fill(parts[i], {slot: entity})


def narratives(bank: Bank, scenarios: dict) -> Iterator[tuple[tuple, str]]:
    """Each narrative between some pairs of the entities that the lean is about."""
    for language in bank.languages:
        entities = bank.entities[language][LEAN_SET]
        for scenario in scenarios[language]:
            for i in range(len(entities)):
                for step in SAMPLES:
                    names = {"A": entities[i], "B": entities[(i + step) % len(entities)]}
                    yield (language, scenario.type, scenario.id), fill(scenario.text, names)


def other_texts(bank: Bank) -> Iterator[str]:
    """All texts that are no narrative of the main set, without their placeholders; the template's words; the controls."""
    yield "system\nuser\nassistant\n"
    for language in bank.languages:
        for _, _, text in bank.plain_texts(language):
            yield fill(text, {})
    for _, text in narratives(bank, bank.controls):
        yield text
