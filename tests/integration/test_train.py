"""Training an adapter for real, on a tiny model: what it saves, and what it refuses."""

import json

import pytest

from backends.adapter_folder import AdapterFolder
from backends.engine.model import LocalModel
from backends.retrieval import HybridRetriever
from backends.templates import TemplateLibrary
from core.errors import AdapterError, TrainingError
from core.types import Decoding, Turn
from finetune.train import Recipe, train_adapter
from tests.integration.tiny_models import ROOT, make_model

ROUNDS = [
    {
        "messages": [
            {"role": "user", "content": f"What is the price of part {n}?"},
            {"role": "assistant", "content": "Part prices start at nine euros, rider."},
            {"role": "user", "content": "And shipping?"},
            {"role": "assistant", "content": "Shipping is free, rider."},
        ]
    }
    for n in range(24)
]
RECIPE = Recipe(epochs=4, learning_rate=1e-2, rank=4, batch_size=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("train")


@pytest.fixture(scope="module")
def transcripts(folder):
    file = folder / "past.jsonl"
    file.write_text("\n".join(json.dumps(one) for one in ROUNDS))
    return file


@pytest.fixture(scope="module")
def model(folder):
    return LocalModel(str(make_model(folder / "tiny")), AdapterFolder(folder / "adapters"), folder / "cache")


def train(folder, model, transcripts, name="support", recipe=RECIPE):
    return train_adapter(
        name,
        [transcripts],
        folder / "adapters",
        model,
        TemplateLibrary(ROOT / "prompts", folder / "versions"),
        HybridRetriever(folder / "index"),
        "friendly",
        "Velomoor",
        recipe,
    )


@pytest.fixture(scope="module")
def card(folder, model, transcripts):
    return train(folder, model, transcripts)


def test_training_lowers_the_loss_on_rows_it_did_not_see(card):
    losses = card["validation_loss"]
    assert len(losses) == 4
    assert losses[-1] < losses[0]


def test_the_card_tells_what_the_adapter_was_made_of(card, model, folder):
    assert card["conversation_rounds"] == 48
    assert card["rows"] > 48, "a share of the rounds comes once more with passages"
    assert (card["model"], card["model_hash"]) == (model.name, model.hash)
    config = json.loads((folder / "adapters/support/adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == model.name, "a path of this machine would mean nothing elsewhere"
    assert json.loads((folder / "adapters/support/card.json").read_text()) == json.loads(json.dumps(card))
    assert {file.name for file in (folder / "adapters/support").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "card.json",
        "README.md",
    }


def test_a_fresh_adapter_answers_at_once_and_differs_from_the_base(card, model):
    ask = (Turn("user", "What is the price of part 3?"),)
    with_adapter = "".join(p.text for p in model.stream(ask, Decoding(max_new_tokens=12), "support"))
    base = "".join(p.text for p in model.stream(ask, Decoding(max_new_tokens=12)))
    assert with_adapter != base


def test_it_loads_in_plain_peft(card, model, folder):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(model.folder)
    assert PeftModel.from_pretrained(base, folder / "adapters/support").peft_config["default"].r == 4


def test_an_existing_adapter_is_never_overwritten(card, folder, model, transcripts):
    with pytest.raises(AdapterError, match="exists already"):
        train(folder, model, transcripts)


@pytest.mark.parametrize("name", ["../outside", "", "a b", ".hidden"])
def test_a_name_that_is_no_folder_name_is_refused(folder, model, transcripts, name):
    with pytest.raises(AdapterError, match="cannot name"):
        train(folder, model, transcripts, name=name)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"messages": [{"role": "user"}]}', "row 1"),
        ('{"question": "a"}', "choose with answer="),
        ("not json", "line 1"),
        ("", "no answered question"),
    ],
)
def test_broken_transcripts_are_named_by_line_and_nothing_is_left_behind(folder, model, tmp_path, content, says):
    file = tmp_path / "broken.jsonl"
    file.write_text(content)
    with pytest.raises(TrainingError, match=says):
        train(folder, model, file, name="other")
    assert not (folder / "adapters/other").exists()


def test_missing_transcripts_are_named(folder, model, tmp_path):
    with pytest.raises(TrainingError, match="none.jsonl"):
        train(folder, model, tmp_path / "none.jsonl", name="other")
