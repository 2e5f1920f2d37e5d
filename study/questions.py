"""Test questions: what customers ask, with the facts that a right answer must contain or the answer people gave."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.errors import QuestionsError
from core.record_files import ending, records
from core.studies import MEASURES, Measure, QuestionsLook, TestQuestion
from core.types import Role, Turn

# The names that a column may have, the first found counts.
COLUMNS = {
    "question": ("question", "instruction", "prompt", "query", "input"),
    "answer": ("answer", "response", "reference", "completion", "output"),
    "facts": ("facts",),
    "topic": ("intent", "topic", "category"),
    "area": ("area", "category"),
    "history": ("history",),
    "split": ("split",),
    "id": ("id",),
    "article": ("article",),
    "kind": ("kind",),
}
ROLES: Mapping[str, Role] = {"user": "user", "customer": "user", "assistant": "assistant", "agent": "assistant"}
PATTERNS = ("*.jsonl", "*.jsonl.gz", "*.csv", "*.csv.gz")


def read_questions(path: Path) -> list[TestQuestion]:
    """The test questions of a .jsonl or .csv file, also .gz, or of every one in a folder.

    Columns are found by their names; knowledge/README.md has what may stand in them. Where there is a column `split`,
    the rows whose value is test count; rows without a question, or with neither answer nor facts, are left out. Without
    facts the answer can only be compared with the reference. Ids are those of the file where each row has its own,
    else the rows' numbers from 1. The area of questions that name none is their file, where there are several.
    Raises QuestionsError.
    """
    files = sorted(file for pattern in PATTERNS for file in path.glob(pattern)) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise QuestionsError(f"No test questions found at {path}; give a .jsonl or .csv file, or a folder of them.")
    names = [Path(file.name.removesuffix(".gz")).stem if len(files) > 1 else "" for file in files]
    questions = [question for file, name in zip(files, names, strict=True) for question in _questions(file, name)]
    twice = [name for name, count in Counter(question.id for question in questions).items() if count > 1]
    if twice:
        raise QuestionsError(f"{path} has two test questions with the id '{twice[0]}'; give each its own.")
    return questions


def spread(questions: Sequence[TestQuestion], limit: int) -> list[TestQuestion]:
    """`limit` of the questions, spread evenly over them; all with 0."""
    if not 0 < limit < len(questions):
        return list(questions)
    return [questions[place * len(questions) // limit] for place in range(limit)]


def look(questions: Sequence[TestQuestion]) -> QuestionsLook:
    """A question set at first sight. Facts must be known of some questions, a reference of all, to be a measure."""
    with_facts = sum(bool(question.facts) for question in questions)
    has_reference = all(question.reference for question in questions)
    allowed: dict[Measure, bool] = dict.fromkeys(MEASURES, has_reference) | {"facts": with_facts > 1, "ratings": True}
    return QuestionsLook(
        questions=len(questions),
        answerable=sum(question.answerable for question in questions),
        with_facts=with_facts,
        topics=dict(Counter(question.topic for question in questions if question.topic).most_common()),
        measures=tuple(measure for measure in MEASURES if allowed[measure]),
    )


def _questions(file: Path, among: str) -> list[TestQuestion]:
    """The questions of one file; `among` several it is the area of rows without one, and goes before their numbers."""
    rows = _rows(file)
    fields = list(dict.fromkeys(key for row in rows for key in row))
    names = {use: next((name for name in known if name in fields), "") for use, known in COLUMNS.items()}
    missing = [use for use in ("question", "answer") if not names[use] and not (use == "answer" and names["facts"])]
    if missing:
        raise QuestionsError(
            f"The test questions {file} have no column for {' and '.join(missing)} "
            f"(found: {', '.join(fields[:20]) or 'nothing'}); name them {' and '.join(missing)}."
        )
    used = [{use: row.get(name) for use, name in names.items()} for row in rows]
    ids = [_label(row["id"]) for row in used]
    numbered = len(set(ids) - {""}) < len(ids)
    prefix = f"{among}-" if among else ""
    questions = []
    for number, row in enumerate(used, 1):
        if names["split"] and _label(row["split"]).lower() != "test":
            continue
        try:
            question = _question(row, f"{prefix}{number}" if numbered else _label(row["id"]), among)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise QuestionsError(
                f"{file}, row {number} is not a test question ({type(error).__name__}: {error}); see "
                "knowledge/README.md for the fields."
            ) from error
        if question.question and (question.reference or question.facts is not None):
            questions.append(question)
    if not questions:
        raise QuestionsError(
            f"The test questions {file} hold no row with a question and an answer"
            f"{' and the value test in its column split' if names['split'] else ''} ({len(rows)} rows in all)."
        )
    return questions


def _question(row: Mapping[str, Any], name: str, area: str) -> TestQuestion:
    topic = _text(row["topic"])
    named = _text(row["area"])
    return TestQuestion(
        id=name,
        topic=topic,
        article=_text(row["article"]) or None,
        kind=_text(row["kind"]),
        question=_text(row["question"]),
        facts=_facts(row["facts"]),
        history=_history(row["history"]),
        reference=_text(row["answer"]),
        area=(named if named != topic else "") or area,  # a category may be the topic already
    )


def _facts(given: Any) -> tuple[tuple[str, ...], ...] | None:
    """For each fact its spellings: a list of lists, in a CSV file as JSON or as `30 days|thirty days; free`."""
    if isinstance(given, str):
        if not given.strip():
            return None
        plain = [[one.strip() for one in fact.split("|") if one.strip()] for fact in given.split(";")]
        given = json.loads(given) if given.strip().startswith("[") else plain
    if given is None:
        return None
    if not isinstance(given, list):
        raise ValueError(f"facts are {given!r} and no list")
    facts = [(fact,) if isinstance(fact, str) else tuple(_text(spelling) for spelling in fact) for fact in given]
    if not all(fact and all(fact) for fact in facts):
        raise ValueError("one of its facts has no spelling")
    return tuple(facts)


def _history(given: Any) -> tuple[Turn, ...]:
    """A list of turns, in a CSV file as JSON, each with its role and its content or text."""
    turns = json.loads(given) if isinstance(given, str) and given.strip() else given or []
    said = [(turn["role"], turn["content"] if "content" in turn else turn["text"]) for turn in turns]
    return tuple(Turn(ROLES[role], _text(text)) for role, text in said)


def _text(value: Any) -> str:
    """Raises ValueError."""
    if isinstance(value, (dict, list)):
        raise ValueError("a list or an object stands where a text should be")
    return _label(value)


def _label(value: Any) -> str:
    """JSON can escape half a character, which nothing can save as UTF-8."""
    return "" if value is None else str(value).encode("utf-8", "replace").decode().strip()


def _rows(file: Path) -> list[dict[str, Any]]:
    """The rows of a file, with names of columns in lower case. Raises QuestionsError."""
    if ending(file) not in (".csv", ".jsonl"):
        raise QuestionsError(
            f"The test questions {file} cannot be read: its name ends in '{file.suffix}'; give a .csv or .jsonl file; "
            "see knowledge/README.md."
        )
    found = records(file, QuestionsError)
    return [{name.strip().lower(): value for name, value in fields.items()} for _, fields in found]
