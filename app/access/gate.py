"""The gate in front of every page and address: who is this, may they do it, and does it come from our own pages?"""

from __future__ import annotations

import html
import json
import logging
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from app.access.rules import BODIES, EVENTS, GRADIO, PAGES, SESSION_PREFIXES, is_open, role_of_address, role_of_page
from core.accounts import Account, Accounts, Role, may
from core.errors import DuodeskError
from core.settings import LOOPBACK

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Duodesk</title>
<style>:root {{ color-scheme: light dark; }} body {{ font: 16px/1.5 system-ui, sans-serif; margin: 15vh auto;
max-width: 30rem; padding: 0 1rem; }} a {{ color: inherit; }}</style></head>
<body><p>{why}</p><p><a href="/">To the chat</a> · <a href="/login">Sign in as somebody else</a></p></body></html>"""
COOKIE = "duodesk_session"
ACCOUNT = "duodesk_account"  # where the rest of the site finds who is asking, in the scope
KEYED, KEYED_PREFIX = ("/v1", "/metrics", "/openapi.json"), "/v1/"  # programs come with a key, which the API checks
# Pages load nothing from other servers and send nothing there, whatever an answer or a document holds: a picture's
# address would tell its server who reads it, and what an injected instruction had the model write into the address.
POLICY = (
    b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; object-src 'none'; base-uri 'self'; "
    b"form-action 'self'; frame-ancestors 'self'"
)
LARGEST_EVENT = 8 << 20  # bytes that a page sends for one event
LARGEST_UPLOAD = 1 << 30
SESSIONS_KEPT = 10_000
SESSION_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)  # gradio's pages make some ten letters and digits up
EVENTS_PER_MINUTE = "600 per minute"  # of one account: a person at a page stays far below

Headers = dict[bytes, str]
Query = dict[str, str]


class Refused(Exception):
    """A request that is answered with a state and a sentence instead."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Gate:
    """`accounts` is None where nobody needs to sign in: then only this machine's own browser may come, unless
    `insecure`. `page_of` gives the page of one of gradio's events by its number, None for an unknown one."""

    def __init__(
        self, app: Asgi, accounts: Accounts | None, page_of: Callable[[int], str | None], insecure: bool = False
    ) -> None:
        self.app = app
        self.accounts = accounts
        self.page_of = page_of
        self.insecure = insecure
        self.sessions: OrderedDict[str, str] = OrderedDict()  # gradio's session -> whose it is

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] != "http" or scope["path"] in KEYED or scope["path"].startswith(KEYED_PREFIX):
            await self.app(scope, receive, send)
        else:
            await self._http(scope, receive, _with_policy(send))

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, headers = scope["path"], {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if not self._own_host(headers):
            await _refuse(send, 421, "This address is not served here.", headers)
            return
        if scope["method"] not in ("GET", "HEAD") and not _same_origin(headers):
            await _refuse(send, 403, "This request comes from another site.", headers)
            return
        if is_open(path):
            await self.app(scope, receive, send)
            return
        try:
            account = await self._account(headers)
        except DuodeskError as error:
            await _refuse(send, 503, not_now(error), headers)
            return
        if self.accounts and account is None:
            await _ask_to_sign_in(scope, headers, send)
            return
        scope[ACCOUNT] = account
        try:
            query = _query(scope)
            self._check_address(path, query, account)
            receive = await self._traffic(path, query, account, headers, receive)
        except Refused as refused:
            await _refuse(send, refused.status, str(refused), headers)
            return
        except DuodeskError as error:
            await _refuse(send, 503, not_now(error), headers)
            return
        await self.app(scope, receive, send)

    def _own_host(self, headers: Headers) -> bool:
        """Without accounts only this machine is let in, and no name that somebody else points to it (DNS rebinding)."""
        if self.accounts or self.insecure:
            return True
        return urlsplit(f"//{headers.get(b'host', '')}").hostname in LOOPBACK

    async def _account(self, headers: Headers) -> Account | None:
        from anyio.to_thread import run_sync

        token = cookie(headers, COOKIE)
        return await run_sync(self.accounts.who, token) if self.accounts and token else None

    def _may(self, account: Account | None, needed: Role) -> bool:
        return account is None or may(account.role, needed)  # None gets here only where there are no accounts

    def _check_address(self, path: str, query: Query, account: Account | None) -> None:
        needed = role_of_page(path, query.get("page")) or role_of_address(path)
        if needed is None or "deep_link" in query:
            raise Refused(404, "There is no such page.")
        if not self._may(account, needed):
            raise Refused(403, "Your account may not open this; ask an owner for another role.")

    async def _traffic(
        self, path: str, query: Query, account: Account | None, headers: Headers, receive: Receive
    ) -> Receive:
        """Checks the pages' own traffic, and returns how the rest of the site reads its body. Raises Refused."""
        rest = path.removeprefix(GRADIO).rstrip("/") if path.startswith(GRADIO) else ""
        session = query.get("session_hash", "")
        if rest.startswith(SESSION_PREFIXES):
            session = rest.split("/", 1)[1]
        if rest == "upload" and int(headers.get(b"content-length") or 0) > LARGEST_UPLOAD:
            raise Refused(413, "The file is too large; at most 1 GB can be uploaded.")
        if rest in BODIES:
            content = await _body(receive, LARGEST_EVENT)
            receive = _again(content, receive)
            try:
                body = json.loads(content)
                session, number = str(body["session_hash"]), int(body.get("fn_index") or 0)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
                raise Refused(400, "This is not a message of a page.") from None
            if rest in EVENTS:
                await self._check_event(number, account)
        if session and not SESSION_NAME.fullmatch(session):
            raise Refused(400, "This is not the session of a page.")
        if session and not self._own_session(session, account):
            raise Refused(403, "This session belongs to somebody else; reload the page.")
        return receive

    async def _check_event(self, number: int, account: Account | None) -> None:
        """Whether the account may open the page that an event belongs to, and has not sent too many."""
        page = self.page_of(number)
        needed = PAGES.get(page) if page is not None else None
        if needed is None or not self._may(account, needed):
            raise Refused(403, "Your account may not do this; ask an owner for another role.")
        if self.accounts and account:
            from anyio.to_thread import run_sync

            if not await run_sync(self.accounts.limiter.hit, EVENTS_PER_MINUTE, f"events {account.name}"):
                raise Refused(429, "Too many requests; wait a minute.")

    def _own_session(self, session: str, account: Account | None) -> bool:
        """Gradio keeps what a page knows by a number that the browser names: it belongs to who named it first."""
        name = account.name if account else ""
        whose = self.sessions.setdefault(session, name)
        self.sessions.move_to_end(session)
        while len(self.sessions) > SESSIONS_KEPT:
            self.sessions.popitem(last=False)
        return whose == name


def cookie(headers: Headers, name: str) -> str:
    """A cookie's value, '' without it."""
    try:
        found = SimpleCookie(headers.get(b"cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


def _with_policy(send: Send) -> Send:
    async def send_with_policy(message: Scope) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", ()), (b"content-security-policy", POLICY)]
            message = {**message, "headers": headers}
        await send(message)

    return send_with_policy


def _query(scope: Scope) -> Query:
    """Raises Refused when something is named twice: of two values the rest of the site might take the other one."""
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    query = dict(pairs)
    if len(query) < len(pairs):
        raise Refused(400, "This address names something twice.")
    return query


def _same_origin(headers: Headers) -> bool:
    """Browsers say where a request that changes something comes from; other programs, which hold no cookie, do not."""
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get(b"origin")
    return origin is None or urlsplit(origin).netloc == headers.get(b"host", "")


async def _ask_to_sign_in(scope: Scope, headers: Headers, send: Send) -> None:
    """The sign-in page for people, 401 for programs and for the traffic of pages."""
    if scope["method"] in ("GET", "HEAD") and "text/html" in headers.get(b"accept", ""):
        back = scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
        await _respond(send, 303, b"", [(b"location", f"/login?to={quote(back)}".encode())])
    else:
        await _refuse(send, 401, "Sign in first.", headers)


def not_now(error: DuodeskError) -> str:
    """The database cannot say who is asking. Where it is stands in the log alone: this is shown to anybody."""
    log.warning("nobody can be let in: %s", error)
    return "Duodesk cannot reach its database at this moment; try again in a minute."


async def _refuse(send: Send, status: int, why: str, headers: Headers) -> None:
    """A page for people, JSON for programs."""
    if "text/html" in headers.get(b"accept", ""):
        body, kind = PAGE.format(why=html.escape(why)).encode(), b"text/html; charset=utf-8"
    else:
        body, kind = json.dumps({"detail": why}).encode(), b"application/json"
    await _respond(send, status, body, [(b"content-type", kind)])


async def _respond(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    length = (b"content-length", str(len(body)).encode())
    kept = (b"cache-control", b"no-store")
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length, kept]})
    await send({"type": "http.response.body", "body": body})


async def _body(receive: Receive, most: int) -> bytes:
    """The whole body. Raises Refused when it is longer than `most` bytes."""
    content, more = b"", True
    while more:
        message = await receive()
        content += message.get("body", b"")
        more = message.get("more_body", False) and message["type"] == "http.request"
        if len(content) > most:
            raise Refused(413, "This is too much for one message.")
    return content


def _again(content: bytes, receive: Receive) -> Receive:
    """Gives the body that was read once more, then whatever follows."""
    given = False

    async def read() -> Scope:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": content, "more_body": False}

    return read
