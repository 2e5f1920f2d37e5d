"""What reaches the browser before a blind vote is the same, byte for byte, whichever arm stands on the left.

Of a comparison, compared are all that gradio sends from the question to the vote, the page itself, and the Transcripts
page with its exports, after identifiers, moments and the two texts (which must differ) have been put out of sight; of
a study's pairs to rate, all that comes with each of them.
"""

from __future__ import annotations

import html
import json
import re
from collections import defaultdict

from playwright.sync_api import Page, expect

from core.comparison import normalise
from core.studies import Study
from core.types import Exchange

from .conftest import Server
from .scripted_rater import BETWEEN_KEYS_MS
from .steps import arrive_to_rate, chat_id, compare, on_record, visit

MOST_COMPARISONS = 24  # sides are drawn at random: so many miss one of them once in eight million times
TELLTALE = re.compile(r"lora|bare|velomoor\W|first token|_tokens|passages|/source/|\.md\b|template", re.IGNORECASE)


def hide(text: str, exchange: Exchange) -> str:
    """The text without what differs between any two comparisons."""
    texts = {answer.lane: normalise(answer.text) for answer in exchange.answers}
    left = exchange.chat.left
    for side, said in (("LEFT", texts[left]), ("RIGHT", texts["b" if left == "a" else "a"])):
        for form in {said, json.dumps(said)[1:-1], json.dumps(said, ensure_ascii=False)[1:-1], " ".join(said.split())}:
            text = text.replace(form, side)
    text = re.sub(r"[0-9a-f]{32}", "ID", text)
    text = re.sub(r"all [\d,]+ chats of this visitor", "all NUMBER chats of this visitor", text)
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d\.\d+)?(\+00:00)?", "MOMENT", text)
    return text


def received(page: Page, exchange: Exchange) -> str:
    """Gradio's messages by event, without those of the top line's clock and without durations."""
    events: dict[str, list[str]] = defaultdict(list)
    for answer in page.evaluate("received.filter(({ url }) => url.includes('/queue/data'))"):
        for line in answer["body"].splitlines():
            message = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
            if message.get("msg", "").startswith("process_") and message["msg"] != "process_starts":
                kept = {name: message[name] for name in ("msg", "output", "success")}
                # How many empty steps there are follows from the waiting time of both sides together.
                if message["msg"] == "process_generating" and not any(kept["output"]["data"]):
                    continue
                for name in ("duration", "average_duration"):
                    kept["output"].pop(name, None)
                events[message["event_id"]].append(hide(json.dumps(kept, ensure_ascii=False), exchange))
            elif message:
                assert message["msg"] in ("estimation", "process_starts", "close_stream", "heartbeat"), message
    return "\n".join(sorted("\n".join(lines) for lines in events.values() if "topline" not in lines[0]))


def shown(page: Page, exchange: Exchange) -> str:
    """The page's elements with all their attributes, without sizes, which follow from the texts' lengths."""
    return hide(settled(page.locator(".main").inner_html()), exchange)


def settled(html: str) -> str:
    """HTML without what comes and goes with the moment of looking: gradio's spinners and "Loading"."""
    html = re.sub(r"<!--.*?-->|style=\"[^\"]*\"", "", html)
    html = re.sub(r"html-[a-z0-9]+", "html", html)
    html = re.sub(r'(data-testid="status-tracker" )class="[^"]*"', r"\1", html)
    html = re.sub(r'(<div class="sr-only[^>]*>)[^<]*', r"\1", html)
    return re.sub(r"\s+", " ", html)


def transcripts(page: Page, chat: str, exchange: Exchange) -> str:
    """The Transcripts page's row, details and both exports of one comparison."""
    visit(page, f"/transcripts?chat={chat}")
    page.locator("#rows tbody button").first.click()
    expect(page.locator("#details .card")).to_have_count(2)
    seen = [settled(page.locator(name).inner_html()) for name in ("#rows", "#details")]
    for name in ("JSONL", "CSV"):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Export {name}").click()
        seen.append(download.value.path().read_text(encoding="utf-8"))
    seen[1] = re.sub(r"Delete all \d+ chats", "Delete all N chats", seen[1])  # each comparison is one more of them
    return hide("\n".join(seen), exchange)


def test_nothing_that_reaches_the_browser_before_the_vote_depends_on_the_sides(page: Page, server: Server):
    traffic: dict[str, set[str]] = defaultdict(set)
    sides: list[str] = []
    answered: list[str] = []
    page.on("response", lambda response: answered.append(response.url) if "/queue/" in response.url else None)
    while (min(sides.count("a"), sides.count("b")) < 2) and len(sides) < MOST_COMPARISONS:
        page.goto("about:blank")  # or a late answer to the page before would be taken for one of this page
        answered.clear()
        visit(page, "/compare")
        compare(page, "How long does delivery take?")
        chat = chat_id(page)
        (exchange,) = on_record(server.store, chat)
        sides.append(exchange.chat.left)
        assert len({normalise(answer.text) for answer in exchange.answers}) == 2, "equal texts would hide a leak"
        assert set(answered) <= {entry["url"] for entry in page.evaluate("received")}, "not all was recorded"
        for kind, text in (("stream", received(page, exchange)), ("page", shown(page, exchange))):
            assert "LEFT" in text and "RIGHT" in text
            traffic[kind].add(text)
        traffic["transcripts"].add(transcripts(page, chat, exchange))
    assert set(sides) == {"a", "b"}, "the sides are not drawn at random"
    for kind, texts in traffic.items():
        assert len(texts) == 1, f"the {kind} differ:\n" + "\n\n".join(sorted(texts))
    (stream,) = traffic["stream"]
    assert not [line for line in stream.splitlines() if "LEFT" in line and TELLTALE.search(line)]
    assert "blind until voted" in next(iter(traffic["transcripts"]))


def test_an_export_before_the_vote_holds_no_arm_no_passage_and_no_figure(page: Page, server: Server):
    visit(page, "/compare")
    compare(page, "What does a repair cost?")
    visit(page, f"/transcripts?chat={chat_id(page)}")
    expect(page.locator("#rows")).to_contain_text("blind until voted")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export JSONL").click()
    lines = [json.loads(line) for line in download.value.path().read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 2
    for line in lines:
        assert (line["arm"], line["prompt"], line["passages"], line["first_token_s"]) == (None, [], [], None)
        assert (line["total_s"], line["prompt_tokens"], line["new_tokens"]) == (0, 0, 0)


def test_an_export_of_a_blind_comparison_of_several_turns_does_not_tell_the_first_arms_words(
    page: Page, server: Server
):
    visit(page, "/compare")
    compare(page, "What does a repair cost?")
    compare(page, "And how long does it take?")
    visit(page, f"/transcripts?chat={chat_id(page)}")
    expect(page.locator("#rows tbody tr")).to_have_count(2)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export JSONL").click()
    lines = [json.loads(line) for line in download.value.path().read_text(encoding="utf-8").splitlines()]
    assert all([turn["role"] for turn in line["messages"]].count("assistant") == 1 for line in lines)


PAIRS = 8  # of four arms: that they are all of two arms in one order happens once in a million times


def pairs_received(page: Page) -> list[str]:
    """Gradio's messages that bring a pair to rate, without durations."""
    found = []
    for answer in page.evaluate("received.filter(({ url }) => url.includes('/queue/data'))"):
        for line in answer["body"].splitlines():
            message = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
            if 'class=\\"pair\\"' in line:
                for name in ("duration", "average_duration"):
                    message["output"].pop(name, None)
                found.append(json.dumps(message["output"], ensure_ascii=False))
    return found


def without_words(text: str, words: list[str]) -> str:
    """The text without a pair's own words, identifier and number."""
    for word in words:
        for form in {html.escape(word), word}:
            text = text.replace(json.dumps(form, ensure_ascii=False)[1:-1], "WORDS").replace(form, "WORDS")
    text = re.sub(r'(<p class=\\?"turn\\?">.*?</p>)+', "TURNS", text)
    return re.sub(r"\d+ of", "NUMBER of", re.sub(r"[0-9a-f]{32}", "ID", text))


def test_what_a_rater_gets_is_the_same_whichever_arms_wrote_it(page: Page, server: Server, study: Study):
    arrive_to_rate(page, study.id)
    streams, pages = set(), set()
    for number in range(PAIRS):
        words = page.locator("#pair .said").all_text_contents()
        assert len(set(words[-2:])) == 2, "equal texts would hide a leak"
        streams.add(without_words(pairs_received(page)[-1], words))
        shown_now = re.sub(r"<!--.*?-->|html-[a-z0-9]+", "", page.locator("#pair").inner_html())
        pages.add(without_words(shown_now, words))
        page.wait_for_timeout(BETWEEN_KEYS_MS)
        page.keyboard.press("1")
        expect(page.locator("#pair")).to_contain_text(f"{number + 1} of ")
    rated = [rating for rating in server.store.studies.ratings(study.id) if rating.choice]
    assert len({(rating.left, rating.right) for rating in rated}) > 1, "all pairs are of the same arms"
    assert len(pages) == 1, pages
    # The very first pair comes with the dropdown of studies, the others with a vote.
    assert len({stream for stream in streams if '"choices"' not in stream}) == 1, streams
    everything = "".join(pairs_received(page))
    for arm in study.arms.values():
        for secret in (arm.template_hash, arm.model_hash, arm.adapter_hash, arm.index_version):
            assert not secret or secret not in everything
    for given in server.store.studies.answers(study.id):
        assert given.answer.id not in everything
    told = [line for stream in streams for line in re.findall(r"lora|bare|quick|total_s|tokens|/source/", stream)]
    assert not told
