"""Turns conversations into packed rows of ids and loss weights; the mixture changes as training goes on."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.build import corpus, reading, real
from models.build.corpus import Difficulty
from models.build.tokenizer import render

Row = tuple[list[int], list[float]]
Chat = list[dict[str, str]]
REAL = {"dialogues": 0.6, "articles": 0.3, "instructions": 0.1}
HELD_OUT = 60


@dataclass(frozen=True)
class Phase:
    """A part of the training, from progress `start` (0 to 1) on.

    `rows` of `length` tokens make a step; the loss sees `share` of their places; `hard` is what is asked of the
    reader; `mix` are the sources by number of conversations; `prompt_weight` is the loss weight of what the assistant
    does not write.
    """

    start: float
    rows: int
    length: int
    share: float
    hard: Difficulty
    mix: dict[str, float]
    prompt_weight: float = 0.0


Plan = Sequence[Phase]

# Copying first, then reading short prompts, then long ones. A model that cannot read yet declines whatever it may,
# so questions without an answer become many only at the end.
PLAN = (
    Phase(0.00, 8, 320, 0.5, Difficulty(0.05, 0.3), {"copy": 0.90, "short": 0.08, "bare": 0.02}, 0.2),
    Phase(0.11, 8, 512, 0.5, Difficulty(0.05, 0.3), {"copy": 0.50, "find": 0.10, "short": 0.36, "real": 0.04}, 0.2),
    Phase(0.45, 8, 512, 0.3, Difficulty(0.03, 0.35), {"copy": 0.16, "find": 0.26, "short": 0.50, "dense": 0.08}),
    Phase(
        start=0.80,
        rows=4,
        length=1024,
        share=0.18,
        hard=Difficulty(unknown=0.18, prose=0.5),
        mix={"copy": 0.06, "find": 0.08, "short": 0.14, "dense": 0.26, "exact": 0.33, "bare": 0.07, "reading": 0.06},
    ),
)
# For a model that knows English and copies already: many answers a passage, and prose by thousands of hands.
READING = (
    Phase(
        start=0.0,
        rows=2,
        length=1024,
        share=0.3,
        hard=Difficulty(unknown=0.18, prose=0.7),
        mix={"find": 0.03, "short": 0.08, "dense": 0.38, "exact": 0.25, "bare": 0.06, "reading": 0.20},
    ),
)


def phase_at(progress: float, plan: Plan = PLAN) -> Phase:
    """The phase of a plan at a progress from 0 to 1."""
    return [phase for phase in plan if progress >= phase.start][-1]


def last_run(mask: list[int]) -> list[int]:
    """The mask with only its last run of ones."""
    end = len(mask) - 1 - mask[::-1].index(1)
    start = end
    while start and mask[start - 1]:
        start -= 1
    return [int(start <= i <= end) for i in range(len(mask))]


class Source:
    """Endless conversations as ids and weights.

    Without a corpus folder, `real` gives `bare` chats and `reading` gives the shape `exact`.
    """

    def __init__(self, tokenizer: Any, folder: Path | None) -> None:
        self.tokenizer = tokenizer
        self.real: dict[str, list[Chat]] = {}
        self.paragraphs: list[reading.Paragraph] = []
        if folder:
            self.real = {name: real.read(folder, name, 30000) for name in REAL}
            self.paragraphs = reading.paragraphs(folder)
        self.held_out = {name: chats[:HELD_OUT] for name, chats in self.real.items()}
        if self.paragraphs:
            kept, self.paragraphs = self.paragraphs[:HELD_OUT], self.paragraphs[HELD_OUT:]
            rng = random.Random(1)
            self.held_out["reading"] = [reading.reading(kept, rng, 1).messages for _ in range(HELD_OUT)]
        self.real = {name: chats[HELD_OUT:] for name, chats in self.real.items()}

    def encode(self, chat: Chat, last_only: bool, prompt_weight: float) -> Row:
        """Ids and weights of a conversation: 1 for what the assistant writes, `prompt_weight` elsewhere."""
        ids, mask = render(self.tokenizer, chat)
        if last_only:
            mask = last_run(mask)
        return ids, [1.0 if m else prompt_weight for m in mask]

    def draw(self, phase: Phase, rng: random.Random) -> Row:
        """One conversation of a phase's mixture."""
        prompt_weight = phase.prompt_weight
        name = rng.choices(list(phase.mix), list(phase.mix.values()))[0]
        if name == "real" and self.real:
            kind = rng.choices(list(REAL), list(REAL.values()))[0]
            return self.encode(rng.choice(self.real[kind]), False, prompt_weight)
        if name == "reading" and self.paragraphs:
            made = reading.reading(self.paragraphs, rng, rng.choice([1, 3, 6]))
        else:
            made = corpus.sample(rng, {"real": "bare", "reading": "exact"}.get(name, name), phase.hard)
        if name == "copy":
            prompt_weight = 0.0  # its prompts are random: nothing to learn from
        # Earlier answers whose passages are gone count no more than the prompt.
        return self.encode(made.messages, made.last_only, prompt_weight)


def pack(pool: list[Row], length: int, pad: int) -> Row:
    """Take conversations out of `pool`, largest first that still fits, to fill one row of `length` + 1 ids.

    Every row begins with the beginning of a conversation; none of the pool may be longer than the row.
    """
    room = length + 1
    ids, weights = pool.pop(0)
    while True:
        fitting = [i for i, (other, _) in enumerate(pool) if len(other) <= room - len(ids)]
        if not fitting:
            break
        more, extra = pool.pop(max(fitting, key=lambda i: len(pool[i][0])))
        ids, weights = ids + more, weights + extra
    gap = room - len(ids)
    return ids + [pad] * gap, weights + [0.0] * gap


def tensors(rows: list[Row], share: float) -> tuple[Any, Any, Any, Any]:
    """Packed rows of length + 1 as ids [rows, length] and, for `share` of all places, place, target id and weight [n].

    The weightiest places are chosen; among places of one weight chance decides.
    """
    import torch

    ids = torch.tensor([ids for ids, _ in rows])
    weights = torch.tensor([weights for _, weights in rows])[:, 1:].flatten()
    count = round(share * weights.numel())
    places = torch.topk(weights + torch.rand(weights.numel()) * 0.01, count).indices.sort().values
    return ids[:, :-1].contiguous(), places, ids[:, 1:].flatten()[places], weights[places]


class Batches:
    """Endless batches, following `plan`; `scale` times as many rows as the plan says.

    `progress` is a shared number from 0 to 1 that the training moves; processes that work ahead read it.
    """

    def __init__(self, source: Source, plan: Plan, scale: float, seed: int, progress: Any) -> None:
        self.source = source
        self.plan = plan
        self.scale = scale
        self.seed = seed
        self.progress = progress

    def __iter__(self) -> Iterator[tuple[Any, Any, Any, Any]]:
        from torch.utils.data import get_worker_info

        worker = get_worker_info()
        rng = random.Random(f"{self.seed} {worker.id if worker else 0}")
        pool: list[Row] = []
        while True:
            phase = phase_at(self.progress.value, self.plan)
            rows = []
            for _ in range(max(1, round(phase.rows * self.scale))):
                # A conversation longer than the row would lose its last answers.
                pool = [row for row in pool if len(row[0]) <= phase.length + 1]
                while len(pool) < 48:
                    row = self.source.draw(phase, rng)
                    if len(row[0]) <= phase.length + 1:
                        pool.append(row)
                rows.append(pack(pool, phase.length, self.source.tokenizer.pad_token_id))
            yield tensors(rows, phase.share)


def stream(
    source: Source, plan: Plan, scale: float, seed: int, workers: int
) -> tuple[Any, Iterator[tuple[Any, Any, Any, Any]]]:
    """The shared progress, to be moved by the training, and the batches, made by so many processes beside it."""
    import torch.multiprocessing
    from torch.utils.data import DataLoader, IterableDataset

    class Dataset(Batches, IterableDataset):
        pass

    progress = torch.multiprocessing.Value("d", 0.0, lock=False)
    made = Dataset(source, plan, scale, seed, progress)
    return progress, iter(DataLoader(made, batch_size=None, num_workers=workers, worker_init_fn=deaf))


def deaf(_: int) -> None:
    """Signals go to the whole group of processes; only the training may act on them, and it needs data until then."""
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, signal.SIG_IGN)
