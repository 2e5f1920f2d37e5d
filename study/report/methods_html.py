"""The page's last sections: the methods in plain words with their sources, and what exactly was compared."""

from __future__ import annotations

from dataclasses import fields

from core.types import Arm
from study.analysis.findings import Findings
from study.analysis.ratings import RatingFindings
from study.analysis.words import MEASURES, count
from study.report.html import Cell, folded, items, paragraph, section, table

SCORING = (
    "Facts: each answerable question has required facts with their accepted spellings; the score is the share that the "
    "answer contains. A refusal both admits not to know and offers a person.",
    "Unsupported: amounts, dates, times, codes, addresses and names that stand in nothing the answer could have "
    "been taken from (its prompt and passages, the question, the reference, the passages of other arms). What can "
    "be read as supported is.",
    "Nearness to the reference: ROUGE-L (Lin 2004), chrF (Popović 2015) and the cosine of sentence embeddings. They "
    "say how alike two texts are, not whether an answer is right.",
)
INTERVALS = (
    "Intervals are of 95%. Questions on one article belong together, so that errors are cluster-robust (CR2 with "
    "Satterthwaite's degrees of freedom; Bell and McCaffrey 2002; Imbens and Kolesár 2016); shares have Wilson's "
    "interval for as many questions as that leaves (Wilson 1927; Dean and Pagano 2015). A second interval draws "
    "whole articles again and again (bootstrap; Efron and Tibshirani 1993).",
    "Two arms are compared question by question (paired t test; Student 1908). The planned comparison is tested as "
    "it is, all others are corrected for their number (Holm 1979) and count as exploration.",
    "No difference that matters: the whole 95% interval lies within the margin (two one-sided tests; Schuirmann 1987).",
    "The 2 x 2: the effect of passages, of the adapter, and what doing both gives beyond their sum (Yates 1937).",
    "Latency: median and 95th percentile with intervals from order statistics (Conover 1999).",
    "An arm that gives fewer than half of the facts, or answers of which both are bad in more than half of the "
    "votes, is called unfit, however it compares. A similarity alone cannot tell that.",
)
VOTES = (
    "Win rates count ties half, and both bad as a tie. Their errors respect that votes on one question, and votes "
    "of one person, belong together (Cameron, Gelbach and Miller 2011). Of the intervals by question, by person and by "
    "both the widest counts, for a few people show little of how far others may differ (MacKinnon, Nielsen and Webb "
    "2024); with one person the votes speak of that person alone. The bootstrap draws questions, and no people.",
    "Looking early: the confidence sequence by betting holds at every look at once (Waudby-Smith and Ramdas 2024). "
    "While planned votes are missing, only it decides; when all are in, the ordinary interval does. It speaks of the "
    "people who rate here: that others may judge otherwise is not in it.",
    "Strengths: Bradley and Terry 1952 with ties by Davidson 1970, errors clustered by question and by person as those "
    "of win rates (by question alone where a prior stands in); length and formatting are held equal by adding their "
    "differences as covariates.",
    "Agreement: Krippendorff's alpha (2018), Cohen's kappa (1960), and the share of repeated pairs judged the same, "
    "all of the people who rated here. Repetitions do not count as votes; second opinions do.",
    "Blinding: people guess which kind of arm stood on the left; the share of right guesses is held against chance.",
    "A judge's labels narrow the win rate only by prediction-powered inference, which measures on the votes how the "
    "judge leans and takes that out, by question and by person (Angelopoulos, Duchi and Zrnic 2023).",
)
COSTS = (
    "Cost: tokens and machine seconds times the plan's prices. The cost of an acceptable answer is all cost over "
    "the number of acceptable answers, with Fieller's interval (1954). An adapter pays back after its extra start "
    "(training, labels, those of adapters that it continues) over what it saves an answer.",
)


def methods_section(found: Findings) -> str:
    rules = [*SCORING, *INTERVALS, *(VOTES if found.ratings else ()), *COSTS]
    plan = found.study.plan
    first, second = plan.decides
    return section(
        "How this was found",
        paragraph(
            f"Fixed before the first answer: whether {first} is better than {second}, by {MEASURES[plan.measure]}, "
            f"with {100 * plan.margin:g} points as the smallest difference that matters"
            + (f", and {count(plan.ratings, 'rating')}." if plan.ratings else ".")
        ),
        folded("Methods and their sources", items(rules)),
    )


def provenance_section(found: Findings) -> str:
    """Each arm's identity as it was when the study began, the questions, dates and seeds."""
    study = found.study
    answerable = sum(one.answerable for one in study.questions)
    with_facts = sum(bool(one.facts) for one in study.questions)
    areas = {one.area for one in study.questions} - {""}
    moments = [one.answer.created_at for one in found.graded]
    rows: list[list[str | Cell]] = [
        ["Question set", study.plan.questions],
        [
            "Questions",
            f"{len(study.questions):,}: {answerable:,} answerable, {with_facts:,} with known facts, "
            f"{count(len({one.topic for one in study.questions}), 'topic')}"
            + (f" in {count(len(areas), 'area')}" if areas else ""),
        ],
        ["Fixed", _moment(study.created_at)],
        ["Answered", f"{_moment(min(moments))} to {_moment(max(moments))}" if moments else "not yet"],
        ["Ratings", _ratings(found.ratings)],
        ["Seed", str(study.plan.seed)],
        ["Questions that arms were trained on", "refused" if study.plan.leaks == "refuse" else "kept, and said so"],
        ["Study", study.id],
    ]
    return section(
        "What exactly was compared",
        table(["", ""], rows),
        folded("The identity of each arm", _identities(found)),
    )


def _identities(found: Findings) -> str:
    arms = found.study.arms
    rows: list[list[str | Cell]] = []
    for field in fields(Arm):
        told = [_value(getattr(arm, field.name)) for arm in arms.values()]
        if any(told):
            rows.append([field.name.replace("_", " "), *told])
    return table(["", *arms], rows) if arms else ""


def _value(value: object) -> str:
    if value is None or value == "":
        return ""
    if hasattr(value, "temperature"):
        return (
            f"at most {value.max_new_tokens} tokens, temperature {value.temperature:g}, top p {value.top_p:g}, "  # type: ignore[attr-defined]
            f"repetition penalty {value.repetition_penalty:g}"  # type: ignore[attr-defined]
        )
    return str(value)


def _ratings(ratings: RatingFindings | None) -> str:
    if ratings is None:
        return "none planned"
    return f"{ratings.done:,} of {ratings.planned:,} by {count(ratings.raters, 'person', 'people')}"


def _moment(moment: object) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
