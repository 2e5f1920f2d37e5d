"""What a person reads when the database cannot be used: one sentence, and never a password."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import event, make_url, text

from core.errors import StoreError, UnknownChat
from core.types import Chat, TranscriptFilter, new_id
from store import open_store
from store.database import open_engine, upgrade
from store.sql_store import SqlStore

ROOT = Path(__file__).parents[2]


def sentence(call: Callable[[], object]) -> str:
    with pytest.raises(StoreError) as caught:
        call()
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message
    return message


def sqlite_with(path: Path, pragma: str) -> SqlStore:
    """A store that is sound when opened and whose every later connection starts with a pragma."""
    engine = open_engine(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    event.listen(engine, "connect", lambda connection, _: connection.execute(pragma))
    return SqlStore(engine)


def test_importing_the_store_does_not_load_sqlalchemy() -> None:
    program = "import sys, store; sys.exit('sqlalchemy' in sys.modules or 'alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("nonsense hunter2", "cannot be read"),
        ("postgresql://ann:hunter2@host:port/db", "cannot be read"),
        ("mysql://ann:hunter2@host/db", "'mysql'"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
    ],
)
def test_a_url_that_cannot_be_used_is_told_with_the_forms_that_can(url: str, found: str) -> None:
    message = sentence(lambda: open_store(url))
    assert found in message and "sqlite:///path/to/file" in message
    assert "hunter2" not in message


def test_the_folder_of_a_new_file_is_made(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path / 'new' / 'folder' / '50% off.sqlite'}").close()
    assert (tmp_path / "new" / "folder" / "50% off.sqlite").stat().st_size > 0


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file" / "x.sqlite") in sentence(lambda: open_store(f"sqlite:///{tmp_path}/file/x.sqlite"))


def test_a_path_that_is_a_folder_cannot_be_opened(tmp_path: Path) -> None:
    assert "cannot be opened" in sentence(lambda: open_store(f"sqlite:///{tmp_path}"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_may_not_be_written_is_refused_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "duodesk.sqlite"
    open_store(f"sqlite:///{path}").close()
    path.chmod(0o444)
    assert "cannot be written" in sentence(lambda: open_store(f"sqlite:///{path}"))


def test_a_file_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear customer, " * 100)
    assert "is not a SQLite database" in sentence(lambda: open_store(f"sqlite:///{path}"))
    assert path.read_text() == "Dear customer, " * 100


def test_a_full_disk_is_told_and_what_was_stored_stays(tmp_path: Path) -> None:
    # The pragma makes SQLite answer as it does on a full disk; 1 is raised to the pages already there.
    store = sqlite_with(tmp_path / "duodesk.sqlite", "PRAGMA max_page_count = 1")
    kept: list[Chat] = []

    def write_until_full() -> None:
        for _ in range(200):
            chat = Chat(new_id(), "ann", title="x" * 10_000)
            store.add_chat(chat)
            kept.append(chat)

    assert "no room left on its disk" in sentence(write_until_full)
    for chat in kept:
        assert store.chat(chat.id) == chat


def test_a_database_that_turns_read_only_is_told(tmp_path: Path) -> None:
    store = sqlite_with(tmp_path / "duodesk.sqlite", "PRAGMA query_only = ON")
    assert "cannot be written" in sentence(lambda: store.add_chat(Chat(new_id(), "ann")))
    assert store.count(TranscriptFilter()) == 0


def test_a_writer_waits_for_another_program_and_then_gives_up(tmp_path: Path) -> None:
    path = tmp_path / "duodesk.sqlite"
    store = sqlite_with(path, "PRAGMA busy_timeout = 100")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert "held by another program" in sentence(lambda: store.add_chat(Chat("mine", "ann")))
    assert store.chats("ann") == []  # reading goes on meanwhile
    other.execute("ROLLBACK")
    other.close()
    store.add_chat(Chat("mine", "ann"))


def test_what_is_kept_goes_into_the_file_that_stands_at_the_path(tmp_path: Path) -> None:
    path, moved = tmp_path / "duodesk.sqlite", tmp_path / "moved"
    open_store(f"sqlite:///{path}").close()
    shutil.copy(path, tmp_path / "empty")
    store = open_store(f"sqlite:///{path}")
    chats = {name: Chat(name, "ann") for name in ("before", "after")}
    store.add_chat(chats["before"])
    moved.mkdir()
    for file in tmp_path.glob("duodesk.sqlite*"):
        file.rename(moved / file.name)
    shutil.copy(tmp_path / "empty", path)
    store.add_chat(chats["after"])
    store.close()
    for place, kept in ((path, "after"), (moved / path.name, "before")):
        again = open_store(f"sqlite:///{place}")
        assert again.chat(kept) == chats[kept]
        with pytest.raises(UnknownChat):
            again.chat(({"before", "after"} - {kept}).pop())
        again.close()


def test_a_file_that_was_removed_is_told_and_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "duodesk.sqlite"
    store = open_store(f"sqlite:///{path}")
    store.add_chat(Chat("before", "ann"))
    for file in tmp_path.glob("duodesk.sqlite*"):
        file.unlink()
    assert "no such table" in sentence(lambda: store.add_chat(Chat("after", "ann")))


def test_a_server_that_is_down_is_told(free_port: Callable[[], int]) -> None:
    port = free_port()
    message = sentence(lambda: open_store(f"postgresql://ann:hunter2@127.0.0.1:{port}/duodesk"))
    assert f"duodesk on 127.0.0.1:{port}" in message and "cannot be reached" in message
    assert "hunter2" not in message


def test_a_wrong_password_is_told_and_not_repeated(postgres_url: str) -> None:
    wrong = make_url(postgres_url).set(password="hunter2").render_as_string(hide_password=False)
    if "DUODESK_TEST_POSTGRES" in os.environ:
        pytest.skip("the given server may trust everyone")
    message = sentence(lambda: open_store(wrong))
    assert "password authentication failed" in message
    assert "hunter2" not in message


def test_a_database_that_was_never_made_is_told(postgres_url: str) -> None:
    absent = make_url(postgres_url).set(database="nowhere_at_all").render_as_string(hide_password=False)
    assert "nowhere_at_all" in sentence(lambda: open_store(absent))


def test_a_read_only_server_is_told(postgres_url: str) -> None:
    options = make_url(postgres_url).query["options"]
    read_only = make_url(postgres_url).update_query_dict({"options": f"{options} -cdefault_transaction_read_only=on"})
    assert "is read-only" in sentence(lambda: open_store(read_only.render_as_string(hide_password=False)))


def test_a_server_that_was_restarted_between_two_calls_is_not_noticed(postgres_url: str) -> None:
    named = make_url(postgres_url).update_query_dict({"application_name": f"duodesk-{new_id()}"})
    store = open_store(named.render_as_string(hide_password=False))
    store.add_chat(Chat("before", "ann"))
    admin = open_engine(postgres_url)
    idle = text("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = :name")
    with admin.connect() as connection:
        assert connection.execute(idle, {"name": named.query["application_name"]}).all() == [(True,)]
    assert store.chat("before").id == "before"
    store.close()
    admin.dispose()


def test_a_server_that_goes_during_a_call_is_told_and_the_next_call_works(postgres_url: str) -> None:
    store = open_store(postgres_url)
    admin = open_engine(postgres_url)
    with ThreadPoolExecutor(1) as thread, admin.connect() as holder:
        holder.execute(text("LOCK TABLE chats IN ACCESS EXCLUSIVE MODE"))
        waiting = thread.submit(store.add_chat, Chat("lost", "ann"))
        with admin.connect() as other:
            wanted = text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'INSERT INTO chats%'"
            )
            ended, until = 0, time.monotonic() + 20
            while not ended and time.monotonic() < until:
                ended = len(other.execute(wanted).all())
                other.rollback()
                time.sleep(0.05)
        assert "lost the connection" in (message := sentence(waiting.result)) or "cut the connection" in message
        holder.rollback()
    store.add_chat(Chat("kept", "ann"))
    with pytest.raises(StoreError):
        store.chat("lost")
    assert store.chat("kept").id == "kept"
    store.close()
    admin.dispose()
