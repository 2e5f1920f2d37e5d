"""The score of answers by a study's measure: one number a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.errors import StudyError
from core.studies import Measure, Study, TestQuestion
from core.types import Answer
from study.grading.facts import check_facts
from study.text_scores import Embed, chrf, rouge_l

if TYPE_CHECKING:
    import numpy as np

UNITS: Mapping[Measure, str] = {
    "facts": "points of facts",
    "similarity": "points of similarity",
    "rouge_l": "points of ROUGE-L",
    "chrf": "points of chrF",
}


def measure_of(study: Study) -> Measure:
    """The study's, or in place of ratings, which nobody gives to an experiment's answers, facts if there are any."""
    if study.plan.measure != "ratings":
        return study.plan.measure
    return "facts" if any(question.facts for question in study.questions) else "similarity"


def measures_for(study: Study, questions: Sequence[TestQuestion]) -> list[Measure]:
    """The study's, and similarity beside facts where all the questions have references."""
    own = measure_of(study)
    beside = own == "facts" and all(question.reference for question in questions)
    return [own, "similarity"] if beside else [own]


def scored(study: Study) -> list[TestQuestion]:
    """The questions that the measure can score: those that can be answered, and for facts have some.

    Raises StudyError for fewer than two.
    """
    by_facts = measure_of(study) == "facts"
    found = [one for one in study.questions if (one.facts if by_facts else one.answerable and one.reference)]
    if len(found) < 2:
        raise StudyError(
            f"An experiment takes two questions with {'facts' if by_facts else 'a reference answer'} at least, and the "
            f"study '{study.plan.name}' has {len(found)} of {len(study.questions)}; plan one with more."
        )
    return found


def scores_of(
    questions: Sequence[TestQuestion], answers: Mapping[str, Answer], measure: Measure, embed: Embed
) -> np.ndarray:
    """[questions], 0 to 1 (a similarity may be below): the share of required facts, or the nearness to the reference.

    `answers` holds one by each question's id.
    """
    import numpy as np

    texts = [answers[question.id].text for question in questions]
    pairs = list(zip(questions, texts, strict=True))
    if measure == "facts":
        return np.array([check_facts(question, text).share or 0.0 for question, text in pairs])
    if measure == "similarity":
        ours, theirs = (np.asarray(embed(said)) for said in (texts, [question.reference for question in questions]))
        return (ours * theirs).sum(axis=1) * np.array([bool(text.strip()) for text in texts])
    score = {"rouge_l": rouge_l, "chrf": chrf}[measure]
    return np.array([score(text, question.reference) for question, text in pairs])


def remembering(embed: Embed) -> Embed:
    """The same, but each text is looked at once: references and many answers come again and again."""
    known: dict[str, Any] = {}

    def vectors(texts: list[str]) -> list[Any]:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            known.update(zip(new, embed(new), strict=True))
        return [known[text] for text in texts]

    return vectors
