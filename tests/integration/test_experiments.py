"""Experiments of a study for real, on a tiny model: adapters are trained, asked and removed again."""

import json
from dataclasses import replace

import pytest

from backends.adapter_folder import AdapterFolder
from backends.chain import Chain
from backends.chat_model import EngineChatModels
from backends.engine.model import LocalModel
from backends.retrieval import HybridRetriever
from backends.templates import TemplateLibrary
from core.studies import Study, StudyAnswer, StudyPlan
from core.training import Plan
from core.types import Answer, Arm, Decoding
from finetune.examples import Examples
from finetune.local_training import LocalTraining
from store import open_store
from study.experiments.article_edits import Edit
from study.experiments.choices import CurveChoices, FewShotChoices, ShiftChoices
from study.experiments.few_shot import run_few_shot
from study.experiments.learning_curve import run_learning_curve
from study.experiments.parts import ExperimentParts
from study.experiments.shift import run_shift
from tests.integration.tiny_models import make_model
from tests.unit.fake_experiments import BARE, PROMPT, embed, question

TEMPLATE = """name: short
messages:
  - system: You are an agent of {company}.
  - user: "{question}"
decoding:
  max_new_tokens: 12
"""
TRANSCRIPTS = [
    {"question": f"Do you sell a {colour} {part}?", "answer": f"Yes, the {part} is there in {colour}.", "topic": part}
    for part in ("saddle", "pedal", "chain", "bell", "tyre", "lamp")
    for colour in ("red", "olive", "turquoise", "black")
]


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("experiments")
    (folder / "prompts").mkdir()
    (folder / "prompts/short.yaml").write_text(TEMPLATE)
    (folder / "past.jsonl").write_text("\n".join(map(json.dumps, TRANSCRIPTS)))
    (folder / "articles").mkdir()
    (folder / "articles/returns.md").write_text("# Returns\n\nCase 10 takes 10 days.\n")
    (folder / "articles/bikes.md").write_text("# Bikes\n\nThey have two wheels.\n")
    model = LocalModel(str(make_model(folder / "tiny")), AdapterFolder(folder / "adapters"), folder / "cache")
    templates = TemplateLibrary(folder / "prompts", folder / "versions")
    retriever = HybridRetriever(folder / "index")
    chats = open_store(f"sqlite:///{folder / 'chats.sqlite3'}")
    examples = Examples(model, templates, retriever, chats, folder / "runs", "Velomoor", "short", list)
    arms = tuple(replace(arm, spec=replace(arm.spec, template="short")) for arm in (BARE, PROMPT))
    plan = StudyPlan("parts", "questions", arms, ("prompt", "bare"))
    study = Study("0123456789abcdef", plan, tuple(question(number) for number in range(10, 16)), {})
    store = chats.studies
    models = EngineChatModels(model)

    def backend_with(other, over):
        return Chain(models, other or templates, over or retriever, "Velomoor")

    store.add(study, ())
    made = Arm("prompt", "tiny", "m", "short", 1, "t", Decoding())
    for one in study.questions:
        for name, text in (("prompt", one.reference), ("bare", "I wonder.")):
            answer = Answer(f"{name}-{one.id}", one.id, arm=made, text=text, outcome="complete")
            store.add_answer(StudyAnswer(study.id, name, answer))
    yield ExperimentParts(
        store=store,
        backend=backend_with(None, None),
        templates=templates,
        training=LocalTraining(folder / "runs", model, examples, chats),
        adapters=model.adapter_folder,
        embed=embed,
        at_once=4,
        backend_with=backend_with,
        retriever_over=HybridRetriever,
        documents=folder / "articles",
        company="Velomoor",
    )
    chats.close()


def test_a_learning_curve_trains_asks_and_clears_up(parts):
    folder = parts.training.folder.parent
    choices = CurveChoices((str(folder / "past.jsonl"),), sizes=(0, 8), seeds=(1,))
    said = []
    content = run_learning_curve(parts, "0123456789abcdef", choices, lambda *told: said.append(told), lambda: False)
    found = content["arms"]["lora"]
    assert found["sizes"][:2] == [0, 8] and found["sizes"][2] == content["settings"]["rounds"]
    assert [row["rows"] for row in content["trainings"]] == found["sizes"][1:]
    assert content["against"]["mean"] == 1.0
    assert parts.adapters.names() == [] and parts.training.runs() == []
    hashes = {one.answer.arm.adapter_hash for one in parts.store.answers("0123456789abcdef") if "seed" in one.arm}
    assert len(hashes) == 2, "each adapter is another one"
    few, everything = (row["data_hash"] for row in content["trainings"])
    assert few != everything == content["settings"]["data_hash"]
    assert any("Step" in doing for _, _, doing in said)


def test_examples_are_in_the_prompts_and_repeat_no_test_question(parts):
    folder = parts.training.folder.parent
    choices = FewShotChoices((str(folder / "past.jsonl"),), counts=(2,), seeds=(1,))
    content = run_few_shot(parts, "0123456789abcdef", choices, lambda *told: None, lambda: False)
    assert content["curve"]["sizes"] == [0, 2]
    answers = [one.answer for one in parts.store.answers("0123456789abcdef") if one.arm == "prompt, 2 examples, seed 1"]
    assert len(answers) == 6
    examples = content["settings"]["examples"]["1"]
    for answer in answers:
        assert answer.arm.template == "short + 2 examples"
        assert [turn.role for turn in answer.prompt] == ["system", "user", "assistant", "user", "assistant", "user"]
        assert [turn.text for turn in answer.prompt if turn.role == "user"][:2] == examples
    plan = Plan("", files=choices.files)
    asked = TRANSCRIPTS[0]["question"]
    assert asked not in {one.question for one in parts.training.rounds(plan, [asked])}
    assert len(parts.training.rounds(plan, [asked])) < len(parts.training.rounds(plan, []))


def test_a_shift_is_answered_from_an_index_of_the_edited_article_alone(parts):
    before = parts.backend.retriever.version
    choices = ShiftChoices((Edit("returns.md", "10 days", "99 days"),), controls=0)
    content = run_shift(parts, "0123456789abcdef", choices, lambda *told: None, lambda: False)
    (found,) = content["shifts"]
    label = "prompt, returns.md: 10 days -> 99 days"
    (answer,) = (one.answer for one in parts.store.answers("0123456789abcdef") if one.arm == label)
    assert any("takes 99 days" in passage.text for passage in answer.passages)
    assert found["questions"] == 1 and found["arms"]["prompt"]["new_in_passages"]["mean"] == 1
    assert answer.arm.index_version == found["index"] != before == parts.backend.retriever.version
    assert "10 days" in (parts.documents / "returns.md").read_text()
