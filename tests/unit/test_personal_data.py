"""Personal data: what has a checkable form is found, and what only looks like it is not."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.personal_data import find, redact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mail ann.b+x@example.co.uk, please.", "Mail [email], please."),
        ("Call +31 50 555 0142 or 06-12345678.", "Call [phone] or [phone]."),
        ("Our desk (1-800-356-9377, toll-free)", "Our desk ([phone], toll-free)"),
        ("London 020 7946 0958, Berlin +49 30 901820", "London [phone], Berlin [phone]"),
        ("My card is 4111 1111 1111 1111, valid till 12/30", "My card is [card], valid till 12/30"),
        ("to NL91 ABNA 0417 1643 00 thanks", "to [iban] thanks"),
        ("to be68539007547034.", "to [iban]."),
        ("I come from 8.8.8.8", "I come from [ip]"),
    ],
)
def test_personal_data_is_replaced_by_its_kind(text, expected):
    assert redact(text)[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "cancel order 113542617735902",
        "purchase 732201349959 or 00004587345 or 3707955617",
        "{{Order Number}} and {{Customer Support Phone Number}}",
        "bill #85632 of 2026-05-06 12:00, 10-12-2026 14:30",
        "4111111111111112 fails its check digit",
        "€2,490 or 1.500.000,00",
        "router 192.168.1.1, firmware 1.2.3.4.5",
        "tracking 1Z999AA10123456784, parcel 00340434161094042557",
        "between 9:00 - 17:00, 2012-2013, 2014 2015",
    ],
)
def test_order_numbers_prices_dates_and_placeholders_are_left_alone(text):
    assert redact(text) == (text, {})


def test_counts_are_by_kind_and_places_fit_the_text():
    text = "a@b.org, c@d.org and +31 50 555 0142"
    assert redact(text)[1] == {"email": 2, "phone": 1}
    assert [text[found.start : found.end] for found in find(text)] == ["a@b.org", "c@d.org", "+31 50 555 0142"]


def test_the_companys_own_contacts_can_be_kept():
    text = "Call +31 50 555 0142 or mail ann@example.org"
    assert redact(text, keep={"+31505550142"})[0] == "Call +31 50 555 0142 or mail [email]"


@given(st.text() | st.text("0123456789 .-+@()/nlNL", max_size=60) | st.from_regex(r"[A-Z]{2}\d{2}[\w ]{11,30}"))
def test_any_text_can_be_searched_and_pieces_never_overlap(text):
    found = find(text)
    assert all(0 <= one.start < one.end <= len(text) for one in found)
    assert all(one.end <= other.start for one, other in itertools.pairwise(found))
    redact(text)
