"""A split where customers meet it, in Chat and in the API, and its owner: on the Study page and in a terminal."""

import argparse
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from app.chat import ChatPage, details, rows
from app.study.split_form import plan_of
from app.study.split_tab import SplitTab
from core.accounts import Account
from core.api_keys import make_key
from core.errors import SplitError
from core.settings import Settings
from core.splits import SplitArm, SplitPlan
from core.studies import StudyArm, StudyPlan
from core.types import SPLIT, TranscriptFilter, now
from study.command import add_study_arguments
from study.local_studies import LocalStudies
from study.splits.local_splits import LocalSplits
from tests.conftest import LORA, PROMPT
from tests.unit.test_api_site import ASKED, bearer, complete, problem, site
from tests.unit.test_studies import Surroundings

ARMS = (SplitArm("old", PROMPT, 50), SplitArm("new", LORA, 50))
PICKED = ("lora+prompt", "calm", "winter")


@pytest.fixture
def parts(desk):
    splits = LocalSplits(desk.store, desk.backend, SimpleNamespace(state="ready"))
    return SimpleNamespace(desk=desk, store=desk.store, splits=splits, settings=Settings())


def begin(parts, name="spring", arms=ARMS):
    return parts.splits.start(SplitPlan(name, arms, now() + timedelta(days=14)))


def browser(name="", role="visitor"):
    """A request of an account, or of a browser where nobody signs in."""
    account = Account(name, role, "") if name else None
    scope = {"duodesk_account": account} if account else {}
    return SimpleNamespace(cookies={"duodesk_owner": "a cookie"}, request=SimpleNamespace(scope=scope), query_params={})


def asked(parts, request, picked=PICKED, chat_id="", text="Where is it?"):
    """What is on record of one message on the Chat page."""
    *_, (_, _, chat_id) = ChatPage(parts).send(text, chat_id, *picked, request)
    return parts.store.exchanges(chat_id)[-1]


def visible(shown):
    """Whether the arm picker, the last of what the page shows, is there."""
    return shown[-1].visible


# ---- Chat


def test_while_a_split_runs_a_visitor_gets_the_arm_that_is_drawn_whatever_the_page_sends(parts):
    before = asked(parts, browser("ann"))
    assert (before.chat.split, before.answers[0].arm.name) == ("", "lora+prompt")
    begun = begin(parts)
    for visitor in ("ann", "ben", "eva", "joe"):
        drawn = begun.draw(visitor)
        one, other = asked(parts, browser(visitor)), asked(parts, browser(visitor))
        assert (one.chat.split, one.chat.split_arm) == (begun.id, drawn.arm)
        assert (one.answers[0].arm.name, one.answers[0].arm.template) == (drawn.spec.name, "friendly")
        assert other.chat.id != one.chat.id and other.chat.split_arm == one.chat.split_arm


def test_who_may_choose_an_arm_still_does_and_does_not_count(parts):
    begun = begin(parts)
    chosen = asked(parts, browser("ann", "editor"))
    assert (chosen.chat.split, chosen.answers[0].arm.name) == ("", "lora+prompt")
    drawn = asked(parts, browser("ann", "editor"), picked=(SPLIT, "calm", None))
    assert drawn.chat.split == begun.id
    anybody = asked(parts, browser(), picked=(SPLIT, "calm", None))
    assert anybody.chat.split == begun.id


def test_a_chat_keeps_its_arm_after_the_end_and_whatever_is_chosen_meanwhile(parts):
    begun = begin(parts)
    first = asked(parts, browser("ann"))
    parts.splits.end(begun.id)
    begin(parts, "summer", (replace(ARMS[0], share=99), replace(ARMS[1], share=1)))
    again = asked(parts, browser("ann", "editor"), chat_id=first.chat.id)
    assert again.chat.split == begun.id
    assert again.answers[0].arm == first.answers[0].arm
    list(ChatPage(parts).retry(first.chat.id, *PICKED, browser("ann", "editor")))
    assert parts.store.exchanges(first.chat.id)[-1].answers[-1].arm == first.answers[0].arm


def test_neither_the_picker_nor_the_answer_tells_which_arm_was_drawn(parts):
    begin(parts)
    exchange = asked(parts, browser("ann"))
    for _, message in rows([exchange]):
        shown = str(message)
        assert not any(word in shown for word in ("friendly", "velomoor", "prompt", "lora", "retrieval", "tokens"))
    assert "(template friendly" in str(details(exchange.answers[0])), "where an arm is chosen, it is told"
    page = ChatPage(parts)
    assert not visible(page.show(exchange.chat.id, browser("ann", "editor")))
    assert not visible(page.fresh(browser("ann")))
    assert visible(page.fresh(browser("ann", "editor")))
    assert visible(page.fresh(browser()))


def test_a_page_that_asks_for_the_drawn_arm_when_none_is_gets_the_usual_one(parts):
    begun = begin(parts)
    parts.splits.end(begun.id)
    exchange = asked(parts, browser("ann"), picked=(SPLIT, "calm", None))
    assert (exchange.chat.split, exchange.answers[0].arm.name, exchange.answers[0].arm.template) == (
        "",
        "prompt",
        "friendly",
    )


def test_the_drawn_arm_is_what_is_chosen_at_first_while_a_split_runs(parts):
    page = ChatPage(parts)
    assert not page.arms.choices().choices
    begin(parts)
    offered = page.arms.choices()
    assert offered.value == SPLIT
    assert offered.choices[0][1] == SPLIT and len(offered.choices) == 5


# ---- the API


@pytest.fixture
def client(desk):
    return site(desk)


def of(desk, response):
    """The chat on record of an answer of the API."""
    return desk.store.chat(response.json()["duodesk"]["chat_id"])


def test_the_model_split_draws_an_arm_for_each_user_and_keeps_it(client, desk, parts):
    assert complete(client, model=SPLIT).status_code == 404
    assert SPLIT not in [model["id"] for model in client.get("/v1/models").json()["data"]]
    begun = begin(parts)
    assert client.get("/v1/models").json()["data"][-1]["id"] == SPLIT
    told = client.get("/v1/models/split").json()
    assert (told["id"], told["arm"], told["template"], told["adapter"]) == (SPLIT, SPLIT, "", None)
    for user in ("ann", "ben", "eva"):
        replies = [complete(client, model=SPLIT, user=user) for _ in range(2)]
        chats = [of(desk, reply) for reply in replies]
        drawn = begun.draw(chats[0].owner)
        assert {(chat.split, chat.split_arm) for chat in chats} == {(begun.id, drawn.arm)}
        assert {reply.json()["duodesk"]["split_arm"] for reply in replies} == {drawn.arm}
        assert {reply.json()["duodesk"]["arm"]["name"] for reply in replies} == {drawn.spec.name}
        assert {reply.json()["model"] for reply in replies} == {SPLIT}
    assert complete(client, model="prompt").json()["duodesk"]["split"] is None


def test_a_key_without_users_is_one_visitor(client, desk, parts):
    begun, key = begin(parts), make_key(desk.store.api_keys, "shop", [SPLIT])
    chats = {of(desk, complete(client, bearer(key), model=SPLIT)).split_arm for _ in range(4)}
    assert chats == {begun.draw("api:shop").arm}
    assert complete(client, bearer(key), model="prompt").status_code == 404
    assert [model["id"] for model in client.get("/v1/models", headers=bearer(key)).json()["data"]] == [SPLIT]


def test_a_chat_of_a_split_goes_on_with_its_arm_after_the_end_and_new_ones_get_the_usual_one(client, desk, parts):
    begun = begin(parts)
    first = complete(client, model=SPLIT, user="ann")
    parts.splits.end(begun.id)
    told = first.json()
    said = [*ASKED, told["choices"][0]["message"], {"role": "user", "content": "And now?"}]
    more = complete(client, model=SPLIT, user="ann", messages=said, metadata={"chat_id": told["duodesk"]["chat_id"]})
    assert of(desk, more).id == told["duodesk"]["chat_id"]
    assert more.json()["duodesk"]["arm"] == told["duodesk"]["arm"]
    new = complete(client, model=SPLIT, user="ben")
    assert (new.json()["duodesk"]["split"], new.json()["duodesk"]["arm"]["name"]) == (None, "prompt")
    stranger = complete(client, model=SPLIT, user="eva", messages=said, metadata={"chat_id": of(desk, first).id})
    assert of(desk, stranger).id != of(desk, first).id


@pytest.mark.parametrize("field", [{"temperature": 0.5}, {"max_tokens": 5}, {"stop": ["x"]}, {"top_p": 0.5}])
def test_what_would_make_another_arm_is_refused_for_a_split(client, desk, parts, field):
    begin(parts)
    response = complete(client, model=SPLIT, **field)
    assert (response.status_code, problem(response)["param"]) == (400, next(iter(field)))
    assert desk.store.count(TranscriptFilter()) == 0


def test_a_customers_thumb_comes_by_the_api_for_an_answer_of_their_own_alone(client, desk, parts):
    begin(parts)
    told = complete(client, model=SPLIT, user="ann").json()["duodesk"]
    thumb = {"chat_id": told["chat_id"], "answer_id": told["answer_id"], "value": 1, "user": "ann"}
    assert client.post("/v1/thumbs", json=thumb | {"comment": "Quick."}).status_code == 204
    assert client.post("/v1/thumbs", json=thumb | {"value": -1, "comment": "Wrong."}).status_code == 204
    (exchange,) = desk.store.exchanges(told["chat_id"])
    assert [(one.value, one.comment) for one in exchange.thumbs] == [(-1, "Wrong.")]
    for change in ({"user": "ben"}, {"user": None}, {"answer_id": "none such"}, {"chat_id": "none such"}):
        response = client.post("/v1/thumbs", json=thumb | change)
        assert (response.status_code, problem(response)["code"]) == (404, "answer_not_found"), change
    for wrong in ({"value": 0}, {"value": True}, {"value": "1"}, {"chat_id": None}, {"stars": 5}):
        assert client.post("/v1/thumbs", json=thumb | wrong).status_code == 400, wrong
    assert parts.splits.report_html(told["split"]).count("Thumbs up")


# ---- the Study page


@pytest.fixture
def tab(parts):
    return SplitTab(parts)


def form(name="spring", days=14, margin=5, third=("", "friendly", "velomoor", "", 0)):
    first = ("prompt", "friendly", "velomoor", "", 50)
    return [name, days, margin, *first, "lora+prompt", "friendly", "velomoor", "", 50, *third]


def test_the_form_is_a_plan():
    plan = plan_of(form(third=("prompt", "calm", None, " gpu ", 0)))
    assert [(arm.name, arm.share) for arm in plan.arms][:2] == [("prompt", 50), ("lora+prompt", 50)]
    assert (plan.arms[2].name, plan.arms[2].spec.template, plan.arms[2].spec.model) == ("prompt, calm", "calm", "gpu")
    assert (plan.name, plan.margin, len(plan_of(form()).arms)) == ("spring", 0.05, 2)
    for missing in (form(days=None), form(margin=None)):
        with pytest.raises(SplitError):
            plan_of(missing)


def test_an_owner_begins_and_ends_a_split_and_nobody_else(tab, parts):
    for role in ("visitor", "rater", "editor"):
        with pytest.warns(UserWarning, match="Only an owner"):
            tab.start("", browser("ann", role), *form())
    assert parts.splits.all() == []
    chosen, said = tab.start("", browser("ann", "owner"), *form())
    assert "'spring'" in said or "spring" in said
    with pytest.warns(UserWarning, match="Only an owner"):
        tab.end(chosen, browser("eva", "editor"))
    tab.end("", browser("ann", "owner"))
    assert parts.splits.running().id == chosen
    tab.end(chosen, browser("ann", "owner"))
    assert parts.splits.running() is None


def test_the_tab_shows_splits_and_what_can_be_done(tab, parts):
    chosen, table, end, *_, fold = tab.show("", browser())
    assert (chosen, end.visible, fold.visible) == ("", False, True)
    assert "No split yet" in table
    begun = begin(parts)
    asked(parts, browser("ann"))
    chosen, table, end, *rest, fold = tab.show("", browser())
    assert (chosen, end.visible, all(button.visible for button in rest)) == (begun.id, True, True)
    assert "old 50%, new 50%" in table and "runs until" in table
    _, _, end, *_, fold = tab.show(chosen, browser("eva", "editor"))
    assert (end.visible, fold.visible) == (False, False)
    assert "Nothing to say yet" in tab.report(chosen)
    assert tab.questions(chosen) == "split:spring"


def test_a_mistake_in_the_form_is_said_and_begins_nothing(tab, parts):
    with pytest.warns(UserWarning, match="100 together"):
        _, said = tab.start("", browser(), *form(third=("bare", "friendly", None, "", 10)))
    assert "100 together" in said
    assert parts.splits.all() == []


# ---- in a study


def test_a_study_of_customers_first_questions_is_rated_by_people_and_shows_what_the_customers_said(
    parts, backend, tmp_path
):
    begin(parts)
    for visitor in ("ann", "ben", "eva"):
        first = asked(parts, browser(visitor), text=f"Where is the order of {visitor}@example.org?")
        asked(parts, browser(visitor), chat_id=first.chat.id, text="And now?")
    around = Surroundings()
    folder = tmp_path / "studies"
    studies = LocalStudies(
        parts.store.studies, around, backend, around, around, around, None, folder, splits=parts.splits
    )
    assert studies.look("split:spring").measures == ("ratings",)
    arms = tuple(StudyArm(arm.name, arm.spec) for arm in ARMS)
    study = studies.add(StudyPlan("live", "split:spring", arms, ("new", "old"), "ratings", ratings=3))
    assert [question.question[:18] for question in study.questions] == ["Where is the order"] * 3
    studies.run(study.id)
    assert len(parts.store.studies.answers(study.id)) == 6
    assert "With customers, in the split &#x27;spring&#x27;: Nothing to say yet" in studies.report_html(study.id)
    with pytest.raises(SplitError, match="'autumn' is no split"):
        studies.look("split:autumn")


# ---- the terminal


def run(parts, *words):
    parser = argparse.ArgumentParser()
    add_study_arguments(parser, argparse.ArgumentParser(add_help=False))
    options = parser.parse_args(["split", *words])
    return options.what(parts, options)


def test_the_terminal_begins_shows_reports_exports_and_ends_a_split(parts, tmp_path, capsys):
    run(parts, "list")
    assert "no split yet" in capsys.readouterr().out
    run(parts, "start", "spring", "--arms", "prompt", "both=lora+prompt", "--shares", "80", "20", "--days", "7")
    said = capsys.readouterr().out
    assert "'spring' runs until" in said and "80%" in said and "both" in said
    asked(parts, browser("ann"))
    for words, told in (
        (["list"], "1 visitors      1 chats  spring"),
        (["show", "spring"], "1 visitors"),
        (["report", "spring"], "Nothing to say yet"),
        (["export", "spring", "--out", str(tmp_path)], "spring.csv"),
        (["end", "spring"], "is ended"),
    ):
        assert run(parts, *words) == 0
        assert told in capsys.readouterr().out
    with pytest.raises(SplitError, match="ends after now"):
        run(parts, "start", "never", "--arms", "prompt", "bare", "--days", "1e300")
