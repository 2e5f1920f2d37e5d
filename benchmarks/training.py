"""How fast adapters are trained, beside a plain PEFT loop.

python -m benchmarks --measures training --rounds 3

All train LoRA of rank 16 on the demo company's transcripts, in turn within one run: on short rows alone, and on short
rows of which every fifth has an article in its prompt and is several times as long. The plain loop is what one would
write by hand: AdamW, gradient clipping, each batch padded to its own longest row. It runs on the trainer's own batches
of like length, which says what the trainer costs; on batches drawn at random, which says what grouping by length gains;
and on those without padding, their rows packed behind one another into one.
Speed is in tokens that are not padding.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measure import interleave, median, ratio
from benchmarks.rows import Row, at_least
from core.training import Recipe
from finetune.trainer import Base, build_trainer, load, lora_config

ROOT = Path(__file__).resolve().parent.parent
ROWS = 160
BATCH = 8
LIKE, RANDOM, PACKED = "batches of like length", "random batches", "random batches, packed"


def rows(model: str, folder: Path, rounds: int) -> list[Row]:
    base = Base(folder, model, 2048)
    found = []
    for case, every in (("short rows", 0), ("every fifth row long", 5)):
        speeds = _speeds(base, demo_rows(every), rounds)
        ours = speeds.pop("ours")
        measure = f"training, {case}: ours over a plain loop on"
        found.append(at_least(f"{measure} the same batches", model, ratio(ours, speeds[LIKE]), 0.9))
        found.append(at_least(f"{measure} {RANDOM}", model, ratio(ours, speeds[RANDOM]), 1.5))
        found.append(Row(f"{measure} {PACKED}", model, str(ratio(ours, speeds[PACKED]))))
        absolute = ", ".join(f"{name} {median(values):.0f}" for name, values in {"ours": ours, **speeds}.items())
        found.append(Row(f"training, {case}: tokens a second", model, absolute))
    return found


def _speeds(base: Base, data: list[dict[str, Any]], rounds: int) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        # The folder's trainer is made anew each round, as a run makes it; making it is not timed.
        def trainer_of(number: int) -> Any:
            return build_trainer(base, "sft", Recipe(epochs=1, seed=number + 1), data, [], Path(folder))

        def ours(number: int) -> float:
            trainer = trainer_of(number)
            trainer.args.logging_steps = trainer.state.logging_steps = 10
            start = time.perf_counter()
            trainer.train()
            return _tokens(trainer) / (time.perf_counter() - start)

        def plain(batches: str, number: int) -> float:
            import torch

            trainer = trainer_of(number)
            drawn = torch.Generator().manual_seed(number)
            trainer.get_train_dataloader()
            order = list(trainer.sampler) if batches == LIKE else torch.randperm(len(data), generator=drawn).tolist()
            trainer.data_collator.padding_free = batches == PACKED
            return plain_loop(base, trainer, order)

        contestants: dict[str, Callable[[int], float]] = {"ours": ours}
        contestants |= {name: partial(plain, name) for name in (LIKE, RANDOM, PACKED)}
        return interleave(contestants, rounds)


def plain_loop(base: Base, trainer: Any, order: list[int]) -> float:
    """Trains once over the trainer's rows in the given order by hand; returns tokens a second, padding not counted."""
    import torch
    from peft import get_peft_model

    _, model = load(base)
    adapted = get_peft_model(model, lora_config(Recipe())).train()
    optimizer = torch.optim.AdamW([p for p in adapted.parameters() if p.requires_grad], lr=1e-3)
    rows = [trainer.train_dataset[place] for place in order]
    start = time.perf_counter()
    for first in range(0, len(rows), BATCH):
        batch = trainer.data_collator(rows[first : first + BATCH])
        adapted(**batch, use_cache=False).loss.backward()
        torch.nn.utils.clip_grad_norm_(adapted.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return _tokens(trainer) / (time.perf_counter() - start)


def demo_rows(long: int) -> list[dict[str, Any]]:
    """The first rounds of the demo's transcripts in a plain prompt; each `long`-th has an article in it; 0: none."""
    lines = [
        json.loads(line)
        for file in sorted((ROOT / "knowledge/transcripts").glob("*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    articles = [file.read_text(encoding="utf-8")[:2000] for file in sorted((ROOT / "knowledge/articles").rglob("*.md"))]
    rows = []
    for number, line in enumerate(lines[:ROWS]):
        question, answer = line["messages"][:2]
        context = f"\n\nPassages:\n{articles[number % len(articles)]}" if long and number % long == 0 else ""
        system = {"role": "system", "content": f"You are a customer service agent of Velomoor.{context}"}
        rows.append({"prompt": [system, question], "completion": [answer]})
    return rows


def _tokens(trainer: Any) -> int:
    return sum(len(tokens) for tokens in trainer.train_dataset["input_ids"])
