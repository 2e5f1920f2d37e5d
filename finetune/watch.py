"""What happens beside the steps of a training: figures and samples for those who watch, and a way to end it."""

from __future__ import annotations

import math
import time
from typing import Any

from transformers import TrainerCallback

from core.errors import TrainingError
from finetune.run_folder import LOG, SAMPLES, RunFolder

SAMPLE_TOKENS = 60
KEPT = ("loss", "eval_loss", "learning_rate", "grad_norm")


class Ended(TrainerCallback):
    """For a run that had ended early and was cut off before its adapter was saved: it needs no further training."""

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        control.should_training_stop = True
        return control


class Watch(TrainerCallback):
    """Writes a run's log and state, and ends the training when a person or a loss that is no number says so."""

    def __init__(self, run: RunFolder, trainer: Any) -> None:
        self.run = run
        self.trainer = trainer
        self._last: tuple[float, int] | None = None
        self._speed: float | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._begun, self._first_step = time.monotonic(), state.global_step
        self._before = self.run.view(whole=False).seconds
        self._last = (self._begun, int(state.num_input_tokens_seen))  # a resumed run has seen tokens before

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        sampler = getattr(self.trainer, "sampler", None)
        if sampler is not None:
            sampler.set_epoch(int(state.epoch or 0))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        if self._agreed_to_stop(state):
            control.should_training_stop = True
            # What was learnt since the last evaluation counts too, if it is the best.
            control.should_evaluate = control.should_save = args.eval_strategy != "no"
        return control

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        known = {name: float(value) for name, value in (logs or {}).items() if name in KEPT}
        if not known or not state.is_world_process_zero:
            return
        bad = [name for name in ("loss", "eval_loss") if not math.isfinite(known.get(name, 0.0))]
        if bad:
            raise TrainingError(
                f"The training fell apart at step {state.global_step}: the "
                f"{'validation ' if bad[0] == 'eval_loss' else ''}loss is not a number any more; train with a "
                f"learning rate below {args.learning_rate:g}. Nothing was changed."
            )
        speed = self._tokens_per_s(state) if "loss" in known else None
        row = {"step": state.global_step, "epoch": round(state.epoch or 0, 3)} | known
        self.run.append(LOG, row | ({"tokens_per_s": round(speed, 1)} if speed else {}))
        self._say(state)

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        probes = self.run.rows("probes.jsonl")
        if probes and state.is_world_process_zero and state.global_step > 0:
            answers = {row["question"]: self._answer(row["prompt"]) for row in probes}
            self.run.append(SAMPLES, {"step": state.global_step, "answers": answers})
        self._last = (time.monotonic(), int(state.num_input_tokens_seen))  # evaluating is no training

    def _say(self, state: Any) -> None:
        seconds = time.monotonic() - self._begun
        done = state.global_step - self._first_step
        self.run.say(
            "running",
            f"Step {state.global_step} of at most {state.max_steps}",
            step=state.global_step,
            total_steps=state.max_steps,
            seconds=round(self._before + seconds, 1),
            seconds_left=round(seconds / done * (state.max_steps - state.global_step), 1) if done else None,
        )

    def _tokens_per_s(self, state: Any) -> float | None:
        """Since the last log of a training loss."""
        now = (time.monotonic(), int(state.num_input_tokens_seen))
        last, self._last = self._last or (self._begun, 0), now
        elapsed = now[0] - last[0]
        return (now[1] - last[1]) / elapsed if elapsed > 0 and now[1] > last[1] else None

    def _agreed_to_stop(self, state: Any) -> bool:
        """Whether a person asked for it. Of several processes the first one decides, so that all end together."""
        asked = self.run.asked_to_stop()
        if self.trainer.accelerator.num_processes == 1:
            return asked
        from accelerate.utils import broadcast_object_list

        return bool(broadcast_object_list([asked])[0])

    def _answer(self, prompt: list[dict[str, str]]) -> str:
        """What the model says to a fixed question now, greedily: the beginning of it."""
        import torch

        tokenizer = self.trainer.processing_class
        model = self.trainer.accelerator.unwrap_model(self.trainer.model)
        tokens = tokenizer.apply_chat_template(
            prompt, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        tokens = tokens.to(model.device)
        training = model.training
        model.eval()
        with torch.inference_mode():
            out = model.generate(**tokens, max_new_tokens=SAMPLE_TOKENS, do_sample=False)
        model.train(training)
        return str(tokenizer.decode(out[0, tokens["input_ids"].shape[1] :], skip_special_tokens=True))
