"""Our own exports (core/export.py) as training data: people's ratings say which answers are worth learning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from core.export import FORMULA
from core.record_files import Record

MARKS = {"question_id", "answer_id", "lane", "outcome", "withdrawn", "latest"}


def is_own(names: Collection[str]) -> bool:
    """Whether a file with these fields is an export of the Transcripts page."""
    return set(names) >= MARKS


def worth_learning(records: Sequence[Record]) -> tuple[list[Record], dict[str, int]]:
    """The answers to learn from, and why the others were left out.

    Left out are answers that were not completed, regenerated or withdrawn; those with more thumbs down than up; those
    that lost more votes than they won, or were found bad as often as good; and, where an answer to the same question
    won, those that did not.
    """
    winners = {
        str(fields.get("question_id")) for _, fields in records if _reason(fields) is None and _margin(fields) > 0
    }
    kept: list[Record] = []
    left_out: Counter[str] = Counter()
    for row, fields in records:
        reason = _reason(fields)
        if reason is None and str(fields.get("question_id")) in winners and _margin(fields) <= 0:
            reason = "another answer won the vote"
        if reason:
            left_out[reason] += 1
        else:
            kept.append((row, {name: _unquoted(value) for name, value in fields.items()}))
    return kept, dict(left_out)


def _reason(fields: Mapping[str, Any]) -> str | None:
    up, down = _thumbs(fields)
    votes = _votes(fields)
    if fields.get("outcome") != "complete":
        return "answer not complete"
    if _true(fields.get("withdrawn")):
        return "question withdrawn"
    if not _true(fields.get("latest")):
        return "answer regenerated"
    if down > up:
        return "thumbs down"
    if votes["both_bad"] >= max(votes["won"], 1):
        return "voted bad"
    return "lost the vote" if _margin(fields) < 0 else None


def _margin(fields: Mapping[str, Any]) -> int:
    votes = _votes(fields)
    return votes["won"] - votes["lost"]


def _votes(fields: Mapping[str, Any]) -> Counter[str]:
    """Votes by result, from a list (JSONL) or from counts (CSV)."""
    if isinstance(fields.get("votes"), list):
        return Counter(str(vote.get("result")) for vote in fields["votes"] if isinstance(vote, dict))
    return Counter({result: _number(fields.get(result)) for result in ("won", "lost", "tie", "both_bad")})


def _thumbs(fields: Mapping[str, Any]) -> tuple[int, int]:
    if isinstance(fields.get("thumbs"), list):
        values = [_number(thumb.get("value")) for thumb in fields["thumbs"] if isinstance(thumb, dict)]
        return sum(value > 0 for value in values), sum(value < 0 for value in values)
    return _number(fields.get("thumbs_up")), _number(fields.get("thumbs_down"))


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return 0


def _true(value: Any) -> bool:
    return value is True or str(value).strip().lower() == "true"


def _unquoted(value: Any) -> Any:
    """Spreadsheet cells of text lose the apostrophe that keeps them from being formulas."""
    quoted = isinstance(value, str) and value.startswith("'") and value.lstrip("'").startswith(FORMULA)
    return value[1:] if quoted else value
