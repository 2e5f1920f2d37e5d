"""A tiny model with adapters; a model server; a Chroma server; a PostgreSQL server: that of DUODESK_TEST_POSTGRES, else
our own for the session."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy import make_url

from backends.folders import folder_hash
from tests.integration.postgres import PostgresServer, free_port, server_programs
from tests.integration.tiny_models import make_adapter, make_model

ABSENT = "no PostgreSQL server found; install Debian's postgresql or set DUODESK_TEST_POSTGRES"


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model."""
    return make_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def adapters(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the adapters one, two and three of the tiny model."""
    folder = tmp_path_factory.mktemp("adapters")
    for number, name in enumerate(("one", "two", "three"), start=1):
        make_adapter(folder / name, base, folder_hash(base), seed=number)
    return folder


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of prepared models."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def model_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `transformers serve`, a real OpenAI-compatible server, in fp32; its models' names are their
    folders."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    log = folder / "log"
    command = [sys.executable, "-c", "from transformers.cli.transformers import main; main()", "serve"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    environ = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(folder)}
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output, env=environ) as server:
        try:
            deadline = time.monotonic() + 120
            while not _answers(f"http://127.0.0.1:{port}/health"):
                assert server.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()


class ChromaServer:
    """`chroma run` on a folder, which may be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [str(Path(sys.executable).with_name("chroma")), "run", "--path", str(self.folder)]
        command += ["--host", "127.0.0.1", "--port", str(self.port)]
        environ = os.environ | {"RUST_LOG": "warn"}
        with self.folder.with_suffix(".log").open("a") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
        deadline = time.monotonic() + 30
        while not _answers(f"{self.url}/api/v2/heartbeat"):
            assert self._process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """It takes connections and answers nothing."""
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)  # until all of its threads stand still
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="session")
def chroma_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChromaServer]:
    server = ChromaServer(tmp_path_factory.mktemp("chroma") / "data")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a database in which the tests may make and drop schemas."""
    given = os.environ.get("DUODESK_TEST_POSTGRES")
    if given:
        yield given
        return
    programs = server_programs()
    if programs is None:
        pytest.skip(ABSENT)
    server = PostgresServer(programs)
    yield server.url
    server.remove()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A URL whose tables live in a new empty schema."""
    schema = f"test_{uuid.uuid4().hex}"
    libpq = make_url(postgres_server).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(libpq, autocommit=True) as connection:
        connection.execute(f'CREATE SCHEMA "{schema}"')
        yield with_options(postgres_server, options=f"-csearch_path={schema}")
        connection.execute(f'DROP SCHEMA "{schema}" CASCADE')


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new empty database, once for each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'duodesk.sqlite'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session", name="free_port")
def free_port_fixture() -> Callable[[], int]:
    return free_port


def with_options(url: str, **query: str) -> str:
    return make_url(url).update_query_dict(query).render_as_string(hide_password=False)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False
