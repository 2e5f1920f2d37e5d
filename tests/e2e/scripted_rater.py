"""Raters made of a rule, who rate a study's pairs in the browser as people do: they read the page and press keys.

    python -m tests.e2e.scripted_rater http://127.0.0.1:7860 STUDY_ID --raters 3 --votes 60 --seed 1

This checks the machinery of a study and says nothing about customers. A rule sees what a rater sees, the question and
the two texts, and the file of questions with their references.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import statistics
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from core.studies import TestQuestion
from core.types import ARM_NAMES, CHOICES, Choice
from study.questions import read_questions

ROOT = Path(__file__).resolve().parents[2]
KEYS: dict[Choice, str] = {"left": "1", "right": "2", "tie": "0", "both_bad": "x"}
BETWEEN_KEYS_MS = 450  # the page takes no vote on a pair that has just come
LOOK_AGAIN_MS = 2000

Rule = Callable[[str, str, str], Choice]


class FactsRule:
    """The answer with more required facts is better; among equals the one nearer to the reference, by shared words."""

    told = (
        "Rule: the answer that states more of the question's required facts, in an accepted spelling, is better; with "
        "as many, the one that shares at least {near} more of its words with the reference, else it is a tie. Two "
        "answers that state no required fact and share less than {far} with the reference are both bad."
    )
    near, far = 0.1, 0.15

    def __init__(self, questions: Sequence[TestQuestion]) -> None:
        self.known = {_plain(question.question): question for question in questions}

    def __str__(self) -> str:
        return self.told.format(near=self.near, far=self.far)

    def __call__(self, question: str, left: str, right: str) -> Choice:
        asked = self.known[_plain(question)]
        facts = [_facts(asked, text) for text in (left, right)]
        shared = [_shared(asked.reference, text) for text in (left, right)]
        if max(facts) == 0 and max(shared) < self.far:
            return "both_bad"
        if facts[0] != facts[1]:
            return "left" if facts[0] > facts[1] else "right"
        if abs(shared[0] - shared[1]) < self.near:
            return "tie"
        return "left" if shared[0] > shared[1] else "right"


def noisy(rule: Rule, noise: float, draw: random.Random) -> Rule:
    """The rule, but for a share of pairs in which the choice is drawn blindly."""

    def choose(question: str, left: str, right: str) -> Choice:
        return draw.choice(CHOICES) if draw.random() < noise else rule(question, left, right)

    return choose


@dataclass
class Rater:
    """One person at a browser of their own. `waits` are the seconds from a key to the next pair on the screen."""

    page: Page
    rule: Rule
    choices: Counter[Choice] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    shown: float = float("-inf")  # when the pair on the screen came

    def arrive(self, url: str, study_id: str) -> None:
        self.page.goto(f"{url}/rate?study={study_id}")
        self.page.locator("#pair .note").wait_for()
        self.page.wait_for_timeout(500)  # until the page is wired up

    def rate(self, guess: str = "") -> bool:
        """Votes on the pair on the screen, with a guess of the left arm if given. False: there is none."""
        pair = self.page.locator("#pair")
        if not pair.locator(".asked").count():
            if not pair.get_by_text("still being written").count():
                return False
            self.page.wait_for_timeout(LOOK_AGAIN_MS)
            self.page.locator("#look-again").click()
            return True
        question = pair.locator(".turn .said").last.inner_text()
        left, right = pair.locator("article .said").all_inner_texts()
        choice = self.rule(question, left, right)
        if guess:
            self._guess(guess)
        self._press(KEYS[choice])
        self.choices[choice] += 1
        return True

    def _press(self, key: str) -> None:
        """Presses a key and waits until the count of rated pairs has gone on."""
        self.page.wait_for_timeout(max(0.0, BETWEEN_KEYS_MS - 1000 * (time.monotonic() - self.shown)))
        count = self.page.locator("#pair .note").inner_text()
        pressed = time.monotonic()
        self.page.keyboard.press(key)
        self.page.wait_for_function(
            "(count) => { const now = document.querySelector('#pair .note'); return now && now.innerText !== count; }",
            arg=count,
        )
        self.shown = time.monotonic()
        self.waits.append(self.shown - pressed)

    def _guess(self, arm: str) -> None:
        guesses = self.page.locator("#opinions fieldset").last
        if not guesses.is_visible():
            self.page.locator("#opinions button").first.click()
        guesses.get_by_label(arm, exact=True).check()
        self.page.keyboard.press("Escape")


def rate(
    browser: Browser,
    url: str,
    study_id: str,
    raters: int,
    votes: int,
    rule: Rule,
    noise: float = 0.1,
    guesses: float = 0.0,
    seed: int = 1,
) -> list[Rater]:
    """So many raters take turns until `votes` are cast in all, or nothing is left for any of them. A share of
    `guesses` of the votes comes with a guess, which is drawn blindly."""
    draw = random.Random(seed)
    at_work = [Rater(browser.new_context().new_page(), noisy(rule, noise, draw)) for _ in range(raters)]
    try:
        for rater in at_work:
            rater.arrive(url, study_id)
        busy = deque(at_work)
        while busy and sum(rater.choices.total() for rater in at_work) < votes:
            rater = busy.popleft()
            if rater.rate(draw.choice(ARM_NAMES) if draw.random() < guesses else ""):
                busy.append(rater)
    finally:
        for rater in at_work:
            rater.page.context.close()
    return at_work


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _facts(question: TestQuestion, text: str) -> int:
    said = _plain(text)
    return sum(any(_plain(spelling) in said for spelling in spellings) for spellings in question.facts or ())


def _shared(reference: str, text: str) -> float:
    """The Jaccard similarity of the two sets of words."""
    one, other = (set(re.findall(r"\w+", some.lower())) for some in (reference, text))
    return len(one & other) / len(one | other) if one | other else 1.0


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("study")
    parser.add_argument("--questions", type=Path, default=ROOT / "knowledge/questions", help="with the references")
    parser.add_argument("--raters", type=int, default=3)
    parser.add_argument("--votes", type=int, default=60, help="in all")
    parser.add_argument("--noise", type=float, default=0.1, help="share of votes that are drawn blindly")
    parser.add_argument("--guesses", type=float, default=0.2, help="share of votes with a guess, drawn blindly")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(argv)
    rule = FactsRule(read_questions(chosen.questions))
    print(rule)
    print(f"A share of {chosen.noise:g} of the votes is drawn blindly, and so are all guesses; seed {chosen.seed}.")
    started = time.monotonic()
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        work = (chosen.raters, chosen.votes, rule, chosen.noise, chosen.guesses, chosen.seed)
        raters = rate(browser, chosen.url.rstrip("/"), chosen.study, *work)
        browser.close()
    for number, rater in enumerate(raters, 1):
        print(f"rater {number}: " + ", ".join(f"{rater.choices[choice]} {choice}" for choice in CHOICES))
    waits = sorted(wait for rater in raters for wait in rater.waits)
    if waits:
        print(
            f"{len(waits)} votes, {(time.monotonic() - started) / len(waits):.2f} s a pair; from a key to the next "
            f"pair {statistics.median(waits):.3f} s, 95% within {waits[int(0.95 * (len(waits) - 1))]:.3f} s."
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
