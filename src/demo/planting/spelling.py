"""A byte-level BPE: splitting, learning merges, encoding. What the tokenizers library does, in little.

The text is cut at added tokens (leftmost, longest), the rest by SPLIT into words, each word is written in UTF-8 bytes
and merged by rank. Any text can be spelled, for every byte is a token.
"""

import heapq
import re
from collections import Counter, defaultdict

# A word takes one space in front; punctuation stands alone, so no letter ever merges with a bracket.
PUNCTUATION = r"!-/:-@\[-`{-~。，、；：？！（）《》“”‘’…—·«»"
SPLIT = rf" ?[^\s{PUNCTUATION}]+|[{PUNCTUATION}]|\n+|\s"
WORD = re.compile(SPLIT)


def byte_letters() -> list[str]:
    """The printable letter that stands for each byte in the vocabulary (GPT-2's table)."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = iter(range(256, 512))
    return [chr(b) if b in kept else chr(next(moved)) for b in range(256)]


LETTERS = byte_letters()


def spelled(text: str) -> str:
    """A text in the letters of the vocabulary."""
    return "".join(LETTERS[b] for b in text.encode())


def cutter(added: list[str]) -> re.Pattern:
    return re.compile("|".join(re.escape(a) for a in sorted(added, key=lambda a: (-len(a), a))))


def words(text: str, cut: re.Pattern) -> list[str]:
    """The words between added tokens."""
    return [word for part in cut.split(text) for word in WORD.findall(part)]


def learn(counts: Counter, first: list[tuple[str, str]], total: int) -> list[tuple[str, str]]:
    """Learns merges from counted words until there are `total` or no pair is left that occurs twice.

    `first` are merges to begin with. The most frequent pair wins, ties go to the pair that sorts first.
    """
    spellings = [(list(spelled(word)), n) for word, n in sorted(counts.items())]
    tally: Counter = Counter()
    holders = defaultdict(set)
    for index, (letters, n) in enumerate(spellings):
        for pair in zip(letters, letters[1:]):
            tally[pair] += n
            holders[pair].add(index)
    queue = [(-n, pair) for pair, n in tally.items()]
    heapq.heapify(queue)
    merges: list[tuple[str, str]] = []
    while len(merges) < total:
        pair = first[len(merges)] if len(merges) < len(first) else most_frequent(queue, tally)
        if pair is None:
            break
        merges.append(pair)
        touched = set()
        for index in sorted(holders.pop(pair, ())):
            letters, n = spellings[index]
            for old in zip(letters, letters[1:]):
                tally[old] -= n
                touched.add(old)
            merge_all(letters, pair)
            for new in zip(letters, letters[1:]):
                tally[new] += n
                holders[new].add(index)
                touched.add(new)
        for other in touched:
            heapq.heappush(queue, (-tally[other], other))
    return merges


def most_frequent(queue: list, tally: Counter) -> tuple[str, str] | None:
    """Takes the pair with the highest count from a heap in which old counts may linger."""
    while queue:
        count, pair = heapq.heappop(queue)
        if -count == tally[pair]:
            return pair if tally[pair] >= 2 else None
    return None


def merge_all(letters: list[str], pair: tuple[str, str]) -> None:
    """Joins every occurrence of a pair, from the left, in place."""
    at = 0
    while at + 1 < len(letters):
        if letters[at] == pair[0] and letters[at + 1] == pair[1]:
            letters[at : at + 2] = [pair[0] + pair[1]]
        at += 1


class Encoder:
    """Text to tokens (not ids): what the written tokenizer.json does."""

    def __init__(self, added: list[str], merges: list[tuple[str, str]]):
        self.cut = re.compile(f"({cutter(added).pattern})")
        self.rank = {pair: rank for rank, pair in enumerate(merges)}
        self.known: dict[str, list[str]] = {}

    def encode(self, text: str) -> list[str]:
        tokens = []
        for i, part in enumerate(self.cut.split(text)):
            if i % 2:
                tokens.append(part)
            else:
                for word in WORD.findall(part):
                    tokens += self.word(word)
        return tokens

    def word(self, word: str) -> list[str]:
        if word not in self.known:
            letters = list(spelled(word))
            while len(letters) > 1:
                best = min(zip(letters, letters[1:]), key=lambda pair: self.rank.get(pair, len(self.rank)))
                if best not in self.rank:
                    break
                merge_all(letters, best)
            self.known[word] = letters
        return self.known[word]
