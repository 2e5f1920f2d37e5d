"""The blind protocol: nothing tells before the vote, everything after."""

import itertools
import random
import threading
from types import SimpleNamespace

import pytest

from core.comparison import Comparisons, normalise, veil
from core.errors import AlreadyVoted, StillBlind, VoteError
from core.types import Answer, TranscriptFilter
from tests.conftest import LORA, PROMPT, Broken


@pytest.fixture
def comparisons(desk):
    desk.backend.words = ["I am {arm} [1]", ", [2, 3] really."]
    return Comparisons(desk)


def opened(comparisons, blind=True):
    return comparisons.open("me", PROMPT, LORA, blind=blind).id


def last(results):
    *_, result = results
    return result


def test_a_blind_question_shows_nothing_until_both_answers_are_there(comparisons):
    *waiting, result = comparisons.ask(opened(comparisons), "Which?")
    assert waiting, "without a step in between, Stop would have to wait for the end"
    assert {(sides.left, sides.right, sides.rateable) for sides in waiting} == {("", "", False)}
    assert result.rateable
    assert {result.left, result.right} == {"I am prompt, really.", "I am lora, really."}


@pytest.mark.parametrize(
    ("places", "told"),
    [
        (([5], [4]), 4),  # 3 stand before the two of this comparison
        (([1], [2]), 1),
        (([3], []), 3),  # one is being written
        (([1], [1]), 1),  # in the lines of two models
        (([], []), 0),
    ],
)
@pytest.mark.parametrize("left", ["a", "b"])
def test_a_comparison_tells_one_place_for_both_sides_whichever_stands_where(desk, places, told, left):
    comparisons = Comparisons(desk, SimpleNamespace(choice=lambda _: left, shuffle=lambda order: None))
    there = threading.Barrier(2)

    def answer(question, spec, lane):
        yield Answer("1", question.id, lane)
        there.wait()
        for place in places["ab".index(lane)] or [0]:
            yield Answer("1", question.id, lane, place=place, prompt_tokens=10)
        there.wait()
        yield Answer("1", question.id, lane)

    desk.answer = answer
    for blind in (True, False):
        *waiting, last = comparisons.ask(opened(comparisons, blind), "Which?")
        assert {(sides.left, sides.right) for sides in waiting} == {("", "")}
        assert max(sides.place for sides in waiting) == told
        assert [sides.place for sides in waiting][:3] == [0, 0, 0], "one place alone says nothing about both"
        assert last.place == 0


def test_the_place_of_a_comparison_never_goes_back_though_one_side_hears_later_of_it(desk):
    comparisons = Comparisons(desk)
    turn = {"a": threading.Semaphore(1), "b": threading.Semaphore(0)}

    def answer(question, spec, lane):  # in turn
        for place in {"a": (3, 1, 0, 0), "b": (4, 2, 2, 1)}[lane]:
            turn[lane].acquire()
            yield Answer("1", question.id, lane, place=place, prompt_tokens=10)
            turn["b" if lane == "a" else "a"].release()

    desk.answer = answer
    *waiting, _ = comparisons.ask(opened(comparisons), "Which?")
    assert [sides.place for sides in waiting] == [0, 3, 3, 1, 1, 1, 1, 1]


def test_which_arm_is_answered_first_is_drawn_anew_for_each_blind_question(desk):
    comparisons = Comparisons(desk, random.Random(3))
    firsts = []
    for _ in range(40):
        list(comparisons.ask(opened(comparisons), "Which?"))
        (exchange,) = desk.store.search(TranscriptFilter(), limit=1)
        firsts.append(exchange.answers[0].lane)
    assert 10 < firsts.count("a") < 30


def test_a_stopped_blind_turn_shows_neither_side(comparisons):
    comparisons.desk.backend.words = itertools.repeat("on ")  # still being written when it is stopped
    chat_id = opened(comparisons)
    asking = comparisons.ask(chat_id, "Which?")
    next(asking)
    next(asking)
    next(asking)
    asking.close()
    (sides,) = comparisons.turns(chat_id)
    assert (sides.left, sides.right) == ("", "")
    (exchange,) = comparisons.store.search(TranscriptFilter())
    assert exchange.answers
    assert veil(exchange).answers == ()


def test_open_mode_streams_with_the_first_arm_on_the_left_and_citations_kept(comparisons):
    *growing, last = comparisons.ask(opened(comparisons, blind=False), "Which?")
    assert len(growing) > 2
    assert (last.left, last.right) == ("I am prompt [1], [2, 3] really.", "I am lora [1], [2, 3] really.")


def test_sides_are_drawn_evenly_and_stay_for_the_whole_comparison(desk):
    comparisons = Comparisons(desk, random.Random(7))
    desk.backend.words = ["{arm}"]
    lefts = []
    for _ in range(40):
        chat_id = opened(comparisons)
        first = last(comparisons.ask(chat_id, "One?"))
        second = last(comparisons.ask(chat_id, "Two?"))
        assert first.left == second.left
        lefts.append(first.left)
    assert 10 < lefts.count("lora") < 30


def test_each_lane_goes_on_with_its_own_answers(comparisons, backend):
    chat_id = opened(comparisons)
    list(comparisons.ask(chat_id, "One?"))
    list(comparisons.ask(chat_id, "Two?"))
    histories = sorted([turn.text for turn in asked.history] for asked in backend.asked[2:])
    assert histories == [["One?", "I am lora [1], [2, 3] really."], ["One?", "I am prompt [1], [2, 3] really."]]


def test_nothing_is_revealed_before_the_vote_and_all_after_it(comparisons):
    chat_id = opened(comparisons)
    sides = last(comparisons.ask(chat_id, "Which?"))
    with pytest.raises(StillBlind):
        comparisons.reveal(chat_id)
    comparisons.vote(chat_id, "me", "left", {"tone": (4, 2)}, " fine ", "lora")
    left, right = comparisons.reveal(chat_id)
    assert normalise(left.text) == sides.left
    assert {left.arm.name, right.arm.name} == {"prompt", "lora"}
    (exchange,) = comparisons.store.exchanges(chat_id)
    (vote,) = exchange.votes
    assert (vote.choice, vote.criteria, vote.comment, vote.guessed_left) == ("left", {"tone": (4, 2)}, "fine", "lora")
    assert exchange.pair.left_answer == left.id


def test_a_vote_is_final_and_closes_the_comparison(comparisons):
    chat_id = opened(comparisons)
    list(comparisons.ask(chat_id, "Which?"))
    comparisons.vote(chat_id, "me", "tie")
    with pytest.raises(AlreadyVoted):
        comparisons.vote(chat_id, "me", "left")
    with pytest.raises(VoteError):
        list(comparisons.ask(chat_id, "More?"))


def test_a_vote_that_was_stored_just_before_the_program_ended_closes_the_comparison_when_it_is_given_again(
    comparisons, monkeypatch
):
    chat = opened(comparisons)
    last(comparisons.ask(chat, "Which?"))
    with monkeypatch.context() as killed:
        killed.setattr(comparisons.store, "lock_chat", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            comparisons.vote(chat, "me", "left")
    with pytest.raises(AlreadyVoted):
        comparisons.vote(chat, "me", "right")
    assert comparisons.reveal(chat)
    assert [vote.choice for vote in comparisons.store.exchanges(chat)[0].votes] == ["left"]


def test_there_is_nothing_to_vote_on_before_both_answers_are_complete(comparisons, backend):
    chat_id = opened(comparisons)
    with pytest.raises(VoteError):
        comparisons.vote(chat_id, "me", "left")
    backend.error = Broken("The adapter 'velomoor' is gone.")
    sides = last(comparisons.ask(chat_id, "Which?"))
    assert not sides.rateable
    assert "velomoor" not in sides.problem
    with pytest.raises(VoteError):
        comparisons.vote(chat_id, "me", "left")


@pytest.mark.parametrize("criteria", [{"beauty": (1, 1)}, {"tone": (0, 3)}])
def test_scores_outside_the_form_are_refused(comparisons, criteria):
    chat_id = opened(comparisons)
    list(comparisons.ask(chat_id, "Which?"))
    with pytest.raises(VoteError, match="1 to 5"):
        comparisons.vote(chat_id, "me", "left", criteria)


def test_a_veiled_exchange_holds_no_trace_of_its_arms(comparisons):
    chat_id = opened(comparisons)
    list(comparisons.ask(chat_id, "Which?"))
    (exchange,) = comparisons.store.search(TranscriptFilter())
    veiled = veil(exchange)
    assert all(a.arm is None and not a.passages and not a.prompt and not a.total_s for a in veiled.answers)
    assert [a.lane for a in veiled.answers] == ["a", "b"]
    assert veiled.answers[0].id == exchange.pair.left_answer, "lane a must stand for the left, whichever arm it is"
    assert veiled.chat.specs == ()
    comparisons.vote(chat_id, "me", "left")
    (exchange,) = comparisons.store.search(TranscriptFilter())
    assert veil(exchange) == exchange


@pytest.mark.parametrize("wrong", [{"choice": "middle"}, {"criteria": {"tone": (1,)}}, {"guessed_left": "gpt"}])
def test_what_is_no_vote_is_refused(comparisons, wrong):
    chat_id = opened(comparisons)
    list(comparisons.ask(chat_id, "Which?"))
    with pytest.raises(VoteError, match="found"):
        comparisons.vote(chat_id, "me", **{"choice": "left", **wrong})
    assert not comparisons.store.chat(chat_id).locked


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Thirty days [1].", "Thirty days."),
        ("A [1][2] b [1, 2]", "A b"),
        ("1. One [3]\n2. Two  \n\n\n\nEnd", "1. One\n2. Two\n\nEnd"),
        ("Cut off here [", "Cut off here"),
        ("Cut off here [1, 2", "Cut off here"),
        ("Array[index] stays", "Array[index] stays"),
        ("Two  spaces\tand  more", "Two spaces\tand more"),
        ("- One\n  - indented \t  under it", "- One\n  - indented under it"),
    ],
)
def test_citations_and_uneven_space_are_taken_out(text, plain):
    assert normalise(text) == plain
