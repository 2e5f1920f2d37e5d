"""Ratings as examples: votes of blind and open comparisons, and thumbs, become preferences for DPO or KTO.

- A vote for a side prefers its answer. Several raters: the side with more votes; as many for both: no preference.
- A tie says nothing about either answer and is left out.
- Both bad: no preference for DPO; for KTO both answers are undesirable.
- A thumb counts for KTO alone: up is desirable, down undesirable.
Answers that were stopped or failed, or say the same, are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from core.training import Round
from core.types import Answer, Exchange


@dataclass(frozen=True)
class Rated:
    """A question with its better and worse answer; or with one alone, which is desirable or not."""

    exchange: Exchange
    chosen: Answer | None
    rejected: Answer | None

    def round(self, row: int) -> Round:
        """As a round with the answer that counts, for the checks that all training data goes through."""
        answer = self.chosen or self.rejected
        assert answer
        history = self.exchange.history.get(answer.lane, ())
        return Round(self.exchange.question.text, answer.text, tuple(history), row=row)


def preferences(exchanges: Iterable[Exchange]) -> list[Rated]:
    """The pairs with a better answer, for DPO."""
    return [rated for exchange in exchanges if (rated := _preferred(exchange))]


def judgements(exchanges: Iterable[Exchange]) -> list[Rated]:
    """Single answers that are desirable (`chosen`) or undesirable (`rejected`), for KTO."""
    found = []
    for exchange in exchanges:
        rated = _preferred(exchange)
        good = {rated.chosen.id: rated.chosen} if rated and rated.chosen else {}
        bad = {rated.rejected.id: rated.rejected} if rated and rated.rejected else {}
        if _winner(exchange) == "both_bad":
            bad |= {answer.id: answer for answer in _pair(exchange)}
        usable = {answer.id: answer for answer in exchange.answers if _usable(answer)}
        for thumb in exchange.thumbs:
            if thumb.answer_id in usable:
                (good if thumb.value > 0 else bad)[thumb.answer_id] = usable[thumb.answer_id]
        contested = good.keys() & bad.keys()
        found += [Rated(exchange, answer, None) for key, answer in good.items() if key not in contested]
        found += [Rated(exchange, None, answer) for key, answer in bad.items() if key not in contested]
    return found


def _preferred(exchange: Exchange) -> Rated | None:
    pair, winner = _pair(exchange), _winner(exchange)
    if len(pair) < 2 or winner not in ("left", "right") or pair[0].text.strip() == pair[1].text.strip():
        return None
    left, right = pair
    return Rated(exchange, left, right) if winner == "left" else Rated(exchange, right, left)


def _pair(exchange: Exchange) -> list[Answer]:
    """The left and the right answer, if both are usable."""
    if exchange.pair is None:
        return []
    known = {answer.id: answer for answer in exchange.answers if _usable(answer)}
    sides = [exchange.pair.left_answer, exchange.pair.right_answer]
    return [known[side] for side in sides] if all(side in known for side in sides) else []


def _winner(exchange: Exchange) -> str | None:
    """What most raters chose; None without votes, or when the two most frequent choices are as frequent."""
    counts = Counter(vote.choice for vote in exchange.votes).most_common(2)
    if not counts or (len(counts) == 2 and counts[0][1] == counts[1][1]):
        return None
    return counts[0][0]


def _usable(answer: Answer) -> bool:
    return answer.outcome == "complete" and bool(answer.text.strip())
