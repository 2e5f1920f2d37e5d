"""Adapters on vLLM, which no machine of ours runs: against an imitation that gives the replies of vLLM's documentation
(docs.vllm.ai, "LoRA Adapters": Dynamically serving LoRA Adapters) and of its server's source, word for word.
"""

import shutil
from pathlib import Path

import pytest

from backends.adapter_folder import AdapterFolder
from backends.folders import folder_hash
from backends.remote.breaker import Breaker
from backends.remote.model import RemoteModel
from core.errors import AdapterError, ServerError, UnknownAdapter
from core.servers import Server
from core.types import Decoding, Turn
from tests.unit.scripted_server import ScriptedServer, refuses, says, sends

ROOT = Path(__file__).resolve().parents[2]
LOAD, UNLOAD, CHAT = "/v1/load_lora_adapter", "/v1/unload_lora_adapter", "/v1/chat/completions"


class VLLM(ScriptedServer):
    """Keeps the list of loaded adapters as vLLM does; `ready` tells whether it was started so that it loads any."""

    def __init__(self):
        super().__init__()
        self.loaded = {}
        self.ready = True
        self.routes = {LOAD: self._load, UNLOAD: self._unload, CHAT: self._chat}

    def _load(self, request):
        body = self.asked[-1][2]
        name = body["lora_name"]
        if not self.ready:
            reply = refuses(404, {"detail": "Not Found"})
        elif name in self.loaded:
            said = f"The lora adapter '{name}' has already been loaded. If you want to load the adapter in place, set "
            reply = refused(400, "InvalidUserInput", said + "'load_inplace' to True.")
        else:
            self.loaded[name] = body["lora_path"]
            reply = sends(f"Success: LoRA adapter '{name}' added successfully.", kind="text/plain")
        reply(request)

    def _unload(self, request):
        name = self.asked[-1][2]["lora_name"]
        if self.loaded.pop(name, None):
            reply = sends(f"Success: LoRA adapter '{name}' removed successfully.", kind="text/plain")
        else:
            reply = refused(404, "NotFoundError", f"The lora adapter '{name}' cannot be found.")
        reply(request)

    def _chat(self, request):
        model = self.asked[-1][2]["model"]
        known = model == "m" or model in self.loaded
        reply = says(model) if known else refused(404, "NotFoundError", f"The model `{model}` does not exist.")
        reply(request)


def refused(status, kind, message):
    return refuses(status, {"error": {"message": message, "type": kind, "param": None, "code": status}})


@pytest.fixture
def server():
    running = VLLM()
    yield running
    running.stop()


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "adapters/velomoor", tmp_path / "velomoor")
    return AdapterFolder(tmp_path)


@pytest.fixture
def make(server, folder):
    def made(**options):
        declared = Server("gpu", **{"url": server.url, "model": "m", "kind": "vllm", "timeout_s": 5, **options})
        return RemoteModel(declared, folder, Breaker(2))

    return made


def text(model, adapter):
    return "".join(piece.text for piece in model.stream((Turn("user", "How long?"),), Decoding(), adapter))


def named(folder):
    return f"velomoor-{folder_hash(folder.path('velomoor'))}"


def test_an_adapter_is_loaded_once_under_its_name_and_hash_and_then_asked_for_as_a_model(server, make, folder):
    model = make()
    assert model.adapters() == ["velomoor"]
    assert model.adapter_hash("velomoor") == folder_hash(folder.path("velomoor"))
    assert model.runs_on("velomoor") == f"vllm at {server.url}, model {named(folder)}"
    assert [text(model, "velomoor"), text(model, "velomoor"), text(model, None)] == [named(folder)] * 2 + ["m"]
    assert server.paths() == [LOAD, CHAT, CHAT, CHAT]
    assert server.asked[0][2] == {"lora_name": named(folder), "lora_path": str(folder.path("velomoor"))}


def test_the_server_may_see_the_folder_of_adapters_elsewhere(server, make, folder):
    text(make(adapters="/srv/adapters/"), "velomoor")
    assert server.loaded == {named(folder): "/srv/adapters/velomoor"}


def test_an_adapter_that_another_process_has_loaded_is_fine(server, make, folder):
    text(make(), "velomoor")
    assert text(make(), "velomoor") == named(folder)
    assert server.paths() == [LOAD, CHAT] * 2


def test_an_adapter_that_has_changed_is_another_one_on_the_server_too(server, make, folder):
    model = make()
    before = text(model, "velomoor")
    config = folder.path("velomoor") / "adapter_config.json"
    config.write_text(config.read_text() + "\n")
    assert text(model, "velomoor") == named(folder) != before
    assert list(server.loaded) == [named(folder)], "the older version only takes room there"
    assert server.paths() == [LOAD, CHAT, LOAD, UNLOAD, CHAT]


def test_an_older_version_that_is_gone_already_does_no_harm(server, make, folder):
    model = make()
    text(model, "velomoor")
    config = folder.path("velomoor") / "adapter_config.json"
    config.write_text(config.read_text() + "\n")
    server.loaded.clear()
    assert text(model, "velomoor") == named(folder)


def test_a_server_that_was_started_again_gets_its_adapters_again(server, make, folder):
    model = make()
    text(model, "velomoor")
    server.loaded.clear()
    assert text(model, "velomoor") == named(folder)
    assert server.paths() == [LOAD, CHAT, CHAT, LOAD, CHAT]


def test_a_model_that_the_server_does_not_have_is_asked_for_once(server, make):
    with pytest.raises(ServerError, match="The model `other` does not exist"):
        text(make(model="other"), None)
    assert server.paths() == [CHAT]


def test_an_adapter_that_was_loaded_at_the_servers_start_needs_no_loading(server, make):
    server.loaded["tone"] = "/srv/tone"
    model = make(served_adapters={"tone": "tone"})
    assert model.adapters() == ["tone", "velomoor"]
    assert text(model, "tone") == "tone"
    assert server.paths() == [CHAT]


def test_a_server_that_was_not_started_for_it_is_named_with_what_to_do(server, make):
    server.ready = False
    with pytest.raises(ServerError, match="'gpu' does not load adapters; start vLLM with --enable-lora and with VLLM_"):
        text(make(), "velomoor")


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (404, "NotFoundError", "Loading lora velomoor-1 failed: No adapter found for /srv/velomoor"),
        (500, "InternalServerError", "LoRA rank 64 is greater than max_lora_rank 16."),
    ],
)
def test_an_adapter_that_the_server_does_not_take_is_no_reason_to_leave_it_alone(server, make, status, kind, message):
    server.routes[LOAD] = refused(status, kind, message)
    model = make()
    for _ in range(3):
        with pytest.raises(ServerError, match="does not take the adapter 'velomoor-") as caught:
            text(model, "velomoor")
        assert message in str(caught.value)
        assert "`adapters` in [servers.gpu]" in str(caught.value)
    assert server.paths() == [LOAD] * 3, "asking again changes nothing"
    assert text(model, None) == "m"


def test_an_adapter_that_is_not_here_or_is_no_lora_is_not_loaded(server, make, folder):
    with pytest.raises(UnknownAdapter, match="no adapter 'nonesuch'"):
        make().adapter_hash("nonesuch")
    config = folder.path("velomoor") / "adapter_config.json"
    config.write_text(config.read_text().replace('"LORA"', '"IA3"'))
    with pytest.raises(AdapterError):
        text(make(), "velomoor")
    assert not server.asked
