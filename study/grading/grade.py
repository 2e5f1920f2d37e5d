"""The automatic grade of one answer to a test question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.studies import TestQuestion
from core.types import Answer
from study.grading.facts import FactCheck, check_facts
from study.grading.mentions import Mention
from study.grading.unsupported import Evidence, unsupported
from study.text_scores import Embed, chrf, rouge_l


@dataclass(frozen=True)
class Grade(FactCheck):
    """Facts and refusals as in FactCheck, beside what else a program can measure. A failed answer is an empty one.

    `unsupported`: what it states without support. `rouge_l`, `chrf`: nearness to the reference in words and in
    characters, 0 to 1. `similarity`: the cosine of the embeddings, -1 to 1, None until `with_similarity`.
    `characters`: the answer's length. Times are seconds; `first_token_s` is None where no token came.
    """

    unsupported: tuple[Mention, ...]
    rouge_l: float
    chrf: float
    similarity: float | None
    characters: int
    prompt_tokens: int
    new_tokens: int
    first_token_s: float | None
    total_s: float


def grade(question: TestQuestion, answer: Answer, evidence: Evidence) -> Grade:
    """`evidence`, see evidence_for, is what the answer may have taken its facts from."""
    text = answer.text.strip()
    check = check_facts(question, text)
    return Grade(
        facts_found=check.facts_found,
        facts_required=check.facts_required,
        declined=check.declined,
        answerable=check.answerable,
        unsupported=unsupported(text, evidence),
        rouge_l=rouge_l(text, question.reference),
        chrf=chrf(text, question.reference),
        similarity=None,
        characters=len(text),
        prompt_tokens=answer.prompt_tokens,
        new_tokens=answer.new_tokens,
        first_token_s=answer.first_token_s,
        total_s=answer.total_s,
    )


def evidence_for(question: TestQuestion, answers: Sequence[Answer], known: Evidence | None = None) -> Evidence:
    """What supports answers to one question: the question, its history, the reference, the accepted spellings of its
    facts, and the passages and whole prompts of `answers`.

    With the answers of all arms, what is true by any arm's passages is no invention of another that had none.
    """
    texts = [question.question, question.reference, *(turn.text for turn in question.history)]
    texts += [spelling for spellings in question.facts or () for spelling in spellings]
    texts += [turn.text for answer in answers for turn in answer.prompt]
    texts += [passage.text for answer in answers for passage in answer.passages]
    return Evidence(dict.fromkeys(texts), known)


def with_similarity(
    grades: Sequence[Grade], answers: Sequence[str], references: Sequence[str], embed: Embed
) -> list[Grade]:
    """The grades with the cosine between each answer and its reference; an empty answer gets 0."""
    import numpy as np

    ours, theirs = (np.asarray(embed(list(texts)), np.float32) for texts in (answers, references))
    cosines = (ours * theirs).sum(axis=1)
    return [
        replace(one, similarity=float(cosine) if text.strip() else 0.0)
        for one, cosine, text in zip(grades, cosines, answers, strict=True)
    ]


def acceptable(grade: Grade) -> bool:
    """Whether the answer could be sent as it is: it is right (all required facts, or it declines what is unanswerable)
    and states nothing without support. Cost per acceptable answer counts these.
    """
    return grade.right and not grade.unsupported
