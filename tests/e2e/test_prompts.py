"""The Prompts page: a template is edited, saved, compared and put back, and counts from the next message on."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from .conftest import QUICK, Server
from .steps import ask, chat_id, choose, on_record, visit


def edit(page: Page, text: str) -> None:
    """Replaces the editor's whole text."""
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)


def open_template(page: Page, server: Server, name: str) -> str:
    """A new template on the page; returns its text."""
    text = QUICK.replace("quick", name)
    server.write_template(name, text)
    visit(page, "/prompts")
    choose(page, "Template", name)
    expect(page.locator(".cm-content")).to_contain_text(f"name: {name}")
    expect(page.get_by_text("Version 1, as saved.")).to_be_visible()
    return text


def save(page: Page, note: str) -> None:
    page.get_by_label("Note for this version").fill(note)
    page.get_by_role("button", name="Save new version").click()


def test_a_saved_template_is_used_by_the_next_message_and_can_be_put_back(page: Page, server: Server):
    text = open_template(page, server, "edited")
    edit(page, text.replace("You work for", "You sing for"))
    expect(page.get_by_text("Valid, not saved yet.")).to_be_visible()
    save(page, "try singing")
    expect(page.get_by_text("Version 2, as saved.")).to_be_visible()
    versions = page.get_by_role("radio", name="Version")
    expect(versions).to_have_count(2)
    expect(page.locator(".versions")).to_contain_text("try singing")

    chat = page.context.new_page()
    visit(chat)
    choose(chat, "Template", "edited")
    ask(chat, "Can you sing?")
    used = on_record(server.store, chat_id(chat))[-1].answers[-1]
    assert used.arm and used.arm.template_version == 2
    assert used.prompt[0].text.startswith("You sing for")

    page.locator(".versions label").filter(has_text="Version 1").click()
    expect(page.locator(".diff del")).to_have_text(["work"])
    expect(page.locator(".diff ins")).to_have_text(["sing"])
    page.get_by_role("button", name="Put this version in force again").click()
    expect(page.get_by_text("Version 3, as saved.")).to_be_visible()
    expect(page.locator(".cm-content")).to_contain_text("You work for")
    ask(chat, "And now?")
    assert on_record(server.store, chat_id(chat))[-1].answers[-1].prompt[0].text.startswith("You work for")


def test_broken_yaml_cannot_be_saved_and_the_old_version_stays_in_force(page: Page, server: Server):
    text = open_template(page, server, "careful")
    edit(page, text.replace("messages:", "messages: ["))
    expect(page.get_by_text("The old version stays in force (version 1).")).to_be_visible()
    expect(page.get_by_role("button", name="Save new version")).to_be_disabled()
    chat = page.context.new_page()
    visit(chat)
    choose(chat, "Template", "careful")
    ask(chat, "Are you all right?")
    used = on_record(server.store, chat_id(chat))[-1].answers[-1]
    assert used.outcome == "complete" and used.arm and used.arm.template_version == 1


def test_the_preview_shows_the_messages_as_the_model_gets_them(page: Page, server: Server):
    open_template(page, server, "previewed")
    preview = page.locator(".card.prompt")
    expect(preview).to_contain_text("You work for Velomoor.")
    expect(preview).to_contain_text("Passages:")
    page.get_by_label("without passages").check(force=True)
    expect(preview).not_to_contain_text("Passages:")


def test_a_copy_under_a_new_name_can_be_chosen_on_the_chat_page(page: Page, server: Server):
    open_template(page, server, "original")
    page.get_by_label("Name of a new template").fill("my-copy")
    page.get_by_role("button", name="Make a copy").click()
    expect(page.locator(".cm-content")).to_contain_text("name: my-copy")
    visit(page)
    choose(page, "Template", "my-copy")
    ask(page, "Who are you?")
    used = on_record(server.store, chat_id(page))[-1].answers[-1]
    assert used.arm and used.arm.template == "my-copy"
