"""What a split found, for the terminal: the verdict, who came, and a table of the arms."""

from __future__ import annotations

from study.analysis.words import duration, p_value
from study.splits.figures import FIGURES
from study.splits.findings import SplitFindings
from study.splits.words import NAMES, told


def print_split(found: SplitFindings) -> None:
    """The sentence, what must be known, and each arm with its differences from the first one."""
    print(found.decision.sentence)
    for line in found.exploration:
        print(line)
    for line in found.remarks:
        print(f"! {line}")
    ratio = "too few visitors to tell" if found.ratio is None else f"p {p_value(found.ratio)}"
    print(f"Check of the shares of visitors (sample ratio): {ratio}")
    arms = list(found.arms.values())
    rows = [["", *(arm.name for arm in arms)], ["Planned share", *(f"{arm.share:g}%" for arm in arms)]]
    for name in ("visitors", "chats", "messages"):
        rows.append([name.capitalize(), *(f"{getattr(arm, name):,}" for arm in arms)])
    for figure in FIGURES:
        known = [arm.figures.get(figure) for arm in arms]
        if any(known):
            cells = (" ".join(told(figure, value, found.unit)) if value else "-" for value in known)
            rows.append([NAMES[figure], *cells])
    rows.append(["95 of 100 answers within", *("-" if arm.slow is None else duration(arm.slow) for arm in arms)])
    for one in found.contrasts:
        rows += [["", *[""] * len(arms)], [f"{one.arm} less {one.control}", "", "p", *[""] * (len(arms) - 2)]]
        for figure in one.differences:
            difference, p = found.difference(one, figure)
            shown = " ".join(told(figure, difference, found.unit, "+"))
            rows.append([NAMES[figure], shown, "-" if p is None else p_value(p), *[""] * (len(arms) - 2)])
    widths = [max(len(row[place]) for row in rows) for place in range(len(arms) + 1)]
    print()
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
