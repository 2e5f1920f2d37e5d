"""Our own model server, driven by the client that drives vLLM: the whole 2x2, adapters loaded while it runs."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import uvicorn

from app.model_server.site import build_site
from backends.adapter_folder import AdapterFolder
from backends.engine.model import LocalModel
from backends.folders import folder_hash
from backends.remote.model import RemoteModel
from backends.served_model import LocalServedModel
from composition import compose
from core.errors import ModelError, ServerError
from core.servers import Server
from core.settings import Settings
from core.types import Decoding, Turn
from tests.integration.tiny_models import make_adapter, make_model

SHORT = Decoding(max_new_tokens=12)
ASKS = [(Turn("system", "You are kind."), Turn("user", f"What about bike {number}?")) for number in range(4)]


@pytest.fixture(scope="module")
def engine(base, adapters, cache, tmp_path_factory):
    """With adapters of its own, which tests may change."""
    folder = Path(shutil.copytree(adapters, tmp_path_factory.mktemp("served") / "adapters"))
    return LocalModel(str(base), AdapterFolder(folder), cache)


@pytest.fixture(scope="module")
def url(engine, free_port):
    engine.load()
    port = free_port()
    site = build_site(LocalServedModel(engine), 8, "secret")
    server = uvicorn.Server(uvicorn.Config(site, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}/v1"
    server.should_exit = True
    thread.join(30)


@pytest.fixture
def remote(url, engine, monkeypatch):
    """As another process would have it; `kind` is that of a server which it knows already."""
    monkeypatch.setenv("KEY", "secret")

    def made(kind="vllm"):
        return RemoteModel(Server("ours", url, engine.name, kind=kind, key_env="KEY"), engine.adapter_folder)

    return made


def said(model, messages, adapter=None, decoding=SHORT):
    pieces = list(model.stream(messages, decoding, adapter))
    return "".join(piece.text for piece in pieces), pieces[-1].prompt_tokens, pieces[-1].new_tokens


def call(url, path, **body):
    return httpx.post(f"{url}/{path}", json=body, headers={"Authorization": "Bearer secret"})


@pytest.mark.parametrize("kind", ["vllm", "duodesk"])
def test_every_arm_says_there_what_it_says_here_word_for_word(engine, remote, kind):
    model = remote(kind)
    for adapter in (None, "one", "two"):
        for messages in ASKS[:2]:
            assert said(model, messages, adapter) == said(engine, messages, adapter)
        assert model.runs_on(adapter).startswith(f"{kind} at http://127.0.0.1:")
    assert model.count(ASKS[0]) == engine.count(ASKS[0])
    assert model.context_tokens == engine.context_tokens
    assert model.adapters() == ["one", "three", "two"]


def test_callers_at_once_are_answered_together_and_each_by_its_own_weights(engine, remote):
    wanted = {(adapter, n): said(engine, ASKS[n], adapter) for adapter in (None, "one", "two") for n in range(2)}
    models = [remote(), remote()]  # two app processes, of which the second finds the adapters loaded
    with ThreadPoolExecutor(6) as pool:
        got = {key: [pool.submit(said, model, ASKS[key[1]], key[0]) for model in models] for key in wanted}
        for key, answers in got.items():
            assert [answer.result() for answer in answers] == [wanted[key]] * 2


def test_a_penalty_a_stop_and_an_answer_that_is_ended_early_are_taken(engine, remote):
    hot = Decoding(max_new_tokens=12, repetition_penalty=1.5)
    assert said(remote(), ASKS[0], decoding=hot) == said(engine, ASKS[0], decoding=hot)
    with contextlib.closing(remote().stream(ASKS[0], Decoding(max_new_tokens=400))) as pieces:
        assert next(piece for piece in pieces if piece.text)
    deadline = time.monotonic() + 10
    while engine.queue.writing and time.monotonic() < deadline:
        time.sleep(0.02)
    assert engine.queue.writing == 0, "the generation goes on though nobody reads it"


def test_an_adapter_that_has_changed_is_never_answered_under_its_old_name(engine, base, remote, url):
    folder = engine.adapter_folder.folder
    make_adapter(folder / "changing", base, folder_hash(base), seed=7)
    model = remote()
    before = said(model, ASKS[0], "changing")
    name = f"changing-{folder_hash(folder / 'changing')}"
    shutil.rmtree(folder / "changing")
    make_adapter(folder / "changing", base, folder_hash(base), seed=8)
    stale = call(url, "chat/completions", model=name, messages=[{"role": "user", "content": "Hello"}])
    assert (stale.status_code, "has changed since" in stale.text) == (404, True)
    assert said(model, ASKS[0], "changing") == said(engine, ASKS[0], "changing") != before
    assert name not in httpx.get(f"{url}/models", headers={"Authorization": "Bearer secret"}).text
    shutil.rmtree(folder / "changing")


def test_only_fitting_adapters_from_the_folder_of_adapters_are_loaded(engine, base, url, tmp_path):
    folder = engine.adapter_folder.folder
    outside = make_adapter(tmp_path / "outside", base, folder_hash(base), seed=1)
    (folder / "linked").symlink_to(outside)
    (folder / ".hidden").mkdir()
    pickled = Path(shutil.copytree(folder / "one", folder / "pickled"))
    (pickled / "adapter_model.safetensors").rename(pickled / "adapter_model.bin")
    other = make_model(tmp_path / "other", seed=5)
    make_adapter(folder / "foreign", other, folder_hash(other), seed=2)
    for path, says in {
        str(outside): "does not lie directly in",
        str(folder / "linked"): "does not lie directly in",
        str(folder / ".hidden"): "does not lie directly in",
        f"{folder}/one/../../outside": "does not lie directly in",
        "one": "does not lie directly in",
        str(folder / "none"): "There is no adapter 'none'",
        str(pickled): "There is no adapter 'pickled'",
        str(folder / "foreign"): "was made for the base model",
    }.items():
        refused = call(url, "load_lora_adapter", lora_name=f"bad-{path}"[:200], lora_path=path)
        assert refused.status_code == 400, path
        assert says in refused.json()["error"]["message"], path
    for name in ("linked", "pickled", "foreign", ".hidden"):
        (folder / name).unlink() if name == "linked" else shutil.rmtree(folder / name)


def test_the_app_uses_it_as_its_default_model_and_needs_no_weights_of_its_own(
    engine, url, remote, tmp_path, monkeypatch
):
    monkeypatch.setenv("KEY", "secret")
    declared = tmp_path / "servers.toml"
    declared.write_text(f'[servers.ours]\nurl = "{url}"\nmodel = "{engine.name}"\nkind = "duodesk"\nkey_env = "KEY"\n')
    settings = Settings(
        data=str(tmp_path / "data"),
        model="ours",
        servers=str(declared),
        adapters=str(engine.adapter_folder.folder),
        adapter="one",
        knowledge="",
        redaction="off",
    )
    parts = compose(settings)
    with contextlib.closing(parts.store):
        parts.model.load()
        assert (parts.model.name, parts.model.state) == (engine.name, "ready")
        assert parts.model.adapters() == ["one", "three", "two"]
        with pytest.raises(ModelError, match="needs the weights of the base model here, but `model` names the server"):
            parts.training.defaults(100)
    gone = compose(_elsewhere(settings, declared, url))
    with contextlib.closing(gone.store), pytest.raises(ServerError, match="The model server 'ours' cannot be reached"):
        gone.model.load()


def _elsewhere(settings, declared, url):
    declared.write_text(declared.read_text().replace(url, "http://127.0.0.1:9/v1"))
    return settings
