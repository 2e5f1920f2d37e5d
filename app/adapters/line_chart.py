"""Curves as SVG: small, sharp in both themes, with a logarithmic axis and a mark where something happened."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 380, 210
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 16, 36
MOST_DOTS = 40  # points of a longer line are not drawn one by one

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """A named curve; its points in the order of x."""

    name: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Axis:
    """Puts values between `low` and `high` onto a number of pixels from `start`; a negative length runs upwards."""

    low: float
    high: float
    start: float
    length: float
    log: bool = False

    def at(self, value: float) -> float:
        place: Callable[[float], float] = math.log10 if self.log else float
        span = place(self.high) - place(self.low) or 1
        return self.start + self.length * (place(value) - place(self.low)) / span

    def ticks(self) -> list[float]:
        """Four to ten round numbers."""
        if self.log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            steps = (1,) if len(powers) > 4 else (1, 3)
            found = [step * 10.0**power for power in powers for step in steps]
        else:
            rough = (self.high - self.low) / 5 or 1
            unit = 10 ** math.floor(math.log10(rough))
            step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
            found = [step * number for number in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        return [tick for tick in found if self.low <= tick <= self.high]


def line_chart(
    title: str, lines: Sequence[Line], x_title: str, log_x: bool = False, mark: tuple[float, str] | None = None
) -> str:
    """A figure with all lines over one x; empty when there is nothing to draw. `mark` is an x and a word for it."""
    lines = [Line(line.name, _drawable(line.points, log_x)) for line in lines]
    lines = [line for line in lines if line.points]
    if not lines:
        return ""
    xs = [x for line in lines for x, _ in line.points] + ([mark[0]] if mark else [])
    ys = [y for line in lines for _, y in line.points]
    margin = (max(ys) - min(ys) or abs(ys[0]) or 1) * 0.06
    across = Axis(min(xs), max(xs), LEFT, WIDTH - LEFT - RIGHT, log_x)
    upwards = Axis(min(ys) - margin, max(ys) + margin, HEIGHT - BOTTOM, TOP + BOTTOM - HEIGHT)
    drawn = "".join(_line(number, line, across, upwards) for number, line in enumerate(lines))
    told = "; ".join(f"{line.name} from {line.points[0][1]:.4g} to {line.points[-1][1]:.4g}" for line in lines)
    names = (f'<span><i class="line-{n}"></i>{html.escape(line.name)}</span>' for n, line in enumerate(lines))
    return (
        f'<figure class="chart"><figcaption><b>{html.escape(title)}</b>{"".join(names)}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(f"{title}: {told}")}">'
        f"{_grid(across, upwards, x_title)}{_mark(across, mark)}{drawn}</svg></figure>"
    )


def _drawable(points: Sequence[Point], log_x: bool) -> list[Point]:
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y) and (x > 0 or not log_x)]


def _line(number: int, line: Line, across: Axis, upwards: Axis) -> str:
    places = [(across.at(x), upwards.at(y)) for x, y in line.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    drawn = f'<polyline class="line-{number}" points="{path}"/>'
    if len(places) > MOST_DOTS:
        return drawn
    return drawn + "".join(
        f'<circle class="line-{number}" cx="{left:.1f}" cy="{top:.1f}" r="2.5">'
        f"<title>{html.escape(line.name)}: {y:.4g} at {x:.4g}</title></circle>"
        for (left, top), (x, y) in zip(places, line.points, strict=True)
    )


def _grid(across: Axis, upwards: Axis, x_title: str) -> str:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    levels = "".join(
        f'<line x1="{LEFT}" x2="{right}" y1="{upwards.at(tick):.1f}" y2="{upwards.at(tick):.1f}"/>'
        f'<text x="{LEFT - 6}" y="{upwards.at(tick) + 4:.1f}" text-anchor="end">{tick:.4g}</text>'
        for tick in upwards.ticks()
    )
    places = "".join(
        f'<text x="{across.at(tick):.1f}" y="{bottom + 15}" text-anchor="middle">{tick:.4g}</text>'
        for tick in across.ticks()
    )
    middle = (LEFT + right) / 2
    return f'{levels}{places}<text x="{middle}" y="{HEIGHT - 4}" text-anchor="middle">{html.escape(x_title)}</text>'


def _mark(across: Axis, mark: tuple[float, str] | None) -> str:
    if mark is None:
        return ""
    x = across.at(mark[0])
    # The word stands on the side where there is room for it.
    side, gap = ("end", -4) if x > WIDTH / 2 else ("start", 4)
    return (
        f'<g class="mark-line"><line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{HEIGHT - BOTTOM}"/>'
        f'<text x="{x + gap:.1f}" y="{TOP}" text-anchor="{side}">{html.escape(mark[1])}</text></g>'
    )
