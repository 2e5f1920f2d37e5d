"""Facts that an answer states without support: they stand in nothing that it could have been taken from.

A program sees only what has a form: amounts, dates, times, codes, addresses and names. It prefers to overlook
something than to blame an answer wrongly: what can be read as supported is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from study.grading.mentions import Mention, mentions, plain_number
from study.grading.names import names, without_models, words

QUANTITIES = ("price", "percentage", "duration")
ABOUT_THE_COMPANY = ("email", "phone", "url", "name")


class Evidence:
    """The texts that support an answer: its passages, the question with its history, the template, the reference.

    `known` are texts about the company at large, such as all references: names and contact details from there are
    no inventions either, though figures may well be.
    """

    def __init__(self, texts: Iterable[str], known: Evidence | None = None) -> None:
        self._text = "\n".join(texts)
        self._known = known
        self._found = {(one.kind, one.value) for one in mentions(self._text, every_word=True)}
        self._numbers = {plain_number(digits) for digits in re.findall(r"\d+(?:[.,]\d+)*", self._text)} | {
            value for kind, value in self._found if kind in ("number", "price", "percentage")
        }
        self._words = words(self._text)

    def supports(self, mention: Mention) -> bool:
        """Whether the texts mention the same, in whatever spelling."""
        if self._known and mention.kind in ABOUT_THE_COMPANY and self._known.supports(mention):
            return True
        return (mention.kind, mention.value) in self._found or self._same_in_other_words(mention)

    def holds(self, phrase: str) -> bool:
        """Whether the phrase stands in the texts, or in what is known at large, word for word."""
        found = re.search(rf"(?<!\w){re.escape(phrase)}(?!\w|[.,]\d)", self._text)
        return bool(found) or bool(self._known and self._known.holds(phrase))

    def _same_in_other_words(self, mention: Mention) -> bool:
        kind, value = mention.kind, mention.value
        if kind == "name":
            return words(value) <= self._words
        if kind == "number":
            return value in self._numbers
        if kind == "code":  # the customer may have written "error 417" for E-417
            digits = "".join(re.findall(r"\d", value))
            return len(digits) > 2 and plain_number(digits) in self._numbers
        if kind == "url":
            return value in self._text.lower()
        if kind == "date":
            return any(of == "date" and _same_day(value, other) for of, other in self._found)
        if kind in QUANTITIES:  # a number without a unit may have been meant so: "Days: 30"
            return any(
                ("number", plain_number(digits)) in self._found for digits in re.findall(r"\d[\d.,]*", mention.text)
            )
        return False


def unsupported(answer: str, evidence: Evidence) -> tuple[Mention, ...]:
    """What the answer mentions and the evidence does not, each once: amounts first, names last."""
    stated = [*mentions(without_models(answer, evidence.holds)), *names(answer)]
    different = {(one.kind, one.value): one for one in reversed(stated)}
    return tuple(one for one in different.values() if not evidence.supports(one))[::-1]


def _same_day(first: str, second: str) -> bool:
    """Whether two dates can be one: the year may be left out, and 03/04 is the 3rd of April or the 4th of March."""
    (year, *day), (other_year, *other_day) = first.split("-"), second.split("-")
    return sorted(day) == sorted(other_day) and (not year or not other_year or year == other_year)
