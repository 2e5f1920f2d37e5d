"""A small model server on loopback that does, request by request, what a test tells it to do."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[[BaseHTTPRequestHandler], None]


def event(text: str | None = None, finish: str | None = None, usage: tuple[int, int] | None = None) -> str:
    """One chunk of a streamed answer, in OpenAI's form."""
    choices = [] if text is None and finish is None else [{"index": 0, "delta": {}, "finish_reason": finish}]
    if text is not None:
        choices[0]["delta"] = {"content": text}
    row: dict[str, Any] = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}
    if usage:
        row["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    return f"data: {json.dumps(row)}\n\n"


def says(*texts: str, usage: tuple[int, int] = (7, 3)) -> Reply:
    """A whole answer, as the documentation of OpenAI's API has it."""
    return sends(*map(event, texts), event(finish="stop"), event(usage=usage), "data: [DONE]\n\n")


def sends(*events: str, kind: str = "text/event-stream") -> Reply:
    """These bytes, and then the end of the connection."""

    def reply(request: BaseHTTPRequestHandler) -> None:
        _start(request, 200, {"Content-Type": kind, "Connection": "close"})
        for one in events:
            request.wfile.write(one.encode())
            request.wfile.flush()

    return reply


def cuts(*texts: str) -> Reply:
    """The beginning of an answer, and then a connection that is reset."""

    def reply(request: BaseHTTPRequestHandler) -> None:
        sends(*map(event, texts))(request)
        time.sleep(0.05)  # what was sent shall arrive
        request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        request.connection.close()

    return reply


def refuses(status: int, body: Any = "no", **headers: str) -> Reply:
    def reply(request: BaseHTTPRequestHandler) -> None:
        content = json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        _start(request, status, {"Content-Type": "application/json", "Content-Length": str(len(content)), **named})
        request.wfile.write(content)

    return reply


def gives(body: Any) -> Reply:
    return refuses(200, body)


def hangs(until: threading.Event, *texts: str) -> Reply:
    """The beginning of an answer, and then nothing before `until` is set."""

    def reply(request: BaseHTTPRequestHandler) -> None:
        sends(*map(event, texts))(request)
        until.wait(10)

    return reply


def goes_on(left: threading.Event, *texts: str) -> Reply:
    """The beginning of an answer, then signs of life without text until the client goes away, which sets `left`."""

    def reply(request: BaseHTTPRequestHandler) -> None:
        sends(*map(event, texts))(request)
        try:
            for _ in range(500):
                request.wfile.write(b": still here\n\n")
                time.sleep(0.02)
        except OSError:
            left.set()

    return reply


class ScriptedServer:
    """Answers POST requests by `script`, in its order, its last entry again and again, or by path in `routes`; GET
    /v1/models with `cards`. `asked` holds path, headers and body of every POST."""

    def __init__(self, port: int = 0) -> None:
        self.script: list[Reply] = [says("Hello ", "there.")]
        self.routes: dict[str, Reply] = {}
        self.cards: Any = [{"id": "m", "object": "model", "created": 1, "owned_by": "test"}]
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self._turn = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer._turn:
                    outer.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                    reply = outer.routes.get(self.path) or (
                        outer.script.pop(0) if len(outer.script) > 1 else outer.script[0]
                    )
                reply(self)

            def do_GET(self) -> None:
                gives({"object": "list", "data": outer.cards})(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def paths(self) -> Sequence[str]:
        return [path for path, _, _ in self.asked]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _start(request: BaseHTTPRequestHandler, status: int, headers: dict[str, str]) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.end_headers()
