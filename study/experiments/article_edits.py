"""Edits of the help centre's articles: what they change in the text, and which facts of the questions with it."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import QuestionsError, StudyError
from core.record_files import records
from core.studies import Study, TestQuestion

SPELLED = "zero one two three four five six seven eight nine ten eleven twelve"
WORDS = {str(number): word for number, word in enumerate(SPELLED.split())}
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True)
class Edit:
    """In one article, `old` becomes `new` wherever it stands; as a fact has it, such as '30 days'."""

    article: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.article}: {self.old} -> {self.new}"


def label_of(edits: Sequence[Edit]) -> str:
    """A short name for edits that are made together."""
    if len(edits) == 1:
        return str(edits[0])
    return f"{len(edits)} edits ({hashlib.sha256(repr(edits).encode()).hexdigest()[:6]})"


@dataclass(frozen=True)
class ChangedQuestion:
    """A question of which facts have changed: `before` requires their old spellings alone, `after` their new ones."""

    question: TestQuestion
    before: TestQuestion
    after: TestQuestion


def read_edits(file: Path) -> tuple[Edit, ...]:
    """A CSV file with the columns article, old and new. Raises QuestionsError."""
    rows = [fields for _, fields in records(file, QuestionsError)]
    if not all({"article", "old", "new"} <= set(row) for row in rows):
        raise QuestionsError(f"The edits in {file} cannot be read; give a .csv with the columns article, old, new.")
    return tuple(Edit(*(str(row[name]).strip() for name in ("article", "old", "new"))) for row in rows)


def edit_copy(documents: Path, edits: Sequence[Edit], target: Path) -> None:
    """Copies a folder of documents and edits the copy. Raises StudyError when there is nothing to replace."""
    shutil.copytree(documents, target)
    for edit in edits:
        file = target / edit.article
        if not edit.old or edit.old == edit.new or not file.resolve().is_relative_to(target.resolve()):
            raise StudyError(f"The edit '{edit}' changes nothing; say what an article tells and what it shall tell.")
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise StudyError(
                f"{documents} has no text '{edit.article}' to edit; name a Markdown file there."
            ) from error
        if not _whole(edit.old).search(text):
            raise StudyError(f"The article {edit.article} does not say '{edit.old}'; give words that stand in it.")
        file.write_text(_replaced(text, edit), encoding="utf-8")


def changed_questions(study: Study, edits: Sequence[Edit]) -> list[ChangedQuestion]:
    """The questions on the edited articles that require an old fact. Raises StudyError for an edit without any."""
    found: dict[str, ChangedQuestion] = {}
    for question in study.questions:
        of_article = [edit for edit in edits if edit.article == question.article]
        pairs = [(fact, new) for fact in question.facts or () if (new := _new_spellings(fact, of_article))]
        if pairs:
            before = replace(question, facts=tuple(fact for fact, _ in pairs))
            after = replace(question, facts=tuple(new for _, new in pairs))
            found[question.id] = ChangedQuestion(question, before, after)
    for edit in edits:
        mine = [one.question for one in found.values() if one.question.article == edit.article]
        if not any(_new_spellings(fact, [edit]) for question in mine for fact in question.facts or ()):
            known = sorted({fact[0] for q in study.questions if q.article == edit.article for fact in q.facts or ()})
            told = f"its questions require: {', '.join(known)}" if known else "it has no questions with facts"
            raise StudyError(f"No question of the study requires '{edit.old}' of {edit.article}; {told}.")
    return list(found.values())


def _new_spellings(fact: tuple[str, ...], edits: Sequence[Edit]) -> tuple[str, ...]:
    """What a fact is after the edits, in all spellings that can be told; none where nothing of it changes.

    Spellings that hold the old words get the new ones, and where both are told by one number, so do those that hold
    the old number: 48 hours, 48-hour; two years.
    """
    for edit in edits:
        if not any(_whole(edit.old).search(spelling) for spelling in fact):
            continue
        new = [_replaced(spelling, edit) for spelling in fact if _whole(edit.old).search(spelling)]
        numbers = NUMBER.findall(edit.old), NUMBER.findall(edit.new)
        if len(numbers[0]) == len(numbers[1]) == 1:
            (was,), (now,) = numbers
            spelled = [(WORDS[was], WORDS[now])] if was in WORDS and now in WORDS else []
            for before, after in [(was, now), *spelled]:
                pattern = re.compile(rf"(?<![\w.,]){re.escape(before)}(?!\d|[.,]\d)", re.IGNORECASE)
                new += [pattern.sub(after, spelling) for spelling in fact if pattern.search(spelling)]
        return tuple(dict.fromkeys([*new, edit.new]))
    return ()


def _replaced(text: str, edit: Edit) -> str:
    return _whole(edit.old).sub(lambda _: edit.new, text)


def _whole(text: str) -> re.Pattern[str]:
    """Finds a text where it begins and ends with a word or number: '1 day' is not in '21 days'."""
    return re.compile(rf"(?<!\w)(?<!\d[.,]){re.escape(text)}(?!\d|[.,]\d|\w)", re.IGNORECASE)
