"""Transcripts and test questions that are broken or hostile: refused in one sentence that names the file, or read."""

import json
from dataclasses import asdict

import pytest

from core import record_files
from core.errors import QuestionsError, TrainingError
from finetune.data.reading import look, read_rounds
from study.experiments.article_edits import read_edits
from study.questions import look as look_at_questions
from study.questions import read_questions
from tests.broken import texts
from tests.broken.limits import check_sentence, within

KINDS = {
    "data.csv": texts.tables(),
    "data.jsonl": texts.lines(),
    "data.json": texts.lines(),
    "data.jsonl.gz": texts.packed(),
}
CASES = [(name, case) for name, made in KINDS.items() for case in made]


def savable(found):
    """What was read must be fit to be stored."""
    json.dumps(found, ensure_ascii=False, allow_nan=False).encode()


def transcripts(file):
    look(file)
    rounds, _ = read_rounds([file], None)
    savable([asdict(one) for one in rounds])


def questions(file):
    found = read_questions(file)
    look_at_questions(found)
    savable([asdict(one) for one in found])


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{name}: {case}" for name, case in CASES])
def test_a_broken_file_gets_a_sentence_or_is_read(tmp_path, monkeypatch, name, case):
    monkeypatch.setattr(record_files, "MAX_BYTES", 20 * 10**6)
    file = tmp_path / name
    file.write_bytes(KINDS[name][case])
    for read, error in ((transcripts, TrainingError), (questions, QuestionsError), (read_edits, QuestionsError)):
        with within(10):
            try:
                read(file)
            except error as said:
                check_sentence(said, name)


@pytest.mark.parametrize("name", ["missing.csv", "folder.csv", "loop.csv", "closed.csv", "é\udcff.csv", "a\nb.csv"])
def test_what_is_no_file_is_named(tmp_path, name):
    path = tmp_path / name
    if name == "folder.csv":
        path.mkdir()
    elif name == "loop.csv":
        path.symlink_to(path)
    for read, error in ((transcripts, TrainingError), (questions, QuestionsError)):
        with pytest.raises(error):
            read(path)
