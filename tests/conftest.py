"""What many tests share: a store on a fresh SQLite file, and a backend that says what it is told to say."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings

from core.desk import Desk
from core.errors import DuodeskError
from core.types import Arm, ArmSpec, Decoding, Draft, Passage, Piece, Question, Turn
from store import open_store
from tests.broken.limits import LONG

settings.register_profile("busy machine", deadline=None)  # how long an example takes says nothing there
settings.register_profile("long", deadline=None, max_examples=100 * LONG, suppress_health_check=list(HealthCheck))
settings.load_profile("long" if LONG > 1 else "busy machine")

PROMPT = ArmSpec("prompt", "friendly")
LORA = ArmSpec("lora", "friendly", "velomoor")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Gives a file's tests to one process; the browser tests together, since they share a server and a browser."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "tests/e2e" if nodeid.startswith("tests/e2e/") else super()._split_scope(nodeid)

    return Scheduling(config, log)


@dataclass
class ScriptedBackend:
    """Implements core.protocols.Backend: says `words`, then `error` if there is one; remembers what it was asked.
    `places` are those in line that each answer is at first."""

    words: Sequence[str] = ("Hello ", "there.")
    places: Sequence[int] = ()
    error: Exception | None = None
    model_hash: str = "abc123"
    closed: threading.Event = field(default_factory=threading.Event)
    asked: list[Question] = field(default_factory=list)

    def draft(self, question: Question, spec: ArmSpec, decoding: Decoding | None = None) -> Draft:
        self.asked.append(question)
        arm = Arm(spec.name, "tiny", self.model_hash, spec.template, 1, "def456", decoding or Decoding(), spec.adapter)
        passages = (Passage("p1", "returns.md", "Returns: How", "Within 30 days.", 1.0, 0),)
        prompt = (Turn("system", "Be kind."), *question.history, Turn("user", question.text))
        return Draft(arm, prompt, passages if spec.uses_retrieval else (), self._pieces(spec))

    def _pieces(self, spec: ArmSpec) -> Generator[Piece, None, None]:
        try:
            for place in self.places:
                yield Piece("", 10, 0, place=place)
            for number, word in enumerate(self.words, 1):
                yield Piece(word.replace("{arm}", spec.name), 10, number)
            if self.error:
                raise self.error
        finally:
            self.closed.set()


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory):
    """An empty database file with today's schema: migrating once and copying saves half a second a test."""
    file = tmp_path_factory.mktemp("store") / "empty.sqlite3"
    open_store(f"sqlite:///{file}").close()
    return file


@pytest.fixture
def store(tmp_path, migrated_database):
    file = shutil.copy(migrated_database, tmp_path / "test.sqlite3")
    opened = open_store(f"sqlite:///{file}")
    yield opened
    opened.close()


@pytest.fixture
def backend():
    return ScriptedBackend()


@pytest.fixture
def desk(store, backend):
    return Desk(store, backend, max_message_chars=100)


class Broken(DuodeskError):
    """A mistake a person could have made."""
