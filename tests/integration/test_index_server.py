"""What happens to the index when its Chroma server goes away, comes back, or comes back empty."""

from __future__ import annotations

import shutil
import socket
import time
from pathlib import Path

import pytest

from backends import index_place
from backends.retrieval import HybridRetriever
from core.errors import DocumentError
from core.settings import ROOT
from tests.integration.conftest import ChromaServer

ASK = "How long is the shop open on Thursdays?"


@pytest.fixture
def server(tmp_path: Path):
    started = ChromaServer(tmp_path / "chroma")
    started.start()
    yield started
    started.stop()


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_place, "PAUSE_S", 0.1)


def test_a_server_that_is_gone_is_one_sentence_and_is_used_again_when_it_is_back(tmp_path, server):
    retriever = HybridRetriever(tmp_path / "index", url=server.url)
    document = tmp_path / "opening-hours.md"
    shutil.copy(ROOT / "tests/fixtures/documents/opening-hours.md", document)
    retriever.index([document])
    version = retriever.version
    server.stop()
    for ask in (lambda: retriever.search(ASK, 3), lambda: retriever.version, lambda: retriever.index([document])):
        with pytest.raises(DocumentError, match="cannot be reached.*`chroma run`.*the setting `index`"):
            ask()
        time.sleep(0.15)
    server.start()
    assert retriever.version == version
    assert retriever.search(ASK, 1)[0].source == "opening-hours.md"
    fresh = HybridRetriever(tmp_path / "index", url=server.url)
    assert fresh.index([document]).unchanged == ["opening-hours.md"]


def test_a_server_that_was_never_there_is_the_same_sentence(tmp_path, free_port):
    retriever = HybridRetriever(tmp_path / "index", url=f"http://127.0.0.1:{free_port()}")
    for _ in range(2):  # the second time it is not even asked
        with pytest.raises(DocumentError, match="cannot be reached"):
            retriever.search(ASK, 3)


def test_a_server_that_takes_connections_and_never_answers_is_the_same_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(index_place, "HEARTBEAT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        retriever = HybridRetriever(tmp_path / "index", url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(DocumentError, match="cannot be reached"):
            retriever.search(ASK, 3)


def test_a_server_that_no_longer_answers_is_the_same_sentence(tmp_path, server, monkeypatch):
    monkeypatch.setattr(index_place, "ANSWER_S", 0.5)
    retriever = HybridRetriever(tmp_path / "index", url=server.url)
    assert retriever.search(ASK, 3) == []
    with server.hanging(), pytest.raises(DocumentError, match="cannot be reached"):
        retriever.search(ASK, 3)


def test_an_index_that_is_lost_on_the_server_is_said_and_can_be_made_again(tmp_path, server):
    retriever = HybridRetriever(tmp_path / "index", url=server.url)
    document = ROOT / "tests/fixtures/documents/opening-hours.md"
    retriever.index([document])
    assert retriever.search(ASK, 1)
    server.stop()
    shutil.rmtree(server.folder)
    server.start()
    with pytest.raises(DocumentError, match="are gone"):
        retriever.search(ASK, 1)
    assert retriever.index([document]).added == ["opening-hours.md"]
    assert retriever.search(ASK, 1)[0].source == "opening-hours.md"
