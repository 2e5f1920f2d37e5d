"""What the store promises about splits, on SQLite and on Postgres alike."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from core.desk import Desk
from core.errors import SplitError, UnknownSplit
from core.forgetting import Forgetting
from core.splits import Split, SplitArm, SplitCounts, SplitPlan, drawn_for
from core.studies import Prices, Rating, Study, StudyAnswer, StudyArm, StudyPlan
from core.types import Answer, Arm, Decoding, TranscriptFilter, Turn, new_id, now
from store import open_store
from store.sql_store import SqlStore
from study.splits.questions import first_questions
from tests.conftest import LORA, PROMPT, ScriptedBackend

ARMS = (SplitArm("old", PROMPT, 75.5), SplitArm("new", replace(LORA, model="gpu"), 24.5))
MADE = {arm.name: Arm(arm.spec.name, "m", "h", "friendly", 1, "t", Decoding(stop=("END",))) for arm in ARMS}


@pytest.fixture
def store(store_url: str) -> Iterator[SqlStore]:
    opened = open_store(store_url)
    yield opened
    opened.close()


def make(name: str = "spring", days: float = 14, **fields: object) -> Split:
    plan = SplitPlan(name, ARMS, now() + timedelta(days=days), 0.08, Prices(machine_hour=0.4))
    return replace(Split(new_id(), plan, MADE), **fields)  # type: ignore[arg-type]


def test_a_split_comes_back_as_it_was_stored(store: SqlStore) -> None:
    split = make()
    store.splits.add(split)
    assert store.splits.split(split.id) == split
    assert store.splits.splits() == [split]
    with pytest.raises(UnknownSplit):
        store.splits.split("none such")


def test_only_one_split_runs_and_the_next_begins_when_it_has_ended(store: SqlStore) -> None:
    first, second = make("first"), make("second")
    store.splits.add(first)
    with pytest.raises(SplitError, match="'first' is running"):
        store.splits.add(second)
    store.splits.end(first.id, now())
    store.splits.add(second)
    assert [split.id for split in store.splits.splits()] == [second.id, first.id]
    ended = store.splits.split(first.id)
    assert ended.ended_early and not ended.runs(now())
    with pytest.raises(SplitError, match="ended already"):
        store.splits.end(first.id, now())


def test_a_split_whose_time_is_over_leaves_its_place_and_keeps_its_planned_end(store: SqlStore) -> None:
    old = make("old", days=-1, started_at=now() - timedelta(days=15))
    store.splits.add(old)
    store.splits.add(make("new"))
    found = store.splits.split(old.id)
    assert found.end == old.plan.until
    assert not found.ended_early


def test_a_name_is_given_once(store: SqlStore) -> None:
    first = make()
    store.splits.add(first)
    store.splits.end(first.id, now())
    with pytest.raises(SplitError, match="There is a split 'spring' already"):
        store.splits.add(make())


def test_of_two_who_begin_a_split_at_once_one_does(store: SqlStore) -> None:
    def begin(name: str) -> str:
        try:
            store.splits.add(make(name))
            return name
        except SplitError:
            return ""

    with ThreadPoolExecutor(4) as pool:
        begun = [name for name in pool.map(begin, ("a", "b", "c", "d")) if name]
    assert len(begun) == 1
    assert [split.plan.name for split in store.splits.splits()] == begun


def test_chats_keep_what_was_drawn_and_are_counted_and_found_by_it(store: SqlStore) -> None:
    split, desk = make(), Desk(store, ScriptedBackend())
    store.splits.add(split)
    for visitor in ("ann", "ben", "ann"):
        drawn = split.draw(visitor)
        chat = desk.open_chat(visitor, drawn)
        list(desk.ask(chat.id, "Where is it?", drawn.spec))
        assert drawn_for(store.chat(chat.id)) == drawn
    desk.open_chat("eva", split.draw("eva"))  # asked nothing
    chosen = desk.open_chat("ann")
    list(desk.ask(chosen.id, "By hand?", PROMPT))
    of_split = store.search(TranscriptFilter(split=split.id))
    assert {one.chat.owner for one in of_split} == {"ann", "ben"}
    assert len(of_split) == store.count(TranscriptFilter(split=split.id)) == 3
    expected: dict[str, SplitCounts] = {}
    for visitor, chats in (("ann", 2), ("ben", 1)):
        before = expected.get(split.draw(visitor).arm, SplitCounts())
        expected[split.draw(visitor).arm] = SplitCounts(before.visitors + 1, before.chats + chats)
    assert store.splits.counts(split.id) == expected


def test_a_chat_of_a_split_goes_on_only_with_what_was_drawn_for_it(store: SqlStore) -> None:
    split, desk = make(), Desk(store, ScriptedBackend())
    drawn = split.draw("api:shop")
    first = desk.take_conversation("api:shop", (), "Where is it?", "", drawn)
    *_, answer = desk.answer(first, drawn.spec)
    said = (Turn("user", "Where is it?"), Turn("assistant", answer.text))
    assert desk.take_conversation("api:shop", said, "By hand?", first.chat_id).chat_id != first.chat_id
    other = replace(drawn, arm="another")
    assert desk.take_conversation("api:shop", said, "Other arm?", first.chat_id, other).chat_id != first.chat_id
    assert desk.take_conversation("api:shop", said, "And now?", first.chat_id, drawn).chat_id == first.chat_id


def test_who_is_forgotten_is_forgotten_in_the_studies_that_took_their_questions(store: SqlStore, tmp_path) -> None:
    split, desk = make(), Desk(store, ScriptedBackend())
    store.splits.add(split)
    for visitor in ("ann", "ben"):
        drawn = split.draw(visitor)
        list(desk.ask(desk.open_chat(visitor, drawn).id, f"I am {visitor} from Zanzibar.", drawn.spec))
    questions = first_questions(store.search(TranscriptFilter(split=split.id))[::-1])
    arms = (StudyArm("old", PROMPT), StudyArm("new", LORA))
    study = Study(new_id(), StudyPlan("s", "split:spring", arms, ("old", "new"), "ratings"), tuple(questions), MADE)
    ratings = [Rating(new_id(), study.id, question.id, "old", "new") for question in questions]
    store.studies.add(study, ratings)
    for question in questions:
        for arm in ("old", "new"):
            answer = Answer(new_id(), question.id, arm=MADE[arm], text="Hello Ann.", outcome="complete")
            store.studies.add_answer(StudyAnswer(study.id, arm, answer))
    held = store.studies.reserve(study.id, "rater", now() + timedelta(hours=1))
    assert held is not None
    store.studies.skip(held.id, "rater")
    nothing = type("", (), {"runs": list, "documents": list})
    done = Forgetting(store, [tmp_path], nothing(), nothing()).forget("ann", "owner")  # type: ignore[arg-type]
    assert done.line.counts["questions of studies"] == 1
    assert (done.line.counts["answers of studies"], done.line.counts["ratings of studies"]) == (2, 1)
    left = store.studies.study(study.id).questions
    assert [question.question for question in left] == ["I am ben from Zanzibar."]
    assert len(store.studies.answers(study.id)) == 2
    assert [rating.question_id for rating in store.studies.ratings(study.id)] == [left[0].id]
    assert store.splits.counts(split.id)[split.draw("ben").arm].visitors == 1
