"""Rounds set aside to see whether training generalises: none of them nearly repeats one that is trained on."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence

from core.training import Round
from finetune.data.contradictions import asked
from finetune.data.near_duplicates import components, groups


def split(rounds: Sequence[Round], share: float, seed: int) -> tuple[list[int], list[int]]:
    """Indices for training and for validation, about `share` of each topic and at least one round.

    Rounds with near-duplicate questions stay on one side, and so do those of one conversation. When all belong
    together there is no validation.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    together = _together(rounds)
    folds = min(max(round(1 / max(share, 0.01)), 2), len(set(together)))
    if folds < 2:
        return list(range(len(rounds))), []
    topics = [said.topic for said in rounds]
    if max(Counter(topics).values()) < folds:  # too few of each to share out
        topics = [""] * len(rounds)
    folder = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():  # of topics with fewer rounds than there are folds
        warnings.simplefilter("ignore", UserWarning)
        halves = [halves for halves in folder.split(topics, topics, together) if all(map(len, halves))]
    # A large group makes its fold large; the one nearest to what was asked for is taken.
    train, validation = min(halves, key=lambda one: abs(len(one[1]) - share * len(rounds)))
    return [int(at) for at in train], [int(at) for at in validation]


def _together(rounds: Sequence[Round]) -> list[int]:
    """A number for each round, equal for those that must not be parted."""
    questions = groups([asked(said) for said in rounds])
    of_one = [at for at in range(1, len(rounds)) if rounds[at].history and rounds[at].row == rounds[at - 1].row]
    first: dict[int, int] = {}
    same_question = [(first.setdefault(group, at), at) for at, group in enumerate(questions)]
    linked = components(len(rounds), same_question + [(at - 1, at) for at in of_one])
    # Where most conversations begin alike ("Hi!"), their beginnings would tie them all together.
    largest = max(Counter(linked).values(), default=0)
    return linked if largest <= len(rounds) / 2 else questions
