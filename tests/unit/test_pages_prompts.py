"""The Prompts page's handlers: nothing typed is lost, nothing broken comes into force."""

from types import SimpleNamespace

import gradio as gr
import pytest

from app.prompts import PromptsPage, renamed
from app.word_diff import word_diff
from backends.templates import TemplateLibrary
from core.settings import Settings
from core.types import Passage

YAML = """name: {name}
purpose: Plain.
depth: 2
messages:
  - system: You are a customer service agent of {{company}}.
  - user: |
      Passages:
      {{context}}

      Question: {{question}}
"""
QUESTION = "Is {company} <b>open</b>?"


class TwoPassages:
    def search(self, text, k):
        return [Passage(f"p{n}", "hours.md", f"Hours {n}", f"Open at {n}.", 0.5) for n in range(k)]


@pytest.fixture
def templates(tmp_path):
    library = TemplateLibrary(tmp_path / "prompts", tmp_path / "versions")
    for name in ("calm", "friendly"):
        library.save(name, YAML.format(name=name), "first")
    return library


@pytest.fixture
def page(templates):
    return PromptsPage(SimpleNamespace(templates=templates, retriever=TwoPassages(), settings=Settings()))


def test_text_that_is_not_saved_is_there_again_after_a_look_at_another_template(page, templates):
    friendly = templates.get("friendly")
    drafts, calm, _, text, *_ = page.choose("calm", friendly, friendly.yaml + "# mine", {})
    assert text == calm.yaml
    for _ in range(2):  # one choice may be reported twice
        drafts, base, _, text, *_ = page.choose("friendly", calm, calm.yaml, drafts)
        assert (base, text) == (friendly, friendly.yaml + "# mine")


def test_text_that_was_saved_or_discarded_is_not_set_aside_any_more(page, templates):
    friendly, calm = templates.get("friendly"), templates.get("calm")
    drafts, *_ = page.choose("calm", friendly, friendly.yaml + "# mine", {})
    drafts, *_ = page.choose("calm", friendly, friendly.yaml, drafts)
    _, base, _, text, *_ = page.choose("friendly", calm, calm.yaml, drafts)
    assert (base, text) == (friendly, friendly.yaml)


def test_choosing_the_template_that_is_open_changes_nothing(page, templates):
    base = templates.get("friendly")
    drafts, *view = page.choose("friendly", base, base.yaml + "# mine", {})
    assert drafts == {}
    assert len(view) == len(page.show(base, base.yaml))
    assert all(update == gr.skip() for update in view)


def test_the_line_break_that_the_editor_drops_is_no_change_and_is_stored_again(page, templates):
    base = templates.get("friendly")
    status, save = page.check(base, base.yaml.rstrip())
    assert "as saved" in status
    assert not save.interactive
    page.save(base, base.yaml.rstrip() + " now", "")
    assert templates.get("friendly").yaml.endswith("{question} now\n")


def test_broken_text_cannot_be_saved_and_the_message_says_what_stays_in_force(page, templates):
    base = templates.get("friendly")
    status, save = page.check(base, base.yaml.replace("{question}", "{qestion}"))
    assert "{qestion}" in status
    assert "stays in force (version 1)" in status
    assert not save.interactive


def test_a_version_saved_by_someone_else_is_not_overwritten_unless_asked_twice(page, templates):
    base = templates.get("friendly")
    mine = base.yaml.replace("Plain", "Mine")
    templates.save("friendly", base.yaml.replace("Plain", "Theirs"), "from Ada")
    with pytest.warns(UserWarning, match="from Ada"):
        note, newer, _, text, *_ = page.save(base, mine, "my note")
    assert (note, text) == ("my note", mine)
    assert templates.get("friendly").purpose == "Theirs."
    page.save(newer, text, note)
    assert templates.get("friendly").purpose == "Mine."


def test_rolling_back_keeps_text_that_is_not_saved(page, templates):
    templates.save("friendly", YAML.format(name="friendly").replace("Plain", "Second"), "")
    base = templates.get("friendly")
    _, _, text, *_ = page.roll_back(base, base.yaml + "# mine", 1)
    assert text == base.yaml + "# mine"
    assert templates.get("friendly").purpose == "Plain."


def test_a_copy_takes_the_text_of_the_editor_and_leaves_the_original_alone(page, templates):
    base = templates.get("friendly")
    page.copy("my-tone", base, base.yaml.replace("Plain", "Mine"), {})
    assert templates.get("my-tone").purpose == "Mine."
    assert templates.get("friendly") == base


def test_a_copy_never_replaces_a_template_that_exists(page, templates):
    base = templates.get("friendly")
    with pytest.warns(UserWarning, match="'calm' already"):
        page.copy("calm", base, base.yaml, {})
    assert len(templates.versions("calm")) == 1


def test_a_template_deleted_meanwhile_can_still_be_saved(page, templates):
    base = templates.get("friendly")
    (templates.folder / "friendly.yaml").unlink()
    page.save(base, base.yaml.replace("Plain", "Back"), "")
    assert templates.get("friendly").purpose == "Back."


def test_the_preview_shows_unsaved_text_with_the_customers_words_escaped(page, templates):
    base = templates.get("friendly")
    shown = page.preview(base, base.yaml.replace("Question:", "Asked:"), QUESTION, True)
    assert "Asked: Is {company} &lt;b&gt;open&lt;/b&gt;?" in shown
    assert "[2] Hours 1\nOpen at 1." in shown
    assert "score 0.500" in shown


def test_the_preview_of_an_arm_without_passages_leaves_their_paragraph_out(page, templates):
    base = templates.get("friendly")
    shown = page.preview(base, base.yaml, QUESTION, False)
    assert "Question:" in shown
    assert "Passages" not in shown


def test_a_file_broken_on_disk_is_reported_and_its_good_version_can_be_saved_again(page, templates):
    (templates.folder / "calm.yaml").write_text("name: [")
    _, base, head, text, _, save, *_ = page.choose("calm", None, "", {})
    assert "The file on disk is broken" in head
    assert save.interactive
    page.save(base, text, "")
    assert templates.problem("calm") == ""


def test_renaming_changes_the_name_alone():
    text = YAML.format(name="friendly")
    assert renamed(text, "calm") == YAML.format(name="calm")


@pytest.mark.parametrize(
    ("old", "new", "marked"),
    [
        ("be kind now", "be very kind now", "be<ins> very</ins> kind now"),
        ("a  b", "a b", "a<del>  </del><ins> </ins>b"),
        ("<b>", "<i>", "<del>&lt;b&gt;</del><ins>&lt;i&gt;</ins>"),
        ("same", "same", "same"),
    ],
)
def test_a_difference_is_marked_word_by_word_and_escaped(old, new, marked):
    assert word_diff(old, new) == marked


def test_the_difference_of_very_long_texts_is_marked_line_by_line():
    same = "an equal line\n" * 2000
    assert word_diff(same + "one word", same + "one more word") == (
        f"{same}<del>one word</del><ins>one more word</ins>"
    )
