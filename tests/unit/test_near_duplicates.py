"""Near-duplicates: exact on what is similar enough, deterministic, and fast enough for thousands of texts."""

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from finetune.data.near_duplicates import THRESHOLD, groups, jaccard, matches, shingles

WORDS = ("cancel", "order", "delivery", "refund", "invoice", "battery", "charger", "address", "password", "account")


def sentences(n, seed=1):
    drawn = random.Random(seed)
    return [" ".join(drawn.choices(WORDS, k=8)) for _ in range(n)]


def test_case_punctuation_spaces_and_digits_make_no_difference():
    assert groups(["Can I edit order 732201?", "can i edit  order 37", "Where is my bike"]) == [0, 0, 1]


def test_a_typing_error_makes_a_near_duplicate_and_another_wording_does_not():
    asked = "Do I have to register the bike for the frame warranty to count?"
    typo = "Do I have to register the bike for the frame waranty to count"
    other = "Is a registration needed before the warranty on my frame is valid?"
    assert groups([asked, typo, other]) == [0, 0, 1]


def test_groups_are_connected():
    steps = ["abcdefghijklmnopqrstuvwxyz"[: 26 - cut] for cut in range(0, 20, 2)]
    assert jaccard(shingles(steps[0]), shingles(steps[3])) < THRESHOLD
    assert groups(steps[:4]) == [0, 0, 0, 0]


def test_matches_name_the_most_similar_text_and_how_similar_it_is():
    against = ["where is my parcel today please", "where is my parcel today pleas", "something else"]
    found = matches(["nothing of the kind", "Where is my parcel today, please?"], against)
    assert found == {1: (0, 1.0)}


def test_nearly_all_pairs_are_found_and_none_that_is_not_one():
    texts = sentences(150)
    texts += [text[: 3 + at % 20] + text[4 + at % 20 :] for at, text in enumerate(texts)]
    sets = [shingles(text) for text in texts]
    pairs = {
        (one, other)
        for one, other in itertools.combinations(range(len(texts)), 2)
        if jaccard(sets[one], sets[other]) >= THRESHOLD
    }
    found = groups(texts)
    together = sum(found[one] == found[other] for one, other in pairs)
    assert len(pairs) > 100
    assert together >= 0.97 * len(pairs)
    for at, (other, score) in matches(texts[:20], texts[150:]).items():
        assert jaccard(sets[at], sets[150 + other]) == score >= THRESHOLD


def test_the_same_question_asked_thousands_of_times_costs_no_square():
    assert set(groups(["Where is my order 12345?"] * 20_000)) == {0}


def test_nothing_is_no_trouble():
    assert groups([]) == []
    assert matches([], ["a"]) == matches(["a"], []) == {}


@given(st.lists(st.text(max_size=30), max_size=8))
def test_any_texts_can_be_grouped_the_same_way_twice(texts):
    found = groups(texts)
    assert found == groups(texts)
    assert all(found[texts.index(text)] == group for text, group in zip(texts, found, strict=True))
