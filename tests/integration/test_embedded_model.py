"""The tokenizer and the weights in models/embedded, loaded as the application loads them: offline, from files."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from models.build import corpus
from models.build.batches import PLAN, Source, last_run, pack, phase_at, stream, tensors
from models.build.curves import draw
from models.build.tokenizer import CHAT_TEMPLATE, render

FOLDER = Path(__file__).parents[2] / "models" / "embedded"
CHAT = [
    {"role": "system", "content": "You are a customer service agent of Kovia."},
    {"role": "user", "content": "Passages:\n[1] Returns: Times\n- 14 days\n\nQuestion: How long?"},
    {"role": "assistant", "content": "You have 14 days.  Two spaces\nand a line."},
    {"role": "user", "content": "thx"},
    {"role": "assistant", "content": "You're welcome."},
]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(FOLDER, local_files_only=True)


@pytest.mark.parametrize(
    "text",
    [
        "€14.90 E-417",
        "  two  spaces\n\n\tand a tab ",
        "naïve 漢字 🚲 Ω",
        "".join(map(chr, range(256))),
        "It costs €1,250.",
    ],
)
def test_text_comes_back_exactly_and_ids_agree_with_sentencepiece(tokenizer: Any, text: str) -> None:
    import sentencepiece

    ids = tokenizer.encode(text, add_special_tokens=False)
    processor = sentencepiece.SentencePieceProcessor(model_file=str(FOLDER / "tokenizer.model"))
    assert tokenizer.decode(ids) == text
    assert ids == processor.encode(text)


def test_generated_text_has_the_same_ids_in_both(tokenizer: Any) -> None:
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_file=str(FOLDER / "tokenizer.model"))
    rng = random.Random(4)
    for _ in range(100):
        for message in corpus.sample(rng).messages:
            assert tokenizer.encode(message["content"], add_special_tokens=False) == processor.encode(
                message["content"]
            )


def test_every_digit_is_a_token_of_its_own(tokenizer: Any) -> None:
    pieces = tokenizer.convert_ids_to_tokens(tokenizer.encode("E-417 2026", add_special_tokens=False))
    assert [p for p in pieces if any(c.isdigit() for c in p)] == list("4172026")


def test_special_tokens_are_single_ids_and_end_is_the_end(tokenizer: Any) -> None:
    assert tokenizer.convert_ids_to_tokens(tokenizer.encode("<s><|user|>x<|end|>", add_special_tokens=False))[:2] == [
        "<s>", "<|user|>",
    ]  # fmt: skip
    assert tokenizer.eos_token == "<|end|>"
    assert tokenizer.pad_token == "<|pad|>"
    assert tokenizer.pad_token_id != tokenizer.eos_token_id


def test_the_template_renders_and_offers_the_assistant_its_turn(tokenizer: Any) -> None:
    text = tokenizer.apply_chat_template(CHAT[:2], tokenize=False, add_generation_prompt=True)
    assert text == f"<s><|system|>{CHAT[0]['content']}<|end|><|user|>{CHAT[1]['content']}<|end|><|assistant|>"
    assert (FOLDER / "chat_template.jinja").read_text(encoding="utf-8") == CHAT_TEMPLATE


def test_the_mask_covers_exactly_what_the_assistant_writes_and_its_end(tokenizer: Any) -> None:
    ids, mask = render(tokenizer, CHAT)
    assert len(ids) == len(mask)
    written = tokenizer.decode([i for i, m in zip(ids, mask, strict=True) if m])
    assert written == CHAT[2]["content"] + "<|end|>" + CHAT[4]["content"] + "<|end|>"
    last = tokenizer.decode([i for i, m in zip(ids, last_run(mask), strict=True) if m])
    assert last == CHAT[4]["content"] + "<|end|>"


def test_packing_keeps_whole_conversations_and_pads_the_rest() -> None:
    pool = [([1] * 5, [1.0] * 5), ([2] * 9, [1.0] * 9), ([3] * 4, [1.0] * 4)]
    ids, weights = pack(pool, length=10, pad=0)
    assert ids == [1] * 5 + [3] * 4 + [0, 0]
    assert weights == [1.0] * 9 + [0.0, 0.0]
    assert pool == [([2] * 9, [1.0] * 9)]


def test_the_mixture_is_defined_for_the_whole_run() -> None:
    assert phase_at(0.0).length <= phase_at(1.0).length
    assert "exact" in phase_at(1.0).mix


def test_the_loss_sees_the_weightiest_places_and_their_next_ids() -> None:
    import torch

    row = ([1, 10, 11, 12, 13, 14], [0.0, 0.0, 0.0, 1.0, 1.0, 0.2])
    ids, places, targets, weights = tensors([row], share=0.6)
    assert ids.tolist() == [[1, 10, 11, 12, 13]]
    assert places.tolist() == [2, 3, 4] and targets.tolist() == [12, 13, 14]
    assert torch.allclose(weights, torch.tensor([1.0, 1.0, 0.2]))


def test_the_loss_is_that_of_the_model_itself(tokenizer: Any) -> None:
    """Computing logits at some places only, gives what transformers gives for labels at these places."""
    import torch
    from transformers import AutoModelForCausalLM

    from models.build.pretrain import make_loss

    model = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32, local_files_only=True)
    ids, mask = render(tokenizer, CHAT)
    labels = torch.tensor([[i if m else -100 for i, m in zip(ids, mask, strict=True)]])
    with torch.no_grad():
        theirs = model(input_ids=torch.tensor([ids]), labels=labels).loss
        share = sum(mask) / (len(ids) - 1)
        ours = make_loss(model, "cpu")(*tensors([(ids, [float(m) for m in mask])], share))
    assert abs(float(ours) - float(theirs)) < 0.05  # ours runs in bf16


def test_processes_beside_the_training_follow_its_progress(tokenizer: Any) -> None:
    progress, batches = stream(Source(tokenizer, None), PLAN, 0.2, 1, workers=1)
    assert next(batches)[0].shape[1] == phase_at(0.0).length
    progress.value = 1.0
    assert [next(batches)[0].shape[1] for _ in range(6)][-1] == phase_at(1.0).length


def test_a_signal_to_all_processes_leaves_the_training_its_data(tokenizer: Any) -> None:
    import multiprocessing
    import os
    import signal

    _, batches = stream(Source(tokenizer, None), PLAN, 0.2, 1, workers=1)
    next(batches)
    for worker in multiprocessing.active_children():
        os.kill(worker.pid or 0, signal.SIGTERM)
    assert all(len(next(batches)) == 4 for _ in range(6))


def test_the_weights_load_and_answer(tokenizer: Any) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    from models.build.checks import generate

    model = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32, local_files_only=True)
    assert model.config.vocab_size == len(tokenizer)
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight
    answers = generate(model, tokenizer, [CHAT[:2], CHAT[:4]], new_tokens=12)
    assert all(answer.strip() for answer in answers)
    assert generate(model, tokenizer, [CHAT[:2]], new_tokens=12)[0] == answers[0]


def test_no_weights_file_is_larger_than_the_shard_size() -> None:
    assert all(f.stat().st_size < 15_500_000 for f in FOLDER.glob("*.safetensors"))


def pretrain(*arguments: str | Path) -> None:
    """The command, in this process: importing torch and transformers anew costs more than these few steps."""
    import signal

    import torch

    from models.build.pretrain import main

    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["pretrain", "--check-samples", "1", "--hours", "0.1", *map(str, arguments)])
        patch.setattr(signal, "signal", lambda *_: None)
        patch.setenv("OMP_WAIT_POLICY", "PASSIVE")
        main()
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new model's folder `model`, trained for 3 steps and for 2 more in the folder `run`."""
    folder = tmp_path_factory.mktemp("pretrain")
    command = ["--preset", "tiny", "--work", folder / "run"]
    for last in (["--steps", "3"], ["--steps", "5"], ["--export", folder / "model"]):
        pretrain(*command, *last)
    return folder


def test_training_runs_resumes_and_exports(small_model: Path) -> None:
    log = (small_model / "run" / "log.jsonl").read_text()
    assert '"check": 3' in log and '"check": 5' in log
    draw(small_model / "run", small_model / "curves.png")
    assert (small_model / "curves.png").stat().st_size > 5000
    names = {f.name for f in (small_model / "model").iterdir()}
    assert {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer.model"} <= names
    assert {"tokenizer_config.json", "chat_template.jinja"} <= names


def test_an_adapter_is_trained_resumed_and_exported(small_model: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    command = ["--preset", "reader", "--start", small_model / "model", "--work", tmp_path / "run"]
    for last in (["--steps", "1"], ["--steps", "2"], ["--export", tmp_path / "out"]):
        pretrain(*command, *last)
    assert '"check": 2, "tokens": 4096' in (tmp_path / "run" / "log.jsonl").read_text()
    weights = load_file(tmp_path / "out" / "adapter_model.safetensors")
    assert len(weights) == 2 * 7 * 2 and all("lora" in name for name in weights)
    assert any(matrix.abs().max() > 0 for name, matrix in weights.items() if "lora_B" in name)


def test_another_models_checkpoint_is_refused(small_model: Path) -> None:
    with pytest.raises(SystemExit, match="is of another model or preset; name another folder with --work"):
        pretrain("--preset", "reader", "--start", small_model / "model", "--work", small_model / "run")


def test_an_adapters_base_model_must_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from models.build import pretrain

    monkeypatch.setattr("sys.argv", ["pretrain", "--preset", "reader", "--work", str(tmp_path)])
    with pytest.raises(SystemExit):
        pretrain.main()
    assert "name the folder of its base model with --start" in capsys.readouterr().err


def test_word_vectors_bring_related_words_together(tokenizer: Any) -> None:
    import torch

    from backends.embedding import weights_folder
    from models.build.word_vectors import word_vectors

    made = word_vectors(tokenizer, weights_folder(), 64)
    assert made.shape == (len(tokenizer), 64) and 0.01 < float(made.std()) < 0.04

    def alike(one: str, other: str) -> float:
        first, second = (tokenizer.encode(word, add_special_tokens=False)[0] for word in (one, other))
        return float(torch.cosine_similarity(made[first], made[second], 0))

    assert alike(" pay", " paid") > alike(" pay", " Monday") + 0.1
