"""Grades an answer by the facts it contains and, where nothing is known, by whether it says so."""

from __future__ import annotations

import re
from dataclasses import dataclass

from study.questions import TestQuestion

# A refusal both admits not knowing and offers a person; either alone may occur in a good answer.
NOT_KNOWN = re.compile(
    r"\b(don't|do not|doesn't|does not|can't|cannot|isn't|is not|not|nothing|no)\b[^.?!]{0,60}"
    r"\b(have|hold|find|say|says|know|cover|covers|listed|mention|mentions|mentioned|information|answer|help centre)\b",
    re.IGNORECASE,
)
A_PERSON = re.compile(r"\b(person|colleague|someone|team|crew|human|agent|@|\+31)|[\w.]+@[\w.]+", re.IGNORECASE)


@dataclass(frozen=True)
class Grade:
    """`found` of `required` facts stand in the answer; `declined` says it admits not knowing and offers a person."""

    found: int
    required: int
    declined: bool

    @property
    def right(self) -> bool:
        """All facts are there; or, for an unanswerable question, the answer declines."""
        return self.found == self.required if self.required else self.declined


def grade(question: TestQuestion, answer: str) -> Grade:
    """Compares without regard to case, spacing and kinds of dashes and apostrophes; numbers only as a whole."""
    text = _plain(answer)
    found = sum(any(_contains(text, spelling) for spelling in spellings) for spellings in question.facts)
    return Grade(found, len(question.facts), bool(NOT_KNOWN.search(text) and A_PERSON.search(text)))


def _contains(text: str, spelling: str) -> bool:
    # "1 day" must not be found in "21 days", nor "€4" in "€49": a fact ends where its word or number ends.
    fact = re.escape(_plain(spelling))
    return re.search(rf"(?<!\w)(?<!\d[.,]){fact}(?!\d|[.,]\d)", text) is not None


def _plain(text: str) -> str:
    text = text.lower().replace("’", "'").replace("–", "-").replace("—", "-").replace("\u00a0", " ")
    text = re.sub(r"[*_`]", "", text)
    return re.sub(r"\s+", " ", text).strip()
