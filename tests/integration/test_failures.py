"""What breaks beneath a running Duodesk: one clear sentence, nothing stored is lost, and it goes on when that has gone.

The disk is a real one that is full or turns read-only, the database a real server that is stopped, the index a real
folder that goes. A model server that goes in mid-answer is in tests/unit/test_remote.py, the store alone in
test_store_trouble.py, a training on a full disk in test_train.py.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings

from backends.retrieval import HybridRetriever
from backends.templates import TemplateLibrary
from backup.archive import writing
from core.accounts import SESSION_HOURS, TRIES, Account
from core.desk import Desk
from core.errors import BackupError, DocumentError, DuodeskError, StoreError, TemplateError
from core.studies import Rating, Study, StudyAnswer, StudyArm, StudyPlan, TestQuestion
from core.types import Answer, Arm, ArmSpec, Chat, Decoding, Question, new_id, now
from store import open_store
from store.database import BUSY_S
from store.sql_store import SqlStore
from tests.conftest import PROMPT, ScriptedBackend
from tests.integration.postgres import PostgresServer, server_programs

CALM = "name: calm\npurpose: To test.\nmessages:\n  - user: '{question}'\n"


class Drawn(Embeddings):
    """A vector drawn from the text: the real model is not what fails here."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [np.random.default_rng(list(text.encode())).normal(size=384).tolist() for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


@dataclass
class Desks:
    """The parts that keep something, in one folder."""

    folder: Path
    store: SqlStore
    desk: Desk
    templates: TemplateLibrary
    index: HybridRetriever

    def ask(self, text: str) -> Answer:
        return list(self.desk.ask(self.chat, text, PROMPT))[-1]

    def asked(self) -> list[tuple[str, str]]:
        return [
            (one.question.text, answer.outcome) for one in self.store.exchanges(self.chat) for answer in one.answers
        ]

    @property
    def chat(self) -> str:
        if not hasattr(self, "_chat"):
            self._chat = self.desk.open_chat("ann").id
        return self._chat


def parts_in(folder: Path, url: str = "") -> Desks:
    store = open_store(url or f"sqlite:///{folder}/data/duodesk.sqlite3")
    templates = TemplateLibrary(folder / "prompts", folder / "data/template-versions")
    return Desks(
        folder, store, Desk(store, ScriptedBackend()), templates, HybridRetriever(folder / "data/index", 700, Drawn())
    )


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB of its own."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    if subprocess.call(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(mounted)], stderr=subprocess.DEVNULL):
        pytest.skip("no right to mount a small disk")
    yield mounted
    subprocess.check_call(["umount", "-l", str(mounted)])


@contextmanager
def full(disk: Path) -> Iterator[None]:
    filler = (disk / "filler").open("wb", buffering=0)
    with pytest.raises(OSError, match="No space left"):
        while True:
            filler.write(bytes(4096))
    filler.close()
    yield
    (disk / "filler").unlink()


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    subprocess.check_call(["mount", "--bind", str(disk), str(disk)])
    try:
        subprocess.check_call(["mount", "-o", "remount,ro,bind", str(disk)])
        yield
    finally:
        subprocess.check_call(["umount", "-l", str(disk)])


def document(folder: Path, sections: Sequence[str]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "parts.md").write_text(
        "# Parts\n\n" + "\n".join(f"## {one}\n\nThe {one} is ready.\n" for one in sections)
    )
    return folder


def sentence(kind: type[DuodeskError], call: Callable[[], object]) -> str:
    with pytest.raises(kind) as caught:
        call()
    said = str(caught.value)
    assert said.endswith(".") and "\n" not in said and "Traceback" not in said, said
    return said


@pytest.mark.parametrize("broken", [full, read_only])
def test_a_disk_that_takes_nothing_loses_nothing_and_is_used_again_when_it_does(disk, tmp_path, broken):
    parts = parts_in(disk)
    parts.ask("before")
    parts.templates.save("calm", CALM, "one")
    parts.index.index([document(disk / "documents", ["bell"])])
    longer = document(tmp_path / "longer", [f"bell {number}" for number in range(60)])
    with broken(disk):
        parts.store.close()  # a file that is open can still be written where only new ones cannot
        sentence(StoreError, lambda: parts.ask("during"))
        sentence(StoreError, lambda: parts.desk.open_chat("bob"))
        assert "free some space" in sentence(TemplateError, lambda: parts.templates.save("calm", CALM + "#\n", "two"))
        assert parts.templates.get("calm").version == 1, "the template in force goes on"
        assert str(disk) in sentence(DocumentError, lambda: parts.index.index([longer]))

        def save() -> None:
            with writing(disk / "backup.zip") as target, target.member("prompts/x.yaml") as file:
                file.write(bytes(range(256)) * 100_000)

        assert "no part of it is left" in sentence(BackupError, save)
    assert not list(disk.glob("*backup.zip*"))
    parts.ask("after")
    assert [one for one in parts.asked() if one[0] != "during"] == [("before", "complete"), ("after", "complete")]
    assert parts.templates.save("calm", CALM + "#\n", "three").version == 2
    assert parts.index.search("the bell is ready", 1)[0].text == "The bell is ready."
    assert parts.index.index([longer]).failed == []
    assert len(parts.index.search("bell 7", 60)) == 60


def test_an_answer_that_cannot_be_stored_says_so_and_leaves_its_question_to_be_asked_again(disk):
    parts = parts_in(disk)
    asking = parts.desk.ask(parts.chat, "Where is it?", PROMPT)
    next(asking)
    with full(disk):
        begun = time.monotonic()
        sentence(StoreError, lambda: list(asking))
        assert time.monotonic() - begun < BUSY_S / 2, "nobody waits for a disk as for another program"
    assert parts.desk.under_way == 0
    assert list(parts.desk.regenerate(parts.chat, PROMPT))[-1].outcome == "complete"
    assert parts.asked() == [("Where is it?", "complete")]


def test_a_file_that_another_program_holds_for_long_is_said_and_then_used_again(tmp_path, monkeypatch):
    monkeypatch.setattr("store.database.BUSY_S", 0.3)
    parts = parts_in(tmp_path)
    parts.ask("before")
    asking = parts.desk.ask(parts.chat, "during", PROMPT)
    next(asking)
    with sqlite3.connect(tmp_path / "data/duodesk.sqlite3", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "is held by another program" in sentence(StoreError, lambda: list(asking))
        assert parts.asked() == [("before", "complete")], "reading goes on"
        other.execute("ROLLBACK")
    parts.ask("after")
    assert parts.asked() == [("before", "complete"), ("after", "complete")]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    programs = server_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server found; install Debian's postgresql")
    running = PostgresServer(programs)
    yield running
    running.remove()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_database_that_is_restarted_in_mid_chat_keeps_all_it_had_taken(server, tmp_path, mode):
    parts = parts_in(tmp_path, server.url)
    parts.ask("before")
    asking = parts.desk.ask(parts.chat, "during", PROMPT)
    next(asking)
    server.stop(mode)
    said = sentence(StoreError, lambda: list(asking))
    assert "127.0.0.1" in said and server.url.split(":")[2].split("@")[0] not in said
    assert "cannot be reached" in sentence(StoreError, lambda: parts.ask("when it is down"))
    server.start()
    assert parts.ask("after").outcome == "complete"
    assert parts.asked() == [("before", "complete"), ("after", "complete")]
    assert [one.question.text for one in parts.store.exchanges(parts.chat)] == ["before", "during", "after"]


@pytest.mark.parametrize("broken", ["gone", "rubbish"])
def test_an_index_that_goes_while_it_is_used_is_said_and_can_be_made_again_without_a_restart(tmp_path, broken):
    parts = parts_in(tmp_path)
    documents = document(tmp_path / "documents", ["bell", "lamp"])
    parts.index.index([documents])
    assert parts.index.search("lamp", 1)
    folder = tmp_path / "data/index"
    if broken == "gone":
        shutil.rmtree(folder)
    else:
        for file in (folder / "chroma").rglob("*"):
            if file.is_file():
                file.write_bytes(b"rubbish" * 100)
    said = sentence(DocumentError, lambda: parts.index.search("bell", 1))
    assert str(folder) in said and "index" in said
    if broken == "rubbish":
        sentence(DocumentError, lambda: parts.index.index([documents]))
        shutil.rmtree(folder)  # as the sentence says
    assert parts.index.index([documents]).added == ["parts.md"]
    assert {one.title for one in parts.index.search("bell", 9)} == {"Parts: bell", "Parts: lamp"}


# ---- a clock that is set back


def test_the_order_of_what_was_said_does_not_depend_on_the_clock(store_url, monkeypatch):
    store = open_store(store_url)
    store.add_chat(Chat("first", "ann"))
    store.add_chat(Chat("second", "ann", created_at=now() - timedelta(days=400)))
    for hours, (chat, text) in enumerate([("first", "one"), ("second", "other"), ("first", "two"), ("first", "three")]):
        question = Question(new_id(), chat, text, created_at=now() - timedelta(hours=hours))
        store.add_question(question)
        store.add_answer(Answer(new_id(), question.id, text=text, created_at=now() - timedelta(days=hours)))
    assert [one.question.text for one in store.exchanges("first")] == ["one", "two", "three"]
    assert [turn.text for turn in store.history("first")] == ["one", "one", "two", "two", "three", "three"]
    assert [chat.id for chat in store.chats("ann")] == ["second", "first"]
    store.close()


def test_a_session_ends_when_the_clock_was_set_back_beyond_doubt(store_url):
    store = open_store(store_url)
    accounts = store.accounts.store
    accounts.add_account(Account("ann", "owner", "hash"))
    accounts.open_session("digest", "ann", now() + timedelta(hours=SESSION_HOURS))
    assert accounts.session("digest", now() - timedelta(minutes=30)), "a small correction signs nobody out"
    assert accounts.session("digest", now() - timedelta(days=30)) is None
    assert accounts.session("digest", now() + timedelta(hours=SESSION_HOURS + 1)) is None
    store.close()


def test_nobody_stays_locked_out_when_the_clock_is_set_back(store_url, monkeypatch):
    store = open_store(store_url)
    limiter = store.accounts.limiter
    assert [limiter.hit(TRIES, "ann") for _ in range(6)] == [True] * 5 + [False]
    before = time.time
    with monkeypatch.context() as clock:
        clock.setattr(time, "time", lambda: before() - 30 * 86_400)
        assert [limiter.hit(TRIES, "ann") for _ in range(6)] == [True] * 5 + [False], "it counts anew"
    store.close()


def test_a_pair_that_was_reserved_before_the_clock_was_set_back_goes_to_another_rater(store_url, monkeypatch):
    store = open_store(store_url)
    arm = Arm("bare", "m", "m", "t", 1, "t", Decoding())
    arms = (StudyArm("a", ArmSpec("bare", "t")), StudyArm("b", ArmSpec("bare", "t")))
    asked = TestQuestion("q", "parts", None, "plain", "What?", None, (), "")
    study = Study("study", StudyPlan("clock", "none", arms, ("a", "b")), (asked,), {"a": arm, "b": arm})
    store.studies.add(study, [Rating("rating", "study", "q", "a", "b")])
    for name in ("a", "b"):
        store.studies.add_answer(StudyAnswer("study", name, Answer(new_id(), "q", arm=arm, outcome="complete")))
    assert store.studies.reserve("study", "who left", now() + timedelta(minutes=10))
    assert store.studies.reserve("study", "another", now()) is None
    back = now() - timedelta(days=30)
    monkeypatch.setattr("store.study_store.now", lambda: back)
    taken = store.studies.reserve("study", "another", back + timedelta(minutes=10))
    assert taken and taken.rater == "another"
    store.close()


def test_versions_of_a_template_count_on_when_the_clock_is_set_back(tmp_path, monkeypatch):
    templates = TemplateLibrary(tmp_path / "prompts", tmp_path / "versions")
    templates.save("calm", CALM, "one")
    back = now() - timedelta(days=30)
    monkeypatch.setattr("backends.template_history.now", lambda: back)
    templates.save("calm", CALM + "# two\n", "two")
    assert [(one.version, one.note) for one in templates.versions("calm")] == [(2, "two"), (1, "one")]
    assert templates.get("calm").version == 2
