"""Unsupported facts: what has no support is found, and nothing else is blamed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.grading.mentions import mentions, plain_number
from study.grading.names import names
from study.grading.unsupported import Evidence, unsupported

PASSAGE = """Deliveries: How long
1. A parcel takes 3 to 5 working days and costs €5.95; orders over €1,500 travel free. Returns within 30 days.
2. Call +31 50 555 0142 or write to desk@wharf.example, Monday to Friday from 9:00 to 18:00. See wharf.example/help.
E-417 means that the Lantern charger is too warm: wait two hours. 35 percent is enough. From 12 March 2024 the Harbour
Plan costs 18 cents a day for a year. The Kestrel 625 weighs 24 kg. Half an hour of charging is enough."""
KNOWN = Evidence(["Thanks for hailing the Crew! The Lighthouse helps: crew@wharf.example, 020 123 4567. The Ox 750."])


def flags(answer, *texts, known=None):
    return [(one.kind, one.text) for one in unsupported(answer, Evidence([PASSAGE, *texts], known))]


@pytest.mark.parametrize(
    "answer",
    [
        "It takes three to five working days.",
        "It takes 3–5 days, so five days at most.",
        "Shipping is 5,95 euro, free from EUR 1500 (or €1.500,00, or 1 500 EUR).",
        "You have a 30-day window of 30 days.",
        "Wait 120 minutes, then **2 hours** more. Call us 24/7.",
        "It's €0.18 a day for 12 months, or 1 year; 35% is enough.",
        "Call 050 555 0142, or +31 (0)50-5550142.",
        "Write to Desk@Wharf.example. See https://www.wharf.example/help.",
        "We are open from 9 am to 6 pm; 09:00 to 18:00.",
        "From March 12th, from 12 March, from 2024-03-12, from 12/03/2024, from 12.3.24.",
        "E417 or e-417: the charger of the Lantern is too warm.",
        "1. Unplug the Lantern. 2. Wait.\n3) Plug it in.\n- Step 7 is the last [2].",
        "Dear customer, Kind Regards, Your Customer Service Team. It is NOT in the PDF on Monday in May.",
        "Two ways lead there, and one of them is a walk of 30 minutes.",
        "Dear {{Customer Name}}, your order <order 7> is [ORDER 77] here.",
        "The Lantern's Chargers and the Harbour-Plan fit.",
        "",
    ],
)
def test_what_the_evidence_says_in_other_words_is_no_alarm(answer):
    assert flags(answer) == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("It takes 2 to 4 working days.", [("duration", "2 working days"), ("duration", "4 working days")]),
        ("It takes seven days.", [("duration", "7 days")]),
        ("It costs €5.", [("price", "€5")]),
        ("It costs €5.95 or 18 euro.", [("price", "18 euro")]),
        ("Charge to 40% or 40 per cent.", [("percentage", "40%")]),
        ("You have 30 weeks, or 3 years.", [("duration", "30 weeks"), ("duration", "3 years")]),
        ("Only until 17:00 or 5 pm, so be there at 8:30.", [("time", "17:00"), ("time", "8:30")]),
        ("From 13 March 2024 to 12 March 2025.", [("date", "13 March 2024"), ("date", "12 March 2025")]),
        ("E-418 and VM123 mean it.", [("code", "E-418"), ("code", "VM123")]),
        ("Write to help@wharf.example.", [("email", "help@wharf.example")]),
        ("Call +31 50 555 0143 now.", [("phone", "+31 50 555 0143")]),
        ("See wharf.example/faq or https://other.com.", [("url", "https://other.com."), ("url", "wharf.example/faq")]),
        ("It weighs 26 kg.", [("number", "26")]),
        ("Ask for the Copper Kettle, or the Lantern Club.", [("name", "Copper Kettle"), ("name", "Lantern Club")]),
        ("Hi Olga, it is 30 days.", [("name", "Olga")]),
    ],
)
def test_what_stands_nowhere_is_told_with_its_kind(answer, expected):
    assert sorted(flags(answer)) == sorted(expected)


def test_what_the_customer_said_and_what_is_required_are_support():
    answer = "Anna, as you paid €240 on 3 May, error 601 is E-601 and 5 years are over, Anna."
    assert flags(answer) != []
    assert flags(answer, "I am anna, paid 240 euros on May 3", "code 601, bought five years ago") == []


def test_names_and_contacts_may_be_known_at_large_but_figures_may_not():
    answer = "Ask the Crew or the Lighthouse: crew@wharf.example, +31 20 123 4567, for the Ox 750 with 750 Wh."
    assert {kind for kind, _ in flags(answer)} == {"name", "email", "phone", "number"}
    assert flags(answer, known=KNOWN) == [("number", "750")]
    assert flags("It is the Ox 760.", known=KNOWN) == [("number", "760")]


def test_each_is_told_once_amounts_first():
    assert flags("The Kettle costs €7, or 7 euro. Yes, €7,00 for the Kettle.") == [("price", "€7"), ("name", "Kettle")]


def test_the_first_word_of_a_sentence_of_a_list_and_of_a_menu_is_no_name():
    text = 'Tap Harbour > Care > Ferry Visit. "Yes," he said: Then go.\n- Bring Keys\n• Open it – Wait… Now (Maybe) go'
    assert [one.text for one in names(text)] == ["Harbour", "Visit", "Keys"]


@given(st.integers(0, 9_999_999), st.integers(0, 99))
def test_a_number_has_one_value_however_it_is_written(whole, cents):
    expected = f"{whole}.{cents:02}".rstrip("0").rstrip(".")
    english = f"{whole:,}.{cents:02}"
    german = english.translate(str.maketrans(",.", ".,"))
    assert {plain_number(english), plain_number(german), plain_number(f"{whole}.{cents:02}")} == {expected}
    for written in (f"€{english}", f"€ {german}", f"{whole}.{cents:02} EUR"):
        assert [(one.kind, one.value) for one in mentions(f"It costs {written}.")] == [("price", expected)]


@given(st.integers(1, 99), st.sampled_from(["minutes", "hours", "days", "weeks", "months", "years"]))
def test_an_answer_that_repeats_a_duration_is_supported_and_one_that_changes_it_is_not(count, unit):
    evidence = Evidence([f"It takes {count} {unit}."])
    assert unsupported(f"You wait {count} {unit}.", evidence) == ()
    assert len(unsupported(f"You wait {count + 100} {unit}.", evidence)) == 1


@given(st.text(max_size=200))
def test_every_text_supports_itself(text):
    assert unsupported(text, Evidence([text])) == ()


def test_letters_that_only_look_like_ascii_and_endless_codes_do_no_harm():
    assert flags("Wait ſeven dayſ.") == [("duration", "7 dayſ")]
    assert flags("E-1" + "a" * 5000 + "_") == []
