"""Dots with whiskers, bars of shares, and a cloud of a few points: small SVGs that are sharp in print and on a phone.

Names stand above their marks, so that the drawing has the whole width and its letters stay readable at 360 pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from study.report.html import text
from study.statistics.estimate import Estimate

WIDTH, EDGE = 400, 12
ROW, HEAD, FOOT = 42, 8, 38
LETTERS = 54  # that fit beside each other
LINE = 15


@dataclass(frozen=True)
class Row:
    """A name, a value with its interval, and how people read it."""

    name: str
    value: Estimate
    told: str
    strong: bool = False


@dataclass(frozen=True)
class Scale:
    """Puts values between `low` and `high` onto pixels from `start`; a negative length runs upwards."""

    low: float
    high: float
    start: float
    length: float

    def at(self, value: float) -> float:
        """What lies beyond the ends is put onto them."""
        inside = min(max(value, self.low), self.high)
        return round(self.start + self.length * (inside - self.low) / (self.high - self.low), 1)

    def ticks(self, most: int = 6) -> list[float]:
        """Round numbers, a few of them."""
        rough = (self.high - self.low) / most
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
        places = range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)
        return [step * place for place in places]


def interval_chart(
    title: str, rows: Sequence[Row], axis: str, middle: float | None = None, margin: float = 0.0, note: str = ""
) -> str:
    """Rows below each other over one axis; `middle` is a line such as no difference, `margin` a band around it that
    does not matter. An interval without end runs to the edge. Nothing without rows."""
    rows = [row for row in rows if math.isfinite(row.value.mean)]
    if not rows:
        return ""
    around = [] if middle is None else [middle - margin, middle + margin]
    ends = [end for row in rows for end in (row.value.low, row.value.mean, row.value.high)] + around
    scale = _scale(ends, EDGE, WIDTH - 2 * EDGE)
    tops = [float(HEAD)]
    for row in rows:
        tops.append(tops[-1] + ROW + LINE * _on_two_lines(row))
    bottom = tops.pop()
    height = bottom + FOOT
    drawn = _upright(scale, bottom)
    if middle is not None:
        left, right = scale.at(middle - margin), scale.at(middle + margin)
        if margin:
            size = f'width="{right - left:.1f}" height="{bottom - HEAD + 4}"'
            drawn += f'<rect class="margin" x="{left}" y="{HEAD - 4}" {size}/>'
        drawn += f'<line class="middle" x1="{scale.at(middle)}" x2="{scale.at(middle)}" y1="{HEAD - 4}" y2="{bottom}"/>'
    drawn += "".join(_row(row, scale, top) for row, top in zip(rows, tops, strict=True))
    told = "; ".join(f"{row.name}: {row.told}" for row in rows)
    return _figure(title, told, height, drawn + _below(axis, height), note)


def share_bars(title: str, rows: Sequence[tuple[str, Sequence[tuple[str, float]]]], note: str = "") -> str:
    """A bar a row, made of named shares that sum to 1."""
    if not rows:
        return ""
    drawn = ""
    for number, (name, shares) in enumerate(rows):
        top, left = HEAD + ROW * number, float(EDGE)
        drawn += f'<text x="{EDGE}" y="{top + 10}">{_cut(name)}</text>'
        for place, (what, share) in enumerate(shares):
            width = share * (WIDTH - 2 * EDGE)
            drawn += (
                f'<rect class="part-{place}" x="{left:.1f}" y="{top + 15}" width="{width:.1f}" height="14">'
                f"<title>{text(what)}: {100 * share:.0f} of 100</title></rect>"
            )
            if width > 24:
                drawn += (
                    f'<text class="in-{place}" x="{left + width / 2:.1f}" y="{top + 26}" text-anchor="middle">'
                    f"{100 * share:.0f}</text>"
                )
            left += width
    names = "".join(
        f'<span><i class="part-{place}"></i>{text(what)}</span>' for place, (what, _) in enumerate(rows[0][1])
    )
    told = "; ".join(f"{name}: " + ", ".join(f"{w} {100 * s:.0f}" for w, s in shares) for name, shares in rows)
    return _figure(title, told, HEAD + ROW * len(rows) + 4, drawn, note, names)


def scatter(title: str, points: Sequence[tuple[Row, Estimate]], across: str, upwards: str, note: str = "") -> str:
    """A few named points [name with its height, place across], each with both intervals."""
    if not points:
        return ""
    height, left, top, bottom = 270, 44, 30, 270 - FOOT
    heights = [end for row, _ in points for end in (row.value.low, row.value.mean, row.value.high)]
    places = [end for _, place in points for end in (place.low, place.mean, place.high, 0.0)]
    y = _scale(heights, bottom, top - bottom)
    x = _scale(places, left, WIDTH - left - EDGE)
    drawn = f'<text x="{EDGE}" y="14">{text(upwards)}</text>' + _upright(x, bottom, top)
    for tick in y.ticks(5):
        drawn += (
            f'<line class="grid" x1="{left}" x2="{WIDTH - EDGE}" y1="{y.at(tick)}" y2="{y.at(tick)}"/>'
            f'<text class="tick" x="{left - 5}" y="{y.at(tick) + 4:.1f}" text-anchor="end">{_number(tick)}</text>'
        )
    taken: list[float] = []
    for row, place in sorted(points, key=lambda one: -one[0].value.mean):
        cx, cy = x.at(place.mean), y.at(row.value.mean)
        end, gap = ("end", -8) if cx > WIDTH / 2 else ("start", 8)
        level = cy - 6
        while any(abs(level - other) < 13 for other in taken):  # names must not lie on each other
            level += 2
        taken.append(level)
        drawn += (
            f'<g class="{"strong" if row.strong else "dot"}"><title>{text(row.name)}: {text(row.told)}</title>'
            f'<line x1="{x.at(place.low)}" x2="{x.at(place.high)}" y1="{cy}" y2="{cy}"/>'
            f'<line x1="{cx}" x2="{cx}" y1="{y.at(row.value.low)}" y2="{y.at(row.value.high)}"/>'
            f'<circle cx="{cx}" cy="{cy}" r="4.5"/></g>'
            f'<text x="{cx + gap:.1f}" y="{level:.1f}" text-anchor="{end}">{_cut(row.name, LETTERS // 2)}</text>'
        )
    told = "; ".join(f"{row.name}: {row.told}" for row, _ in points)
    return _figure(title, told, height, drawn + _below(across, height), note)


def _on_two_lines(row: Row) -> bool:
    return len(row.name) + len(row.told) > LETTERS


def _cut(name: str, letters: int = LETTERS) -> str:
    """A name that is too long for the drawing loses its end; the description has all of it."""
    return text(name if len(name) <= letters else f"{name[: letters - 1]}…")


def _row(row: Row, scale: Scale, top: float) -> str:
    told = top + 12 + LINE * _on_two_lines(row)
    low, high, line = scale.at(row.value.low), scale.at(row.value.high), told + 10
    ends = "".join(
        f'<line x1="{place}" x2="{place}" y1="{line - 4}" y2="{line + 4}"/>'
        for place, end in ((low, row.value.low), (high, row.value.high))
        if math.isfinite(end)
    )
    return (
        f'<text x="{EDGE}" y="{top + 12}">{_cut(row.name)}</text>'
        f'<text class="told" x="{WIDTH - EDGE}" y="{told}" text-anchor="end">{text(row.told)}</text>'
        f'<g class="{"strong" if row.strong else "dot"}"><line x1="{low}" x2="{high}" y1="{line}" y2="{line}"/>{ends}'
        f'<circle cx="{scale.at(row.value.mean)}" cy="{line}" r="4.5"/></g>'
    )


def _scale(ends: Sequence[float], start: float, length: float) -> Scale:
    known = [end for end in ends if math.isfinite(end)]
    low, high = min(known), max(known)
    air = (high - low or abs(high) or 1.0) * 0.04
    return Scale(low - air, high + air, start, length)


def _upright(scale: Scale, bottom: float, top: float = HEAD - 4) -> str:
    """The grid of an axis that runs across, with its numbers below."""
    return "".join(
        f'<line class="grid" x1="{scale.at(tick)}" x2="{scale.at(tick)}" y1="{top}" y2="{bottom}"/>'
        f'<text class="tick" x="{scale.at(tick)}" y="{bottom + 14}" text-anchor="middle">{_number(tick)}</text>'
        for tick in scale.ticks()
    )


def _below(axis: str, height: float) -> str:
    return f'<text class="tick" x="{WIDTH / 2}" y="{height - 6}" text-anchor="middle">{text(axis)}</text>'


def _number(value: float) -> str:
    return f"{value:.6g}".replace("-", "−")


def _figure(title: str, told: str, height: float, drawn: str, note: str, names: str = "") -> str:
    legend = f'<span class="names">{names}</span>' if names else ""
    beside = f"<span>{text(note)}</span>" if note else ""
    return (
        f'<figure class="chart"><figcaption><b>{text(title)}</b>{beside}{legend}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img"><title>{text(title)}</title><desc>{text(told)}</desc>{drawn}'
        "</svg></figure>"
    )
