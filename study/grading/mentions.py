"""What a text mentions that can be checked: amounts, dates, times, codes and addresses. Names stand in names.py."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from core.personal_data import EMAIL

Kind = Literal["number", "price", "percentage", "duration", "date", "time", "code", "email", "phone", "url", "name"]

# Placeholders, the numbers of lists, steps and cited passages, and figures of speech say nothing.
EMPTY = re.compile(
    r"\{\{.{0,200}?\}\}|\[[^\]]{0,200}\]|<[^<>]{0,200}>|[*`]|\b24/7\b"
    r"|\b(?:steps?|options?|points?|passages?|sources?)\s+\d+(?:\s*(?:-|–|and|to)\s*\d+)?"
    r"|^[ \t>#•-]*\d{1,2}[.)](?=\s)|(?<=[.!?:;])\s+\d{1,2}[.)](?=\s+[^\W\d])",
    re.IGNORECASE | re.MULTILINE,
)

FROM_ONE = "one two three four five six seven eight nine"
FROM_TEN = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
FROM_TWENTY = "twenty thirty forty fifty sixty seventy eighty ninety"
ONES = {word: value for value, word in enumerate(FROM_ONE.split(), 1)}
TENS = {word: 10 * ten for ten, word in enumerate(FROM_TWENTY.split(), 2)}
WORDS = ONES | TENS | {word: value for value, word in enumerate(FROM_TEN.split(), 10)} | {"hundred": 100}
WORD = rf"\b(?:(?:{'|'.join(TENS)})[- ](?:{'|'.join(ONES)})|{'|'.join(WORDS)})\b"
FRACTIONS = {"half an hour": "30 minutes", "half a year": "6 months", "half a day": "12 hours"}

# 1,500.50 or 1.500,50 or 1 500; not the tail of a longer number, a code or a word.
NUMBER = r"(?<![\w.,:])(?:\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?!\d)(?:[.,]\d{1,2})?|\d+(?:[.,]\d+)*)"
CURRENCY = r"(?:[€$£]|\b(?:eur|euros?|usd|dollars?|gbp|pounds?)\b)"
CENTS = r"(?:cents?|ct)\b"
PERCENT = r"(?:%|per[ ]?cent\b|pct\b)"
UNIT = (
    r"(?:(?:working|business|calendar|full|whole|more|extra)[ -])?"
    r"(?:min(?:ute)?s?|h|hrs?|hours?|days?|weeks?|wks?|months?|years?|yrs?)\b"
)
UNITS = {"mi": 1, "h": 60, "d": 24 * 60, "w": 7 * 24 * 60, "mo": 1, "y": 12}  # by how a unit begins
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec"
MONTH = (
    r"(?:(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?|(?-i:May))\b\.?)"
)


@dataclass(frozen=True)
class Mention:
    """A checkable thing in a text, number words as digits; what means the same has the same kind and `value`.

    Values: amounts as plain decimals (prices in whole currency), durations as '2880 min' or '24 month', times of day
    as minutes modulo 12 hours, dates as 'year-month-day' with an empty year where none is given.
    """

    kind: Kind
    text: str
    value: str


def mentions(text: str, every_word: bool = False) -> list[Mention]:
    """All but names, grouped by kind.

    A number word counts where a unit follows ('two days'); with `every_word` always, and 'a day' counts as 1 day:
    right for a text that supports others, too eager for one that is checked.
    """
    text = _in_digits(EMPTY.sub(" ", text), every_word)
    found: list[Mention] = []
    for kind, pattern, value in READERS:
        found += [Mention(kind, match[0].strip(), value(match)) for match in pattern.finditer(text)]
        text = pattern.sub(" ", text)  # the digits of a code or a date are not numbers as well
    return found


def plain_number(digits: str) -> str:
    """One spelling for one number: 1,500 and 1.500,00 are 1500; 2,50 is 2.5; 05 is 5."""
    digits = re.sub(r"[\s.,](?=\d{3}(?!\d))", "", digits) if not digits.startswith("0") else digits
    whole, _, fraction = digits.replace(",", ".").partition(".")
    return _plain(Decimal(f"{whole}.{fraction.replace('.', '') or 0}"))


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f")


def _in_digits(text: str, every_word: bool) -> str:
    """Number words as digits, and both ends of a range with the unit: '3 to 5 days' is '3 days to 5 days'."""
    for words, digits in FRACTIONS.items():
        text = re.sub(words, digits, text, flags=re.IGNORECASE)
    if every_word:
        text = re.sub(rf"\ban?(?=[ ]{UNIT})", "1", text, flags=re.IGNORECASE)
    text = _WORDS_ANYWHERE.sub(_digits, text) if every_word else _WORDS_WITH_UNIT.sub(_digits, text)
    text = _RANGE_BEFORE_UNIT.sub(r"\1\4\2\3\4", text)
    return _RANGE_AFTER_CURRENCY.sub(r"\1\2\3\1\4", text)


def _digits(match: re.Match) -> str:
    return str(sum(WORDS[word] for word in re.split("[- ]", match[0].casefold())))


def _amount(match: re.Match) -> str:
    return plain_number(match["number"])


def _cents(match: re.Match) -> str:
    return _plain(Decimal(plain_number(match["number"])) / 100)


def _duration(match: re.Match) -> str:
    word = re.split("[ -]", match["unit"].lower())[-1]
    unit = next(begins for begins in UNITS if word.startswith(begins))
    base = "month" if unit in ("mo", "y") else "min"
    return f"{_plain(Decimal(plain_number(match['number'])) * UNITS[unit])} {base}"


def _time(match: re.Match) -> str:
    return str((int(match["hour"]) % 12) * 60 + int(match["minute"] or 0))


def _date(match: re.Match) -> str:
    month = MONTHS.split().index(match["month"][:3].casefold()) + 1
    return f"{match['year'] or ''}-{month}-{int(match['day'])}"


def _numeric_date(match: re.Match) -> str:
    year = match["year"] if len(match["year"]) == 4 else f"20{match['year']}"
    return f"{year}-{int(match['month'])}-{int(match['day'])}"


def _phone(match: re.Match) -> str:
    # The last digits are the same with the country's prefix and without it.
    return re.sub(r"\D", "", match[0])[-8:]


def _code(match: re.Match) -> str:
    return match[0].replace("-", "").upper()


def _email(match: re.Match) -> str:
    return match[0].lower()


def _url(match: re.Match) -> str:
    return re.sub(r"^(?:https?://)?(?:www\.)?", "", match[0].lower()).rstrip("/.,;:!?)'\"")


def _pattern(pattern: str) -> re.Pattern:
    return re.compile(pattern, re.IGNORECASE)


_SUFFIX = rf"(?:[ ]?{PERCENT}|[ ]?{CURRENCY}|[ -]?{CENTS}|[ -]?{UNIT})"
_WORDS_ANYWHERE = _pattern(WORD)
_WORDS_WITH_UNIT = _pattern(rf"{WORD}(?={_SUFFIX}|[ ]?(?:-|–|to|or)[ ]?(?:{WORD}|\d+){_SUFFIX})")
_RANGE_BEFORE_UNIT = _pattern(rf"({NUMBER})([ ]?(?:-|–|to|or|and|until)[ ]?)({NUMBER})({_SUFFIX})")
_RANGE_AFTER_CURRENCY = _pattern(rf"({CURRENCY}[ ]?)({NUMBER})([ ]?(?:-|–|to)[ ]?)({NUMBER})(?!{_SUFFIX})")
_AMOUNT = rf"(?P<number>{NUMBER})"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?:,?[ ](?P<year>\d{4})\b)?"

Reader = tuple[Kind, re.Pattern, Callable[[re.Match], str]]
READERS: tuple[Reader, ...] = (
    ("email", EMAIL, _email),
    ("url", _pattern(r"(?:https?://|www\.)[^\s<>\"]+"), _url),
    (
        "url",
        re.compile(r"(?<![\w@.-])(?:[a-z0-9-]+\.)+(?:com|org|net|nl|de|be|eu|io|uk|example)\b(?:/[^\s<>\"]*)?"),
        _url,
    ),
    ("date", _pattern(r"\b(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)\b"), _numeric_date),
    (
        "date",
        _pattern(r"(?<![\d/.-])(?P<day>\d{1,2})([/.-])(?P<month>\d{1,2})\2(?P<year>\d{4}|\d\d)(?![\d/-])"),
        _numeric_date,
    ),
    ("date", _pattern(rf"(?<!\w){_DAY}[ ](?:of[ ])?(?P<month>{MONTH}){_YEAR}"), _date),
    ("date", _pattern(rf"(?<!\w)(?P<month>{MONTH})[ ]{_DAY}(?![\w%:]){_YEAR}"), _date),
    ("phone", _pattern(r"(?<![\w.:])(?:\+\d|\(?0\d)(?:[\s()/.-]{0,2}\d){6,13}(?!\d)"), _phone),
    ("time", _pattern(r"(?<![\d.,:])(?P<hour>\d{1,2}):(?P<minute>\d\d)(?:[ ]?[ap]\.?m\b\.?)?"), _time),
    ("time", _pattern(r"(?<![\d.,:])(?P<hour>\d{1,2})(?:\.(?P<minute>\d\d))?[ ]?[ap]\.?m\b\.?"), _time),
    ("code", re.compile(r"(?<![\w-])(?:[A-Za-z]{1,6}-|[A-Z]{1,6})\d[A-Za-z\d]*(?:-[A-Za-z\d]+)*(?!\w)"), _code),
    ("percentage", _pattern(rf"{_AMOUNT}[ -]?{PERCENT}"), _amount),
    ("price", _pattern(rf"{CURRENCY}[ ]?{_AMOUNT}"), _amount),
    ("price", _pattern(rf"{_AMOUNT}[ ]?{CURRENCY}"), _amount),
    ("price", _pattern(rf"{_AMOUNT}[ -]?{CENTS}"), _cents),
    ("duration", _pattern(rf"{_AMOUNT}[ -]?(?P<unit>{UNIT})"), _duration),
    ("number", _pattern(_AMOUNT), _amount),
)
