"""Reads a study folder (format 1) as far as planting needs it: entities, narratives, texts."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

PLACEHOLDER = re.compile(r"\{\{|\}\}|\{[^{}]*\}")


@dataclass(frozen=True)
class Entity:
    """One of the compared things in one language."""

    id: str
    agree: list[str]
    forms: dict[str, str]

    def stem(self) -> str:
        """The part of the name that every form holds: without article, preposition or contraction."""
        words = self.forms.get("bare", self.forms["name"])
        return words.removeprefix("the ")


@dataclass(frozen=True)
class Scenario:
    """A narrative with its placeholders, in one language."""

    id: str
    type: str
    text: str


class Bank:
    """A study's material; every table is keyed by language first."""

    def __init__(self, folder: Path):
        study = load(folder / "study.toml")
        self.version: str = study["version"]
        self.languages: list[str] = study["languages"]
        self.polarity: dict[str, int] = {q["id"]: q["polarity"] for q in study["question"]}
        self.texts = {language: load(folder / "texts" / f"{language}.toml") for language in self.languages}
        self.entities = {
            language: {path.stem: entities(load(path), language) for path in tomls(folder / "entities")}
            for language in self.languages
        }
        self.scenarios: dict[str, list[Scenario]] = {}
        self.controls: dict[str, list[Scenario]] = {}
        for language in self.languages:
            self.scenarios[language], self.controls[language] = [], []
            for path in tomls(folder / "scenarios" / language):
                table = load(path)
                home = self.scenarios if table.get("set", "main") == "main" else self.controls
                home[language] += [Scenario(s["id"], table["type"], s["text"]) for s in table["scenario"]]

    def plain_texts(self, language: str) -> list[tuple[str, str | None, str]]:
        """(name, question or None, text) of every text of a language that is no narrative."""
        rows = []
        for name, value in self.texts[language].items():
            if isinstance(value, dict):
                rows += [(name, question, text) for question, text in value.items()]
            else:
                rows.append((name, None, value))
        return rows


def load(path: Path) -> dict:
    with path.open("rb") as file:
        return tomllib.load(file)


def tomls(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.toml"))


def entities(table: dict, language: str) -> list[Entity]:
    return [Entity(e["id"], e[language].get("agree", []), e[language]["forms"]) for e in table["entity"]]


def pieces(text: str) -> list[str]:
    """Splits a text at its placeholders; literals have even, placeholders odd positions."""
    parts, at = [], 0
    for match in PLACEHOLDER.finditer(text):
        parts += [text[at : match.start()], match.group()]
        at = match.end()
    return parts + [text[at:]]


def fill(text: str, names: dict[str, Entity]) -> str:
    """Puts entities in: `names` maps A, B, first, second. A placeholder of another name becomes nothing."""
    parts = pieces(text)
    for i in range(1, len(parts), 2):
        parts[i] = spell(parts[i], names)
    return "".join(parts)


def spell(placeholder: str, names: dict[str, Entity]) -> str:
    if placeholder in ("{{", "}}"):
        return placeholder[0]
    head, *alternatives = placeholder[1:-1].split("|")
    name, _, form = head.partition(".")
    entity = names.get(name)
    if entity is None:
        return ""
    if not alternatives:
        return entity.forms[form or "name"]
    for alternative in alternatives:
        wanted, _, words = alternative.partition(":")
        if wanted in entity.agree:
            return words
    raise ValueError(f"{entity.id} has none of the classes in {placeholder}")
