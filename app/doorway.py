"""What answers while the site is still being built: a waiting page at once, and the site as soon as it is there.

Building the site takes seconds, most of them for imports, so that this module imports nothing heavy itself.
"""

from __future__ import annotations

import asyncio
import html
import json
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import uvicorn

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]

PAGE = Template((Path(__file__).parent / "waiting.html").read_text(encoding="utf-8"))
TRY_AGAIN_LATER = 1013  # the websocket close code
KEEP_ALIVE_S = 75  # longer than proxies keep an idle connection (nginx: 60 s), or they may use one that just ends
FAREWELL_S = 1  # what requests under way get at the end of the server


class Doorway:
    """An ASGI application that stands in for the site until `prepare` has built it and called `open`.

    `prepare` runs in a thread of its own and gets this doorway. If it fails before it has called `open`, its error
    is in `error` and `stop` is called, which is to end the server. Behind a proxy nobody is let in before: it passes
    by whoever does not listen yet.
    """

    def __init__(
        self, prepare: Callable[[Doorway], None], company: str, stop: Callable[[], None], behind_proxy: bool = False
    ) -> None:
        self.company = company
        self.behind_proxy = behind_proxy
        self.error: BaseException | None = None
        self._prepare = prepare
        self._stop = stop
        self._state = ""
        self._site: Asgi | None = None
        self._opened = threading.Event()
        self._closed = False

    def say(self, state: str) -> None:
        """Shows what is being done, on the waiting page and in /health."""
        self._state = state

    def open(self, site: Asgi) -> None:
        """Lets everything through to the site from now on. Returns when the site's own start is over."""
        if self._closed:
            raise SystemExit  # nobody waits for the site any more: ends the thread of `prepare`, silently
        self._loop.call_soon_threadsafe(self._built.set_result, site)
        self._opened.wait()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        elif self._site:
            await self._site(scope, receive, send)
        elif scope["type"] == "http":
            await self._ask_to_wait(scope, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": TRY_AGAIN_LATER})

    async def _ask_to_wait(self, scope: Message, send: Send) -> None:
        """A page for people, JSON for everything else; 503 in either case, so that nothing takes it for an answer."""
        wants_page = scope["method"] in ("GET", "HEAD") and b"text/html" in dict(scope["headers"]).get(b"accept", b"")
        if wants_page:
            kind = b"text/html; charset=utf-8"
            body = PAGE.substitute(company=html.escape(self.company), state=html.escape(self._state))
        else:
            kind = b"application/json"
            problem = {"message": f"Duodesk is starting. {self._state}", "type": "server_error", "code": "starting"}
            body = json.dumps({"model": "not loaded", "starting": self._state, "error": problem})
        content = body.encode()
        headers = [
            (b"content-type", kind),
            (b"content-length", str(len(content)).encode()),
            (b"cache-control", b"no-store"),
            (b"retry-after", b"1"),
        ]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})

    async def _lifespan(self, scope: Message, receive: Receive, send: Send) -> None:
        """The server's life: the start is over at once; the site lives from when it is built until the server ends."""
        await receive()
        self._loop = asyncio.get_running_loop()
        self._built: asyncio.Future[Asgi | None] = self._loop.create_future()
        threading.Thread(target=self._run, name="prepare", daemon=True).start()
        if not self.behind_proxy:
            await send({"type": "lifespan.startup.complete"})
        ending: asyncio.Future[Message] = asyncio.ensure_future(receive())
        either: list[asyncio.Future[Any]] = [ending, self._built]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._built.done() and (site := self._built.result()):
            await self._live(site, scope, ending, send)
        if self.error and self.behind_proxy:
            await send({"type": "lifespan.startup.failed", "message": ""})
            return
        await ending
        self._closed = True
        await send({"type": "lifespan.shutdown.complete"})

    async def _live(self, site: Asgi, scope: Message, ending: asyncio.Future[Message], send: Send) -> None:
        """Runs the site's own lifespan, all of it in one task, as task groups in it require."""
        told = False

        async def tell_site() -> Message:
            nonlocal told
            if told:
                return await ending
            told = True
            return {"type": "lifespan.startup"}

        async def hear_site(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                self._site = site
                self._opened.set()
                if self.behind_proxy:
                    await send({"type": "lifespan.startup.complete"})

        try:
            await site(scope, tell_site, hear_site)
        except Exception as error:
            self._fail(error)

    def _run(self) -> None:
        try:
            self._prepare(self)
        except Exception as error:
            if self._opened.is_set():
                raise
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self.error = error
        self._stop()
        if self.behind_proxy and not self._built.done():  # else the server waits for it before it ends
            self._loop.call_soon_threadsafe(self._built.set_result, None)


def serve(prepare: Callable[[Doorway], None], company: str, host: str, port: int, trusted_proxy: str = "") -> None:
    """Serves until Ctrl+C, which is a KeyboardInterrupt. Raises what `prepare` raised before it opened the site.

    What a request says about the client's address and about https is believed if it comes from `trusted_proxy`, some
    addresses or networks with commas between, and from nobody else.
    """
    import uvicorn

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # Every open page holds a connection; that these are cut at the end is no error to report.
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
            await super().shutdown(sockets)

    def stop() -> None:
        server.should_exit = True

    doorway = Doorway(prepare, company, stop, bool(trusted_proxy))
    config = server_config(doorway, host, port, trusted_proxy)
    server = Server(config)
    server.run()
    if doorway.error:
        raise doorway.error


def server_config(site: Asgi, host: str, port: int, trusted_proxy: str) -> uvicorn.Config:
    """Left to itself, uvicorn would believe every program on this machine."""
    import uvicorn

    return uvicorn.Config(
        site,
        host=host,
        port=port,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=FAREWELL_S,
        proxy_headers=bool(trusted_proxy),
        forwarded_allow_ips=trusted_proxy,
    )
