"""A study of the demo company's questions on four arms: the app's way, all at once, over `generate` one at a time."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import ratio
from benchmarks.rows import Row, at_least
from core.settings import load_settings
from core.studies import StudyArm, StudyPlan, TestQuestion
from core.types import ARM_NAMES, ArmSpec, Draft
from launch import compose, index_knowledge
from study.asking import as_asked
from study.questions import read_questions, spread

QUESTIONS = 200
SAMPLE = 10  # `generate` answers every tenth question only, or this would take half an hour
BLOCKS = 4


def rows(scratch: Path) -> list[Row]:
    """Ours: retrieve, render, generate and store, for all; `generate`: only generating, for a sample.

    The sample is asked in blocks between ours, so that a slow minute of the machine does not fall on one side alone.
    """
    studies = {precision: _Study(precision, scratch) for precision in ("int8", "fp32")}
    ours, theirs = [], []
    same = dict.fromkeys(studies, 0)
    for block in range(BLOCKS):
        seconds, said = studies["int8"].answer()
        ours.append(seconds / len(said))
        if block == 0:
            reference = _Reference(studies["int8"].settings)
            answers = {"int8": said, "fp32": studies["fp32"].answer()[1]}
        arms = len(ARM_NAMES)
        chosen = range(block * SAMPLE, QUESTIONS, SAMPLE * BLOCKS)  # every block has questions of its own, on all arms
        sample = [draft for number in chosen for draft in studies["int8"].drafts[arms * number : arms * number + arms]]
        times = []
        for key, draft in sample:
            seconds, text = reference.answer(draft)
            times.append(seconds)
            for precision, known in answers.items():
                same[precision] += known[key] == text
        theirs.append(sum(times) / len(times))
    note = f"; {1 / min(ours):.0f} answers a second over {1 / min(theirs):.1f}"
    case = f"a study of {QUESTIONS} questions x 4 arms over one-at-a-time generate"
    total = BLOCKS * len(sample)
    both = sum(answers["int8"][key] == text for key, text in answers["fp32"].items())
    equal = f"fp32 {same['fp32']}, int8 {same['int8']} of {total}; int8 as fp32 {both} of {len(answers['fp32'])}"
    return [
        at_least(case, "embedded", ratio(theirs, ours), 10, note),
        Row("greedy answers equal to transformers', letter for letter", "embedded", equal),
    ]


class _Study:
    """The demo company's study with the engine in one precision."""

    def __init__(self, precision: str, scratch: Path) -> None:
        self.settings = load_settings({"data": str(scratch / "study-data"), "precision": precision})
        parts = compose(self.settings)
        index_knowledge(parts)
        self._parts = parts
        arms = tuple(StudyArm(name, ArmSpec(name, self.settings.template, self.settings.adapter)) for name in ARM_NAMES)
        questions = str(self.settings.path("questions"))
        self._plan = StudyPlan("benchmark", questions, arms, ("lora+prompt", "prompt"), limit=QUESTIONS)
        chosen = spread(read_questions(self.settings.path("questions")), QUESTIONS)
        self.drafts = [((one.id, arm.name), self._draft(one, arm.spec)) for one in chosen for arm in arms]
        for _, draft in self.drafts[:4]:  # loads weights, adapter and embedding model
            list(draft.pieces)
        self.drafts[:4] = [((chosen[0].id, arm.name), self._draft(chosen[0], arm.spec)) for arm in arms]

    def answer(self) -> tuple[float, dict[tuple[str, str], str]]:
        """Seconds for the whole study, and its answers by question and arm."""
        studies, store = self._parts.studies, self._parts.store.studies
        study = studies.add(self._plan)
        start = time.perf_counter()
        studies.run(study.id)
        seconds = time.perf_counter() - start
        said = {(one.answer.question_id, one.arm): one.answer.text for one in store.answers(study.id)}
        studies.remove(study.id)  # or the next run would take its answers over
        return seconds, said

    def _draft(self, question: TestQuestion, spec: ArmSpec) -> Draft:
        return self._parts.desk.backend.draft(as_asked(question), spec)


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

    def answer(self, draft: Draft) -> tuple[float, str]:
        """Seconds for one answer, of the template's length at most, and its text."""
        import torch

        messages = [{"role": turn.role, "content": turn.text} for turn in draft.prompt]
        decoding = draft.arm.decoding
        start = time.perf_counter()
        ids = self._tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_tensors="pt", return_dict=False
        )
        base = contextlib.nullcontext() if draft.arm.adapter else self._model.disable_adapter()
        with base, torch.inference_mode():
            out = self._model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                max_new_tokens=decoding.max_new_tokens,
                repetition_penalty=decoding.repetition_penalty,
            )
        text = self._tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
        return time.perf_counter() - start, text.strip()
