"""What reads texts of people and models takes a time that grows with their length and not with its square or worse."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.ingest import Document, _sections, _tidy, cut
from backends.keywords import terms
from backends.template_format import paragraphs
from core.personal_data import find
from core.studies import TestQuestion
from study.grading.facts import check_facts
from study.grading.mentions import mentions
from study.grading.names import names
from study.grading.unsupported import Evidence, unsupported
from study.text_scores import rouge_l
from tests.broken.limits import LONG, within

QUESTION = TestQuestion("1", "", None, "", "Where?", (("30 days",),), (), "30 days")
READERS = {
    "personal data": (find, 4000),  # each figure may be a phone number of five countries
    "facts": (lambda text: check_facts(QUESTION, text), 40_000),
    "mentions": (lambda text: mentions(text, True), 20_000),
    "names": (names, 20_000),
    "unsupported": (lambda text: unsupported(text, Evidence([text])), 6000),
    "ROUGE": (lambda text: rouge_l(text, text), 10_000),
    "terms": (terms, 100_000),
    "spaces": (_tidy, 100_000),
    "headings": (lambda text: list(_sections(text)), 100_000),
    "passages": (lambda text: cut("x.md", Document("X", text), 700), 20_000),
    "paragraphs": (paragraphs, 100_000),
}
# What once took quadratic time, or a pattern could stumble over: repeated, with an end that fits nothing.
SEEDS = [
    "a",
    " ",
    "1",
    "{{",
    "[",
    "<",
    "@",
    "a@",
    "a|",
    "v1.",
    "# ",
    "#",
    "24/7",
    "-1 ",
    "Aa ",
    "1 Church ",
    "not ",
    "`",
]
PIECES = st.text(st.sampled_from("aA1 .,-/@[{<(#*+€'’\n\t|:%_é"), min_size=1, max_size=6)


def check_time(reader, text):
    read, length = READERS[reader]
    with within(3):
        read((text * length)[:length] + "!x")


@pytest.mark.parametrize("reader", READERS)
def test_no_repetition_takes_quadratic_time(reader):
    for seed in SEEDS:
        check_time(reader, seed)


@pytest.mark.parametrize("reader", READERS)
@settings(max_examples=LONG, deadline=None)
@given(piece=PIECES, front=PIECES)
def test_nor_does_any_other(reader, piece, front):
    read, length = READERS[reader]
    with within(3):
        read(front + (piece * length)[:length] + "!x")
