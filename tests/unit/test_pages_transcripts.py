"""The Transcripts page: finds, shows and exports what is on record, and never unblinds it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from app.access.gate import ACCOUNT
from app.transcript_html import details, rating
from app.transcripts import CHOOSE, PAGE_ROWS, TranscriptsPage, wanted
from app.widgets import owner
from core.accounts import Account
from core.comparison import Comparisons, veil
from core.errors import DuodeskError
from core.export import to_csv, to_jsonl
from core.forgetting import Forgetting
from core.settings import Settings
from core.types import TranscriptFilter
from tests.conftest import LORA, PROMPT

NONE = [""] * 9
SECRETS = ("abc123", "def456", "velomoor", "friendly", "returns.md", "Be kind.")


@pytest.fixture
def page(store, tmp_path):
    forgetting = Forgetting(store, [tmp_path], SimpleNamespace(runs=list), SimpleNamespace(documents=list))
    return TranscriptsPage(SimpleNamespace(store=store, forgetting=forgetting, settings=Settings(keep_days=90)))


@pytest.fixture
def comparisons(desk):
    return Comparisons(desk)


def asked(desk, text, spec=PROMPT):
    chat = desk.open_chat("me")
    *_, answer = desk.ask(chat.id, text, spec)
    return chat, answer


def compared(comparisons):
    chat = comparisons.open("me", PROMPT, LORA, blind=True)
    list(comparisons.ask(chat.id, "Which?"))
    return chat


def newest(store):
    return veil(store.search(TranscriptFilter())[0])


def test_an_empty_record_says_what_to_do(page):
    assert "No conversation yet. Ask something" in page.show(0, *NONE)[1]


def test_filters_that_find_nothing_say_so(page, desk):
    asked(desk, "Hello?")
    assert "Nothing matches" in page.show(0, "zebra", *NONE[1:])[1]


def test_pages_hold_fifty_rows_and_a_page_too_far_is_the_last_one(page, desk):
    for number in range(PAGE_ROWS + 2):
        asked(desk, f"Question {number}?")
    number, table, summary, newer, older = page.show(7, *NONE)
    assert (number, table.count("<tr>") - 1) == (1, 2)
    assert "51 to 52 of 52" in summary
    assert (newer.visible, older.visible) == (True, False)


def test_the_controls_become_a_filter_with_both_days_included():
    found = wanted(" refund ", "lora", "", "", "failed", "no", "2026-01-02", "2026-01-02", "c1")
    assert found == TranscriptFilter(
        text="refund",
        arm="lora",
        outcome="failed",
        rated=False,
        chat_id="c1",
        since=datetime(2026, 1, 2, tzinfo=UTC),
        until=datetime(2026, 1, 3, tzinfo=UTC),
    )


@pytest.mark.parametrize("day", ["soon", "2026-02-30", "9999-12-31"])
def test_a_date_that_cannot_be_used_is_named(day):
    with pytest.raises(DuodeskError, match=day):
        wanted(*NONE[:7], day, "")


def test_a_chosen_row_shows_all_that_made_the_answer(page, desk):
    chat, answer = asked(desk, "Hello?")
    desk.rate(answer.id, "0123456789abcdef", 1, "kind")
    exchange = desk.store.search(TranscriptFilter())[0]
    shown = page.choose(gr.EventData(None, {"chat": chat.id, "question": exchange.question.id}))
    for secret in ("abc123", "def456", "friendly version 1", "Within 30 days.", "Be kind.", "rater 012345 kind"):
        assert secret in shown
    assert f"/transcripts?chat={chat.id}" in shown
    assert "/source/returns.md?start=0" in shown
    assert "0123456789abcdef" not in shown


def test_what_people_and_models_wrote_is_never_html(desk, backend, page):
    backend.words = ["<img src=x>"]
    asked(desk, "<script>1</script>")
    shown = details(newest(desk.store)) + page.show(0, *NONE)[1]
    assert "&lt;script&gt;" in shown
    assert "<script" not in shown
    assert "<img" not in shown


def test_a_regenerated_answer_stays_visible_under_the_one_that_counts(desk, backend):
    backend.words = ["Alpha"]
    chat, _ = asked(desk, "Hello?")
    backend.words = ["Omega"]
    list(desk.regenerate(chat.id, PROMPT))
    shown = details(newest(desk.store))
    assert shown.index("Omega") < shown.index("Earlier answer, regenerated") < shown.index("Alpha")


def test_a_blind_comparison_shows_and_exports_nothing_of_its_arms_before_the_vote(page, comparisons, tmp_path):
    compared(comparisons)
    files = [page.export(write, "out", "utf-8", str(tmp_path), *NONE) for write in (to_jsonl, to_csv)]
    told = details(newest(page.store)) + page.show(0, *NONE)[1] + "".join(Path(file).read_text() for file in files)
    assert "blind until voted" in told
    assert [secret for secret in SECRETS if secret in told] == []


def test_after_the_vote_the_winner_is_named(comparisons, store):
    chat = compared(comparisons)
    comparisons.vote(chat.id, "ada", "right", {"tone": (2, 5)}, "Warmer.", "lora")
    exchange = newest(store)
    right = "lora" if store.chat(chat.id).left == "a" else "prompt"
    assert rating(exchange) == f"right won ({right})"
    assert "left 2, right 5" in details(exchange)
    assert "Warmer." in details(exchange)


def test_an_export_holds_what_the_filters_show_and_no_more(page, desk, tmp_path):
    asked(desk, "About refunds?")
    asked(desk, "About mögliche Ziele?")
    file = page.export(to_jsonl, "transcripts.jsonl", "utf-8", str(tmp_path), "mögliche", *NONE[1:])
    (line,) = Path(file).read_text(encoding="utf-8").splitlines()
    assert Path(file).name == "transcripts.jsonl"
    assert json.loads(line)["messages"][0]["content"] == "About mögliche Ziele?"


def test_an_export_of_nothing_gives_no_file(page, tmp_path):
    assert page.export(to_csv, "transcripts.csv", "utf-8-sig", str(tmp_path), *NONE) is None
    assert list(tmp_path.glob("*/transcripts.csv")) == []


VISITOR = SimpleNamespace(cookies={"duodesk_owner": "0123"}, request=SimpleNamespace(scope={}))


def test_the_details_offer_to_delete_all_of_the_visitor_and_pressing_it_does(page, desk, store):
    chat, _ = asked(desk, "Hello?")
    asked(desk, "Hello again?")
    other = desk.open_chat("you")
    list(desk.ask(other.id, "Mine stays?", PROMPT))
    exchange = store.search(TranscriptFilter(chat_id=chat.id))[0]
    shown = page.choose(gr.EventData(None, {"chat": chat.id, "question": exchange.question.id}))
    assert f'data-forget="{chat.id}"' in shown and "Delete all 2 chats of this visitor" in shown
    told = page.forget(gr.EventData(None, {"chat": chat.id}), VISITOR)
    assert "2 questions" in told
    assert [found.question.text for found in store.search(TranscriptFilter())] == ["Mine stays?"]
    assert store.privacy.audit()[0].who == owner(VISITOR)


def test_what_is_gone_already_is_said(page):
    assert page.forget(gr.EventData(None, {"chat": "nonesuch"}), VISITOR) == CHOOSE


def test_one_line_says_what_was_replaced_and_how_long_chats_are_kept(page, store):
    assert "nothing so far. Chats are removed 90 days after" in page.personal_data()
    store.privacy.count({"email": 1200, "card": 3})
    assert "e-mail addresses 1,200, card numbers 3" in page.personal_data()
    page.parts.settings = Settings(redaction="off")
    assert "stored as it was written" in page.personal_data()


def test_only_an_owner_removes_a_visitors_data_where_people_sign_in():
    asked: list[str] = []
    forgetting = SimpleNamespace(visitor_of=lambda chat: asked.append(chat) or ("0123", ()), forget=lambda *_: None)
    page = TranscriptsPage(SimpleNamespace(store=None, forgetting=forgetting, settings=Settings()))
    editor = SimpleNamespace(cookies={}, request=SimpleNamespace(scope={ACCOUNT: Account("eve", "editor", "hash")}))
    page.forget(SimpleNamespace(_data={"chat": "a chat"}), editor)
    assert not asked
