"""The Chat page as a customer service team uses it."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from core.types import new_id, now

from .conftest import ENDLESS, QUICK, RECORDER, Server
from .steps import answers, ask, box, chat_id, choose, eventually, folds, on_record, start, visit

# How long the newest answer was in each frame that showed it longer than before.
WATCH_GROWTH = """() => {
  window.lengths = [0];
  const look = () => {
    const length = [...document.querySelectorAll('[data-testid="bot"]')].pop()?.textContent.length ?? 0;
    if (length > lengths.at(-1)) lengths.push(length);
    requestAnimationFrame(look);
  };
  look();
}"""


def stop(page: Page) -> None:
    page.get_by_test_id("stop-button").click()


def wait_for_words(page: Page) -> str:
    """The beginning of the answer that is being written."""
    return eventually(page, lambda: len(text := answers(page).last.inner_text()) > 20 and text)  # type: ignore[return-value]


def test_an_answer_streams_with_figures_and_sources_that_open_at_the_marked_passage(page: Page):
    visit(page)
    choose(page, "Template", "friendly")
    page.evaluate(WATCH_GROWTH)
    ask(page, "How long do I have to send a bike back?")
    assert len(page.evaluate("lengths")) > 3, "the answer came in one piece"
    fold = folds(page).last
    expect(fold).to_contain_text(
        re.compile(r"prompt .*first token \d+\.\d\d s .*total \d+\.\d\d s .*\d+ \+ \d+ tokens")
    )
    fold.get_by_role("button").first.click()
    with page.context.expect_page() as opened:
        fold.get_by_role("link").first.click()
    source = opened.value
    expect(source).to_have_url(re.compile(r"/source/.+\.md\?start="))
    marked = source.locator("mark#passage")
    expect(marked).to_be_in_viewport()
    assert len(marked.inner_text()) > 50


def test_a_person_has_several_chats_that_survive_a_reload_and_open_by_link(page: Page):
    visit(page)
    ask(page, "Where is my first order?")
    first = chat_id(page)
    page.get_by_role("button", name="New chat").click()
    expect(folds(page)).to_have_count(0)
    page.wait_for_url(lambda address: "chat=" not in address)
    ask(page, "Can I change my second order?")
    assert chat_id(page) != first
    page.reload()
    expect(page.get_by_test_id("user")).to_contain_text("second order")
    expect(folds(page)).to_have_count(1)
    page.get_by_role("radio", name="Where is my first order?").check(force=True)
    expect(page.get_by_test_id("user")).to_contain_text("first order")
    page.wait_for_url(f"**?chat={first}")
    by_link = page.context.new_page()
    visit(by_link, f"/?chat={first}")
    expect(by_link.get_by_test_id("user")).to_contain_text("first order")
    ask(by_link, "And how long will it take?")
    expect(by_link.get_by_test_id("user")).to_have_count(2)


def test_stop_keeps_what_was_written_and_records_it_as_stopped(page: Page, server: Server):
    visit(page)
    choose(page, "Template", "endless")
    start(page, "Tell me everything about batteries.")
    wait_for_words(page)
    stop(page)
    expect(answers(page).last).to_contain_text("Stopped.")
    (exchange,) = on_record(server.store, chat_id(page))
    answer = exchange.latest()
    assert answer and answer.outcome == "stopped" and answer.text.strip()
    assert answer.text.split()[0] in answers(page).last.inner_text()
    expect(page.get_by_test_id("submit-button")).to_be_visible()
    choose(page, "Template", "quick")
    ask(page, "Thank you, that was enough.")


def test_stop_ends_ones_own_answer_and_leaves_another_visitors_alone(visitor: Callable[..., Page], server: Server):
    first, second = visitor(), visitor()
    for person in (first, second):
        visit(person)
        choose(person, "Template", "endless")
    start(first, "Tell me everything about locks.")
    written = wait_for_words(first)
    start(second, "And what about tyres?")
    stop(second)
    expect(second.get_by_text("Stopped.")).to_be_visible(timeout=10_000)
    (stopped,) = on_record(server.store, chat_id(second))
    assert stopped.answers[-1].outcome == "stopped"
    eventually(first, lambda: len(answers(first).last.inner_text()) > len(written))
    stop(first)
    expect(answers(first).last).to_contain_text("Stopped.")
    (exchange,) = on_record(server.store, chat_id(first))
    assert exchange.answers[-1].outcome == "stopped"


def test_an_answer_can_be_made_again_with_another_arm_and_the_older_one_stays_on_record(page: Page, server: Server):
    visit(page)
    ask(page, "Do you sell helmets?")
    choose(page, "Arm", "bare: base model alone")
    page.get_by_role("button", name="Retry").click()
    expect(folds(page).last).to_contain_text("bare (template quick")
    expect(page.get_by_test_id("user")).to_have_count(1)
    (exchange,) = on_record(server.store, chat_id(page))
    assert [answer.arm.name for answer in exchange.answers if answer.arm] == ["prompt", "bare"]


def test_a_question_can_be_edited_and_what_followed_is_withdrawn_not_lost(page: Page, server: Server):
    visit(page)
    ask(page, "Do you sell red bikes?")
    ask(page, "And how much are they?")
    page.get_by_role("button", name="Edit").first.click()
    page.locator("#conversation textarea").fill("Do you sell blue bikes?")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_test_id("user")).to_have_count(1)
    expect(page.get_by_test_id("user")).to_contain_text("blue bikes")
    expect(folds(page)).to_have_count(1)
    asked = [(exchange.question.text, exchange.withdrawn) for exchange in on_record(server.store, chat_id(page))]
    assert asked == [
        ("Do you sell red bikes?", True),
        ("And how much are they?", True),
        ("Do you sell blue bikes?", False),
    ]


def test_undo_puts_the_question_back_into_the_box(page: Page, server: Server):
    visit(page)
    ask(page, "Is there a warranty?")
    ask(page, "Does it cover the chain?")
    page.get_by_role("button", name="Undo").last.click()
    expect(box(page)).to_have_value("Does it cover the chain?")
    expect(folds(page)).to_have_count(1)
    assert [exchange.withdrawn for exchange in on_record(server.store, chat_id(page))] == [False, True]


def test_a_thumb_with_a_comment_is_stored_and_shown_after_a_reload(page: Page, server: Server):
    visit(page)
    ask(page, "Can I ride in the rain?")
    page.get_by_role("button", name="Dislike", exact=True).click()
    page.get_by_label("What was good or bad about it?").fill("It did not answer.")
    page.get_by_role("button", name="Save comment").click()
    expect(page.get_by_text("Your comment is kept")).to_be_visible()
    (exchange,) = on_record(server.store, chat_id(page))
    assert [(thumb.value, thumb.comment) for thumb in exchange.thumbs] == [(-1, "It did not answer.")]
    page.reload()
    expect(page.get_by_role("button", name="Disliked")).to_be_visible()


def test_visitors_neither_see_nor_open_each_others_chats(visitor: Callable[..., Page]):
    first, second = visitor(), visitor()
    visit(first)
    ask(first, "This is between you and me.")
    visit(second, f"/?chat={chat_id(first)}")
    expect(second.get_by_text("belongs to another visitor")).to_be_visible()
    expect(second.get_by_text("between you and me")).to_have_count(0)
    ask(second, "Hello from somebody else.")
    visit(first)
    expect(first.get_by_role("radio")).to_have_count(1)


def test_an_unusable_message_gets_one_sentence_and_stays_in_the_box(page: Page):
    visit(page)
    box(page).fill("   ")
    box(page).press("Enter")
    expect(page.get_by_text("The message is empty; type a question first.")).to_be_visible()
    long = "why " * 25_000
    box(page).fill(long)
    box(page).press("Enter")
    expect(page.get_by_text("but at most 8,000 are accepted")).to_be_visible()
    assert box(page).input_value().strip() == long.strip()
    ask(page, "A short one is fine.")


def test_a_template_changed_on_disk_counts_for_the_very_next_message(page: Page, server: Server):
    server.write_template("live", QUICK.replace("quick", "live"))
    visit(page)
    choose(page, "Template", "live")
    ask(page, "Which version is this?")
    server.write_template("live", QUICK.replace("quick", "live").replace("You work for", "You never worked for"))
    ask(page, "And which is this?")
    used = [exchange.answers[-1] for exchange in on_record(server.store, chat_id(page))]
    assert [answer.arm.template_version for answer in used if answer.arm] == [1, 2]
    assert used[1].prompt[0].text.startswith("You never worked for")


def test_a_template_broken_on_disk_keeps_its_last_good_version_and_says_so(page: Page, server: Server):
    server.write_template("fragile", ENDLESS.replace("endless", "fragile").replace("1500", "8"))
    visit(page)
    choose(page, "Template", "fragile")
    ask(page, "Does it work?")
    server.write_template("fragile", "name: fragile\nmessages: [")
    ask(page, "Does it still work?")
    used = [exchange.answers[-1] for exchange in on_record(server.store, chat_id(page))]
    assert [(answer.outcome, answer.arm.template_version) for answer in used if answer.arm] == [("complete", 1)] * 2
    visit(page, "/prompts")
    choose(page, "Template", "fragile")
    expect(page.get_by_text("The file on disk is broken")).to_be_visible()
    server.write_template("fragile", ENDLESS.replace("endless", "fragile").replace("1500", "8"))


def test_what_an_answer_holds_does_not_run_and_is_asked_of_no_other_server(browser: Browser, server: Server):
    """An injected order may have a model write anything: also the address of a picture, with what it has read in it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as elsewhere:
        elsewhere.setblocking(False)
        address = f"http://127.0.0.1:{elsewhere.getsockname()[1]}"
        text = f"""Injected. ![x]({address}/a?order=17)
<img src="{address}/b" onerror="window.ran = 1"><script>window.ran = 1</script><svg onload="window.ran = 1"></svg>
<div style="background: url({address}/c)">d</div> <iframe src="{address}/e"></iframe> [a](javascript:window.ran=1)"""
        with closing(browser.new_context(base_url=server.url)) as context:  # others are watched: nothing may be tried
            context.add_init_script(RECORDER)
            page = context.new_page()
            visit(page)
            ask(page, "Where is order 17?")
            [exchange] = server.store.exchanges(chat_id(page))
            server.store.add_answer(replace(exchange.answers[-1], id=new_id(), text=text, created_at=now()))
            page.reload()
            expect(answers(page)).to_contain_text("Injected.")
            expect(page.locator('img[src*="order=17"]')).to_have_count(1)
            page.wait_for_timeout(500)
            assert page.evaluate("window.ran") is None
            assert page.locator('[data-testid="bot"] [href^="javascript"], [data-testid="bot"] script').count() == 0
        with pytest.raises(BlockingIOError):
            elsewhere.accept()
