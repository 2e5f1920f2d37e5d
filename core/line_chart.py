"""Curves as SVG: small, sharp in both themes, with bands for what is not certain and marks where something happens.

Colours are those of the page: its style sheet knows the classes line-0, line-1, …, level, band and mark-line.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

WIDTH, HEIGHT = 380, 210
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 16, 36
TICK_ROOM = 24  # pixels
MOST_DOTS = 40  # points of a longer line are not drawn one by one

Point = tuple[float, float]
Scale = Literal["linear", "log", "log1p"]

PLACES: Mapping[Scale, Callable[[float], float]] = {"linear": float, "log": math.log10, "log1p": math.log1p}


@dataclass(frozen=True)
class Line:
    """A named curve; its points in the order of x. `band` has for each point the ends of its interval."""

    name: str
    points: Sequence[Point]
    band: Sequence[Point] = ()


@dataclass(frozen=True)
class Level:
    """A named value that the curves are compared with, and the ends of its interval."""

    name: str
    value: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class Mark:
    """An x with a word for it, and the ends of its interval where it has one."""

    x: float
    word: str
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class Axis:
    """Puts values between `low` and `high` onto a number of pixels from `start`; a negative length runs upwards."""

    low: float
    high: float
    start: float
    length: float
    scale: Scale = "linear"
    marked: Sequence[float] = field(default=())

    def at(self, value: float) -> float:
        place = PLACES[self.scale]
        span = place(self.high) - place(self.low) or 1
        return self.start + self.length * (place(value) - place(self.low)) / span

    def ticks(self) -> list[float]:
        """Those that are marked, else four to ten round numbers."""
        found = list(self.marked)
        if self.scale == "log" and not found:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            steps = (1,) if len(powers) > 4 else (1, 3)
            found = [step * 10.0**power for power in powers for step in steps]
        elif not found:
            rough = (self.high - self.low) / 5 or 1
            unit = 10 ** math.floor(math.log10(rough))
            step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
            found = [step * number for number in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        return [tick for tick in found if self.low <= tick <= self.high]


def line_chart(
    title: str,
    lines: Sequence[Line],
    x_title: str,
    scale: Scale = "linear",
    mark: Mark | None = None,
    level: Level | None = None,
    ticks: Sequence[float] = (),
) -> str:
    """A figure with all lines over one x; empty when there is nothing to draw. `ticks` are the marked x, if not any
    round numbers will do. With the scale log1p, which is that of log(1 + x), a curve may begin at 0."""
    lines = [_drawable(line, scale) for line in lines]
    lines = [line for line in lines if line.points]
    if not lines:
        return ""
    xs = [x for line in lines for x, _ in line.points] + ([mark.x] if mark else [])
    ys = [y for line in lines for _, y in line.points] + [end for line in lines for ends in line.band for end in ends]
    ys = [y for y in [*ys, *([level.value, level.low, level.high] if level else [])] if math.isfinite(y)]
    margin = (max(ys) - min(ys) or abs(ys[0]) or 1) * 0.06
    across = Axis(min(xs), max(xs), LEFT, WIDTH - LEFT - RIGHT, scale, ticks)
    upwards = Axis(min(ys) - margin, max(ys) + margin, HEIGHT - BOTTOM, TOP + BOTTOM - HEIGHT)
    drawn = "".join(_line(number, line, across, upwards) for number, line in enumerate(lines))
    told = "; ".join(f"{line.name} from {line.points[0][1]:.4g} to {line.points[-1][1]:.4g}" for line in lines)
    names = [(f"line-{number}", line.name) for number, line in enumerate(lines)]
    if level:
        names.append(("level", level.name))
        told += f"; {level.name} {level.value:.4g}"
    legend = "".join(f'<span><i class="{kind}"></i>{html.escape(name)}</span>' for kind, name in names)
    return (
        f'<figure class="chart"><figcaption><b>{html.escape(title)}</b>{legend}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(f"{title}: {told}")}">'
        f"{_grid(across, upwards, x_title)}{_level(level, upwards)}{_mark(across, mark)}{drawn}</svg></figure>"
    )


def _drawable(line: Line, scale: Scale) -> Line:
    least = {"linear": -math.inf, "log": 0.0, "log1p": -1.0}[scale]
    known = [place for place, (x, y) in enumerate(line.points) if math.isfinite(x) and math.isfinite(y) and x > least]
    return Line(line.name, [line.points[at] for at in known], [line.band[at] for at in known] if line.band else ())


def _line(number: int, line: Line, across: Axis, upwards: Axis) -> str:
    places = [(across.at(x), upwards.at(y)) for x, y in line.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    drawn = f'{_band(number, line, across, upwards)}<polyline class="line-{number}" points="{path}"/>'
    if len(places) > MOST_DOTS:
        return drawn
    return drawn + "".join(
        f'<circle class="line-{number}" cx="{left:.1f}" cy="{top:.1f}" r="2.5">'
        f"<title>{html.escape(line.name)}: {y:.4g} at {x:.4g}</title></circle>"
        for (left, top), (x, y) in zip(places, line.points, strict=True)
    )


def _band(number: int, line: Line, across: Axis, upwards: Axis) -> str:
    """The area between the ends of the intervals that are known."""
    known = [(x, *ends) for (x, _), ends in zip(line.points, line.band, strict=False) if all(map(math.isfinite, ends))]
    if len(known) < 2:
        return ""
    edge = [(x, high) for x, _, high in known] + [(x, low) for x, low, _ in reversed(known)]
    path = " ".join(f"{across.at(x):.1f},{upwards.at(y):.1f}" for x, y in edge)
    return f'<polygon class="band line-{number}" points="{path}"/>'


def _level(level: Level | None, upwards: Axis) -> str:
    if level is None:
        return ""
    y, right = upwards.at(level.value), WIDTH - RIGHT
    around = ""
    if math.isfinite(level.low) and math.isfinite(level.high):
        top, bottom = upwards.at(level.high), upwards.at(level.low)
        around = (
            f'<rect x="{LEFT}" y="{top:.1f}" width="{right - LEFT}" height="{bottom - top:.1f}" class="band level"/>'
        )
    return f'{around}<line class="level" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'


def _grid(across: Axis, upwards: Axis, x_title: str) -> str:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    levels = "".join(
        f'<line x1="{LEFT}" x2="{right}" y1="{upwards.at(tick):.1f}" y2="{upwards.at(tick):.1f}"/>'
        f'<text class="tick" x="{LEFT - 6}" y="{upwards.at(tick) + 4:.1f}" text-anchor="end">{_number(tick)}</text>'
        for tick in upwards.ticks()
    )
    places = "".join(
        f'<text class="tick" x="{across.at(tick):.1f}" y="{bottom + 15}" text-anchor="middle">{_number(tick)}</text>'
        for tick in _apart(across)
    )
    at = f'x="{(LEFT + right) / 2}" y="{HEIGHT - 4}"'
    return f'{levels}{places}<text class="tick" {at} text-anchor="middle">{html.escape(x_title)}</text>'


def _apart(across: Axis) -> list[float]:
    """The ticks without those whose numbers would run into the next one's; the last is there in any case."""
    kept: list[float] = []
    for tick in reversed(across.ticks()):
        if not kept or abs(across.at(kept[-1]) - across.at(tick)) >= TICK_ROOM:
            kept.append(tick)
    return kept


def _number(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"


def _mark(across: Axis, mark: Mark | None) -> str:
    if mark is None:
        return ""
    x = across.at(mark.x)
    # The word stands on the side where there is room for it.
    side, gap = ("end", -4) if x > WIDTH / 2 else ("start", 4)
    around = ""
    if math.isfinite(mark.low) and math.isfinite(mark.high):
        left, right = (across.at(min(max(end, across.low), across.high)) for end in (mark.low, mark.high))
        around = f'<rect x="{left:.1f}" y="{TOP}" width="{right - left:.1f}" height="{HEIGHT - BOTTOM - TOP}"/>'
    return (
        f'<g class="mark-line">{around}<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{HEIGHT - BOTTOM}"/>'
        f'<text x="{x + gap:.1f}" y="{TOP}" text-anchor="{side}">{html.escape(mark.word)}</text></g>'
    )
