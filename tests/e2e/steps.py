"""What a person does on the pages, in the words of the tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page, expect

from core.protocols import Store
from core.types import Exchange, TranscriptFilter

Found = TypeVar("Found")
PLACEHOLDER = "Type a customer's question"

# The element with the focus: a few words to know it by, and whether one can see that it has the focus.
FOCUS = """() => {
  const at = document.activeElement, style = getComputedStyle(at);
  const visible = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
  const name = at.id || at.getAttribute("aria-label") || at.dataset.testid || at.placeholder || at.textContent.trim();
  return [name, visible, at === document.body];
}"""


def visit(page: Page, address: str = "/") -> None:
    """Opens a page and waits until it is wired up."""
    page.goto(address)
    # What a page does when it opens ends with the choices of its dropdowns; gradio's streams never fall idle.
    page.wait_for_function("""received.some(({ body }) => body.includes('"choices"'))""")
    expect(page.locator(".topline")).to_be_visible()


def box(page: Page) -> Locator:
    return page.get_by_placeholder(PLACEHOLDER)


def choose(page: Page, label: str, option: str, at: int = 0) -> None:
    """Picks from the dropdown with this label; `at` counts those with the same label."""
    page.get_by_label(label, exact=True).nth(at).click()
    page.get_by_role("option", name=option, exact=True).click()
    expect(page.get_by_role("option")).to_have_count(0)


def start(page: Page, text: str) -> None:
    """Sends a question and does not wait for its answer."""
    box(page).fill(text)
    box(page).press("Enter")
    expect(page.get_by_test_id("user").filter(has_text=text[:60]).first).to_be_visible()


def ask(page: Page, text: str) -> None:
    """Asks on the Chat page and waits for the whole answer with its fold."""
    before = folds(page).count()
    start(page, text)
    expect(folds(page)).to_have_count(before + 1)


def compare(page: Page, text: str) -> None:
    """Asks on the Compare page and waits for both answers and the vote buttons."""
    turns = page.get_by_test_id("user").filter(has_text=text[:60]).count()
    start(page, text)
    expect(page.get_by_test_id("user").filter(has_text=text[:60])).to_have_count(turns + 2)
    expect(page.get_by_test_id("bot").filter(has_text="…")).to_have_count(0)
    expect(page.locator("#vote-left")).to_be_visible()
    expect(page.get_by_test_id("submit-button")).to_be_visible()


def folds(page: Page) -> Locator:
    """The lines under finished answers: figures, with the sources inside."""
    return page.locator(".thought-group")


def answers(page: Page) -> Locator:
    """The texts of answers, without their folds."""
    return page.locator('[data-testid="bot"]:not(:has(.thought-group))')


def chat_id(page: Page) -> str:
    """The chat or comparison in the page's address."""
    page.wait_for_url("**?chat=*")
    return parse_qs(urlsplit(page.url).query)["chat"][0]


def on_record(store: Store, chat: str) -> list[Exchange]:
    """All exchanges of a chat, oldest first, withdrawn ones included."""
    return store.search(TranscriptFilter(chat_id=chat))[::-1]


def eventually(page: Page, look: Callable[[], Found], seconds: float = 30) -> Found:
    """Looks until there is something to see, while the browser goes on."""
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    assert found, "it did not happen in time"
    return found


def tab_until(page: Page, wanted: set[str]) -> None:
    """Presses Tab until all these elements have been reached; each stop on the way must be visible as such."""
    reached: list[str] = []
    while not wanted <= set(reached) and len(reached) < 60:
        page.keyboard.press("Tab")
        name, visible, nowhere = page.evaluate(FOCUS)
        if not nowhere:
            assert visible, f"the focus on '{name}' cannot be seen"
            reached.append(name)
    assert wanted <= set(reached), f"Tab does not reach {wanted - set(reached)}, but {reached}"


def open_tab(page: Page, name: str) -> None:
    """A tab of the Study page."""
    visit(page, "/study")
    page.get_by_role("tab", name=name, exact=True).click()


def plan_study(page: Page, name: str, questions: int, ratings: int) -> None:
    """Plans a study of the 2x2 in the form, starts it and watches until it has all its answers."""
    open_tab(page, "New study")
    page.get_by_label("Name of the study").fill(name)
    page.get_by_label("Only so many (0: all)").fill(str(questions))
    page.get_by_label("Ratings by people (0: none)").fill(str(ratings))
    expect(page.locator("#plan-planning")).to_contain_text("about")
    expect(page.locator("#plan-planning")).to_contain_text(f"{ratings} ratings")
    expect(page.locator(".dot.ready")).to_be_visible()  # no study begins while documents are being indexed
    page.locator("#plan-start").click()
    expect(page.locator("#study-state .mark")).to_have_text("answered", timeout=120_000)


def arrive_to_rate(page: Page, study_id: str) -> None:
    """As a rater who was sent the study's link."""
    visit(page, f"/rate?study={study_id}")
    expect(page.locator("#pair .asked")).to_be_visible()
