"""Pieces of HTML: every text goes through `html.escape` here, so that no answer can bring marks of its own."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """A figure and, smaller, what belongs to it, such as its interval."""

    text: str
    beside: str = ""
    strong: bool = False


def text(words: object) -> str:
    """Words as they are, fit to stand between marks and in attributes."""
    return html.escape(str(words))


def paragraph(words: str, kind: str = "") -> str:
    return f"<p{_class(kind)}>{text(words)}</p>" if words else ""


def items(words: Iterable[str], kind: str = "") -> str:
    """A list; nothing where there is none."""
    inside = "".join(f"<li>{text(one)}</li>" for one in words)
    return f"<ul{_class(kind)}>{inside}</ul>" if inside else ""


def section(title: str, *parts: str, name: str = "") -> str:
    """Nothing where all parts are empty."""
    inside = "".join(parts)
    return f"<section{_class(name)}><h2>{text(title)}</h2>{inside}</section>" if inside else ""


def folded(summary: str, *parts: str) -> str:
    """Parts that are shown on a click; in print they are open."""
    inside = "".join(parts)
    return f"<details><summary>{text(summary)}</summary>{inside}</details>" if inside else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str | Cell]], caption: str = "") -> str:
    """A table whose first column names its rows; it scrolls by itself where it is too wide."""
    body = "".join(
        f'<tr><th scope="row">{_cell(row[0])}</th>{"".join(f"<td>{_cell(one)}</td>" for one in row[1:])}</tr>'
        for row in rows
    )
    if not body:
        return ""
    heads = "".join(f'<th scope="col">{text(one)}</th>' for one in head)
    told = f"<caption>{text(caption)}</caption>" if caption else ""
    inside = f"{told}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="scroll" tabindex="0"><table>{inside}</table></div>'


def charts(*figures: str) -> str:
    """Figures beside each other where there is room."""
    inside = "".join(figures)
    return f'<div class="charts">{inside}</div>' if inside else ""


def _cell(cell: str | Cell) -> str:
    if isinstance(cell, str):
        return text(cell)
    told = f"<b>{text(cell.text)}</b>" if cell.strong else text(cell.text)
    return f"{told} <small>{text(cell.beside)}</small>" if cell.beside else told


def _class(name: str) -> str:
    return f' class="{text(name)}"' if name else ""
