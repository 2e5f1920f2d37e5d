"""The page's sections on automatic scores: each arm, arms against each other, the 2 x 2, and topics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from study.analysis.arms import Figure
from study.analysis.decision import ALPHA
from study.analysis.findings import Findings
from study.analysis.topics import FEWEST, TopicAdvice
from study.analysis.words import count, hundredth, middle, p_value, points, span
from study.report.cells import of_100, seconds, whole
from study.report.html import Cell, charts, folded, items, paragraph, section, table
from study.report.interval_chart import Row, interval_chart
from study.statistics.estimate import Estimate
from study.statistics.factorial import Effect

SCORES: Mapping[str, str] = {
    "facts": "Share of required facts given",
    "similarity": "Similarity in meaning to the reference answers",
    "rouge_l": "Words in common with the reference answers (ROUGE-L)",
    "chrf": "Letters in common with the reference answers (chrF)",
}
OF_100: Mapping[Figure, str] = {
    "facts": "Facts given, of 100 required",
    "strict": "Answers with every fact right, of 100",
    "acceptable": "Acceptable answers, of 100",
    "rightly_declined": "Unanswerable questions declined, of 100",
    "wrongly_declined": "Answerable questions declined, of 100",
    "unsupported": "Answers that state something unsupported, of 100",
    "retrieved": "Right article among the passages, of 100",
    "similarity": "Similarity to the reference, of 100",
    "rouge_l": "ROUGE-L, of 100",
    "chrf": "chrF, of 100",
}
PLAIN: Mapping[Figure, str] = {
    "characters": "Length in characters",
    "prompt_tokens": "Tokens read",
    "new_tokens": "Tokens written",
}
EFFECTS: Mapping[Effect, str] = {
    "retrieval": "Retrieved passages add",
    "adapter": "The adapter adds",
    "interaction": "Doing both, beyond the sum",
}


def arms_section(found: Findings) -> str:
    """A chart of the score, and a table of everything that was measured."""
    scores = _rows(found, cast(Figure, found.score_measure))
    scores.sort(key=lambda row: -row.value.mean)
    return section(
        "How each arm did",
        paragraph(
            "Dots are what was measured, lines the range in which the true value lies with 95% certainty. "
            "An acceptable answer gives every required fact, or declines what cannot be answered, and states nothing "
            "without support.",
            "soft",
        ),
        charts(
            interval_chart(SCORES[found.score_measure], scores, "points of 100"),
            interval_chart("Unanswerable questions declined", _rows(found, "rightly_declined"), "of 100 questions"),
        ),
        _arms_table(found),
    )


def _rows(found: Findings, figure: Figure) -> list[Row]:
    """A figure of every arm that has it."""
    known = {name: arm.figures[figure] for name, arm in found.arms.items() if figure in arm.figures}
    return [Row(name, scaled(one), points(one), name == found.decision.advised) for name, one in known.items()]


def scaled(value: Estimate, unit: float = 100.0) -> Estimate:
    """A share in points of 100."""
    return Estimate(unit * value.mean, unit * value.low, unit * value.high)


def _arms_table(found: Findings) -> str:
    arms = [arm for arm in found.arms.values() if arm.answered]
    rows: list[list[str | Cell]] = []
    for figure, name in (*OF_100.items(), *PLAIN.items()):
        if any(figure in arm.figures for arm in arms):
            told = of_100 if figure in OF_100 else whole
            rows.append([name, *(told(arm.figures.get(figure)) for arm in arms)])
    for what, of in (("First word", "first_token"), ("Whole answer", "total")):
        for within, which in (("half of answers within", "median"), ("95 of 100 within", "p95")):
            rows.append([f"{what}, {within}", *(seconds(getattr(getattr(arm, of), which, None)) for arm in arms)])
    if any(arm.missing or arm.failed for arm in arms):
        rows.append(["Answers missing / failed", *(f"{arm.missing} / {arm.failed}" for arm in arms)])
    return table(["", *(arm.name for arm in arms)], rows) if arms else ""


def differences_section(found: Findings) -> str:
    """Every two arms on the same questions, and the effects of the 2 x 2."""
    margin = found.study.plan.margin
    rows: list[Row] = []
    cells: list[list[str | Cell]] = []
    for one in found.comparisons:
        value = one.difference.interval()
        rows.append(Row(f"{one.first} less {one.second}", scaled(value), points(value, "+"), one.decides))
        says = "within the margin" if -margin < value.low and value.high < margin else ""
        says = says or ("surely different" if one.p_value < ALPHA else "open")
        cells.append(
            [
                f"{one.first} less {one.second}",
                of_100(value, "+", strong=one.decides),
                span(one.bootstrap),
                p_value(one.p_value) + (" (planned)" if one.decides else ""),
                p_value(one.equivalence),
                f"{one.questions:,}",
                says,
            ]
        )
    effects = [
        Row(EFFECTS[effect], scaled(value.interval()), points(value.interval(), "+"), effect == "interaction")
        for effect, value in found.effects.items()
    ]
    head = ["Arms", "Difference", "Bootstrap", "p value", "Equivalence p", "Questions", "Says"]
    return (
        section(
            "Arms against each other",
            paragraph(
                f"Both arms of a pair answered the same questions. The shaded band is the margin of {100 * margin:g} "
                "points that was fixed as the smallest difference that matters; the deciding pair is drawn in "
                "colour. P values of the other pairs are corrected for their number (Holm).",
                "soft",
            ),
            charts(
                interval_chart("Difference of scores", rows, "points of 100", 0.0, 100 * margin),
                interval_chart("What each part adds", effects, "points of 100", 0.0, 100 * margin),
            ),
            paragraph(_adds_up(found)),
            folded("All pairs in figures", table(head, cells)),
        )
        if rows
        else ""
    )


def _adds_up(found: Findings) -> str:
    """What the interaction says, in a sentence."""
    value = found.effects.get("interaction")
    if value is None:
        return ""
    ends = value.interval()
    if ends.low > 0:
        return "Doing both gives more than the sum of its parts."
    if ends.high < 0:
        return "Doing both gives less than the sum of its parts: what one brings, the other brings in part as well."
    return "Whether doing both gives more or less than the sum of its parts cannot be told from these answers."


def topics_section(found: Findings) -> str:
    """Exceptions first; topics, or areas of topics, with too few questions are told as such."""
    topics = found.topics
    if len(topics) < 2:
        return ""
    exceptions = [one for one in topics if one.exception]
    enough = [one for one in topics if one.enough]
    what = "area" if all(one.is_area for one in topics) else "topic"
    advice = [
        f"{one.topic}: use {one.leader}, {middle(one.lead)} points ahead of {found.decision.advised} "
        f"{span(one.lead)} on {count(one.questions, 'question')}."
        for one in exceptions
        if one.lead
    ]
    too_few = len(topics) - len(enough)
    told = "" if exceptions else f"No {what} calls for another arm than {found.decision.advised}. "
    if not enough:
        told = f"No single {what} has questions enough to say more than the advice for all. "
    if too_few:
        told += (
            f"{too_few} of {count(len(topics), what)} {'has' if too_few == 1 else 'have'} too few questions to say: "
            f"it takes {FEWEST} that both arms can be scored on."
        )
    return section(
        f"Which arm for which {what}",
        items(advice),
        paragraph(told),
        folded(f"All {len(topics)} {what}s", _topics_table(found, topics)),
        paragraph(_grouping(topics), "soft"),
    )


def _grouping(topics: Sequence[TopicAdvice]) -> str:
    """What was compared, and why there are areas."""
    how = "the best arm is compared with the one advised for all on the questions of its own"
    if not any(one.is_area for one in topics):
        return f"For every topic {how}, corrected for looking at all topics and arms (Holm)."
    return (
        f"Topics with fewer than {FEWEST} questions that can be scored stand together in their area. For every area, "
        f"and every topic with more, {how}, corrected for looking at all of them and all arms (Holm); an area needs "
        f"{FEWEST} articles as well, since questions on one article belong together."
    )


def _topics_table(found: Findings, topics: Sequence[TopicAdvice]) -> str:
    arms = [name for name in found.arms if any(name in one.scores for one in topics)]
    voted = any(one.votes for one in topics)
    first, second = found.study.plan.decides
    what = "Topic or area" if any(one.is_area for one in topics) else "Topic"
    head = [what, "Questions", *(f"{name}, of 100" for name in arms), "Advice", "Best other arm, ahead by"]
    rows = []
    for one in topics:
        row: list[str | Cell] = [one.topic, f"{one.questions:,}"]
        row += [hundredth(one.scores[name]) if name in one.scores else "–" for name in arms]
        if one.exception:
            row.append(Cell(f"use {one.advised}", strong=True))
        else:
            row.append(f"{one.advised}, as for all" if one.enough else "too few questions to say")
        row.append(
            Cell(f"{one.leader} {middle(one.lead, '+')}", f"{span(one.lead)}, p {p_value(one.p_value or 1.0)}")
            if one.lead
            else "–"
        )
        if voted:
            row.append(
                Cell(hundredth(one.win_rate.mean), f"{span(one.win_rate)}, {one.votes}") if one.win_rate else "–"
            )
        rows.append(row)
    return table([*head, *([f"{first} preferred to {second}, of 100 votes"] if voted else [])], rows)
