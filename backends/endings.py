"""How an answer ends: at a stop text, at its longest, or by itself."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from dataclasses import replace

from core.types import Decoding, Piece


def ended(pieces: Generator[Piece, None, None], decoding: Decoding) -> Generator[Piece, None, None]:
    """The same text up to the first stop text, which is left out; the last piece says why the answer ended there.

    Of several stop texts the one counts that is whole first. What may be the beginning of one is held back until that
    is clear, so that it does not matter how the text is cut into pieces. Closing this closes `pieces`.
    """
    held, last = "", Piece("", 0, 0)
    with contextlib.closing(pieces):
        for last in pieces:
            held += last.text
            cut = _first(held, decoding.stop)
            if cut is not None:
                yield replace(last, text=held[:cut], reason="stop")
                return
            clear = len(held) - _begun(held, decoding.stop)
            yield replace(last, text=held[:clear], reason="")
            held = held[clear:]
    longest = last.new_tokens >= decoding.max_new_tokens
    reason = last.reason if last.reason in ("stop", "length") else "length" if longest else "stop"
    yield replace(last, text=held, reason=reason)


def _first(text: str, stops: Sequence[str]) -> int | None:
    """Where the stop text begins that is whole first in `text`; None when there is none."""
    found = [(at + len(stop), at) for stop in stops if (at := text.find(stop)) >= 0]
    return min(found)[1] if found else None


def _begun(text: str, stops: Sequence[str]) -> int:
    """How many characters at the end of `text` may be the beginning of a stop text."""
    return max((length for stop in stops for length in range(1, len(stop)) if text.endswith(stop[:length])), default=0)
