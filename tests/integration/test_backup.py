"""Backup and restore as a person does them, on SQLite and on Postgres: what comes back, and what is refused."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from backends.retrieval import HybridRetriever
from backends.templates import TemplateLibrary
from backup.archive import MANIFEST
from core.accounts import Account
from core.api_keys import known_key, make_key
from core.backups import RESTORING
from core.errors import UnknownChat
from core.privacy import Whose
from core.studies import Rating, Study, StudyAnswer, StudyArm, StudyPlan, TestQuestion
from core.types import Answer, Arm, ArmSpec, Chat, Decoding, Pair, Passage, Question, Thumb, Turn, Vote, now
from launch import main
from store import open_store
from store.database import open_engine, upgrade_to, upgrading
from store.sql_store import SqlStore
from tests.integration.tiny_models import ROOT

ARM = Arm("lora+prompt", "base", "m1", "calm", 2, "t1", Decoding(99, 0.5), "support", "a1", "i1", "onnx")
CALM = "name: calm\npurpose: To test.\nmessages:\n  - user: '{question}'\n"
SAID = "Zoë 🚲 says \u2028 “no”\n\tnever"


@dataclass
class House:
    """All that one Duodesk keeps, in a folder, and its commands."""

    folder: Path
    url: str

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def call(self, *words: str) -> int:
        places = {"data": self.data, "prompts": self.folder / "prompts", "adapters": self.folder / "adapters"}
        flags = [str(part) for name, value in places.items() for part in (f"--{name}", value)]
        return main([*words, *flags, "--database", self.url])

    def store(self) -> SqlStore:
        return open_store(self.url)

    def templates(self) -> TemplateLibrary:
        return TemplateLibrary(self.folder / "prompts", self.data / "template-versions")

    def index(self) -> HybridRetriever:
        return HybridRetriever(self.data / "index")


@pytest.fixture
def house(tmp_path: Path) -> Callable[[str, str], House]:
    return lambda name, url="": House(
        tmp_path / name, url or f"sqlite:///{tmp_path / name / 'data' / 'duodesk.sqlite3'}"
    )


@pytest.fixture
def lived_in(house: Callable[..., House], tmp_path: Path) -> House:
    """A house on SQLite with some of everything."""
    made = house("first")
    fill(made)
    return made


def fill(made: House) -> None:
    with closing(made.store()) as store:
        say_something(store, "one")
        store.add_pair(Pair("pair", "question-one", "answer-one", "answer-one"))
        store.add_vote(Vote("vote", "pair", "ann", "left", {"tone": (4, 2)}, SAID, "bare"))
        store.set_thumb(Thumb("answer-one", "ann", -1, SAID))
        arms = (StudyArm("calm", ArmSpec("bare", "calm")), StudyArm("both", ArmSpec("lora", "calm", "support")))
        plan = StudyPlan("tone", "none", arms, ("calm", "both"))
        asked = TestQuestion("q1", "post", None, "plain", SAID, None, (Turn("user", "Hi"),), "")
        study = Study("study", plan, (asked,), {"calm": ARM, "both": ARM})
        store.studies.add(study, [Rating("rating", "study", "q1", "calm", "both")])
        store.studies.add_answer(StudyAnswer("study", "calm", Answer("a1", "q1", arm=ARM, outcome="complete")))
        store.studies.add_answer(StudyAnswer("study", "both", Answer("a2", "q1", arm=ARM, outcome="complete")))
        held = store.studies.reserve("study", "ann", now())
        assert held
        store.studies.rate(Rating(**{**vars(held), "choice": "tie"}))
        store.accounts.store.add_account(Account("ann", "owner", "hash"))
        store.accounts.store.open_session("digest", "ann", now())
        (made.folder / "key").write_text(make_key(store.api_keys, "shop"))
    for note in ("first", "second"):
        made.templates().save("calm", CALM + f"# {note}\n", note)
    adapter = made.folder / "adapters" / "support"
    adapter.mkdir(parents=True)
    (adapter / "adapter_config.json").write_text("{}")
    (adapter / "adapter_model.safetensors").write_bytes(bytes(range(256)) * 100)
    (adapter / "optimizer.bin").write_bytes(b"a pickle, which could run code")
    (made.folder / "adapters" / ".half.unfinished").mkdir()
    (made.folder / "adapters" / ".half.unfinished" / "adapter_config.json").write_text("{}")
    run = made.data / "runs" / "20260101-support"
    (run / "checkpoints" / "checkpoint-1").mkdir(parents=True)
    (run / "checkpoints" / "checkpoint-1" / "optimizer.pt").write_bytes(b"a pickle")
    (run / "state.json").write_text("{}")
    (run / "log.jsonl").write_text('{"step": 1}\n')
    (run / "lock").touch()
    document = made.folder / "prices.md"
    document.write_text("# Prices\n\n## Bell\n\nNine euros.\n\n## Lamp\n\nTwelve euros.\n")
    assert made.index().index([document]).added == ["prices.md"]


def say_something(store: SqlStore, name: str) -> None:
    store.add_chat(Chat(f"chat-{name}", "ann", title=SAID, opening=(Turn("user", "Before"),)))
    store.add_question(Question(f"question-{name}", f"chat-{name}", SAID))
    passage = Passage("p1", "prices.md", "Prices", SAID, 0.25, 7)
    answer = Answer(f"answer-{name}", f"question-{name}", "a", ARM, SAID, (passage,), (Turn("user", SAID),), "complete")
    store.add_answer(answer)


def content(made: House) -> dict[str, Any]:
    """Everything that is to come back, as its users see it."""
    with closing(made.store()) as store:
        said = {
            "exchanges": store.exchanges("chat-one"),
            "studies": store.studies.studies(),
            "study answers": store.studies.answers("study"),
            "ratings": store.studies.ratings("study"),
            "accounts": store.accounts.store.accounts(),
            "key": known_key(store.api_keys, (made.folder / "key").read_text()) is not None,
        }
    index = made.index()
    return said | {
        "versions": [(one.version, one.note, one.yaml) for one in made.templates().versions("calm")],
        "template": made.templates().get("calm"),
        "index": (index.version, index.documents(), index.document("prices.md")),
        "found": index.search("What is the lamp?", 1)[0].title,
        "files": {
            str(file.relative_to(made.folder)): file.read_bytes()
            for part in ("adapters/support", "data/runs/20260101-support")
            for file in (made.folder / part).glob("*.*")
            if not file.name.endswith(".bin")
        },
    }


@pytest.fixture
def other_url(request: pytest.FixtureRequest) -> str:
    """A database of the other kind, or of the same."""
    return request.getfixturevalue("postgres_url") if request.param == "postgres" else ""


@pytest.mark.parametrize("other_url", ["sqlite", "postgres"], indirect=True)
def test_everything_comes_back_also_into_another_kind_of_database_and_home_again(lived_in, house, other_url, tmp_path):
    before = content(lived_in)
    assert lived_in.call("backup", str(tmp_path / "one.zip")) == 0
    assert (tmp_path / "one.zip").stat().st_mode & 0o777 == 0o600, "it holds chats and hashes"
    second = house("second", other_url)
    assert second.call("restore", str(tmp_path / "one.zip")) == 0
    shutil.copy(lived_in.folder / "key", second.folder)
    assert content(second) == before
    with closing(second.store()) as store:
        assert store.accounts.store.session("digest", now()) is None, "nobody's sign-in comes back"
        say_something(store, "later")
        assert [chat.id for chat in store.chats("ann")] == ["chat-later", "chat-one"], "new rows come behind the old"
    assert second.call("backup", str(tmp_path / "two.zip")) == 0
    third = house("third")
    assert third.call("restore", str(tmp_path / "two.zip")) == 0
    shutil.copy(lived_in.folder / "key", third.folder)
    assert content(third) == before
    assert not [file for file in third.folder.rglob("*") if "optimizer" in file.name or "half" in file.name]


def test_a_backup_made_while_messages_are_written_is_one_moment_of_all_tables(house, store_url, tmp_path):
    first, second, written, ended = house("first", store_url), house("second"), [], threading.Event()
    with closing(first.store()) as store:
        say_something(store, "one")

        def write() -> None:
            while not ended.is_set():
                say_something(store, name := f"n{len(written)}")
                written.append(name)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for number in range(3):
                acknowledged = list(written)
                assert first.call("backup", str(tmp_path / f"{number}.zip")) == 0
        finally:
            ended.set()
            writer.join()
    assert len(written) > len(acknowledged) > 0
    assert second.call("restore", str(tmp_path / "2.zip")) == 0
    with closing(second.store()) as restored:
        for name in acknowledged:
            (exchange,) = restored.exchanges(f"chat-{name}")
            assert exchange.answers[0].text == SAID


def test_a_backup_of_an_older_schema_is_brought_to_todays(house, store_url, tmp_path):
    old, new = house("old", store_url), house("new")
    engine = open_engine(store_url)
    with upgrading(engine) as connection:
        upgrade_to(connection, "0003")
        columns = '(id, owner, kind, title, specs, "left", locked, created_at)'
        values = "('chat', 'ann', 'chat', 'Hi', '[]', 'a', false, '2026-01-01 00:00:00+00:00')"
        connection.execute(text(f"INSERT INTO chats {columns} VALUES {values}"))
    assert old.call("backup", str(tmp_path / "old.zip")) == 0
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "0003"
    engine.dispose()
    assert new.call("restore", str(tmp_path / "old.zip")) == 0
    with closing(new.store()) as store:
        assert store.chat("chat").opening == ()


def test_what_is_there_is_only_replaced_on_demand_and_can_be_had_back(lived_in, house, store_url, tmp_path, capsys):
    second = house("second", store_url)
    lived_in.call("backup", str(tmp_path / "first.zip"))
    with closing(second.store()) as store:
        say_something(store, "mine")
        store.privacy.remove(Whose(chat_id="chat-mine"), "ann", "a chat")
        say_something(store, "kept")
    second.templates().save("calm", CALM + "# mine\n", "mine")
    capsys.readouterr()
    assert second.call("restore", str(tmp_path / "first.zip")) == 1
    refused = capsys.readouterr().err
    assert (
        "There is something already (" in refused and "1 chats" in refused and "template-versions/calm.jsonl" in refused
    )
    with closing(second.store()) as store:
        assert store.chat("chat-kept")
    assert second.call("restore", str(tmp_path / "first.zip"), "--replace") == 0
    said = capsys.readouterr().out
    with closing(second.store()) as store:
        assert store.chat("chat-one")
        with pytest.raises(UnknownChat):
            store.chat("chat-kept")
        assert len(store.privacy.audit()) == 1, "no restore takes away who removed what"
    assert "removed 1 times that this backup knows nothing of" in said
    (beside,) = (second.data / "backups").glob("before-restore-*.zip")
    assert str(beside) in said
    assert second.call("restore", str(beside), "--replace") == 0
    with closing(second.store()) as store:
        assert store.chat("chat-kept")
    assert [one.note for one in second.templates().versions("calm")] == ["mine"]


def rebuilt(source: Path, target: Path, change: Callable[[dict[str, bytes], dict[str, Any]], None]) -> Path:
    """The same archive with other files or another manifest."""
    with zipfile.ZipFile(source) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(files.pop(MANIFEST))
    change(files, manifest)
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name.removeprefix("link:"))
            entry.external_attr = (0o120777 if name.startswith("link:") else 0o100644) << 16
            archive.writestr(entry, data)
        archive.writestr(MANIFEST, json.dumps(manifest))
    return target


def adding(name: str) -> Callable[[dict[str, bytes], dict[str, Any]], None]:
    def change(files: dict[str, bytes], manifest: dict[str, Any]) -> None:
        files[name] = b"x"
        manifest["files"][name.removeprefix("link:")] = {
            "bytes": 1,
            "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
        }

    return change


BROKEN: dict[str, tuple[Callable[[dict[str, bytes], dict[str, Any]], Any], str]] = {
    "another file": (lambda files, manifest: manifest.update(format="photos"), "is no backup of Duodesk"),
    "a newer form": (lambda files, manifest: manifest.update(version=2), "newer Duodesk"),
    "a newer schema": (lambda files, manifest: manifest["parts"]["database"].update(schema="9999"), "newer Duodesk"),
    "a changed file": (lambda files, manifest: files.update({"prompts/calm.yaml": b"#" * 90}), "damaged|does not hold"),
    "a missing file": (lambda files, manifest: files.pop("prompts/calm.yaml"), "does not hold the files"),
    "an unknown file": (lambda files, manifest: files.update({"prompts/x.yaml": b""}), "does not hold the files"),
    "an unknown table": (adding("database/pg_authid.jsonl"), "no Duodesk has"),
    "a way out": (adding("adapters/../../out.json"), "leads outside"),
    "an absolute way out": (adding("/tmp/duodesk-out.json"), "leads outside"),
    "a way out on Windows": (adding("adapters\\..\\out.json"), "leads outside"),
    "a link": (adding("link:prompts/link.yaml"), "no plain file"),
    "a pickle": (adding("adapters/support/optimizer.pt"), "has no place there"),
    "a hidden file": (adding("prompts/.hidden.yaml"), "has no place there"),
    "a row that is none": (
        lambda files, manifest: change_rows(files, manifest, b'["seq","id"]\n["one"]\n'),
        "rows do not fit",
    ),
    "a document that is none": (
        lambda files, manifest: change_rows(files, manifest, DOCUMENT, INDEX),
        "no Duodesk has",
    ),
    "a way out of the index": (
        lambda files, manifest: change_rows(files, manifest, DOCUMENT.replace(b"CONTENT", b"../../../x"), INDEX),
        "no Duodesk has",
    ),
    "a column that is none": (lambda files, manifest: change_rows(files, manifest, b'["sql"]\n'), "has no sql"),
}


def change_rows(
    files: dict[str, bytes], manifest: dict[str, Any], rows: bytes, name: str = "database/chats.jsonl"
) -> None:
    files[name] = rows
    manifest["files"][name] = {"bytes": len(rows), "sha256": hashlib.sha256(rows).hexdigest()}


INDEX = "index/documents.jsonl"
DOCUMENT = (
    b'{"source": "x.md", "root": "", "content": "CONTENT", "text": "", "passages": [{"id": "1", "title": "t"}]}\n'
)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    made = House(folder / "first", f"sqlite:///{folder / 'first/data/duodesk.sqlite3'}")
    fill(made)
    assert made.call("backup", str(folder / "good.zip")) == 0
    return folder / "good.zip"


@pytest.fixture
def untouched(house: Callable[..., House], capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[Path], str]]:
    """Restores a bad file and returns the sentence; nothing may have changed."""
    empty = house("empty")
    empty.folder.mkdir()

    def refused(file: Path) -> str:
        capsys.readouterr()
        assert empty.call("restore", str(file)) == 1
        said = capsys.readouterr().err.strip()
        assert len(said.splitlines()) == 1 and "Traceback" not in said, said
        left = [one for one in empty.folder.rglob("*") if one.is_file() and "sqlite3" not in one.name]
        assert not left, left
        return said

    yield refused


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_sound_backup_is_refused_and_nothing_changes(archive, untouched, tmp_path, kind):
    change, says = BROKEN[kind]
    said = untouched(rebuilt(archive, tmp_path / "bad.zip", change))
    assert re.search(says, said), said


def test_a_file_that_was_cut_off_or_flipped_is_refused(archive, untouched, tmp_path):
    whole = archive.read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    assert "not whole" in untouched(tmp_path / "cut.zip")
    at = whole.index(b"adapter_model.safetensors") + 200
    (tmp_path / "flipped.zip").write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    assert "is damaged" in untouched(tmp_path / "flipped.zip")
    assert "There is no backup" in untouched(tmp_path / "none.zip")


def test_what_does_not_fit_on_the_disk_is_not_begun(archive, untouched, monkeypatch):
    monkeypatch.setattr("backup.command.SPARE", 1 << 60)
    assert "are needed; make room first" in untouched(archive)


def test_check_says_what_is_in_it_and_changes_nothing(archive, house, capsys):
    empty = house("empty")
    assert empty.call("restore", str(archive), "--check") == 0
    said = capsys.readouterr().out
    assert "is whole: database: " in said and "2 study answers" in said and "index: 1 documents, 2 passages" in said
    assert not empty.folder.exists()


def test_a_backup_never_takes_the_place_of_another_and_gets_its_own_name_in_a_folder(lived_in, tmp_path, capsys):
    (tmp_path / "there.zip").write_text("precious")
    assert lived_in.call("backup", str(tmp_path / "there.zip")) == 1
    assert (tmp_path / "there.zip").read_text() == "precious"
    assert lived_in.call("backup", str(tmp_path / "backups")) == 0
    (made,) = (tmp_path / "backups").iterdir()
    assert made.name.startswith("duodesk-2") and made.suffix == ".zip"


def test_where_there_is_no_database_nothing_is_made(house, tmp_path, capsys):
    empty = house("empty")
    assert empty.call("backup", str(tmp_path / "none.zip")) == 1
    assert "There is no database of Duodesk" in capsys.readouterr().err
    assert not list(tmp_path.glob("*none.zip*")) and not empty.data.exists()


def test_a_restore_that_was_cut_off_is_not_served_and_can_be_run_again(archive, house, capsys, monkeypatch):
    second = house("second")

    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("backup.folders.Folders.restore", cut_off)
        assert second.call("restore", str(archive)) == 130
    assert (second.data / RESTORING).exists()
    assert second.call("audit") == 1
    assert "cut off in the middle; run it again" in capsys.readouterr().err
    assert second.call("restore", str(archive), "--replace") == 0
    assert second.call("audit") == 0
    assert (second.folder / "adapters/support/adapter_config.json").exists()


def test_an_adapter_that_is_replaced_is_kept_beside(archive, house):
    second = house("second")
    (second.folder / "adapters/support").mkdir(parents=True)
    (second.folder / "adapters/support/adapter_config.json").write_text('{"mine": 1}')
    assert second.call("restore", str(archive)) == 1
    assert second.call("restore", str(archive), "--replace") == 0
    assert (second.folder / "adapters/support/adapter_config.json").read_text() == "{}"
    (kept,) = (second.folder / "adapters").glob(".support.replaced-*")
    assert (kept / "adapter_config.json").read_text() == '{"mine": 1}'


def test_the_shipped_templates_and_adapters_are_no_obstacle(house, tmp_path):
    first, second = house("first"), house("second")
    for one in (first, second):
        shutil.copytree(ROOT / "prompts", one.folder / "prompts")
        shutil.copytree(ROOT / "adapters", one.folder / "adapters")
    first.store().close()
    assert first.call("backup", str(tmp_path / "one.zip")) == 0
    assert second.call("restore", str(tmp_path / "one.zip")) == 0
