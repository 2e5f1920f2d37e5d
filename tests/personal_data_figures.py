"""How well personal data is found, on labelled sentences: `python -m tests.personal_data_figures` prints the table.

tests/fixtures/personal_data.jsonl holds sentences of customers, half of them with look-alikes only; `found` are
[kind, start, end]. Patterns were written looking at the half "tune" alone; the half "test" is what counts.

A piece counts as found when kind, start and end are as labelled; anything else that is found is a false alarm.
`readable` is the share of labelled letters and digits that would still be readable after redaction.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.personal_data import find

LABELLED = Path(__file__).parent / "fixtures" / "personal_data.jsonl"

Span = tuple[str, int, int]


@dataclass(frozen=True)
class Sentence:
    """`spans` are (kind, start, end)."""

    half: str
    language: str
    text: str
    spans: frozenset[Span]


@dataclass
class Figures:
    """Counts for one kind, or for all. `alarms` were found where nothing of the kind is labelled so."""

    labelled: int = 0
    hits: int = 0
    alarms: int = 0
    characters: int = 0
    left: int = 0

    @property
    def precision(self) -> float:
        return self.hits / (self.hits + self.alarms) if self.hits + self.alarms else 1.0

    @property
    def recall(self) -> float:
        return self.hits / self.labelled if self.labelled else 1.0

    @property
    def readable(self) -> float:
        return self.left / self.characters if self.characters else 0.0


def sentences(half: str = "") -> list[Sentence]:
    """All labelled sentences, or those of one half."""
    rows = map(json.loads, LABELLED.read_text(encoding="utf-8").splitlines())
    return [
        Sentence(row["half"], row["language"], row["text"], frozenset(map(tuple, row["found"])))
        for row in rows
        if half in ("", row["half"])
    ]


def ours(text: str) -> set[Span]:
    return {(one.kind, one.start, one.end) for one in find(text)}


def measure(labelled: Iterable[Sentence], finder: Callable[[str], set[Span]] = ours) -> dict[str, Figures]:
    """Figures by kind, and of all kinds together under 'all'."""
    by_kind = {"all": Figures()}
    for sentence in labelled:
        found = finder(sentence.text)
        covered = {place for _, start, end in found for place in range(start, end)}
        for kind, start, end in found | sentence.spans:
            span = (kind, start, end)
            said = [place for place in range(start, end) if sentence.text[place].isalnum()]
            for figures in (by_kind["all"], by_kind.setdefault(kind, Figures())):
                if span in sentence.spans:
                    figures.labelled += 1
                    figures.hits += span in found
                    figures.characters += len(said)
                    figures.left += sum(place not in covered for place in said)
                else:
                    figures.alarms += 1
    return by_kind


def mistakes(labelled: Iterable[Sentence], finder: Callable[[str], set[Span]] = ours) -> list[str]:
    """Each sentence that is not read as labelled, with what was missed and what was found instead."""
    lines = []
    for sentence in labelled:
        found = finder(sentence.text)
        for mark, spans in (("missed", sentence.spans - found), ("false", found - sentence.spans)):
            lines += [
                f"{mark:6} {kind:8} {sentence.text[start:end]!r} in: {sentence.text}" for kind, start, end in spans
            ]
    return lines


def table(by_kind: dict[str, Figures]) -> str:
    """The figures as a Markdown table."""
    lines = [
        "| kind | labelled | found | false alarms | precision | recall | readable |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {kind} | {one.labelled} | {one.hits} | {one.alarms} | {one.precision:.1%} | {one.recall:.1%} "
        f"| {one.readable:.1%} |"
        for kind, one in sorted(by_kind.items(), key=lambda item: (item[0] == "all", item[0]))
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Prints both halves; with --mistakes also what went wrong on the half for tuning."""
    for half in ("tune", "test"):
        labelled = sentences(half)
        with_data = sum(bool(sentence.spans) for sentence in labelled)
        print(f"\n{half}: {len(labelled)} sentences, {with_data} with personal data\n\n{table(measure(labelled))}")
    if "--mistakes" in arguments:
        print("", *mistakes(sentences("tune")), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
