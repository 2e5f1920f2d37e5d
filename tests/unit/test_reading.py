"""Bringing one's own conversations: whatever shape they have, they are read, or one sentence says what to do."""

import csv
import gzip
import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import record_files
from core.errors import TrainingError
from core.export import COLUMNS, to_csv, to_jsonl
from core.training import Columns, Round
from core.types import Turn
from finetune.data.reading import look, read_rounds
from tests.unit.test_export import exchange, vote

PAIR = {"question": "Where is my bike?", "answer": "On its way."}
ROUND = Round("Where is my bike?", "On its way.", row=1)
USER, AGENT = "Where is my bike?", "On its way."


@pytest.fixture
def read(tmp_path):
    def read(content, name="past.jsonl", columns=None):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_rounds([file], columns)

    return read


def table(rows, delimiter=","):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_tables_are_read_in_any_common_dialect(read, delimiter, encoding):
    content = table([["Question", "Answer"], ["Où est\nmon vélo, là?", "En route; „ça“ vient\t!"]], delimiter)
    rounds, left_out = read(content.encode(encoding), "past.csv")
    assert rounds == [Round("Où est\nmon vélo, là?", "En route; „ça“ vient\t!", row=1)]
    assert left_out == {}


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("instruction", "output"),
        ("prompt", "completion"),
        ("Customer message", "Agent reply"),
        ("customerQuestion", "agentAnswer"),
        ("query", "response_text"),
        ("input", "Responses"),
    ],
)
def test_the_fields_of_pairs_are_guessed(read, question, answer):
    assert read(json.dumps({question: USER, answer: AGENT, "customer_id": 7}))[0] == [ROUND]


def test_an_empty_second_question_field_is_no_riddle(read):
    assert read(json.dumps({"instruction": USER, "input": "", "output": AGENT}))[0] == [ROUND]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": USER}]},
        {"conversations": [{"from": "human", "value": USER}]},
        {"turns": [{"role": "customer", "text": USER}]},
    ],
)
def test_lists_of_turns_are_read_in_all_usual_dialects(read, row):
    (turns,) = row.values()
    role, said = list(turns[-1])
    turns.append({role: {"user": "assistant", "human": "gpt", "customer": "agent"}[turns[-1][role]], said: AGENT})
    assert read(json.dumps(row))[0] == [ROUND]


def test_each_answer_of_a_conversation_is_a_round_with_what_came_before(read):
    said = [
        ("agent", "Hello!"),
        ("user", "Hi"),
        ("user", "My bike?"),
        ("bot", "Soon."),
        ("user", "When?"),
        ("bot", "At 9."),
    ]
    rounds, _ = read(json.dumps({"messages": [{"role": role, "content": text} for role, text in said]}))
    greeting = Turn("assistant", "Hello!")
    asked = "Hi\nMy bike?"
    assert rounds == [
        Round(asked, "Soon.", (greeting,), row=1),
        Round("When?", "At 9.", (greeting, Turn("user", asked), Turn("assistant", "Soon.")), row=1),
    ]


def test_turns_that_name_their_text_differently_are_read_all_the_same(read):
    rows = [{"chat_id": 1, "role": "user", "content": USER}, {"chat_id": 1, "role": "agent", "text": AGENT}]
    rounds, _ = read("\n".join(map(json.dumps, rows)))
    assert [(one.question, one.answer) for one in rounds] == [(USER, AGENT)]


def test_a_table_with_a_turn_a_row_is_grouped_by_conversation(read):
    rows = [
        ["conversation_id", "role", "text", "topic"],
        ["c1", "customer", USER, "delivery"],
        ["c2", "customer", "Refund?", "money"],
        ["c1", "agent", AGENT, "delivery"],
        ["c1", "customer", "Thanks", "delivery"],
        ["c2", "agent", "Sure.", "money"],
        ["c1", "agent", "Bye.", "delivery"],
    ]
    rounds, _ = read(table(rows), "past.csv")
    before = (Turn("user", USER), Turn("assistant", AGENT))
    assert rounds == [
        Round(USER, AGENT, topic="delivery", row=1),
        Round("Thanks", "Bye.", before, "delivery", 1),
        Round("Refund?", "Sure.", topic="money", row=2),
    ]


def test_pairs_may_bring_their_history(read):
    row = {**PAIR, "history": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
    assert read(json.dumps(row))[0][0].history == (Turn("user", "Hi"), Turn("assistant", "Hello"))
    assert read(json.dumps({**PAIR, "history": [["Hi", "Hello"]]}))[0] == read(json.dumps(row))[0]


def test_only_rows_for_training_are_read_where_a_field_says_so(read):
    rows = [{**PAIR, "intent": "where", "split": split} for split in ("train", "Training", "test", "validation")]
    rounds, left_out = read(json.dumps(rows), "past.json")
    assert [(found.row, found.topic) for found in rounds] == [(1, "where"), (2, "where")]
    assert left_out == {"not marked for training": 2}


@pytest.mark.parametrize("arm", ["", "test", "train"])
def test_the_arm_that_a_live_split_has_drawn_marks_no_row(read, arm):
    assert read(json.dumps({**PAIR, "split_id": "", "split_arm": arm}))[0] == [ROUND]


def test_a_field_called_set_that_marks_something_else_is_left_alone(read):
    assert read(json.dumps({**PAIR, "set": "blue"}))[0] == [ROUND]


def test_chosen_columns_count_and_the_missing_one_is_guessed(read):
    row = json.dumps({"a": "x", "text": USER, "reply": AGENT, "intent": "where"})
    assert read(row, columns=Columns(question="text"))[0] == [ROUND]


def test_gzip_folders_and_several_files_are_read_in_order(tmp_path):
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(json.dumps(PAIR).encode()))
    (tmp_path / "a.csv").write_text("question,answer\nFirst?,Yes.\n")
    (tmp_path / "notes.txt").write_text("no transcript")
    rounds, _ = read_rounds([tmp_path], None)
    assert [found.question for found in rounds] == ["First?", USER]


def test_a_look_shows_fields_first_rows_and_a_guess_and_never_insists(tmp_path):
    file = tmp_path / "past.csv"
    file.write_text("id,question,reply_a,reply_b,label\n" + "1,What?,So.,Thus.,x\n" * 9)
    found = look(file)
    assert (found.rows, len(found.sample)) == (9, 5)
    assert found.fields == ("id", "question", "reply_a", "reply_b", "label")
    assert found.columns == Columns(question="question", answer="", topic="label")


def test_what_cannot_be_guessed_is_asked_for_by_name(read):
    with pytest.raises(TrainingError, match="'reply_a', 'reply_b'; choose with answer=FIELD"):
        read("question,reply_a,reply_b\nWhat?,So.,Thus.\n", "past.csv")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", '{"question": "a", "answer": "b"}\n\n{"question"', "line 3 is not JSON"),
        ("a.json", '[{"question": "a"},\n {"question" 1}]', "line 2 is not JSON"),
        ("a.json", "[1, 2]", "item 1 is not an object"),
        ("a.jsonl", "[" * 100_000, "cannot be read as JSON"),
        ("a.jsonl", "not json", "line 1"),
        ("a.jsonl", "", "no answered question"),
        ("a.csv", "", "no answered question"),
        ("a.csv", "question,answer\n", "no answered question"),
        ("a.csv", "question,answer\na,b,c\n", r"row 1 \(line 2\) has 3 cells"),
        ("a.csv", 'question,answer\na,"' + "b" * 200_000, "quotation mark"),
        ("a.jsonl", '{"messages": [{"role": "user"}]}', "row 1 has a turn without a role or a text"),
        ("a.jsonl", '{"messages": [{"role": "Anna", "content": "x"}]}', "by 'Anna'"),
        ("a.jsonl", '{"messages": []}', "no answered question"),
        ("a.jsonl", '{"question": {"a": 1}, "answer": "b"}', "choose another field"),
        ("a.csv", b"\x89PNG\0\0", "not a text file"),
        ("a.csv", b"\x81\x8d\xff", "not a text file"),
        ("a.csv.gz", b"\x1f\x8b broken", "cannot be read"),
        ("a.csv", "question,answer,split\na,b,test\n", "1 left out: not marked for training"),
    ],
)
def test_a_bad_file_gets_one_clear_sentence(read, name, content, says):
    with pytest.raises(TrainingError, match=says) as caught:
        read(content, name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (Columns(question="query"), "no field 'query' for the question; it has 'question', 'answer'"),
        (Columns(question="question", messages="answer"), "not both"),
        (Columns(messages="answer"), "no list of turns"),
        (Columns(question="question", answer="question"), "not clear"),
    ],
)
def test_wrong_columns_are_refused(read, columns, says):
    with pytest.raises(TrainingError, match=says):
        read(json.dumps(PAIR), columns=columns)


def test_missing_files_and_empty_folders_are_named(tmp_path):
    for paths, says in (([tmp_path / "none.csv"], "none.csv"), ([tmp_path], "holds no .csv"), ([], "No file")):
        with pytest.raises(TrainingError, match=says):
            read_rounds(paths, None)


def test_too_large_a_file_is_refused_at_once_packed_or_not(tmp_path, monkeypatch):
    monkeypatch.setattr(record_files, "MAX_BYTES", 2 * 10**6)
    plain, packed = tmp_path / "big.csv", tmp_path / "bomb.csv.gz"
    plain.write_bytes(b"a" * 3 * 10**6)
    packed.write_bytes(gzip.compress(b"a" * 50 * 10**6))
    assert packed.stat().st_size < 10**5
    with pytest.raises(TrainingError, match="is 3 MB, and at most 2 MB are read; take a sample"):
        read_rounds([plain], None)
    with pytest.raises(TrainingError, match="unpacks to more than 2 MB"):
        read_rounds([packed], None)


@pytest.mark.parametrize(("write", "name"), [(to_jsonl, "past.jsonl"), (to_csv, "past.csv")])
@pytest.mark.parametrize(
    ("votes", "left_out"),
    [
        ([], {"answer not complete": 1}),
        ([vote("left")], {"answer not complete": 1}),
        ([vote("right")], {"answer not complete": 1, "lost the vote": 1}),
        ([vote("both_bad")], {"answer not complete": 1, "voted bad": 1}),
    ],
)
def test_our_own_exports_give_the_answers_that_people_preferred(read, tmp_path, write, name, votes, left_out):
    content = "".join(write([exchange(*votes)]))
    if len(left_out) > 1:
        with pytest.raises(TrainingError, match=list(left_out)[1]):
            read(content, name)
        return
    (found,), reasons = read(content, name)
    assert (found.question, found.answer) == ("And by post?", "Yes, „by post“.\nTwo days.")
    assert reasons == left_out
    assert bool(found.history) == (write is to_jsonl), "a spreadsheet has no place for what was said before"


def test_the_loser_of_a_vote_thumbs_down_and_withdrawn_questions_are_counted(read):
    def row(answer_id, **fields):
        base = dict.fromkeys(COLUMNS, "")
        base |= {"question_id": answer_id[0], "answer_id": answer_id, "outcome": "complete", "withdrawn": "false"}
        return base | {"latest": "true", "question": "=Why?", "answer": f"'=So {answer_id}."} | fields

    rows = [
        row("a1", won=2, lost=1),
        row("a2", won=1, lost=2),
        row("b1", won=1),
        row("b2", tie=1),
        row("c1", thumbs_down=1),
        row("d1", withdrawn="true"),
        row("e1", latest="false"),
        row("f1", outcome="stopped"),
        row("g1"),
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(COLUMNS))
    writer.writeheader()
    writer.writerows(rows)
    rounds, left_out = read(text.getvalue(), "past.csv")
    assert [found.answer for found in rounds] == ["=So a1.", "=So b1.", "=So g1."]
    assert left_out == {
        "lost the vote": 1,
        "another answer won the vote": 1,
        "thumbs down": 1,
        "question withdrawn": 1,
        "answer regenerated": 1,
        "answer not complete": 1,
    }


def test_half_a_character_can_be_saved(read):
    (found,), _ = read('{"question": "a\\ud800", "answer": "b"}')
    found.question.encode()


@given(content=st.binary(max_size=200) | st.text("question,answer;\n\"'[]{}:\\ud", max_size=80).map(str.encode))
@pytest.mark.parametrize("name", ["x.csv", "x.jsonl", "x.json", "x.csv.gz", "x"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_bytes_give_rounds_or_a_training_error(read, name, content):
    try:
        rounds, _ = read(content, name)
    except TrainingError:
        return
    assert all(isinstance(found, Round) and found.question for found in rounds)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "from", "value", "text"]), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = ["messages", "question", "answer", "conversations", "split", "history", "conversation_id", "role", "text"]
OWN = ["question_id", "answer_id", "lane", "outcome", "withdrawn", "latest", "votes", "thumbs", "question", "answer"]


@given(
    rows=st.lists(st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6), max_size=4)
    | st.lists(st.fixed_dictionaries(dict.fromkeys(OWN, VALUES)), max_size=3)
)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_json_gives_rounds_or_a_training_error(read, rows):
    try:
        read("\n".join(map(json.dumps, rows)))
    except TrainingError as error:
        assert "\n" not in str(error)
