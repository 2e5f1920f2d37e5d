"""The Transcripts page: what was said is found again, seen in full, and taken elsewhere."""

from __future__ import annotations

import csv
import io
import json
import uuid
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .steps import ask, chat_id, choose, visit


@pytest.fixture
def word(page: Page) -> str:
    """A word that stands in two questions and nowhere else: the first was asked of `prompt`, the second of `bare`."""
    unique = f"zebra{uuid.uuid4().hex[:8]}"
    visit(page)
    ask(page, f"Is a {unique} allowed on the ferry?")
    choose(page, "Arm", "bare: base model alone")
    ask(page, f"And two of a {unique}?")
    return unique


def search(page: Page, text: str, rows: int) -> None:
    field = page.get_by_label("Search in questions and answers")
    field.fill(text)
    field.press("Enter")
    expect(page.locator("#rows tbody tr")).to_have_count(rows)


def export(page: Page, name: str) -> str:
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Export {name}").click()
    return Path(download.value.path()).read_text(encoding="utf-8-sig")


def test_search_and_filters_find_an_exchange_and_its_details_tell_how_it_was_made(page: Page, word: str):
    visit(page, "/transcripts")
    search(page, word.upper(), rows=2)
    page.get_by_role("button", name="Filters").click()
    choose(page, "Arm", "bare")
    expect(page.locator("#rows tbody tr")).to_have_count(1)
    page.locator("#rows tbody button").click()
    details = page.locator("#details")
    expect(details).to_contain_text(f"And two of a {word}?")
    expect(details).to_contain_text("template")
    expect(details).to_contain_text("quick version 1")
    details.get_by_text("Prompt as sent").click()
    expect(details.locator("pre").last).to_contain_text(word)
    search(page, f"{word} never asked", rows=0)
    expect(page.get_by_text("Nothing matches.")).to_be_visible()
    page.get_by_role("button", name="Clear all filters").click()
    expect(page.get_by_label("Search in questions and answers")).to_have_value("")
    expect(page.locator("#rows")).to_contain_text(word)


def test_the_link_of_a_chat_shows_that_chat_alone(page: Page, word: str):
    chat = chat_id(page)
    page.get_by_role("link", name="Transcript of this chat").click()
    page.wait_for_url(f"**/transcripts?chat={chat}")
    expect(page.locator("#rows tbody tr")).to_have_count(2)


def test_exports_parse_and_hold_what_the_filters_show(page: Page, word: str):
    visit(page, "/transcripts")
    search(page, word, rows=2)
    lines = [json.loads(line) for line in export(page, "JSONL").splitlines()]
    assert [line["arm"]["name"] for line in lines] == ["bare", "prompt"]
    second, first = lines
    assert [turn["role"] for turn in second["messages"]] == ["user", "assistant"] * 2
    assert first["messages"][0]["content"] == f"Is a {word} allowed on the ferry?"
    assert first["passages"] and not second["passages"]
    table = list(csv.DictReader(io.StringIO(export(page, "CSV"))))
    assert [row["question"] for row in table] == [f"And two of a {word}?", f"Is a {word} allowed on the ferry?"]
    assert [row["answer"].lstrip("'") for row in table] == [line["messages"][-1]["content"] for line in lines]


def test_personal_data_is_not_kept_and_a_visitor_can_be_forgotten(page: Page, word: str):
    ask(page, f"My {word} is known to zoe@example.org")
    expect(page.get_by_test_id("user").last).to_contain_text("[email]")  # a complete answer shows what is on record
    visit(page, "/transcripts")
    expect(page.get_by_text("Replaced before it was stored:")).to_contain_text("e-mail addresses")
    search(page, word, rows=3)
    page.locator("#rows tbody button").first.click()
    delete = page.get_by_role("button", name="Delete this visitor's data…")
    page.once("dialog", lambda dialog: dialog.dismiss())
    delete.click()
    expect(page.locator("#rows tbody tr")).to_have_count(3)
    page.once("dialog", lambda dialog: dialog.accept())
    delete.click()
    expect(page.locator("#details")).to_contain_text("Removed:")
    expect(page.get_by_text("Nothing matches.")).to_be_visible()
