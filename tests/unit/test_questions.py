"""Test questions, read from what people have: our own files, and tables whose columns are found by name."""

import gzip
import json

import pytest

from core.errors import QuestionsError
from core.studies import TestQuestion
from core.types import Turn
from study.questions import look, read_questions, spread

OWN = {
    "id": "orders-1",
    "topic": "delivery",
    "article": "delivery.md",
    "kind": "follow-up",
    "history": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}],
    "question": "And where?",
    "facts": [["Utrecht", "NL"], ["free"]],
    "reference": "In Utrecht, free.",
}


def test_our_own_questions_have_facts_and_a_history(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps(OWN))
    (tmp_path / "b.jsonl").write_text(json.dumps(OWN | {"id": "orders-2", "facts": [], "article": None}))
    first, second = read_questions(tmp_path)
    assert first == TestQuestion(
        id="orders-1",
        topic="delivery",
        article="delivery.md",
        kind="follow-up",
        question="And where?",
        facts=(("Utrecht", "NL"), ("free",)),
        history=(Turn("user", "Hi"), Turn("assistant", "Hello")),
        reference="In Utrecht, free.",
        area="a",
    )
    assert (second.id, second.facts, second.answerable, second.article) == ("orders-2", (), False, None)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "Question,Answer,category,intent,split\nWhere?,Here.,any,find,TEST\nWhen?,Now.,any,time,train\n"),
        ("a.csv", "\ufeffinstruction;response;intent\nWhere?;Here.;find\nWhen?;;time\n"),
        ("a.jsonl", '{"prompt": "Where?", "reference": "Here.", "topic": "find"}\n\n'),
        ("a.csv.gz", "question\tanswer\ttopic\nWhere?\tHere.\tfind\n"),
    ],
)
def test_columns_of_other_files_are_found_by_their_names_and_facts_are_not_known(tmp_path, name, text):
    data = text.encode("utf-8")
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    (found,) = read_questions(tmp_path / name)
    assert (found.id, found.question, found.reference, found.topic) == ("1", "Where?", "Here.", "find")
    assert found.facts is None and found.answerable


def test_a_table_may_hold_facts_and_histories_too(tmp_path):
    turns = json.dumps([{"role": "customer", "text": "Hi"}]).replace('"', '""')
    rows = (f'How long?,30 days|a month; free,"{turns}"', 'And boats?,"[]",', 'Why?,"[[""so""]]",', "No facts?,,")
    (tmp_path / "a.csv").write_text("\n".join(["question,facts,history", *rows]))
    found = read_questions(tmp_path / "a.csv")
    assert [one.facts for one in found] == [(("30 days", "a month"), ("free",)), (), (("so",),)]
    assert found[0].history == (Turn("user", "Hi"),)


def test_ids_are_those_of_the_file_or_the_numbers_of_its_rows(tmp_path):
    def ids(text):
        (tmp_path / "a.csv").write_text(text)
        return [one.id for one in read_questions(tmp_path if (tmp_path / "b.csv").exists() else tmp_path / "a.csv")]

    assert ids("id,question,answer\nx,Where?,Here.\ny,When?,Now.\n") == ["x", "y"]
    assert ids("id,question,answer\nx,Where?,Here.\nx,When?,Now.\n") == ["1", "2"]
    (tmp_path / "b.csv").write_text("question,answer\nWho?,Me.\n")
    assert ids("question,answer\nWhere?,Here.\nWhen?,Now.\n") == ["a-1", "a-2", "b-1"]


@pytest.mark.parametrize(
    ("columns", "row", "topic", "area"),
    [
        ("topic,area", "find,orders", "find", "orders"),
        ("intent,category", "find,orders", "find", "orders"),
        ("topic,area", "find,", "find", ""),
        ("category", "orders", "orders", ""),
    ],
)
def test_a_table_may_name_the_area_of_its_topics(tmp_path, columns, row, topic, area):
    (tmp_path / "a.csv").write_text(f"question,answer,{columns}\nWhere?,Here.,{row}\n")
    (found,) = read_questions(tmp_path / "a.csv")
    assert (found.topic, found.area) == (topic, area)


def test_of_several_files_each_is_an_area_unless_its_rows_name_another(tmp_path):
    (tmp_path / "orders.csv").write_text("question,answer,area\nWhere?,Here.,\nWhen?,Now.,delivery\n")
    (tmp_path / "bikes.jsonl.gz").write_bytes(gzip.compress(json.dumps(OWN | {"id": "b"}).encode()))
    assert [one.area for one in read_questions(tmp_path)] == ["bikes", "orders", "delivery"]
    assert [one.area for one in read_questions(tmp_path / "orders.csv")] == ["", "delivery"], "one file is no area"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.csv", "question,text\nWhere?,Here.\n", r"no column for answer \(found: question, text\)"),
        ("a.csv", "", "found: nothing"),
        ("a.csv", "question,answer,split\nWhere?,Here.,train\n", r"the value test in its column split \(1 rows"),
        ("a.csv", "question,answer,facts\nWhere?,Here.,[1\n", "row 1 is not a test question"),
        ("a.csv", "question,answer,history\nWhere?,Here.,earlier\n", "row 1 is not a test question"),
        ("a.jsonl", "[1]\n", "item 1 is not an object"),
        ("a.jsonl", "{\n", "line 1 is not JSON"),
        ("a.jsonl", json.dumps(OWN | {"facts": [[]]}), "has no spelling"),
        ("a.jsonl", json.dumps(OWN | {"history": [{"role": "boss", "content": "Hi"}]}), "KeyError: 'boss'"),
        ("a.xlsx", "PK", "give a .csv or .jsonl"),
        ("a.csv.gz", "not packed", "no column for question"),
        ("a.csv", "question,answer\nWhere?,\x81\n", "is not a text file"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, name, text, says):
    (tmp_path / name).write_text(text, encoding="latin-1")
    with pytest.raises(QuestionsError, match=says) as raised:
        read_questions(tmp_path / name)
    assert name in str(raised.value)


def test_two_files_with_one_id_are_refused(tmp_path):
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text(json.dumps(OWN))
    with pytest.raises(QuestionsError, match="two test questions with the id 'orders-1'"):
        read_questions(tmp_path)


def test_a_folder_without_questions_is_named(tmp_path):
    with pytest.raises(QuestionsError, match="No test questions found"):
        read_questions(tmp_path)


def question(number, facts=None, reference="Here.", topic=""):
    return TestQuestion(str(number), topic, None, "", "Where?", facts, (), reference)


def test_the_measures_of_a_set_are_those_that_its_questions_allow():
    facts = (("30 days",),)
    with_facts = [question(1, facts, topic="a"), question(2, facts, topic="a"), question(3, (), topic="b")]
    found = look(with_facts)
    assert (found.questions, found.answerable, found.with_facts, found.topics) == (3, 2, 2, {"a": 2, "b": 1})
    assert found.measures == ("facts", "similarity", "rouge_l", "chrf", "ratings")
    assert look([question(1), question(2)]).measures == ("similarity", "rouge_l", "chrf", "ratings")
    assert look([question(1, facts, ""), question(2, facts)]).measures == ("facts", "ratings")


def test_fewer_questions_are_spread_evenly():
    questions = [question(number) for number in range(10)]
    assert [one.id for one in spread(questions, 3)] == ["0", "3", "6"]
    assert spread(questions, 0) == spread(questions, 10) == spread(questions, 99) == questions
