"""How far votes can be trusted: do raters agree with each other and with themselves, and were they blind?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.studies import Rating, Study
from core.types import CRITERIA
from study.analysis.votes import winner
from study.statistics.agreement import cohen_kappas, krippendorff_alpha, self_consistency
from study.statistics.clusters import two_way_mean
from study.statistics.estimate import Estimate
from study.statistics.shares import share


@dataclass(frozen=True)
class Agreement:
    """Krippendorff's alpha over second opinions, Cohen's kappa of each two raters, and the share of repeated pairs that
    a rater judged as before. None where there was nothing to compare."""

    twice: int
    alpha: Estimate | None
    kappas: Mapping[tuple[str, str], float]
    repeated: int
    consistency: Estimate | None


@dataclass(frozen=True)
class Blinding:
    """The share of guesses at the left arm's kind that were right, of `guesses`, and what chance alone would give."""

    guesses: int
    right: Estimate
    chance: float

    @property
    def broken(self) -> bool:
        """Whether raters guessed right more often than chance explains."""
        return self.right.low > self.chance


def agreement_of(votes: Sequence[Rating]) -> Agreement:
    first = [one for one in votes if one.repeats is None]
    columns = ([one.rater for one in first], [_item(one) for one in first], [winner(one) for one in first])
    known = {one.id: one for one in votes}
    repeated = [one for one in votes if one.repeats in known]
    both = [known[str(one.repeats)] for one in repeated] + repeated
    return Agreement(
        twice=sum(one.second_to is not None for one in first),
        alpha=krippendorff_alpha(*columns) if first else None,
        kappas=cohen_kappas(*columns),
        repeated=len(repeated),
        consistency=self_consistency([one.rater for one in both], [_item(one) for one in both], [*map(winner, both)]),
    )


def _item(rating: Rating) -> str:
    """What was judged, whichever side stood where."""
    return "\n".join([rating.question_id, *sorted((rating.left, rating.right))])


def blinding_of(study: Study, votes: Sequence[Rating]) -> Blinding | None:
    kinds = {arm.name: arm.spec.name for arm in study.plan.arms}
    guessed = [one for one in votes if one.guessed_left]
    chance = 1 / len(set(kinds.values()))
    if not guessed or chance == 1:
        return None
    right = [float(one.guessed_left == kinds[one.left]) for one in guessed]
    found = share(right, [one.question_id for one in guessed], [one.rater for one in guessed])
    return Blinding(len(guessed), found, chance)


def criteria_of(study: Study, votes: Sequence[Rating]) -> dict[str, dict[str, Estimate]]:
    """Mean scores of 1 to 5, by arm and criterion."""
    found: dict[str, dict[str, Estimate]] = {}
    for arm in study.plan.arms:
        for name in CRITERIA:
            mine = [
                (one.criteria[name][arm.name == one.right], one.question_id, one.rater)
                for one in votes
                if name in one.criteria and arm.name in (one.left, one.right)
            ]
            if mine:
                values, questions, raters = zip(*mine, strict=True)
                found.setdefault(arm.name, {})[name] = two_way_mean(values, questions, raters).interval()
    return found
