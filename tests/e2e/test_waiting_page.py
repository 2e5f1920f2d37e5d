"""A person who opens the address at once: a waiting page, which becomes the Chat page by itself."""

import subprocess
import sys
import time

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from tests.e2e.conftest import ROOT, WAIT_MS, _free_port, keep_screenshot


@pytest.fixture
def starting(tmp_path):
    """Where a Duodesk of its own is just starting, and its process."""
    port = _free_port()
    flags = ["--port", str(port), "--data", str(tmp_path / "data"), "--knowledge", ""]
    process = subprocess.Popen([sys.executable, str(ROOT / "launch.py"), *flags], cwd=ROOT)
    yield f"http://127.0.0.1:{port}", process
    process.kill()
    process.wait()


def arrive(page: Page, url: str) -> None:
    """Opens the address as soon as something answers."""
    deadline = time.monotonic() + WAIT_MS / 1000
    while True:
        try:
            page.goto(url, wait_until="domcontentloaded")
            return
        except Error:
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_waiting_page_becomes_the_chat_page(browser: Browser, starting, theme):
    url, _ = starting
    page = browser.new_page(color_scheme=theme)
    arrive(page, f"{url}/?chat=none")
    expect(page.get_by_role("heading")).to_have_text("Duodesk is starting …")
    keep_screenshot(page, f"waiting-{theme}")
    expect(page.get_by_placeholder("Type a customer's question")).to_be_visible()
    assert page.url.startswith(url)
    page.close()


def test_the_waiting_page_says_when_nothing_is_coming(browser: Browser, starting):
    url, process = starting
    page = browser.new_page()
    arrive(page, url)
    process.kill()
    expect(page.get_by_role("heading")).to_have_text("Duodesk does not answer")
    page.close()
