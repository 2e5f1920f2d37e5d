"""What a program can check of an answer to a customer without knowing the right one."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from core.types import Answer, Exchange
from study.grading.facts import declines
from study.grading.unsupported import Evidence, unsupported

MOST = 4_000  # answers: each takes milliseconds, and more would hardly narrow a share
KEPT = 20_000  # answers whose checks stay in memory: a page is opened more than once

_kept: OrderedDict[tuple[str, int], Checks] = OrderedDict()


@dataclass(frozen=True)
class Checks:
    """`unsupported`: what the answer states that stands in nothing that it was given. `declined`: it admits not
    knowing and offers a person."""

    unsupported: tuple[str, ...]
    declined: bool


def check_answers(exchanges: Sequence[Exchange]) -> dict[str, Checks]:
    """Of complete answers by their ids, MOST of them, spread evenly.

    What supports it is its own prompt, with the conversation and its passages; names and contact details from any
    passage of the split are known of the company at large.
    """
    passages = {passage.text for one in exchanges for answer in one.answers for passage in answer.passages}
    known = Evidence(sorted(passages))
    complete = [(one, answer) for one in exchanges for answer in one.answers if answer.outcome == "complete"]
    chosen = complete[:: math.ceil(len(complete) / MOST) or 1]
    return {answer.id: _checked(one, answer, known, len(passages)) for one, answer in chosen}


def _checked(exchange: Exchange, answer: Answer, known: Evidence, size: int) -> Checks:
    """`size` tells what is known from what was known before."""
    if (answer.id, size) not in _kept:
        texts = [exchange.question.text, *(turn.text for turn in answer.prompt)]
        texts += [passage.text for passage in answer.passages]
        stated = unsupported(answer.text.strip(), Evidence(dict.fromkeys(texts), known))
        _kept[answer.id, size] = Checks(tuple(one.text for one in stated), declines(answer.text))
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return _kept[answer.id, size]
