"""The people of the load test, as locust runs them: at the pages, at the API, and raters at a study's pairs.

python -m tests.load.people, started by `python -m tests.load`, since locust replaces Python's sockets by gevent's.
"""

from __future__ import annotations

import argparse
import hashlib
import html
import json
import random
import re
import string
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import gevent
from gevent.event import Event
from locust import FastHttpUser, task
from locust.env import Environment
from locust.exception import StopUser

from tests.load.page import Page, Trouble
from tests.load.seen import MARK, Asked, Asking, Rated, write

ROOT = Path(__file__).resolve().parents[2]
CELLS = ("bare", "prompt", "lora", "lora+prompt")
TEMPLATES = ("brief", "calm", "cited", "formal", "friendly")
ADAPTER = "velomoor"
VOTES = ("left", "right", "tie", "both-bad")
IN_LINE, FULL = "In line", "The line is full"
SAID = re.compile(r'<p class="said">(.*?)</p></article>', re.DOTALL)
LAST_ANSWER_S = 180  # what people who are to leave get to finish what they have begun
CRUSH_S = 12  # at least; the crowd comes within 5

QUESTIONS = [
    json.loads(line)["question"]
    for file in sorted((ROOT / "knowledge/questions").glob("*.jsonl"))
    for line in file.read_text(encoding="utf-8").splitlines()
]
noted: list[Asked | Rated] = []


class Person(FastHttpUser):
    """Somebody who thinks for about `think_s` between two actions."""

    abstract = True
    network_timeout = connection_timeout = 180.0
    concurrency = 20
    think_s: ClassVar[float] = 12.0
    leaving: ClassVar[bool] = False  # whether everybody is to leave after what they do next
    kind = ""

    def wait_time(self) -> float:
        if Person.leaving:
            raise StopUser
        return self.moment()

    def moment(self) -> float:
        return random.uniform(0.5, 1.5) * self.think_s

    def measured(self, what: str, seconds: float) -> None:
        """Adds to locust's figures."""
        self.environment.events.request.fire(
            request_type=self.kind,
            name=what,
            response_time=1000 * seconds,
            response_length=0,
            exception=None,
            context={},
        )

    def open(self, address: str) -> Page:
        """Opens a page in a browser of one's own."""
        self.client.cookiejar.clear()
        began = time.monotonic()
        page = Page(self.client, address, self.note)
        self.measured("page open", time.monotonic() - began)
        return page

    def note(self, error: Exception) -> None:
        """Adds to locust's exceptions."""
        self.environment.events.user_error.fire(user_instance=self, exception=error, tb=error.__traceback__)

    @property
    def owner(self) -> str:
        (cookie,) = (one.value for one in self.client.cookiejar if one.name == "duodesk_owner")
        return digest(cookie)


class Watch:
    """Takes the times of one answer: in line, to the first words, to the end."""

    def __init__(self) -> None:
        self.began = self.ended = time.monotonic()
        self.left_line: float | None = None
        self.first: float | None = None
        self.places: list[str] = []
        self.text = ""

    def see(self, shown: str) -> None:
        """What stands where the answer will be."""
        now = time.monotonic()
        if shown.startswith(IN_LINE):
            if shown not in self.places[-1:]:
                self.places.append(shown)
        elif self.places and self.left_line is None:
            self.left_line = now
        if not shown.endswith("…") and shown != self.text:
            self.first = self.first or now
            self.text, self.ended = shown, now

    def tell(self, person: Person) -> None:
        places = [int(found.group()) if (found := re.search(r"\d+", one)) else 0 for one in self.places]
        if places != sorted(places, reverse=True):
            raise Trouble(f"the place in line went back: {places}")
        if self.left_line:
            person.measured("in line", self.left_line - self.began)
        if self.first:
            person.measured("first words", self.first - self.began)
        person.measured("whole answer", self.ended - self.began)


class Visitor(Person):
    """Somebody who asks on a page."""

    abstract = True
    address = "/"

    def on_start(self) -> None:
        self.page = self.open(self.address)

    def on_stop(self) -> None:
        self.page.close()

    def send(self, text: str, asking: Asking) -> None:
        """Asks, again where the line is full."""
        page = self.page
        box = page.find("textbox", elem_id="question")
        event = page.event(box, "submit")
        _, chat, *pickers = event["inputs"]
        conversation = event["outputs"][0]
        turned_away = True
        while turned_away:
            page.warnings.clear()
            page.values |= {box: text, **dict(zip(pickers, asking, strict=True))}
            watch = Watch()
            for _ in page.fire(box, "submit"):
                watch.see(last_said(page.values[conversation]))
            turned_away = self.is_turned_away(page, box, text)
        if page.warnings:
            raise Trouble(f"{text!r}: {page.warnings}")
        watch.tell(self)
        noted.append(Asked("chat", self.owner, page.values[chat], text, (asking,), {"": watch.text}))

    def is_turned_away(self, page: Page, box: int, text: str) -> bool:
        """Whether the line was full; then what was typed must still be there, and one tries again after a moment."""
        if not any(FULL in warning for warning in page.warnings):
            return False
        if page.values[box] != text:
            raise Trouble(f"what was typed is lost: {page.values[box]!r}, not {text!r}")
        self.measured("turned away", 0)
        gevent.sleep(random.uniform(1, 3))
        return True


class Chatter(Visitor):
    """Asks a few questions of one arm or another and leaves; then somebody else comes."""

    kind = "chat page"

    @task
    def ask(self) -> None:
        self.send(question(), arm())
        if random.random() < 0.25:
            self.page.close()
            self.page = self.open(self.address)


class Comparer(Visitor):
    """Compares two arms blind, votes, and starts anew."""

    kind = "compare page"
    address = "/compare"

    @task
    def ask(self) -> None:
        text, arms = question(), (arm(), arm())
        page = self.page
        box = page.find("textbox", label="Question")
        event = page.event(box, "submit")
        _, chat, _, *pickers = event["inputs"]
        left, right = event["outputs"][:2]
        turned_away = True
        while turned_away:
            page.warnings.clear()
            page.values |= {box: text, **dict(zip(pickers, [*arms[0], *arms[1]], strict=True))}
            watch = Watch()
            for _ in page.fire(box, "submit"):
                sides = [last_said(page.values[side]) for side in (left, right)]
                if sides[0] != sides[1] and any(side.endswith("…") for side in sides):
                    raise Trouble(f"the sides do not look alike while they wait: {sides}")
                watch.see(sides[0])
            turned_away = self.is_turned_away(page, box, text)
        if page.warnings:
            raise Trouble(f"{text!r}: {page.warnings}")
        watch.first = None  # both come at once, with their ends
        watch.tell(self)
        gevent.sleep(self.moment() / 2)
        vote = random.choice(VOTES)
        began = time.monotonic()
        page.click(page.find("button", elem_id=f"vote-{vote}"))
        self.measured("vote", time.monotonic() - began)
        new = page.find("button", value="New comparison")
        result = page.event(new, "click")["outputs"][4]
        if "Your vote is locked" not in page.values[result]:
            raise Trouble(f"the vote on {text!r} is not told: {page.warnings}")
        shown = {"left": sides[0], "right": sides[1]}
        noted.append(Asked("compare", self.owner, page.values[chat], text, arms, shown, vote.replace("-", "_")))
        page.click(new)


class Caller(Person):
    """A program at the API, with the conversation in its own hands."""

    kind = "API"

    def on_start(self) -> None:
        self.hang_up()

    def hang_up(self) -> None:
        self.user = uuid.uuid4().hex
        self.chat = ""
        self.turns: list[dict[str, str]] = []
        self.patience = random.randint(1, 4)

    @task
    def ask(self) -> None:
        text, asking, stream = question(), arm(), random.random() < 0.5
        body = {
            "model": ":".join(part for part in asking if part),
            "messages": [*self.turns, {"role": "user", "content": text}],
            "user": self.user,
            "metadata": {"chat_id": self.chat},
            "stream": stream,
        }
        while (answered := (self.stream if stream else self.whole)(body)) is None:
            pass
        said, about = answered
        self.chat = about["chat_id"]
        self.turns += [{"role": "user", "content": text}, {"role": "assistant", "content": said}]
        noted.append(Asked("api", f"api:{digest(self.user)}", self.chat, text, (asking,), {"": said}))
        self.patience -= 1
        if not self.patience:
            self.hang_up()

    def whole(self, body: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
        """The answer and what is told about it, None where the line was full."""
        watch = Watch()
        with self.client.post("/v1/chat/completions", json=body, name="whole", catch_response=True) as answer:
            if self.is_turned_away(answer):
                return None
            told = answer.json()
        watch.ended = time.monotonic()
        watch.tell(self)
        return told["choices"][0]["message"]["content"], told["duodesk"]

    def stream(self, body: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
        """The same in pieces."""
        watch, said, about, last = Watch(), "", {}, b""
        with self.client.post(
            "/v1/chat/completions", json=body, name="streamed", stream=True, catch_response=True
        ) as answer:
            if self.is_turned_away(answer):
                return None
            for line in lines(answer):
                if line.startswith(b": "):  # a comment, which clients pass over
                    watch.see(f"{IN_LINE}, {line[2:].decode().strip()} …" if b"before" in line else "…")
                elif line.startswith(b"data: {"):
                    chunk = json.loads(line[6:])
                    said += "".join(choice["delta"].get("content") or "" for choice in chunk["choices"])
                    about = chunk.get("duodesk") or about
                    watch.see(said or "…")
                last = line.strip() or last
        if last != b"data: [DONE]":
            raise Trouble(f"a stream ended with {last!r}")
        watch.tell(self)
        return said, about

    def is_turned_away(self, answer: Any) -> bool:
        if answer.status_code == 200:
            return False
        told = answer.json()["error"]
        if (answer.status_code, told["code"]) != (429, "busy") or FULL not in told["message"]:
            raise Trouble(f"the API says {answer.status_code}: {told}")
        answer.success()
        self.measured("turned away", 0)
        gevent.sleep(float(answer.headers["Retry-After"]))
        return True


class Rater(Person):
    """Votes on a study's pairs, one after another; now and then skips one or takes the last vote back."""

    kind = "rate page"
    study: ClassVar[str] = ""

    def on_start(self) -> None:
        self.page = self.open(f"/rate?study={self.study}")
        self.votes: list[Rated] = []
        self.task_id = self.page.find("textbox", label="Pair")
        self.pair = self.page.find("html", elem_id="pair")

    def on_stop(self) -> None:
        self.page.close()
        noted.extend(self.votes)

    @task
    def rate(self) -> None:
        page, before = self.page, self.page.values[self.task_id]
        if "Nothing is left for you" in page.values[self.pair]:
            raise StopUser
        if not before:
            raise Trouble(f"there is nothing to rate: {page.values[self.pair]}")
        page.warnings.clear()
        can_undo = page.components[page.find("button", elem_id="undo-vote")]["props"]["interactive"]
        what = random.choices(["vote", "skip", "undo"], [90, 5, 5 * bool(can_undo)])[0]
        began = time.monotonic()
        if what == "vote":
            choice = random.choice(VOTES)
            left, right = (html.unescape(said) for said in SAID.findall(page.values[self.pair]))
            button = page.find("button", elem_id=f"vote-{choice}")
            self.votes.append(Rated(before, self.owner, choice.replace("-", "_"), left, right))
        else:
            button = page.find("button", elem_id={"skip": "skip-pair", "undo": "undo-vote"}[what])
        page.click(button)
        self.measured(what, time.monotonic() - began)
        if what == "undo":
            back = self.votes.pop()
            if page.values[self.task_id] != back.rating:
                raise Trouble(f"the pair of the vote taken back is {back.rating}, not {page.values[self.task_id]}")
        if page.warnings or page.values[self.task_id] == before:
            raise Trouble(f"'{what}' was not taken: {page.warnings}")


class OneOfACrowd(Visitor):
    """Waits for all others of the crowd, asks when they do, and leaves once there is an answer."""

    kind = "crowd"
    here: ClassVar[int] = 0
    expected: ClassVar[int] = 0
    now: ClassVar[Event] = Event()

    @task
    def ask(self) -> None:
        crowd = OneOfACrowd
        crowd.here += 1
        if crowd.here == crowd.expected:
            crowd.now.set()
        crowd.now.wait(LAST_ANSWER_S)
        self.send(question(), arm())
        raise StopUser


def question() -> str:
    """A customer's question with a mark of its own, in letters alone: digits could be taken for a phone number."""
    return f"{random.choice(QUESTIONS)} ({MARK}{''.join(random.choices(string.ascii_lowercase, k=12))})"


def arm() -> Asking:
    cell = random.choice(CELLS)
    return cell, random.choice(TEMPLATES), ADAPTER if "lora" in cell else None


def last_said(conversation: list[dict[str, Any]]) -> str:
    """The text of the last answer of a chatbot's messages, without the fold of its figures."""
    said = [one for one in conversation if one["role"] == "assistant" and not (one.get("metadata") or {}).get("title")]
    content = said[-1]["content"] if said else ""
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def lines(answer: Any) -> Iterator[bytes]:
    while line := answer.stream.readline(b"\n"):
        yield line


def digest(text: str) -> str:
    """As records name who asked."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def figures(environment: Environment) -> list[dict[str, Any]]:
    """Locust's figures, in seconds."""
    return [
        {"kind": entry.method, "what": entry.name, "count": entry.num_requests, "failures": entry.num_failures}
        | {f"p{share}": entry.get_response_time_percentile(share / 100) / 1000 for share in (50, 90, 99)}
        | {"max": entry.max_response_time / 1000}
        for entry in sorted(environment.stats.entries.values(), key=lambda entry: (entry.method, entry.name))
    ]


def troubles(environment: Environment) -> list[str]:
    """Everything that went wrong, with how often."""
    failed = [f"{error.occurrences} x {error.to_name()}" for error in environment.stats.errors.values()]
    runner = environment.runner
    raised = runner.exceptions.values() if runner else ()
    return failed + [f"{one['count']} x {one['msg']}\n{one['traceback']}" for one in raised]


def stay(environment: Environment, seconds: float) -> None:
    """Lets people come and stay, and leave when they have finished what they are at. locust's own way to end would cut
    some off in the middle."""
    Person.leaving = False
    runner = environment.create_local_runner()
    total = sum(one.fixed_count for one in environment.user_classes)
    runner.start(total, spawn_rate=total / max(5.0, seconds / 10))
    gevent.sleep(seconds)
    Person.leaving = True
    deadline = time.monotonic() + LAST_ANSWER_S
    while runner.user_count and time.monotonic() < deadline:
        gevent.sleep(0.1)
    stuck = runner.user_count
    runner.stop()
    if stuck:
        raise Trouble(f"{stuck} people did not come to an end within {LAST_ANSWER_S} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--study", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--think", type=float, required=True)
    for name in ("chatters", "comparers", "callers", "raters", "crowd"):
        parser.add_argument(f"--{name}", type=int, required=True)
    options = parser.parse_args()
    counts = {
        Chatter: options.chatters,
        Comparer: options.comparers,
        Caller: options.callers,
        Rater: options.raters,
        OneOfACrowd: options.crowd,
    }
    for kind, count in counts.items():
        kind.fixed_count, kind.host = count, options.url
    Person.think_s, Rater.study = options.think, options.study
    Rater.think_s = options.think / 2
    OneOfACrowd.expected = options.crowd
    told = {}
    phases = [("usual", (Chatter, Comparer, Caller, Rater), options.seconds), ("crush", (OneOfACrowd, Rater), CRUSH_S)]
    for name, kinds, seconds in phases[: 2 if options.crowd else 1]:
        environment = Environment(user_classes=[kind for kind in kinds if counts[kind]], host=options.url)
        began = time.time()
        stay(environment, seconds)
        told[name] = {
            "began": began,
            "seconds": time.time() - began,
            "figures": figures(environment),
            "troubles": troubles(environment),
        }
    write(options.out / "seen.jsonl", noted)
    (options.out / "people.json").write_text(json.dumps(told, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
