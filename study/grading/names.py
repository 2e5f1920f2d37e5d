"""Proper names in a text: capitalised words where no sentence begins."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from study.grading.mentions import EMPTY, Mention

WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
# What stands before the first word of a sentence, a list item or the next menu of a path; a unit follows a digit.
START = re.compile(r"(?:^|[.!?…:;>|•/\n(]|\s[-–—])[\s\"'“”‘’()#-]*$|\d\s?$")
MODEL = re.compile(r"\b([^\W\d_a-z][^\W\d_]+) \d+\b(?![.,:]\d)")
ADDRESS = re.compile(r"[^\s@]{1,64}@[^\s@]{0,255}\w|(?:https?://|www\.)\S{0,2000}\w")
NO_NAMES = (
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august"
    " september october november december dear hello hi hey welcome thanks thank regards sincerely cheers best kind"
    " warm sorry please yes no ok okay mr mrs ms dr customer service support team help center centre desk agent"
    " department internet online"
)


def names(text: str) -> list[Mention]:
    """Runs of capitalised words, such as 'Keel Warranty', in order; their value is their words in lower case.

    Left out are days, months, greetings, function words (scikit-learn's list) and words in capitals alone, which
    are abbreviations or stressed. A name at the beginning of a sentence is not seen. For languages that capitalise
    no common nouns.
    """
    text = ADDRESS.sub("0", EMPTY.sub(" ", text))
    found: list[Mention] = []
    end = -1  # of the name before, if only a space separates it from the next word
    for match in WORD.finditer(text):
        word = match[0]
        capitalised = word[0].isupper() and not word.isupper() and word.lower() not in _common()
        # 48 characters before it tell whether a sentence begins.
        if not capitalised or START.search(text[max(0, match.start() - 48) : match.start()]):
            continue
        if match.start() == end + 1 and text[end] == " ":
            before = found.pop()
            found.append(Mention("name", f"{before.text} {word}", f"{before.value} {word.lower()}"))
        else:
            found.append(Mention("name", word, word.lower()))
        end = match.end()
    return found


def without_models(text: str, known: Callable[[str], bool]) -> str:
    """The text without designations such as 'Kestrel 625' that are `known`: their digits are no amounts."""

    def kept(match: re.Match) -> str:
        return " " if match[1].lower() not in _common() and known(match[0]) else match[0]

    return MODEL.sub(kept, text)


def words(text: str) -> frozenset[str]:
    """The words of a text, compounds in parts: 'Moorings', 'mooring's' and 'Mooring' are all 'mooring'."""
    return frozenset(re.sub(r"['’]?s$", "", part) for word in WORD.findall(text.lower()) for part in word.split("-"))


@lru_cache(1)
def _common() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    pronouns = {
        f"{who}{end}"
        for who in ("i", "you", "we", "it", "that", "they")
        for end in ("'m", "'ll", "'re", "'s", "'ve", "'d")
    }
    return ENGLISH_STOP_WORDS.union(NO_NAMES.split()) | pronouns | {one.replace("'", "’") for one in pronouns}
