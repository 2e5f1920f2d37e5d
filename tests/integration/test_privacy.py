"""Removing people's data for good, on SQLite and on Postgres: from the database, from files, with an audit line."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from filelock import FileLock
from sqlalchemy import text

from core.comparison import Comparisons
from core.desk import Desk
from core.errors import StoreError, UnknownChat, UnknownVisitor
from core.forgetting import Forgetting
from core.privacy import Whose
from core.redaction import RedactingStore
from core.studies import Rating, Study, StudyAnswer, StudyArm, StudyPlan, TestQuestion
from core.types import Answer, ArmSpec, Question, Thumb, TranscriptFilter, new_id, now
from store import open_store
from store.sql_store import SqlStore
from store.tables import metadata
from study.local_studies import LocalStudies
from tests.conftest import LORA, PROMPT, ScriptedBackend

SECRET = "Zanzibar"
MAIL = "ann@example.org"


@dataclass
class Documents:
    texts: dict[str, str] = field(default_factory=dict)

    def documents(self) -> list[tuple[str, int]]:
        return [(source, 1) for source in self.texts]

    def document(self, source: str) -> str:
        return self.texts[source]


@pytest.fixture
def store(store_url: str) -> Iterator[SqlStore]:
    opened = open_store(store_url)
    yield opened
    opened.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data/runs/r1").mkdir(parents=True)
    return tmp_path / "data"


@pytest.fixture
def documents() -> Documents:
    return Documents()


@pytest.fixture
def forgetting(store: SqlStore, data: Path, documents: Documents) -> Forgetting:
    training: Any = SimpleNamespace(runs=lambda: [SimpleNamespace(id="r1", plan=SimpleNamespace(adapter="mine"))])
    return Forgetting(store, [data], training, documents)  # type: ignore[arg-type]


@pytest.fixture
def desk(store: SqlStore) -> Desk:
    return Desk(store, ScriptedBackend(words=("It went to ", f"{SECRET}.")))


def talk(desk: Desk, owner: str, words: str = f"Did my blue bicycle go to {SECRET}?") -> str:
    """A chat with an answer, another one regenerated, a thumb; and a blind comparison with a vote."""
    chat = desk.open_chat(owner)
    *_, answer = desk.ask(chat.id, words, PROMPT)
    list(desk.regenerate(chat.id, LORA))
    desk.rate(answer.id, owner, 1, f"{SECRET} is nice")
    comparisons = Comparisons(desk)
    compared = comparisons.open(owner, PROMPT, LORA, blind=True)
    list(comparisons.ask(compared.id, words))
    comparisons.vote(compared.id, owner, "left", comment=f"Rather {SECRET}")
    desk.open_chat(owner)  # never used
    return chat.id


def everything(store: SqlStore) -> str:
    """All rows of all tables."""
    with store._engine.connect() as connection:
        tables = metadata.sorted_tables
        return "\n".join(repr(tuple(row)) for table in tables for row in connection.execute(table.select()))


def rows(store: SqlStore) -> dict[str, int]:
    with store._engine.connect() as connection:
        names = ("chats", "questions", "answers", "pairs", "votes", "thumbs")
        return {name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in names}


def age(store: SqlStore, chat_id: str, days: int) -> None:
    chats, asked = metadata.tables["chats"], metadata.tables["questions"]
    at = now() - timedelta(days=days)
    with store._engine.begin() as connection:
        connection.execute(chats.update().where(chats.c.id == chat_id).values(created_at=at))
        connection.execute(asked.update().where(asked.c.chat_id == chat_id).values(created_at=at))


# ---- forgetting


def test_all_of_a_visitor_goes_and_all_of_others_stays(forgetting, desk, store):
    talk(desk, "bob", "Is the other one still here?")
    before = rows(store)
    talk(desk, "ann")
    done = forgetting.forget("ann", "the owner")
    assert rows(store) == before
    assert done.line.counts == {"chats": 3, "questions": 2, "answers": 4, "pairs": 1, "votes": 1, "thumbs": 1}
    assert store.chats("ann") == []
    assert "ann" not in everything(store)


def test_one_chat_goes_and_the_rest_of_the_visitor_is_named(forgetting, desk, store):
    chat = talk(desk, "ann")
    done = forgetting.forget(chat, "the owner")
    assert (done.visitor, done.others) == ("ann", 2)
    assert "The same visitor, ann, has 2 more chats" in " ".join(done.sentences())
    with pytest.raises(UnknownChat):
        store.chat(chat)


def test_a_name_that_nobody_has_removes_nothing(forgetting, desk, store):
    talk(desk, "ann")
    before = everything(store)
    for name in ("", "nobody", new_id()):
        with pytest.raises(UnknownVisitor, match="no visitor and no chat"):
            forgetting.forget(name, "the owner")
    assert everything(store) == before


def test_judgements_of_what_others_keep_lose_name_and_words_and_still_count(forgetting, desk, store):
    chat = desk.open_chat("bob")
    *_, answer = desk.ask(chat.id, "Mine?", PROMPT)
    store.set_thumb(Thumb(answer.id, "ann", -1, f"{SECRET} is wrong"))
    study = a_study()
    store.studies.add(study, [Rating("p1", study.id, "q1", "one", "two"), Rating("p2", study.id, "q2", "one", "two")])
    for question in ("q1", "q2"):
        for arm in ("one", "two"):
            answer = Answer(new_id(), question, text="It is.", outcome="complete")
            store.studies.add_answer(StudyAnswer(study.id, arm, answer))
    for _ in range(2):
        held = store.studies.reserve(study.id, "ann", now() + timedelta(hours=1))
        store.studies.rate(replace(held, choice="left", comment=f"as in {SECRET}"))
    done = forgetting.forget("ann", "the owner")
    assert done.line.counts == {"thumbs made anonymous": 1, "ratings made anonymous": 2}
    ratings = store.studies.ratings(study.id)
    assert [(rating.choice, rating.comment) for rating in ratings] == [("left", ""), ("left", "")]
    assert len({rating.rater for rating in ratings}) == 1, "statistics must know that one person gave both"
    (thumb,) = store.exchanges(chat.id)[0].thumbs
    assert (thumb.value, thumb.comment) == (-1, "")
    assert SECRET not in everything(store).replace(f"It went to {SECRET}", "")
    assert "'ann'" not in everything(store)


def a_study() -> Study:
    arms = (StudyArm("one", ArmSpec("bare", "plain")), StudyArm("two", ArmSpec("prompt", "plain")))
    questions = tuple(TestQuestion(f"q{n}", "t", None, "k", f"Question {n}?", None, (), "Yes.") for n in (1, 2))
    return Study(new_id(), StudyPlan("s", "q.jsonl", arms, ("one", "two"), ratings=2), questions, {})


def test_the_audit_says_who_when_and_how_much_but_not_whose(forgetting, desk, store):
    chat = talk(desk, "ann")
    forgetting.forget(chat, "carla")
    forgetting.forget("ann", "dirk")
    newest, older = store.privacy.audit()
    assert (newest.who, newest.what, newest.counts["chats"]) == ("dirk", "a visitor", 2)
    assert (older.who, older.what, older.counts["questions"]) == ("carla", "a chat", 1)
    assert now() - timedelta(minutes=1) < older.at <= newest.at <= now()
    assert "ann" not in everything(store) and chat not in everything(store)


def test_training_rounds_and_exports_go_too_and_what_learnt_from_them_is_named(forgetting, desk, data, documents):
    chat = talk(desk, "ann")
    asked = f"Did my blue bicycle go to {SECRET}?"
    (data / "runs/r1/rounds.jsonl").write_text(json.dumps({"question": asked, "answer": "Yes."}) + "\n")
    (data / "export.jsonl").write_text(json.dumps({"chat_id": chat}) + '\n{"chat_id": "other"}\n')
    documents.texts = {"faq.md": f"# FAQ\n{asked} No.", "other.md": "Nothing."}
    done = forgetting.forget("ann", "the owner")
    assert (data / "runs/r1/rounds.jsonl").read_text() == ""
    assert (data / "export.jsonl").read_text() == '{"chat_id": "other"}\n'
    assert done.line.counts["lines of files"] == 2
    assert (done.adapters, done.documents) == (("mine",), ("faq.md",))
    told = " ".join(done.sentences())
    assert "'mine'; train such an adapter anew" in told and "faq.md" in told and SECRET not in told


def test_an_answer_that_is_being_written_meanwhile_is_not_kept(forgetting, desk, store):
    chat = desk.open_chat("ann")
    answers = desk.ask(chat.id, f"Is {SECRET} far?", PROMPT)
    next(answers)
    forgetting.forget("ann", "the owner")
    with pytest.raises(StoreError, match="no question"):
        list(answers)
    assert SECRET not in everything(store)


def test_people_who_go_on_talking_are_not_disturbed_by_a_removal(forgetting, desk, store):
    """Others add to the very tables, and the visitor to the very chats, while they are emptied."""
    chats = [desk.open_chat(owner).id for owner in ("ann", "ann", "bob", "bob")]
    wrong: list[Exception] = []
    ending = time.monotonic() + 1.5

    def go_on(chat: str) -> None:
        while time.monotonic() < ending:
            try:
                question = store.add_question(Question(new_id(), chat, f"Still {chat}?"))
                store.add_answer(Answer(new_id(), question.id, text="Yes.", outcome="complete"))
            except (UnknownChat, StoreError) as error:
                if chat in chats[2:] or "There is no" not in str(error):
                    wrong.append(error)
                return

    talking = [threading.Thread(target=go_on, args=(chat,)) for chat in chats]
    for thread in talking:
        thread.start()
    time.sleep(0.5)
    forgetting.forget("ann", "the owner")
    for thread in talking:
        thread.join()
    assert wrong == []
    assert store.privacy.chats(Whose(visitor="ann")) == []
    kept = store.search(TranscriptFilter())
    assert {exchange.chat.id for exchange in kept} == set(chats[2:])
    assert all(len(exchange.answers) == 1 for exchange in kept)


# ---- the files of a SQLite database


def bytes_of(store: SqlStore) -> bytes:
    file = Path(str(store._engine.url.database))
    return b"".join(part.read_bytes() for part in file.parent.glob(f"{file.name}*"))


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = open_store(f"sqlite:///{tmp_path / 'own.sqlite3'}")
    yield opened
    opened.close()


def test_the_text_is_in_no_byte_of_the_database_any_more(file_store, tmp_path, documents):
    desk = Desk(file_store, ScriptedBackend(words=(f"It went to {SECRET}. ", "word " * 5000)))
    talk(desk, "ann")
    talk(desk, "bob", "Is the other one still here?")
    held = sqlite3.connect(str(file_store._engine.url.database))  # another program that has the file open
    held.execute("SELECT count(*) FROM chats").fetchall()
    assert SECRET.encode() in bytes_of(file_store) and SECRET.lower().encode() in bytes_of(file_store)
    training: Any = SimpleNamespace(runs=list)
    forgetting = Forgetting(file_store, [tmp_path], training, documents)  # type: ignore[arg-type]
    forgetting.forget("ann", "the owner")
    forgetting.forget("bob", "the owner")
    left = bytes_of(file_store)
    assert SECRET.encode() not in left and SECRET.lower().encode() not in left
    assert b"other one still here" not in left
    held.close()


def test_a_reader_that_keeps_the_log_busy_is_told_of(file_store, tmp_path, documents, monkeypatch):
    monkeypatch.setattr("store.database.BUSY_S", 0.2)
    quick = open_store(str(file_store._engine.url))
    talk(Desk(quick, ScriptedBackend()), "ann")
    reader = sqlite3.connect(str(quick._engine.url.database))
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM chats").fetchall()
    training: Any = SimpleNamespace(runs=list)
    forgetting = Forgetting(quick, [tmp_path], training, documents)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="gone from the database .* until the program that uses it"):
        forgetting.forget("ann", "the owner")
    assert quick.privacy.audit()[0].what == "a visitor"
    reader.close()
    quick.privacy.scrub()
    quick.close()


# ---- retention


def test_chats_go_when_their_last_message_is_too_old(forgetting, desk, store):
    old, revived = desk.open_chat("ann").id, desk.open_chat("ann").id
    fresh, unused, forgotten = desk.open_chat("bob").id, desk.open_chat("bob").id, desk.open_chat("bob").id
    for chat in (old, revived, fresh):
        list(desk.ask(chat, f"Is {SECRET} far?", PROMPT))
    for chat in (old, revived, forgotten):
        age(store, chat, days=31)
    list(desk.ask(revived, "And now?", PROMPT))
    done = forgetting.purge(30, "the start")
    assert {chat.id for chat in store.privacy.chats(Whose(before=now() + timedelta(days=1)))} == {
        revived,
        fresh,
        unused,
    }
    assert len(store.exchanges(revived)) == 2, "a conversation is kept whole"
    assert (done.line.what, done.line.counts["chats"]) == ("older than 30 days", 2)


def test_nothing_too_old_leaves_no_audit_line(forgetting, desk, store):
    talk(desk, "ann")
    assert forgetting.purge(30, "the start").sentences() == ["There was nothing to remove."]
    assert store.privacy.audit() == []


def test_studies_are_kept_unless_asked_and_while_they_run(forgetting, store, data):
    nothing: Any = SimpleNamespace(progress=lambda study_id: None)
    studies = LocalStudies(store.studies, nothing, nothing, nothing, nothing, nothing, nothing, data / "studies")
    old, running, killed = (replace(a_study(), created_at=now() - timedelta(days=40)) for _ in range(3))
    fresh = a_study()
    for study in (old, running, killed, fresh):
        store.studies.add(study, [])
    store.studies.say(running.id, "running")
    store.studies.say(killed.id, "running")
    (data / "studies").mkdir()
    with FileLock(data / "studies" / f"{running.id}.lock"):  # as its process does
        forgetting.purge(30, "the start")
        assert len(store.studies.studies()) == 4
        done = forgetting.purge(30, "the start", studies)
    assert {study.id for study in store.studies.studies()} == {running.id, fresh.id}
    assert done.line.counts == {"studies": 2}


# ---- redaction


def test_what_is_stored_is_redacted_and_counted_on_both_databases(store):
    redacting = RedactingStore(store, frozenset)
    desk = Desk(redacting, ScriptedBackend(words=(f"Noted: {MAIL}",)))
    chat = desk.open_chat("ann")
    list(desk.ask(chat.id, f"I am {MAIL} or +31 6 28317745", PROMPT))
    study = a_study()
    redacting.studies.add(study, [Rating("p1", study.id, "q1", "one", "two")])
    for arm in ("one", "two"):
        answer = Answer(new_id(), "q1", text="Ask help@invented.example.", outcome="complete")
        redacting.studies.add_answer(StudyAnswer(study.id, arm, answer))
    held = redacting.studies.reserve(study.id, "ann", now() + timedelta(hours=1))
    redacting.studies.rate(replace(held, choice="left", comment=f"{MAIL} is fine"))
    assert MAIL not in everything(store) and "28317745" not in everything(store)
    assert redacting.studies.ratings(study.id)[0].comment == "[email] is fine"
    assert store.privacy.counts() == {"email": 3, "phone": 1}
    said = {one.answer.text for one in redacting.studies.answers(study.id)}
    assert said == {"Ask help@invented.example."}, "what a model invents in a study is graded as it is"


def test_counts_of_many_at_once_add_up(store):
    counting = [
        threading.Thread(target=lambda: [store.privacy.count({"email": 1, "phone": 2}) for _ in range(10)])
        for _ in range(4)
    ]
    for thread in counting:
        thread.start()
    for thread in counting:
        thread.join()
    assert store.privacy.counts() == {"phone": 80, "email": 40}


def test_an_error_of_the_database_repeats_nothing_that_was_said(store):
    with pytest.raises(StoreError) as caught:
        store.add_question(Question(new_id(), "nowhere", MAIL))
    told, cause = str(caught.value), caught.value
    while cause := cause.__cause__ or cause.__context__:
        told += str(cause)
    assert MAIL not in told
