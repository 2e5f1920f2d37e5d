"""What the project ships, put together: the embedded model, its adapter, its templates and its articles."""

import dataclasses

import pytest

from core.settings import Settings, load_settings
from core.types import ARM_NAMES, ArmSpec
from launch import compose
from tests.integration.tiny_models import ROOT


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shipped")
    settings: Settings = dataclasses.replace(load_settings({}, {}), data=str(folder / "data"))
    parts = compose(settings)
    parts.retriever.index([ROOT / "knowledge/articles/homeward-return.md", ROOT / "knowledge/articles/refunds.md"])
    yield parts
    parts.store.close()


@pytest.mark.parametrize("arm", ARM_NAMES)
def test_every_arm_answers_with_the_shipped_model_and_adapter(parts, arm):
    chat = parts.desk.open_chat("me")
    *_, answer = parts.desk.ask(
        chat.id, "How long do I have to send my bike back?", ArmSpec(arm, "friendly", "velomoor")
    )
    assert answer.outcome == "complete", answer.error
    assert len(answer.text.split()) > 3
    assert answer.arm.model == "embedded"
    assert bool(answer.passages) == ("prompt" in arm)


def test_the_adapter_has_learnt_the_house_voice(parts):
    said = {}
    for arm in ("bare", "lora"):
        chat = parts.desk.open_chat("me")
        *_, answer = parts.desk.ask(chat.id, "Can I cancel my order?", ArmSpec(arm, "friendly", "velomoor"))
        said[arm] = answer.text
    assert "Crew" in said["lora"]
    assert "Crew" not in said["bare"]


def test_the_shipped_weights_are_small_enough_for_a_repository():
    shards = list((ROOT / "models/embedded").glob("*.safetensors"))
    assert shards
    assert all(shard.stat().st_size <= 15_000_000 for shard in shards)
