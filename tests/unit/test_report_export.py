"""A study as files: what is written reads back, and is safe to open."""

import csv
import io
import json
import zipfile
from collections import Counter
from dataclasses import replace

import pytest

from core.errors import StudyError
from study.report.export import ANSWERS, RATINGS, export
from study.report.plain import plain
from study.report.tools import ReportTools
from study.statistics.estimate import Inference
from tests import simulated_study as simulated

TOOLS = ReportTools(card=lambda adapter: {"seconds": 600.0, "conversation_rounds": 500})


@pytest.fixture(scope="module")
def parts():
    study = simulated.study(count=30, ratings=60, pairs="deciding")
    answers = simulated.answers(study, simulated.FOUR)
    first = answers[0]
    answers[0] = replace(first, answer=replace(first.answer, text='=HYPERLINK("x"),\n"quoted" – and more'))
    return study, answers, simulated.ratings(study, answers)


def lines(file):
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_the_page_is_one_file_that_needs_nothing_else(parts, tmp_path):
    file = export("html", *parts, TOOLS, tmp_path / "new")
    text = file.read_text("utf-8")
    assert file.name == "customer-service.html"
    assert text.startswith("<!doctype html>") and "default-src 'none'" in text
    assert "Arms against each other" in text and "http://" not in text and "https://" not in text


def test_csv_has_a_row_for_each_answer_and_each_rating(parts, tmp_path):
    _, answers, ratings = parts
    with zipfile.ZipFile(export("csv", *parts, TOOLS, tmp_path)) as packed:
        read = {
            name: list(csv.DictReader(io.StringIO(packed.read(name).decode("utf-8-sig"), newline="")))
            for name in packed.namelist()
        }
    assert set(read) == {"answers.csv", "ratings.csv"}
    assert tuple(read["answers.csv"][0]) == ANSWERS and tuple(read["ratings.csv"][0]) == RATINGS
    assert len(read["answers.csv"]) == len(answers) and len(read["ratings.csv"]) == len(ratings)
    by_id = {row["answer_id"]: row for row in read["answers.csv"]}
    for one in answers[1:]:
        row = by_id[one.answer.id]
        assert row["answer"].removeprefix("'") == one.answer.text
        assert (row["arm"], row["outcome"], row["template_hash"]) == (one.arm, "complete", "def456")
        assert float(row["total_s"]) == one.answer.total_s
        assert row["facts"] == "" or 0 <= float(row["facts"]) <= 1
    assert {row["preferred"] for row in read["ratings.csv"]} <= {"lora+prompt", "prompt", "tie", "both_bad"}


def test_no_cell_is_a_formula(parts, tmp_path):
    with zipfile.ZipFile(export("csv", *parts, TOOLS, tmp_path)) as packed:
        text = packed.read("answers.csv").decode("utf-8-sig")
    row = next(csv.DictReader(io.StringIO(text, newline="")))
    assert row["answer"] == '\'=HYPERLINK("x"),\n"quoted" – and more'


def test_jsonl_holds_everything_one_a_line_and_knows_no_infinity(parts, tmp_path):
    _, answers, ratings = parts
    rows = lines(export("jsonl", *parts, TOOLS, tmp_path))
    assert Counter(row["kind"] for row in rows) == {"study": 1, "answer": 120, "rating": len(ratings), "findings": 1}
    assert rows[0]["plan"]["decides"] == ["lora+prompt", "prompt"] and len(rows[0]["questions"]) == 30
    assert rows[1]["answer"]["text"] == answers[0].answer.text
    assert rows[1]["answer"]["arm"]["model_hash"] == "abc123"
    assert rows[-1]["decision"]["advised"] == "lora+prompt"
    assert plain(Inference(float("nan"), float("inf"), 1.0)) == {"mean": None, "standard_error": None, "degrees": 1.0}


def test_preferences_are_pairs_as_trl_reads_them(parts, tmp_path):
    study, answers, ratings = parts
    rows = lines(export("preferences", *parts, TOOLS, tmp_path))
    texts = {(one.answer.question_id, one.arm): one.answer.text for one in answers}
    questions = {one.id: one for one in study.questions}
    votes = {}
    for one in ratings:
        if one.repeats is None:
            votes.setdefault(one.question_id, []).append({"left": one.left, "right": one.right}.get(one.choice))
    wanted = {}
    for question, arms in votes.items():
        ours, theirs = arms.count("lora+prompt"), arms.count("prompt")
        if max(ours, theirs) > max(min(ours, theirs), arms.count(None)):
            best, other = ("lora+prompt", "prompt") if ours > theirs else ("prompt", "lora+prompt")
            if texts[question, best] != texts[question, other]:
                wanted[questions[question].question] = (texts[question, best], texts[question, other])
    assert {
        row["prompt"][-1]["content"]: (row["chosen"][0]["content"], row["rejected"][0]["content"]) for row in rows
    } == wanted
    assert wanted
    for row in rows:
        assert set(row) == {"prompt", "chosen", "rejected"}
        assert row["prompt"][-1]["role"] == "user"
        assert [turn["role"] for turn in row["chosen"] + row["rejected"]] == ["assistant"] * 2
    history = next(one for one in study.questions if one.history)
    told = [row for row in rows if row["prompt"][-1]["content"] == history.question]
    assert all(len(row["prompt"]) == 1 + len(history.history) for row in told)


def test_without_a_preference_there_is_nothing_to_write(parts, tmp_path):
    study, answers, _ = parts
    with pytest.raises(StudyError, match="No vote of this study prefers"):
        export("preferences", study, answers, [], TOOLS, tmp_path)


def test_a_name_that_is_no_file_name_becomes_one(parts, tmp_path):
    study, answers, ratings = parts
    named = replace(study, plan=replace(study.plan, name="../../Etc: Q3 / “Wärme”"))
    assert export("jsonl", named, answers, ratings, TOOLS, tmp_path).name == "etc-q3-wärme.jsonl"
    empty = replace(study, plan=replace(study.plan, name="…"))
    assert export("jsonl", empty, answers, ratings, TOOLS, tmp_path).name == "study.jsonl"
