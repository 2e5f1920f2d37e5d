"""Lines made of removed conversations leave the files of the data folder; all other lines stay as they are."""

import json

import pytest

from core.derived_files import Traces, remove_lines
from core.errors import StoreError
from core.export import to_csv, to_jsonl
from core.types import TranscriptFilter
from tests.conftest import PROMPT

ASKED, SHORT = "Where has my blue bike been since Monday?", "And when?"


@pytest.fixture
def theirs(desk, backend):
    """One person's exchanges; another person asked the same short question."""
    backend.words = ["It waits in Groningen."]
    chat = desk.open_chat("ann")
    list(desk.ask(chat.id, ASKED, PROMPT))
    backend.words = ["On Friday."]
    list(desk.ask(chat.id, SHORT, PROMPT))
    other = desk.open_chat("bob")
    backend.words = ["Nobody\nknows, ann."]
    list(desk.ask(other.id, SHORT, PROMPT))
    return desk.store.search(TranscriptFilter(chat_id=chat.id))


def rows(*values):
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


def test_training_rounds_prompts_and_samples_go_and_others_stay(theirs, tmp_path):
    run = tmp_path / "runs/r1"
    run.mkdir(parents=True)
    others = [
        {"question": SHORT, "answer": "On Sunday.", "history": [], "part": "train"},
        {"question": "Does a line\u2028break it?", "answer": "No."},
    ]
    (run / "rounds.jsonl").write_text(
        rows(
            others[0],
            {"question": ASKED, "answer": "Another wording.", "part": "train"},
            {"question": SHORT, "answer": "On Friday.", "part": "train"},
            others[1],
        )
    )
    prompt = [{"role": "user", "content": f"Customer: {SHORT}\nAnswer:"}]
    rendered = {"prompt": prompt, "completion": [{"role": "assistant", "content": " On Friday. "}]}
    kept = {"prompt": prompt, "completion": [{"role": "assistant", "content": "Soon."}]}
    (run / "train.jsonl").write_text(rows(rendered, kept))
    (run / "samples.jsonl").write_text(rows({"step": 1, "answers": {ASKED: "..."}}, {"step": 2, "answers": {}}))
    (run / "log.jsonl").write_text('{"step": 1, "loss": 2.5}\n{"step": 2, "lo')
    removed = remove_lines([tmp_path, tmp_path / "none"], Traces(theirs))
    assert {file.name: count for file, count in removed.items()} == {
        "rounds.jsonl": 2,
        "train.jsonl": 1,
        "samples.jsonl": 1,
    }
    assert (run / "rounds.jsonl").read_text() == rows(*others)
    assert (run / "train.jsonl").read_text() == rows(kept)
    assert (run / "samples.jsonl").read_text() == rows({"step": 2, "answers": {}})
    assert (run / "log.jsonl").read_text() == '{"step": 1, "loss": 2.5}\n{"step": 2, "lo'


def test_exports_lose_the_rows_of_the_chat_and_no_others(theirs, desk, tmp_path):
    exchanges = desk.store.search(TranscriptFilter())
    (tmp_path / "all.jsonl").write_text("".join(to_jsonl(exchanges)))
    (tmp_path / "all.csv").write_text("".join(to_csv(exchanges)), encoding="utf-8-sig", newline="")
    bobs = [one for one in exchanges if one.chat.owner == "bob"]
    assert sorted(remove_lines([tmp_path], Traces(theirs)).values()) == [2, 2]
    assert (tmp_path / "all.jsonl").read_text() == "".join(to_jsonl(bobs))
    with (tmp_path / "all.csv").open(encoding="utf-8-sig", newline="") as left:
        assert left.read() == "".join(to_csv(bobs))
    assert remove_lines([tmp_path], Traces(theirs)) == {}, "a second time there is nothing left"


def test_what_training_had_redacted_further_is_found_too(desk, backend, tmp_path):
    backend.words = ["Mail crew@velomoor.example."]
    chat = desk.open_chat("ann")
    list(desk.ask(chat.id, "Whom?", PROMPT))
    (tmp_path / "rounds.jsonl").write_text(rows({"question": "Whom?", "answer": "Mail [email]."}))
    assert sum(remove_lines([tmp_path], Traces(desk.store.search(TranscriptFilter()))).values()) == 1


def test_a_file_that_cannot_be_changed_is_named(theirs, tmp_path):
    (tmp_path / "gone.jsonl").symlink_to(tmp_path / "nowhere")
    (tmp_path / "rounds.jsonl").write_text(rows({"question": ASKED, "answer": "No."}))
    (tmp_path / ".rounds.jsonl.new").mkdir()  # in the way
    with pytest.raises(StoreError, match=r"rounds\.jsonl may hold what is to be removed"):
        remove_lines([tmp_path], Traces(theirs))


def test_documents_that_quote_them_are_recognised(theirs):
    assert Traces(theirs).in_text(f"A customer asked: {ASKED}")
    assert not Traces(theirs).in_text(f"Another asked: {SHORT} On Friday.")
