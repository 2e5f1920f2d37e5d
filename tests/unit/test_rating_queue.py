"""The rating queue: what raters see, which votes are taken, and what the owner is told."""

import dataclasses
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from core.errors import AlreadyVoted, UnknownStudy, VoteError
from core.studies import RatingProgress, Study, StudyAnswer, StudyArm, StudyPlan, TestQuestion
from core.types import Answer, Arm, ArmSpec, Decoding, Passage, Turn, new_id
from study import rating_queue
from study.rating_plan import draw_ratings
from study.rating_queue import Ratings

SPECS = (
    StudyArm("plain one", ArmSpec("bare", "secret-template")),
    StudyArm("tuned one", ArmSpec("lora+prompt", "secret-template", "secret-adapter")),
)
PLAN = StudyPlan("Which?", "questions.jsonl", SPECS, ("tuned one", "plain one"), ratings=6, twice=0, repeats=0)
QUESTIONS = tuple(
    TestQuestion(f"q{n}", "post", "post.md", "plain", f"Where is parcel {n}?", (), (Turn("user", "Hello"),), "Here.")
    for n in range(6)
)
TEXTS = {"plain one": "It is  here.", "tuned one": "It is on its way [1], [2, 3].\n\n\n\nGoodbye [4]"}


def made(arm):
    spec = arm.spec
    return Arm(spec.name, "secret-model", "m", spec.template, 1, "t", Decoding(), spec.adapter, engine="secret-engine")


def new_study(store, plan=PLAN, questions=QUESTIONS, failed=()):
    study = Study(new_id(), plan, questions, {arm.name: made(arm) for arm in plan.arms})
    store.studies.add(study, draw_ratings(plan, study.id, [question.id for question in questions]))
    for arm in plan.arms:
        for question in questions:
            answer = Answer(
                new_id(),
                question.id,
                arm=study.arms[arm.name],
                text=TEXTS[arm.name],
                passages=(Passage("p", "secret.md", "secret title", "secret passage"),),
                prompt=(Turn("user", "secret prompt"),),
                outcome="failed" if (arm.name, question.id) in failed else "complete",
            )
            store.studies.add_answer(StudyAnswer(study.id, arm.name, answer))
    return study


@pytest.fixture
def study(store):
    return new_study(store)


@pytest.fixture
def queue(store):
    return Ratings(store.studies)


def vote(queue, study, rater="ann", choice="left", **more):
    task = queue.next(study.id, rater)
    queue.vote(task.id, study.id, rater, choice, **more)
    return task


def test_a_rater_sees_two_texts_without_citations_and_nothing_else(queue, study):
    seen = set()
    for number in range(1, 7):
        task = vote(queue, study)
        assert task.number == number
        assert task.question in {question.question for question in QUESTIONS}
        assert task.history == (Turn("user", "Hello"),)
        assert {task.left, task.right} == {"It is here.", "It is on its way,.\n\nGoodbye"}
        shown = repr(dataclasses.asdict(task))
        assert "secret" not in shown and "one" not in shown and "lora" not in shown and "[1]" not in shown
        seen.add(task.left)
    assert len(seen) == 2  # both sides have shown both arms
    assert queue.next(study.id, "ann") is None


def test_the_sides_that_were_shown_are_the_sides_that_are_kept(queue, study, store):
    for _ in range(6):
        task = queue.next(study.id, "ann")
        queue.vote(task.id, study.id, "ann", "left" if "Goodbye" in task.left else "right")
    assert {one.left if one.choice == "left" else one.right for one in store.studies.ratings(study.id)} == {"tuned one"}


def test_a_vote_is_kept_with_all_that_was_said(queue, study, store):
    task = vote(queue, study, "ann", "both_bad", criteria={"tone": (5, 1)}, comment=" cold ", guessed_left="lora")
    (kept,) = (one for one in store.studies.ratings(study.id) if one.id == task.id)
    assert (kept.rater, kept.choice, kept.criteria) == ("ann", "both_bad", {"tone": (5, 1)})
    assert (kept.comment, kept.guessed_left, kept.place) == ("cold", "lora", 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"choice": "middle"},
        {"criteria": {"speed": (1, 2)}},
        {"criteria": {"tone": (0, 5)}},
        {"criteria": {"tone": (5,)}},
        {"guessed_left": "gpt"},
    ],
)
def test_what_is_no_vote_is_refused_and_the_pair_stays(queue, study, wrong):
    task = queue.next(study.id, "ann")
    with pytest.raises(VoteError, match="found"):
        queue.vote(task.id, study.id, "ann", **{"choice": "left", **wrong})
    assert queue.next(study.id, "ann") == task


def test_a_pair_is_voted_on_by_who_holds_it_and_once(queue, study):
    task = queue.next(study.id, "ann")
    with pytest.raises(VoteError):
        queue.vote(task.id, study.id, "bob", "left")
    queue.vote(task.id, study.id, "ann", "left")
    with pytest.raises(AlreadyVoted):
        queue.vote(task.id, study.id, "ann", "right")


def test_a_skipped_pair_is_for_others(queue, study):
    skipped = queue.next(study.id, "ann")
    queue.skip(skipped.id, "ann")
    rest = [vote(queue, study).id for _ in range(5)]
    assert skipped.id not in rest and queue.next(study.id, "ann") is None
    assert queue.next(study.id, "bob").id == skipped.id


def test_a_vote_can_be_taken_back_until_the_next(queue, study):
    first = vote(queue, study)
    assert first.can_undo is False
    second = queue.next(study.id, "ann")
    assert second.can_undo is True
    back = queue.undo(study.id, "ann")
    assert back == first
    queue.vote(back.id, study.id, "ann", "right")
    assert vote(queue, study).can_undo is True
    back = queue.undo(study.id, "ann")
    assert back.can_undo is False
    with pytest.raises(VoteError):
        queue.undo(study.id, "ann")


def test_what_a_rater_left_behind_is_free_after_a_while(queue, study, monkeypatch):
    monkeypatch.setattr(rating_queue, "RESERVED", timedelta(seconds=-1))
    left_behind = queue.next(study.id, "ann")
    assert queue.next(study.id, "bob").id == left_behind.id


def test_an_unknown_study_is_said_so(queue):
    for call in (lambda: queue.next("gone", "ann"), lambda: queue.progress("gone")):
        with pytest.raises(UnknownStudy):
            call()


def test_progress_counts_votes_and_tells_the_owner_alone_how_they_stand(queue, study):
    for rater, number in (("ann", 3), ("bob", 2)):
        for _ in range(number):
            vote(queue, study, rater)
    assert queue.progress(study.id, "ann") == RatingProgress(6, 5, 2, 3, "")
    assert queue.progress(study.id, "eve") == RatingProgress(6, 5, 2, 0, "")
    for_owner = queue.progress(study.id)
    assert (for_owner.planned, for_owner.done, for_owner.raters) == (6, 5, 2)
    assert for_owner.enough.startswith("Not yet: 1 of 6 planned votes on 'tuned one' against 'plain one'")


def test_a_pair_with_a_failed_answer_is_not_waited_for_once_the_study_is_answered(queue, store):
    study = new_study(store, failed={("plain one", "q3")})
    while task := queue.next(study.id, "ann"):
        queue.vote(task.id, study.id, "ann", "tie")
    assert (queue.progress(study.id).planned, queue.progress(study.id).done) == (6, 5)
    assert "missing" in queue.progress(study.id).enough
    store.studies.say(study.id, "answered")
    assert (queue.progress(study.id).planned, queue.progress(study.id).done) == (5, 5)
    assert "missing" not in queue.progress(study.id).enough


def test_progress_is_quick_after_each_of_500_votes(queue, store):
    questions = tuple(replace(QUESTIONS[0], id=f"q{number}") for number in range(500))
    study = Study(new_id(), replace(PLAN, ratings=500), questions, {arm.name: made(arm) for arm in SPECS})
    drawn = draw_ratings(study.plan, study.id, [question.id for question in questions])
    store.studies.add(
        study,
        [
            replace(one, rater=f"rater {number % 3}", choice="left", place=number, final=True)
            for number, one in enumerate(drawn[:-10], 1)
        ]
        + drawn[-10:],
    )
    times = []
    for _ in range(5):
        started = time.process_time()  # what others do on this machine does not count
        assert queue.progress(study.id).enough.startswith("Not yet: 10 of 500")
        times.append(time.process_time() - started)
    assert min(times) < 0.1
