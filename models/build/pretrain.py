"""Trains a base model within a time limit: from scratch, or an adapter that teaches another one to read.

    .venv/bin/python -m models.build.pretrain --preset cpu --hours 1.5 --corpus ../shared/corpus --work work/run
    .venv/bin/python -m models.build.pretrain --preset cpu --work work/run --export models/embedded
    .venv/bin/python -m models.build.pretrain --preset reader --start data/smollm2 --corpus … --work work/reader

The same command continues from the last checkpoint in `--work`. The learning rate falls to zero at `--hours`.
The log `--work`/log.jsonl has one JSON object a line: training (step, tokens, loss, tokens/s, ETA) or check.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.build.batches import PLAN, READING, Plan
from models.build.word_vectors import word_vectors


@dataclass(frozen=True)
class Shape:
    """Of a new model, in elements."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    feed_forward: int


@dataclass(frozen=True)
class Preset:
    """How a model is trained: a new one of a shape, or an adapter of a rank for the one in `--start`.

    `rows` scales the rows of one step.
    """

    new: Shape | None
    rows: float
    matrix_rate: float
    other_rate: float
    rank: int = 0  # of a LoRA adapter on every linear layer; 0: all weights are trained
    plan: Plan = PLAN
    threads: int = 2
    compile: bool = True
    workers: int = 0  # processes that generate and pack the data beside the training; 0: none


PRESETS = {
    "tiny": Preset(Shape(32, 2, 2, 2, 64), 0.2, 0.02, 3e-3, threads=1, compile=False),
    "cpu": Preset(Shape(256, 5, 8, 4, 640), 1.0, 0.02, 4e-3),
    # Never run yet: made ready for one GPU with 16 processor cores; 65,536 tokens a step.
    "gpu": Preset(Shape(512, 8, 8, 4, 1408), 16.0, 0.02, 2e-3, threads=8, workers=15),
    # Rank 24 of a model of 135 M weights is a file of 15 MB.
    "reader": Preset(None, 1.0, 0.0, 8e-4, rank=24, plan=READING, compile=False),
}


def new_model(shape: Shape, tokenizer: Any) -> Any:
    """A LlamaForCausalLM with random weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        intermediate_size=shape.feed_forward,
        tie_word_embeddings=True,
        max_position_embeddings=2048,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def with_adapter(model: Any, rank: int) -> Any:
    """The model, frozen, with a LoRA adapter on every linear layer but the head, as PEFT's model."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    return get_peft_model(model, config)


def optimisers(model: Any, preset: Preset) -> list[Any]:
    """Muon for the matrices inside the layers, AdamW for embeddings and norms; AdamW alone for an adapter."""
    import torch

    from models.build.muon import Muon

    if preset.rank:
        trained = [p for p in model.parameters() if p.requires_grad]
        return [torch.optim.AdamW(trained, lr=preset.other_rate, betas=(0.9, 0.98), weight_decay=0.0)]
    inner = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n and "lm_head" not in n]
    rest = [p for p in model.parameters() if all(p is not q for q in inner)]
    adam = torch.optim.AdamW(rest, lr=preset.other_rate, betas=(0.9, 0.95), weight_decay=0.0)
    return [Muon(inner, lr=preset.matrix_rate), adam]


def rate(progress: float, step: int) -> float:
    """Factor of the learning rate: 60 steps of warm-up, full until 40% of the time, then straight to zero."""
    return min(1.0, (step + 1) / 60) * min(1.0, max(0.0, (1 - progress) / 0.6))


def make_loss(model: Any, device: str) -> Any:
    """A function (ids [rows, length], places [n], targets [n], weights [n]) -> mean weighted loss in nats.

    `places` index the flattened ids: only there the vocabulary's logits are computed, a third of the work saved.
    """
    import torch
    from torch.nn import functional

    def loss(ids: Any, places: Any, targets: Any, weights: Any) -> Any:
        with torch.autocast(device, dtype=torch.bfloat16):
            hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state.flatten(0, 1)
            logits = model.lm_head(hidden[places])
        each = functional.cross_entropy(logits.float(), targets, reduction="none")
        return (each * weights).sum() / weights.sum().clamp(min=1)

    return loss


class Run:
    """One training run: model, optimisers, data, and how far it has come."""

    def __init__(self, args: argparse.Namespace) -> None:
        import torch
        from transformers import AutoTokenizer

        self.args, self.preset, self.work = args, PRESETS[args.preset], args.work
        torch.set_num_threads(args.threads or self.preset.threads)
        torch.manual_seed(args.seed)
        # An adapter's model brings its own.
        self.tokenizer = AutoTokenizer.from_pretrained(args.start if self.preset.rank else args.tokenizer)
        self.device = "cuda" if self.preset.workers and torch.cuda.is_available() else "cpu"
        if args.start:
            from transformers import LlamaForCausalLM

            dtype = torch.bfloat16 if self.preset.rank else torch.float32  # of weights that stay as they are, or not
            self.model: Any = LlamaForCausalLM.from_pretrained(args.start, dtype=dtype)
        else:
            assert self.preset.new
            self.model = new_model(self.preset.new, self.tokenizer)
            if args.word_vectors:
                vectors = word_vectors(self.tokenizer, args.word_vectors, self.preset.new.hidden)
                self.model.model.embed_tokens.weight.data = vectors
        if self.preset.rank:
            self.adapted = with_adapter(self.model, self.preset.rank)  # puts its layers into self.model
        self.model.to(self.device)
        self.parts = optimisers(self.model, self.preset)
        self.rates = [group["lr"] for part in self.parts for group in part.param_groups]
        self.step, self.tokens, self.elapsed = 0, 0, 0.0
        self.work.mkdir(parents=True, exist_ok=True)
        self.checkpoint = self.work / "checkpoint.pt"
        if self.checkpoint.exists():
            self.load()

    def load(self) -> None:
        """Continue from the checkpoint."""
        import torch

        saved = torch.load(self.checkpoint, weights_only=True, map_location=self.device)
        if saved["model"].keys() != self.trained().keys():
            raise SystemExit(f"{self.checkpoint} is of another model or preset; name another folder with --work.")
        self.model.load_state_dict(saved["model"], strict=False)  # what is not trained stands in --start
        for part, state in zip(self.parts, saved["optimisers"], strict=True):
            part.load_state_dict(state)
        self.step, self.tokens, self.elapsed = saved["step"], saved["tokens"], saved["elapsed"]

    def trained(self) -> dict[str, Any]:
        """The weights that are trained, by name; of tied ones the first."""
        return {name: weight.detach() for name, weight in self.model.named_parameters() if weight.requires_grad}

    def save(self) -> None:
        """Write the checkpoint so that a reader never sees half of it."""
        import torch

        state = {
            "model": self.trained(),
            "optimisers": [p.state_dict() for p in self.parts],
            "step": self.step,
            "tokens": self.tokens,
            "elapsed": self.elapsed,
        }
        part = self.checkpoint.with_suffix(".part")
        torch.save(state, part)
        part.replace(self.checkpoint)

    def note(self, **values: Any) -> None:
        """Print one line and append it to the log."""
        line = json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in values.items()})
        print(line, flush=True)
        with (self.work / "log.jsonl").open("a") as log:
            log.write(line + "\n")

    def train(self) -> None:
        """Train until the time is over, with checks and checkpoints on the way; then save."""
        import torch

        from models.build.batches import Source, stream
        from models.build.checks import check

        source = Source(self.tokenizer, self.args.corpus)
        shared, batches = stream(
            source, self.preset.plan, self.preset.rows, self.args.seed + self.step, self.preset.workers
        )
        loss_of = make_loss(self.model, self.device)
        fast = torch.compile(loss_of, dynamic=False) if self.preset.compile else loss_of
        limit = self.args.hours * 3600
        started = time.monotonic() - self.elapsed
        checked = saved = noted = time.monotonic()
        seen = total = count = 0.0
        stopped: list[int] = []  # a signal ends the run after its step; the same command goes on from there
        for kind in (signal.SIGINT, signal.SIGTERM):
            signal.signal(kind, lambda number, _: stopped.append(number))
        while self.elapsed < limit and not stopped and not (self.args.steps and self.step >= self.args.steps):
            progress = self.elapsed / limit
            factor = rate(progress, self.step)
            groups = [group for part in self.parts for group in part.param_groups]
            for group, base in zip(groups, self.rates, strict=True):
                group["lr"] = base * factor
            shared.value = progress
            batch = [part.to(self.device, non_blocking=True) for part in next(batches)]
            loss = fast(*batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            for part in self.parts:
                part.step()
                part.zero_grad(set_to_none=True)
            self.step += 1
            self.tokens += batch[0].numel()
            seen, total, count = seen + batch[0].numel(), total + loss.item(), count + 1
            now = time.monotonic()
            self.elapsed = now - started
            if self.step % 25 == 0:
                self.note(
                    step=self.step,
                    tokens=self.tokens,
                    progress=progress,
                    loss=total / count,
                    rate=factor,
                    tokens_s=round(seen / (now - noted)),
                    eta_min=(limit - self.elapsed) / 60,
                )
                noted, seen, total, count = time.monotonic(), 0.0, 0.0, 0.0
            if now - saved > 120:
                self.save()
                saved = now
            if now - checked > self.args.check_minutes * 60:
                self.note(check=self.step, tokens=self.tokens, **check(self.model, source, self.args.check_samples))
                checked = noted = time.monotonic()
                seen = total = count = 0.0
                self.elapsed = checked - started
        self.save()
        if not stopped:
            self.note(check=self.step, tokens=self.tokens, **check(self.model, source, 4 * self.args.check_samples))


def export_adapter(adapted: Any, out: Path) -> None:
    """Write a PEFT model's adapter in bf16."""
    import torch

    adapted.to(torch.bfloat16).save_pretrained(out)
    (out / "README.md").unlink()  # PEFT's form to fill in


def export(model: Any, tokenizer_folder: Path, out: Path) -> None:
    """Write weights in bf16, configuration and tokenizer into `out`, each file replaced in one step."""
    import torch
    from transformers import GenerationConfig

    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    model.generation_config = GenerationConfig(
        bos_token_id=model.config.bos_token_id,
        eos_token_id=model.config.eos_token_id,
        pad_token_id=model.config.pad_token_id,
        do_sample=False,
    )
    model.to(torch.bfloat16).save_pretrained(part, max_shard_size="15MB")
    for name in ("tokenizer.model", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        if not (part / name).exists():
            shutil.copy(tokenizer_folder / name, part / name)
    out.mkdir(parents=True, exist_ok=True)
    for file in sorted(part.iterdir()):
        file.chmod(0o644)
        file.replace(out / file.name)
    part.rmdir()


def main() -> None:
    """Train, or export the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=PRESETS, default="cpu")
    parser.add_argument("--tokenizer", type=Path, default=Path("models/embedded"))
    parser.add_argument("--corpus", type=Path, help="folder with *.jsonl.zst; only generated text without it")
    parser.add_argument("--start", type=Path, help="folder of a model to train further, or to adapt")
    parser.add_argument("--word-vectors", type=Path, help="folder of all-MiniLM-L6-v2; random embeddings without it")
    parser.add_argument("--work", type=Path, required=True, help="folder for checkpoint and log")
    parser.add_argument("--hours", type=float, default=1.5, help="time limit, earlier runs of this checkpoint included")
    parser.add_argument("--steps", type=int, default=0, help="stop after so many steps, 0: never")
    parser.add_argument("--threads", type=int, default=0, help="0: as the preset says")
    parser.add_argument("--check-minutes", type=float, default=7)
    parser.add_argument("--check-samples", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--export", type=Path, help="write the checkpoint here instead of training")
    args = parser.parse_args()
    if PRESETS[args.preset].rank and not args.start:
        parser.error(f"the preset {args.preset} trains an adapter: name the folder of its base model with --start")
    # Spinning threads slow everything down as soon as another process needs a core; must precede torch.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    run = Run(args)
    if not args.export:
        run.train()
    elif run.preset.rank:
        export_adapter(run.adapted, args.export)
    else:
        export(run.model, args.tokenizer, args.export)


if __name__ == "__main__":
    main()
