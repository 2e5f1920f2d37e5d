"""What a load test found, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MOST_WRONG, LONGEST = 20, 1000  # differences, and characters of each


def lines(told: dict[str, Any]) -> Iterator[str]:
    options = told["options"]
    for name, phase in told["people"].items():
        yield ""
        yield f"{name}: {phase['seconds']:.0f} s (times in s)"
        yield f"  {'':<34}{'count':>7}{'p50':>8}{'p90':>8}{'p99':>8}{'most':>8}"
        for row in phase["figures"]:
            times = "".join(f"{row[share]:>8.2f}" for share in ("p50", "p90", "p99", "max"))
            yield f"  {row['kind'] + ', ' + row['what']:<34}{row['count']:>7,}{times}"
    yield ""
    yield "the app itself:"
    for name, size in told["usage"].items():
        yield f"  {name:<38}{size:>10,g}"
    yield (
        f"{told['cores']} cores, load average before {told['load average before'][0]:.1f}, slots {options['slots']}, "
        f"queue {options['queue']}, training {options['training']}"
    )
    yield ""
    yield f"{told['questions']:,} questions and {told['votes']:,} votes were compared with what is on record:"
    for name, count in told["compared"].items():
        yield f"  {name:<34}{count:>7,}"
    yield ""
    yield f"{len(told['wrong']):,} differences or errors"
    for one in told["wrong"][:MOST_WRONG]:
        yield f"  {one[:LONGEST]}"
