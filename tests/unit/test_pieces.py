"""Tokens to text as it grows: whole characters only, nothing lost, an error passed on."""

import threading

import pytest

from backends.engine.model import pieces
from backends.engine.scheduler import Generation
from core.errors import AdapterError, ModelError
from core.types import Decoding


class ByteTokenizer:
    """Every token is one byte of UTF-8."""

    def decode(self, tokens):
        return bytes(tokens).decode("utf-8", "replace")


def generation(new=1000):
    return Generation([1, 2, 3], Decoding(max_new_tokens=new), frozenset({0}))


def written(text):
    one = generation(len(text.encode()))
    one._noticed = -1e9
    for byte in text.encode():
        one.write(byte)
    return one


def test_all_the_text_comes_with_its_counts():
    said = list(pieces(written("Grüße, 30 €"), ByteTokenizer()))
    assert "".join(piece.text for piece in said) == "Grüße, 30 €"
    assert (said[-1].prompt_tokens, said[-1].new_tokens) == (3, len("Grüße, 30 €".encode()))


def test_half_a_character_is_held_back_until_it_is_whole():
    one = generation()
    stream = pieces(one, ByteTokenizer())
    for byte in "a€".encode()[:-1]:
        one.write(byte)
    shown = ""
    while not (piece := next(stream)).text:
        pass
    shown += piece.text
    one._noticed = -1e9
    one.write("€".encode()[-1])
    one.write(0)
    assert shown + "".join(piece.text for piece in stream) == "a€"
    assert "\ufffd" not in shown


def test_a_character_cut_off_by_the_limit_is_shown_as_it_is():
    one = generation(2)
    for byte in "€".encode()[:2]:
        one.write(byte)
    assert "".join(piece.text for piece in pieces(one, ByteTokenizer())) == "\ufffd"


def test_an_empty_piece_comes_while_nothing_is_written():
    one = generation()
    stream = pieces(one, ByteTokenizer())
    assert next(stream).text == ""
    threading.Timer(0.05, one.finish).start()
    assert "".join(piece.text for piece in stream) == ""


def test_an_empty_piece_tells_the_place_in_line():
    one = generation()
    stream = pieces(one, ByteTokenizer())
    one.place = 3
    assert next(stream).place == 3
    one.place = 0
    assert next(stream).place == 0


@pytest.mark.parametrize(
    ("error", "raised", "text"),
    [(AdapterError("torn"), AdapterError, "torn"), (ZeroDivisionError("division"), ModelError, "division")],
)
def test_an_error_is_raised_after_what_was_written(error, raised, text):
    one = generation()
    one.write(65)
    one.finish(error)
    stream = pieces(one, ByteTokenizer())
    assert next(stream).text == "A"
    with pytest.raises(raised, match=text):
        list(stream)
