"""A split's results as a page: the answer in one sentence, who came, how each arm did, and how arms differ.

It looks like the verdict page of a study, and is a fragment of HTML without scripts as well.
"""

from __future__ import annotations

from study.analysis.words import count, duration, p_value
from study.report.cells import NONE
from study.report.html import Cell, charts, folded, items, paragraph, section, table, text
from study.report.interval_chart import Row, interval_chart
from study.report.page import BRACKETS, STYLE, arm_words
from study.splits.checked import MOST
from study.splits.figures import FIGURES, Contrast, Figure
from study.splits.findings import SplitFindings
from study.splits.words import NAMES, told
from study.statistics.estimate import Estimate

KINDS = {"use": "use", "equal": "equal", "undecided": "undecided", "mismatch": "none_fit"}
METHODS = (
    "The arm of a visitor follows from a hash of the split and the visitor (SHA-256), so that everybody keeps one arm "
    "and arms of two splits are independent of each other. Chats whose arm somebody chose by hand do not count.",
    "Intervals are of 95%. Chats and messages of one visitor belong together, so that errors are cluster-robust (CR2 "
    "with Satterthwaite's degrees of freedom; Bell and McCaffrey 2002; Imbens and Kolesár 2016); shares have Wilson's "
    "interval for as many rows as that leaves (Dean and Pagano 2015). Arms have different visitors: their differences "
    "are Welch's (1947).",
    "Thumbs up decide: of each chat with thumbs the share that are up. Everything else is exploration, corrected for "
    "how much was looked at (Holm 1979).",
    "Looking early: the first thumbs of visitors, those of the two arms in pairs in their order, by the confidence "
    "sequence by betting (Waudby-Smith and Ramdas 2024). At the planned end the ordinary interval decides.",
    "Sample ratio mismatch: a chi-square test of visitors against the planned shares; below 0.001 nothing else counts "
    "(Fabijan and others 2019).",
    "Unsupported: amounts, dates, times, codes, addresses and names that stand neither in the answer's prompt nor in "
    f"its passages. To decline is to admit not knowing and to offer a person. At most {MOST:,} answers are checked, "
    "spread evenly.",
    "Costs: tokens and machine seconds times the plan's prices; answers under way at the same time share the machine.",
)


def split_html(found: SplitFindings) -> str:
    """The page as a fragment, at any moment of the split."""
    sections = (
        _visitors(found),
        _figures(found) if found.chats else "",
        *(_contrast(found, one) for one in found.contrasts if one.differences),
        section("How this was found", folded("Methods and their sources", items(METHODS))),
    )
    return (
        f'<div id="verdict-page"><style>{STYLE.read_text(encoding="utf-8")}</style>'
        f"{_head(found)}{''.join(sections)}</div>"
    )


def _head(found: SplitFindings) -> str:
    split = found.split
    state = "runs until" if found.running else "ran until"
    about = (
        f"A split of live chats; it began at {split.started_at:%Y-%m-%d %H:%M} UTC and {state} "
        f"{split.end:%Y-%m-%d %H:%M} UTC. {100 * split.plan.margin:g} points are the smallest difference that matters."
    )
    arms = "".join(f"<dt>{text(arm.name)}</dt><dd>{text(arm_words(arm.spec))}</dd>" for arm in split.plan.arms)
    return (
        f"<header><h1>{text(split.plan.name)}</h1>{paragraph(about, 'soft')}</header>"
        f'<div class="answer {KINDS[found.decision.kind]}">{paragraph(found.decision.sentence)}'
        f"{paragraph(BRACKETS, 'soft') if found.decision.leads else ''}</div>"
        f"{items(found.remarks, 'warnings')}{items(found.exploration)}<dl>{arms}</dl>"
    )


def _visitors(found: SplitFindings) -> str:
    rows = [
        [arm.name, f"{arm.share:g}%", f"{arm.visitors:,}", f"{arm.chats:,}", f"{arm.messages:,}", f"{arm.rated:,}"]
        for arm in found.arms.values()
    ]
    if found.ratio is None:
        checked = "There are too few visitors to tell whether they come in the planned shares."
    else:
        checked = f"Check of the shares of visitors (sample ratio): p {p_value(found.ratio)}."
    head = ("Arm", "Planned share", "Visitors", "Chats", "Messages", "Rated chats")
    return section("Who came", table(head, rows), paragraph(checked, "soft"))


def _figures(found: SplitFindings) -> str:
    rows: list[list[str | Cell]] = []
    for figure in FIGURES:
        if any(figure in arm.figures for arm in found.arms.values()):
            cells = (_cell(figure, arm.figures.get(figure), found.unit) for arm in found.arms.values())
            rows.append([NAMES[figure], *cells])
    slow = [Cell(duration(arm.slow)) if arm.slow is not None else NONE for arm in found.arms.values()]
    rows.append(["95 of 100 answers within", *slow])
    return section(
        "How each arm did",
        charts(
            interval_chart("Thumbs up, of 100 rated chats", _rows(found, "up"), "of 100"),
            interval_chart("Chats with a thumb down, of 100", _rows(found, "down"), "of 100"),
        ),
        table(["", *found.arms], rows),
    )


def _rows(found: SplitFindings, figure: Figure) -> list[Row]:
    known = {name: arm.figures[figure] for name, arm in found.arms.items() if figure in arm.figures}
    return [
        Row(
            name,
            Estimate(100 * one.mean, 100 * one.low, 100 * one.high),
            " ".join(told(figure, one, found.unit)),
            name == found.decision.advised,
        )
        for name, one in known.items()
    ]


def _contrast(found: SplitFindings, one: Contrast) -> str:
    rows: list[list[str | Cell]] = []
    for figure in one.differences:
        difference, p = found.difference(one, figure)
        told_p = NONE if p is None else Cell(p_value(p))
        rows.append([NAMES[figure], _cell(figure, difference, found.unit, "+"), told_p])
    head = ("", f"{one.arm} less {one.control}", "p")
    rest = count(len(rows) - 1, "figure")
    caption = f"P of thumbs up as it is, of the other {rest} corrected for their number."
    return section(f"{one.arm} against {one.control}", table(head, rows, caption))


def _cell(figure: Figure, value: Estimate | None, unit: str, sign: str = "") -> Cell:
    if value is None:
        return NONE
    middle, ends = told(figure, value, unit, sign)
    return Cell(middle, ends, figure == "up")
