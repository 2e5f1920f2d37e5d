"""What the store of studies promises, on SQLite and on Postgres alike."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core.errors import AlreadyVoted, StudyError, UnknownStudy, VoteError
from core.studies import (
    REPEAT_AFTER,
    Prices,
    Rating,
    Study,
    StudyAnswer,
    StudyArm,
    StudyPlan,
    TestQuestion,
)
from core.types import Answer, Arm, ArmSpec, Choice, Decoding, Passage, Turn, new_id, now
from store import open_store
from store.database import transaction
from store.study_store import SqlStudyStore
from store.tables import metadata

ROOT = Path(__file__).parents[2]
ARM = Arm("lora+prompt", "base", "m1", "desk", 3, "t1", Decoding(99, 0.5), "support", "a1", "i1", "onnx int8")
BARE = Arm("bare", "base", "m1", "plain", 1, "t2", Decoding())
PLAN = StudyPlan(
    name="Which is best?",
    questions="knowledge/questions",
    arms=(StudyArm("bare", ArmSpec("bare", "plain")), StudyArm("both", ArmSpec("lora+prompt", "desk", "support"))),
    decides=("both", "bare"),
    prices=Prices(million_new_tokens=1.5, currency="USD"),
)
QUESTIONS = tuple(
    TestQuestion(f"q{n}", "post", "post.md", "plain", f"Where is parcel {n}?", (("2 days", "two days"),), (), "Here.")
    for n in range(4)
)


@pytest.fixture
def studies(store_url: str) -> Iterator[SqlStudyStore]:
    opened = open_store(store_url)
    yield opened.studies
    opened.close()


def soon(minutes: float = 10) -> datetime:
    return now() + timedelta(minutes=minutes)


def new_study(studies: SqlStudyStore, ratings: Sequence[Rating] = (), **fields: object) -> Study:
    study = Study(new_id(), PLAN, QUESTIONS, {"bare": BARE, "both": ARM})
    study = replace(study, **fields)  # type: ignore[arg-type]
    studies.add(study, [replace(rating, study_id=study.id) for rating in ratings])
    return study


def planned(number: int, **fields: object) -> Rating:
    rating = Rating(new_id(), "", f"q{number % len(QUESTIONS)}", "bare", "both")
    return replace(rating, **fields)  # type: ignore[arg-type]


def said(study: Study, arm: str, question_id: str, **fields: object) -> StudyAnswer:
    answer = Answer(new_id(), question_id, arm=study.arms[arm], text=f"{arm} says", outcome="complete")
    return StudyAnswer(study.id, arm, replace(answer, **fields))  # type: ignore[arg-type]


def answer_everything(studies: SqlStudyStore, study: Study) -> None:
    for arm in study.arms:
        for question in study.questions:
            studies.add_answer(said(study, arm, question.id))


def answered_study(studies: SqlStudyStore, *ratings: Rating) -> Study:
    study = new_study(studies, ratings)
    answer_everything(studies, study)
    return study


def vote(studies: SqlStudyStore, study: Study, rater: str, choice: Choice = "left") -> Rating:
    rating = studies.reserve(study.id, rater, soon())
    assert rating is not None
    studies.rate(replace(rating, choice=choice))
    return rating


def of(studies: SqlStudyStore, study: Study, rating: Rating) -> Rating:
    (found,) = (one for one in studies.ratings(study.id) if one.id == rating.id)
    return found


# ---- studies


def test_a_study_comes_back_as_it_was_added(studies: SqlStudyStore) -> None:
    history = (Turn("user", "Hello"), Turn("assistant", "Hi"))
    unknown_facts = TestQuestion("a", "post", None, "own", "Where?", None, history, "Here.")
    unanswerable = TestQuestion("b", "post", "post.md", "open", "Why?", (), (), "Nobody knows.", area="orders")
    study = new_study(
        studies,
        questions=(unknown_facts, unanswerable),
        notes=("a note",),
        experiments={"few_shot": {"scores": [0.5]}},
        status="stopped",
        message="by hand",
    )
    assert studies.study(study.id) == study
    assert studies.studies() == [study]


def test_studies_are_listed_newest_first_whatever_the_clock_says(studies: SqlStudyStore) -> None:
    first = new_study(studies, created_at=datetime(2030, 1, 1, tzinfo=UTC))
    second = new_study(studies, created_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert [study.id for study in studies.studies()] == [second.id, first.id]


def test_a_study_that_is_there_is_not_added_again(studies: SqlStudyStore) -> None:
    study = new_study(studies)
    with pytest.raises(StudyError, match=study.id):
        studies.add(study, [])


def test_a_study_with_a_rating_that_cannot_be_kept_is_not_added_at_all(studies: SqlStudyStore) -> None:
    twice = planned(0)
    with pytest.raises(StudyError, match="ratings"):
        new_study(studies, [twice, twice])
    assert studies.studies() == []


def test_what_is_not_there_is_said_in_one_sentence(studies: SqlStudyStore) -> None:
    study = Study("gone", PLAN, QUESTIONS, {"bare": BARE})
    for call in (
        lambda: studies.study("gone"),
        lambda: studies.remove("gone"),
        lambda: studies.say("gone", "running"),
        lambda: studies.note("gone", "a note"),
        lambda: studies.keep_experiment("gone", "shift", {}),
        lambda: studies.add_answer(said(study, "bare", "q1")),
        lambda: studies.add_ratings([planned(0, study_id="gone")]),
        lambda: studies.reserve("gone", "ann", soon()),
        lambda: studies.undo("gone", "ann", soon()),
    ):
        with pytest.raises(UnknownStudy, match=r"There is no study gone\."):
            call()
    assert (studies.answers("gone"), studies.answer_counts("gone"), studies.ratings("gone")) == ([], {}, [])


def test_where_a_study_is_its_notes_and_its_experiments_are_kept(studies: SqlStudyStore) -> None:
    study, other = new_study(studies), new_study(studies)
    studies.say(study.id, "running", "3 of 8")
    for note in ("leaks", "early stop", "leaks"):
        studies.note(study.id, note)
    studies.keep_experiment(study.id, "shift", {"old": 1})
    studies.keep_experiment(study.id, "few_shot", {"shots": [0, 2]})
    studies.keep_experiment(study.id, "shift", {"new": None})
    found = studies.study(study.id)
    assert (found.status, found.message, found.notes) == ("running", "3 of 8", ("leaks", "early stop"))
    assert found.experiments == {"shift": {"new": None}, "few_shot": {"shots": [0, 2]}}
    assert studies.study(other.id) == other


def test_a_finding_that_is_no_number_is_kept_as_none(studies: SqlStudyStore) -> None:
    study = new_study(studies)
    studies.keep_experiment(study.id, "learning_curve", {"low": float("-inf"), "scores": [0.5, float("nan")]})
    assert studies.study(study.id).experiments == {"learning_curve": {"low": None, "scores": [0.5, None]}}


def test_notes_added_at_once_are_all_kept(studies: SqlStudyStore) -> None:
    study = new_study(studies)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: studies.note(study.id, str(number)), range(24)))
    assert sorted(studies.study(study.id).notes, key=int) == [str(number) for number in range(24)]


def test_removal_removes_everything_and_nothing_else(studies: SqlStudyStore) -> None:
    def rows() -> dict[str, int]:
        with transaction(studies._engine) as connection:
            return {
                name: connection.scalar(select(func.count()).select_from(table)) or 0
                for name, table in metadata.tables.items()
            }

    def fill() -> Study:
        study = answered_study(studies, planned(0), planned(1))
        skipped = studies.reserve(study.id, "ann", soon())
        assert skipped
        studies.skip(skipped.id, "ann")
        vote(studies, study, "ann")
        return study

    kept = fill()
    before = rows()
    studies.remove(fill().id)
    assert rows() == before
    assert [study.id for study in studies.studies()] == [kept.id]


# ---- answers


def test_an_answer_comes_back_whole(studies: SqlStudyStore) -> None:
    study = new_study(studies)
    answer = said(
        study,
        "both",
        "q1",
        passages=(Passage("p1", "post.md", "Post", "Two days.", 0.75, 12),),
        prompt=(Turn("system", "Be kind."), Turn("user", "Where?")),
        first_token_s=0.25,
        total_s=1.5,
        prompt_tokens=40,
        new_tokens=8,
    )
    studies.add_answer(answer)
    failed = StudyAnswer(study.id, "lora, 50 rows, seed 1", Answer(new_id(), "q1", error="The adapter is gone."))
    studies.add_answer(failed)
    assert studies.answers(study.id) == [answer, failed]


def test_the_first_answer_of_an_arm_to_a_question_counts(studies: SqlStudyStore) -> None:
    study, other = new_study(studies), new_study(studies)
    first = said(study, "bare", "q1")
    for answer in (
        first,
        said(study, "bare", "q1", text="again"),
        said(study, "both", "q1"),
        said(study, "bare", "q2"),
    ):
        studies.add_answer(answer)
    studies.add_answer(said(other, "bare", "q1"))
    assert studies.answers(study.id)[0] == first
    assert studies.answer_counts(study.id) == {"bare": 2, "both": 1}


def test_an_answer_to_a_question_that_the_study_does_not_ask_is_refused(studies: SqlStudyStore) -> None:
    study = new_study(studies)
    with pytest.raises(StudyError, match="no question q9"):
        studies.add_answer(said(study, "bare", "q9"))


def test_what_the_same_arm_has_said_to_the_same_words_is_found_in_any_study(studies: SqlStudyStore) -> None:
    asked = (*QUESTIONS, replace(QUESTIONS[0], id="h", history=(Turn("user", "Hello"),)))
    study = new_study(studies, questions=asked)
    answer = said(study, "both", "q0")
    studies.add_answer(answer)
    studies.add_answer(said(study, "both", "q1", outcome="stopped"))
    renamed = replace(QUESTIONS[0], id="mine", topic="another", facts=())
    same = studies.same_answers(ARM, [renamed, *QUESTIONS[1:], asked[-1]])
    assert same == {"mine": replace(answer.answer, question_id="mine")}

    copy = new_study(studies, questions=(renamed,))
    studies.add_answer(StudyAnswer(copy.id, "both", same["mine"]))
    assert studies.same_answers(ARM, [QUESTIONS[0]]) == {"q0": answer.answer}


@pytest.mark.parametrize(
    "change",
    [
        {"model_hash": "m2"},
        {"template_hash": "t9"},
        {"decoding": Decoding(99, 0.6)},
        {"adapter_hash": "a2"},
        {"adapter_hash": None, "adapter": None},
        {"index_version": "i2"},
        {"engine": "torch float32"},
    ],
)
def test_an_arm_that_differs_in_anything_has_said_nothing(studies: SqlStudyStore, change: dict[str, object]) -> None:
    study = new_study(studies)
    studies.add_answer(said(study, "both", "q0"))
    assert studies.same_answers(replace(ARM, **change), QUESTIONS) == {}  # type: ignore[arg-type]
    assert list(studies.same_answers(ARM, QUESTIONS)) == ["q0"]


def test_more_questions_than_a_statement_takes_are_looked_up(
    studies: SqlStudyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.study_store.BATCH", 3)
    study = new_study(studies)
    answer_everything(studies, study)
    assert sorted(studies.same_answers(ARM, QUESTIONS)) == [question.id for question in QUESTIONS]


def test_characters_that_no_database_takes_are_mended(studies: SqlStudyStore) -> None:
    broken, mended = "a\0b\ud800c\ud83d\ude00", "ab\ufffdc😀"
    question = TestQuestion("q\0", broken, None, "own", broken, ((broken,),), (Turn("user", broken),), broken)
    study = new_study(
        studies,
        [planned(0, question_id="q\0")],
        plan=replace(PLAN, name=broken),
        questions=(question,),
        notes=(broken,),
    )
    studies.say(study.id, "failed", broken)
    studies.note(study.id, broken)
    found = studies.study(study.id)
    assert (found.plan.name, found.notes, found.message) == (mended, (mended,), mended)
    assert found.questions == (
        TestQuestion("q", mended, None, "own", mended, ((mended,),), (Turn("user", mended),), mended),
    )
    studies.add_answer(said(study, "bare", "q\0", text=broken, prompt=(Turn("user", broken),)))
    studies.add_answer(said(study, "both", "q\0"))
    assert studies.same_answers(BARE, [question])["q\0"].text == mended
    rating = studies.reserve(study.id, broken, soon())
    assert rating is not None
    studies.rate(replace(rating, choice="tie", comment=broken))
    assert [(one.rater, one.comment) for one in studies.ratings(study.id)] == [(mended, mended)]
    assert studies.undo(study.id, broken, soon()).id == rating.id


def test_answers_to_one_question_can_be_had_alone(studies: SqlStudyStore) -> None:
    study = new_study(studies)
    answer_everything(studies, study)
    assert [(one.arm, one.answer.question_id) for one in studies.answers(study.id, "q2")] == [
        ("bare", "q2"),
        ("both", "q2"),
    ]


def test_which_arm_has_answered_which_question_counts_whole_answers_only(studies: SqlStudyStore) -> None:
    study = new_study(studies)
    studies.add_answer(said(study, "bare", "q1"))
    studies.add_answer(said(study, "both", "q1", outcome="failed", text=""))
    assert studies.answered(study.id) == {("bare", "q1")}


# ---- ratings


def test_ratings_come_back_in_their_order_with_their_votes(studies: SqlStudyStore) -> None:
    first = planned(2, id="z")
    study = answered_study(studies, first, planned(0, id="b", repeats="z"), planned(1, id="a", second_to="z"))
    more = planned(3, id="c", study_id=study.id, left="both", right="bare")
    studies.add_ratings([more])
    assert [rating.id for rating in studies.ratings(study.id)] == ["z", "b", "a", "c"]
    assert studies.ratings(study.id)[3] == more

    held = studies.reserve(study.id, "ann", soon())
    assert held is not None
    assert of(studies, study, held) == held
    given = replace(held, choice="right", criteria={"tone": (5, 2)}, comment="warm", guessed_left="bare")
    studies.rate(given)
    kept = of(studies, study, held)
    assert kept == replace(given, reserved_until=None, place=1, rated_at=kept.rated_at)
    assert kept.rated_at is not None and abs(now() - kept.rated_at) < timedelta(minutes=1)


def test_the_rating_that_a_rater_holds_comes_again_until_it_has_its_vote(studies: SqlStudyStore) -> None:
    study = answered_study(studies, planned(0), planned(1))
    first = studies.reserve(study.id, "ann", soon(5))
    again = studies.reserve(study.id, "ann", soon(10))
    assert first and again and first.id == again.id
    assert first.reserved_until and again.reserved_until and again.reserved_until > first.reserved_until
    other = studies.reserve(study.id, "bob", soon())
    assert other and other.id != first.id
    assert studies.ratings(study.id, "bob") == [other]
    assert studies.reserve(study.id, "eve", soon()) is None
    studies.rate(replace(again, choice="tie"))
    assert studies.reserve(study.id, "ann", soon()) is None


def test_a_pair_is_handed_out_once_both_arms_have_answered(studies: SqlStudyStore) -> None:
    study = new_study(studies, [planned(0), planned(1)])
    studies.add_answer(said(study, "bare", "q0"))
    studies.add_answer(said(study, "both", "q0", outcome="failed", text=""))
    studies.add_answer(said(study, "both", "q1"))
    assert studies.reserve(study.id, "ann", soon()) is None
    studies.add_answer(said(study, "bare", "q1"))
    rating = studies.reserve(study.id, "ann", soon())
    assert rating and rating.question_id == "q1"


def test_what_was_skipped_goes_to_others_alone(studies: SqlStudyStore) -> None:
    study = answered_study(studies, planned(0))
    rating = studies.reserve(study.id, "ann", soon())
    assert rating
    studies.skip(rating.id, "ann")
    assert studies.reserve(study.id, "ann", soon()) is None
    other = studies.reserve(study.id, "bob", soon())
    assert other and other.id == rating.id
    for skipping in (lambda: studies.skip(rating.id, "ann"), lambda: studies.skip("gone", "ann")):
        with pytest.raises(VoteError):
            skipping()


def test_a_reservation_that_ran_out_frees_the_rating(studies: SqlStudyStore) -> None:
    study = answered_study(studies, planned(0))
    held = studies.reserve(study.id, "ann", soon(-1))
    taken = studies.reserve(study.id, "bob", soon())
    assert held and taken and held.id == taken.id
    with pytest.raises(VoteError, match="not reserved for you"):
        studies.rate(replace(held, choice="left"))
    studies.rate(replace(taken, choice="right"))
    with pytest.raises(AlreadyVoted):
        studies.rate(replace(held, choice="left"))
    with pytest.raises(AlreadyVoted):
        studies.skip(held.id, "ann")
    assert of(studies, study, held).choice == "right"


def test_a_reservation_that_ran_out_still_takes_the_vote_while_nobody_else_has_the_pair(studies: SqlStudyStore) -> None:
    study = answered_study(studies, planned(0))
    held = studies.reserve(study.id, "ann", soon(-1))
    assert held
    studies.rate(replace(held, choice="left"))
    assert of(studies, study, held).choice == "left"


def test_a_vote_without_a_reservation_is_refused(studies: SqlStudyStore) -> None:
    study = answered_study(studies, planned(0))
    (rating,) = studies.ratings(study.id)
    for rater in ("ann", ""):
        with pytest.raises(VoteError):
            studies.rate(replace(rating, rater=rater, choice="left"))
    with pytest.raises(VoteError, match="no such pair"):
        studies.rate(replace(rating, id="gone", rater="ann", choice="left"))
    with pytest.raises(VoteError, match="name"):
        studies.reserve(study.id, "", soon())
    assert studies.ratings(study.id) == [rating]


def test_a_second_opinion_is_asked_of_somebody_else(studies: SqlStudyStore) -> None:
    first = planned(0)
    second = planned(0, second_to=first.id)
    study = answered_study(studies, second, first)
    assert vote(studies, study, "ann").id == first.id  # there is nothing yet to be seconded
    assert studies.reserve(study.id, "ann", soon()) is None
    other = studies.reserve(study.id, "bob", soon())
    assert other and other.id == second.id


def test_who_gave_the_second_opinion_does_not_give_the_first_that_was_taken_back(studies: SqlStudyStore) -> None:
    first = planned(0)
    study = answered_study(studies, first, planned(0, second_to=first.id))
    vote(studies, study, "ann")
    vote(studies, study, "bob")
    studies.undo(study.id, "ann", soon(-1))
    assert studies.reserve(study.id, "bob", soon()) is None
    again = studies.reserve(study.id, "eve", soon())
    assert again and again.id == first.id


def test_a_pair_is_repeated_to_its_rater_after_enough_other_votes(studies: SqlStudyStore) -> None:
    first = planned(0)
    repetition = planned(0, left="both", right="bare", repeats=first.id)
    study = answered_study(studies, first, repetition, *(planned(number) for number in range(2 * REPEAT_AFTER)))
    assert vote(studies, study, "ann").id == first.id
    for _ in range(REPEAT_AFTER):
        assert vote(studies, study, "bob").id != repetition.id
    for _ in range(REPEAT_AFTER):
        assert vote(studies, study, "ann").id != repetition.id
    assert studies.reserve(study.id, "bob", soon()) is None
    assert vote(studies, study, "ann").id == repetition.id


def test_the_last_vote_can_be_taken_back_once(studies: SqlStudyStore) -> None:
    study = answered_study(studies, planned(0), planned(1), planned(2), planned(3))
    vote(studies, study, "ann")
    last = vote(studies, study, "ann")
    vote(studies, study, "bob")
    waiting = studies.reserve(study.id, "ann", soon())
    assert waiting
    back = studies.undo(study.id, "ann", soon())
    assert (back.id, back.rater, back.choice, back.place) == (last.id, "ann", None, None)
    assert of(studies, study, last) == back
    assert of(studies, study, waiting).rater == ""  # in place of what was held
    with pytest.raises(VoteError, match="no vote to take back"):
        studies.undo(study.id, "ann", soon())
    studies.rate(replace(back, choice="right"))
    assert studies.undo(study.id, "ann", soon()).id == last.id  # until the next vote, as before


def test_an_earlier_vote_is_final(studies: SqlStudyStore) -> None:
    study = answered_study(studies, planned(0), planned(1))
    first, second = vote(studies, study, "ann"), vote(studies, study, "ann")
    assert [one.final for one in studies.ratings(study.id, "ann")] == [True, False]
    assert studies.undo(study.id, "ann", soon()).id == second.id
    with pytest.raises(VoteError):
        studies.undo(study.id, "ann", soon())
    assert of(studies, study, first).choice == "left"
    with pytest.raises(VoteError):
        studies.undo(study.id, "bob", soon())


def test_votes_are_counted_in_the_order_they_came_though_the_clock_is_set_back(
    studies: SqlStudyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, other = (answered_study(studies, planned(0), planned(1), planned(2)) for _ in range(2))
    first = vote(studies, study, "ann")
    vote(studies, other, "ann")
    for module in (sys.modules[__name__], sys.modules["store.study_store"]):
        monkeypatch.setattr(module, "now", lambda: datetime(2000, 1, 1, tzinfo=UTC))
    second = vote(studies, study, "ann")
    studies.undo(study.id, "ann", soon())
    third = vote(studies, study, "bob")
    again = vote(studies, study, "ann")
    assert again.id == second.id
    assert [of(studies, study, rating).place for rating in (first, third, second)] == [1, 2, 3]


# ---- votes as exchanges


def cast(studies: SqlStudyStore, study: Study, rater: str, choice: Choice, **fields: object) -> Rating:
    rating = studies.reserve(study.id, rater, soon())
    assert rating is not None
    studies.rate(replace(rating, choice=choice, **fields))  # type: ignore[arg-type]
    return rating


def test_a_vote_is_an_exchange_with_everything_that_was_said(studies: SqlStudyStore) -> None:
    history = (Turn("user", "Hello"), Turn("assistant", "Hi"))
    question = replace(QUESTIONS[0], history=history)
    study = new_study(studies, [planned(0)], questions=(question,))
    answer_everything(studies, study)
    rating = cast(studies, study, "ann", "right", criteria={"tone": (1, 5)}, comment="warm", guessed_left="bare")
    (exchange,) = studies.rated_exchanges(study.id)
    bare, both = (one.answer for one in studies.answers(study.id))
    assert exchange.answers == (bare, replace(both, lane="b"))
    assert (exchange.chat.kind, exchange.chat.title, exchange.chat.locked) == ("blind", PLAN.name, True)
    assert (exchange.question.text, exchange.history) == (question.question, {"a": history, "b": history})
    assert exchange.pair and (exchange.pair.left_answer, exchange.pair.right_answer) == (bare.id, both.id)
    (kept,) = exchange.votes
    assert (kept.rater, kept.choice, kept.criteria, kept.comment) == ("ann", "right", {"tone": (1, 5)}, "warm")
    assert (kept.guessed_left, kept.created_at) == ("bare", of(studies, study, rating).rated_at)


def test_opinions_on_the_same_answers_come_together_seen_from_the_same_sides(studies: SqlStudyStore) -> None:
    first = planned(0)
    second = planned(0, left="both", right="bare", second_to=first.id)
    study = answered_study(studies, first, second, planned(1))
    cast(studies, study, "ann", "left", criteria={"tone": (5, 1)})
    cast(studies, study, "bob", "right", criteria={"tone": (1, 5)}, guessed_left="lora")
    (exchange,) = studies.rated_exchanges()
    assert [(one.rater, one.choice, one.criteria, one.guessed_left) for one in exchange.votes] == [
        ("ann", "left", {"tone": (5, 1)}, None),
        ("bob", "left", {"tone": (5, 1)}, None),
    ]


def test_a_repetition_does_not_count_twice(studies: SqlStudyStore) -> None:
    first = planned(0)
    others = [planned(number, question_id=f"r{number}") for number in range(REPEAT_AFTER)]
    questions = (*QUESTIONS, *(replace(QUESTIONS[0], id=one.question_id) for one in others))
    study = new_study(studies, [first, *others, planned(0, repeats=first.id)], questions=questions)
    answer_everything(studies, study)
    for _ in range(REPEAT_AFTER + 2):
        cast(studies, study, "ann", "left")
    exchanges = studies.rated_exchanges(study.id)
    assert len(exchanges) == REPEAT_AFTER + 1
    assert all(len(exchange.votes) == 1 for exchange in exchanges)


def test_the_votes_of_all_studies_come_newest_study_first(studies: SqlStudyStore) -> None:
    old, new = (answered_study(studies, planned(0), planned(1)) for _ in range(2))
    answered_study(studies, planned(0))
    for study in (old, new):
        cast(studies, study, "ann", "tie")
        cast(studies, study, "ann", "tie")
    assert [exchange.chat.id for exchange in studies.rated_exchanges()] == [new.id, new.id, old.id, old.id]
    assert [exchange.question.id for exchange in studies.rated_exchanges(old.id)] == ["q0", "q1"]
    with pytest.raises(UnknownStudy):
        studies.rated_exchanges("gone")


# ---- at once


def test_threads_that_rate_at_once_never_get_the_same_pair(studies: SqlStudyStore) -> None:
    study = answered_study(studies, *(planned(number) for number in range(80)))

    def work(rater: int) -> list[str]:
        rated = []
        for number in range(10):
            rating = studies.reserve(study.id, f"rater {rater}", soon())
            assert rating is not None
            if number % 5 == 0:
                studies.skip(rating.id, f"rater {rater}")
            else:
                studies.rate(replace(rating, choice="left"))
                rated.append(rating.id)
        return rated

    with ThreadPoolExecutor(8) as threads:
        rated = [rating for done in threads.map(work, range(8)) for rating in done]
    voted = {rating.id: rating.place for rating in studies.ratings(study.id) if rating.choice}
    assert sorted(rated) == sorted(voted)
    assert sorted(voted.values()) == list(range(1, 65))


def test_processes_that_reserve_at_once_never_get_the_same_pair(studies: SqlStudyStore, store_url: str) -> None:
    study = answered_study(studies, *(planned(number) for number in range(60)))
    program = """
import sys
from dataclasses import replace
from datetime import timedelta
from core.types import now
from store import open_store
studies = open_store(sys.argv[1]).studies
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    print(studies.reserve(sys.argv[2], f"{sys.argv[3]}/{number}", now() + timedelta(minutes=10)).id)
"""
    command = [sys.executable, "-c", program, store_url, study.id]
    started = [
        subprocess.Popen([*command, name], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in ("one", "two", "three")
    ]
    for process in started:
        assert process.stdout and process.stdout.readline().strip() == "ready"
    reserved = [line for process in started for line in process.communicate("go\n", timeout=60)[0].split()]
    assert [process.returncode for process in started] == [0, 0, 0]
    assert sorted(reserved) == sorted(rating.id for rating in studies.ratings(study.id))


def test_answers_are_added_while_raters_rate_and_others_remove(studies: SqlStudyStore) -> None:
    study, gone = answered_study(studies, *(planned(n) for n in range(20))), new_study(studies)

    def answer(number: int) -> None:
        with contextlib.suppress(UnknownStudy):
            studies.add_answer(StudyAnswer(gone.id, f"arm {number}", Answer(new_id(), "q1")))

    def rate(number: int) -> None:
        vote(studies, study, f"rater {number}")

    with ThreadPoolExecutor(8) as threads:
        work = [threads.submit(task, number) for number in range(20) for task in (answer, rate)]
        work.append(threads.submit(studies.remove, gone.id))
        for done in work:
            done.result()
    assert (studies.answers(gone.id), len(studies.studies())) == ([], 1)
    assert all(rating.choice for rating in studies.ratings(study.id))


def test_a_rating_is_reserved_at_once_though_thousands_are_planned(studies: SqlStudyStore) -> None:
    questions = tuple(replace(QUESTIONS[0], id=f"q{number}") for number in range(50))
    pairs = [planned(0, question_id=f"q{number % 50}") for number in range(4000)]
    seconds = [replace(pair, id=new_id(), second_to=pair.id) for pair in pairs[:500]]
    repeats = [replace(pair, id=new_id(), repeats=pair.id) for pair in pairs[500:1000]]
    study = new_study(studies, [*pairs, *seconds, *repeats], questions=questions)

    def quickest() -> float:
        times = []
        for _ in range(8):
            started = time.perf_counter()
            studies.reserve(study.id, new_id(), soon())
            times.append(time.perf_counter() - started)
        return min(times)

    limit = 0.25  # seconds; a fifth of it on a machine that does nothing else
    assert quickest() < limit
    for question in questions:
        studies.add_answer(said(study, "bare", question.id))
        studies.add_answer(said(study, "both", question.id))
    assert quickest() < limit
    for _ in range(20):
        vote(studies, study, "ann")
    assert quickest() < limit
