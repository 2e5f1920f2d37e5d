"""What answers state so plainly that a program can compare it: figures, and a yes or no at the beginning."""

from __future__ import annotations

import re
from collections.abc import Sequence

from core.training import Contradiction, Progress, Round
from finetune.data.near_duplicates import Index, shingles, sketches

EXAMPLES = 20
COMPARED = 50  # earlier questions that one is compared with, so that a question asked 10,000 times costs no square

# Placeholders, addresses and the numbers of lists say nothing; "24/7" is no figure but a word.
NOT_FIGURES = re.compile(r"\{\{.*?\}\}|\[[^\]]*\]|<[^>]*>|https?://\S+|\S+@\S+|\b24/7\b|^\s*\d+[.)]\s", re.MULTILINE)
FIGURE = re.compile(
    r"([€$£]\s?)?(\d+(?:[.,:]\d+)*)(\s?(?:[€$£]|eur\b|euros?\b|usd\b|dollars?\b|gbp\b|pounds?\b))?", re.I
)
IDENTIFIER = re.compile(r"\d{5,}")  # of an order, not of money or days
YES = r"yes|yeah|yep|ja|jawel|oui|sí"
NO = r"no|nope|nee|nein|non"
OPENING = re.compile(rf"(?:({YES})|({NO}))(?=\s*[,.!;:–—-]|\s+(?:you|we|it|that|this|there|sorry)\b|\s*$)", re.I)

Figures = frozenset[tuple[str, str]]


def asked(said: Round) -> str:
    """The question with all that was said before it."""
    return "\n".join([*(turn.text for turn in said.history), said.question])


def figures(text: str) -> Figures:
    """The numbers of a text as ('price' or 'number', value): 1,500.00 is 1500; identifiers and list numbers are not."""
    found = set()
    for before, digits, after in FIGURE.findall(NOT_FIGURES.sub(" ", text)):
        price = bool(before or after)
        if price or not IDENTIFIER.fullmatch(digits):
            found.add(("price" if price else "number", _value(digits)))
    return frozenset(found)


def opening(text: str) -> str:
    """'yes' or 'no' when one of the first two sentences begins so (a greeting may come first), otherwise ''."""
    for sentence in re.split(r"(?<=[.!?])\s+", text.strip()[:400])[:2]:
        if found := OPENING.match(sentence):
            return "yes" if found[1] else "no"
    return ""


def conflict(first: Round, second: Round) -> str:
    """Why the answers to two nearly equal questions cannot both be right; empty when nothing shows it.

    Figures conflict when each answer has some that the other lacks; what the questions name does not count.
    """
    openings = opening(first.answer), opening(second.answer)
    if set(openings) == {"yes", "no"}:
        return f"one answer says {openings[0]}, the other {openings[1]}"
    named = {value for _, value in figures(first.question) | figures(second.question)}
    ours, theirs = ({one for one in figures(said.answer) if one[1] not in named} for said in (first, second))
    for kind in ("price", "number"):
        one = {value for of, value in ours if of == kind}
        other = {value for of, value in theirs if of == kind}
        if one - other and other - one:
            return f"one answer names the {kind} {_listed(one - other)}, the other {_listed(other - one)}"
    return ""


def contradictions(rounds: Sequence[Round], progress: Progress | None = None) -> tuple[list[Contradiction], int]:
    """Up to EXAMPLES pairs of near-identical questions, digits included, with conflicting answers; how many in all.

    A round is compared with COMPARED earlier ones at most, and is in one example at most as the second.
    """
    index, count = Index(), 0
    examples: list[Contradiction] = []
    texts = [asked(said) for said in rounds]
    digits = [frozenset(re.findall(r"\d+", text)) for text in texts]
    for at, (text, sketch) in enumerate(zip(texts, sketches(map(shingles, texts)), strict=True)):
        near = [
            number for numbers, _ in index.similar(text, sketch) for number in numbers if digits[number] == digits[at]
        ]
        whys = [(number, why) for number in near[:COMPARED] if (why := conflict(rounds[number], rounds[at]))]
        count += len(whys)
        if whys and len(examples) < EXAMPLES:
            examples.append(Contradiction(rounds[whys[0][0]], rounds[at], whys[0][1]))
        index.add(at, text, sketch)
        if progress and at % 500 == 0:
            progress(at / len(rounds), "comparing answers to equal questions")
    return examples, count


def _value(digits: str) -> str:
    """One spelling for one number: 1,500 and 1.500,00 are 1500; 2,50 is 2.5; 05 is 5."""
    if ":" in digits:
        return digits
    if not digits.startswith("0"):
        digits = re.sub(r"[.,](?=\d{3}(?!\d))", "", digits)
    whole, _, fraction = digits.replace(",", ".").partition(".")
    fraction = fraction.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{fraction}" if fraction else "")


def _listed(values: set[str]) -> str:
    return ", ".join(sorted(values, key=lambda value: (len(value), value))[:4])
