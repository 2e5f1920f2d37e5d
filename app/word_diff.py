"""Two texts -> one, with what was taken out and what was put in marked up word by word."""

from __future__ import annotations

import difflib
import html
import re

WORDS = re.compile(r"\s+|\S+")
LINES = re.compile(r"[^\n]*\n|[^\n]+")
MOST_CHARS = 20_000  # of both together, word by word: the time grows with their product


def word_diff(old: str, new: str) -> str:
    """HTML: escaped text in which <del> holds words only in `old` and <ins> those only in `new`, space included.

    Very long texts are compared line by line.
    """
    units = WORDS if len(old) + len(new) <= MOST_CHARS else LINES
    before, after = units.findall(old), units.findall(new)
    marked = []
    for kind, i, j, k, m in difflib.SequenceMatcher(None, before, after).get_opcodes():
        if kind == "equal":
            marked.append(html.escape("".join(before[i:j])))
            continue
        if j > i:
            marked.append(f"<del>{html.escape(''.join(before[i:j]))}</del>")
        if m > k:
            marked.append(f"<ins>{html.escape(''.join(after[k:m]))}</ins>")
    return "".join(marked)
