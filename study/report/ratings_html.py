"""The page's section on people's votes, and on whether scores and a judge agree with them."""

from __future__ import annotations

from collections.abc import Mapping

from study.analysis.alike import Alike
from study.analysis.findings import Findings
from study.analysis.ratings import RatedPair, RatingFindings, Strengths
from study.analysis.words import MEASURES, count, hundredth, p_value, points, span
from study.report.cells import odds, of_100, plain
from study.report.html import Cell, charts, folded, paragraph, section, table
from study.report.interval_chart import Row, interval_chart, share_bars
from study.report.scores_html import EFFECTS, scaled
from study.statistics.estimate import Estimate, Inference
from study.statistics.win_rate import VERDICTS, Verdict

SAYS: Mapping[Verdict, str] = {"win": "better", "tie": "equally good", "both_bad": "both bad", "loss": "worse"}
CONTROLS: Mapping[str, str] = {"length": "longer by one standard deviation", "formatting": "more formatted, likewise"}


def ratings_section(found: Findings) -> str:
    """Win rates, what votes were made of, strengths, agreement and blinding."""
    ratings = found.ratings
    if ratings is None:
        return ""
    if not ratings.done:
        return section(
            "What people prefer", paragraph(f"None of {count(ratings.planned, 'planned rating')} is in yet.")
        )
    return section(
        "What people prefer",
        paragraph(
            f"{count(ratings.raters, 'person', 'people')} gave {count(ratings.done, 'vote')} of {ratings.planned:,} "
            "planned on pairs of answers, without knowing which arm wrote which. A win rate counts ties half. Its "
            "range allows for other people than these, so that a few who differ leave it wide.",
            "soft",
        ),
        charts(_win_rates(found, ratings), _verdicts(ratings)),
        folded("All pairs in figures", _pairs_table(ratings), _looks(found, ratings)),
        _strengths(found, ratings),
        _quality(ratings),
        _criteria(ratings),
    )


def _win_rates(found: Findings, ratings: RatingFindings) -> str:
    rows = [
        Row(f"{one.first} against {one.second}", scaled(one.votes.rate), points(one.votes.rate), one.decides)
        for one in ratings.pairs
    ]
    if ratings.sequential and ratings.deciding:
        now = ratings.looks.now
        rows.insert(1, Row("the same, safe to look at early", scaled(now), points(now), True))
    margin = 100 * found.study.plan.margin
    return interval_chart("Win rate of the first arm", rows, "of 100 votes, ties half", 50.0, margin)


def _verdicts(ratings: RatingFindings) -> str:
    rows = [
        (f"{one.first} against {one.second}", [(SAYS[what], one.votes.shares[what].mean) for what in VERDICTS])
        for one in ratings.pairs
    ]
    return share_bars("What votes said of the first arm", rows)


def _pairs_table(ratings: RatingFindings) -> str:
    head = ["Arms", "Win rate", "Bootstrap of questions", *SAYS.values(), "Votes", "Questions", "p value"]

    def row(one: RatedPair) -> list[str | Cell]:
        return [
            f"{one.first} against {one.second}",
            of_100(one.votes.rate, strong=one.decides),
            span(one.votes.bootstrap),
            *(of_100(one.votes.shares[what]) for what in VERDICTS),
            f"{one.votes.votes:,}",
            f"{one.votes.questions:,}",
            p_value(one.p_value) + (" (planned)" if one.decides else ""),
        ]

    return table(head, [row(one) for one in ratings.pairs])


def _looks(found: Findings, ratings: RatingFindings) -> str:
    if not ratings.looks.means:
        return ""
    now = ratings.looks.now
    first, second = found.study.plan.decides
    return paragraph(
        f"The confidence sequence of {first} against {second} stands at {points(now)} of 100 after "
        f"{count(len(ratings.looks.means), 'question')} whose planned votes are in.",
        "soft",
    )


def _strengths(found: Findings, ratings: RatingFindings) -> str:
    model, held = ratings.strengths, ratings.controlled
    if model is None or len(model.arms) < 2:
        return ""
    models = [("as they are", model)] + ([(f"{' and '.join(held.controls)} held equal", held)] if held else [])
    rows: list[list[str | Cell]] = [
        [f"{first} against {second}", *(odds(one.leads[first, second]) for _, one in models)]
        for first, second in model.leads
    ]
    rows += [[EFFECTS[effect], *(odds(one.effects[effect]) for _, one in models)] for effect in model.effects]
    if held:
        rows += [[f"A left answer {CONTROLS[name]}", "–", odds(held.coefficients[name])] for name in held.controls]
    unsettled = [name for name, one in models if not one.model.settled]
    note = (
        "The votes alone do not settle these strengths (an arm wins everything, or too little was compared), so that a "
        "cautious prior stands in: read them as a direction, no more."
    )
    return folded(
        "Strengths by Bradley-Terry",
        paragraph(
            "One model of all votes at once: log-odds that the first arm wins where one of the two does; 0 is even, "
            "0.7 is two to one. The second column asks what remains where answers are equally long and equally "
            "formatted.",
            "soft",
        ),
        paragraph(note) if unsettled else "",
        table(["", *(name for name, _ in models)], rows),
        interval_chart(
            "Strength against the mean arm",
            [_strength(name, value, found) for name, value in _ordered(model)],
            "log-odds",
            0.0,
        ),
    )


def _ordered(strengths: Strengths) -> list[tuple[str, Inference]]:
    return sorted(strengths.arms.items(), key=lambda one: -one[1].mean)


def _strength(name: str, value: Inference, found: Findings) -> Row:
    ends = value.interval()
    return Row(name, ends, f"{ends.mean:+.2f} [{ends.low:+.2f}, {ends.high:+.2f}]", name == found.decision.advised)


def _quality(ratings: RatingFindings) -> str:
    """How far the votes can be trusted."""
    agreement, blinding = ratings.agreement, ratings.blinding
    rows: list[list[str | Cell]] = []
    if agreement.alpha:
        rows.append(["Two people on one pair (Krippendorff's alpha)", plain(agreement.alpha), _agrees(agreement.alpha)])
    if agreement.consistency:
        told = f"same choice when a pair came again, {count(agreement.repeated, 'pair')}"
        rows.append(["One person on one pair twice, of 100", of_100(agreement.consistency), told])
    if blinding:
        told = (
            "they saw which arm was which more often than chance"
            if blinding.broken
            else "no sign that they saw which arm was which"
        )
        rows.append(
            [
                f"Arms guessed rightly, of {count(blinding.guesses, 'guess', 'guesses')}",
                of_100(blinding.right),
                f"chance gives {hundredth(blinding.chance)}: {told}",
            ]
        )
    pairs = [[f"{one} and {other}", f"{kappa:.2f}"] for (one, other), kappa in agreement.kappas.items()]
    each = folded("Agreement of each two people", table(["", "Cohen's kappa"], pairs)) if pairs else ""
    return table(["How far votes can be trusted", "", ""], rows) + each


def _agrees(alpha: Estimate) -> str:
    """Krippendorff's own bounds, for people."""
    if alpha.mean >= 0.8:
        return "they agree well"
    return (
        "they agree tolerably" if alpha.mean >= 0.667 else "they agree little: the answers are close, or tastes differ"
    )


def _criteria(ratings: RatingFindings) -> str:
    names = list(dict.fromkeys(name for scores in ratings.criteria.values() for name in scores))
    rows: list[list[str | Cell]] = [
        [arm, *(plain(scores.get(name)) for name in names)] for arm, scores in ratings.criteria.items()
    ]
    return folded("Scores by criterion", table(["From 1 to 5", *names], rows)) if rows else ""


def alike_section(found: Findings) -> str:
    """Whether the automatic score chooses as people do, and what a judge adds."""
    parts = []
    if found.alike:
        parts.append(
            paragraph(
                f"The automatic score ({MEASURES[found.score_measure]}) chooses as people do on "
                f"{points(found.alike.share)} of 100 votes, ties included{_kappa(found.alike)}. "
                + _decided(found.alike, "both the score and the person prefer an arm", "the same one")
            )
        )
    judge = found.judge
    if judge:
        first, second = found.study.plan.decides
        told = (
            f"The judge {judge.model} compared {first} and {second} on {count(judge.questions, 'question')}, each in "
            f"both orders; on {points(judge.consistent)} of 100 the order made no difference. By itself it gives "
            f"{first} a win rate of {points(judge.rate)} of 100"
        )
        told += (
            f", and agrees with people on {points(judge.alike.share)} of 100 votes{_kappa(judge.alike)}."
            if judge.alike
            else "."
        )
        parts.append(paragraph(told))
        if judge.narrowed and judge.people:
            parts.append(
                paragraph(
                    f"Calibrated on the votes, its labels move people's win rate of {first} from "
                    f"{points(judge.people.interval())} to {points(judge.narrowed.interval())} of 100 "
                    "(prediction-powered inference). This narrows the figure; it decides nothing here."
                )
            )
        else:
            parts.append(
                paragraph("There are too few votes to measure how the judge leans, so that it narrows nothing.")
            )
    return section("Do scores choose as people do?", *parts)


def _kappa(found: Alike) -> str:
    return f" (kappa {found.kappa:.2f})" if found.kappa is not None else ""


def _decided(found: Alike, where: str, same: str) -> str:
    if found.decided is None:
        return f"There is no vote where {where}."
    return f"Where {where}, it is {same} in {points(found.decided)} of 100 ({count(found.decided_votes, 'vote')})."
