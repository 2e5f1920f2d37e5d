"""How much of the machine's time each answer took, where many are written at once."""

from __future__ import annotations

from collections.abc import Sequence

from core.types import Answer


def machine_seconds(answers: Sequence[Answer]) -> list[float]:
    """Seconds of each answer [answers], when those under way at one moment share the machine evenly.

    An answer is under way for `total_s` before its `created_at`. All shares together are the time in which the machine
    wrote at all, so that an hour of it is paid once, however many answers were written in it.
    """
    ends = [one.created_at.timestamp() for one in answers]
    spans = [(end - one.total_s, end) for end, one in zip(ends, answers, strict=True)]
    events = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    shared_until: dict[float, float] = {}
    under_way, shared, before = 0, 0.0, events[0][0] if events else 0.0
    for moment, change in events:
        shared += (moment - before) / max(under_way, 1)
        shared_until[moment], before = shared, moment
        under_way += change
    return [shared_until[end] - shared_until[start] for start, end in spans]
