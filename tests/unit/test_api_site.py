"""The API over a backend that says what it is told to: who is let in, how failures are told, what is kept."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import httpx
import openai
import pytest
from fastapi import FastAPI
from openai import AsyncOpenAI
from starlette.testclient import TestClient

from app.api import add_routes
from app.api.stream import EventStream
from core.api_keys import make_key
from core.errors import ModelNotFound, PromptTooLong, StoreError, UnknownTemplate
from core.settings import Settings
from core.types import Decoding, Queue, TranscriptFilter, Turn, now
from study.splits.local_splits import LocalSplits
from tests.conftest import PROMPT

ASKED = [{"role": "user", "content": "Where is my bike?"}]
HERE = "http://127.0.0.1"


class Templates:
    def names(self):
        return ["calm", "friendly"]

    def get(self, name):
        return SimpleNamespace(name=name, decoding=Decoding(max_new_tokens=50, temperature=0.2))

    def versions(self, name):
        return [SimpleNamespace(saved_at=now())]


def site(desk, host="127.0.0.1", most=600):
    model = SimpleNamespace(state="ready", queue=Queue(2, 3), adapters=lambda: ["velomoor", "winter"])
    parts = SimpleNamespace(
        settings=Settings(host=host, requests_per_minute=most),
        store=desk.store,
        accounts=desk.store.accounts,
        desk=desk,
        templates=Templates(),
        model=model,
        retriever=None,
    )
    parts.splits = LocalSplits(desk.store, desk.backend, parts.retriever)
    app = FastAPI(openapi_url=None)
    add_routes(app, parts)
    return TestClient(app, HERE, raise_server_exceptions=False)


@pytest.fixture
def client(desk):
    return site(desk)


def complete(client, headers=None, **fields):
    return client.post("/v1/chat/completions", json={"model": "prompt", "messages": ASKED} | fields, headers=headers)


def problem(response):
    return response.json()["error"]


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


# ---- who is let in


def test_until_the_first_key_is_made_this_machine_needs_none(client, desk):
    assert complete(client).status_code == 200
    make_key(desk.store.api_keys, "shop")
    response = complete(client)
    assert (response.status_code, problem(response)["code"]) == (401, "missing_api_key")
    assert "launch.py keys make" in problem(response)["message"]


def test_once_a_key_was_made_revoking_it_does_not_open_the_door_again(client, desk):
    key = make_key(desk.store.api_keys, "shop")
    desk.store.api_keys.revoke("shop", now())
    assert complete(client).status_code == 401
    response = complete(client, bearer(key))
    assert (response.status_code, problem(response)["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/prompt", "/metrics"])
def test_every_address_asks_for_the_key(client, desk, path):
    key = make_key(desk.store.api_keys, "shop")
    assert client.get(path).status_code == 401
    assert client.get(path, headers=bearer("duo-wrong")).status_code == 401
    assert client.get(path, headers={"Authorization": f"Basic {key}"}).status_code == 401
    assert client.get(path, headers=bearer(key)).status_code == 200


def test_on_another_address_a_key_is_always_needed(desk):
    client = site(desk, host="0.0.0.0")
    assert complete(client).status_code == 401
    assert complete(client, bearer(make_key(desk.store.api_keys, "shop"))).status_code == 200


@pytest.mark.parametrize("headers", [{"X-Forwarded-For": "203.0.113.9"}, {"Host": "evil.example"}])
def test_what_comes_through_a_proxy_or_by_another_name_needs_a_key(client, headers):
    assert complete(client, headers).status_code == 401


def test_a_key_for_some_arms_sees_and_asks_no_other(client, desk):
    key = bearer(make_key(desk.store.api_keys, "shop", ["prompt"]))
    listed = [model["id"] for model in client.get("/v1/models", headers=key).json()["data"]]
    assert listed == ["prompt", "prompt:calm"]
    assert complete(client, key, model="prompt:calm").status_code == 200
    refused = complete(client, key, model="lora")
    assert (refused.status_code, problem(refused)["code"]) == (404, "model_not_found")
    assert desk.store.count(TranscriptFilter()) == 1


# ---- how often


def test_a_key_that_asks_too_often_is_told_how_long_to_wait_and_others_go_on(desk):
    client, elsewhere = site(desk, most=2), site(desk, most=2)
    shop, desk_key = (bearer(make_key(desk.store.api_keys, name)) for name in ("shop", "desk"))
    assert complete(client, shop).status_code == 200
    assert elsewhere.get("/v1/models", headers=shop).status_code == 200
    refused = complete(client, shop)
    assert (refused.status_code, problem(refused)["code"]) == (429, "rate_limit_exceeded")
    assert problem(refused)["type"] == "rate_limit_error"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert f"in {refused.headers['Retry-After']} seconds" in problem(refused)["message"]
    assert elsewhere.get("/metrics", headers=shop).status_code == 429, "it holds across processes and addresses"
    assert complete(client, desk_key).status_code == 200
    assert desk.store.count(TranscriptFilter()) == 2


def test_the_openai_client_tells_it_as_its_rate_limit_error(desk):
    key = make_key(desk.store.api_keys, "shop")
    transport = httpx.ASGITransport(site(desk, most=1).app)

    async def ask():
        opened = httpx.AsyncClient(transport=transport)
        async with AsyncOpenAI(base_url=f"{HERE}/v1", api_key=key, max_retries=0, http_client=opened) as client:
            await client.models.list()
            await client.chat.completions.create(model="prompt", messages=ASKED)

    with pytest.raises(openai.RateLimitError, match="more than 1 requests in a minute; try again in") as refused:
        asyncio.run(ask())
    assert refused.value.code == "rate_limit_exceeded"
    assert int(refused.value.response.headers["Retry-After"]) >= 1


def test_with_0_a_key_may_ask_as_often_as_it_likes(desk):
    client, shop = site(desk, most=0), bearer(make_key(desk.store.api_keys, "shop"))
    assert {client.get("/v1/models", headers=shop).status_code for _ in range(20)} == {200}


# ---- models


def test_the_list_names_arms_templates_and_adapters_but_not_their_products(client):
    listed = [model["id"] for model in client.get("/v1/models").json()["data"]]
    assert listed[:4] == ["bare", "prompt", "lora", "lora+prompt"]
    assert {"bare:calm", "lora+prompt:calm", "lora:friendly:winter"} < set(listed)
    assert "lora:calm:winter" not in listed
    assert len(listed) == len(set(listed)) == 4 + 4 + 2, "those of the settings have their short names alone"


@pytest.mark.parametrize(
    ("name", "arm"),
    [
        ("prompt", ("prompt", "friendly", None)),
        ("bare:calm", ("bare", "calm", None)),
        ("lora", ("lora", "friendly", "velomoor")),
        ("lora+prompt:calm:winter", ("lora+prompt", "calm", "winter")),
    ],
)
def test_what_a_name_leaves_out_is_as_in_the_settings(client, name, arm):
    told = client.get(f"/v1/models/{name}").json()
    assert (told["arm"], told["template"], told["adapter"]) == arm
    assert complete(client, model=name).json()["duodesk"]["arm"]["name"] == arm[0]


@pytest.mark.parametrize("name", ["gpt-4o", "", "prompt:none", "bare:calm:winter", "lora:calm:none", "lora:a:b:c", ":"])
def test_an_unknown_model_is_named(client, name):
    for response in (complete(client, model=name), client.get(f"/v1/models/{name}") if name else None):
        if response:
            assert response.status_code == 404
            assert f"no model '{name}'" in problem(response)["message"]
            assert problem(response)["param"] == "model"


# ---- answers and their record


def test_an_answer_says_what_made_it_and_stands_on_record(client, desk):
    told = complete(client, user="customer-7").json()
    assert told["choices"][0]["message"] == {"role": "assistant", "content": "Hello there.", "refusal": None}
    assert told["usage"] == {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
    extension = told["duodesk"]
    assert extension["passages"][0]["source"] == "returns.md"
    assert extension["arm"]["model_hash"] == "abc123"
    (exchange,) = desk.store.exchanges(extension["chat_id"])
    assert (exchange.question.text, exchange.answers[0].id) == (ASKED[0]["content"], extension["answer_id"])
    assert exchange.chat.kind == "chat"
    assert exchange.chat.owner.startswith("api:")
    assert "customer-7" not in exchange.chat.owner


def test_what_is_asked_otherwise_than_the_template_says_is_part_of_the_arms_identity(client):
    wanted = {"temperature": 1.5, "top_p": 0, "max_completion_tokens": 7, "stop": "Hel"}
    decoding = complete(client, **wanted).json()["duodesk"]["arm"]["decoding"]
    drawn = {"max_new_tokens": 7, "temperature": 1.5, "top_p": 0.01, "repetition_penalty": 1.0}
    assert decoding == drawn | {"stop": ["Hel"]}
    unchanged = complete(client).json()["duodesk"]["arm"]["decoding"]
    assert (unchanged["max_new_tokens"], unchanged["temperature"]) == (50, 0.2)


def said(*turns):
    return [{"role": role, "content": text} for role, text in turns]


def test_turns_that_the_caller_brings_stand_before_the_answer_on_record(client, desk, backend):
    history = said(("assistant", "How can I help?"), ("user", "Hi"), ("assistant", "Hello."))
    chat = complete(client, messages=[*history, *ASKED]).json()["duodesk"]["chat_id"]
    assert [turn.text for turn in backend.asked[-1].history] == ["How can I help?", "Hi", "Hello."]
    (exchange,) = desk.store.exchanges(chat)
    assert exchange.history["a"] == backend.asked[-1].history


def test_a_chat_goes_on_when_its_id_comes_with_its_own_turns(client, desk, backend):
    first = complete(client).json()
    reply = first["choices"][0]["message"]
    again = [*ASKED, reply, *said(("user", " And when? "))]
    told = complete(client, messages=again, metadata={"chat_id": first["duodesk"]["chat_id"]}).json()
    assert told["duodesk"]["chat_id"] == first["duodesk"]["chat_id"]
    exchanges = desk.store.exchanges(told["duodesk"]["chat_id"])
    assert [exchange.question.text for exchange in exchanges] == ["Where is my bike?", "And when?"]
    assert backend.asked[-1].history == (Turn("user", "Where is my bike?"), Turn("assistant", "Hello there."))


@pytest.mark.parametrize("changed", ["history", "user", "unknown", "nothing said"])
def test_otherwise_a_new_chat_begins_and_the_old_one_stays_as_it_was(client, desk, backend, changed):
    first = complete(client, user="ann").json()
    history = [*ASKED, said(("assistant", "I said this?" if changed == "history" else "Hello there."))[0]]
    if changed == "nothing said":
        history = []
    chat = "0" * 32 if changed == "unknown" else first["duodesk"]["chat_id"]
    told = complete(
        client,
        messages=[*history, *said(("user", "And when?"))],
        metadata={"chat_id": chat},
        user="bob" if changed == "user" else "ann",
    ).json()
    assert told["duodesk"]["chat_id"] not in (chat, first["duodesk"]["chat_id"])
    assert len(desk.store.exchanges(first["duodesk"]["chat_id"])) == 1
    assert [turn.text for turn in backend.asked[-1].history] == [turn["content"] for turn in history]


def test_the_pages_own_chats_cannot_be_continued(client, desk):
    chat = desk.open_chat("somebody")
    list(desk.ask(chat.id, ASKED[0]["content"], PROMPT))
    history = [*ASKED, *said(("assistant", "Hello there.")), *said(("user", "And?"))]
    assert complete(client, messages=history, metadata={"chat_id": chat.id}).json()["duodesk"]["chat_id"] != chat.id


# ---- what goes wrong


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("error", "status", "code", "says"),
    [
        (PromptTooLong("The message is too long."), 400, "context_length_exceeded", "too long"),
        (UnknownTemplate("The template is gone."), 404, "model_not_found", "gone"),
        (ModelNotFound("The weights are gone."), 503, "not_available", "weights"),
        (ValueError("secret detail"), 500, "bug", "the log holds the details"),
    ],
)
def test_a_failure_is_told_by_its_status_and_kept(client, desk, backend, stream, error, status, code, says):
    backend.words, backend.error = [], error
    response = complete(client, stream=stream)
    assert response.status_code == status
    assert (problem(response)["code"], says in problem(response)["message"]) == (code, True)
    assert "secret" not in response.text
    (exchange,) = desk.store.search(TranscriptFilter())
    assert exchange.answers[0].outcome == "failed"
    assert exchange.answers[0].reason == ("bug" if status == 500 else type(error).__name__)


def test_what_fails_on_the_way_is_the_last_event_of_a_stream(client, backend):
    backend.error = ModelNotFound("The server is gone.")
    response = complete(client, stream=True)
    assert response.status_code == 200
    *_, last = response.text.strip().split("\n\n")
    assert '"message":"The server is gone."' in last
    assert "[DONE]" not in response.text


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_cannot_be_stored_is_no_answer(client, desk, monkeypatch, stream):
    def full(answer):
        raise StoreError("The disk is full.")

    monkeypatch.setattr(desk.store, "add_answer", full)
    response = complete(client, stream=stream)
    assert "The disk is full." in response.text
    assert response.status_code == (200 if stream else 503)
    assert 'finish_reason":"stop' not in response.text


def test_a_stream_tells_the_place_in_line_in_comments_which_clients_skip(client, backend):
    backend.places = [3, 3, 2, 1]
    response = complete(client, stream=True)
    said = response.text.split("\n\n")
    assert [line for line in said if line.startswith(":")] == [
        ": 2 before you in line",
        ": 1 before you in line",
        ": 0 before you in line",
    ]
    assert all(line.startswith(("data: ", ": ")) for line in said if line)
    assert said[-2] == "data: [DONE]"


def test_when_too_many_answers_are_under_way_the_next_is_turned_away_and_not_kept(client, desk):
    desk.most_under_way = 0
    response = complete(client)
    assert (response.status_code, problem(response)["code"]) == (429, "busy")
    assert response.headers["Retry-After"] == "1"
    assert desk.store.count(TranscriptFilter()) == 0


def test_who_is_turned_away_does_not_wait_for_those_who_are_answered(desk, backend):
    go_on = threading.Event()

    def held():
        yield "Hello."
        go_on.wait(20)

    backend.words = held()
    desk.most_under_way = 1
    with site(desk) as client, ThreadPoolExecutor(1) as others:
        first = others.submit(complete, client)
        while not backend.asked:
            time.sleep(0.01)
        refused = complete(client)
        assert (refused.status_code, first.done()) == (429, False)
        go_on.set()
        assert first.result().status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 400, "empty"),
        (b"{", 400, "not valid JSON"),
        (b"[1]", 400, "JSON object"),
        (b"[" * 100_000, 400, ""),
        (b"\xff\xfe", 400, ""),
        (b'{"messages": [], "\\ud800": 1}', 400, ""),
        (b" " * (3 << 20), 413, "larger than"),
        ((b" " * 100_000 for _ in range(40)), 413, "larger than"),
    ],
)
def test_a_body_that_is_no_request_gets_a_sentence(client, body, status, says):
    response = client.post("/v1/chat/completions", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == status
    assert says in problem(response)["message"]


def test_a_message_that_is_too_long_is_refused_wherever_it_stands(client, desk):
    long = "x" * 101
    for messages in (said(("user", long)), [*said(("user", long), ("assistant", "Yes.")), *ASKED]):
        response = complete(client, messages=messages)
        assert (response.status_code, problem(response)["param"]) == (400, "messages")
        assert "101 characters" in problem(response)["message"]
    assert complete(client, messages=[*said(("user", "Hi"), ("assistant", long)), *ASKED]).status_code == 200


def test_more_tokens_than_any_prompt_may_have_are_refused(client):
    response = complete(client, max_tokens=8193)
    assert (response.status_code, problem(response)["param"]) == (400, "max_tokens")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/embeddings", 404), ("PUT", "/v1/models", 405)])
def test_other_addresses_answer_in_the_same_form(client, method, path, status):
    response = client.request(method, path)
    assert response.status_code == status
    assert problem(response)["message"]


# ---- metrics and the OpenAPI page


def figures(client):
    lines = client.get("/metrics").text.splitlines()
    return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


def test_metrics_count_pages_and_api_alike_by_arm_and_outcome(client, desk, backend):
    complete(client)
    chat = desk.open_chat("a page")
    list(desk.ask(chat.id, "And from a page?", PROMPT))
    stopped = desk.ask(chat.id, "Stop!", PROMPT)
    next(stopped)
    stopped.close()
    backend.error = PromptTooLong("Too long.")
    complete(client, model="lora")
    told = figures(client)
    assert told['duodesk_answers_total{arm="prompt",outcome="complete"}'] == "2.0"
    assert told['duodesk_answers_total{arm="prompt",outcome="stopped"}'] == "1.0"
    assert told['duodesk_errors_total{arm="lora",error="PromptTooLong"}'] == "1.0"
    assert told['duodesk_first_token_seconds_count{arm="prompt"}'] == "2.0"
    assert told['duodesk_answer_seconds_count{arm="prompt"}'] == "3.0"
    assert told['duodesk_new_tokens_total{arm="prompt"}'] == "4.0"
    assert told['duodesk_requests_total{method="POST",route="/v1/chat/completions",status="200"}'] == "1.0"
    assert (told["duodesk_queue_writing"], told["duodesk_queue_waiting"]) == ("2.0", "3.0")


def test_no_caller_can_make_new_time_series(client, desk, backend):
    complete(client)
    before = set(figures(client))
    backend.error = type("Made-up", (Exception,), {})("x")
    for number in range(5):
        client.get(f"/v1/models/none-{number}")
        client.get(f"/page-{number}")
        client.request(f"M{number}", "/v1/models")
        list(desk.ask(desk.open_chat("me").id, "Hi", replace(PROMPT, name=f"arm-{number}")))
    added = set(figures(client)) - before
    assert not [name for name in added if any(f"{what}-" in name for what in ("none", "page", "arm", "Made"))]
    assert {name for name in added if 'method="other"' in name}
    assert {name for name in added if 'arm="unknown"' in name}


def test_the_openapi_page_tells_the_api_alone_and_its_own_errors(client):
    page = client.get("/openapi.json").json()
    assert page["servers"] == [{"url": "/v1"}]
    assert set(page["paths"]) == {"/models", "/models/{model}", "/chat/completions", "/thumbs"}
    statuses = {status for path in page["paths"].values() for one in path.values() for status in one["responses"]}
    assert statuses == {"200", "204", "400", "401", "404", "413", "429", "500", "503"}
    assert "HTTPValidationError" not in page["components"]["schemas"]


def test_a_caller_who_hangs_up_while_an_event_is_sent_stops_the_answer_too():
    closed = []

    async def growing():
        try:
            yield "an answer"
        finally:
            closed.append(True)

    async def content():
        yield b"data: 1\n\n"
        yield b"data: 2\n\n"

    async def hang_up():
        sending, source = asyncio.Event(), growing()
        await anext(source)

        async def receive():
            await sending.wait()
            return {"type": "http.disconnect"}

        async def send(_):
            sending.set()
            await asyncio.sleep(60)

        await EventStream(content(), source)({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send)
        assert closed, "not before the garbage collector or the end of the loop"

    asyncio.run(hang_up())
