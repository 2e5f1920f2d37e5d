"""Tables as HTML: one of which a row can be chosen by mouse and keyboard, and a plain one."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

# A click anywhere in a row chooses it; its first cell is a button, so that the keyboard can do the same.
LISTING_JS = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("tr")?.querySelector("button[data-id]");
  if (!button) return;
  element.querySelectorAll("[aria-current]").forEach((other) => other.removeAttribute("aria-current"));
  button.closest("tr").setAttribute("aria-current", "true");
  trigger("select", { id: button.dataset.id });
});
"""


@dataclass(frozen=True)
class Row:
    """A row that can be chosen: its identifier, its cells, a mark beside the first one, and what is wrong with it."""

    id: str
    cells: Sequence[str]
    mark: str = ""
    problem: str = ""


def listing(heads: Sequence[str], rows: Sequence[Row], chosen: str = "") -> str:
    """The table, with the chosen row marked."""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in heads)
    body = "".join(_row(heads, row, row.id == chosen) for row in rows)
    return f'<div class="listing"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _row(heads: Sequence[str], row: Row, current: bool) -> str:
    first, *others = map(html.escape, row.cells)
    mark = f' <span class="mark">{html.escape(row.mark)}</span>' if row.mark else ""
    problem = f'<div class="problem">{html.escape(row.problem)}</div>' if row.problem else ""
    lead = f'<button type="button" data-id="{html.escape(row.id)}">{first}</button>{mark}{problem}'
    cells = [f'<td class="lead">{lead}</td>']
    cells += [f'<td data-head="{html.escape(head)}">{cell}</td>' for head, cell in zip(heads[1:], others, strict=True)]
    chosen = ' aria-current="true"' if current else ""
    return f"<tr{chosen}>{''.join(cells)}</tr>"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], label: str) -> str:
    """A plain table of texts, in a box that scrolls sideways by itself."""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="plain" role="region" tabindex="0" aria-label="{html.escape(label)}"><table><thead><tr>{head}</tr>'
        f"</thead><tbody>{body}</tbody></table></div>"
    )


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Names and values, one pair a line; pairs without a value are left out."""
    lines = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in pairs if value)
    return f"<dl>{lines}</dl>"
