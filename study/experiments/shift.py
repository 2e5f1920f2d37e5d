"""The shift of a study: articles of the help centre change, and arms follow, or still say what was."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from core.errors import StudyError
from core.studies import Study, StudyArm, TestQuestion
from core.types import Answer
from study.experiments.answers import Answers
from study.experiments.article_edits import ChangedQuestion, Edit, changed_questions, edit_copy, label_of
from study.experiments.choices import ShiftChoices
from study.experiments.parts import ExperimentParts, Stopped, Tell
from study.experiments.plain import plain
from study.experiments.sentences import shift_sentences
from study.experiments.settings import begun, made_of
from study.experiments.time_left import duration
from study.grading.facts import check_facts
from study.grading.grade import evidence_for
from study.grading.unsupported import Evidence, unsupported
from study.statistics.estimate import Estimate, Inference
from study.statistics.paired import paired_difference
from study.statistics.shares import share

Outcome = Literal["new", "old", "neither"]
DOCUMENTS = "documents"  # the edited copy, in the temporary folder
OUTCOMES: tuple[Outcome, ...] = ("new", "old", "neither")


def run_shift(
    parts: ExperimentParts, study_id: str, choices: ShiftChoices, tell: Tell, stopped: Callable[[], bool]
) -> dict[str, Any]:
    """What all shifts of the study found, this one last; the study keeps that too. What an earlier attempt answered is
    not asked again. The index in use is not touched.

    An arm without passages says the same before and after, so that it is not asked anew.
    Raises StudyError, UnknownStudy, Stopped, and what indexing and asking raise.
    """
    study = parts.store.study(study_id)
    arms = _arms(study, choices)
    changed = changed_questions(study, choices.edits)
    controls = _controls(study, choices)
    questions = [*(one.question for one in changed), *controls]
    answers = Answers(parts, study, stopped)
    before = {arm.name: answers.of_study(arm, questions) for arm in arms}
    label = label_of(choices.edits)
    after = dict(before)
    with tempfile.TemporaryDirectory() as folder:
        backend, version = _edited(parts, choices.edits, Path(folder), tell, stopped)
        supports = _supports(study, changed, Path(folder) / DOCUMENTS)
        settings = {arm.name: made_of(backend, arm.spec, study) for arm in arms}
        content = begun(study, "shift", {label: settings})
        asked = [arm for arm in arms if arm.spec.uses_retrieval]
        for place, arm in enumerate(asked):

            def say(done: int, total: int, place: int = place, name: str = arm.name) -> None:
                left = (total - done + (len(asked) - place - 1) * total) * answers.seconds_each()
                tell(place, len(asked), f"'{name}' after the change: {done} of {total} answers; {duration(left)} left")

            shifted = StudyArm(f"{arm.name}, {label}", arm.spec)
            after[arm.name] = answers.ask(shifted, questions, say, backend)
    found: dict[str, Any] = {
        "label": label,
        "edits": plain(choices.edits),
        "index": version,
        "questions": len(changed),
        "controls": len(controls),
        "arms": {
            arm.name: _arm(changed, controls, before[arm.name], after[arm.name], supports)
            | {"retrieves": arm.spec.uses_retrieval}
            for arm in arms
        },
        "differences": _differences(changed, after),
    }
    found["sentences"] = shift_sentences(found)
    others = [one for one in content.get("shifts", []) if one["label"] != label]
    content |= {"shifts": [*others, found], "sentences": found["sentences"], "done": True}
    parts.store.keep_experiment(study.id, "shift", content)
    return content


def _edited(
    parts: ExperimentParts, edits: Sequence[Edit], folder: Path, tell: Tell, stopped: Callable[[], bool]
) -> tuple[Any, str]:
    """A backend over an index of the edited articles, and the version of that."""
    if parts.documents is None:
        raise StudyError("There is no folder of articles to edit; set `knowledge` to the help centre's.")
    documents = folder / DOCUMENTS
    edit_copy(parts.documents, edits, documents)
    retriever = parts.retriever_over(folder / "index")

    def progress(done: int, total: int, name: str) -> None:
        if stopped():
            raise Stopped
        tell(0, 1, f"indexing the edited articles: {done} of {total}")

    report = retriever.index([documents], progress)
    if report.failed:
        name, reason = report.failed[0]
        raise StudyError(f"The edited articles cannot be indexed: {name}: {reason}")
    return parts.backend_with(None, retriever), retriever.version


def _arm(
    changed: Sequence[ChangedQuestion],
    controls: Sequence[TestQuestion],
    before: Mapping[str, Answer],
    after: Mapping[str, Answer],
    supports: Mapping[str, Evidence],
) -> dict[str, Any]:
    """What one arm said before and after, as plain findings."""
    pairs = [(one, after[one.question.id]) for one in changed]
    outcomes = {one.question.id: outcome(one, answer.text) for one, answer in pairs}
    knew = [check_facts(one.before, before[one.question.id].text).strict for one in changed]
    asked = [one.question for one in changed]
    invented = [bool(unsupported(answer.text, supports[one.question.id])) for one, answer in pairs]
    found: dict[str, Any] = {
        "knew_old": _share(knew, asked),
        **{name: _share([one == name for one in outcomes.values()], asked) for name in OUTCOMES},
        "outcomes": outcomes,
        "new_in_passages": _share([_retrieved(one, answer) for one, answer in pairs], asked),
        "unsupported": _share(invented, asked),
        "controls": None,
    }
    if controls:
        right = {when: [_facts(one, said[one.id].text) for one in controls] for when, said in _named(before, after)}
        same = [before[one.id].text == after[one.id].text for one in controls]
        found["controls"] = {
            **{when: _share(scores, controls) for when, scores in right.items()},
            "difference": _difference(right["after"], right["before"], controls),
            "same_words": _share(same, controls),
        }
    return dict(plain(found))


def _named(before: Mapping[str, Answer], after: Mapping[str, Answer]) -> list[tuple[str, Mapping[str, Answer]]]:
    return [("before", before), ("after", after)]


def outcome(changed: ChangedQuestion, text: str) -> Outcome:
    """What an answer says after the change: all new facts and nothing old, something old, or neither."""
    if check_facts(changed.before, text).facts_found:
        return "old"
    return "new" if check_facts(changed.after, text).strict else "neither"


def _retrieved(changed: ChangedQuestion, answer: Answer) -> bool:
    """Whether all new facts stand in the passages."""
    return check_facts(changed.after, "\n".join(passage.text for passage in answer.passages)).strict


def _supports(study: Study, changed: Sequence[ChangedQuestion], documents: Path) -> dict[str, Evidence]:
    """What supports an answer now, by question: the edited article and the new facts. What was true before does not,
    so neither do the references on edited articles."""
    edited = {one.question.article for one in changed}
    known = Evidence(one.reference for one in study.questions if one.article not in edited)
    found = {}
    for one in changed:
        article = (documents / str(one.question.article)).read_text(encoding="utf-8")
        now = replace(one.question, facts=one.after.facts, reference=article)
        found[one.question.id] = evidence_for(now, (), known)
    return found


def _differences(changed: Sequence[ChangedQuestion], after: Mapping[str, Mapping[str, Answer]]) -> dict[str, Any]:
    """How much more often one arm follows than another, in shares, for each two."""
    follows = {
        name: [float(outcome(one, answers[one.question.id].text) == "new") for one in changed]
        for name, answers in after.items()
    }
    asked = [one.question for one in changed]
    return {
        f"{one} − {other}": plain(_difference(follows[one], follows[other], asked))
        for one, other in combinations(follows, 2)
    }


def _difference(ours: Sequence[float], theirs: Sequence[float], questions: Sequence[TestQuestion]) -> Inference:
    """Questions on one article belong together."""
    return paired_difference(ours, theirs, [question.cluster for question in questions])


def _share(values: Sequence[float], questions: Sequence[TestQuestion]) -> Estimate:
    """The mean of values from 0 to 1 of these questions; those on one article belong together."""
    return share([float(value) for value in values], [question.cluster for question in questions])


def _facts(question: TestQuestion, text: str) -> float:
    return check_facts(question, text).share or 0.0


def _arms(study: Study, choices: ShiftChoices) -> list[StudyArm]:
    unknown = set(choices.arms) - {arm.name for arm in study.plan.arms}
    if unknown:
        there = ", ".join(f"'{arm.name}'" for arm in study.plan.arms)
        raise StudyError(f"The study '{study.plan.name}' has no arm '{min(unknown)}'; it has {there}.")
    return [arm for arm in study.plan.arms if not choices.arms or arm.name in choices.arms]


def _controls(study: Study, choices: ShiftChoices) -> list[TestQuestion]:
    """A sample of the questions with facts whose articles stay as they are, in the study's order."""
    edited = {edit.article for edit in choices.edits}
    others = [one for one in study.questions if one.facts and one.article not in edited]
    drawn = set(random.Random(choices.seed).sample(range(len(others)), min(choices.controls, len(others))))
    return [one for place, one in enumerate(others) if place in drawn]
