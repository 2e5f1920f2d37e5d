"""The Adapters page: data is looked at, an adapter trained, used in the chat, renamed, taken out and brought back."""

from __future__ import annotations

import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Page, expect

from .conftest import Server, keep_screenshot
from .steps import ask, chat_id, choose, on_record, visit

TRAIN_MS = 180_000
WORDS = (
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "flint",
    "grove",
    "heron",
    "iris",
    "jade",
    "kelp",
    "lotus",
    "maple",
)


@pytest.fixture
def past(tmp_path: Path) -> Path:
    """A file of past questions, as a customer-service tool exports them, two of which tell who asked."""
    drawn = random.Random(1)
    pairs = [(" ".join(drawn.sample(WORDS, 6)), " ".join(drawn.sample(WORDS, 4))) for _ in range(40)]
    rows = [{"Customer message": f"Where do I find {q}?", "Agent reply": f"Under {a}."} for q, a in pairs]
    rows[0]["Agent reply"] += " Write to jo.miller@gmail.com."
    file = tmp_path / "past.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


def open_train(page: Page) -> None:
    visit(page, "/adapters")
    page.get_by_role("tab", name="Train").click()


def look_at(page: Page, file: Path) -> None:
    """Brings a file and waits for its report."""
    open_train(page)
    page.get_by_label("A file of mine").check()
    page.locator("#train-file input[type=file]").set_input_files(file)
    expect(page.locator("#train-note")).to_contain_text("rows")
    page.locator("#train-look").click()


def accept(page: Page) -> None:
    def answer(dialog: Dialog) -> None:
        dialog.accept()

    page.once("dialog", answer)


def test_from_a_file_to_an_adapter_that_answers_in_the_chat(page: Page, server: Server, past: Path):
    look_at(page, past)
    report = page.locator("#train-report")
    expect(report).to_contain_text("40", timeout=60_000)
    expect(report).to_contain_text("email")
    expect(page.get_by_text("LoRA Without Regret")).to_be_visible()
    keep_screenshot(page, "adapters-report")

    page.get_by_label("Epochs, at most").fill("2")
    page.get_by_label("Share with passages").fill("0")
    page.get_by_label("Name of the new adapter").fill("from-the-page")
    page.get_by_role("button", name="Train", exact=True).click()
    ready = page.get_by_text("Done: the adapter 'from-the-page' is ready.")
    expect(ready).to_be_visible(timeout=TRAIN_MS)
    expect(page.locator("#run-samples")).to_contain_text("Where do I find")
    keep_screenshot(page, "adapters-run")

    chat = page.context.new_page()
    visit(chat)
    choose(chat, "Arm", "lora: fine-tuned adapter")
    choose(chat, "Adapter", "from-the-page")
    ask(chat, "Where do I find amber?")
    used = on_record(server.store, chat_id(chat))[-1].answers[-1]
    assert used.arm and used.arm.adapter == "from-the-page"

    page.get_by_role("tab", name="Adapters", exact=True).click()
    page.locator("#adapter-list").get_by_text("from-the-page").click()
    expect(page.locator("#adapter-card")).to_contain_text("general support")
    keep_screenshot(page, "adapters-card")


def test_the_name_of_an_adapter_that_exists_is_refused_in_a_sentence(page: Page, past: Path):
    look_at(page, past)
    page.get_by_label("Name of the new adapter").fill("velomoor")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.locator("#train-said")).to_contain_text("exists already")


def test_a_file_that_is_none_is_said_in_a_sentence(page: Page, tmp_path: Path):
    file = tmp_path / "broken.jsonl"
    file.write_text('{"question": "Whole?"}\n{"quest', encoding="utf-8")
    open_train(page)
    page.get_by_label("A file of mine").check()
    page.locator("#train-file input[type=file]").set_input_files(file)
    expect(page.locator("#train-note")).to_contain_text("line 2")


def test_an_adapter_is_exported_imported_and_deleted(
    page: Page, server: Server, visitor: Callable[..., Page], tmp_path: Path
):
    visit(page, "/adapters")
    page.locator("#adapter-list").get_by_text("velomoor").first.click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    archive = tmp_path / "velomoor.zip"
    download.value.save_as(archive)
    assert "velomoor/adapter_model.safetensors" in zipfile.ZipFile(archive).namelist()

    page.get_by_role("button", name="Import an adapter").click()
    page.locator("#adapter-file input[type=file]").set_input_files(archive)
    page.get_by_label("Its name here").fill("brought-back")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.locator("#adapter-list")).to_contain_text("brought-back")

    other = visitor()
    visit(other)
    choose(other, "Arm", "lora: fine-tuned adapter")
    choose(other, "Adapter", "brought-back")

    page.locator("#adapter-list").get_by_text("brought-back").click()
    accept(page)
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#adapter-list")).not_to_contain_text("brought-back")
