"""One contract for every backend: the 2x2 over our engine, a model server, and any LangChain chat model."""

import pytest

from backends.adapter_folder import AdapterFolder
from backends.chain import Chain
from backends.chat_model import EngineChatModels, SingleChatModel
from backends.engine.model import LocalModel
from backends.folders import folder_hash
from backends.remote.model import RemoteModel
from backends.retrieval import HybridRetriever
from backends.templates import TemplateLibrary
from core.errors import AdapterMismatch, PromptTooLong, UnknownAdapter, UnknownArm, UnknownTemplate
from core.servers import Server
from core.types import ARM_NAMES, ArmSpec, Question, Turn
from tests.integration.tiny_models import ROOT, make_adapter, make_model, merge

RETURNS = "# Returns\n\n## How long\n\nA bike can be sent back within 30 days. Form K-100 starts it.\n"
OTHER = "# Chargers\n\n## Price\n\nA new charger costs €89 and ships in 3 days.\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("backends")


@pytest.fixture(scope="module")
def retriever(folder):
    documents = folder / "documents"
    documents.mkdir()
    (documents / "returns.md").write_text(RETURNS)
    (documents / "chargers.md").write_text(OTHER)
    retriever = HybridRetriever(folder / "index")
    retriever.index([documents])
    return retriever


@pytest.fixture(scope="module")
def templates(folder):
    return TemplateLibrary(ROOT / "prompts", folder / "versions")


@pytest.fixture(scope="module")
def engine(folder):
    base = make_model(folder / "tiny", context=1024)
    make_adapter(folder / "adapters/velomoor", base, folder_hash(base))
    return LocalModel(str(base), AdapterFolder(folder / "adapters"), folder / "cache")


@pytest.fixture(scope="module")
def remote(folder, engine, model_server):
    """The engine's model on a server that has the adapter as a model of its own."""
    merged = merge(engine.folder, engine.adapter_folder.path("velomoor"), folder / "merged")
    served = {"velomoor": str(merged)}
    server = Server("test", model_server, str(engine.folder), served_adapters=served)
    return EngineChatModels(RemoteModel(server, engine.adapter_folder))


@pytest.fixture(scope="module", params=["engine", "remote", "langchain"])
def chain(request, templates, retriever):
    if request.param == "engine":
        models = EngineChatModels(request.getfixturevalue("engine"))
    elif request.param == "remote":
        models = request.getfixturevalue("remote")
    else:
        from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
        from langchain_core.messages import AIMessage

        replies = (AIMessage(content="Within 30 days, rider.") for _ in range(1000))
        models = SingleChatModel(GenericFakeChatModel(messages=replies), "fake")
    return Chain(models, templates, retriever, "Velomoor")


def arms(chain):
    return [name for name in ARM_NAMES if chain.models.adapters() or "lora" not in name]


def ask(chain, name, text="How long can I send a bike back?", template="friendly", history=()):
    return chain.draft(Question("q", "c", text, history), ArmSpec(name, template, "velomoor"))


def test_every_arm_answers_with_its_identity_and_its_prompt(chain):
    for name in arms(chain):
        draft = ask(chain, name)
        pieces = list(draft.pieces)
        assert "".join(piece.text for piece in pieces).strip()
        assert draft.arm.name == name
        assert draft.arm.model == chain.models.name
        assert (draft.arm.adapter is not None) == ("lora" in name)
        assert (draft.arm.index_version is not None) == ("prompt" in name)
        assert bool(draft.passages) == ("prompt" in name)
        sent = "\n".join(turn.text for turn in draft.prompt)
        assert ("Form K-100 starts it." in sent) == ("prompt" in name)
        assert "How long can I send a bike back?" in draft.prompt[-1].text
        assert "Velomoor" in draft.prompt[0].text


def test_the_best_passage_comes_first(chain):
    assert ask(chain, "prompt").passages[0].source == "returns.md"
    assert ask(chain, "prompt", "charger price?").passages[0].source == "chargers.md"


def test_history_goes_to_the_model(chain):
    draft = ask(chain, "bare", history=(Turn("user", "Hi, I am Ann"), Turn("assistant", "Hello Ann")))
    assert [turn.text for turn in draft.prompt[1:3]] == ["Hi, I am Ann", "Hello Ann"]


def test_a_customers_braces_and_variables_stay_as_typed(chain):
    text = "What is {company} and {{x}} and {nonesuch}?"
    assert text in ask(chain, "prompt", text).prompt[-1].text


def test_closing_the_pieces_early_is_clean(chain):
    draft = ask(chain, "bare")
    next(draft.pieces)
    draft.pieces.close()
    assert list(ask(chain, "bare").pieces)


@pytest.mark.parametrize(
    ("spec", "error", "says"),
    [
        (ArmSpec("magic", "friendly"), UnknownArm, "bare, prompt, lora"),
        (ArmSpec("bare", "nonesuch"), UnknownTemplate, "friendly"),
        (ArmSpec("lora", "friendly", "nonesuch"), UnknownAdapter, "nonesuch"),
        (ArmSpec("lora", "friendly"), UnknownArm, "needs an adapter"),
    ],
)
def test_what_does_not_exist_is_named(chain, spec, error, says):
    with pytest.raises(error, match=says):
        chain.draft(Question("q", "c", "Hello"), spec)


def test_an_adapter_made_for_another_model_is_refused(templates, retriever, engine, folder):
    make_adapter(folder / "adapters/foreign", engine.folder, "0123456789ab")
    chain = Chain(EngineChatModels(engine), templates, retriever, "Velomoor")
    with pytest.raises(AdapterMismatch):
        chain.draft(Question("q", "c", "Hello"), ArmSpec("lora", "friendly", "foreign"))


def test_a_long_conversation_loses_its_oldest_turns_before_its_passages(templates, retriever, engine):
    chain = Chain(EngineChatModels(engine), templates, retriever, "Velomoor")
    history = tuple(
        Turn("user" if i % 2 == 0 else "assistant", f"turn {i} about a bike and its charger " * 4) for i in range(60)
    )
    draft = ask(chain, "prompt", history=history)
    kept = [turn.text for turn in draft.prompt[1:-1]]
    assert 0 < len(kept) < 60
    assert kept == [turn.text for turn in history[-len(kept) :]]
    assert draft.passages
    assert list(draft.pieces)


def test_a_message_that_cannot_fit_says_so_with_numbers(templates, retriever, engine):
    chain = Chain(EngineChatModels(engine), templates, retriever, "Velomoor")
    with pytest.raises(PromptTooLong, match="shorten"):
        ask(chain, "prompt", "bike " * 1500)


def test_a_follow_up_is_searched_with_the_customers_last_message(chain):
    history = (Turn("user", "What about a new charger?"), Turn("assistant", "What would you like to know?"))
    assert ask(chain, "prompt", "How much?", history=history).passages[0].source == "chargers.md"
