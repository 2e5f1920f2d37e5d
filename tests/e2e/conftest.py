"""The real thing for the browser tests: `launch.py` as a person starts it, and a real Chromium in front of it.

One server and one browser serve the whole folder; every test gets visitors of its own (browser contexts with
their own cookie). Screenshots, also of tests that fail, are kept in artefacts/.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from core.protocols import Store
from core.studies import Study
from store import open_store
from tests.integration.tiny_models import make_adapter, make_model

from .steps import plan_study

ROOT = Path(__file__).resolve().parents[2]
ARTEFACTS = ROOT / "artefacts"
ABSENT = "no Chromium found; install Debian's chromium to run the browser tests"
BROWSER_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
START_S, WAIT_MS = 240, 40_000

# Quick answers keep the suite short; a hot one rambles to its limit, so that there is time to press Stop.
TEMPLATE = """name: {name}
purpose: For the browser tests.
depth: 2
decoding: {{max_new_tokens: {tokens}, temperature: {temperature}}}
messages:
  - system: You work for {{company}}.
  - history: "{{history}}"
  - user: |
      Passages:
      {{context}}

      Question: {{question}}
"""
QUICK = TEMPLATE.format(name="quick", tokens=12, temperature=0.0)
ENDLESS = TEMPLATE.format(name="endless", tokens=2048, temperature=2.0)


# Keeps every byte that gradio sends to the page, streams included, as `received`: [{url, body}].
RECORDER = """
window.received = [];
const plainFetch = window.fetch;
window.fetch = async (...request) => {
  const response = await plainFetch(...request), entry = { url: response.url, body: "" };
  received.push(entry);
  const reader = response.clone().body?.getReader(), decoder = new TextDecoder();
  (async () => {
    for (let part; reader && !(part = await reader.read()).done; )
      entry.body += decoder.decode(part.value, { stream: true });
  })().catch(() => {});
  return response;
};
"""


@dataclass
class Server:
    """A running Duodesk, and what tests look at behind its back."""

    url: str
    prompts: Path
    store: Store

    def write_template(self, name: str, text: str) -> None:
        (self.prompts / f"{name}.yaml").write_text(text, encoding="utf-8")


@pytest.fixture(scope="package")
def chromium() -> str:
    found = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(ABSENT)
    return found


@pytest.fixture(scope="package")
def server(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`launch.py` on a free port with a data folder of its own. A traceback in its log fails at the end."""
    home = tmp_path_factory.mktemp("duodesk")
    prompts = Path(shutil.copytree(ROOT / "prompts", home / "prompts"))
    model, adapters = _weights(home)
    port = _free_port()
    settings = {"port": port, "data": home / "data", "prompts": prompts, "model": model, "adapters": adapters}
    flags = [str(part) for name, value in settings.items() for part in (f"--{name}", value)]
    log = home / "log.txt"
    with log.open("w") as out:
        command = [sys.executable, str(ROOT / "launch.py"), *flags, "--template", "quick"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
    started = Server(f"http://127.0.0.1:{port}", prompts, open_store(f"sqlite:///{home / 'data' / 'duodesk.sqlite3'}"))
    started.write_template("quick", QUICK)
    started.write_template("endless", ENDLESS)
    try:
        _wait_until_ready(started.url, process, log)
        yield started
    finally:
        process.terminate()
        process.wait(timeout=30)
        started.store.close()
    said = log.read_text(encoding="utf-8")
    assert "Traceback" not in said, f"the server's log holds a traceback:\n{said[-6000:]}"


def _weights(home: Path) -> tuple[Path, Path]:
    """A random model and adapter: it never ends by itself, so that there is always something to stop, and is wide
    enough that a person would see it write."""
    model = make_model(home / "model", hidden=768, context=8192)
    make_adapter(home / "adapters" / "velomoor", model)
    return model, home / "adapters"


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (HTTPError, URLError, OSError):
            pass
        time.sleep(0.3)
    pytest.fail(f"Duodesk did not get ready in {START_S} s; its log:\n{log.read_text(encoding='utf-8')[-6000:]}")


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    # Package scope: playwright's event loop would get in the way of other folders' tests.
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=BROWSER_FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def visitor(browser: Browser, server: Server, request: pytest.FixtureRequest) -> Iterator[Callable[..., Page]]:
    """Makes a new person at a browser of their own, on an empty page. At the end nothing may have gone elsewhere."""
    contexts: list[BrowserContext] = []
    foreign: list[str] = []

    def watch(sent: Request) -> None:
        if urlsplit(sent.url).scheme not in ("data", "blob") and not sent.url.startswith(server.url):
            foreign.append(sent.url)

    def arrive(width: int = 1280, height: int = 900, theme: str = "light") -> Page:
        context = browser.new_context(
            base_url=server.url, viewport={"width": width, "height": height}, color_scheme=theme, accept_downloads=True
        )
        context.set_default_timeout(WAIT_MS)
        context.add_init_script(RECORDER)
        context.on("request", watch)
        contexts.append(context)
        return context.new_page()

    yield arrive
    if getattr(request.node, "failed", False):
        for number, page in enumerate(page for context in contexts for page in context.pages):
            keep_screenshot(page, f"failed-{request.node.name}-{number}")
    for context in contexts:
        context.close()
    assert not foreign, f"requests left the server's own origin: {foreign}"


@pytest.fixture
def page(visitor: Callable[..., Page]) -> Page:
    return visitor()


@pytest.fixture(scope="package")
def owner(browser: Browser, server: Server) -> Iterator[Page]:
    """The browser of who plans studies."""
    context = browser.new_context(base_url=server.url, viewport={"width": 1280, "height": 900}, accept_downloads=True)
    context.set_default_timeout(WAIT_MS)
    context.add_init_script(RECORDER)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="package")
def study(owner: Page, server: Server) -> Study:
    """A study of four questions and 24 ratings, with all its answers."""
    plan_study(owner, "four questions", questions=4, ratings=24)
    keep_screenshot(owner, "study-answered")
    return server.store.studies.studies()[0]


def keep_screenshot(page: Page, name: str) -> None:
    """Saves the whole page as artefacts/<name>.png."""
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"{re.sub(r'[^a-zA-Z0-9-]+', '-', name)}.png", full_page=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    if report.failed:
        item.failed = True  # type: ignore[attr-defined]
    return report
