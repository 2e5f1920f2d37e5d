"""Ratings as examples: votes of comparisons and of studies, and thumbs, become preferences for DPO or KTO.

- A vote for a side prefers its answer. Several raters: the side with more votes; as many for both: no preference.
- A tie says nothing about either answer and is left out.
- Both bad: no preference for DPO; for KTO both answers are undesirable.
- A thumb counts for KTO alone: up is desirable, down undesirable.
- An answer that is desirable here and undesirable there says nothing to KTO, and none counts twice there.
Answers that were stopped or failed, or say the same, are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from core.protocols import Store
from core.training import Round
from core.types import Answer, Exchange, TranscriptFilter


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


def rated_exchanges(store: Store) -> list[Exchange]:
    """Whatever has a vote or a thumb: of chats and comparisons, then of studies."""
    return [*store.search(TranscriptFilter(rated=True)), *store.studies.rated_exchanges()]


def preferences(exchanges: Iterable[Exchange]) -> list[Rated]:
    """The pairs with a better answer, for DPO."""
    return [rated for exchange in exchanges if (rated := _preferred(exchange))]


def judgements(exchanges: Iterable[Exchange]) -> list[Rated]:
    """Single answers that are desirable (`chosen`) or undesirable (`rejected`), for KTO."""
    good: dict[str, Rated] = {}
    bad: dict[str, Rated] = {}
    for exchange in exchanges:
        rated = _preferred(exchange)
        desirable = [rated.chosen] if rated and rated.chosen else []
        undesirable = [rated.rejected] if rated and rated.rejected else []
        if _winner(exchange) == "both_bad":
            undesirable += _pair(exchange)
        usable = {answer.id: answer for answer in exchange.answers if _usable(answer)}
        for thumb in exchange.thumbs:
            if thumb.answer_id in usable:
                (desirable if thumb.value > 0 else undesirable).append(usable[thumb.answer_id])
        good |= {answer.id: Rated(exchange, answer, None) for answer in desirable}
        bad |= {answer.id: Rated(exchange, None, answer) for answer in undesirable}
    contested = good.keys() & bad.keys()
    return [rated for judged in (good, bad) for key, rated in judged.items() if key not in contested]


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
