"""Which required facts an answer contains and, where nothing is known, whether it says so."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.studies import TestQuestion

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
class FactCheck:
    """How many of the required facts stand in an answer, and whether it declines: admits not knowing, offers a person.

    Declining is the right answer to a question that is not answerable. One whose facts are not known requires none, and
    whether its answer is right cannot be told.
    """

    facts_found: int
    facts_required: int
    declined: bool
    answerable: bool

    @property
    def strict(self) -> bool:
        """Whether there are required facts and all of them were found."""
        return 0 < self.facts_required == self.facts_found

    @property
    def share(self) -> float | None:
        """The part of the required facts that was found, 0 to 1; None where none are known."""
        return self.facts_found / self.facts_required if self.facts_required else None

    @property
    def rightly_declined(self) -> bool:
        """The question is unanswerable and the answer says so."""
        return not self.answerable and self.declined

    @property
    def wrongly_declined(self) -> bool:
        """The question is answerable, yet the answer declines; one that also gives all the facts is no refusal."""
        return self.answerable and self.declined and not self.strict

    @property
    def right(self) -> bool:
        """All facts are there; or, for an unanswerable question, the answer declines."""
        return self.strict or self.rightly_declined


def check_facts(question: TestQuestion, answer: str) -> FactCheck:
    """Compares without regard to case, spacing and kinds of dashes and apostrophes; numbers only as a whole.

    A fact is found when any of its accepted spellings is.
    """
    text = _plain(answer)
    facts = question.facts or ()
    found = sum(any(_contains(text, spelling) for spelling in spellings) for spellings in facts)
    return FactCheck(found, len(facts), declines(answer), question.answerable)


def declines(answer: str) -> bool:
    """Whether an answer both admits not knowing and offers a person."""
    text = _plain(answer)
    return bool(NOT_KNOWN.search(text) and A_PERSON.search(text))


def _contains(text: str, spelling: str) -> bool:
    # "1 day" must not be found in "21 days", nor "€4" in "€49": a fact ends where its word or number ends.
    fact = re.escape(_plain(spelling))
    return re.search(rf"(?<!\w)(?<!\d[.,]){fact}(?!\d|[.,]\d)", text) is not None


def _plain(text: str) -> str:
    text = text.lower().replace("’", "'").replace("–", "-").replace("—", "-").replace("\u00a0", " ")
    text = re.sub(r"[*_`]", "", text)
    return re.sub(r"\s+", " ", text).strip()
