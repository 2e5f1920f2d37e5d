"""Real paragraphs with people's own questions (the corpus' grounded part) in the shape of the application.

A help centre is written in more ways than the topics know; here the model reads prose by thousands of hands. The
answer is the sentence that holds the annotated span; questions marked as unanswerable are declined.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from pathlib import Path

from models.build import articles, phrasing
from models.build.companies import Company, company
from models.build.real import clean, lines
from models.build.samples import Sample, sentence

SOURCES = ("squad-dev", "adversarial_qa", "quoref", "clapnq-dev")
UNKNOWN = "I couldn't find the answer"
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(])")
NEAR = 40  # paragraphs before and after that may stand beside one: they are about similar things


@dataclass
class Paragraph:
    """A paragraph and what was asked about it: question and answer, an empty answer where there is none."""

    text: str
    asked: list[tuple[str, str]] = field(default_factory=list)


def paragraphs(corpus: Path) -> list[Paragraph]:
    """All paragraphs of the corpus that have questions, in their order."""
    known: dict[str, Paragraph] = {}
    tricky = 0  # questions made to look answerable: too hard for a small model, so only each third is kept
    for item in lines(corpus / "grounded.jsonl.zst"):
        text, answer = clean(item["passages"][0]), clean(item["answer"])
        if item["source"] not in SOURCES or not 30 < len(text.split()) < 200:
            continue
        if answer.startswith(UNKNOWN):
            tricky += 1
            if tricky % 3:
                continue
            answer = ""
        elif answer.lower() not in text.lower():
            continue
        known.setdefault(text, Paragraph(text)).asked.append((clean(item["question"]), answer))
    return list(known.values())


def holding(text: str, answer: str, question: str) -> str:
    """The sentence of `text` in which `answer` stands, of several the one that shares most words with the question.

    ValueError when the answer runs over several sentences.
    """
    whole = re.compile(rf"(?<!\w){re.escape(answer)}(?!\w)", re.IGNORECASE)
    found = [one.strip() for one in SENTENCE_END.split(text) if whole.search(one)]
    asked = set(re.findall(r"\w{4,}", question.lower()))
    if not found:
        raise ValueError("the answer runs over several sentences")
    return max(found, key=lambda one: len(asked & set(re.findall(r"\w{4,}", one.lower()))))


def window(text: str, keep: str, words: int) -> str:
    """Whole sentences of `text` around the sentence `keep`, about so many words."""
    parts = SENTENCE_END.split(text)
    first = last = next((i for i, part in enumerate(parts) if keep and keep in part), 0)
    while len(" ".join(parts[first : last + 1]).split()) < words and (first > 0 or last < len(parts) - 1):
        first, last = max(0, first - 1), min(len(parts) - 1, last + 1)
    return " ".join(parts[first : last + 1])


def reading(known: list[Paragraph], rng: random.Random, rounds: int) -> Sample:
    """Two to four paragraphs and up to `rounds` questions about one of them."""
    index = rng.randrange(len(known))
    chosen = known[index]
    near = [p for p in known[max(0, index - NEAR) : index + NEAR] if p is not chosen]
    asked = rng.sample(chosen.asked, min(rounds, len(chosen.asked)))
    if rounds == 1 and asked[0][1]:
        try:
            text = window(chosen.text, holding(chosen.text, asked[0][1], asked[0][0]), rng.choice([50, 80, 110]))
        except ValueError:
            text = chosen.text
    else:
        text = chosen.text
    shown = [text, *(window(p.text, "", rng.choice([40, 80, 110])) for p in rng.sample(near, rng.choice([1, 2, 2, 3])))]
    rng.shuffle(shown)
    firm = company(rng)
    how = phrasing.style(firm, rng)
    sections = [articles.Section(heading(part, rng), part, (), ()) for part in shown]
    made = Sample()
    made.add("system", phrasing.system_text(firm, how, True, rng))
    for i, (question, answer) in enumerate(asked):
        prompt = articles.prompt_text(sections, question)
        made.add("user", prompt if i == 0 else f"Question: {question}")
        made.reply(*reply(text, question, answer, firm, how, shown.index(text) + 1, rng))
    return made


def reply(
    text: str, question: str, answer: str, firm: Company, how: phrasing.Style, number: int, rng: random.Random
) -> tuple[str, str, list[str]]:
    """The answer in a style, its kind and what it must contain."""
    if not answer or answer.lower() not in text.lower():
        said, required = phrasing.decline(firm, how, True, False, rng)
        return said, "decline", required
    try:
        said = holding(text, answer, question)
    except ValueError:
        said = answer
    if len(said.split()) > (how.words or 45):
        said = answer
    return phrasing.dress(phrasing.cited([sentence(said)], number, how), how, False, rng), "answer", [answer]


def heading(text: str, rng: random.Random) -> str:
    """`Article: Section` for a paragraph that has none: a few of its own longer words."""
    words = re.findall(r"[A-Za-z]{5,}", text)[:40]
    name = " ".join(rng.sample(words, min(2, len(words)))).capitalize() or "Article"
    return f"{name}: {rng.choice(articles.SECTIONS)}"
