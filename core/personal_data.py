"""Personal data in plain text: what has a form that a program can check. Names and postal addresses have none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from typing import Literal

Kind = Literal["email", "iban", "card", "phone", "ip"]

REGIONS = ("NL", "DE", "BE", "GB", "US")  # whose national way of writing phone numbers is understood
EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@(?:[\w-]{1,63}\.)+[^\W\d_]{2,24}")
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}", re.IGNORECASE)
IBAN_SHORTEST = 15
CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?!\w)")
# Visa, Mastercard, American Express, Discover, Diners Club, JCB, Maestro, UnionPay, with the lengths they have.
CARD_NUMBER = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]\d\d|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720))\d{12}|3[47]\d{13}"
    r"|6(?:011|4[4-9]\d|5\d\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}"
    r"|(?:50|5[678]|6[37])\d{14}|62\d{14,17}"
)
PHONE_HINT = re.compile(r"\d(?:[\s()./-]{0,3}\d){6}")
IP = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)")


@dataclass(frozen=True)
class Found:
    """A piece of personal data: text[start:end]."""

    kind: Kind
    start: int
    end: int


def find(text: str) -> list[Found]:
    """E-mail addresses, IBANs, payment cards, phone numbers and public IPv4 addresses, in order, none within another.

    Cards and IBANs must pass their check digits, phone numbers must be valid (libphonenumber) internationally or in
    one of REGIONS. A run of digits that begins with neither +, 0 nor a bracket and is not spaced is taken for an
    order number, not for a phone.
    """
    found: list[Found] = []
    if "@" in text:
        found += [Found("email", *match.span()) for match in EMAIL.finditer(text)]
    if PHONE_HINT.search(text) or IP.search(text):
        for one in (*_ibans(text), *_cards(text), *_ips(text), *_phones(text)):
            if not any(one.start < other.end and other.start < one.end for other in found):
                found.append(one)
    return sorted(found, key=lambda one: one.start)


def redact(text: str, keep: Collection[str] = ()) -> tuple[str, dict[str, int]]:
    """The text with `[email]`, `[phone]` and so on in place of what `find` finds, and how many of each kind.

    What has its `spelling` in `keep` stays: the company's own contact details.
    """
    found = [one for one in find(text) if spelling(text, one) not in keep]
    for one in reversed(found):
        text = f"{text[: one.start]}[{one.kind}]{text[one.end :]}"
    return text, dict(Counter(one.kind for one in found))


def spelling(text: str, found: Found) -> str:
    """What was found without spaces, hyphens, brackets and case, so that two mentions of it are equal."""
    return re.sub(r"[\s()/-]", "", text[found.start : found.end]).lower()


def _ibans(text: str) -> Iterator[Found]:
    from stdnum import iban

    for match in IBAN.finditer(text):
        # Words may follow it; the longest beginning that passes is the number.
        for end in range(match.end(), match.start() + IBAN_SHORTEST - 1, -1):
            whole = text[end - 1].isalnum() and not text[end : end + 1].isalnum()
            # The check digits decide; bank codes come and go, and the national checks know only some.
            if whole and iban.is_valid(text[match.start() : end], check_country=False):
                yield Found("iban", match.start(), end)
                break


def _cards(text: str) -> Iterator[Found]:
    from stdnum import luhn

    for match in CARD.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if CARD_NUMBER.fullmatch(digits) and luhn.is_valid(digits):
            yield Found("card", *match.span())


def _ips(text: str) -> Iterator[Found]:
    for match in IP.finditer(text):
        try:
            public = IPv4Address(match[0]).is_global
        except AddressValueError:
            continue
        if public:
            yield Found("ip", *match.span())


def _phones(text: str) -> Iterator[Found]:
    from phonenumbers import PhoneNumberMatcher

    taken: list[Found] = []
    for region in REGIONS:
        for match in PhoneNumberMatcher(text, region):
            opened = match.raw_string.startswith("(") and ")" not in match.raw_string
            one = Found("phone", match.start + opened, match.end)
            order_number = match.raw_string.isdigit() and not match.raw_string.startswith("0")
            if not order_number and not any(one.start < other.end and other.start < one.end for other in taken):
                taken.append(one)
    return iter(taken)
