"""The embedded model on a real server (`transformers serve`) answers as it does here."""

import contextlib

import pytest

from backends.adapter_folder import AdapterFolder
from backends.engine.model import EngineOptions, LocalModel
from backends.remote.model import RemoteModel
from core.errors import ServerError
from core.servers import Server
from core.types import Decoding, Turn
from study.questions import read_questions
from tests.integration.tiny_models import EMBEDDED, ROOT, merge

SHORT = Decoding(max_new_tokens=30)
SYSTEM = Turn("system", "You are a customer service agent of Velomoor.")


@pytest.fixture(scope="module")
def local(cache):
    return LocalModel(str(EMBEDDED), AdapterFolder(ROOT / "adapters"), cache, EngineOptions(precision="fp32"))


@pytest.fixture(scope="module")
def declared(model_server, tmp_path_factory):
    merged = merge(EMBEDDED, ROOT / "adapters/velomoor", tmp_path_factory.mktemp("merged"))
    return Server("test", model_server, str(EMBEDDED), served_adapters={"velomoor": str(merged)})


@pytest.fixture(scope="module")
def remote(declared, local):
    return RemoteModel(declared, local.adapter_folder)


def answer(model, question, adapter):
    pieces = list(model.stream((SYSTEM, *question.history, Turn("user", question.question)), SHORT, adapter))
    return "".join(piece.text for piece in pieces), pieces[-1].prompt_tokens, pieces[-1].new_tokens


@pytest.mark.parametrize("adapter", [None, "velomoor"])
def test_greedy_answers_are_those_of_the_local_model_word_for_word(local, remote, adapter):
    for question in read_questions(ROOT / "knowledge/questions")[::37]:
        said, prompt_tokens, new_tokens = answer(remote, question, adapter)
        expected = answer(local, question, adapter)
        assert (said, prompt_tokens) == expected[:2], question.id
        assert new_tokens - expected[2] in (0, 1), "this server counts the token that ends an answer too"


def test_a_stopped_answer_leaves_the_server_ready_for_the_next(remote):
    question = read_questions(ROOT / "knowledge/questions/bikes.jsonl")[0]
    messages = (SYSTEM, Turn("user", question.question))
    with contextlib.closing(remote.stream(messages, Decoding(max_new_tokens=500))) as pieces:
        assert next(piece.text for piece in pieces if piece.text)
    assert answer(remote, question, None)[0]


def test_a_model_that_the_server_does_not_have_is_a_clear_sentence(declared, local):
    absent = RemoteModel(Server("test", declared.url, "nonesuch"), local.adapter_folder)
    with pytest.raises(ServerError, match="The model server 'test' .*HTTP"):
        list(absent.stream((SYSTEM,), SHORT))
