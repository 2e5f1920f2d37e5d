"""Many people at the real pages, served over HTTP: those who wait for an answer hold nobody else."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
import uvicorn
from starlette.routing import Mount

from core.settings import Settings
from core.types import Arm, Decoding, Draft, Piece, Turn
from launch import compose

WAITING = 45  # more than the 40 events that gradio lets be under way by itself


class SlowBackend:
    """Implements core.protocols.Backend: each answer waits in line until `open` is set."""

    def __init__(self) -> None:
        self.open = threading.Event()

    def draft(self, question, spec, decoding=None):
        def pieces() -> Iterator[Piece]:
            while not self.open.wait(0.1):
                yield Piece("", 10, 0, place=2)
            yield Piece("Here.", 10, 1)

        arm = Arm(spec.name, "tiny", "abc", spec.template, 1, "def", Decoding())
        return Draft(arm, (Turn("user", question.text),), (), pieces())


@dataclass
class Site:
    url: str
    parts: object
    blocks: object
    backend: SlowBackend

    def join(self, session: str, handler: str, *values: str) -> None:
        """An event of the Chat page, by its handler's name; what is not given is empty."""
        number, fn = next((n, fn) for n, fn in self.blocks.fns.items() if fn.name == handler and not fn.page)
        data = [*values, *[""] * (len(fn.inputs) - len(values))]
        body = {"data": data, "fn_index": number, "session_hash": session}
        httpx.post(f"{self.url}/gradio_api/queue/join", json=body, timeout=60).raise_for_status()

    def messages(self, session: str) -> Iterator[dict]:
        """What comes back until nothing of the session is under way."""
        with httpx.stream(
            "GET", f"{self.url}/gradio_api/queue/data", params={"session_hash": session}, timeout=60
        ) as stream:
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))


@pytest.fixture(scope="module")
def site(tmp_path_factory, free_port):
    from app.site import build_site

    parts = compose(Settings(data=str(tmp_path_factory.mktemp("many")), knowledge="", redaction="off"))
    parts.desk.backend = backend = SlowBackend()
    app = build_site(parts)
    mounted = (route.app for route in app.routes if isinstance(route, Mount))
    blocks = next(one for one in mounted if hasattr(one, "get_blocks")).get_blocks()
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started)
    yield Site(f"http://127.0.0.1:{port}", parts, blocks, backend)
    backend.open.set()
    server.should_exit = True
    thread.join(30)
    parts.store.close()


def eventually(true, seconds=60):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never happens"
        time.sleep(0.05)


def test_a_click_is_answered_while_very_many_wait_in_line_and_all_get_their_answers(site):
    for number in range(WAITING):
        site.join(f"waiting-{number}", "send", f"Question {number}?", "", "bare", "friendly")
    eventually(lambda: site.parts.desk.under_way == WAITING)
    began = time.monotonic()
    site.join("clicking", "fresh")
    kinds = [message["msg"] for message in site.messages("clicking")]
    assert "process_completed" in kinds
    assert time.monotonic() - began < 10
    assert site.parts.desk.under_way == WAITING
    site.backend.open.set()
    eventually(lambda: site.parts.desk.under_way == 0)
    said = [json.dumps(message, ensure_ascii=False) for message in site.messages("waiting-7")]
    assert any("In line, 1 before you …" in one for one in said)
    assert "Here." in said[-2]


def test_gradio_keeps_no_statistics_and_little_of_a_page_that_was_ever_open(site):
    for number in range(3):
        site.join(f"visit-{number}", "fresh")
        assert any(message["msg"] == "process_completed" for message in site.messages(f"visit-{number}"))
    assert len(site.blocks._queue.event_analytics) == 1
    assert site.blocks.state_holder.capacity == 1000
    kept = site.blocks.state_holder["visit-1"]
    assert len(kept.config_values) < 10
    own, shared = kept.blocks_config.blocks.maps
    assert len(own) < 10 < len(shared)
    assert shared is site.blocks.default_config.blocks
    for number in range(3):
        site.join("visit-1", "send", f"Question {number}?", "", "bare", "friendly")
        assert any(message["msg"] == "process_completed" for message in site.messages("visit-1"))
    assert own.keys() <= shared.keys(), "what takes a component's place is kept once"
    assert site.blocks.state_holder["visit-2"].blocks_config.blocks.maps[0] is not own


def test_a_page_may_be_left_with_two_streams_open(site):
    pending = site.blocks._queue.pending_messages_per_session
    pending["left"] = None
    for _ in range(2):
        del pending["left"]
    assert "left" not in pending


def test_of_many_pages_closed_ones_are_forgotten_first_and_then_those_unused_for_longest(site, monkeypatch):
    holder = site.blocks.state_holder
    holder.session_data.clear()
    monkeypatch.setattr(holder, "capacity", 3)

    def visit(name, closed=False):
        holder[name].is_closed = closed

    for name, closed in (("reading", False), ("gone", True), ("back", True)):
        visit(name, closed)
    visit("back")
    visit("new")
    assert list(holder.session_data) == ["reading", "back", "new"]
    visit("newest")
    assert list(holder.session_data) == ["back", "new", "newest"]
    assert holder.time_last_used.keys() >= holder.session_data.keys()
    assert "gone" not in holder.time_last_used
