"""The model server's addresses, over a model that says what it is told to say."""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import dataclass, field

import pytest
from starlette.testclient import TestClient

from app.model_server.command import run
from app.model_server.site import build_site
from core.errors import AdapterError, PortTaken, PromptTooLong, SettingsError, UnknownAdapter
from core.serving import ServedCard
from core.settings import Settings
from core.types import Piece, Queue, Turn

ASK = {"model": "tiny", "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello?"}]}


@dataclass
class ScriptedModel:
    """Implements core.serving.ServedModel."""

    name: str = "tiny"
    state: str = "ready"
    context_tokens: int = 100
    words: tuple[str, ...] = ("Good ", "day.")
    error: Exception | None = None
    queue: Queue = field(default_factory=lambda: Queue(1, 2))
    names: list[str] = field(default_factory=list)
    asked: list[tuple] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)

    def load(self):
        pass

    def cards(self):
        base = ServedCard("tiny", "/models/tiny", "abc")
        return [base, *(ServedCard(name, f"/adapters/{name}", "def", "tiny") for name in self.names)]

    def count(self, messages):
        return 10 * len(messages)

    def stream(self, name, messages, decoding):
        self.asked.append((name, messages, decoding))
        try:
            for number, word in enumerate(self.words, 1):
                yield Piece(word, 20, number)
            if self.error:
                raise self.error
            yield Piece("", 20, len(self.words), "stop")
        finally:
            self.closed.set()

    def load_adapter(self, name, path):
        if path != "/adapters/one":
            raise AdapterError(f"No adapter can be loaded from '{path}'.")
        self.names.append(name)

    def unload_adapter(self, name):
        if name not in self.names:
            raise UnknownAdapter(f"The model `{name}` does not exist.")
        self.names.remove(name)


@pytest.fixture
def model():
    return ScriptedModel()


@pytest.fixture
def client(model):
    return TestClient(build_site(model, 4))


def events(response):
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


def test_a_prompt_is_answered_as_it_is_in_openais_form(client, model):
    reply = client.post("/v1/chat/completions", json=ASK | {"max_tokens": 9, "temperature": 0}).json()
    assert reply["choices"][0]["message"]["content"] == "Good day."
    assert (reply["choices"][0]["finish_reason"], reply["model"]) == ("stop", "tiny")
    assert reply["usage"] == {"prompt_tokens": 20, "completion_tokens": 2, "total_tokens": 22}
    assert "duodesk" not in reply
    name, messages, decoding = model.asked[0]
    assert (name, messages) == ("tiny", (Turn("system", "Be kind."), Turn("user", "Hello?")))
    assert (decoding.max_new_tokens, decoding.temperature, decoding.top_p) == (9, 0.0, 1.0)


def test_without_a_limit_an_answer_may_fill_the_context_and_is_drawn_as_openai_does(client, model):
    client.post("/v1/chat/completions", json=ASK | {"repetition_penalty": 1.2, "stop": "end"})
    decoding = model.asked[0][2]
    assert (decoding.max_new_tokens, decoding.temperature) == (80, 1.0)
    assert (decoding.repetition_penalty, decoding.stop) == (1.2, ("end",))


def test_a_stream_tells_the_counts_with_each_chunk_when_asked(client):
    options = {"stream": True, "stream_options": {"include_usage": True, "continuous_usage_stats": True}}
    chunks = events(client.post("/v1/chat/completions", json=ASK | options))
    counted = [chunk["usage"]["completion_tokens"] for chunk in chunks if chunk.get("usage")]
    assert counted == [1, 2, 2]
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]) == "Good day."
    plain = events(client.post("/v1/chat/completions", json=ASK | {"stream": True}))
    assert not any("usage" in chunk for chunk in plain)


def test_what_goes_wrong_has_openais_form_and_a_fitting_status(client, model):
    def status(**wanted):
        response = client.post("/v1/chat/completions", json=ASK | wanted)
        return response.status_code, response.json()["error"]["message"]

    assert status(model="nonesuch")[0] == 404
    assert status(messages=[{"role": "tool", "content": "x"}])[0] == 400
    assert status(unknown=1)[0] == 400
    model.words, model.error = (), PromptTooLong("The prompt has 300 tokens; shorten it.")
    assert status() == (400, "The prompt has 300 tokens; shorten it.")
    assert status(stream=True) == (400, "The prompt has 300 tokens; shorten it.")
    assert model.closed.is_set()


def test_more_answers_than_there_is_room_for_are_refused_politely(model):
    client, begun, go_on = TestClient(build_site(model, 1)), threading.Event(), threading.Event()
    answer, statuses = model.stream, []

    def slow(*arguments):
        begun.set()
        go_on.wait(10)
        yield from answer(*arguments)

    model.stream = slow
    with client:  # one event loop for both callers
        first = threading.Thread(
            target=lambda: statuses.append(client.post("/v1/chat/completions", json=ASK).status_code)
        )
        first.start()
        assert begun.wait(10)
        refused = client.post("/v1/chat/completions", json=ASK)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert "1 answers are under way" in refused.json()["error"]["message"]
        go_on.set()
        first.join()
        assert statuses == [200]
        assert client.post("/v1/chat/completions", json=ASK).status_code == 200


def test_models_tokens_health_and_figures(client, model):
    assert client.post("/v1/load_lora_adapter", json={"lora_name": "a-1", "lora_path": "/adapters/one"}).text == (
        "Success: LoRA adapter 'a-1' added successfully."
    )
    base, adapter = client.get("/v1/models").json()["data"]
    assert (base["id"], base["root"], base["max_model_len"], base["hash"]) == ("tiny", "/models/tiny", 100, "abc")
    assert (adapter["id"], adapter["parent"]) == ("a-1", "tiny")
    assert client.post("/tokenize", json=ASK).json() == {"count": 20, "max_model_len": 100}
    assert client.post("/v1/chat/completions", json=ASK | {"model": "a-1"}).status_code == 200
    assert client.post("/v1/unload_lora_adapter", json={"lora_name": "a-1"}).status_code == 200
    assert client.post("/v1/unload_lora_adapter", json={"lora_name": "a-1"}).status_code == 404
    outside = client.post("/v1/load_lora_adapter", json={"lora_name": "b", "lora_path": "/etc"})
    assert (outside.status_code, outside.json()["error"]["message"]) == (400, "No adapter can be loaded from '/etc'.")
    assert "duodesk_queue_waiting 2.0" in client.get("/metrics").text
    assert client.get("/health").status_code == 200
    model.state = "loading"
    assert client.get("/health").status_code == 503


def test_with_a_key_nothing_but_its_health_is_told_to_others(model):
    client = TestClient(build_site(model, 4, "secret"))
    for key in ({}, {"Authorization": "Bearer wrong"}):
        for path in ("/v1/chat/completions", "/tokenize", "/v1/load_lora_adapter", "/v1/unload_lora_adapter"):
            assert client.post(path, json=ASK, headers=key).status_code == 401, path
        assert client.get("/v1/models", headers=key).status_code == 401
        assert client.get("/metrics", headers=key).status_code == 401
    assert client.get("/health").status_code == 200
    assert client.get("/v1/models", headers={"Authorization": "Bearer secret"}).status_code == 200
    assert model.asked == []


def test_it_does_not_listen_for_others_without_a_key_nor_on_another_port_than_asked(model):
    with pytest.raises(SettingsError, match="DUODESK_MODEL_SERVER_KEY"):
        run(model, Settings(host="0.0.0.0"), {})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} is taken"):
            run(model, Settings(port=port), {})
