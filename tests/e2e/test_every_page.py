"""What holds for all pages: nothing is fetched from elsewhere, no errors, keyboard, narrow screens, both themes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from .conftest import keep_screenshot
from .steps import ask, chat_id, compare, tab_until, visit

PAGES = {
    "chat": "/",
    "compare": "/compare",
    "rate": "/rate",
    "study": "/study",
    "adapters": "/adapters",
    "prompts": "/prompts",
    "transcripts": "/transcripts",
}
SIZES = {"wide": (1280, 900), "narrow": (390, 844)}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_errors_in_the_console(visitor: Callable[..., Page], name: str):
    page = visitor()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    visit(page, PAGES[name])
    assert not errors


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_fits_the_screen_in_both_themes(visitor: Callable[..., Page], size: str, theme: str):
    width, height = SIZES[size]
    page = visitor(width=width, height=height, theme=theme)
    visit(page)
    ask(page, "How long do I have to send a bike back, and what must I do for it?")
    addresses = {**PAGES, "chat": f"/?chat={chat_id(page)}"}
    visit(page, "/compare")
    compare(page, "How do I charge the battery in winter?")
    blind = f"/compare?chat={chat_id(page)}"
    page.locator("#vote-left").click()
    expect(page.locator(".card")).to_have_count(2)
    keep_screenshot(page, f"revealed-{size}-{theme}")
    for name, address in {**addresses, "compare": "/compare", "voted": blind}.items():
        visit(page, address)
        if name == "transcripts":
            page.locator("#rows tbody button").first.click()
            expect(page.locator("#details .card").first).to_be_visible()
        keep_screenshot(page, f"{name}-{size}-{theme}")
        assert page.evaluate("document.body.classList.contains('dark')") == (theme == "dark")
        scrolls = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert scrolls[0] <= scrolls[1], f"{name} scrolls sideways: {scrolls[0]} px on a screen of {scrolls[1]}"


def test_the_theme_switch_is_remembered(page: Page):
    visit(page)
    page.locator("#theme-switch").click()
    expect(page.locator("body.dark")).to_have_count(1)
    visit(page, "/prompts")
    expect(page.locator("body.dark")).to_have_count(1)


def test_the_chat_page_can_be_used_by_keyboard_alone(page: Page):
    visit(page)
    tab_until(page, {"New chat", "Arm", "Template", "textbox", "Send"})


def test_the_vote_can_be_reached_by_keyboard_alone_and_passing_the_pickers_changes_nothing(page: Page):
    visit(page, "/compare")
    compare(page, "Can I bring my dog?")
    votes = {"vote-left", "vote-right", "vote-tie", "vote-both-bad"}
    tab_until(page, {"One arm", "The other arm", "Adapter", "New comparison"})
    tab_until(page, votes)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your vote is locked")).to_be_visible()


def test_the_source_of_a_document_that_is_not_there_says_so(page: Page):
    answer = page.goto("/source/no-such-file.md")
    assert answer and answer.status == 404
    expect(page.locator("body")).to_contain_text("no-such-file.md")
