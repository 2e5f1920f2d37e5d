"""The decision of a study: use one of the two arms that it compares, take either, or go on; told in one sentence.

The comparison, the measure and the margin were fixed before the first answer, so that nothing is corrected for. One
rule serves scores and votes: an interval of 95% within the margin says that nothing matters, one that leaves 0 out
names the better arm, and all else is open. (An interval of 95% within the margin is an equivalence test at 2.5%.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from core.studies import Measure, Study
from study.analysis.arms import ArmFigures
from study.analysis.comparisons import Comparison
from study.analysis.costs import CostFindings
from study.analysis.ratings import RatingFindings
from study.analysis.words import about, amount, count, duration, hundredth, middle, points, span
from study.statistics.estimate import Estimate
from study.statistics.planning import more_ratings

Kind = Literal["use", "equal", "undecided", "none_fit"]
Outcome = Literal["first", "second", "equal", "open"]

ALPHA = 0.05
FIT = 0.5  # of the facts, or of votes that find at least one answer good; below it an arm is no help to customers
MORE: Mapping[Measure, str] = {
    "facts": "points more facts than",
    "similarity": "points nearer to the reference answers in meaning than",
    "rouge_l": "points more words in common with the reference answers (ROUGE-L) than",
    "chrf": "points more letters in common with the reference answers (chrF) than",
}


def outcome_of(interval: Estimate, margin: float) -> Outcome:
    """The one rule, for the first arm's lead over the second: equal within the margin, decided without 0."""
    if -margin < interval.low and interval.high < margin:
        return "equal"
    return "first" if interval.low > 0 else "second" if interval.high < 0 else "open"


@dataclass(frozen=True)
class Lead:
    """What the first deciding arm has over the second by one measure: a share, for ratings its win rate less a half.

    `basis` is the number of questions or votes, `more` how many more would settle it (None: cannot be told).
    """

    measure: Measure
    interval: Estimate
    basis: int
    more: int | None

    def outcome(self, margin: float) -> Outcome:
        return outcome_of(self.interval, margin)


@dataclass(frozen=True)
class Decision:
    """`advised` is the arm to use, or the one ahead where it is open, '' where there is nothing to go by; `lead` is
    what it has over `other`. `second_opinion` tells what the votes say where scores decide, and the scores where votes
    do; `contradicted` says that it is another outcome."""

    kind: Kind
    measure: Measure
    advised: str
    other: str
    lead: Lead | None
    sentence: str
    second_opinion: str = ""
    contradicted: bool = False


@dataclass(frozen=True)
class Known:
    """What the decision is made from. `changed` counts the answers of an arm whose identity is not the fixed one."""

    study: Study
    arms: Mapping[str, ArmFigures]
    comparisons: Sequence[Comparison]
    score_measure: Measure
    ratings: RatingFindings | None
    costs: CostFindings
    changed: Mapping[str, int]


def decide(known: Known) -> Decision:
    """By the plan's measure, with what the other kind of evidence says beside it."""
    scores, votes = _score_lead(known), _vote_lead(known)
    lead, beside = (votes, scores) if known.study.plan.measure == "ratings" else (scores, votes)
    if lead is None:
        return Decision("undecided", known.study.plan.measure, "", "", None, _nothing(known))
    outcome = lead.outcome(known.study.plan.margin)
    kind, advised = _kind(known, lead, outcome)
    other = next(arm for arm in known.study.plan.decides if arm != advised)
    sentence = _SENTENCES[kind](known, lead, advised, other)
    opinion, contradicted = _second_opinion(known, outcome, beside)
    return Decision(kind, lead.measure, advised, other, lead, sentence, opinion, contradicted)


def _score_lead(known: Known) -> Lead | None:
    found = next((one for one in known.comparisons if one.decides), None)
    if found is None:
        return None
    more = _more(found.difference, found.questions, known.study.plan.margin)
    return Lead(known.score_measure, found.difference.interval(), found.questions, more)


def _vote_lead(known: Known) -> Lead | None:
    """By the confidence sequence alone while votes are missing, else by the win rate's interval."""
    ratings = known.ratings
    if ratings is None or ratings.deciding is None:
        return None
    rate = ratings.deciding.votes
    ends = ratings.looks.now if ratings.sequential else rate.rate
    interval = Estimate(rate.rate.mean - 0.5, ends.low - 0.5, ends.high - 0.5)
    more = _more(rate.lead, rate.votes, known.study.plan.margin)
    return Lead("ratings", interval, rate.votes, more)


def _more(lead: object, basis: int, margin: float) -> int | None:
    try:
        return more_ratings(lead, basis, margin)  # type: ignore[arg-type]
    except ValueError:
        return None


def _kind(known: Known, lead: Lead, outcome: Outcome) -> tuple[Kind, str]:
    pair = known.study.plan.decides
    ahead = pair[0] if lead.interval.mean >= 0 else pair[1]
    if unfinished(known.study, known.arms):
        return "undecided", ahead
    if _unfit(known, lead, ahead):
        return "none_fit", ahead
    if outcome == "equal":
        return "equal", _cheaper(known)
    return ("undecided" if outcome == "open" else "use"), ahead


def unfinished(study: Study, arms: Mapping[str, ArmFigures]) -> bool:
    """Whether answers of the deciding arms are still to come."""
    return study.status in ("planned", "running") and any(arms[arm].missing for arm in study.plan.decides)


def _unfit(known: Known, lead: Lead, ahead: str) -> bool:
    """Whether even the better arm is no help to customers; a similarity cannot tell."""
    if lead.measure == "facts":
        facts = known.arms[ahead].figures.get("facts")
        return facts is not None and facts.mean < FIT
    if lead.measure == "ratings" and known.ratings and known.ratings.deciding:
        return known.ratings.deciding.votes.shares["both_bad"].mean > 1 - FIT
    return False


def _cheaper(known: Known) -> str:
    def price(arm: str) -> tuple[float, float]:
        cost, total = known.costs.arms.get(arm), known.arms[arm].total
        return cost.answer.mean if cost else float("inf"), total.median.mean if total else float("inf")

    return min(known.study.plan.decides, key=price)


def _use(known: Known, lead: Lead, arm: str, other: str) -> str:
    return f"Use {arm}: {_over(known, lead, arm, other)}{beside(known, arm, other)}."


def _equal(known: Known, lead: Lead, arm: str, other: str) -> str:
    cheaper = "the cheaper" if known.costs.priced else "the quicker"
    what = "win rate" if lead.measure == "ratings" else "facts" if lead.measure == "facts" else lead.measure
    return (
        f"No difference that matters: {arm} and {other} are within {100 * known.study.plan.margin:g} points of {what} "
        f"of each other ({told_for(known, lead, arm)}). Use {arm}, {cheaper}{beside(known, arm, other)}."
    )


def _undecided(known: Known, lead: Lead, arm: str, other: str) -> str:
    ahead = _over(known, lead, arm, other)
    if unfinished(known.study, known.arms):
        there = sum(one.answered for one in known.arms.values())
        planned = len(known.arms) * len(known.study.questions)
        return f"Not finished yet: {there:,} of {planned:,} answers are there; so far, {arm} leads: {ahead}."
    what = "rating" if lead.measure == "ratings" else "question"
    waiting = known.ratings.deciding_planned - known.ratings.deciding_done if known.ratings else 0
    if lead.measure == "ratings" and waiting:
        wanted = f"about {count(about(lead.more or waiting), 'more rating', 'more ratings')}"
        wanted += f" ({waiting:,} of those planned are not in yet)"
    elif lead.more:
        wanted = f"about {count(about(lead.more), f'more {what}', f'more {what}s')}"
    else:
        wanted = f"more {what}s"
    return f"Not decisive yet: {wanted}. So far, {arm} is ahead: {ahead}."


def _none_fit(known: Known, lead: Lead, arm: str, other: str) -> str:
    over = _over(known, lead, arm, other)
    if lead.measure == "ratings":
        assert known.ratings and known.ratings.deciding
        bad = known.ratings.deciding.votes.shares["both_bad"]
        return (
            f"None is fit for customers: people found both answers bad in {hundredth(bad.mean)} of 100 votes "
            f"{span(bad)}; {arm} is ahead: {over}."
        )
    facts = {name: one.figures["facts"] for name, one in known.arms.items() if "facts" in one.figures}
    fit = [name for name, found in facts.items() if found.mean >= FIT]
    gives = f"{arm}, gives {points(facts[arm])} of 100 facts"
    if fit:
        best = max(fit, key=lambda name: facts[name].mean)
        return (
            f"Neither {arm} nor {other} is fit for customers: the better, {gives}; beyond the planned comparison, "
            f"{best} gives {points(facts[best])}."
        )
    best = max(facts, key=lambda name: facts[name].mean)
    if best == arm:
        return f"None is fit for customers: the best, {gives}, {over}."
    return f"None is fit for customers: the best, {best}, gives {points(facts[best])} of 100 facts; {arm} gives {over}."


_SENTENCES = {"use": _use, "equal": _equal, "undecided": _undecided, "none_fit": _none_fit}


def _over(known: Known, lead: Lead, arm: str, other: str) -> str:
    """By how much an arm is ahead, such as `12 points more facts than prompt alone [6, 18]`."""
    mine = ahead_of(known.study, lead, arm)
    if lead.measure == "ratings":
        rate = Estimate(mine.mean + 0.5, max(mine.low + 0.5, 0.0), min(mine.high + 0.5, 1.0))
        return (
            f"people prefer it to {alone(known.study, arm, other)} in {hundredth(rate.mean)} of 100 votes {span(rate)}"
        )
    value = middle(mine)
    more = MORE[lead.measure].replace("points", "point") if value == "1" else MORE[lead.measure]
    return f"{value} {more} {alone(known.study, arm, other)} {span(mine)}"


def told_for(known: Known, lead: Lead, arm: str) -> str:
    """`+0.8 [−2.1, 3.7]`: the lead as this arm's."""
    return points(ahead_of(known.study, lead, arm), sign="+")


def ahead_of(study: Study, lead: Lead, arm: str) -> Estimate:
    """The lead as this arm's."""
    one = lead.interval
    return one if arm == study.plan.decides[0] else Estimate(-one.mean, -one.high, -one.low)


def alone(study: Study, arm: str, other: str) -> str:
    """`prompt alone` where the other arm is one part of this."""
    kinds = {one.name: one.spec.name for one in study.plan.arms}
    part = kinds[arm] == "lora+prompt" and kinds[other] in ("prompt", "lora") and other == kinds[other]
    return f"{other} alone" if part else other


def beside(known: Known, arm: str, other: str) -> str:
    """What both cost and how long they take, as the end of a sentence."""
    told = []
    costs = known.costs.arms
    if known.costs.priced and arm in costs and other in costs:
        each = known.costs.each
        ours, theirs = (amount(each * costs[name].answer.mean, known.costs.unit) for name in (arm, other))
        told.append(f"at {ours} for {count(each, 'answer')} against {theirs}")
    times = [one.median.mean for name in (arm, other) if (one := known.arms[name].total)]
    if len(times) == 2:
        told.append(f"in {duration(times[0])} against {duration(times[1])}")
    return f", {', '.join(told)}" if told else ""


def _second_opinion(known: Known, outcome: Outcome, lead: Lead | None) -> tuple[str, bool]:
    """What the other kind of evidence says, and whether it says something else."""
    if lead is None:
        return "", False
    who = "people's votes" if lead.measure == "ratings" else "the automatic scores"
    says = lead.outcome(known.study.plan.margin)
    pair = known.study.plan.decides
    arm, other = pair if lead.interval.mean >= 0 else pair[::-1]
    if lead.measure == "ratings":
        told = _over(known, lead, arm, other).replace("prefer it", f"prefer {arm}")
    else:
        told = f"{arm} has {_over(known, lead, arm, other)}"
    if says == "open":
        return f"{who.capitalize()} cannot tell the two apart yet: {told}.", False
    if says == outcome:
        return f"{who.capitalize()} agree: {told}.", False
    if says == "equal":
        told = f"no difference that matters ({told})"
    if outcome == "open":
        return f"{who.capitalize()} alone would decide: {told}.", False
    return (
        f"{who.capitalize()} contradict this: {told}. Read answers of both arms before you decide; the plan fixed "
        f"{'the ratings' if known.study.plan.measure == 'ratings' else 'the scores'} as what counts.",
        True,
    )


def _nothing(known: Known) -> str:
    first, second = known.study.plan.decides
    if known.study.plan.measure == "ratings":
        waiting = known.ratings.deciding_planned if known.ratings else 0
        why = (
            f"none of the {waiting:,} planned ratings of {first} and {second} is in"
            if waiting
            else "no ratings are planned"
        )
        return f"Nothing to say yet: {why}."
    return f"Nothing to say yet: {first} and {second} have fewer than two answers in common that can be scored."
