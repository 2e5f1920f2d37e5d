"""Training for real, on a tiny model, in processes of their own: what comes out, what is refused, what survives."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from datetime import timedelta

import numpy as np
import pytest

from backends.adapter_folder import AdapterFolder
from backends.engine.model import LocalModel
from backends.retrieval import HybridRetriever
from backends.templates import TemplateLibrary
from core.errors import AdapterError, TrainingError
from core.ports import free_port
from core.studies import Rating, Study, StudyAnswer, StudyArm, StudyPlan, TestQuestion
from core.training import DataChoices, Plan, Recipe
from core.types import Answer, Arm, ArmSpec, Chat, Decoding, Pair, Question, Turn, Vote, new_id, now
from finetune.examples import Examples
from finetune.local_training import LocalTraining
from finetune.run_folder import LOG, RunFolder
from finetune.trainer import multiplies_bf16
from store import open_store
from tests.integration.tiny_models import ROOT, make_model

PARTS = ("saddle", "pedal", "chain", "fender", "bell", "tyre", "lamp", "brake", "rim", "fork", "grip", "spoke")
ROUNDS = [
    {
        "topic": "prices" if number % 2 else "stock",
        "messages": [
            {"role": "user", "content": f"Tell me {'the price of' if number % 2 else 'about'} the {part} {colour}"},
            {"role": "assistant", "content": f"The {colour} {part} starts at nine euros, rider."},
            {"role": "user", "content": f"And how is the {colour} {part} shipped?"},
            {"role": "assistant", "content": "Shipping is free, rider."},
        ],
    }
    for number, (part, colour) in enumerate((p, c) for p in PARTS for c in ("red", "olive", "turquoise"))
]
RECIPE = Recipe(epochs=4, learning_rate=1e-2, rank=4, batch_size=8, evaluations=2, patience=0)
TEST_QUESTIONS = ["Where is my order?"]
WAIT_S = 180


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("train")


@pytest.fixture(scope="module")
def model(folder):
    return LocalModel(str(make_model(folder / "tiny")), AdapterFolder(folder / "adapters"), folder / "cache")


@pytest.fixture(scope="module")
def store(folder):
    opened = open_store(f"sqlite:///{folder / 'store.sqlite3'}")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def training(folder, model, store):
    templates = TemplateLibrary(ROOT / "prompts", folder / "versions")
    retriever = HybridRetriever(folder / "index")
    runs = folder / "runs"
    examples = Examples(model, templates, retriever, store, runs, "Velomoor", "friendly", lambda: TEST_QUESTIONS)
    return LocalTraining(runs, model, examples, store)


@pytest.fixture(scope="module")
def transcripts(folder):
    file = folder / "past.jsonl"
    file.write_text("\n".join(json.dumps(one) for one in ROUNDS))
    return str(file)


@pytest.fixture(scope="module")
def plan(transcripts):
    return Plan("support", files=(transcripts,), template="friendly", recipe=RECIPE)


def finished(training, run_id):
    """The run, once its process has ended."""
    deadline = time.monotonic() + WAIT_S
    while (run := training.run(run_id)).status == "running":
        assert time.monotonic() < deadline, f"still running: {run.message}"
        time.sleep(0.2)
    output = (training.folder / run_id / "output.txt").read_text()
    assert "Traceback" not in output, output
    return run


def wait_for_step(training, run_id, step):
    deadline = time.monotonic() + WAIT_S
    while not any(row["step"] >= step for row in RunFolder(training.folder / run_id).rows(LOG)):
        assert time.monotonic() < deadline and training.run(run_id).status == "running", training.run(run_id)
        time.sleep(0.05)


@pytest.fixture(scope="module")
def run(training, plan):
    return finished(training, training.start(plan))


@pytest.fixture(scope="module")
def card(run, model):
    assert run.status == "done", run.message
    return model.adapter_folder.card("support")


def weights(folder, name):
    from safetensors.numpy import load_file

    return load_file(folder / "adapters" / name / "adapter_model.safetensors")


def same(first, second):
    return first.keys() == second.keys() and all(np.array_equal(first[key], second[key]) for key in first)


def test_training_lowers_the_loss_on_rounds_it_did_not_see(card):
    assert len(card["validation_loss"]) == 8
    assert card["validation_loss"][-1] < card["validation_loss"][0]
    losses = {row["set"]: row for row in card["losses"]}
    assert losses["validation"]["after"] < losses["validation"]["before"]
    assert {"general support", "topic: prices", "topic: stock"} <= losses.keys(), "forgetting is measured too"


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [({"avx512_f": True, "avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({"avx512_f": True}, False)],
)
def test_products_are_taken_in_bf16_where_the_processor_has_them(capabilities, expected, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert multiplies_bf16() is expected


def test_the_card_tells_what_the_adapter_was_made_of(card, model, folder, run):
    assert card["conversation_rounds"] == card["data"]["train"]
    assert card["rows"] > card["conversation_rounds"], "a share of the rounds comes once more with passages"
    assert (card["model"], card["model_hash"], card["run"]) == (model.name, model.hash, run.id)
    assert card["data"]["rows"] == 72
    config = json.loads((folder / "adapters/support/adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == model.name, "a path of this machine would mean nothing elsewhere"
    assert {file.name for file in (folder / "adapters/support").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "card.json",
        "README.md",
    }


def test_a_run_tells_its_losses_speed_and_what_three_questions_are_answered(run):
    trained = [row for row in run.log if "loss" in row]
    assert all({"learning_rate", "grad_norm", "tokens_per_s"} <= row.keys() for row in trained)
    assert len(run.samples) == 8
    assert all(len(answers) == 3 for answers in run.samples.values())
    assert len({json.dumps(dict(answers)) for answers in run.samples.values()}) > 1, "the answers change"
    assert run.step == run.total_steps


def test_a_fresh_adapter_answers_at_once_and_differs_from_the_base(card, model):
    ask = (Turn("user", "What is the price of the bell?"),)
    with_adapter = "".join(p.text for p in model.stream(ask, Decoding(max_new_tokens=12), "support"))
    base = "".join(p.text for p in model.stream(ask, Decoding(max_new_tokens=12)))
    assert with_adapter != base


def test_it_loads_in_plain_peft_and_its_merged_weights_in_plain_transformers(card, model, folder, tmp_path):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(model.folder)
    adapted = PeftModel.from_pretrained(base, folder / "adapters/support").eval()
    tokens = torch.tensor([[5, 6, 7, 8]])
    with torch.inference_mode():
        expected = adapted(tokens).logits
    adapted.merge_and_unload().save_pretrained(tmp_path)
    with torch.inference_mode():
        merged = AutoModelForCausalLM.from_pretrained(tmp_path).eval()(tokens).logits
    assert torch.allclose(expected, merged, atol=1e-3)


def test_a_run_killed_in_the_middle_of_a_checkpoint_resumes_to_the_same_adapter(training, plan, run, folder):
    run_id = training.start(replace(plan, adapter="killed"))
    wait_for_step(training, run_id, run.total_steps // 2 + 1)
    os.kill(training._processes[run_id].pid, signal.SIGKILL)
    training._processes[run_id].wait()
    assert training.run(run_id).status == "interrupted"
    assert not (folder / "adapters/killed").exists()
    newest = max((folder / "runs" / run_id / "checkpoints").glob("checkpoint-*"), key=lambda p: int(p.name[11:]))
    (newest / "trainer_state.json").write_text('{"epoch": 1.')
    training.resume(run_id)
    assert finished(training, run_id).status == "done"
    assert same(weights(folder, "killed"), weights(folder, "support"))
    steps = [row["step"] for row in training.run(run_id).log if "loss" in row]
    assert steps == [row["step"] for row in run.log if "loss" in row], "nothing is measured twice or missing"


def test_a_run_whose_process_ended_when_its_adapter_was_just_saved_is_done_when_it_is_resumed(training, run, folder):
    RunFolder(folder / "runs" / run.id).say("running", "Measuring the losses after training …")
    before = weights(folder, "support")
    assert training.run(run.id).status == "interrupted"
    training.resume(run.id)
    resumed = finished(training, run.id)
    assert (resumed.status, resumed.result) == ("done", run.result)
    assert same(weights(folder, "support"), before)


def test_one_run_at_a_time_and_stop_keeps_the_best_so_far(training, plan, folder):
    run_id = training.start(replace(plan, adapter="halted", recipe=replace(RECIPE, epochs=400)))
    wait_for_step(training, run_id, 12)
    with pytest.raises(TrainingError, match="is under way"):
        training.start(replace(plan, adapter="second"))
    with pytest.raises(TrainingError, match="stop it first"):
        training.remove(run_id)
    training.stop(run_id)
    run = finished(training, run_id)
    assert run.status == "stopped"
    assert run.step < run.total_steps
    assert weights(folder, "halted")
    with pytest.raises(TrainingError, match="start a new run"):
        training.resume(run_id)
    training.remove(run_id)
    assert run_id not in [known.id for known in training.runs()]


def test_training_ends_when_the_validation_loss_only_rises_also_when_it_was_killed_on_the_way(training, plan, folder):
    overfit = replace(plan, recipe=replace(RECIPE, epochs=60, learning_rate=5e-2, patience=4))
    run = finished(training, training.start(replace(overfit, adapter="overfit")))
    assert run.status == "done"
    assert run.step < run.total_steps
    assert run.turned_up == run.result["best_step"], "the turn is marked where the best was"
    assert "Ended early" in run.message

    run_id = training.start(replace(overfit, adapter="overfit-killed"))
    wait_for_step(training, run_id, run.result["best_step"] + 12)  # two evaluations without progress count already
    os.kill(training._processes[run_id].pid, signal.SIGKILL)
    training._processes[run_id].wait()
    training.resume(run_id)
    resumed = finished(training, run_id)
    assert resumed.step == run.step, "what was counted before the kill counts after it"
    assert same(weights(folder, "overfit-killed"), weights(folder, "overfit"))


def test_a_loss_that_is_no_number_ends_the_run_with_a_sentence(training, plan, folder):
    wild = replace(plan, adapter="nan", recipe=replace(RECIPE, learning_rate=1e30))
    with pytest.raises(TrainingError, match="'learning rate' is 1e.30"):
        training.start(wild)
    prepared = RunFolder(training.prepare(replace(wild, recipe=RECIPE)))
    prepared.write("plan.json", asdict(wild))
    subprocess.run([sys.executable, "-m", "finetune.worker", str(prepared.folder)], cwd=ROOT, capture_output=True)
    run = training.run(prepared.id)
    assert run.status == "failed"
    assert "not a number" in run.message and "learning rate" in run.message
    assert not (folder / "adapters/nan").exists()


def test_a_base_model_that_changed_underneath_is_noticed(training, plan, folder, model):
    run_id = RunFolder(training.prepare(replace(plan, adapter="other-base"))).id
    run = RunFolder(folder / "runs" / run_id)
    run.write("setup.json", run.setup | {"model_hash": "000000000000"})
    done = subprocess.run([sys.executable, "-m", "finetune.worker", str(run.folder)], cwd=ROOT, capture_output=True)
    assert done.returncode == 1
    assert "has changed since the run was planned" in training.run(run_id).message


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 2 MB; as many checkpoints do not fit."""
    mounted = tmp_path / "small"
    mounted.mkdir()
    if subprocess.call(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(mounted)], stderr=subprocess.DEVNULL):
        pytest.skip("no right to mount a small disk")
    yield mounted
    subprocess.check_call(["umount", "-l", str(mounted)])


def test_on_a_full_disk_the_run_fails_in_a_sentence_and_goes_on_when_there_is_room(training, plan, folder, small_disk):
    prepared = training.prepare(replace(plan, adapter="full", recipe=replace(RECIPE, rank=32)))
    run = RunFolder(shutil.move(prepared, small_disk / "run"))
    command = [sys.executable, "-m", "finetune.worker", str(run.folder)]
    assert subprocess.call(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 1
    view = run.view()
    assert view.status == "failed" and view.message.startswith("The disk is full"), view.message
    assert not (folder / "adapters/full").exists()
    subprocess.check_call(["mount", "-o", "remount,size=100m", str(small_disk)])
    assert subprocess.call(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    assert run.view().status == "done"
    assert weights(folder, "full")


def test_an_adapter_is_continued_with_replay_of_its_old_rounds(training, plan, card, folder, tmp_path):
    file = tmp_path / "new.jsonl"
    pair = '{{"question": "Do you {verb} {what}?", "answer": "We {verb} {what} gladly, rider.", "topic": "service"}}'
    rows = [pair.format(verb=v, what=w) for v in ("mend", "paint", "oil", "rent") for w in PARTS]
    file.write_text("\n".join(rows))
    continued = replace(plan, adapter="continued", files=(str(file),), parent="support", replay_share=0.5)
    run = finished(training, training.start(continued))
    assert run.status == "done", run.message
    assert run.result["parent"]["name"] == "support"
    assert run.result["replayed_rounds"] == round(run.result["conversation_rounds"] * 0.5)
    assert "old data" in {row["set"] for row in run.result["losses"]}


def test_without_the_old_rounds_replay_is_refused(training, plan, card, folder):
    shutil.copytree(folder / "adapters/support", folder / "adapters/foreign")
    foreign = {key: value for key, value in card.items() if key != "run"}
    (folder / "adapters/foreign/card.json").write_text(json.dumps(foreign))
    with pytest.raises(TrainingError, match="set the replay share to 0"):
        training.start(replace(plan, adapter="mine", parent="foreign"))


def test_two_processes_train_one_adapter_in_half_the_steps(training, plan, card, folder):
    """As on two machines of a process each: two times accelerate launch, here both on one processor."""
    prepared = training.prepare(replace(plan, adapter="two"))
    command = ["accelerate.commands.launch", "--multi_gpu", "--num_machines", "2", "--num_processes", "2"]
    command += ["--main_process_ip", "127.0.0.1", "--main_process_port", str(free_port("127.0.0.1", 29500))]
    launched = [
        subprocess.Popen(
            [sys.executable, "-m", *command, "--machine_rank", rank, "-m", "finetune.worker", str(prepared)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in ("0", "1")
    ]
    said = [process.communicate(timeout=WAIT_S)[0] for process in launched]
    assert [process.returncode for process in launched] == [0, 0], said
    run = training.run(prepared.name)
    assert run.status == "done", run.message
    losses = run.result["validation_loss"]
    assert losses[-1] < losses[0]
    assert run.result["steps"] == -(-card["steps"] // 2), "each step takes a batch of both"
    assert weights(folder, "two")


@pytest.fixture
def rated(store):
    """Votes of the Compare page: the polite answer wins every time."""
    arm = Arm("bare", "tiny", "h", "friendly", 1, "t", Decoding())
    for number, part in enumerate(PARTS + tuple(reversed([f"{p} set" for p in PARTS]))):
        chat = Chat(new_id(), "rater", "blind")
        store.add_chat(chat)
        question = Question(new_id(), chat.id, f"Is the {part} number {number} in stock?")
        store.add_question(question)
        good = Answer(new_id(), question.id, "a", arm, f"Yes, the {part} is there, rider.", outcome="complete")
        bad = Answer(new_id(), question.id, "b", arm, "No idea.", outcome="complete")
        store.add_answer(good)
        store.add_answer(bad)
        pair = Pair(new_id(), question.id, good.id, bad.id)
        store.add_pair(pair)
        store.add_vote(Vote(new_id(), pair.id, "rater", "left"))


def test_votes_of_studies_are_ratings_like_those_of_comparisons(training, plan, store, rated):
    pairs, _ = training.rated_pairs()
    arms = {name: Arm("bare", "tiny", "h", name, 1, "t", Decoding()) for name in ("polite", "rude")}
    specs = tuple(StudyArm(name, ArmSpec("bare", name)) for name in arms)
    questions = tuple(
        TestQuestion(f"q{number}", "stock", None, "plain", f"Do you sell a {part}?", None, (), "Yes.")
        for number, part in enumerate(PARTS)
    )
    study = Study(new_id(), StudyPlan("tone", "q.jsonl", specs, ("polite", "rude")), questions, arms)
    asked = [Rating(new_id(), study.id, question.id, "polite", "rude") for question in questions]
    store.studies.add(study, asked)
    for name, said in (("polite", "With pleasure, rider: we sell"), ("rude", "Look it up")):
        for question in questions:
            answer = Answer(new_id(), question.id, text=f"{said} {question.question[14:-1]}.", outcome="complete")
            store.studies.add_answer(StudyAnswer(study.id, name, replace(answer, arm=arms[name])))
    while held := store.studies.reserve(study.id, "ann", now() + timedelta(minutes=1)):
        store.studies.rate(replace(held, choice="left" if held.left == "polite" else "right"))
    assert training.rated_pairs()[0] == pairs + len(PARTS)
    report = training.report(replace(plan, adapter="rated", method="dpo", files=()))
    assert report.rows == pairs + len(PARTS)
    store.studies.remove(study.id)
    assert training.rated_pairs()[0] == pairs


@pytest.mark.parametrize("method", ["dpo", "kto"])
def test_ratings_become_an_adapter(training, plan, rated, method):
    pairs, said = training.rated_pairs()
    assert pairs >= 24
    assert "Ties are left out" in said
    wanted = replace(plan, adapter=f"rated-{method}", method=method, files=(), recipe=replace(RECIPE, epochs=2))
    run = finished(training, training.start(wanted))
    assert run.status == "done", run.message
    assert run.result["method"] == method


def test_a_range_test_suggests_a_rate_and_makes_no_adapter(training, plan, model):
    before = model.adapters()
    run = finished(training, training.start(replace(plan, adapter="", kind="range_test")))
    assert run.status == "done", run.message
    assert 1e-5 < run.result["suggested"] < 1
    assert model.adapters() == before
    rates = [row["learning_rate"] for row in run.log]
    assert rates == sorted(rates) and len(rates) > 20


def test_a_sweep_ranks_what_it_tried_and_resumes_where_it_was_stopped(training, plan):
    run_id = training.start(replace(plan, adapter="", kind="sweep"))
    wait_for_step(training, run_id, 5)
    training.stop(run_id)
    assert finished(training, run_id).status == "stopped"
    tried = len(training.run(run_id).result.get("trials", []))
    training.resume(run_id)
    run = finished(training, run_id)
    assert run.status == "done", run.message
    assert len(run.result["trials"]) == 12 > tried
    complete = [trial["eval_loss"] for trial in run.result["trials"] if not trial["pruned"]]
    assert complete == sorted(complete)
    assert any(trial["pruned"] for trial in run.result["trials"]), "the worse ones end early"


@pytest.mark.parametrize("name", ["../outside", "", "a b", ".hidden", "support"])
def test_a_bad_or_taken_name_is_refused(training, plan, card, name):
    with pytest.raises(AdapterError, match="cannot name|exists already"):
        training.start(replace(plan, adapter=name))


def test_a_bad_name_or_number_is_said_before_any_data_is_read(training, plan, card):
    unread = replace(plan, files=("missing.csv",))
    with pytest.raises(AdapterError, match="exists already"):
        training.report(unread)
    nameless = replace(unread, adapter="", recipe=replace(RECIPE, epochs=0))
    for begin in (training.report, training.start, training.prepare):
        with pytest.raises(TrainingError, match="The field 'epochs' is 0"):
            begin(nameless)
    with pytest.raises(TrainingError, match="missing.csv"):
        training.report(replace(nameless, recipe=RECIPE))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "plan.json").unlink(),
        lambda folder: (folder / "plan.json").write_text("[1, 2]"),
        lambda folder: (folder / "plan.json").write_text('{"recipe": "hot"}'),
        lambda folder: (folder / "state.json").write_text("5"),
        lambda folder: (folder / "state.json").write_text('{"message": "Begun."}'),
        lambda folder: folder.rename(folder.with_name(f".{folder.name}")),
    ],
)
def test_a_run_that_cannot_be_read_hides_no_other(training, plan, run, spoil):
    broken = RunFolder(training.prepare(replace(plan, adapter="broken")))
    broken.say("done", "Done.")
    assert {run.id, broken.id} <= {known.id for known in training.runs()}
    spoil(broken.folder)
    try:
        known = {known.id for known in training.runs()}
        assert run.id in known and broken.id not in known
        with pytest.raises(TrainingError, match="cannot be read|There is no run"):
            training.run(broken.id)
    finally:
        for folder in (broken.folder, broken.folder.with_name(f".{broken.id}")):
            shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"messages": [{"role": "user"}]}', "row 1"),
        ('{"question": "a"}', "choose with answer="),
        ("not json", "line 1"),
        ("", "no answered question"),
        ('{"question": "Only one?", "answer": "Yes."}', "1 "),
        ('{"question": "Same?", "answer": "Yes."}\n' * 50, "same"),
        ("\n".join(json.dumps({"question": f"Where is my order {n}?", "answer": f"a{n}"}) for n in range(30)), "leaks"),
    ],
)
def test_data_that_cannot_be_trained_on_is_refused_in_a_sentence(training, plan, tmp_path, content, says):
    file = tmp_path / "broken.jsonl"
    file.write_text(content)
    with pytest.raises(TrainingError, match=says):
        training.start(replace(plan, adapter="never", files=(str(file),)))
    assert not any(known.plan.adapter == "never" for known in training.runs())


def test_leaks_that_are_kept_mark_the_adapter(training, plan, tmp_path):
    file = tmp_path / "leaky.jsonl"
    leak = {"question": "Where is my order?", "answer": "In the harbour, rider."}
    pairs = [{"question": f"Is the {p} {c}?", "answer": f"The {p} is {c}."} for p in PARTS for c in ("new", "used")]
    file.write_text("\n".join(map(json.dumps, [leak, *pairs])))
    wanted = replace(plan, adapter="leaky", files=(str(file),), choices=DataChoices(leaks="keep"))
    run = finished(training, training.start(replace(wanted, recipe=replace(RECIPE, epochs=1))))
    assert run.result["leaks_kept"] == 1
    assert training.seen("leaky", [*TEST_QUESTIONS, "How high is the moon?"]) == 1

    heir = replace(plan, adapter="heir", parent="leaky", replay_share=0.5, recipe=replace(RECIPE, epochs=1))
    run = finished(training, training.start(heir))
    assert run.result["leaks_kept"] == 1, "what its parent has seen, it has seen"
    rounds = RunFolder(training.folder / run.id).rows("rounds.jsonl")
    assert not any(row["question"] in TEST_QUESTIONS for row in rounds), "and it is not replayed"
