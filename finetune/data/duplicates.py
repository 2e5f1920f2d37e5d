"""Rounds that say again what an earlier round says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from core.training import Progress, Round
from finetune.data.contradictions import asked, figures, opening
from finetune.data.near_duplicates import THRESHOLD, jaccard, lsh, shingles, sketches


def exact(rounds: Sequence[Round]) -> list[int]:
    """Those whose question, with what was said before, and answer an earlier round has but for case and spaces."""
    seen: set[tuple[str, str]] = set()
    repeats = []
    for at, said in enumerate(rounds):
        key = (_plain(asked(said)), _plain(said.answer))
        if key in seen:
            repeats.append(at)
        seen.add(key)
    return repeats


def near(rounds: Sequence[Round], progress: Progress | None = None) -> list[int]:
    """Those that nearly repeat an earlier round that is kept, in the question and in the answer.

    A similar question with another answer is a paraphrase worth keeping, and so is an answer to many questions; only
    both together add nothing. What carries the facts must be equal too: figures (long identifiers are as good as each
    other) and an opening yes or no. Rows are compared with kept ones alone, so that no chain of small steps leads far.
    """
    index, repeats = lsh(), []
    stated = [(figures(asked(said)), figures(said.answer), opening(said.answer)) for said in rounds]
    # When two pairs of sets are each that similar, so are their unions: one index finds them all.
    for at, sketch in enumerate(sketches(map(_tagged, rounds))):
        candidates = [other for other in sorted(index.query(sketch)) if stated[other] == stated[at]]
        if any(_similar(rounds[other], rounds[at]) for other in candidates):
            repeats.append(at)
        else:
            index.insert(at, sketch, check_duplication=False)
        if progress and at % 500 == 0:
            progress(at / len(rounds), "looking for near-duplicates")
    return repeats


def _similar(first: Round, second: Round) -> bool:
    return (
        jaccard(shingles(asked(first)), shingles(asked(second))) >= THRESHOLD
        and jaccard(shingles(first.answer), shingles(second.answer)) >= THRESHOLD
    )


def _tagged(said: Round) -> Iterator[str]:
    """The shingles of the question and of the answer, told apart."""
    yield from (f"?{gram}" for gram in shingles(asked(said)))
    yield from (f"!{gram}" for gram in shingles(said.answer))


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().lower()
