"""The losses that a card shows: of sets of rows whose answers are judged once, whatever sets they stand in."""

from __future__ import annotations

import math

import pytest

from finetune import losses
from finetune.losses import IGNORED, answer_losses, set_losses
from tests.integration.tiny_models import make_model


def row(question: str, answer: str) -> dict[str, list[dict[str, str]]]:
    return {
        "prompt": [{"role": "user", "content": question}],
        "completion": [{"role": "assistant", "content": answer}],
    }


ROWS = [row("Hi", "Good morning."), row("How long does it take?", "Three days."), row("And then?", "We call you " * 9)]


@pytest.fixture(scope="module")
def model_and_tokenizer(tmp_path_factory):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = make_model(tmp_path_factory.mktemp("losses") / "model")
    return AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)


def test_a_rows_loss_is_that_of_the_model_itself_whatever_stands_beside_it(model_and_tokenizer):
    import torch

    model, tokenizer = model_and_tokenizer
    encoded = [losses._encode(tokenizer, one) for one in ROWS]
    with torch.no_grad():
        found, tokens = answer_losses(model, losses._batch(encoded, model.device))
        for (ids, labels), loss, count in zip(encoded, found.tolist(), tokens.tolist(), strict=True):
            assert count == sum(label != IGNORED for label in labels)
            theirs = model(input_ids=torch.tensor([ids]), labels=torch.tensor([labels])).loss
            assert loss / count == pytest.approx(float(theirs), rel=1e-4)


def test_a_sets_loss_is_the_mean_over_its_tokens_and_a_row_of_two_sets_is_read_once(model_and_tokenizer, monkeypatch):
    model, tokenizer = model_and_tokenizer
    alone = [set_losses(model, tokenizer, {"one": [one]}, 512)["one"] for one in ROWS]
    counts = [sum(label != IGNORED for label in losses._encode(tokenizer, one)[1]) for one in ROWS]
    read = []
    monkeypatch.setattr(
        losses, "answer_losses", lambda *args: read.append(len(args[1]["labels"])) or answer_losses(*args)
    )
    found = set_losses(model, tokenizer, {"all": ROWS, "topic": ROWS[1:], "none": []}, 512)
    assert sum(read) == len(ROWS)
    for name, part in (("all", slice(0, 3)), ("topic", slice(1, 3))):
        total = math.fsum(loss * count for loss, count in zip(alone[part], counts[part], strict=True))
        assert found[name] == pytest.approx(total / sum(counts[part]), abs=2e-4)
    assert "none" not in found


def test_rows_longer_than_the_context_are_left_out(model_and_tokenizer):
    model, tokenizer = model_and_tokenizer
    length = len(losses._encode(tokenizer, ROWS[0])[0])
    assert set_losses(model, tokenizer, {"short": ROWS[:1], "long": ROWS[2:]}, length).keys() == {"short"}
