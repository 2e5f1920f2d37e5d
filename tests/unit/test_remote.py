"""A model on a server: what is asked, what is made of the answers, and what is said when something goes wrong."""

import contextlib
import dataclasses
import socket
import threading
import time

import pytest
from tenacity import wait_none

from backends.adapter_folder import AdapterFolder
from backends.chat_model import EngineChatModels
from backends.remote import client
from backends.remote.breaker import Breaker
from backends.remote.model import RemoteModel
from core.desk import Desk
from core.errors import ServerError, SettingsError, UnknownAdapter
from core.servers import Server
from core.types import Arm, ArmSpec, Decoding, Draft, Turn
from tests.unit.scripted_server import ScriptedServer, cuts, event, gives, goes_on, hangs, refuses, says, sends

ASK = (Turn("system", "Be kind."), Turn("user", "How long?"))
DECODING = Decoding()


@pytest.fixture
def server():
    running = ScriptedServer()
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(client, "BACKOFF", wait_none())


@pytest.fixture
def make(server, tmp_path):
    def made(breaker=None, **options):
        declared = Server("gpu", **{"url": server.url, "model": "m", "timeout_s": 5, **options})
        return RemoteModel(declared, AdapterFolder(tmp_path), breaker)

    return made


def text(model, decoding=DECODING, adapter=None):
    return "".join(piece.text for piece in model.stream(ASK, decoding, adapter))


def counts(model):
    """The token counts as they grow; between two changes there may be any number of pieces."""
    every = [(piece.prompt_tokens, piece.new_tokens) for piece in model.stream(ASK, DECODING)]
    return list(dict.fromkeys(one for one in every if one != (0, 0)))


def failure(model, error=ServerError):
    with pytest.raises(error) as caught:
        text(model)
    return str(caught.value)


def test_the_request_is_openais_with_the_templates_decoding(server, make, monkeypatch):
    monkeypatch.setenv("GPU_KEY", "secret")
    decoding = Decoding(max_new_tokens=50, temperature=0.7, top_p=0.9)
    assert text(make(key_env="GPU_KEY"), decoding) == "Hello there."
    [(path, headers, body)] = server.asked
    assert path == "/v1/chat/completions"
    assert headers["authorization"] == "Bearer secret"
    assert body == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "How long?"}],
        "max_tokens": 50,
        "temperature": 0.7,
        "top_p": 0.9,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_what_the_environment_holds_for_openai_goes_nowhere_else(server, make, monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "for-openai-alone")
    text(make())
    assert "for-openai-alone" not in str(server.asked)


def test_a_repetition_penalty_is_sent_where_it_is_known_and_refused_elsewhere(server, make):
    decoding = Decoding(repetition_penalty=1.1)
    for kind in ("vllm", "sglang"):
        text(make(kind=kind), decoding)
        assert server.asked.pop()[2]["repetition_penalty"] == 1.1
    with pytest.raises(ServerError, match="'gpu' has no repetition_penalty; set it to 1"):
        text(make(), decoding)
    assert not server.asked


def test_tokens_are_counted_by_the_server_and_until_it_does_by_pieces(server, make):
    server.script = [says("a", "b", usage=(20, 9))]
    assert counts(make()) == [(0, 1), (0, 2), (20, 9)]
    server.script = [sends(event("a", usage=(20, 4)), event("b", usage=(20, 5)), event("", "stop", usage=(20, 6)))]
    assert counts(make(kind="vllm")) == [(20, 4), (20, 5), (20, 6)]
    assert server.asked[-1][2]["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}


def test_what_may_pass_is_tried_again_before_the_first_word(server, make):
    server.script = [refuses(503), refuses(429, Retry_After="0.2"), says("Hello.")]
    started = time.perf_counter()
    assert text(make()) == "Hello."
    assert time.perf_counter() - started > 0.2, "the server asked for more time"
    server.script = [cuts(), refuses(500), says("Hello.")]
    assert text(make()) == "Hello."
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    ("reply", "requests", "says"),
    [
        (refuses(500, {"error": {"message": "CUDA is out of memory"}}), 3, "HTTP 500: CUDA is out of memory"),
        (refuses(429, {"error": "slow down"}), 3, "'gpu' has too much to do (HTTP 429: slow down); ask again later"),
        (refuses(429, Retry_After="120"), 1, "ask again in 120 s"),
        (refuses(400, {"message": "too many tokens"}), 1, "refuses the request (HTTP 400: too many tokens); shorten"),
        (refuses(404, {"detail": "Not Found"}), 1, "HTTP 404: Not Found); check `model` and `url` in [servers.gpu]"),
        (refuses(403, "your key is secret"), 1, "refuses the key (HTTP 403); check `key_env` in [servers.gpu]"),
        (sends("<html>Hello</html>", kind="text/html"), 1, "does not answer as an OpenAI-compatible server"),
        (gives({"choices": [{"message": {"content": "Hello"}}]}), 1, "does not answer as an OpenAI-compatible server"),
        (sends(), 3, "ended its answer before it was complete; ask again"),
        (sends("data: <html>\n\n"), 1, "does not answer as an OpenAI-compatible server does; check `url`"),
        (sends('data: {"choices": 3}\n\n'), 1, "does not answer as an OpenAI-compatible server does"),
        (sends('data: {"choices": [{"delta": {"content": [1]}}]}\n\n'), 1, "does not answer as an OpenAI-compatible"),
        (sends('data: "Hello"\n\n'), 1, "does not answer as an OpenAI-compatible server does"),
        (sends('data: {"error": {"message": "the engine died"}}\n\n'), 3, "'gpu' failed (the engine died)"),
    ],
)
def test_a_failure_is_told_with_server_reason_and_remedy(server, make, reply, requests, says):
    server.script = [reply]
    assert says in (told := failure(make()))
    assert told.startswith("The model server 'gpu' ")
    assert len(server.asked) == requests


def test_a_server_that_is_not_there_is_named(make):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    assert failure(make(url=url)) == (
        "The model server 'gpu' cannot be reached; start it, or check `url` in [servers.gpu]."
    )


def test_a_server_that_says_nothing_is_not_waited_for_twice(server, make):
    until = threading.Event()
    server.script = [hangs(until)]
    assert "sent nothing for 0.5 s; it may have too much to do" in failure(make(timeout_s=0.5))
    assert len(server.asked) == 1
    until.set()


def test_a_key_that_is_missing_or_wrong_is_never_shown(server, make, monkeypatch):
    assert "GPU_KEY, which is not set" in failure(make(key_env="GPU_KEY"), SettingsError)
    monkeypatch.setenv("GPU_KEY", "sk-123")
    server.script = [refuses(401, {"error": {"message": "wrong key sk-123"}})]
    assert "refuses the key (HTTP 401); check the key in GPU_KEY" in (told := failure(make(key_env="GPU_KEY")))
    server.script = [refuses(400, {"error": {"message": "who is sk-123?"}})]
    assert "who is ***?" in (other := failure(make(key_env="GPU_KEY")))
    assert "sk-123" not in told + other


@pytest.mark.parametrize("broken", [cuts("It takes ", "30"), sends(event("It takes "), event("30"))])
def test_a_stream_that_breaks_off_is_a_failed_answer_that_keeps_its_text(server, make, store, broken):
    server.script = [broken]
    model = make()

    class Backend:
        def draft(self, question, spec, decoding=None):
            arm = Arm("bare", "m", "0", "friendly", 1, "0", Decoding())
            return Draft(arm, ASK, (), model.stream(ASK, DECODING))

    desk = Desk(store, Backend())
    chat = desk.open_chat("me")
    *_, answer = desk.ask(chat.id, "How long?", ArmSpec("bare", "friendly"))
    assert (answer.outcome, answer.reason, answer.text) == ("failed", "ServerError", "It takes 30")
    assert "'gpu' broke off in the middle of its answer" in answer.error
    assert store.exchanges(chat.id)[0].answers == (answer,)
    assert len(server.asked) == 1, "what is shown cannot be asked for again"


@pytest.mark.parametrize("texts", [("It takes ",), ()])
def test_closing_the_stream_ends_the_generation_on_the_server(server, make, texts):
    left = threading.Event()
    server.script = [goes_on(left, *texts)]
    with contextlib.closing(make().stream(ASK, DECODING)) as pieces:
        wanted = "".join(texts)  # nothing: then the piece is one of those that come while the server says nothing
        assert next(piece.text for piece in pieces if piece.text or not wanted) == wanted
        assert not left.is_set()
    assert left.wait(10)


def test_a_server_that_fails_again_and_again_is_left_alone_and_others_are_not(server, make):
    clock = [0.0]
    model = make(Breaker(4, 10.0, lambda: clock[0]))
    server.script = [refuses(503)]
    failure(model)
    assert "is left alone for now, since it failed several times in a row (last: it is not" in failure(model)
    assert len(server.asked) == 4
    assert "asked again in 10 s, and arms elsewhere answer meanwhile" in failure(model)
    assert len(server.asked) == 4
    assert model.state.startswith("failed: is not available")

    other = ScriptedServer()
    assert text(make(url=other.url)) == "Hello there."
    other.stop()

    server.script = [says("Hello.")]
    clock[0] = 10.0
    assert text(model) == "Hello."
    assert text(model) == "Hello."


def test_a_server_that_refuses_a_request_is_not_left_alone(server, make):
    model = make(Breaker(2, 10.0))
    server.script = [refuses(400)]
    for _ in range(4):
        assert "refuses the request" in failure(model)


def test_answers_that_break_off_count_as_failures_though_they_began(server, make):
    model = make(Breaker(2, 10.0))
    server.script = [sends(event("It"))]
    assert "broke off" in failure(model)
    assert "broke off" in failure(model)
    assert "left alone" in failure(model)


def test_a_server_is_identified_by_what_it_tells_and_not_by_the_moment(server, make):
    server.cards = [{"id": "m", "created": 1, "root": "/models/a", "max_model_len": 512, "permission": [{"id": "x"}]}]
    before = make()
    assert (before.name, before.runs_on()) == ("m", f"openai at {server.url}")
    server.cards[0] |= {"created": 2, "permission": [{"id": "y"}]}
    assert make().hash == before.hash
    server.cards[0]["root"] = "/models/b"
    assert make().hash != before.hash
    server.cards = []
    assert make().hash not in (before.hash, ""), "not listed, but perhaps there"
    server.cards = "Hello"
    with pytest.raises(ServerError, match="does not answer as an OpenAI-compatible server"):
        make().load()


def test_what_a_server_told_stands_while_it_cannot_be_asked(server, make, monkeypatch):
    model = make()
    before = model.hash
    monkeypatch.setattr("backends.remote.model.CARD_S", 0.0)
    server.stop()
    assert model.hash == before
    with pytest.raises(ServerError, match="cannot be reached"):
        assert make().hash


def test_a_prompt_is_kept_within_what_the_server_reads(server, make, tmp_path):
    assert make().context_tokens is None
    assert make(context=300).context_tokens == 300
    server.cards[0]["max_model_len"] = 512
    assert make().context_tokens == 512
    assert make(context=300).context_tokens == 300
    models = EngineChatModels(RemoteModel(dataclasses.replace(make().server, context=300), AdapterFolder(tmp_path)))
    assert models.chat_model(None, Decoding(max_new_tokens=100)).profile == {"max_input_tokens": 200}


def test_the_state_tells_within_seconds_that_a_server_is_gone_or_back_without_an_answer(make, monkeypatch):
    monkeypatch.setattr("backends.remote.model.LOOK_S", 0.05)
    server = ScriptedServer()
    model = make(Breaker(4, 0.1), url=server.url)

    def is_told(beginning):
        deadline = time.monotonic() + 10
        while not (told := model.state.startswith(beginning)) and time.monotonic() < deadline:
            time.sleep(0.02)
        return told

    assert is_told("ready")
    port = int(server.url.rsplit(":", 1)[1].removesuffix("/v1"))
    server.stop()
    assert is_told("failed: cannot be reached")
    again = ScriptedServer(port)
    assert is_told("ready")
    again.stop()


def test_tokens_are_estimated_unless_the_server_counts_them(server, make):
    assert make().count(ASK) == 3 + 3 + 2 * 8
    server.routes["/tokenize"] = gives({"count": 17, "max_model_len": 512, "tokens": []})
    assert make(kind="vllm").count(ASK) == 17
    assert server.asked[-1][2]["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "How long?"},
    ]
    server.routes["/tokenize"] = refuses(404)
    assert make(kind="vllm").count(ASK) == 22


def test_an_adapter_that_the_server_has_as_a_model_is_asked_for_by_its_name_there(server, make):
    server.cards.append({"id": "m-velomoor", "root": "/models/merged"})
    model = make(served_adapters={"velomoor": "m-velomoor"})
    assert model.adapters() == ["velomoor"]
    assert text(model, adapter="velomoor") == "Hello there."
    assert server.asked[-1][2]["model"] == "m-velomoor"
    assert model.runs_on("velomoor") == f"openai at {server.url}, model m-velomoor"
    assert model.adapter_hash("velomoor") not in ("", model.hash)


def test_a_server_without_adapters_says_so(make):
    with pytest.raises(UnknownAdapter, match="'gpu' loads no adapters.*served_adapters.*there are: none"):
        make().adapter_hash("velomoor")
    assert make().adapters() == []
