"""The loss on answers: in training, and on named sets before and after it: what was learnt, what forgotten for it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

Rows = list[dict[str, Any]]

IGNORED = -100
BATCH = 8
MOST_ROWS = 200  # of one set: enough for two digits of its mean
MOST_TOPICS = 40  # a longer table says nothing


def answer_losses(model: Any, inputs: dict[str, Any]) -> tuple[Any, Any]:
    """Of each row the summed cross-entropy, in nats, over the tokens whose label is not IGNORED, and their number.

    `inputs` holds labels and the model's own inputs, [rows, length]. Logits are made for the answers' tokens alone:
    where prompts are long and vocabularies large, most of the head's work would be for tokens no one asks about.
    """
    import torch

    labels = inputs["labels"]
    asked = (labels[:, 1:] != IGNORED).any(dim=0).nonzero().squeeze(1)
    known = {name: value for name, value in inputs.items() if name != "labels"}
    logits = model(**known, use_cache=False, logits_to_keep=asked).logits.float()
    wanted = labels[:, asked + 1]
    each = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), wanted.flatten(), ignore_index=IGNORED, reduction="none"
    )
    return each.view_as(wanted).sum(dim=1), (wanted != IGNORED).sum(dim=1)


def loss_sets(validation: Rows, old: Rows, general: Rows) -> dict[str, Rows]:
    """The sets to compare: all validation rows and each of their topics, rows of the parent adapter's own validation
    data, and general support text, which no training should make worse."""
    topics: dict[str, Rows] = defaultdict(list)
    for row in validation:
        if row.get("topic"):
            topics[f"topic: {row['topic']}"].append(row)
    named = dict(sorted(topics.items())) if 1 < len(topics) <= MOST_TOPICS else {}
    sets = {"validation": validation, "old data": old, "general support": general} | named
    return {name: rows[:MOST_ROWS] for name, rows in sets.items() if rows}


def set_losses(model: Any, tokenizer: Any, sets: dict[str, Rows], context: int) -> dict[str, float]:
    """The mean loss a token of each set's answers with the weights as they are, in nats. Rows hold prompt, completion
    (or, for preferences, chosen) as messages; those longer than `context` tokens are left out."""
    import torch

    encoded = {id(row): _encode(tokenizer, row) for rows in sets.values() for row in rows}  # of several sets, once
    keys = sorted((key for key in encoded if len(encoded[key][0]) <= context), key=lambda key: len(encoded[key][0]))
    measured: dict[int, tuple[float, int]] = {}
    training = model.training
    model.eval()
    with torch.inference_mode():
        for start in range(0, len(keys), BATCH):
            part = keys[start : start + BATCH]
            losses, tokens = answer_losses(model, _batch([encoded[key] for key in part], model.device))
            measured |= zip(part, zip(losses.tolist(), tokens.tolist(), strict=True), strict=True)
    model.train(training)
    means = {name: _mean([measured[id(row)] for row in rows if id(row) in measured]) for name, rows in sets.items()}
    return {name: mean for name, mean in means.items() if mean is not None}


def _mean(measured: list[tuple[float, int]]) -> float | None:
    """Loss a token; None without tokens."""
    tokens = sum(count for _, count in measured)
    return round(sum(loss for loss, _ in measured) / tokens, 4) if tokens else None


def table(before: dict[str, float], after: dict[str, float]) -> list[dict[str, Any]]:
    """Rows of {set, before, after}."""
    return [{"set": name, "before": value, "after": after[name]} for name, value in before.items() if name in after]


def _encode(tokenizer: Any, row: dict[str, Any]) -> tuple[list[int], list[int]]:
    """Tokens and labels of one row: the answer's tokens, its end included, are what is asked."""
    prompt = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, return_dict=False)
    answer = row.get("completion") or row["chosen"]
    tokens = tokenizer.apply_chat_template(row["prompt"] + answer, return_dict=False)
    return tokens, [IGNORED] * len(prompt) + tokens[len(prompt) :]


def _batch(encoded: list[tuple[list[int], list[int]]], device: Any) -> dict[str, Any]:
    import torch

    width = max(len(tokens) for tokens, _ in encoded)

    def padded(rows: list[list[int]], filler: int) -> Any:
        return torch.tensor([row + [filler] * (width - len(row)) for row in rows], device=device)

    return {
        "input_ids": padded([tokens for tokens, _ in encoded], 0),
        "attention_mask": padded([[1] * len(tokens) for tokens, _ in encoded], 0),
        "labels": padded([labels for _, labels in encoded], IGNORED),
    }
