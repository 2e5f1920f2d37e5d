"""Reads the optional corpus of real text (`*.jsonl.zst`) as conversations in the same form as generated ones."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SYSTEMS = (
    "You are a customer service agent.",
    "You are a helpful customer service agent. Answer the customer.",
    "You are a chat agent. Be helpful.",
)


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of one compressed file; OSError when it is missing."""
    import zstandard

    with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as plain:
        for line in io.TextIOWrapper(plain, encoding="utf-8"):
            yield json.loads(line)


def clean(text: str) -> str:
    """Text without the characters that stand for special tokens here, and without a space at its ends."""
    return text.replace("<|", "< |").strip()


def as_chat(name: str, item: dict[str, Any], rng: random.Random) -> list[dict[str, str]]:
    """One item of corpus `name` as messages; empty when it cannot be used."""
    if name == "dialogues":
        chat = [{"role": "system", "content": rng.choice(SYSTEMS)}]
        for turn in item["turns"]:
            role = "user" if turn["role"] == "customer" else "assistant"
            if chat[-1]["role"] == role:
                chat[-1]["content"] += " " + clean(turn["text"])
            else:
                chat.append({"role": role, "content": clean(turn["text"])})
        return chat if len(chat) > 2 else []
    if name == "grounded":
        passages = "\n\n".join(f"[{i}] {clean(p)[:1200]}" for i, p in enumerate(item["passages"], 1))
        ask = f"Passages:\n{passages}\n\nQuestion: {clean(item['question'])}"
        return [
            {"role": "system", "content": rng.choice(SYSTEMS) + " Answer only from the passages. Be brief."},
            {"role": "user", "content": ask},
            {"role": "assistant", "content": clean(item["answer"])},
        ]
    if name == "instructions":
        ask = clean(f"{item['instruction']}\n{item.get('input') or ''}")
        return [{"role": "user", "content": ask}, {"role": "assistant", "content": clean(item["output"])}]
    # Articles have no roles: the text is an assistant message, so that the loss covers all of it.
    return [
        {"role": "user", "content": clean(item["title"])},
        {"role": "assistant", "content": clean(item["text"])[:2500]},
    ]


def read(corpus: Path, name: str, limit: int, seed: int = 0) -> list[list[dict[str, str]]]:
    """Up to `limit` conversations of one file (dialogues, grounded, articles or instructions), shuffled by seed."""
    rng = random.Random(seed)
    items = list(lines(corpus / f"{name}.jsonl.zst"))
    rng.shuffle(items)
    chats = []
    for item in items:
        chat = as_chat(name, item, rng)
        if chat:
            chats.append(chat)
        if len(chats) == limit:
            break
    return chats
