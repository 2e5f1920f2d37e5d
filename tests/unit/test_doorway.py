"""The doorway, in front of a site that only notes what reaches it."""

import asyncio
import json
import threading

import pytest

from app.doorway import Doorway, server_config


class FakeSite:
    """An ASGI application: answers everything with 'the site', and notes its lifespan and the tasks it ran in."""

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails
        self.life = []
        self.tasks = []

    async def __call__(self, scope, receive, send):
        if scope["type"] != "lifespan":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"the site"})
            return
        for step in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{step}"
            if self.fails:
                raise RuntimeError("the site does not start")
            self.life.append(step)
            self.tasks.append(asyncio.current_task())
            await send({"type": f"lifespan.{step}.complete"})


class Running:
    """A doorway between start and end of a server; `get` asks it as a browser would."""

    def __init__(self, doorway: Doorway) -> None:
        self.doorway = doorway
        self.told: asyncio.Queue = asyncio.Queue()
        self.heard: asyncio.Queue = asyncio.Queue()

    async def __aenter__(self):
        self.life = asyncio.create_task(self.doorway({"type": "lifespan"}, self.told.get, self.heard.put))
        await self.told.put({"type": "lifespan.startup"})
        assert await asyncio.wait_for(self.heard.get(), 10) == {"type": "lifespan.startup.complete"}
        return self

    async def __aexit__(self, *_):
        await self.told.put({"type": "lifespan.shutdown"})
        assert await asyncio.wait_for(self.heard.get(), 10) == {"type": "lifespan.shutdown.complete"}
        await self.life

    async def ask(self, kind="http", method="GET", accept="text/html"):
        sent = []

        async def receive():
            return {"type": f"{kind}.connect"}

        async def send(message):
            sent.append(message)

        scope = {"type": kind, "method": method, "path": "/", "headers": [(b"accept", accept.encode())]}
        await self.doorway(scope, receive, send)
        return sent

    async def get(self, **asked):
        start, body = await self.ask(**asked)
        return start["status"], dict(start["headers"]), body["body"].decode()


@pytest.fixture
def finished():
    """Set at the end of a test, for `prepare` to wait on."""
    event = threading.Event()
    yield event
    event.set()


def run(doorway, visit):
    async def live():
        async with Running(doorway) as running:
            await visit(running)

    asyncio.run(live())


def test_people_get_a_waiting_page_and_programs_a_503_until_the_site_is_there(finished):
    def prepare(door):
        door.say("Loading <everything> …")
        finished.wait(10)

    async def visit(running):
        while True:
            status, headers, page = await running.get()
            if "Loading" in page:
                break
            await asyncio.sleep(0.01)
        assert (status, headers[b"retry-after"], headers[b"cache-control"]) == (503, b"1", b"no-store")
        assert "Loading &lt;everything&gt; …" in page
        assert "for Bikes &amp; More" in page
        assert 'http-equiv="refresh"' in page
        status, headers, body = await running.get(accept="*/*")
        assert (status, headers[b"retry-after"]) == (503, b"1")
        told = json.loads(body)
        assert (told["model"], told["starting"]) == ("not loaded", "Loading <everything> …")
        assert told["error"]["message"] == "Duodesk is starting. Loading <everything> …", (
            "as the API's callers expect it"
        )
        assert (await running.get(method="POST"))[0] == 503
        assert (await running.get(method="HEAD"))[2] == ""
        assert await running.ask(kind="websocket") == [{"type": "websocket.close", "code": 1013}]

    run(Doorway(prepare, "Bikes & More", print), visit)


def test_the_site_takes_over_and_lives_in_one_task_until_the_server_ends():
    site, served = FakeSite(), threading.Event()

    def prepare(door):
        door.open(site)
        assert site.life == ["startup"]  # over before `open` returns
        served.set()

    async def visit(running):
        assert await asyncio.to_thread(served.wait, 10)
        assert await running.get() == (200, {}, "the site")
        assert site.life == ["startup"]

    run(Doorway(prepare, "Velomoor", print), visit)
    assert site.life == ["startup", "shutdown"]
    assert len(set(site.tasks)) == 1


@pytest.mark.parametrize("fails", ["prepare", "site"])
def test_what_fails_before_the_site_is_there_ends_the_server(fails):
    def prepare(door):
        if fails == "prepare":
            raise RuntimeError("the database is down")
        door.open(FakeSite(fails=True))

    stopped = threading.Event()
    doorway = Doorway(prepare, "Velomoor", stopped.set)

    async def visit(running):
        assert await asyncio.to_thread(stopped.wait, 10)
        assert (await running.get())[0] == 503

    run(doorway, visit)
    assert isinstance(doorway.error, RuntimeError)


def test_a_server_that_ends_while_the_site_is_being_built_takes_no_site(finished):
    site, ended = FakeSite(), threading.Event()

    def prepare(door):
        finished.wait(10)
        with pytest.raises(SystemExit):
            door.open(site)
        ended.set()

    async def visit(running):
        assert (await running.get())[0] == 503

    run(Doorway(prepare, "Velomoor", print), visit)
    finished.set()
    assert ended.wait(10)
    assert site.life == []


def test_behind_a_proxy_nobody_is_let_in_before_the_site_is_there():
    site, go_on, heard = FakeSite(), threading.Event(), []

    def prepare(door):
        go_on.wait(10)
        door.open(site)

    async def live():
        told = asyncio.Queue()

        async def hear(message):
            heard.append(message["type"])

        life = asyncio.create_task(
            Doorway(prepare, "Bikes", print, behind_proxy=True)({"type": "lifespan"}, told.get, hear)
        )
        await told.put({"type": "lifespan.startup"})
        await asyncio.sleep(0.05)
        assert heard == []
        go_on.set()
        while not heard:
            await asyncio.sleep(0.01)
        await told.put({"type": "lifespan.shutdown"})
        await life

    asyncio.run(live())
    assert heard == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert site.life == ["startup", "shutdown"]


def test_behind_a_proxy_a_failed_start_ends_the_server_all_the_same():
    heard, stopped = [], threading.Event()

    def prepare(door):
        raise RuntimeError("no database")

    async def live():
        told = asyncio.Queue()
        await told.put({"type": "lifespan.startup"})

        async def hear(message):
            heard.append(message["type"])

        await asyncio.wait_for(
            Doorway(prepare, "Bikes", stopped.set, behind_proxy=True)({"type": "lifespan"}, told.get, hear), 10
        )

    asyncio.run(live())
    assert (heard, stopped.is_set()) == (["lifespan.startup.failed"], True)


@pytest.mark.parametrize(
    ("trusted", "peer", "client", "scheme"),
    [
        ("", "127.0.0.1", "127.0.0.1", "http"),
        ("127.0.0.1", "127.0.0.1", "6.6.6.6", "https"),
        ("10.0.0.0/8, 127.0.0.1", "10.1.2.3", "6.6.6.6", "https"),
        ("10.0.0.1", "127.0.0.1", "127.0.0.1", "http"),
    ],
)
def test_a_visitors_address_and_https_are_believed_from_a_trusted_proxy_alone(trusted, peer, client, scheme):
    seen = []

    async def site(scope, receive, send):
        seen.append((scope["client"][0], scope["scheme"]))

    config = server_config(site, "127.0.0.1", 1, trusted)
    config.load()
    headers = [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-proto", b"https")]
    scope = {"type": "http", "client": (peer, 5), "scheme": "http", "headers": headers}
    asyncio.run(config.loaded_app(scope, None, None))
    assert seen == [(client, scheme)]
