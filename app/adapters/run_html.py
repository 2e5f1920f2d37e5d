"""A training run as HTML: how far it is, its curves, what the fixed questions are answered, and what came out."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from app.adapters.card_html import METHODS, differences_html, loss, loss_chart, losses_html, points, when
from app.listing import Row, facts, table
from app.widgets import duration, progress_bar
from core.line_chart import Line, Mark, line_chart
from core.training import Run, RunKind

HEADS = ("Run", "Status", "Kind", "Started (UTC)", "Best validation loss", "Took")
EXPLODED = 1.3  # times the first loss
KINDS: dict[RunKind, str] = {"train": "training", "range_test": "learning rate", "sweep": "sweep"}


def run_row(run: Run) -> Row:
    """A run in the list, which knows no log."""
    cells = (
        title(run),
        run.status,
        KINDS[run.plan.kind],
        when(run.started_at).removesuffix(" UTC"),
        loss(lowest(run)),
        duration(run.seconds) if run.seconds else "",
    )
    return Row(run.id, cells)


def title(run: Run) -> str:
    """A training by what it makes, the others by what they are for."""
    return {"train": run.plan.adapter, "range_test": "Find a learning rate", "sweep": "Sweep"}[run.plan.kind]


def lowest(run: Run) -> float | None:
    """The best validation loss, of the log where there is one, else of what came out."""
    measured = [row["eval_loss"] for row in run.log if row.get("eval_loss") is not None]
    measured += [trial["eval_loss"] for trial in run.result.get("trials", ()) if trial.get("eval_loss") is not None]
    came_out = run.result.get("validation_loss")
    if isinstance(came_out, Sequence):
        measured += came_out
    elif came_out is not None:
        measured.append(came_out)
    return min((value for value in measured if math.isfinite(value)), default=None)


def state_html(run: Run) -> str:
    """Where the run is: progress, figures, curves and what there is to say about them. Changes every two seconds."""
    kind = "problem" if run.status == "failed" else "note"
    return (
        f'<section class="report" aria-label="The chosen run"><div class="card"><h3>{html.escape(title(run))}'
        f' <span class="mark">{run.status}</span></h3>'
        f'<p class="{kind}" role="status">{html.escape(run.message)}</p>{_progress(run)}'
        f"{_ready(run)}{facts(_figures(run))}</div>{_turned_up(run)}{_curves(run)}</section>"
    )


def _progress(run: Run) -> str:
    if run.status != "running":
        return ""
    return progress_bar(run.step / run.total_steps if run.total_steps else 0.0)


def _figures(run: Run) -> list[tuple[str, str]]:
    speed = next((row["tokens_per_s"] for row in reversed(run.log) if row.get("tokens_per_s")), None)
    left = run.seconds_left if run.status == "running" else None
    return [
        ("step", f"{run.step:,} of {run.total_steps:,}" if run.total_steps else ""),
        ("time left", f"about {duration(left)}" if left is not None else ""),
        ("took" if run.status != "running" else "so far", duration(run.seconds) if run.seconds else ""),
        ("speed", f"{speed:,.0f} tokens a second" if speed else ""),
        ("best validation loss", loss(lowest(run))),
        ("learns by", METHODS[run.plan.method]),
        ("parent", run.plan.parent or ""),
        ("recipe", _recipe(run)),
    ]


def _recipe(run: Run) -> str:
    recipe = run.plan.recipe
    return (
        f"learning rate {recipe.learning_rate:g}, rank {recipe.rank}, up to {recipe.epochs:g} epochs, "
        f"batches of {recipe.batch_size}"
    )


def _ready(run: Run) -> str:
    if run.plan.kind != "train" or run.status not in ("done", "stopped") or not run.result:
        return ""
    return (
        f"<p>Choose <b>{html.escape(run.plan.adapter)}</b> in "
        '<a href="/">Chat</a> and <a href="/compare">Compare</a>, with the arm “lora” or “lora+prompt”.</p>'
    )


def _turned_up(run: Run) -> str:
    if run.turned_up is None:
        return ""
    return (
        f'<p class="warning"><b>The validation loss turned up after step {run.turned_up:,}.</b> From there on the run '
        "learns its data by heart; the adapter is taken from that step.</p>"
    )


def _curves(run: Run) -> str:
    if run.plan.kind != "train":
        return ""
    mark = Mark(float(run.turned_up), "turned up") if run.turned_up is not None else None
    rate = line_chart("Learning rate", [Line("learning rate", points(run.log, "learning_rate"))], "step")
    norm = line_chart("Gradient norm", [Line("gradient norm", points(run.log, "grad_norm"))], "step")
    return f'<div class="charts">{loss_chart(run.log, mark)}{rate}{norm}</div>'


def samples_html(run: Run) -> str:
    """The fixed questions' answers at each evaluation, newest first. Changes only with an evaluation."""
    if not run.samples:
        return ""
    steps = "".join(_sample(step, run.samples[step]) for step in sorted(run.samples, reverse=True))
    return (
        '<section class="report"><h3>The same questions, asked at each evaluation</h3>'
        '<div class="samples" role="region" tabindex="0" aria-label="Sample answers, newest first">'
        f"{steps}</div></section>"
    )


def _sample(step: int, answers: Mapping[str, str]) -> str:
    said = "".join(
        f"<h4>{html.escape(question)}</h4><p class='said'>{html.escape(answer) or '<i>no text</i>'}</p>"
        for question, answer in answers.items()
    )
    return f'<div class="card prompt"><h3>Step {step:,}</h3>{said}</div>'


def result_html(run: Run) -> str:
    """What came out of the run."""
    if run.plan.kind == "range_test":
        return _range_test(run)
    if run.plan.kind == "sweep":
        return _sweep(run)
    return f'<section class="report">{losses_html(run.result.get("losses") or ())}</section>'


def _range_test(run: Run) -> str:
    rate = suggested(run)
    mark = Mark(rate, f"{rate:.2g}") if rate else None
    curve = points(run.log, "loss", "learning_rate")
    # Where the loss explodes, its height would flatten the part that matters.
    lines = [Line("training", [point for point in curve if point[1] <= EXPLODED * curve[0][1]])]
    drawn = line_chart("Loss", lines, "learning rate", scale="log", mark=mark)
    told = (
        "<p class='note'>Rates below the marked one learn slowly; with rates above it the loss soon rises.</p>"
        if rate
        else ""
    )
    return f'<section class="report">{told}<div class="charts">{drawn}</div></section>'


def _sweep(run: Run) -> str:
    trials = run.result.get("trials") or ()
    if not trials:
        return ""
    rows = [
        [
            str(number),
            f"{trial['learning_rate']:.2g}",
            str(trial["rank"]),
            f"{trial['steps']:,}",
            loss(trial.get("eval_loss")),
            "ended early" if trial.get("pruned") else "",
        ]
        for number, trial in enumerate(trials, 1)
    ]
    heads = ("Place", "Learning rate", "Rank", "Steps", "Validation loss", "")
    note = "Best first. A trial that fell behind was ended early, so that time goes to the promising ones."
    told = table(heads, rows, "Trials, best first").replace("<tbody><tr>", '<tbody><tr class="best">', 1)
    return f'<section class="report"><div class="card"><h3>Trials</h3><p class="note">{note}</p>{told}</div></section>'


def suggested(run: Run) -> float | None:
    """The learning rate that a range test found, if it found one."""
    rate = run.result.get("suggested")
    return float(rate) if rate else None


def comparison_html(first: Run, second: Run) -> str:
    """Two runs' validation losses over one another, and how their plans differ."""
    names = (f"{title(first)}, {first.id}", f"{title(second)}, {second.id}")
    lines = [Line(name, points(run.log, "eval_loss")) for name, run in zip(names, (first, second), strict=True)]
    drawn = line_chart("Validation loss", lines, "step")
    return f'<div class="charts">{drawn}</div>{differences_html(names, (_flat(first), _flat(second)))}'


def _flat(run: Run) -> dict[str, str]:
    plan = run.plan
    found = {
        "kind": KINDS[plan.kind],
        "method": METHODS[plan.method],
        "files": ", ".join(file.rsplit("/", 1)[-1] for file in plan.files),
        "parent": plan.parent or "none",
        "template": plan.template,
        "best validation loss": loss(lowest(run)),
        "took": duration(run.seconds),
    }
    for part in (plan.recipe, plan.choices):
        found |= {name.replace("_", " "): str(value) for name, value in asdict(part).items()}
    return found
