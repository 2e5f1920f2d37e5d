"""What training data is like and what of it is trained on: one pass from the rounds read to a training split."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import astuple, replace

from core.errors import TrainingError
from core.personal_data import redact
from core.training import DataChoices, DataReport, Leak, Progress, Round
from finetune.data import findings
from finetune.data import duplicates
from finetune.data.contradictions import contradictions
from finetune.data.selection import first_of_shuffle, select, topics_of
from finetune.data.split import split
from finetune.data.near_duplicates import matches

LEAKS_SHOWN = 20
FEWEST = 8  # rounds to train on; fewer make no batch
LEAKED = "nearly a test question"
RATE_OTHERS = "rate questions that are no test questions: of a live split, of another set, or on the Compare page"


def prepare(
    rounds: Sequence[Round],
    left_out: Mapping[str, int],
    choices: DataChoices,
    test_questions: Sequence[str],
    count_tokens: Callable[[Round], int],
    context: int,
    progress: Progress | None = None,
) -> tuple[DataReport, list[Round], list[Round]]:
    """The report, the rounds to train on and those for validation; what the choices leave out is in none of the two.

    `left_out` is what reading left out already; `count_tokens` gives a round's prompt and answer together, of which
    `context` tokens fit. `progress` gets a share from 0 to 1. Leaks are reported and, if `choices` refuse them, left in
    place: `check_trainable` raises for that and for too little data.
    """
    tell = progress or _silent
    kept = _Kept(rounds, left_out)

    empty = [at for at, said in enumerate(kept.rounds) if not said.answer.strip()]
    kept.leave_out(empty, "empty answer")

    tell(0.02, "looking for personal data")
    own = findings.own_contacts(kept.rounds)
    personal = findings.personal_data(kept.rounds, own)
    if choices.redact:
        kept.rounds = [findings.redacted(said, own) for said in kept.rounds]
        test_questions = [redact(question, own)[0] for question in test_questions]
    topics_found = not any(said.topic for said in kept.rounds)
    if topics_found and kept.rounds:
        tell(0.1, "finding topics")
        clusters = topics_of(kept.rounds, choices.seed)
        kept.rounds = [replace(said, topic=topic) for said, topic in zip(kept.rounds, clusters, strict=True)]

    tell(0.15, "looking for duplicates")
    exact = duplicates.exact(kept.rounds)
    if choices.duplicates == "remove":
        kept.leave_out(exact, "exact duplicate")
    near = duplicates.near(kept.rounds, lambda share, doing: tell(0.15 + 0.35 * share, doing))
    if choices.duplicates == "remove":
        kept.leave_out(near, "near-duplicate")

    tell(0.5, "comparing with the test questions")
    leaks = _leaks(kept.rounds, test_questions)
    if choices.leaks == "remove":
        kept.leave_out(leaks, LEAKED)

    tell(0.55, "counting tokens")
    tokens = [count_tokens(said) for said in kept.rounds]
    too_long = [at for at, count in enumerate(tokens) if count > context]
    tokens = [count for count in tokens if count <= context]
    kept.leave_out(too_long, "longer than the model's context")

    if choices.random_order is None and 0 < choices.rows < len(kept.rounds):
        tell(0.7, "choosing the most diverse rounds")
        chosen = set(select(kept.rounds, choices.rows, choices.seed))
        tokens = [count for at, count in enumerate(tokens) if at in chosen]
        kept.leave_out(set(range(len(kept.rounds))) - chosen, "not among the most diverse")

    tell(0.75, "setting rounds aside for validation")
    training, validating = split(kept.rounds, choices.validation_share, choices.seed)
    if choices.random_order is not None and choices.rows:
        training = first_of_shuffle(training, choices.rows, choices.random_order)
    train, validation = ([kept.rounds[at] for at in side] for side in (training, validating))
    used = {*training, *validating}
    tokens = [count for at, count in enumerate(tokens) if at in used]
    kept.leave_out(set(range(len(kept.rounds))) - used, "not drawn")

    topics = dict(Counter(said.topic or "no topic" for said in kept.rounds).most_common())
    tell(0.8, "comparing answers to equal questions")
    conflicts, conflicts_in_all = contradictions(kept.rounds)
    tell(0.9, "looking at languages")
    report = DataReport(
        rows=len(rounds) + sum(left_out.values()),
        train=len(train),
        validation=len(validation),
        data_hash=_hash(train, validation),
        left_out=kept.left_out,
        left_out_topics=dict(kept.left_out_topics.most_common()),
        tokens=sum(tokens),
        lengths=_lengths(tokens),
        truncated=len(too_long),
        exact_duplicates=len(exact),
        # Every exact duplicate is a near one as well, where it was not removed before.
        near_duplicates=len(near) if choices.duplicates == "remove" else len(near) - len(exact),
        empty_answers=len(empty),
        boilerplate=findings.boilerplate(kept.rounds),
        languages=findings.languages(kept.rounds),
        topics=topics,
        topics_found=topics_found,
        evenness=findings.evenness(topics),
        personal_data=personal,
        contradictions=tuple(conflicts),
        contradictions_in_all=conflicts_in_all,
        leaks=tuple(sorted(leaks.values(), key=lambda leak: -leak.similarity)[:LEAKS_SHOWN]),
        leaks_in_all=len(leaks),
    )
    tell(1.0, "done")
    return replace(report, warnings=findings.warnings(report, choices)), train, validation


def check_trainable(report: DataReport, choices: DataChoices, rated: bool = False) -> None:
    """Raises TrainingError, in a sentence that says what to do, when nothing should be trained on this data.

    `rated`: the rounds are ratings, of which a study that asked the test questions gives none that may be trained on.
    """
    if report.leaks_in_all and choices.leaks == "refuse":
        leak = report.leaks[0]
        others = f"{RATE_OTHERS}; or " if rated else ""
        raise TrainingError(
            f"{report.leaks_in_all:,} of {report.rows:,} rounds nearly repeat a test question (row {leak.row.row}, "
            f"'{leak.row.question[:60]}', is {leak.similarity:.0%} like '{leak.test_question[:60]}'), so that tests "
            f"would measure memory; {others}remove them (leaks=remove), or keep them (leaks=keep), which marks the "
            "adapter."
        )
    remaining = report.train + report.validation
    without = ", ".join(f"{count:,} {why}" for why, count in report.left_out.items()) or "nothing"
    if remaining == 1 and report.exact_duplicates + report.near_duplicates:
        raise TrainingError("All rounds say the same, so that only one is left to train on; bring different rounds.")
    if report.train < FEWEST:
        more = RATE_OTHERS if rated and LEAKED in report.left_out else "bring more rounds, or leave out fewer"
        raise TrainingError(
            f"Only {report.train} of {report.rows:,} rounds are left to train on (left out: {without}), and at least "
            f"{FEWEST} are needed; {more}."
        )
    if not report.validation:
        raise TrainingError(
            f"None of {report.train:,} rounds can be set aside for validation, since all ask nearly the same; "
            "bring rounds with different questions."
        )


class _Kept:
    """The rounds that remain, and what was left out on the way."""

    def __init__(self, rounds: Sequence[Round], left_out: Mapping[str, int]) -> None:
        self.rounds = list(rounds)
        self.left_out = dict(left_out)
        self.left_out_topics: Counter[str] = Counter()

    def leave_out(self, which: Collection[int], why: str) -> None:
        if which:
            gone = set(which)
            self.left_out[why] = self.left_out.get(why, 0) + len(which)
            self.left_out_topics.update(self.rounds[at].topic or "no topic" for at in which)
            self.rounds = [said for at, said in enumerate(self.rounds) if at not in gone]


def _leaks(rounds: Sequence[Round], test_questions: Sequence[str]) -> dict[int, Leak]:
    found = matches([said.question for said in rounds], test_questions)
    return {at: Leak(rounds[at], test_questions[which], similarity) for at, (which, similarity) in found.items()}


def _lengths(tokens: Sequence[int]) -> tuple[int, int, int]:
    import numpy as np

    half, most, longest = np.quantile(tokens, (0.5, 0.95, 1.0)).round() if tokens else (0, 0, 0)
    return int(half), int(most), int(longest)


def _hash(train: Sequence[Round], validation: Sequence[Round]) -> str:
    """Of what is learnt and what it is measured on, in their order; topics and row numbers do not count."""
    sides = [[(astuple(said)[:3]) for said in side] for side in (train, validation)]
    return hashlib.sha256(json.dumps(sides).encode()).hexdigest()[:12]


def _silent(share: float, doing: str) -> None:
    pass
