"""Ratings as training examples: what counts for DPO, what for KTO, and what says nothing."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from backends.templates import TemplateLibrary
from core.errors import TrainingError
from core.settings import ROOT
from core.training import DataChoices, Plan
from core.types import Answer, Chat, Exchange, Pair, Question, Thumb, Turn, Vote
from finetune.examples import Examples
from finetune.preferences import judgements, preferences
from finetune.rows import preference_row

QUESTION = Question("q", "c", "Where is my bike?")
LEFT = Answer("l", "q", "a", text="On its way.", outcome="complete")
RIGHT = Answer("r", "q", "b", text="No idea.", outcome="complete")
EXCHANGE = Exchange(
    Chat("c", "owner", "blind"),
    QUESTION,
    (LEFT, RIGHT),
    pair=Pair("p", "q", "l", "r"),
    history={"a": (Turn("user", "Hello"), Turn("assistant", "Hi"))},
)


def rated(*choices, thumbs=(), **changes):
    votes = tuple(Vote(f"v{n}", "p", f"rater{n}", choice) for n, choice in enumerate(choices))
    return replace(EXCHANGE, votes=votes, thumbs=tuple(thumbs), **changes)


def pair_of(exchange):
    return [(one.chosen.id, one.rejected.id) for one in preferences([exchange])]


def labels_of(exchange):
    return sorted(((one.chosen or one.rejected).id, one.chosen is not None) for one in judgements([exchange]))


@pytest.mark.parametrize(
    ("choices", "pairs", "labels"),
    [
        (["left"], [("l", "r")], [("l", True), ("r", False)]),
        (["right"], [("r", "l")], [("l", False), ("r", True)]),
        (["tie"], [], []),
        (["both_bad"], [], [("l", False), ("r", False)]),
        (["left", "right"], [], []),
        (["left", "right", "left"], [("l", "r")], [("l", True), ("r", False)]),
        ([], [], []),
    ],
)
def test_votes_count_as_documented(choices, pairs, labels):
    assert pair_of(rated(*choices)) == pairs
    assert labels_of(rated(*choices)) == labels


def test_thumbs_count_for_kto_alone():
    exchange = rated(thumbs=[Thumb("l", "rater", -1), Thumb("r", "rater", 1)])
    assert pair_of(exchange) == []
    assert labels_of(exchange) == [("l", False), ("r", True)]


def test_an_answer_that_is_rated_both_ways_says_nothing():
    assert labels_of(rated("left", thumbs=[Thumb("l", "other", -1)])) == [("r", False)]


@pytest.mark.parametrize(
    "bad", [replace(RIGHT, outcome="stopped"), replace(RIGHT, text=" "), replace(RIGHT, text=LEFT.text)]
)
def test_answers_that_cannot_be_compared_are_no_preference(bad):
    assert pair_of(rated("left", answers=(LEFT, bad))) == []


def test_what_is_judged_in_several_comparisons_counts_once_and_only_if_they_agree():
    other = replace(RIGHT, id="o", text="Go away.")
    against = replace(EXCHANGE, answers=(LEFT, other), pair=Pair("p2", "q", "l", "o"))
    won = Vote("v", "p2", "rater", "left")
    found = judgements([rated("left"), replace(against, votes=(won,))])
    assert sorted(((one.chosen or one.rejected).id, one.chosen is not None) for one in found) == [
        ("l", True),
        ("o", False),
        ("r", False),
    ]
    found = judgements([rated("left"), replace(against, votes=(replace(won, choice="right"),))])
    assert sorted(((one.chosen or one.rejected).id, one.chosen is not None) for one in found) == [
        ("o", True),
        ("r", False),
    ]


def test_the_history_of_the_better_answers_lane_goes_with_it():
    (one,) = preferences([rated("left")])
    assert one.round(7).history == EXCHANGE.history["a"]
    assert one.round(7).row == 7
    (other,) = preferences([rated("right")])
    assert other.round(1).history == ()


def test_rows_are_as_trl_wants_them_and_cleaned():
    (one,) = preferences([rated("left")])
    row = preference_row(one, [Turn("user", "Where?")], str.upper)
    assert row == {
        "prompt": [{"role": "user", "content": "Where?"}],
        "chosen": [{"role": "assistant", "content": "ON ITS WAY."}],
        "rejected": [{"role": "assistant", "content": "NO IDEA."}],
    }
    bad = next(one for one in judgements([rated("both_bad")]))
    assert preference_row(bad, [], str)["label"] is False


ASKED = ("Where is my bike?", "Can I pay in parts?", "Do you open on Sundays?", "How heavy is the city bike?")


def voted_on(at, question):
    """A vote for the left answer to a question, with records of its own."""
    answers = (replace(LEFT, id=f"l{at}"), replace(RIGHT, id=f"r{at}"))
    pair = Pair(f"p{at}", "q", f"l{at}", f"r{at}")
    return rated("left", question=replace(QUESTION, text=question), answers=answers, pair=pair)


@pytest.mark.parametrize("method", ["dpo", "kto"])
@pytest.mark.parametrize(
    ("leaks", "says"), [("refuse", "rounds nearly repeat a test question"), ("remove", "Only 0 of")]
)
def test_votes_on_test_questions_are_not_trained_on_and_it_is_said_which_ones_are(tmp_path, method, leaks, says):
    votes = [voted_on(at, question) for at, question in enumerate(ASKED)]
    store = SimpleNamespace(search=lambda _: [], studies=SimpleNamespace(rated_exchanges=lambda: votes))
    model = SimpleNamespace(count=lambda messages: 10, context_tokens=100)
    templates = TemplateLibrary(ROOT / "prompts", tmp_path)
    examples = Examples(model, templates, None, store, tmp_path, "Velomoor", "friendly", lambda: ASKED)
    with pytest.raises(TrainingError, match=says) as refused:
        examples.make(Plan("liked", method=method, choices=DataChoices(leaks=leaks)))
    assert "of a live split, of another set, or on the Compare page" in str(refused.value)
