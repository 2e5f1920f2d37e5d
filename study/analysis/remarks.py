"""What every reader must know beside the verdict: what is missing, and what was found beyond the plan."""

from __future__ import annotations

from study.analysis.decision import ALPHA, MORE, Decision, Known, alone
from study.analysis.ratings import RatingFindings
from study.analysis.votes import RATERS
from study.analysis.words import count, hundredth, listed, middle, span
from study.statistics.estimate import Estimate

NUMBERS = {2: "two", 3: "three"}


def remarks(known: Known) -> tuple[str, ...]:
    """The study's own notes first, then missing and failed answers, then the ratings."""
    told = [*known.study.notes]
    if known.study.status in ("stopped", "interrupted", "failed"):
        why = f": {known.study.message}" if known.study.message else "."
        told.append(
            f"The study was {known.study.status} before its end{why} Intervals of scores hold if that had nothing to "
            "do with its results."
        )
    missing = {name: arm.missing for name, arm in known.arms.items() if arm.missing}
    if missing:
        each = listed([f"{name} {count(number, 'question')}" for name, number in missing.items()])
        told.append(f"Answers are missing: {each}. Arms are compared only on the questions that both have answered.")
    failed = {name: arm.failed for name, arm in known.arms.items() if arm.failed}
    if failed:
        each = listed([f"{number} of {name}" for name, number in failed.items()])
        told.append(f"Answers that ended in an error count as empty ones: {each}.")
    if known.changed:
        each = listed([f"{number} of {name}" for name, number in known.changed.items()])
        told.append(f"Answers were made by something else than what the study fixed: {each}. See the arms' identities.")
    if known.study.plan.measure == "similarity" and not known.comparisons:
        told.append("No similarity is known: the embedding model is not there, or no question has a reference.")
    if known.ratings:
        told += _of_ratings(known.ratings)
    return tuple(told)


def _of_ratings(ratings: RatingFindings) -> list[str]:
    told = []
    if ratings.impossible:
        told.append(
            f"{count(ratings.impossible, 'planned rating')} cannot be given, since an answer failed or is missing."
        )
    if ratings.deciding_done and ratings.early:
        told.append(
            f"The votes are looked at early, with {ratings.deciding_done:,} of {ratings.deciding_planned:,} on the "
            "deciding pair, so that decisions on them rest on the confidence sequence alone: it stays right however "
            "often one looks, and is wider for it; but it speaks of those who rate here, not of others."
        )
    elif ratings.extended:
        told.append(
            "More ratings were planned after the first, so that decisions on them rest on the confidence sequence "
            "alone, which speaks of those who rate here, not of others."
        )
    elif not ratings.deciding_done and ratings.planned:
        told.append(f"Of {ratings.planned:,} planned ratings, {ratings.done:,} are in, none on the deciding pair.")
    if ratings.raters == 1:
        told.append("One person rated: the votes speak of this person's judgement alone.")
    elif 1 < ratings.raters < RATERS:
        told.append(
            f"Only {NUMBERS[ratings.raters]} people rated, which shows little of how far others would judge otherwise: "
            "the votes' intervals allow for that and are wide; more people narrow them more than more votes of these."
        )
    if ratings.blinding and ratings.blinding.broken:
        told.append(
            f"Raters guessed the arm rightly in {hundredth(ratings.blinding.right.mean)} of 100 guesses "
            f"{span(ratings.blinding.right)} where chance gives {hundredth(ratings.blinding.chance)}: they were not "
            "fully blind."
        )
    return told


def exploration(known: Known, decision: Decision) -> tuple[str, ...]:
    """Arms outside the planned comparison that are surely better than the advised one."""
    if not decision.advised:
        return ()
    told = []
    for arm in known.arms:
        if arm not in known.study.plan.decides and (lead := _lead(known, arm, decision)):
            told.append(
                f"Beyond the planned comparison, {arm} {lead}, corrected for looking at all pairs. To rely on it, "
                "compare the two in a study of their own."
            )
    return tuple(told)


def _lead(known: Known, arm: str, decision: Decision) -> str:
    """What an arm surely has over the advised one by the measure that decides, '' where that is not sure."""
    pair, other = {arm, decision.advised}, alone(known.study, arm, decision.advised)
    if decision.measure == "ratings":
        rated = (
            next((one for one in known.ratings.pairs if {one.first, one.second} == pair), None)
            if known.ratings
            else None
        )
        if (
            rated is None
            or known.ratings is None
            or known.ratings.done < known.ratings.planned - known.ratings.impossible
        ):
            return ""
        rate = rated.votes.rate if rated.first == arm else _flipped(rated.votes.rate, 1.0)
        sure = rate.mean > 0.5 and rated.p_value < ALPHA
        return f"is preferred to {other} in {hundredth(rate.mean)} of 100 votes {span(rate)}" if sure else ""
    found = next((one for one in known.comparisons if {one.first, one.second} == pair), None)
    if found is None:
        return ""
    lead = found.difference.interval() if found.first == arm else _flipped(found.difference.interval(), 0.0)
    sure = lead.mean > 0 and found.p_value < ALPHA
    return f"has {middle(lead)} {MORE[decision.measure]} {other} {span(lead)}" if sure else ""


def _flipped(value: Estimate, whole: float) -> Estimate:
    """As the other arm's: a share of the whole, or a difference from 0."""
    return Estimate(whole - value.mean, whole - value.high, whole - value.low)
