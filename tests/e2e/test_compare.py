"""The Compare page: both answers at once, a vote by button or by key, and who was who only after it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from core.types import Exchange

from .conftest import Server
from .steps import box, chat_id, choose, compare, eventually, on_record, start, visit

CHOICES = {"1": "left", "2": "right", "0": "tie", "x": "both_bad"}

# What each frame showed of the two sides, whenever it changed: [left has words, right has words].
WATCH_SIDES = """() => {
  window.frames = [];
  const words = (side) => {
    const said = [...side.querySelectorAll('[data-testid="bot"]')].pop()?.textContent.trim() ?? "";
    return said !== "" && said !== "…";
  };
  const look = () => {
    const now = [...document.querySelectorAll('[role="log"]')].map(words).join();
    if (now !== frames.at(-1)) frames.push(now);
    requestAnimationFrame(look);
  };
  look();
}"""


def compared(page: Page, server: Server) -> Exchange:
    return on_record(server.store, chat_id(page))[-1]


def leave_the_box(page: Page) -> None:
    page.locator(".brand").click()


def test_both_blind_answers_appear_together_and_nothing_names_an_arm_before_the_vote(page: Page):
    visit(page, "/compare")
    choose(page, "Template", "friendly", at=0)
    page.evaluate(WATCH_SIDES)
    compare(page, "How do I charge the battery?")
    assert page.evaluate("frames") == ["false,false", "true,true"]
    expect(page.locator(".card")).to_have_count(0)
    expect(page.get_by_text("first token")).to_have_count(0)


def test_a_vote_by_button_stores_scores_comment_and_guess_and_then_reveals(page: Page, server: Server):
    visit(page, "/compare")
    compare(page, "Which lock comes with it?")
    page.get_by_role("button", name="Scores, comment, guess").click()
    for side, score in (("left", "4"), ("right", "2")):
        asked = page.get_by_role("group", name=f"Tone, {side} (5 is best)")
        fields = asked if asked.count() else page.locator("fieldset").filter(has_text=f"Tone, {side}")
        fields.get_by_label(score, exact=True).check(force=True)
    page.get_by_label("Comment").fill("The left one was kinder.")
    page.locator("fieldset").filter(has_text="Your guess").get_by_label("lora", exact=True).check(force=True)
    page.locator("#vote-left").click()
    expect(page.get_by_text("Your vote is locked")).to_be_visible()
    found = compared(page, server)
    (vote,) = found.votes
    assert (vote.choice, vote.comment, vote.guessed_left) == ("left", "The left one was kinder.", "lora")
    assert vote.criteria == {"tone": (4, 2)}
    left = next(answer for answer in found.answers if found.pair and answer.id == found.pair.left_answer)
    cards = page.locator(".card")
    expect(cards).to_have_count(2)
    assert left.arm
    expect(cards.first.locator("dd").first).to_have_text(left.arm.name)
    expect(page.get_by_placeholder("Closed by your vote")).to_be_disabled()


@pytest.mark.parametrize("key", CHOICES)
def test_a_vote_by_key_counts_only_while_nobody_is_typing(page: Page, server: Server, key: str):
    visit(page, "/compare")
    compare(page, "Where can I park?")
    box(page).press(key)
    expect(box(page)).to_have_value(key)
    assert not compared(page, server).votes
    leave_the_box(page)
    page.keyboard.press(key)
    expect(page.get_by_text("Your vote is locked")).to_be_visible()
    assert [vote.choice for vote in compared(page, server).votes] == [CHOICES[key]]


def test_a_vote_is_final_even_from_a_second_window(page: Page, server: Server):
    visit(page, "/compare")
    compare(page, "Do you repair other makes?")
    second = page.context.new_page()
    visit(second, f"/compare?chat={chat_id(page)}")
    expect(second.locator("#vote-right")).to_be_visible()
    page.locator("#vote-left").click()
    expect(page.get_by_text("Your vote is locked")).to_be_visible()
    leave_the_box(page)
    page.keyboard.press("2")
    second.locator("#vote-right").click()
    expect(second.get_by_text("votes are final")).to_be_visible()
    assert [vote.choice for vote in compared(page, server).votes] == ["left"]


def test_a_comparison_goes_on_for_several_turns_and_a_reload_keeps_it_blind(page: Page, server: Server):
    visit(page, "/compare")
    compare(page, "Is the basket included?")
    compare(page, "And what does it cost?")
    page.reload()
    expect(page.get_by_test_id("user")).to_have_count(4)
    expect(page.locator("#vote-left")).to_be_visible()
    expect(page.locator(".card")).to_have_count(0)
    page.locator("#vote-tie").click()
    expect(page.locator(".card")).to_have_count(2)
    asked = on_record(server.store, chat_id(page))
    assert [len(exchange.votes) for exchange in asked] == [0, 1]


def test_a_blind_comparison_that_was_stopped_does_not_tell_which_arm_was_first(page: Page, server: Server):
    visit(page, "/compare")
    choose(page, "Template", "endless", at=0)
    choose(page, "Template", "endless", at=1)
    start(page, "Compare your tyres.")
    chat = eventually(page, lambda: page.get_by_label("Chat", exact=True).input_value())
    page.get_by_test_id("stop-button").click()
    expect(page.get_by_test_id("submit-button")).to_be_visible()
    assert eventually(page, lambda: on_record(server.store, chat)[-1].answers)
    sides = page.locator('[data-testid="bot"]').all_inner_texts()
    assert len(set(sides)) == 1, "only the arm that was asked first had written anything, and its side shows it"


def test_picking_another_arm_starts_a_new_comparison(page: Page):
    visit(page, "/compare")
    compare(page, "Is there a discount?")
    choose(page, "The other arm", "bare: base model alone")
    expect(page.get_by_test_id("user")).to_have_count(0)
    page.wait_for_url(lambda address: address.endswith("/compare"))


def test_a_blind_comparison_cannot_be_opened_as_a_chat(page: Page):
    visit(page, "/compare")
    compare(page, "What is a Wave Card?")
    chat = chat_id(page)
    assert page.url.endswith(f"/compare?chat={chat}")
    visit(page, f"/?chat={chat}")
    expect(page.get_by_text("This is a comparison; open it on the Compare page.")).to_be_visible()
    expect(page.locator(".thought-group")).to_have_count(0)


def test_another_visitor_cannot_open_a_comparison(visitor: Callable[..., Page]):
    first, second = visitor(), visitor()
    visit(first, "/compare")
    compare(first, "What is a mooring?")
    visit(second, f"/compare?chat={chat_id(first)}")
    expect(second.get_by_text("belongs to another visitor")).to_be_visible()
    expect(second.get_by_text("What is a mooring?")).to_have_count(0)


def test_open_mode_shows_who_is_who_at_once(page: Page):
    visit(page, "/compare")
    page.get_by_label("Open: names shown").check(force=True)
    compare(page, "How heavy is the bike?")
    cards = page.locator(".card")
    expect(cards).to_have_count(2)
    assert [card.locator("dd").first.inner_text() for card in cards.all()] == ["prompt", "lora"]
