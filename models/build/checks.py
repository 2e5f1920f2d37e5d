"""Checks a model on generated questions about companies it has not seen: losses, copied values, declining."""

from __future__ import annotations

import random
import re
from typing import Any

from models.build import corpus, phrasing
from models.build.corpus import FULL, STAGES, Difficulty
from models.build.samples import Sample
from models.build.tokenizer import render

SEED = 990_001  # far from every training seed


def held_out(count: int, passages: int = 0, hard: Difficulty = FULL) -> list[Sample]:
    """Conversations in the shape of the application whose last answer needs values, or declines.

    Their companies are none that training draws, nor are texts and questions of the topics; lists and house names
    have the patterns of the training. `passages` 0 means two to five.
    """
    rng = random.Random(SEED)
    made: list[Sample] = []
    while len(made) < count:
        one = corpus.exact(rng, hard, held_out=True, passages=passages)
        if one.kinds[-1] in ("answer", "decline"):
            made.append(one)
    return made


def generate(model: Any, tokenizer: Any, chats: list[list[dict[str, str]]], new_tokens: int = 72) -> list[str]:
    """Greedy answers to conversations that end with a user message, 16 at a time."""
    import torch

    answers = []
    for i in range(0, len(chats), 16):
        part = chats[i : i + 16]
        texts = [tokenizer.apply_chat_template(c, tokenize=False, add_generation_prompt=True) for c in part]
        batch = tokenizer(texts, add_special_tokens=False, padding=True, padding_side="left", return_tensors="pt").to(
            model.device
        )
        with torch.inference_mode():
            out = model.generate(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                do_sample=False,
                max_new_tokens=new_tokens,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        rows = out[:, batch["input_ids"].shape[1] :]
        answers += tokenizer.batch_decode(rows, skip_special_tokens=True)
    return answers


def declines(text: str) -> bool:
    """Whether a generated answer uses one of the sentences that say we do not know."""
    return any(sentence.rstrip(".") in text for sentence in phrasing.DONT_KNOW + phrasing.NO_PASSAGE)


def contains(answer: str, value: str) -> bool:
    """Whether a value stands in an answer as a whole: "2" does not stand in "21"."""
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", answer, re.IGNORECASE) is not None


def ratio(hits: list[bool]) -> float:
    """Share of true values; -1 when there are none."""
    return sum(hits) / len(hits) if hits else -1.0


def score(samples: list[Sample], answers: list[str]) -> dict[str, float]:
    """Shares from 0 to 1: values copied, answers with all their values, right and wrong declining."""
    pairs = list(zip(samples, answers, strict=True))
    told = [(s, a) for s, a in pairs if s.kinds[-1] == "answer"]
    lost = [a for s, a in pairs if s.kinds[-1] == "decline"]
    return {
        "value_accuracy": ratio([contains(a, v) for s, a in told for v in s.required[-1]]),
        "answer_accuracy": ratio([all(contains(a, v) for v in s.required[-1]) for s, a in told]),
        "decline_recall": ratio([declines(a) for a in lost]),
        "false_declines": ratio([declines(a) for _, a in told]),
        "exact_text": ratio([a == s.messages[-1]["content"] for s, a in pairs]),
    }


def loss(model: Any, tokenizer: Any, chats: list[tuple[list[dict[str, str]], bool]]) -> float:
    """Mean loss in nats per assistant token over conversations (messages, last answer only)."""
    import torch

    from models.build.batches import last_run

    total = count = 0.0
    for messages, last_only in chats:
        ids, mask = render(tokenizer, messages)
        mask = last_run(mask) if last_only else mask
        ids, mask = ids[:1024], mask[:1024]
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([ids[:-1]], device=model.device)).logits.float()[0].cpu()
        each = torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="none")
        kept = torch.tensor(mask[1:], dtype=torch.float)
        total, count = total + float((each * kept).sum()), count + float(kept.sum())
    return total / max(count, 1.0)


def losses(model: Any, source: Any, each: int) -> dict[str, float]:
    """Validation loss by source; `source` is a `batches.Source`, `each` conversations of every kind."""
    rng = random.Random(SEED + 1)
    found = {}
    for stage in STAGES:
        made = [corpus.sample(rng, stage, held_out=True) for _ in range(each)]
        found[f"loss_{stage}"] = loss(model, source.tokenizer, [(s.messages, s.last_only) for s in made])
    for name, chats in source.held_out.items():
        found[f"loss_{name}"] = loss(model, source.tokenizer, [(c, False) for c in chats[:each]])
    return found


def check(model: Any, source: Any, count: int) -> dict[str, float]:
    """Losses by source and scores of `count` greedy answers."""
    model.eval()
    samples = held_out(count)
    answers = generate(model, source.tokenizer, [s.messages[:-1] for s in samples])
    found = losses(model, source, max(4, count // 4)) | score(samples, answers)
    model.train()
    return found
