"""The Chat and Compare pages: a place in line is shown, and what was typed is never lost."""

from types import SimpleNamespace

import gradio as gr
import pytest

from app.chat import ChatPage
from app.compare import ComparePage
from app.widgets import in_line, owner
from core.comparison import Comparisons
from core.types import TranscriptFilter
from tests.conftest import Broken

CHAT_ARM = ("prompt", "friendly", "")
BOTH_ARMS = (*CHAT_ARM, "lora", "friendly", "velomoor")
NOBODY, ANOTHER = (SimpleNamespace(request=None, cookies={}, session_hash=page) for page in ("one", "two"))


@pytest.fixture
def said(monkeypatch):
    """The warnings that a person sees."""
    warnings = []
    monkeypatch.setattr(gr, "Warning", warnings.append)
    return warnings


@pytest.fixture
def chat(desk):
    splits = SimpleNamespace(draw=lambda owner: None, running=lambda: None)
    return ChatPage(SimpleNamespace(desk=desk, store=desk.store, splits=splits))


@pytest.fixture
def compare(desk):
    return ComparePage(SimpleNamespace(desk=desk, store=desk.store, comparisons=Comparisons(desk)))


def last(conversation):
    return conversation[-1]["content"]


@pytest.fixture(autouse=True)
def every_step_is_painted(monkeypatch):
    monkeypatch.setattr("app.widgets.PAINT_S", 0.0)


@pytest.mark.parametrize(
    ("place", "shown"), [(0, "…"), (1, "In line, you are next …"), (2, "In line, 1 before you …"), (31, "30 before")]
)
def test_a_place_in_line_is_told_in_plain_words(place, shown):
    assert shown in in_line(place)


def test_the_chats_of_browsers_that_keep_no_cookies_are_apart(chat, desk):
    list(chat.send("Where?", "", *CHAT_ARM, NOBODY))
    assert [len(desk.store.chats(owner(who))) for who in (NOBODY, ANOTHER)] == [1, 0]


def test_a_customer_in_line_sees_how_many_stand_before(chat, backend):
    backend.places = [3, 2, 1]
    shown = [last(step[0]) for step in chat.send("Where?", "", *CHAT_ARM, NOBODY)]
    assert shown[1:6] == ["…", *map(in_line, (3, 2, 1)), "Hello "]


@pytest.mark.parametrize("mode", ["blind", "open"])
def test_both_sides_of_a_comparison_show_the_same_place(compare, backend, mode):
    backend.places, backend.words = [4, 3], []
    steps = list(compare.ask("Where?", "", mode, *BOTH_ARMS, NOBODY))
    shown = [(last(left), last(right)) for left, right, *_ in steps[:-1]]
    assert all(left == right for left, right in shown)
    assert any(left.startswith("In line") for left, _ in shown)


def test_a_full_line_is_said_and_what_was_typed_stays_in_the_box(chat, compare, desk, said):
    desk.most_under_way = 0
    for steps in (chat.send("Where?", "", *CHAT_ARM, NOBODY), compare.ask("Where?", "", "blind", *BOTH_ARMS, NOBODY)):
        *_, last_step = steps
        (box,) = (part for part in last_step if isinstance(part, gr.Textbox))
        assert (box.value, box.submit_btn, box.stop_btn) == ("Where?", True, False)
    assert ["The line is full" in warning for warning in said] == [True, True]
    assert desk.store.count(TranscriptFilter()) == 0


def test_an_edited_question_that_is_turned_away_goes_into_the_box(chat, desk, said):
    *_, chat_id = [step[2] for step in chat.send("Where?", "", *CHAT_ARM, NOBODY)]
    desk.most_under_way = 0
    edit = SimpleNamespace(index=0, value="Where is it?")
    *_, (_, box) = chat.edit(chat_id, *CHAT_ARM, edit, NOBODY)
    assert (box.value, len(said)) == ("Where is it?", 1)
    assert [exchange.question.text for exchange in desk.store.exchanges(chat_id)] == ["Where?"]


@pytest.mark.parametrize("mode", ["blind", "open"])
def test_when_one_side_is_refused_the_question_is_there_to_be_asked_again(compare, backend, said, mode):
    backend.error = Broken("The server is full.")
    *_, (_, _, _, box) = compare.ask("Where?", "", mode, *BOTH_ARMS, NOBODY)
    assert box.value == "Where?"
    assert said == ["The server is full." if mode == "open" else "One of the two answers failed; ask again."]
