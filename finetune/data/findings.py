"""Single findings of a data report: each looks at the rounds for one thing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from core.personal_data import find, redact, spelling
from core.training import DataChoices, DataReport, Round
from core.types import Turn

LANGUAGE_SHORTEST, LANGUAGE_LONGEST = 20, 400  # characters; below the first a guess is noise, beyond the second sure
BOILERPLATE_SHOWN = 80  # characters
FEW = 5  # rounds of a topic
OWN = 5  # answers that name one contact


def own_contacts(rounds: Sequence[Round]) -> frozenset[str]:
    """The spellings of addresses and numbers that agents give in OWN or more answers and no customer mentions.

    They are the company's: nobody's personal data, and replaced they would be missing from what the model learns.
    """
    given = Counter(contact for said in rounds for contact in _spellings([said.answer]))
    asked = {contact for said in rounds for contact in _spellings([said.question])}
    return frozenset(contact for contact, count in given.items() if count >= OWN and contact not in asked)


def personal_data(rounds: Sequence[Round], own: Collection[str] = ()) -> dict[str, int]:
    """For each kind of personal data but the company's `own` the rounds that hold some, anywhere in them."""
    kinds = ({kind for text in _texts(said) for kind in redact(text, own)[1]} for said in rounds)
    return dict(Counter(kind for of_round in kinds for kind in sorted(of_round)).most_common())


def redacted(said: Round, own: Collection[str] = ()) -> Round:
    """The round with its personal data replaced by `[email]`, `[phone]` and so on."""
    question, answer = redact(said.question, own)[0], redact(said.answer, own)[0]
    history = tuple(Turn(turn.role, redact(turn.text, own)[0]) for turn in said.history)
    return replace(said, question=question, answer=answer, history=history)


def languages(rounds: Sequence[Round]) -> dict[str, int]:
    """Rounds by ISO 639-1 code, the most frequent first; those under LANGUAGE_SHORTEST characters are not judged."""
    import py3langid

    texts = (f"{said.question}\n{said.answer}"[:LANGUAGE_LONGEST] for said in rounds)
    return dict(Counter(py3langid.classify(text)[0] for text in texts if len(text) >= LANGUAGE_SHORTEST).most_common())


def boilerplate(rounds: Sequence[Round]) -> dict[str, int]:
    """Answers given word for word to many different questions, by their beginning: at least 5 and 2 % of them."""
    questions: dict[str, set[str]] = {}
    for said in rounds:
        questions.setdefault(said.answer.strip(), set()).add(" ".join(said.question.lower().split()))
    many = max(5, 0.02 * len({question for asked in questions.values() for question in asked}))
    found: Counter[str] = Counter()
    for answer, asked in questions.items():
        if len(asked) >= many:
            found[answer[:BOILERPLATE_SHOWN]] += len(asked)
    return dict(found.most_common())


def evenness(topics: Mapping[str, int]) -> float:
    """Pielou's (1966): the Shannon entropy of the topics by its greatest possible value; 0 for a single topic."""
    total = sum(topics.values())
    if len(topics) < 2 or not total:
        return 0.0
    entropy = -sum(count / total * math.log(count / total) for count in topics.values())
    return entropy / math.log(len(topics))


def warnings(report: DataReport, choices: DataChoices) -> tuple[str, ...]:
    """What a person should know before training, a sentence each."""
    remaining = report.train + report.validation
    found = []
    few = [topic for topic, count in report.topics.items() if count < FEW]
    if few and not report.topics_found:
        names = ", ".join(few[:5]) + (", …" if len(few) > 5 else "")
        found.append(f"{len(few)} topics have fewer than {FEW} rounds ({names}); little will be learnt about them.")
    others = sum(report.languages.values()) - max(report.languages.values(), default=0)
    if others >= max(5, 0.05 * remaining):
        counts = ", ".join(f"{code} {count:,}" for code, count in list(report.languages.items())[:4])
        found.append(f"The rounds are in several languages ({counts}); the answers may mix them.")
    if sum(report.boilerplate.values()) > 0.2 * remaining:
        found.append(
            f"{sum(report.boilerplate.values()):,} of {remaining:,} answers are given word for word to many "
            "questions; the model may learn to say little else."
        )
    if report.truncated:
        found.append(f"{report.truncated:,} rounds do not fit into the model's context and are left out.")
    if report.contradictions_in_all:
        found.append(
            f"{report.contradictions_in_all:,} pairs of answers to nearly equal questions contradict each other; "
            "the model learns both."
        )
    if report.personal_data and not choices.redact:
        kinds = ", ".join(f"{kind} in {count:,}" for kind, count in report.personal_data.items())
        found.append(f"Rounds hold personal data ({kinds}); a model may repeat it word for word, so have it replaced.")
    if report.leaks_in_all and choices.leaks == "keep":
        found.append(f"{report.leaks_in_all:,} rounds nearly repeat a test question; tests of the adapter say little.")
    return tuple(found)


def _texts(said: Round) -> list[str]:
    return [*(turn.text for turn in said.history), said.question, said.answer]


def _spellings(texts: Iterable[str]) -> set[str]:
    return {spelling(text, found) for text in texts for found in find(text) if found.kind != "card"}
