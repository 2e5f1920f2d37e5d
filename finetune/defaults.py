"""A sensible recipe for a number of training rounds, with the reason: where a person starts, not where she must end."""

from __future__ import annotations

from core.training import Recipe

# Of "LoRA Without Regret" (Schulman and Thinking Machines Lab, 2025): the best learning rate of LoRA is about ten times
# that of full fine-tuning, nearly independent of the rank, and falls with the model's width as a power law.
AT_WIDTH, BASE_RATE, LORA_FACTOR, POWER = 2000, 5e-5, 10, 0.781

LEAST_STEPS = 300  # optimizer steps: with fewer, a small set of rounds is hardly learnt
MOST_EPOCHS, LEAST_EPOCHS = 12, 2


def default_recipe(rounds: int, hidden: int) -> tuple[Recipe, str]:
    """The recipe and why. `rounds` are those trained on, `hidden` is the model's width in elements."""
    rate = float(f"{BASE_RATE * LORA_FACTOR * (AT_WIDTH / hidden) ** POWER:.1e}")
    batch = 8 if rounds < 5000 else 16
    epochs = max(LEAST_EPOCHS, min(MOST_EPOCHS, round(LEAST_STEPS * batch / max(1, rounds))))
    evaluations = 1 if rounds < 800 else 2 if rounds < 3000 else 4
    rank = 16 if rounds < 5000 else 32
    reason = (
        f"For {rounds:,} rounds: up to {epochs} epochs of batches of {batch}, ended early once the validation loss has "
        f"not fallen for 3 evaluations in a row. The learning rate {rate:g} follows the rule of 'LoRA Without Regret' "
        f"(Thinking Machines Lab, 2025) for a model {hidden:,} wide; there, batches are kept small because LoRA bears "
        f"large ones badly, and every linear layer is adapted. Rank {rank} is a start; a sweep shows whether more pays."
    )
    return Recipe(epochs=epochs, learning_rate=rate, batch_size=batch, rank=rank, evaluations=evaluations), reason
