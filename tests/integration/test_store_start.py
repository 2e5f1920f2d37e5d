"""Opening a store: a new database, one that is there, one of another version, and what a killed process leaves."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from core.errors import StoreError
from core.types import Chat, Turn, new_id
from store import open_store
from store.database import open_engine
from store.tables import metadata

ROOT = Path(__file__).parents[2]


def test_migrating_from_empty_makes_the_tables_the_program_expects(store_url: str) -> None:
    with closing(open_store(store_url)) as store, store._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}


def test_opening_again_keeps_what_is_stored(store_url: str) -> None:
    chat = Chat(new_id(), "ann")
    with closing(open_store(store_url)) as store:
        store.add_chat(chat)
        with closing(open_store(store_url)) as again:
            assert again.chat(chat.id) == chat


def test_a_database_newer_than_the_program_is_left_alone(store_url: str) -> None:
    chat = Chat(new_id(), "ann")
    with closing(open_store(store_url)) as store:
        store.add_chat(chat)
        with store._engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(StoreError, match=r"newer Duodesk \(schema 9999\)"):
            open_store(store_url)
        assert store.chat(chat.id) == chat


def test_a_failing_migration_leaves_the_database_as_it_was(store_url: str) -> None:
    engine = open_engine(store_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE votes (mine INTEGER)"))  # stands in the way of the fifth table
    with pytest.raises(StoreError, match="votes"):
        open_store(store_url)
    assert inspect(engine).get_table_names() == ["votes"]
    engine.dispose()


def test_a_database_from_before_the_api_keeps_its_chats_and_answers(store_url: str) -> None:
    engine = open_engine(store_url)
    config = Config()
    config.set_main_option("script_location", str(ROOT / "store/migrations"))
    config.set_main_option("path_separator", "os")
    values = {
        "chats": {"id": "chat", "owner": "ann", "kind": "chat", "title": "", "specs": "[]", "left": "a"},
        "questions": {"id": "question", "chat_id": "chat", "text": "Still there?", "folded": ""},
        "answers": {"id": "answer", "question_id": "question", "lane": "a", "text": "Yes.", "folded": ""},
    }
    values["answers"] |= {"passages": "[]", "prompt": "[]", "outcome": "complete", "error": ""}
    flags = {"chats": "locked", "questions": "withdrawn"}
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        for table, row in values.items():
            row = row | {"created_at": "2026-01-01 00:00:00+00:00"}
            names = ", ".join(f'"{name}"' for name in row)
            more = f', "{flags[table]}"' if table in flags else ", total_s, prompt_tokens, new_tokens"
            given = ", false" if table in flags else ", 1, 1, 1"
            marks = ", ".join(f":{name}" for name in row)
            connection.execute(text(f"INSERT INTO {table} ({names}{more}) VALUES ({marks}{given})"), row)
    engine.dispose()
    with closing(open_store(store_url)) as store:
        (exchange,) = store.exchanges("chat")
        assert (exchange.chat.opening, exchange.answers[0].reason) == ((), "")
        assert store.history("chat") == (Turn("user", "Still there?"), Turn("assistant", "Yes."))


def test_what_was_acknowledged_survives_the_killing_of_the_process(store_url: str) -> None:
    program = """
import sys, time
from core.types import Answer, Chat, Question, Thumb
from store import open_store
store = open_store(sys.argv[1])
store.add_chat(Chat("chat", "ann"))
store.add_question(Question("question", "chat", "Still there?"))
store.add_answer(Answer("answer", "question", text="Yes."))
store.set_thumb(Thumb("answer", "ann", 1))
print("acknowledged", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program, store_url], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout
        acknowledged = process.stdout.readline()
        process.kill()
    assert acknowledged.strip() == b"acknowledged"
    reopened = open_store(store_url)
    (exchange,) = reopened.exchanges("chat")
    assert (exchange.question.text, exchange.answers[0].text) == ("Still there?", "Yes.")
    assert len(exchange.thumbs) == 1
    reopened.close()


def test_programs_that_start_at_once_share_a_new_database(store_url: str) -> None:
    program = """
import sys
from core.types import Chat, new_id
from store import open_store
import store.database, store.sql_store
print("ready", flush=True)
sys.stdin.readline()
open_store(sys.argv[1]).add_chat(Chat(new_id(), "ann"))
"""
    command = [sys.executable, "-c", program, store_url]
    started = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in started:
        assert process.stdout and process.stdout.readline().strip() == b"ready"
    for process in started:
        assert process.stdin
        process.stdin.write(b"go\n")
        process.stdin.flush()
    ends = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0] * 4, ends
    store = open_store(store_url)
    with store._engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM chats")).scalar_one() == 4
    store.close()
