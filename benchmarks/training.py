"""How fast adapters are trained, beside a plain PEFT loop.

python -m benchmarks.training --rounds 5

Both train LoRA of rank 16 on the demo company's transcripts, in turn within one run: short rows, of which a quarter
comes again with retrieved passages and is several times as long. The plain loop is what one would write by hand:
AdamW, gradient clipping, each batch padded to its own longest row. It runs twice: on the trainer's own batches of like
length, which says what the trainer costs, and on batches drawn at random, which says what grouping by length gains.
Speed is in tokens that are not padding.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import interleave, median, ratio
from core.training import Recipe
from finetune.trainer import Base, build_trainer, load, lora_config

ROOT = Path(__file__).resolve().parent.parent
ROWS = 160
BATCH = 8


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", default=str(ROOT / "models/embedded"))
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    base = Base(Path(chosen.model), Path(chosen.model).name, 2048)
    rows = demo_rows()
    with tempfile.TemporaryDirectory() as folder:
        # The folder's trainer is made anew each round, as a run makes it; making it is not timed.
        def ours(number: int) -> float:
            trainer = build_trainer(base, "sft", Recipe(epochs=1, seed=number + 1), rows, [], Path(folder))
            trainer.args.logging_steps = trainer.state.logging_steps = 10
            start = time.perf_counter()
            trainer.train()
            return _tokens(trainer) / (time.perf_counter() - start)

        def plain(number: int, grouped: bool) -> float:
            import torch

            trainer = build_trainer(base, "sft", Recipe(epochs=1, seed=number + 1), rows, [], Path(folder))
            drawn = torch.Generator().manual_seed(number)
            trainer.get_train_dataloader()
            sampler: Any = trainer.sampler  # type: ignore[attr-defined]
            order = list(sampler) if grouped else torch.randperm(len(rows), generator=drawn).tolist()
            return plain_loop(base, trainer, order)

        speeds = interleave(
            {
                "ours": ours,
                "plain loop, same batches": lambda number: plain(number, True),
                "plain loop, random batches": lambda number: plain(number, False),
            },
            chosen.rounds,
        )
    for name, values in speeds.items():
        print(f"{name:<40} {median(values):.0f} tokens/s")
    for name in list(speeds)[1:]:
        print(f"ours over {name:<30} {ratio(speeds['ours'], speeds[name])}")


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


def demo_rows() -> list[dict[str, Any]]:
    """The first rounds of the demo's transcripts in a plain prompt; every fifth row has an article in its prompt."""
    lines = [
        json.loads(line)
        for file in sorted((ROOT / "knowledge/transcripts").glob("*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    articles = [file.read_text(encoding="utf-8")[:2000] for file in sorted((ROOT / "knowledge/articles").rglob("*.md"))]
    rows = []
    for number, line in enumerate(lines[:ROWS]):
        question, answer = line["messages"][:2]
        context = f"\n\nPassages:\n{articles[number % len(articles)]}" if number % 5 == 0 else ""
        system = {"role": "system", "content": f"You are a customer service agent of Velomoor.{context}"}
        rows.append({"prompt": [system, question], "completion": [answer]})
    return rows


def _tokens(trainer: Any) -> int:
    return sum(len(tokens) for tokens in trainer.train_dataset["input_ids"])


if __name__ == "__main__":
    main()
