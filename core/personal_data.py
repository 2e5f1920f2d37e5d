"""Personal data in plain text: what has a form that a program can check. Names have none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from typing import TYPE_CHECKING, Literal, get_args

from core.postal_addresses import addresses

if TYPE_CHECKING:
    from phonenumbers import PhoneNumberMatch

Kind = Literal["email", "iban", "card", "phone", "ip", "address"]

KINDS: tuple[Kind, ...] = get_args(Kind)

REGIONS = ("NL", "DE", "BE", "GB", "US")  # whose national way of writing phone numbers is understood
EMAIL = re.compile(r"(?<![\w.+%-])(?<!\w')[\w.+%-](?:[\w.+%'-]{0,62}[\w.+%-])?@(?:[\w-]{1,63}\.)+[^\W\d_]{2,24}")
SPELT_EMAIL = re.compile(  # ann at example dot org, ann(at)example.org
    r"(?<![\w.+%-])[\w.+%-]{1,64}(?: (?:at|apenstaartje|ät) [\w-]{1,63}(?: (?:dot|punt|punkt) [^\W\d_]{2,24}){1,2}"
    r"|\s?[\[(]at[\])]\s?[\w-]{1,63}(?:(?:\.|\s?[\[(]dot[\])]\s?)[^\W\d_]{2,24}){1,2})\b",
    re.IGNORECASE,
)
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}", re.IGNORECASE)
IBAN_SHORTEST = 15
CARD = re.compile(r"(?<![\w.-])(?=(\d(?:[ -]?\d){12,18}))")  # other figures may stand beside it
CARD_SHORTEST = 13
GOES_ON = re.compile(r"\w|-\w")
# Visa, Mastercard, American Express, Discover, Diners Club, JCB, Maestro, UnionPay, with the lengths they have.
CARD_NUMBER = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]\d\d|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720))\d{12}|3[47]\d{13}"
    r"|6(?:011|4[4-9]\d|5\d\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}"
    r"|(?:50|5[678]|6[37])\d{14}|62\d{14,17}"
)
PHONE_HINT = re.compile(r"\d(?:[\s()./-]{0,3}\d){6}")
MOST_TRIES = 10_000  # figures in one text that are no phone numbers; each costs a tenth of a millisecond
PART_OF_A_CODE = re.compile(r"[A-Z\d][-/]$")
VERSION = re.compile(
    r"(?i)(?:version\w*|versie|ver\.|firmware|software\w*|release|build|update|section|app)\W{0,2}(?:\w+\W){0,2}v?$"
)
IP = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)")


@dataclass(frozen=True)
class Found:
    """A piece of personal data: text[start:end]."""

    kind: Kind
    start: int
    end: int


def find(text: str) -> list[Found]:
    """E-mail addresses, IBANs, payment cards, public IPv4 addresses, postal addresses and phone numbers, in order, none
    within another.

    Cards and IBANs must pass their check digits, phone numbers must be valid (libphonenumber) internationally or in
    one of REGIONS. A run of digits that begins with neither +, 0 nor a bracket and is not spaced is taken for an
    order number, not for a phone; four numbers after a word such as 'version' are no IP address.
    """
    found: list[Found] = []
    for one in (*_emails(text), *_ibans(text), *_cards(text), *_ips(text), *_addresses(text)):
        if not any(_overlap(one, other) for other in found):
            found.append(one)
    for one in found:  # a phone number beside figures that are known would be taken for one number with them
        text = text[: one.start] + "\n" * (one.end - one.start) + text[one.end :]
    found += _phones(text)
    return sorted(found, key=lambda one: one.start)


def redact(text: str, keep: Collection[str] = ()) -> tuple[str, dict[str, int]]:
    """The text with `[email]`, `[phone]` and so on in place of what `find` finds, and how many of each kind.

    What has its `spelling` in `keep` stays: the company's own contact details. An address stays also where the other
    mention of it breaks off before the postcode.
    """
    found = [one for one in find(text) if not _kept(spelling(text, one), one.kind, keep)]
    for one in reversed(found):
        text = f"{text[: one.start]}[{one.kind}]{text[one.end :]}"
    return text, dict(Counter(one.kind for one in found))


def spelling(text: str, found: Found) -> str:
    """What was found without case and punctuation, and all but an address without spaces, so that two mentions of it
    are equal."""
    said = text[found.start : found.end].lower()
    return " ".join(re.findall(r"\w+", said)) if found.kind == "address" else re.sub(r"[\s()/-]", "", said)


def contacts(text: str) -> frozenset[str]:
    """The spellings of what is found in a text of the company's own, phone numbers also as dialled from elsewhere."""
    from phonenumbers import PhoneNumberFormat, format_number

    found = find(text)
    spelt = {spelling(text, one) for one in found}
    for match in _phone_matches(text):
        if any(one.kind == "phone" and one.start <= match.start < one.end for one in found):
            abroad = format_number(match.number, PhoneNumberFormat.E164)
            national = re.sub(r"[\s()/-]", "", format_number(match.number, PhoneNumberFormat.NATIONAL))
            spelt |= {abroad, f"00{abroad[1:]}", national}
    return frozenset(spelt)


def _kept(spelt: str, kind: Kind, keep: Collection[str]) -> bool:
    if spelt in keep or kind != "address":
        return spelt in keep
    return any(f"{spelt} ".startswith(f"{own} ") or f"{own} ".startswith(f"{spelt} ") for own in keep)


def _emails(text: str) -> Iterator[Found]:
    if "@" in text:
        yield from (Found("email", *match.span()) for match in EMAIL.finditer(text))
    yield from (Found("email", *match.span()) for match in SPELT_EMAIL.finditer(text))


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
        start = match.start()
        for end in range(match.end(1), start + CARD_SHORTEST - 1, -1):
            if not text[end - 1].isdigit() or GOES_ON.match(text, end):
                continue
            digits = re.sub(r"\D", "", text[start:end])
            if CARD_NUMBER.fullmatch(digits) and luhn.is_valid(digits):
                yield Found("card", start, end)
                break


def _ips(text: str) -> Iterator[Found]:
    for match in IP.finditer(text):
        try:
            public = IPv4Address(match[0]).is_global
        except AddressValueError:
            continue
        if public and not VERSION.search(text, max(0, match.start() - 40), match.start()):
            yield Found("ip", *match.span())


def _addresses(text: str) -> Iterator[Found]:
    return (Found("address", *span) for span in addresses(text))


def _phones(text: str) -> Iterator[Found]:
    taken: list[Found] = []
    for match in _phone_matches(text):
        opened = match.raw_string.startswith("(") and ")" not in match.raw_string
        one = Found("phone", match.start + opened, match.end)
        order_number = match.raw_string.isdigit() and not match.raw_string.startswith("0")
        part = PART_OF_A_CODE.search(text, max(0, one.start - 2), one.start)
        if not order_number and not part and not any(_overlap(one, other) for other in taken):
            taken.append(one)
    yield from taken


def _phone_matches(text: str) -> Iterator[PhoneNumberMatch]:
    """Valid numbers, written as abroad or as in one of REGIONS; some twice."""
    if not PHONE_HINT.search(text):
        return
    from phonenumbers import PhoneNumberMatcher

    for region in REGIONS:
        yield from PhoneNumberMatcher(text, region, max_tries=MOST_TRIES)


def _overlap(one: Found, other: Found) -> bool:
    return one.start < other.end and other.start < one.end
