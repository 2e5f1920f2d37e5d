"""How answers end: at stop texts however the text comes in pieces, at their longest, by themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.endings import ended
from core.types import Decoding, Piece

LETTERS = st.text("abc", max_size=12)


def pieces(texts, closed=None, reason=""):
    try:
        for number, text in enumerate(texts, 1):
            yield Piece(text, 10, number, reason)
    finally:
        if closed is not None:
            closed.append(True)


def told(texts, stop=(), longest=100, **more):
    out = list(ended(pieces(texts, **more), Decoding(max_new_tokens=longest, stop=tuple(stop))))
    return "".join(piece.text for piece in out), out[-1].reason


def by_letter(text, stops):
    """What it should be: reads on letter by letter until a stop text is whole."""
    for end in range(1, len(text) + 1):
        if whole := [stop for stop in stops if text[:end].endswith(stop)]:
            return text[: end - max(map(len, whole))], "stop"
    return text, "stop"


@given(st.lists(LETTERS, max_size=6), st.lists(st.text("abc", min_size=1, max_size=4), max_size=4))
def test_it_does_not_matter_how_the_text_is_cut_into_pieces(texts, stops):
    assert told(texts, stops) == by_letter("".join(texts), stops)


@pytest.mark.parametrize(
    ("texts", "stop", "said"),
    [
        (["Hello wor", "ld. Bye"], ["world"], "Hello "),
        (["Hel", "lo"], ["lo", "Hello"], ""),
        (["one\n", "\ntwo"], ["\n\n"], "one"),
        (["no stop here"], ["stop there"], "no stop here"),
        (["ends like sto"], ["stop"], "ends like sto"),
        ([], ["stop"], ""),
    ],
)
def test_the_answer_ends_before_the_stop_text(texts, stop, said):
    assert told(texts, stop)[0] == said


def test_what_may_be_the_beginning_of_a_stop_text_is_not_told_before_that_is_clear():
    out = ended(pieces(["a", "bc", "d"]), Decoding(stop=("bcx",)))
    assert [piece.text for piece in out] == ["a", "", "bcd", ""]


def test_a_stop_text_ends_the_generation():
    closed = []
    out = ended(pieces(["a", "stop", "b", "c"], closed), Decoding(stop=("stop",)))
    assert [piece.text for piece in out] == ["a", ""]
    assert closed


def test_closing_it_ends_the_generation():
    closed = []
    out = ended(pieces(["a", "b"], closed), Decoding())
    next(out)
    out.close()
    assert closed


def test_the_reason_is_the_limit_the_stop_text_or_the_end_itself():
    assert told(["a", "b"], longest=2)[1] == "length"
    assert told(["a", "b"], longest=3)[1] == "stop"
    assert told(["a", "b"], stop=["b"], longest=2)[1] == "stop"
    assert told(["a", "b"], longest=3, reason="length")[1] == "length", "a server elsewhere knows better"


def test_token_counts_pass_through():
    assert [piece.new_tokens for piece in ended(pieces(["a", "b"]), Decoding())] == [1, 2, 2]
