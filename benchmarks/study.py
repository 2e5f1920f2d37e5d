"""A study of the demo company's questions on four arms: the app's way, all at once, over `generate` one at a time."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import ratio
from benchmarks.rows import Row, at_least
from core.settings import ROOT, load_settings
from core.types import ARM_NAMES, ArmSpec, Draft, Question
from launch import compose, index_knowledge
from study.questions import read_questions
from study.run import answer_all

QUESTIONS = 200
SAMPLE = 10  # `generate` answers every tenth only, or this would take half an hour
BLOCKS = 4


def rows(scratch: Path) -> list[Row]:
    """Ours: retrieve, render, generate and store, for all; `generate`: only generating, for a sample.

    The sample is asked in blocks between ours, so that a slow minute of the machine does not fall on one side alone.
    """
    settings = load_settings({"data": str(scratch / "study-data")})
    parts = compose(settings)
    index_knowledge(parts)
    specs = [ArmSpec(name, settings.template, settings.adapter) for name in ARM_NAMES]
    questions = read_questions(ROOT / "knowledge/questions")[:QUESTIONS]
    backend = parts.desk.backend
    first = Question("warm-up", "study", questions[0].question)
    drafts = [
        backend.draft(Question(one.id, "study", one.question, one.history), spec) for one in questions for spec in specs
    ]
    "".join(piece.text for piece in backend.draft(first, specs[0]).pieces)
    reference = _Reference(settings)
    ours, theirs = [], []
    for block in range(BLOCKS):
        out = scratch / f"study-{block}.jsonl"
        out.unlink(missing_ok=True)
        start = time.perf_counter()
        said = answer_all(backend, ROOT / "knowledge/questions", specs, out, QUESTIONS, settings.slots)
        ours.append((time.perf_counter() - start) / len(said))
        sample = list(itertools.islice(drafts, block, None, SAMPLE * BLOCKS))
        theirs.append(sum(reference.seconds(draft) for draft in sample) / len(sample))
    note = f"; {1 / min(ours):.0f} answers a second over {1 / min(theirs):.1f}"
    case = f"a study of {QUESTIONS} questions x 4 arms over one-at-a-time generate"
    return [at_least(case, "embedded", ratio(theirs, ours), 10, note)]


class _Reference:
    """transformers and PEFT, one answer at a time."""

    def __init__(self, settings: Any) -> None:
        import torch
        from peft import PeftModel
        from transformers import AutoModelForCausalLM, AutoTokenizer

        folder = settings.path("model")
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        self._model = PeftModel.from_pretrained(model, settings.path("adapters") / settings.adapter).eval()

    def seconds(self, draft: Draft) -> float:
        """The time of one answer, of the template's length at most."""
        import contextlib

        import torch

        messages = [{"role": turn.role, "content": turn.text} for turn in draft.prompt]
        start = time.perf_counter()
        ids = self._tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=False
        )
        base = contextlib.nullcontext() if draft.arm.adapter else self._model.disable_adapter()
        decoding = draft.arm.decoding
        with base, torch.inference_mode():
            self._model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                max_new_tokens=decoding.max_new_tokens,
                repetition_penalty=decoding.repetition_penalty,
            )
        return time.perf_counter() - start
