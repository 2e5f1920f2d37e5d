"""A split of live chats, begun by its owner in the browser and met by a customer in Chat."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from core.types import now
from tests.e2e.conftest import Server, keep_screenshot
from tests.e2e.steps import ask, chat_id, folds, open_tab, visit


@pytest.fixture
def running(owner: Page, server: Server):
    """Begun in the form; ended whatever happens, since other tests choose their arms."""
    open_tab(owner, "Live split")
    owner.get_by_label("Name of the split").fill("spring")
    owner.locator("#split-start").click()
    expect(owner.locator("#split-list")).to_contain_text("spring")
    (split,) = server.store.splits.splits()
    yield split
    if server.store.splits.split(split.id).runs(now()):
        server.store.splits.end(split.id, now())


def test_a_customer_gets_the_drawn_arm_is_not_told_which_and_counts(
    running, owner: Page, visitor: Callable[..., Page], server: Server
):
    customer = visitor()
    visit(customer)
    expect(customer.get_by_label("Arm", exact=True)).to_have_value("split “spring”: an arm is drawn")
    expect(customer.get_by_label("Template", exact=True)).to_be_hidden()
    ask(customer, "How long can I send a bike back?")
    expect(customer.get_by_label("Arm", exact=True)).to_be_hidden()
    expect(folds(customer).first).not_to_contain_text("template")
    chat = server.store.chat(chat_id(customer))
    assert (chat.split, chat.split_arm) == (running.id, running.draw(chat.owner).arm)
    received = str(customer.evaluate("received.map(({ body }) => body)"))
    assert running.made[chat.split_arm].template_hash not in received
    customer.get_by_role("button", name="Like", exact=True).click()
    expect(customer.get_by_label("What was good or bad about it?")).to_be_visible()

    owner.locator("#split-refresh").click()
    expect(owner.locator("#split-report")).to_contain_text("Few visitors so far")
    owner.once("dialog", lambda dialog: dialog.accept())
    owner.locator("#split-end").click()
    expect(owner.locator("#split-list")).to_contain_text("ended")
    keep_screenshot(owner, "split-ended")
    owner.locator("#split-questions").click()
    expect(owner.locator("#plan-questions input, #plan-questions textarea").first).to_have_value("split:spring")

    customer.get_by_role("button", name="New chat").click()
    visit(customer)
    expect(customer.get_by_label("Template", exact=True)).to_be_visible()
