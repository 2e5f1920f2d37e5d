"""What a browser may send to the pages' own addresses without a page: any event with any payload, files that are not
its own, broken uploads. Nothing fails, nothing hangs, nothing of this machine or of others comes back."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.routing import Mount

from core.comparison import Comparisons
from core.desk import Desk
from core.settings import ROOT, Settings
from launch import compose
from tests.broken import adapters, templates, texts
from tests.broken.limits import LONG
from tests.conftest import ScriptedBackend

PASSWORD = "correct horse battery"
SECRET = "the-secret-of-this-machine"
LONGEST_S = 30


class Pages:
    """A browser that is signed in, and sends what no page would."""

    def __init__(self, url: str, blocks: Any, home: Path) -> None:
        self.url, self.blocks, self.home = url, blocks, home
        self.client = httpx.Client(base_url=url, timeout=LONGEST_S)
        self.numbers = itertools.count()

    def sign_in(self, role: str) -> Pages:
        signed = Pages(self.url, self.blocks, self.home)
        assert signed.client.post("/login", data={"name": f"the-{role}", "password": PASSWORD}).status_code == 303
        signed.role = role
        return signed

    def event(self, name: str) -> int:
        """The number of the first event of a handler."""
        return next(n for n, one in self.blocks.fns.items() if getattr(one.fn, "__qualname__", "") == name)

    def send(self, event: int, data: Any, **more: Any) -> tuple[int, str]:
        """The status, and all that comes back until the event is over. Fails when nothing does."""
        session = f"{self.role}-{next(self.numbers)}"
        body = {"session_hash": session, "fn_index": event, "data": data} | more
        joined = self.client.post("/gradio_api/queue/join", json=body)
        if joined.status_code != 200:
            return joined.status_code, joined.text
        said = ""
        with self.client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
            for line in stream.iter_lines():
                said += line
                if '"process_completed"' in line or '"unexpected_error"' in line:
                    return 200, said
        pytest.fail(f"event {event} never came to an end: {said[-300:]}")

    def upload(self, name: str, content: bytes) -> dict[str, Any]:
        """A file as the page's own upload gives it to an event."""
        sent = self.client.post("/gradio_api/upload", files={"files": (name, content)})
        return {"path": sent.raise_for_status().json()[0], "orig_name": name, "meta": {"_type": "gradio.FileData"}}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    from app.site import build_site

    home = tmp_path_factory.mktemp("pages")
    shutil.copytree(ROOT / "prompts", home / "prompts")
    for folder in ("adapters", "uploads", "questions"):
        (home / folder).mkdir()
    (home / "data").mkdir()
    (home / "data" / "secret.txt").write_text(SECRET)
    folders = {name: str(home / name) for name in ("data", "prompts", "adapters", "questions")}
    before = os.environ.get("GRADIO_TEMP_DIR")
    os.environ["GRADIO_TEMP_DIR"] = str(home / "uploads")
    parts = compose(Settings(knowledge="", accounts="on", **folders))
    desk = Desk(parts.store, ScriptedBackend(), 8000, 80)
    for role in ("visitor", "owner"):
        parts.accounts.add(f"the-{role}", role, PASSWORD)
    app = build_site(dataclasses.replace(parts, desk=desk, comparisons=Comparisons(desk)))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.05)
    mounted = (route.app for route in app.routes if isinstance(route, Mount))
    blocks = next(one for one in mounted if hasattr(one, "get_blocks")).get_blocks()
    yield Pages(f"http://127.0.0.1:{listener.getsockname()[1]}", blocks, home)
    server.should_exit = True
    thread.join()
    parts.store.close()
    os.environ.pop("GRADIO_TEMP_DIR")
    if before is not None:
        os.environ["GRADIO_TEMP_DIR"] = before


@pytest.fixture(scope="module")
def owner(site: Pages) -> Pages:
    return site.sign_in("owner")


@pytest.fixture(scope="module")
def visitor(site: Pages) -> Pages:
    return site.sign_in("visitor")


def file_data(path: object) -> dict[str, Any]:
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}


def check_said(status: int, said: str) -> None:
    assert status < 500, said[:500]
    assert "Traceback" not in said and 'File \\"/' not in said, said[:2000]
    assert SECRET not in said


def test_no_event_takes_a_file_of_the_machine_for_an_upload(owner: Pages):
    """An event may not get hold of one, and none may be copied to where browsers read uploads."""
    secret = owner.home / "data" / "secret.txt"
    named = [file_data(secret), [file_data(secret)], {"value": file_data(secret)}]
    events = [number for number, event in owner.blocks.fns.items() if event.inputs]
    for number in events if LONG > 1 else events[::6]:
        for turn in range(len(named) if LONG > 1 else 1):
            data = [named[(place + turn) % len(named)] for place in range(len(owner.blocks.fns[number].inputs))]
            check_said(*owner.send(number, data, event_data=named[0]))
    files = [file for file in (owner.home / "uploads").rglob("*") if file.is_file()]
    assert [file for file in files if SECRET in file.read_text("latin-1")] == []


TEXT = st.sampled_from(["", "x", "\0", "<script>", "../../etc/passwd", "friendly", "prompt", "-1", "=1", "a" * 5000])
JSON = st.recursive(
    st.none() | st.booleans() | st.sampled_from([0, -1, 10**30, 1.5, 1e308]) | TEXT | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def test_any_payload_of_any_event_comes_to_an_end(owner: Pages):
    events = owner.blocks.fns

    @settings(max_examples=30 * LONG, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(number=st.sampled_from(sorted(events)), draw=st.data(), event_data=JSON, trigger=st.none() | JSON)
    def check(number: int, draw: st.DataObject, event_data: Any, trigger: Any) -> None:
        data = draw.draw(
            st.lists(JSON, min_size=len(events[number].inputs), max_size=len(events[number].inputs)) | JSON
        )
        check_said(*owner.send(number, data, event_data=event_data, trigger_id=trigger))

    check()
    assert owner.client.get("/robots.txt").status_code == 200


BODIES = (b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 50_000, b'{"session_hash": 1}', b'{"session_hash": "\\ud800"}')
KINDS = ("application/json", "multipart/form-data", "multipart/form-data; boundary=x", "text/plain")


@pytest.mark.parametrize("path", ["queue/join", "cancel", "upload", "queue/data", "file=x", "heartbeat/x"])
def test_a_body_that_is_no_message_is_refused(visitor: Pages, path: str):
    for body, kind in itertools.product(BODIES, KINDS):
        sent = visitor.client.post(f"/gradio_api/{path}", content=body, headers={"content-type": kind})
        check_said(sent.status_code, sent.text)
        assert 400 <= sent.status_code < 500, (body[:40], kind)


@pytest.mark.parametrize("length", ["-1", "abc", "9" * 30, "²"])
def test_a_length_that_is_none_is_refused(owner: Pages, length: str):
    with socket.create_connection(("127.0.0.1", httpx.URL(owner.url).port), timeout=LONGEST_S) as connection:
        cookies = "; ".join(f"{name}={value}" for name, value in owner.client.cookies.items())
        head = [
            "POST /gradio_api/upload HTTP/1.1",
            "Host: 127.0.0.1",
            f"Cookie: {cookies}",
            f"Content-Length: {length}",
        ]
        connection.sendall("\r\n".join([*head, "", ""]).encode())
        assert connection.recv(100).split(b" ")[1][:1] == b"4"


@pytest.mark.parametrize("session", ["\0", "x" * 10_000, "../x", "%ff", "é"])
def test_a_session_that_is_none_is_refused(visitor: Pages, session: str):
    sent = visitor.client.get("/gradio_api/queue/data", params={"session_hash": session})
    assert sent.status_code == 400
    check_said(sent.status_code, sent.text)


def test_a_session_that_nobody_has_gets_nothing(visitor: Pages):
    said = ""
    with (
        contextlib.suppress(httpx.RemoteProtocolError),  # gradio breaks the stream off after its message
        visitor.client.stream("GET", "/gradio_api/queue/data", params={"session_hash": "nobody"}) as stream,
    ):
        for text in stream.iter_text():
            said += text
    assert "unexpected_error" in said and "process_completed" not in said
    check_said(stream.status_code, said)


def test_a_broken_upload_is_told_in_a_sentence_at_the_page(owner: Pages):
    zipped = owner.upload("new.zip", adapters.archives()["pickle"])
    _, said = owner.send(owner.event("AdapterList.import_"), [zipped, "new"])
    assert "a pickle, which can run code" in said
    table = owner.upload("past.csv", texts.tables()["more cells than columns"])
    _, said = owner.send(owner.event("TrainingForm.choose"), ["file", table])
    assert "has 5 cells but the header names 2" in said
    questions = owner.upload("test.jsonl", texts.lines()["deeply nested and whole"])
    _, said = owner.send(owner.event("PlanForm.look"), [questions["path"], "facts"])
    assert "cannot be read as JSON" in said
    for name in ("x.exe", "a\0b.zip", "../../up.zip", "/etc/up.zip", "x" * 300 + ".zip", ".."):
        sent = owner.client.post("/gradio_api/upload", files={"files": (name, b"MZ")})
        check_said(sent.status_code, sent.text)
    assert list((owner.home / "adapters").iterdir()) == []


def test_a_broken_template_at_the_page_leaves_the_one_before(owner: Pages):
    before = (owner.home / "prompts" / "calm.yaml").read_bytes()
    number = owner.event("PromptsPage.save")
    inputs = [one.elem_id or getattr(one, "label", "") for one in owner.blocks.fns[number].inputs]
    data = ["calm" if "name" in str(one).lower() else templates.broken()["python object"] for one in inputs]
    status, said = owner.send(number, data)
    check_said(status, said)
    assert (owner.home / "prompts" / "calm.yaml").read_bytes() == before
