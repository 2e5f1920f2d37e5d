"""What would make a study worthless: arms that are not what they were, and test questions that an arm has seen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from core.errors import StudyError
from core.protocols import Backend, Retriever
from core.studies import StudyArm, StudyPlan, TestQuestion
from core.training import Adapters, Training
from core.types import Arm
from study.asking import as_asked

WORDS = 6  # a shorter text is found in any help centre
PIECE = 20  # words; a long answer is cut into several passages
SAME = 95  # of 100, rapidfuzz's partial ratio: word for word, but for a slip
PASSAGES = 5  # best ones a question is looked for in


def identities(backend: Backend, arms: Sequence[StudyArm], questions: Sequence[TestQuestion]) -> dict[str, Arm]:
    """What each arm is made of now, by its name; nothing is generated. Raises what the arms raise."""
    shortest = min(questions, key=lambda question: len(question.question))
    found = {}
    for arm in arms:
        draft = backend.draft(as_asked(shortest), arm.spec)
        draft.pieces.close()
        found[arm.name] = draft.arm
    return found


def check_different(arms: Mapping[str, Arm]) -> None:
    """Raises StudyError for two arms that are one and the same."""
    names: dict[Arm, str] = {}
    for name, arm in arms.items():
        if (first := names.setdefault(arm, name)) != name:
            raise StudyError(f"The arms '{first}' and '{name}' are made of the same; change or remove one of them.")


def changes(before: Arm, now: Arm) -> str:
    """What makes two arms different, for people; '' when nothing does."""
    told = []
    for what, names in (
        ("base model", ("model", "model_hash")),
        ("template", ("template", "template_version", "template_hash")),
        ("decoding", ("decoding",)),
        ("adapter", ("adapter", "adapter_hash")),
        ("index", ("index_version",)),
        ("engine", ("engine",)),
        ("arm", ("name",)),
    ):
        was, is_ = ([getattr(arm, name) for name in names] for arm in (before, now))
        if was != is_:
            told.append(f"{what} {_shown(was)} became {_shown(is_)}")
    return "; ".join(told)


def check_unchanged(before: Mapping[str, Arm], now: Mapping[str, Arm]) -> None:
    """Whether the arms in `now` are those that a study began with. Raises StudyError."""
    told = {name: changes(before[name], arm) for name, arm in now.items()}
    changed = [f"'{name}' ({change})" for name, change in told.items() if change]
    if changed:
        raise StudyError(
            f"What an arm is made of is fixed when a study begins, but it has changed: {', '.join(changed)}. A changed "
            "arm is a new arm: make a new study; its unchanged arms take their answers over."
        )


def leaks(
    arms: Sequence[StudyArm],
    questions: Sequence[TestQuestion],
    training: Training,
    adapters: Adapters,
    retriever: Retriever,
) -> list[str]:
    """A sentence for each adapter that has learnt from test questions, and for an index that holds some of them."""
    used = dict.fromkeys(arm.spec.adapter for arm in arms if arm.spec.uses_adapter and arm.spec.adapter)
    texts = [question.question for question in questions]
    told = [sentence for adapter in used if (sentence := learnt(adapter, texts, training, adapters)[1])]
    if any(arm.spec.uses_retrieval for arm in arms):
        found = in_index(questions, retriever)
        if found:
            more = f" and {len(found) - 3} more" if len(found) > 3 else ""
            told.append(
                f"The index holds {len(found)} of the {len(questions)} test questions or their reference answers word "
                f"for word ({', '.join(found[:3])}{more}): arms with passages can copy these."
            )
    return told


def learnt(adapter: str, questions: Sequence[str], training: Training, adapters: Adapters) -> tuple[int, str]:
    """How many of the questions an adapter has seen in training as far as that is kept, and a sentence on it: '' when
    it has learnt from no test question at all. Raises UnknownAdapter."""
    seen = training.seen(adapter, questions)
    kept = adapters.card(adapter).get("leaks_kept") or 0
    if not seen and not kept:
        return 0, ""
    return seen, (
        f"The adapter '{adapter}' was trained on rounds that nearly repeat test questions ({seen} of these "
        f"{len(questions)}; {kept} kept when it was trained): what it is given here is partly memory."
    )


def in_index(questions: Sequence[TestQuestion], retriever: Retriever) -> list[str]:
    """The ids of the questions that, or whose references, stand word for word in a passage that they find."""
    found = []
    for question in questions:
        wanted = [_words(text) for text in (question.question, question.reference)]
        wanted = [text for text in wanted if len(text.split()) >= WORDS]
        passages = retriever.search(_both(question), PASSAGES) if wanted else []
        near = [_words(passage.text) for passage in passages]
        if any(_repeats(passage, text) for passage in near for text in wanted):
            found.append(question.id)
    return found


def _repeats(passage: str, text: str) -> bool:
    """Whether the text stands in the passage, or the passage is a large piece of the text."""
    from rapidfuzz import fuzz

    if len(passage) < len(text) and len(passage.split()) < PIECE:
        return False
    return fuzz.partial_ratio(text, passage, score_cutoff=SAME) > 0


def check_leaks(plan: StudyPlan, found: Sequence[str]) -> None:
    """Raises StudyError for leaks that the plan does not keep."""
    if found and plan.leaks == "refuse":
        raise StudyError(
            f"{' '.join(found)} Take these questions out, or keep the leaks, which every result of the study then says."
        )


def _both(question: TestQuestion) -> str:
    return f"{question.question}\n{question.reference}".strip()


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _shown(values: Sequence[object]) -> str:
    return " ".join(str(value) for value in values if value is not None) or "none"
