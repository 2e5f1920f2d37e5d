"""Grades an answer by the facts it contains and, where nothing is known, by whether it says so."""

from __future__ import annotations

import re
from dataclasses import dataclass

from study.questions import TestQuestion

# A refusal both admits not knowing and offers a person; either alone may occur in a good answer.
NOT_KNOWN = re.compile(
    r"""
    \b(don't|do\ not|doesn't|does\ not|can't|cannot|couldn't|isn't|is\ not|not|nothing|no)\b [^.?!]{0,60}
      \b(have|hold|find|says?|know|covers?|covered|listed|mention(s|ed)?|described|information|answer
        |in\ (our|the)\ help\ centre)\b
    | \b(says|have|has|holds|finds?|found|covers)\b [^.?!]{0,20} \b(nothing|no|not)\b
    | \b(rather\ not|not\ want\ to|won't|not)\ guess\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
A_PERSON = re.compile(r"\b(person|colleague|someone|team|human|call us)\b|\+\d\d|@", re.IGNORECASE)


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
