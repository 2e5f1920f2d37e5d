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
from core.types import Answer, Arm, Decoding
from finetune.examples import Examples
from finetune.local_training import LocalTraining
from store import open_store
from study.experiments.choices import CurveChoices
from study.experiments.learning_curve import run_learning_curve
from study.experiments.parts import ExperimentParts
from tests.integration.tiny_models import ROOT, make_model
from tests.unit.fake_experiments import BARE, PROMPT, MemoryStore, embed, question

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
    model = LocalModel(str(make_model(folder / "tiny")), AdapterFolder(folder / "adapters"), folder / "cache")
    templates = TemplateLibrary(folder / "prompts", folder / "versions")
    retriever = HybridRetriever(folder / "index")
    chats = open_store(f"sqlite:///{folder / 'chats.sqlite3'}")
    examples = Examples(model, templates, retriever, chats, folder / "runs", "Velomoor", "short", list)
    arms = tuple(replace(arm, spec=replace(arm.spec, template="short")) for arm in (BARE, PROMPT))
    plan = StudyPlan("parts", "questions", arms, ("prompt", "bare"))
    study = Study("0123456789abcdef", plan, tuple(question(number) for number in range(10, 16)), {})
    store = MemoryStore(study)
    backend = Chain(EngineChatModels(model), templates, retriever, "Velomoor")
    arm = Arm("prompt", "tiny", "m", "short", 1, "t", Decoding())
    for one in study.questions:
        store.add_answer(StudyAnswer(study.id, "prompt", Answer(one.id, one.id, arm=arm, text=one.reference)))
    yield ExperimentParts(
        store=store,
        backend=backend,
        templates=templates,
        training=LocalTraining(folder / "runs", model, examples, chats),
        adapters=model.adapter_folder,
        embed=embed,
        at_once=4,
        backend_with=lambda other, retriever: backend,
        retriever_over=HybridRetriever,
        documents=ROOT / "knowledge/articles",
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
    hashes = {one.answer.arm.adapter_hash for one in parts.store.all if "seed" in one.arm}
    assert len(hashes) == 2, "each adapter is another one"
    few, everything = (row["data_hash"] for row in content["trainings"])
    assert few != everything == content["settings"]["data_hash"]
    assert any("Step" in doing for _, _, doing in said)
