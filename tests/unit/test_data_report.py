"""What a report says of training data, and that what is trained on is what it says."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import TrainingError
from core.training import DataChoices, Round
from core.types import Turn
from finetune.data.contradictions import conflict, contradictions, figures, opening
from finetune.data.near_duplicates import groups
from finetune.data.report import check_trainable, prepare

THINGS = (
    *("battery", "charger", "saddle", "helmet", "basket", "mirror", "pedal", "motor"),
    *("display", "tyre", "brake", "lamp", "bell", "lock", "frame", "chain"),
)
VERBS = ("replace", "order", "insure", "repair")


def rounds(n=64):
    """Different questions with different answers."""
    pairs = [(verb, thing) for thing in THINGS for verb in VERBS][:n]
    return [
        Round(
            f"How would I {verb} the {thing}?",
            f"Visit the {thing} page to {verb} your {thing} there.",
            topic=verb,
            row=at,
        )
        for at, (verb, thing) in enumerate(pairs, 1)
    ]


def report(data, test_questions=(), left_out=None, context=100, **choices):
    return prepare(
        data, left_out or {}, DataChoices(**choices), test_questions, lambda said: len(said.answer.split()), context
    )


def test_every_round_is_accounted_for():
    data = [*rounds(), Round("Empty?", " "), rounds()[0], Round("Long?", "word " * 200)]
    found, train, validation = report(data, left_out={"not marked for training": 3}, rows=40)
    assert found.left_out == {
        "not marked for training": 3,
        "empty answer": 1,
        "exact duplicate": 1,
        "longer than the model's context": 1,
        "not among the most diverse": 24,
    }
    assert found.rows == found.train + found.validation + sum(found.left_out.values())
    assert (found.train, found.validation) == (len(train), len(validation))
    assert sum(found.left_out_topics.values()) == 27
    assert found.topics == dict.fromkeys(VERBS, 10)
    assert found.evenness == pytest.approx(1)
    assert (found.truncated, found.empty_answers, found.exact_duplicates) == (1, 1, 1)
    assert found.tokens == sum(len(said.answer.split()) for said in train + validation)


def test_the_hash_tells_the_data_and_nothing_else():
    first = report(rounds())[0].data_hash
    assert report([replace(said, row=0) for said in rounds()])[0].data_hash == first
    assert report(rounds(63))[0].data_hash != first


def test_no_validation_round_nearly_repeats_a_training_round():
    typos = [
        replace(said, question=said.question.replace("How would", "how wuld"), answer=f"Other {said.row}")
        for said in rounds()
    ]
    _, train, validation = report(rounds() + typos)
    assert 6 <= len(validation) <= 20
    together = groups([said.question for said in train + validation])
    assert not set(together[: len(train)]) & set(together[len(train) :])
    assert {said.topic for said in validation} == set(VERBS), "each topic is measured"


def test_rounds_of_one_conversation_stay_on_one_side():
    data = []
    for said in rounds():
        before = (Turn("user", said.question), Turn("assistant", said.answer))
        data += [said, Round(f"What if {said.row} fails?", f"Then {said.row}.", before, said.topic, said.row)]
    _, train, validation = report(data)
    assert validation
    assert not {said.row for said in train} & {said.row for said in validation}


def test_near_duplicates_say_the_same_to_the_same():
    answer = "You can send the bike back within fourteen days after delivery, free of charge."
    data = [
        *rounds(),
        Round("How do I send my new city bike back to you?", answer),
        Round("how do I send my new city bike back to you", answer.replace("fourteen", "fourteeen")),
        Round("What is the way to return something I bought?", answer),
    ]
    found, _, _ = report(data)
    assert (found.near_duplicates, found.left_out) == (1, {"near-duplicate": 1})
    kept, _, _ = report(data, duplicates="keep")
    assert (kept.near_duplicates, kept.left_out) == (1, {})


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            "The service of your city bike at our workshop costs €29.",
            "The service of your city bike at our workshop costs €39.",
        ),
        (
            "Yes, a city bike can be serviced at any of our workshops.",
            "No, a city bike can be serviced at any of our workshops.",
        ),
    ],
)
def test_answers_that_differ_in_what_matters_are_no_duplicates_but_contradictions(first, second):
    data = [*rounds(), Round("Can my city bike be serviced?", first), Round("can my city bike be serviced", second)]
    found, _, _ = report(data)
    assert (found.near_duplicates, found.contradictions_in_all) == (0, 1)
    assert found.contradictions[0].first.answer == first
    assert any("contradict" in warning for warning in found.warnings)


def test_leaks_are_refused_removed_or_kept():
    data, test = rounds(), ["how would I repair the battery", "Something else entirely?"]
    found, train, validation = report(data, test)
    assert (found.leaks_in_all, len(train + validation)) == (1, 64)
    assert (found.leaks[0].row, found.leaks[0].test_question, found.leaks[0].similarity) == (data[3], test[0], 1.0)
    with pytest.raises(TrainingError, match="1 of 64 .*row 4, .*leaks=remove"):
        check_trainable(found, DataChoices())
    found, train, validation = report(data, test, leaks="remove")
    assert (found.leaks_in_all, found.left_out) == (1, {"nearly a test question": 1})
    assert data[3] not in train + validation
    check_trainable(found, DataChoices(leaks="remove"))
    found, _, _ = report(data, test, leaks="keep")
    check_trainable(found, DataChoices(leaks="keep"))
    assert found.leaks_in_all == 1


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([], "Only 0 of 0 rounds"),
        (rounds(5), "at least 8 are needed"),
        ([Round("Why?", "")] * 20, "20 empty answer"),
        ([Round("Why?", "So.")] * 20, "All rounds say the same"),
        ([Round("Why?", said.answer) for said in rounds(20)], "None of 20 rounds can be set aside"),
    ],
)
def test_too_little_data_is_refused_in_a_sentence(data, says):
    with pytest.raises(TrainingError, match=says):
        check_trainable(report(data)[0], DataChoices())


def test_personal_data_is_counted_and_replaced_where_chosen_but_not_the_companys_own():
    own = "Call us on +31 50 555 0142."
    data = [replace(said, answer=f"{said.answer} {own}") for said in rounds()]
    data[0] = replace(data[0], question="I am ann@example.org, and my battery?", history=(Turn("user", "06-12345678"),))
    found, train, validation = report(data)
    assert found.personal_data == {"email": 1, "phone": 1}
    assert any("personal data" in warning for warning in found.warnings)
    found, train, validation = report(data, redact=True)
    (said,) = (one for one in train + validation if one.row == 1)
    assert (said.question, said.history[0].text) == ("I am [email], and my battery?", "[phone]")
    assert found.personal_data == {"email": 1, "phone": 1}
    assert all(own in one.answer for one in train + validation)


def test_boilerplate_languages_and_small_topics_are_warned_of():
    data = [replace(said, answer="A colleague will contact you soon about it.") for said in rounds()[:30]] + rounds()[
        30:
    ]
    data += [
        Round(f"Wie lange dauert die Lieferung von {thing}?", f"Die Lieferung von {thing} dauert eine Weile.")
        for thing in THINGS
    ]
    data.append(Round("What about the weather?", "It rains on most days here, sadly.", topic="weather"))
    found, _, _ = report(data, duplicates="keep")
    assert list(found.boilerplate) == ["A colleague will contact you soon about it."]
    assert list(found.languages)[:2] == ["en", "de"]
    said = " ".join(found.warnings)
    assert "weather" in said and "several languages" in said and "word for word to many" in said


def test_topics_are_found_where_none_is_named():
    found, train, _ = report([replace(said, topic="") for said in rounds()])
    assert found.topics_found
    assert sum(found.topics.values()) == 64
    assert all(said.topic in found.topics for said in train)


def test_progress_rises_to_one():
    heard = []
    prepare(rounds(), {}, DataChoices(), (), lambda said: 1, 10, lambda share, doing: heard.append((share, doing)))
    shares = [share for share, _ in heard]
    assert shares == sorted(shares) and shares[-1] == 1
    assert all(doing for _, doing in heard)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. Log in\n2. Pay €1,500.00 within 05 days", {("price", "1500"), ("number", "5")}),
        ("Order 113542617735902, {{Order 5}}, [phone 3], https://x.org/7, 24/7", set()),
        ("2,50 euro or $3 at 10:30", {("price", "2.5"), ("price", "3"), ("number", "10:30")}),
    ],
)
def test_figures_are_what_an_answer_states(text, expected):
    assert figures(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes, of course.", "yes"),
        ("Thanks for asking! No, you cannot.", "no"),
        ("No problem, I can help.", ""),
        ("Nobody knows. Yesterday.", ""),
        ("Nee, dat kan niet.", "no"),
    ],
)
def test_a_yes_or_no_is_one_only_as_an_answer(text, expected):
    assert opening(text) == expected


@pytest.mark.parametrize(
    ("question", "first", "second", "contradict"),
    [
        ("How long?", "It takes 4 days.", "It takes 6 days.", True),
        ("How long?", "It takes 4 days.", "It takes 4 days, or 2 with express.", False),
        ("How much is 5 kg?", "5 kg cost €9.", "For 5 kg that is €9.", False),
        ("Where is order 77?", "Order 77 left on day 3.", "Order 77 left on day 8.", True),
        ("How?", "1. Log in.", "1. Log in.\n2. Click.", False),
    ],
)
def test_answers_contradict_when_each_names_a_figure_that_the_other_lacks(question, first, second, contradict):
    assert bool(conflict(Round(question, first), Round(question, second))) == contradict


def test_questions_with_other_digits_are_other_questions():
    data = [
        Round("How long does the 500 battery charge?", "4 hours"),
        Round("How long does the 750 battery charge?", "6 hours"),
    ]
    assert contradictions(data) == ([], 0)


def test_a_thousand_contradictions_are_counted_and_some_shown():
    examples, count = contradictions([Round("How long does it take?", f"It takes {at} days.") for at in range(200)])
    assert len(examples) == 20
    assert count > 5_000


TEXTS = st.text(max_size=20) | st.sampled_from(["Yes, 5 days", "No. €7", "a@b.org", "🚲", "Why?"])


@given(st.lists(st.builds(Round, TEXTS.filter(str.strip), TEXTS, row=st.integers(0, 3)), max_size=12), st.booleans())
@settings(max_examples=40, deadline=None)
def test_any_rounds_give_a_report(data, redact):
    found, train, validation = report(data, ["Why?"], redact=redact, leaks="remove", rows=6)
    assert found.rows == len(data) == len(train) + len(validation) + sum(found.left_out.values())


def test_fewer_rounds_of_a_random_order_are_among_the_more_and_are_validated_on_the_same():
    sizes = {rows: report(rounds(), rows=rows, random_order=7) for rows in (0, 40, 20, 10)}
    everything, validation = sizes[0][1:]
    for more, fewer in ((0, 40), (40, 20), (20, 10)):
        found, train, validated = sizes[fewer]
        assert len(train) == found.train == fewer
        assert set(train) < set(sizes[more][1]) <= set(everything)
        assert validated == validation
        assert sum(found.left_out.values()) + found.train + found.validation == found.rows
    assert set(report(rounds(), rows=10, random_order=8)[1]) != set(sizes[10][1]), "another seed is another order"
