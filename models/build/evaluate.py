"""All figures of the model card: reading, declining, templates, the arms, real pages, losses. Greedy decoding.

    .venv/bin/python -m models.build.evaluate --model models/embedded --adapter velomoor \\
        --corpus ../shared/corpus --realdata ../shared/realdata --out data/evaluation

`--out` keeps every answer as a line of JSON, to be read by people. Parts can be chosen with `--parts`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from core.studies import TestQuestion
from core.types import ArmSpec, Passage, Turn
from study.asking import as_asked
from study.grading.facts import FactCheck, check_facts, declines
from study.questions import read_questions
from study.run import share

Chat = list[dict[str, str]]


class Evaluation:
    """A model with its adapter beside the application's parts, and where the answers are kept."""

    def __init__(self, args: argparse.Namespace) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        from core.settings import load_settings
        from launch import compose, index_knowledge

        torch.set_num_threads(args.threads)
        self.args = args
        self.tokenizer = AutoTokenizer.from_pretrained(args.model)
        self.model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).eval()
        if args.adapter:
            from peft import PeftModel

            folder = load_settings({}).path("adapters") / args.adapter
            self.model = PeftModel.from_pretrained(self.model, folder).eval()
        self.parts = compose(load_settings({"model": str(args.model), "data": str(args.out / "app")}))
        index_knowledge(self.parts)
        self.questions = read_questions(args.questions)[:: args.every]

    def without_adapter(self) -> contextlib.AbstractContextManager[Any]:
        """The model as it was before the adapter, which PEFT puts into its very layers."""
        return self.model.disable_adapter() if self.args.adapter else contextlib.nullcontext()

    def answers(self, name: str, chats: Sequence[Chat], adapter: bool = False, new_tokens: int = 160) -> list[str]:
        """Greedy answers in the order of `chats`; those of one length are made together."""
        from models.build.checks import generate

        order = sorted(range(len(chats)), key=lambda i: len(chats[i][-1]["content"]))
        with contextlib.nullcontext() if adapter else self.without_adapter():
            said = generate(self.model, self.tokenizer, [chats[i] for i in order], new_tokens)
        made = dict(zip(order, said, strict=True))
        with (self.args.out / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            for i, chat in enumerate(chats):
                file.write(json.dumps({"chat": chat, "answer": made[i]}, ensure_ascii=False) + "\n")
        return [made[i].strip() for i in range(len(chats))]

    def drafted(self, question: TestQuestion, spec: ArmSpec) -> tuple[Chat, tuple[Passage, ...]]:
        """What the application sends to the model for a question on an arm."""
        draft = self.parts.desk.backend.draft(as_asked(question), spec)
        return as_chat(draft.prompt), draft.passages

    def rendered(self, template: str, text: str, history: Sequence[Turn], passages: Sequence[Passage]) -> Chat:
        """A prompt of the application with passages of our own."""
        library = self.parts.templates
        company = self.parts.settings.company
        return as_chat(library.render(library.get(template), text, tuple(history), tuple(passages), company))


def as_chat(prompt: Iterable[Turn]) -> Chat:
    """Turns as the chat template wants them."""
    return [{"role": turn.role, "content": turn.text} for turn in prompt]


def share_of(hits: Sequence[bool]) -> str:
    """The share of true values, as the study writes it."""
    return share(sum(hits), len(hits))


def shown(line: str, value: str) -> None:
    """One line of the table."""
    print(f"{line:<58} {value}", flush=True)


def synthetic(run: Evaluation) -> None:
    """Companies that training never drew, four passages, one question.

    Texts and questions of the prose are unseen too; lists and house names are phrased as in training.
    """
    from models.build.checks import contains, held_out
    from models.build.corpus import Difficulty

    for name, prose in (("prose", 1.0), ("lists and house names", 0.0)):
        samples = held_out(run.args.samples, passages=4, hard=Difficulty(prose=prose))
        said = run.answers(f"synthetic-{name.split()[0]}", [s.messages[:-1] for s in samples])
        pairs = list(zip(samples, said, strict=True))
        told = [(s.required[-1], a) for s, a in pairs if s.kinds[-1] == "answer"]
        cannot = [declines(a) for s, a in pairs if s.kinds[-1] == "decline"]
        shown(f"unseen companies, {name}: all facts right", share_of([all(contains(a, v) for v in r) for r, a in told]))
        shown(f"unseen companies, {name}: facts", share_of([contains(a, v) for r, a in told for v in r]))
        shown(f"unseen companies, {name}: unanswerable declined", share_of(cannot))
        shown(f"unseen companies, {name}: wrongly declined", share_of([declines(a) for _, a in told]))


def print_grades(name: str, questions: Sequence[TestQuestion], grades: Sequence[FactCheck]) -> None:
    """The study's figures of one arm."""
    pairs = list(zip(questions, grades, strict=True))
    can = [g for q, g in pairs if q.answerable]
    found, required = sum(g.facts_found for g in can), sum(g.facts_required for g in can)
    shown(f"{name}: all facts right", share_of([g.right for g in can]))
    shown(f"{name}: of facts", share(found, required))
    shown(f"{name}: unanswerable declined", share_of([g.declined for q, g in pairs if not q.answerable]))
    shown(f"{name}: wrongly declined", share_of([g.declined for g in can]))


def arms(run: Evaluation) -> None:
    """The demo company's test questions on every arm, and with the right article's own passages."""
    questions = run.questions
    covered = {json.loads(line)["topic"] for line in transcripts(run)}
    for name in ("bare", "prompt", "lora", "lora+prompt"):
        adapted = name.startswith("lora")
        if adapted and not run.args.adapter:
            continue
        spec = ArmSpec(name, run.parts.settings.template, run.args.adapter if adapted else None)
        drafts = [run.drafted(q, spec) for q in questions]
        said = run.answers(name, [chat for chat, _ in drafts], adapted)
        grades = [check_facts(q, a) for q, a in zip(questions, said, strict=True)]
        print_grades(name, questions, grades)
        for label, kept in (("covered", True), ("not covered", False)):
            some = [g for q, g in zip(questions, grades, strict=True) if q.answerable and (q.topic in covered) == kept]
            found, required = sum(g.facts_found for g in some), sum(g.facts_required for g in some)
            shown(f"{name}: of facts, topics {label} by transcripts", f"{found / max(required, 1):.1%} of {required}")
        if name == "prompt":
            near = [any(p.source == q.article for p in ps) for q, (_, ps) in zip(questions, drafts, strict=True)]
            right = [g.right for q, g, n in zip(questions, grades, near, strict=True) if q.answerable and n]
            shown(
                "prompt: right article among the passages",
                share_of([n for q, n in zip(questions, near, strict=True) if q.answerable]),
            )
            shown("prompt: all facts right where it was", share_of(right))
    gold = [q for q in questions if q.answerable]
    chats = [run.rendered(run.parts.settings.template, q.question, q.history, gold_passages(run, q)) for q in gold]
    said = run.answers("gold", chats)
    print_grades("gold article", gold, [check_facts(q, a) for q, a in zip(gold, said, strict=True)])


def transcripts(run: Evaluation) -> list[str]:
    """The lines of the demo company's transcripts."""
    folder = run.args.questions.parent / "transcripts"
    return [line for file in sorted(folder.glob("*.jsonl")) for line in file.read_text("utf-8").splitlines()]


def gold_passages(run: Evaluation, question: TestQuestion) -> list[Passage]:
    """The passages of the right article, best first, as many as the template takes."""
    found = run.parts.retriever.search(question.question, 200)
    depth = run.parts.templates.get(run.parts.settings.template).depth
    return [passage for passage in found if passage.source == question.article][:depth]


def templates(run: Evaluation) -> None:
    """Each demo template on the test questions: what it asks for is done."""
    from models.build.obeyed import OBEYED

    questions = random.Random(3).sample(run.questions, min(run.args.each, len(run.questions)))
    for name, check in OBEYED.items():
        drafts = [run.drafted(q, ArmSpec("prompt", name)) for q in questions]
        said = run.answers(f"template-{name}", [chat for chat, _ in drafts])
        hits = [check(a, declines(a), len(ps)) for a, (_, ps) in zip(said, drafts, strict=True)]
        shown(f"template {name}: obeyed", share_of(hits))


def real(run: Evaluation) -> None:
    """Real help pages with retrieval, and real multi-turn questions with their own passages."""
    from models.build.realdata import help_pages, multi_turn, token_f1

    if not run.args.realdata:
        return
    pages, recall = help_pages(run.args.realdata, run.args.index or run.args.out / "va", run.args.each)
    shown("va_help: right page among the passages", f"{recall:.1%}")
    for name, asked in (("va_help", pages), ("mtrag", multi_turn(run.args.realdata, run.args.each))):
        said = run.answers(
            name, [run.rendered(run.parts.settings.template, q.question, q.history, q.passages) for q in asked]
        )
        can = [(q, a) for q, a in zip(asked, said, strict=True) if q.answerable]
        shown(f"{name}: token F1 of answerable", f"{sum(token_f1(a, q.reference) for q, a in can) / len(can):.3f}")
        shown(f"{name}: wrongly declined", share_of([declines(a) for _, a in can]))
        cannot = [declines(a) for q, a in zip(asked, said, strict=True) if not q.answerable]
        shown(f"{name}: unanswerable declined", share_of(cannot))


def losses(run: Evaluation) -> None:
    """Validation loss in nats per answer token, by source."""
    from models.build.batches import Source
    from models.build.checks import losses as measured

    source = Source(run.tokenizer, run.args.corpus)
    with run.without_adapter():
        found = measured(run.model, source, run.args.each)
    for name, value in found.items():
        shown(name.replace("loss_", "loss: "), f"{value:.3f}")


PARTS: dict[str, Callable[[Evaluation], None]] = {
    "synthetic": synthetic,
    "arms": arms,
    "templates": templates,
    "real": real,
    "losses": losses,
}


def main() -> None:
    """Print every figure of the chosen parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("models/embedded"))
    parser.add_argument("--adapter", help="name of a folder of `adapters`; without it the arms bare and prompt only")
    parser.add_argument("--questions", type=Path, default=Path("knowledge/questions"))
    parser.add_argument("--corpus", type=Path, help="folder with *.jsonl.zst, for losses on real text")
    parser.add_argument("--realdata", type=Path, help="folder with va_help_* and mtrag_un_*")
    parser.add_argument("--index", type=Path, help="where the real pages are indexed (default: in --out)")
    parser.add_argument("--out", type=Path, default=Path("data/evaluation"))
    parser.add_argument("--samples", type=int, default=400, help="synthetic questions")
    parser.add_argument("--each", type=int, default=100, help="questions of a template, of a real source, of a loss")
    parser.add_argument("--every", type=int, default=1, help="only each n-th test question")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    run = Evaluation(args)
    for part in args.parts:
        PARTS[part](run)


if __name__ == "__main__":
    main()
