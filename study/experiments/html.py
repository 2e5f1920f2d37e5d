"""What the experiments of a study found, as pieces of its report: a sentence first, then a curve and a table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from core.line_chart import Level, Line, Mark, line_chart
from study.analysis.words import MEASURES, count, duration, listed
from study.experiments.plain import estimate
from study.experiments.scoring import UNITS
from study.report.cells import NONE, of_100
from study.report.html import Cell, charts, folded, items, paragraph, section, table
from study.report.interval_chart import share_bars

Findings = Mapping[str, Any]

UNFINISHED = "It was begun and is not finished; start it again, and it goes on."
TOLD = {"new": "the new fact", "old": "the old fact", "neither": "neither"}


def experiments_html(experiments: Mapping[str, Any]) -> str:
    """A section for each experiment that is there; empty when there is none. `experiments` is what a study keeps."""
    sections = (
        ("learning_curve", "How many examples fine-tuning needs", _curve),
        ("few_shot", "What examples in the prompt add", _few_shot),
        ("shift", "Which arms follow when the help centre changes", _shifts),
    )
    return "".join(
        section(title, inside(found) if found.get("done") else paragraph(UNFINISHED))
        for kind, title, inside in sections
        if (found := experiments.get(kind))
    )


def _curve(content: Findings) -> str:
    return (
        _curve_figures(content)
        + "".join(folded(_beside(found), _curve_figures(found)) for found in content.get("also", ()))
        + folded("How the curve was made", items(_curve_methods(content)))
    )


def _curve_figures(content: Findings) -> str:
    arms, other, unit = content["arms"], content["against"], UNITS[content["measure"]]
    sizes = next(iter(arms.values()))["sizes"]
    lines = [_line(name, found) for name, found in arms.items()]
    rows: list[list[str | Cell]] = [
        [f"{size:,}", *(_point(found, what, at) for found in arms.values() for what in ("scores", "ahead"))]
        for at, size in enumerate(sizes)
    ]
    head = ["Examples", *(title for name in arms for title in (name, f"{name} − {other['name']}"))]
    told = (
        f"{count(content['questions'], 'question')}, {count(len(content['seeds']), 'seed')}; "
        f"{other['name']}: {_told(other)}"
    )
    chart = line_chart(_title(unit), lines, "examples", "log1p", _mark(arms), _level(other), sizes)
    sentences = [sentence for found in arms.values() for sentence in found["sentences"]]
    return "".join(map(paragraph, sentences)) + charts(chart) + table(head, rows, told)


def _beside(found: Findings) -> str:
    return f"The same by {MEASURES[found['measure']]}"


def _title(unit: str) -> str:
    return f"{unit[0].upper()}{unit[1:]}, of 100"


def _curve_methods(content: Findings) -> list[str]:
    settings, trainings = content["settings"], content["trainings"]
    recipes: dict[str, list[str]] = {}
    for recipe in content["recipes"]:
        how = f"up to {recipe['epochs']:g} epochs with a learning rate of {recipe['learning_rate']:g}"
        recipes.setdefault(how, []).append(f"{recipe['rows']:,}")
    took = sum(one["seconds"] or 0.0 for one in trainings)
    seen = max((one["seen"] for one in trainings), default=0)
    told = [
        f"Each seed draws a random order of the {settings['rounds']:,} rounds for training and trains on the first of "
        f"it; {count(settings['validation_rounds'], 'round')} for validation are always the same.",
        f"Recipe: {'; '.join(f'{recipe} for {listed(rows)} examples' for recipe, rows in recipes.items())}; ended when "
        "the loss on the validation rounds stops falling, whose best weights count.",
        f"{count(len(trainings), 'adapter')} took {duration(took)} to train.",
        "Bands and brackets hold the true value with 95% certainty, over questions and seeds at once. The crossover is "
        "where a curve that only rises meets the other arm; its bracket holds the sizes at which neither is surely "
        "ahead.",
    ]
    if seen:
        told.append(f"Adapters have seen up to {count(seen, 'question')} of the study in training.")
    return told


def _few_shot(content: Findings) -> str:
    draws = len(content["seeds"])
    return _few_shot_figures(content, draws) + "".join(
        folded(_beside(found), _few_shot_figures(found, draws)) for found in content.get("also", ())
    )


def _few_shot_figures(content: Findings, draws: int) -> str:
    curve, name = content["curve"], content["against"]["name"]
    rows: list[list[str | Cell]] = [
        [
            f"{size:,}",
            _point(curve, "scores", at),
            _point(curve, "ahead", at) if size else NONE,
            f"{content['prompt_tokens'][at]:,}",
            f"{content['lost_passages'][at]:,} of {content['prompts'][at]:,}",
        ]
        for at, size in enumerate(curve["sizes"])
    ]
    head = ("Examples", name, "Against none", "Tokens of a prompt", "Prompts without all passages")
    title = _title(UNITS[content["measure"]])
    chart = line_chart(title, [_line(name, curve)], "examples in the prompt", "log1p", ticks=curve["sizes"])
    told = (
        f"{count(content['questions'], 'question')}; {count(draws, 'draw')} of examples from the training rounds, the "
        "fewer among the more."
    )
    return "".join(map(paragraph, content["sentences"])) + charts(chart) + table(head, rows, told)


def _shifts(content: Findings) -> str:
    return "".join(_shift(found) for found in reversed(content["shifts"]))


def _shift(found: Findings) -> str:
    arms = found["arms"]
    bars = [(name, [(TOLD[what], arm[what]["mean"]) for what in TOLD]) for name, arm in arms.items()]
    rows = [
        [
            name,
            *(of_100(estimate(arm[what])) for what in ("knew_old", *TOLD)),
            of_100(estimate(arm["new_in_passages"])) if arm["retrieves"] else NONE,
            of_100(estimate(arm["unsupported"])),
            _control(arm["controls"], "before"),
            _control(arm["controls"], "after"),
            _control(arm["controls"], "difference", "+"),
        ]
        for name, arm in arms.items()
    ]
    head = (
        *("", "Knew the old fact", "Says the new", "Still the old", "Neither", "New fact in passages"),
        *("Something unsupported", "Other articles: before", "after", "difference"),
    )
    differences = [[pair, of_100(estimate(one), "+")] for pair, one in found["differences"].items()]
    edits = [f"{edit['article']}: “{edit['old']}” became “{edit['new']}”" for edit in found["edits"]]
    return (
        "".join(map(paragraph, found["sentences"]))
        + charts(share_bars("What is said after the change", bars, count(found["questions"], "question")))
        + table(head, rows, "Of 100 answers, or facts of questions on other articles")
        + table(("", "Says the new fact more often, of 100"), differences)
        + folded("What was changed", items(edits))
    )


def _control(controls: Findings | None, what: str, sign: str = "") -> Cell:
    return of_100(estimate(controls[what]), sign) if controls else NONE


def _line(name: str, found: Findings) -> Line:
    scores = [estimate(one) for one in found["scores"]]
    points = [(float(size), 100 * one.mean) for size, one in zip(found["sizes"], scores, strict=True)]
    return Line(name, points, [(100 * one.low, 100 * one.high) for one in scores])


def _level(other: Findings) -> Level:
    value = estimate(other)
    return Level(other["name"], 100 * value.mean, 100 * value.low, 100 * value.high)


def _mark(arms: Mapping[str, Findings]) -> Mark | None:
    """Where fine-tuning overtakes the other arm. An interval without an end goes on beyond the data."""
    crossover = arms["lora"]["crossover"] if "lora" in arms else {"rows": None}
    if crossover["rows"] is None or crossover["rows"] < 1:
        return None
    most = arms["lora"]["sizes"][-1]
    low, high = crossover["low"], crossover["high"]
    return Mark(crossover["rows"], f"{crossover['rows']:,.0f}", math.nan if low is None else low, high or most)


def _point(found: Findings, what: str, at: int) -> Cell:
    return of_100(estimate(found[what][at]), "+" if what == "ahead" else "")


def _told(found: Findings) -> str:
    cell = of_100(estimate(found))
    return f"{cell.text} {cell.beside}"
