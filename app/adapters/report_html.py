"""A data report as HTML: warnings first, then what was found, what is left out, and the rows to look at."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from app.listing import facts, table
from core.training import Contradiction, DataReport, FileLook, Leak, Round

LONGEST_CELL = 160


def look_html(look: FileLook) -> str:
    """A file's first rows under the names of its fields."""
    rows = [[_short(row.get(name, "")) for name in look.fields] for row in look.sample]
    head = f'<p class="note">The first {len(rows)} of {look.rows:,} rows</p>'
    return head + table(look.fields, rows, "First rows") if rows else ""


def report_html(report: DataReport) -> str:
    """The whole report."""
    warnings = "".join(f'<p class="warning">{html.escape(text)}</p>' for text in report.warnings)
    return (
        f'<section class="report" aria-label="Data report">{warnings}'
        f'<div class="cards"><div class="card"><h3>What was found</h3>{facts(_found(report))}</div>'
        f'<div class="card"><h3>What is trained on</h3>{_kept(report)}</div></div>'
        f"{_topics(report)}{_leaks(report)}{_contradictions(report)}</section>"
    )


def summary_html(report: Mapping[str, Any]) -> str:
    """A report as an adapter's card keeps it, in a few lines."""
    lines = facts(
        [
            ("trained on", f"{report.get('train', 0):,} rounds"),
            ("validation", f"{report.get('validation', 0):,} rounds"),
            ("left out", counts(report.get("left_out") or {})),
            ("topics", f"{len(report.get('topics') or {})}"),
            ("languages", counts(report.get("languages") or {})),
            ("personal data", counts(report.get("personal_data") or {})),
            ("contradictions", str(report.get("contradictions_in_all") or "")),
        ]
    )
    return lines + "".join(f'<p class="warning">{html.escape(text)}</p>' for text in report.get("warnings") or ())


def counts(of: Mapping[str, int]) -> str:
    """'12 near duplicates, 3 leaks'."""
    return ", ".join(f"{number:,} {name}" for name, number in of.items())


def _found(report: DataReport) -> list[tuple[str, str]]:
    half, most, longest = report.lengths
    return [
        ("rounds in the data", f"{report.rows:,}"),
        ("exact duplicates", f"{report.exact_duplicates:,}"),
        ("near duplicates", f"{report.near_duplicates:,}"),
        ("empty answers", f"{report.empty_answers:,}"),
        ("languages", counts(report.languages)),
        ("personal data", counts(report.personal_data) or "none found"),
        ("boilerplate", "; ".join(f"{number:,} × “{text}”" for text, number in report.boilerplate.items())),
        ("contradictions", f"{report.contradictions_in_all:,}"),
        ("leaks", f"{report.leaks_in_all:,} rows nearly repeat a test question"),
        ("tokens", f"{report.tokens:,}; a round: median {half:,}, 95 % up to {most:,}, longest {longest:,}"),
        ("too long", f"{report.truncated:,} rounds do not fit into the model's context" if report.truncated else ""),
        ("data hash", report.data_hash),
    ]


def _kept(report: DataReport) -> str:
    lines = [(f"− {reason}", f"{number:,}") for reason, number in report.left_out.items()]
    lines += [("= for training", f"{report.train:,} rounds"), ("+ for validation", f"{report.validation:,} rounds")]
    by_topic = counts(report.left_out_topics)
    fold = f"<details><summary>Left out, by topic</summary><p>{html.escape(by_topic)}</p></details>" if by_topic else ""
    return facts(lines) + fold


def _topics(report: DataReport) -> str:
    if not report.topics:
        return ""
    most = max(report.topics.values()) or 1
    bars = "".join(
        f'<span>{html.escape(name)}</span><i style="width: {100 * number / most:.1f}%"></i><span>{number:,}</span>'
        for name, number in sorted(report.topics.items(), key=lambda item: -item[1])
    )
    found = "Found by grouping similar questions, as the file names no topics. " if report.topics_found else ""
    note = f"{found}Evenness {report.evenness:.2f}: 1 when all topics have as many rounds, 0 for one topic alone."
    return (
        f'<div class="card"><h3>Topics ({len(report.topics)})</h3><p class="note">{note}</p>'
        f'<div class="bars" role="region" tabindex="0" aria-label="Rounds by topic">{bars}</div></div>'
    )


def _leaks(report: DataReport) -> str:
    if not report.leaks:
        return ""
    why = "A test question that was trained on measures memory, not skill. Refuse, remove or keep them above."
    rows = [_leak(leak) for leak in report.leaks]
    return _fold(
        f"Leaks: rows that nearly repeat a test question ({_shown(len(rows), report.leaks_in_all)})",
        f'<p class="note">{why}</p>{table(("Row", "In the data", "Test question", "Similarity"), rows, "Leaks")}',
    )


def _leak(leak: Leak) -> list[str]:
    return [str(leak.row.row), leak.row.question, leak.test_question, f"{leak.similarity:.2f}"]


def _contradictions(report: DataReport) -> str:
    if not report.contradictions:
        return ""
    shown = _shown(len(report.contradictions), report.contradictions_in_all)
    head = f"Contradictions: nearly the same question, answers that differ ({shown})"
    return _fold(head, "".join(map(_contradiction, report.contradictions)))


def _contradiction(found: Contradiction) -> str:
    sides = "".join(f'<div class="card prompt">{_round(side)}</div>' for side in (found.first, found.second))
    return f'<p class="note">{html.escape(found.why)}</p><div class="cards">{sides}</div>'


def _round(of: Round) -> str:
    return (
        f"<h4>Row {of.row}, customer</h4><p class='said'>{html.escape(of.question)}</p>"
        f"<h4>Agent</h4><p class='said'>{html.escape(of.answer)}</p>"
    )


def _fold(head: str, body: str) -> str:
    return f'<details class="card" open><summary><b>{html.escape(head)}</b></summary>{body}</details>'


def _shown(listed: int, in_all: int) -> str:
    return f"{in_all:,}" if listed >= in_all else f"{listed} of {in_all:,} shown"


def _plain(value: Any) -> str:
    """A field's value; a conversation as 'user: … assistant: …'."""
    if isinstance(value, list):
        return " ".join(map(_plain, value))
    if isinstance(value, Mapping):
        return ": ".join(map(_plain, value.values()))
    return "" if value is None else str(value)


def _short(value: Any) -> str:
    text = _plain(value)
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]}…"
