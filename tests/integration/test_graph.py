"""The onnxruntime graph against transformers and PEFT: every architecture it claims, batches, prefixes, 8 bits."""

import json
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest

from backends.adapter_folder import AdapterFolder
from backends.engine.model import EngineOptions, LocalModel
from backends.engine.prepare import prepare
from backends.folders import folder_hash
from core.errors import AdapterError, ModelError
from core.types import Turn
from tests.integration.tiny_models import ASK, EMBEDDED, ROOT, by_transformers, make_adapter, make_model, say

EXACT = EngineOptions(engine="onnxruntime", precision="fp32")


@pytest.fixture
def model(base, adapters, cache):
    return LocalModel(str(base), AdapterFolder(adapters), cache, EXACT)


def all_at_once(*asked):
    """The answers of (model, adapter, messages), asked from as many threads."""
    said = [""] * len(asked)

    def ask(place, one):
        said[place] = say(one[0], one[1], messages=one[2])

    threads = [threading.Thread(target=ask, args=pair) for pair in enumerate(asked)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said


@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen2", "qwen3"])
def test_each_architecture_says_what_transformers_says(kind, tmp_path):
    base = make_model(tmp_path / kind, kind=kind)
    make_adapter(tmp_path / "adapters/one", base)
    model = LocalModel(str(base), AdapterFolder(tmp_path / "adapters"), tmp_path / "cache", EXACT)
    assert say(model) == by_transformers(base) != ""
    assert say(model, "one") == by_transformers(base, adapter=tmp_path / "adapters/one")
    assert model.runs_on() == model.runs_on("one") == "onnxruntime fp32"


@pytest.mark.parametrize(
    "change", [{"use_rslora": True}, {"target_modules": ["q_proj", "down_proj"]}, {"alpha_pattern": {"v_proj": 3}}]
)
def test_each_kind_of_plain_lora_says_what_peft_says(change, base, tmp_path):
    make_adapter(tmp_path / "adapters/special", base, **change)
    model = LocalModel(str(base), AdapterFolder(tmp_path / "adapters"), tmp_path / "cache", EXACT)
    assert say(model, "special") == by_transformers(base, adapter=tmp_path / "adapters/special")
    assert say(model, "special") != say(model)


def test_an_adapter_beyond_plain_lora_is_answered_by_torch(base, tmp_path):
    make_adapter(tmp_path / "adapters/dora", base, use_dora=True)
    model = LocalModel(str(base), AdapterFolder(tmp_path / "adapters"), tmp_path / "cache", EXACT)
    assert say(model, "dora") == by_transformers(base, adapter=tmp_path / "adapters/dora")
    assert (model.runs_on(), model.runs_on("dora")) == ("onnxruntime fp32", "torch")


def test_an_adapter_with_numbers_that_are_not_finite_is_refused(base, tmp_path):
    from safetensors.numpy import load_file, save_file

    weights = make_adapter(tmp_path / "adapters/torn", base) / "adapter_model.safetensors"
    tensors = load_file(weights)
    next(iter(tensors.values()))[0, 0] = np.nan
    save_file(tensors, weights)
    model = LocalModel(str(base), AdapterFolder(tmp_path / "adapters"), tmp_path / "cache", EXACT)
    with pytest.raises(AdapterError, match="'torn' holds numbers that are not finite"):
        say(model, "torn")
    assert say(model)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"init_lora_weights": "pissa"}, "changes the base model's weights"),
        ({"peft_type": "PROMPT_TUNING"}, "of the kind PROMPT_TUNING"),
    ],
)
def test_an_adapter_that_would_change_other_arms_or_is_no_lora_is_refused(change, reason, base, tmp_path):
    config = make_adapter(tmp_path / "adapters/foreign", base) / "adapter_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | change))
    model = LocalModel(str(base), AdapterFolder(tmp_path / "adapters"), tmp_path / "cache")
    with pytest.raises(AdapterError, match=reason):
        say(model, "foreign")


def test_an_architecture_without_a_graph_is_answered_by_torch_and_the_reason_is_told(tmp_path):
    base = make_model(tmp_path / "phi", kind="phi")
    adapters, cache = AdapterFolder(tmp_path / "adapters"), tmp_path / "cache"
    model = LocalModel(str(base), adapters, cache)
    assert say(model) == by_transformers(base)
    assert model.runs_on() == "torch"
    with pytest.raises(ModelError, match="no graph for the architecture phi"):
        say(LocalModel(str(base), adapters, cache, EXACT))


def test_four_arms_at_once_say_what_they_say_alone(model):
    asked = [
        (adapter, (*ASK[:1], Turn("user", f"{text} bike?")))
        for adapter in (None, "one", "two", "three")
        for text in ("How much is the", "Where is my", "I want to send back this old and very heavy")
    ]
    alone = [say(model, adapter, messages=messages) for adapter, messages in asked]
    assert len(set(alone)) == len(asked)
    for _ in range(3):
        assert all_at_once(*((model, adapter, messages) for adapter, messages in asked)) == alone


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_answers_are_equal_with_and_without_kept_prefixes(precision, base, adapters, cache):
    keeping = replace(EXACT, precision=precision)
    forgetting = replace(keeping, prefix_cache_mb=0)
    without, kept = (LocalModel(str(base), AdapterFolder(adapters), cache, one) for one in (forgetting, keeping))
    history = list(ASK)
    for text in ("And how much is that?", "Thanks! And the red one?", "Good."):
        for adapter in (None, "one"):
            assert say(kept, adapter, messages=history) == say(without, adapter, messages=history)
        history += [Turn("assistant", say(without, messages=history)), Turn("user", text)]


def test_a_long_prompt_is_read_in_stretches_with_the_same_answer(model, base):
    messages = (Turn("user", "Where is the " + "very " * 300 + "old bike?"),)
    assert model.count(messages) > 256
    assert say(model, messages=messages) == by_transformers(base, messages)


def test_eight_bits_stay_close_to_float32(cache):
    prepared = prepare(EMBEDDED, folder_hash(EMBEDDED), cache)
    tokens = np.random.default_rng(1).integers(10, 8000, 60).tolist()
    from backends.engine.graph_runner import GraphRunner

    logits = {}
    for precision in ("fp32", "int8"):
        runner = GraphRunner(prepared.folder, prepared.shape, precision, slots=1, capacity=64, threads=1)
        runner.load_adapter("velomoor", "velomoor", ROOT / "adapters/velomoor")
        for adapter in (None, "velomoor"):
            runner.prefill(0, tokens[:30], 0, adapter)
            steps = [runner.decode([t], [30 + n], [adapter])[0].copy() for n, t in enumerate(tokens[30:])]
            logits[precision, adapter] = np.concatenate(steps)
    for adapter in (None, "velomoor"):
        exact, rounded = logits["fp32", adapter], logits["int8", adapter]
        assert not np.array_equal(exact, rounded)
        assert exact @ rounded / np.linalg.norm(exact) / np.linalg.norm(rounded) > 0.999


def test_the_shipped_model_answers_without_torch_once_it_is_prepared(tmp_path):
    prepare(EMBEDDED, folder_hash(EMBEDDED), tmp_path)
    code = f"""
import sys
from pathlib import Path
from backends.engine.model import LocalModel
from backends.adapter_folder import AdapterFolder
from core.types import Decoding, Turn
model = LocalModel({str(EMBEDDED)!r}, AdapterFolder(Path({str(ROOT / "adapters")!r})), Path({str(tmp_path)!r}))
for adapter in (None, "velomoor"):
    assert list(model.stream([Turn("user", "Hello")], Decoding(max_new_tokens=5), adapter))
print("torch" in sys.modules)
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert shown.stdout.strip() == "False"


def test_a_graph_that_says_something_else_is_not_used(base, tmp_path, monkeypatch):
    from backends.engine import graph

    monkeypatch.setattr(
        graph,
        "quantise",
        lambda matrix: (
            np.full((matrix.shape[0], matrix.shape[1] // 32, 32), 9, np.uint8),
            np.ones(matrix.size // 32, np.float32),
        ),
    )
    prepared = prepare(base, folder_hash(base), tmp_path)
    assert prepared.shape is None
    assert "int8 graph differs from transformers" in prepared.reason


def test_a_folder_that_cannot_be_written_is_named_and_nothing_half_done_is_left(base, tmp_path):
    (tmp_path / "cache").write_text("a file in the way")
    with pytest.raises(ModelError, match="cannot be prepared in .*cache"):
        prepare(base, folder_hash(base), tmp_path / "cache")
    assert [file.name for file in tmp_path.iterdir()] == ["cache"]


def test_an_interrupted_preparation_is_done_again(base, tmp_path):
    first = prepare(base, folder_hash(base), tmp_path)
    assert json.loads((first.folder / "prepared.json").read_text())["shape"]
    (first.folder / "prepared.json").unlink()
    assert prepare(base, folder_hash(base), tmp_path) == first
    assert [folder.name for folder in tmp_path.iterdir()] == [first.folder.name]
