"""The API as its callers use it: OpenAI's own client and LangChain's, against the real site with the shipped model."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest
import uvicorn
from langchain_core.messages import AIMessage, HumanMessage
from langchain_openai import ChatOpenAI
from openai import AsyncOpenAI, OpenAI

from app.site import build_site
from core.api_keys import make_key
from core.export import to_jsonl
from core.parts import Parts
from core.settings import load_settings
from core.types import ArmSpec, Exchange, Queue, TranscriptFilter
from launch import compose
from tests.integration.tiny_models import ROOT

ASK = "How long do I have to send a bike back?"
ARTICLES = ("homeward-return", "refunds")
# Hot, and with what a prompt holds made unlikely, its end of turn too, the model rambles to its limit for seconds.
ENDLESS = """name: endless
purpose: For the tests of the API.
decoding: {max_new_tokens: 1500, temperature: 2.0, repetition_penalty: 2.0}
messages:
  - user: "{question}"
"""


@dataclasses.dataclass
class Site:
    parts: Parts
    url: str
    key: str

    def exchange(self, answer_id: str) -> Exchange:
        everything = self.parts.store.search(TranscriptFilter())
        return next(found for found in everything if answer_id in [answer.id for answer in found.answers])

    def figure(self, name: str) -> float:
        """One of the figures at /metrics."""
        text = httpx.get(f"{self.url}/metrics", headers={"Authorization": f"Bearer {self.key}"}).text
        return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name} ")), 0.0)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("api")
    prompts = shutil.copytree(ROOT / "prompts", home / "prompts")
    (prompts / "endless.yaml").write_text(ENDLESS)
    settings = dataclasses.replace(load_settings({}, {}), data=str(home / "data"), prompts=str(prompts), knowledge="")
    parts = compose(settings)
    parts.retriever.index([ROOT / f"knowledge/articles/{name}.md" for name in ARTICLES])
    parts.model.load()
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(build_site(parts), log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield Site(parts, f"http://127.0.0.1:{listener.getsockname()[1]}", make_key(parts.store.api_keys, "tests"))
    server.should_exit = True
    thread.join(30)
    parts.store.close()


@pytest.fixture
def client(site: Site) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{site.url}/v1", api_key=site.key, max_retries=0, timeout=60) as opened:
        yield opened


@pytest.fixture
def langchain(site: Site) -> ChatOpenAI:
    return ChatOpenAI(base_url=f"{site.url}/v1", api_key=site.key, model="lora+prompt", max_retries=0)


def ask(client: OpenAI, model: str = "lora+prompt", text: str = ASK, **wanted):
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **wanted)


def eventually(look, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not look() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert look(), "it did not happen in time"


# ---- OpenAI's client


def test_the_arms_are_listed_as_models(client: OpenAI) -> None:
    listed = [model.id for model in client.models.list()]
    assert listed[:4] == ["bare", "prompt", "lora", "lora+prompt"]
    for name in listed:
        assert client.models.retrieve(name).id == name


@pytest.mark.parametrize("arm", ["bare", "prompt", "lora", "lora+prompt"])
def test_every_arm_answers_and_says_what_it_was_made_of(client: OpenAI, site: Site, arm: str) -> None:
    reply = ask(client, arm)
    (choice,) = reply.choices
    assert len(choice.message.content.split()) > 3
    assert choice.finish_reason == "stop"
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 0
    made = reply.duodesk["arm"]
    assert (made["name"], made["model"], bool(made["adapter"])) == (arm, "embedded", "lora" in arm)
    assert bool(reply.duodesk["passages"]) == ("prompt" in arm)
    exchange = site.exchange(reply.duodesk["answer_id"])
    assert exchange.chat.owner == "api:tests"
    assert exchange.answers[0].text == choice.message.content
    assert dataclasses.asdict(exchange.answers[0].arm) | {"decoding": {}} == made | {"decoding": {}}


def test_a_stream_tells_the_same_as_the_whole_answer(client: OpenAI) -> None:
    whole = ask(client)
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    *_, last, usage = chunks
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
    assert text == whole.choices[0].message.content
    assert last.choices[0].finish_reason == "stop"
    assert last.duodesk["arm"] == whole.duodesk["arm"]
    assert last.duodesk["passages"] == whole.duodesk["passages"]
    assert (usage.choices, usage.usage) == ([], whole.usage)
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_comes_piece_by_piece(client: OpenAI) -> None:
    """Of a long answer: what is written while the reader has no processor comes as one piece."""
    with ask(client, "bare:endless", "Ramble on.", stream=True, max_completion_tokens=400) as stream:
        texts = [choice.delta.content for chunk in stream for choice in chunk.choices if choice.delta.content]
    assert len(texts) > 1


def test_the_async_client_streams_too(site: Site) -> None:
    async def both() -> tuple[str, str]:
        async with AsyncOpenAI(base_url=f"{site.url}/v1", api_key=site.key, max_retries=0) as client:
            asked = {"model": "prompt", "messages": [{"role": "user", "content": ASK}]}
            whole = await client.chat.completions.create(**asked)
            stream = await client.chat.completions.create(**asked, stream=True)
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
            return whole.choices[0].message.content, "".join(pieces)

    whole, pieces = asyncio.run(both())
    assert whole == pieces != ""


@pytest.mark.parametrize("stream", [False, True])
def test_a_stop_text_ends_the_answer_before_it(client: OpenAI, site: Site, stream: bool) -> None:
    words = ask(client).choices[0].message.content.split(" ")
    stop = f"{words[4]} {words[5]}"  # several tokens, so that it comes in pieces
    asked = ask(client, stop=[stop, "never said"], stream=stream)
    if stream:
        chunks = list(asked)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        ending, answer_id = chunks[-1].choices[0].finish_reason, chunks[-1].duodesk["answer_id"]
    else:
        text, ending = asked.choices[0].message.content, asked.choices[0].finish_reason
        answer_id = asked.duodesk["answer_id"]
    assert text == " ".join(words[:4]) + " "
    assert ending == "stop"
    kept = site.exchange(answer_id).answers[0]
    assert (kept.text, kept.outcome, kept.arm.decoding.stop) == (text, "complete", (stop, "never said"))


def test_an_answer_at_its_limit_says_so(client: OpenAI, site: Site) -> None:
    reply = ask(client, max_completion_tokens=5)
    assert (reply.choices[0].finish_reason, reply.usage.completion_tokens) == ("length", 5)
    assert site.exchange(reply.duodesk["answer_id"]).answers[0].reason == "length"


def test_temperature_and_top_p_are_the_callers(client: OpenAI) -> None:
    drawn = {ask(client, "bare", temperature=1.5, max_tokens=12).choices[0].message.content for _ in range(4)}
    assert len(drawn) > 1
    cold = {ask(client, "bare", temperature=1.5, top_p=0, max_tokens=12).choices[0].message.content for _ in range(4)}
    assert len(cold) == 1


def test_a_conversation_goes_on_in_one_chat_or_brings_its_turns_along(client: OpenAI, site: Site) -> None:
    first = ask(client)
    turns = [{"role": "user", "content": ASK}, first.choices[0].message.model_dump()]
    turns.append({"role": "user", "content": "And accessories?"})
    chat = first.duodesk["chat_id"]
    same = client.chat.completions.create(model="prompt", messages=turns, metadata={"chat_id": chat})
    other = client.chat.completions.create(model="prompt", messages=turns)
    assert same.duodesk["chat_id"] == chat != other.duodesk["chat_id"]
    assert same.choices[0].message.content == other.choices[0].message.content, "both are asked in the same context"
    for reply in (same, other):
        (line,) = to_jsonl([site.exchange(reply.duodesk["answer_id"])])
        told = [(turn["role"], turn["content"]) for turn in json.loads(line)["messages"]]
        assert told[:3] == [(turn["role"], turn["content"]) for turn in turns]
        assert told[3] == ("assistant", reply.choices[0].message.content)


@pytest.mark.parametrize(
    ("wanted", "error", "says"),
    [
        ({"model": "gpt-4o"}, openai.NotFoundError, "no model 'gpt-4o'"),
        ({"text": "  "}, openai.BadRequestError, "message is empty"),
        ({"text": "word " * 2000}, openai.BadRequestError, "at most 8,000"),
        ({"model": "bare", "text": "a b c d e f " * 600}, openai.BadRequestError, "tokens, but the model 'embedded'"),
        ({"n": 2}, openai.BadRequestError, "`n` can only be 1"),
        ({"temperature": 3}, openai.BadRequestError, "`temperature` must be less than"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, openai.BadRequestError, "`tools` is not"),
        ({"extra_body": {"top_k": 3}}, openai.BadRequestError, "`top_k` is not supported"),
        ({"text": "x" * 3_000_000}, openai.APIStatusError, "larger than 2,097,152 bytes"),
        ({"extra_headers": {"Authorization": "Bearer duo-no"}}, openai.AuthenticationError, "not in force"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_mistakes_are_the_clients_own_exceptions(client: OpenAI, wanted, error, says: str, stream: bool) -> None:
    with pytest.raises(error, match=says) as caught:
        ask(client, stream=stream, **wanted)
    assert caught.value.response.json()["error"]["message"]


def test_when_there_is_no_room_the_client_may_try_again(client: OpenAI, site: Site) -> None:
    desk = site.parts.desk
    room, desk.most_under_way = desk.most_under_way, 0
    try:
        with pytest.raises(openai.RateLimitError, match="try again in a moment"):
            ask(client)
        freed = threading.Timer(0.7, lambda: setattr(desk, "most_under_way", room))
        freed.start()
        assert ask(client.with_options(max_retries=3)).choices
    finally:
        desk.most_under_way = room


# ---- LangChain's client


def test_langchain_invokes_and_streams(langchain: ChatOpenAI) -> None:
    whole = langchain.invoke(ASK)
    assert whole.usage_metadata["output_tokens"] > 3
    assert whole.response_metadata["finish_reason"] == "stop"
    pieces = list(langchain.stream(ASK))
    assert len([piece for piece in pieces if piece.text]) > 1
    assert "".join(piece.text for piece in pieces) == whole.text


def test_langchain_binds_stop_and_passes_a_history(langchain: ChatOpenAI, site: Site) -> None:
    first = langchain.invoke(ASK)
    stop = first.text.split(" ")[3]
    assert langchain.bind(stop=[stop]).invoke(ASK).text == first.text.split(stop)[0]
    langchain.invoke([HumanMessage(ASK), AIMessage(first.text), HumanMessage("And accessories, as the last of all?")])
    newest = site.parts.store.search(TranscriptFilter(), limit=1)[0]
    assert [turn.text for turn in newest.history["a"]] == [ASK, first.text]


def test_langchain_answers_in_batches(langchain: ChatOpenAI) -> None:
    asked = [ASK, "When do I get my money back?"] * 4
    answers = [reply.text for reply in langchain.batch(asked)]
    assert answers[:2] * 4 == answers


# ---- many at once, and callers who hang up


def test_twenty_requests_at_once_are_not_mixed_up(client: OpenAI, site: Site) -> None:
    """Each must get the answer to its own question by its own arm, as the record and the prompt on it tell."""
    arms = ("bare", "prompt", "lora", "lora+prompt")

    def one(number: int) -> tuple[int, str, str, dict]:
        words = f"Request number {number}: {ASK}"
        if number % 2:
            reply = ask(client, arms[number % 4], words, max_tokens=20 + number)
            return number, words, reply.choices[0].message.content, reply.duodesk
        chunks = list(ask(client, arms[number % 4], words, max_tokens=20 + number, stream=True))
        return number, words, "".join(c.choices[0].delta.content or "" for c in chunks), chunks[-1].duodesk

    with ThreadPoolExecutor(20) as threads:
        told = list(threads.map(one, range(20)))
    assert len({made["chat_id"] for *_, made in told}) == 20
    for number, words, text, made in told:
        exchange = site.exchange(made["answer_id"])
        (answer,) = exchange.answers
        assert (exchange.question.text, exchange.chat.id, answer.text) == (words, made["chat_id"], text)
        assert (answer.arm.name, answer.arm.decoding.max_new_tokens) == (arms[number % 4], 20 + number)
        assert words in answer.prompt[-1].text
        alone = ask(client, arms[number % 4], words, max_tokens=20 + number).choices[0].message.content
        assert alone == text, "the others changed the answer"


@pytest.mark.parametrize("stream", [False, True])
def test_a_caller_who_hangs_up_stops_the_answer_at_once(site: Site, stream: bool) -> None:
    words = f"Ramble on, {'in pieces' if stream else 'as a whole'}."
    body = json.dumps(
        {"model": "bare:endless", "messages": [{"role": "user", "content": words}], "stream": stream}
    ).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {site.url[7:]}\r\nAuthorization: Bearer {site.key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    address = site.url[7:].split(":")
    with socket.create_connection((address[0], int(address[1]))) as connection:
        connection.sendall(head.encode() + body)
        eventually(lambda: site.parts.model.queue.writing == 1)
        if stream:
            assert connection.recv(2000)
        time.sleep(0.3)
    eventually(lambda: site.parts.model.queue == Queue() and site.parts.desk.under_way == 0)
    (exchange,) = site.parts.store.search(TranscriptFilter(text=words))
    (answer,) = exchange.answers
    assert answer.outcome == "stopped"
    assert 0 < answer.new_tokens < 1500
    assert answer.text


def test_closing_a_stream_of_the_client_stops_it_too(client: OpenAI, site: Site) -> None:
    with ask(client, "bare:endless", "Ramble on, until I close.", stream=True) as stream:
        for number, _ in enumerate(stream):
            if number == 3:
                break
    eventually(lambda: site.parts.desk.under_way == 0, 2)
    (exchange,) = site.parts.store.search(TranscriptFilter(text="until I close"))
    assert exchange.answers[0].outcome == "stopped"


def test_metrics_count_what_was_answered(client: OpenAI, site: Site) -> None:
    complete = 'duodesk_answers_total{arm="bare",outcome="complete"}'
    tokens = 'duodesk_new_tokens_total{arm="bare"}'
    before = site.figure(complete), site.figure(tokens)
    reply = ask(client, "bare")
    list(site.parts.desk.ask(site.parts.desk.open_chat("a page").id, ASK, ArmSpec("bare", "friendly")))
    assert site.figure(complete) == before[0] + 2
    assert site.figure(tokens) >= before[1] + reply.usage.completion_tokens
