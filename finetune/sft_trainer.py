"""TRL's SFTTrainer with batches of like length, whose order depends on seed and epoch alone, and a cheaper loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import trl
from transformers.trainer_pt_utils import LengthGroupedSampler

from finetune.losses import answer_losses


class SeededSampler(LengthGroupedSampler):
    """Groups rows of like length; `set_epoch` draws a new order. A resumed run draws what an uninterrupted one did."""

    def __init__(self, batch_size: int, lengths: list[int], seed: int) -> None:
        super().__init__(batch_size, lengths=lengths)
        self.seed, self.epoch = seed, 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        self.generator = torch.Generator().manual_seed(1000 * self.seed + self.epoch)
        rows = list(super().__iter__())
        batches = [rows[start : start + self.batch_size] for start in range(0, len(rows), self.batch_size)]
        # They come from long to short, a slope of fifty batches after the other, which the weights would follow. The
        # last one, which may be smaller, stays last: batches are cut from this order again.
        order = [*torch.randperm(len(batches) - 1, generator=self.generator).tolist(), len(batches) - 1]
        return iter([row for place in order for row in batches[place]])


class SFTTrainer(trl.SFTTrainer):
    """Rows are TRL's prompt/completion; only the completion's tokens are learnt."""

    sampler: SeededSampler

    def _get_train_sampler(self, train_dataset: Any = None) -> SeededSampler:
        data: Any = train_dataset if train_dataset is not None else self.train_dataset
        lengths = [len(tokens) for tokens in data["input_ids"]]
        self.sampler = SeededSampler(self.args.train_batch_size, lengths, self.args.seed)
        return self.sampler

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """TRL's loss without its further metrics, which cost a third of the time."""
        losses, answered = answer_losses(model, inputs)
        count = answered.sum() if num_items_in_batch is None else num_items_in_batch
        loss = losses.sum() / torch.as_tensor(count).clamp(min=1)
        if num_items_in_batch is not None and self.args.average_tokens_across_devices:
            loss = loss * self.accelerator.num_processes  # whose gradients are averaged
        return (loss, None) if return_outputs else loss
