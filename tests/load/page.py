"""A page of the site without a browser: sends what gradio's own script in a browser would send, and takes in what
comes back, for locust's people."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import gevent
from gevent.event import Event
from gevent.queue import Empty, Queue
from gradio_client.utils import apply_diff
from locust.contrib.fasthttp import FastHttpSession

CONFIG = re.compile(r"window\.gradio_config\s*=\s*(\{.*?\});?\s*</script>", re.DOTALL)
API = "/gradio_api"
PATIENCE_S = 180  # for the next message of an event


class Trouble(Exception):
    """The site did not do what it should."""


class Page:
    """A page that is open, with the values of its components.

    Like a browser it keeps a heartbeat open until it is closed, has one stream for all events under way, ticks its
    timers, and lets events follow one another. `warnings` are what a person would see pop up.
    """

    def __init__(self, http: FastHttpSession, address: str, note: Callable[[Exception], None]) -> None:
        """`note` hears of what goes wrong behind the person's actions."""
        self.http = http
        self._note = note
        self.session = uuid.uuid4().hex[:12]
        path, _, self.query = address.partition("?")
        text = http.get(address, name=f"open {path}", headers={"Accept": "text/html"}).text or ""
        found = CONFIG.search(text)
        if not found:
            raise Trouble(f"{address} is no page of gradio: {text[:200]!r}")
        config = json.loads(found.group(1))
        self.components = {one["id"]: one for one in config["components"]}
        self.events = {one["id"]: one for one in config["dependencies"]}
        self.values = {number: one["props"].get("value") for number, one in self.components.items()}
        self.warnings: list[str] = []
        self._messages: dict[str, Queue[dict[str, Any]]] = {}
        self._under_way: set[str] = set()
        self._reader: gevent.Greenlet | None = None
        self._closed = Event()
        self._behind = [self._spawn(self._beat)]
        for number, one in self.components.items():
            if one["type"] == "timer":
                self._behind.append(self._spawn(self._tick, number))
        for event in [one for one in self.events.values() if any(what == "load" for _, what in one["targets"])]:
            self.run(event)

    def close(self) -> None:
        """The person leaves."""
        self._closed.set()
        gevent.killall([*self._behind, *([self._reader] if self._reader else [])])

    def find(self, kind: str, **props: Any) -> int:
        """The component of a kind with these properties."""
        (number,) = (
            number
            for number, one in self.components.items()
            if one["type"] == kind and all(one["props"].get(name) == value for name, value in props.items())
        )
        return int(number)

    def event(self, component: int, what: str) -> dict[str, Any]:
        """What the site does on an event of a component."""
        (event,) = (one for one in self.events.values() if [component, what] in one["targets"] and one["backend_fn"])
        return event

    def click(self, button: int) -> None:
        for _ in self.fire(button, "click"):
            pass

    def fire(self, component: int, what: str) -> Iterator[None]:
        """Fires an event and those that follow it; pauses whenever values have changed."""
        following = [self.event(component, what)]
        while following:
            event = following.pop(0)
            yield from self._process(event)
            following += [
                one for one in self.events.values() if one["trigger_after"] == event["id"] and one["backend_fn"]
            ]

    def run(self, event: dict[str, Any]) -> None:
        for _ in self._process(event):
            pass

    def _process(self, event: dict[str, Any]) -> Iterator[None]:
        """One event from its request to its end."""
        name = self._join(event)
        messages = self._queue(name)
        self._under_way.add(name)
        if self._reader is None:
            self._reader = self._spawn(self._read)
        shown: list[Any] = []
        try:
            while True:
                try:
                    message = messages.get(timeout=PATIENCE_S)
                except Empty:
                    raise Trouble(f"nothing more came of '{event['api_name']}' for {PATIENCE_S} s") from None
                kind = message["msg"]
                if kind == "broken":
                    raise Trouble(f"the stream broke: {message['why']}")
                if kind == "log":
                    self.warnings.append(message["log"])
                elif kind == "process_generating" and message["success"]:
                    data = message["output"]["data"]
                    shown = [apply_diff(old, new) for old, new in zip(shown, data, strict=True)] if shown else data
                    self._take(event, shown)
                    yield
                elif kind == "process_completed":
                    if not message["success"]:
                        raise Trouble(f"'{event['api_name']}' failed: {message['output']}")
                    if not event["types"]["generator"]:
                        self._take(event, message["output"]["data"])
                    yield
                    return
        finally:
            self._messages.pop(name, None)

    def _take(self, event: dict[str, Any], data: list[Any]) -> None:
        for number, new in zip(event["outputs"], data, strict=True):
            if not isinstance(new, dict) or new.get("__type__") != "update":
                self.values[number] = new
            else:
                self.components[number]["props"] |= {name: value for name, value in new.items() if name != "__type__"}
                if "value" in new:
                    self.values[number] = new["value"]

    def _join(self, event: dict[str, Any]) -> str:
        body = {
            "data": [None if self._is_state(number) else self.values[number] for number in event["inputs"]],
            "fn_index": event["id"],
            "session_hash": self.session,
            "event_data": None,
            "trigger_id": event["targets"][0][0],
        }
        with self.http.post(
            f"{API}/queue/join?{self.query}", json=body, name="join an event", catch_response=True
        ) as answer:
            if answer.status_code != 200:
                raise Trouble(f"'{event['api_name']}' was refused: {answer.status_code} {answer.text}")
            return str(answer.json()["event_id"])

    def _is_state(self, number: int) -> bool:
        return bool(self.components[number]["type"] == "state")

    def _queue(self, name: str) -> Queue[dict[str, Any]]:
        return self._messages.setdefault(name, Queue())

    def _read(self) -> None:
        """Hands the stream's messages to their events; the site ends it when no event is under way."""
        try:
            while self._under_way:
                for message in self._stream(f"{API}/queue/data?session_hash={self.session}"):
                    if name := message.get("event_id"):
                        self._queue(name).put(message)
                        if message["msg"] == "process_completed":
                            self._under_way.discard(name)
        except (Trouble, OSError) as error:
            for name in self._under_way:
                self._queue(name).put({"msg": "broken", "why": repr(error)})
        finally:
            self._reader = None

    def _stream(self, address: str) -> Iterator[dict[str, Any]]:
        with self.http.get(address, name="stream", stream=True, catch_response=True) as answer:
            if answer.status_code != 200:
                raise Trouble(f"the stream was refused: {answer.status_code}")
            try:
                while line := answer.stream.readline(b"\n"):
                    if line.startswith(b"data: {"):
                        yield json.loads(line[6:])
            finally:
                answer.release()

    def _beat(self) -> None:
        with self.http.get(
            f"{API}/heartbeat/{self.session}", name="heartbeat", stream=True, catch_response=True
        ) as answer:
            while not self._closed.is_set() and answer.stream.readline(b"\n"):
                pass

    def _tick(self, number: int) -> None:
        event = self.event(number, "tick")
        while not self._closed.wait(self.values[number]):
            self.run(event)

    def _spawn(self, what: Callable[..., None], *arguments: Any) -> gevent.Greenlet:
        greenlet = gevent.spawn(what, *arguments)
        greenlet.link_exception(lambda ended: self._note(ended.exception))
        return greenlet
