"""Studies: fixed once, answered once, stopped and resumed at any moment, and never quietly of other arms."""

import json
import threading
import time
from dataclasses import dataclass, field, replace

import pytest
from filelock import FileLock

from core.errors import ModelError, QuestionsError, StudyError, UnknownStudy, UnknownTemplate
from core.studies import Prices, RatingProgress, StudyArm, StudyPlan
from core.types import ArmSpec, Decoding, Passage
from study.local_studies import LocalStudies
from tests.conftest import LORA, PROMPT, ScriptedBackend

QUESTIONS = [
    {"id": "q1", "question": "How long can I send a bike back?", "facts": [["30 days"]], "answer": "30 days, rider."},
    {"id": "q2", "question": "What does the E-417 on my display mean?", "facts": [["reseat"]], "answer": "Reseat it."},
    {"id": "q3", "question": "Do you sell boats as well?", "facts": [], "answer": "I do not know."},
]


@dataclass
class Surroundings:
    """The retriever, training, adapters and rating queue of a study, as far as it asks them anything."""

    passages: list = field(default_factory=list)
    state: str = "ready"
    seen_questions: int = 0
    cards: dict = field(default_factory=dict)

    def search(self, text, k):
        return self.passages[:k]

    def seen(self, adapter, questions):
        return self.seen_questions

    def card(self, name):
        return self.cards

    def progress(self, study_id, rater=""):
        return RatingProgress(0, 0, 0, 0, "")


@dataclass
class Arms(ScriptedBackend):
    """Says its words; `wait` holds every answer back until it is set; `fails` are cells and questions that end in an
    error, `versions` those of the template by cell."""

    versions: dict = field(default_factory=dict)
    temperature: float = 0.0
    wait: threading.Event | None = None
    fails: set = field(default_factory=set)
    answered: list = field(default_factory=list)

    def draft(self, question, spec):
        draft = super().draft(question, spec)
        version = self.versions.get(spec.name, 1)
        arm = replace(draft.arm, template_version=version, decoding=Decoding(160, self.temperature))
        return replace(draft, arm=arm, pieces=self.say(question, spec, draft.pieces))

    def say(self, question, spec, pieces):
        if (spec.name, question.id) in self.fails:
            raise ModelError("out of memory")
        for piece in pieces:
            while self.wait and not self.wait.is_set():
                time.sleep(0.01)
                yield replace(piece, text="")
            yield piece
        self.answered.append((spec.template, question.id))


@pytest.fixture
def backend():
    return Arms()


@pytest.fixture
def around():
    return Surroundings()


@pytest.fixture
def questions(tmp_path):
    file = tmp_path / "questions.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in QUESTIONS))
    return file


@pytest.fixture
def studies(store, backend, around, tmp_path):
    return make(store, backend, around, tmp_path)


def make(store, backend, around, tmp_path):
    return LocalStudies(store.studies, around, backend, around, around, around, None, tmp_path / "studies", at_once=2)


@pytest.fixture
def plan(questions):
    arms = (StudyArm("as it is", PROMPT), StudyArm("tuned", LORA))
    return StudyPlan("which", str(questions), arms, ("tuned", "as it is"))


def wait_for(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_study_answers_every_question_once_on_each_arm(studies, backend, plan):
    study = studies.add(plan)
    assert backend.answered == [], "nothing is generated before it runs"
    told = []
    studies.run(study.id, lambda *progress: told.append(progress))
    view = studies.view(study.id)
    assert (view.study.status, view.study.message) == ("answered", "All 6 answers are there.")
    assert view.answered == {"as it is": 3, "tuned": 3}
    assert told[-1] == (6, 6, "6 of 6 answers")
    studies.run(study.id)
    assert len(backend.answered) == 6
    assert {one.arm: one.answer.arm.name for one in studies.store.answers(study.id)} == {
        "as it is": "prompt",
        "tuned": "lora",
    }


def test_the_questions_of_a_study_stay_what_they_were_when_their_file_changes(studies, plan, questions):
    study = studies.add(plan)
    questions.write_text("")
    studies.run(study.id)
    assert studies.view(study.id).study.status == "answered"


def test_an_answer_that_failed_is_not_kept_and_is_asked_again(studies, backend, plan):
    study = studies.add(plan)
    backend.fails = {("prompt", "q2"), ("lora", "q2")}
    studies.run(study.id)
    view = studies.view(study.id)
    assert view.study.status == "failed"
    assert view.study.message.startswith("2 of 6 answers are missing") and "out of memory" in view.study.message
    assert view.answered == {"as it is": 2, "tuned": 2}
    backend.fails = set()
    studies.run(study.id)
    assert studies.view(study.id).study.status == "answered"
    assert len(backend.answered) == 6


def test_stopping_keeps_what_is_answered_and_a_later_run_goes_on_there(studies, backend, plan):
    study = studies.add(plan)
    backend.fails = {(cell, name) for cell in ("prompt", "lora") for name in ("q2", "q3")}
    studies.run(study.id)
    backend.fails, backend.wait = set(), threading.Event()
    studies.start(study.id)
    wait_for(lambda: studies.view(study.id).study.status == "running")
    with pytest.raises(StudyError, match="is running already"):
        studies.start(study.id)
    with pytest.raises(StudyError, match="stop it first"):
        studies.remove(study.id)
    studies.stop(study.id)
    wait_for(lambda: studies.view(study.id).study.status == "stopped")
    assert studies.view(study.id).study.message == "Stopped after 2 of 6 answers."
    backend.wait = None
    studies.run(study.id)
    assert studies.view(study.id).study.status == "answered"
    assert len(backend.answered) == 6


def test_another_process_can_stop_it(studies, store, backend, around, plan, tmp_path):
    study = studies.add(plan)
    backend.wait = threading.Event()
    studies.start(study.id)
    other = make(store, backend, around, tmp_path)
    assert other.view(study.id).study.status == "running"
    other.stop(study.id)
    wait_for(lambda: studies.view(study.id).study.status == "stopped")


def test_a_study_whose_process_has_died_is_interrupted_and_goes_on(studies, plan):
    study = studies.add(plan)
    studies.store.say(study.id, "running")
    view = studies.view(study.id)
    assert view.study.status == "interrupted" and "run it again" in view.study.message
    studies.run(study.id)
    assert studies.view(study.id).study.status == "answered"


def test_a_study_that_ends_while_it_is_looked_at_is_not_interrupted(studies, plan, monkeypatch):
    study = studies.add(plan)
    studies.store.say(study.id, "running")

    def ends(study_id):
        studies.store.say(study_id, "answered")
        return False

    monkeypatch.setattr(studies.runner, "runs", ends)
    assert studies.view(study.id).study.status == "answered"


def test_a_study_that_another_process_holds_is_running(studies, plan):
    study = studies.add(plan)
    studies.store.say(study.id, "running")
    studies.runner.folder.mkdir()
    with FileLock(studies.runner.folder / f"{study.id}.lock"):
        assert studies.view(study.id).study.status == "running"


def test_a_changed_arm_is_refused_with_what_has_changed(studies, backend, plan):
    study = studies.add(plan)
    backend.versions = {"prompt": 2}
    with pytest.raises(StudyError, match=r"'as it is' \(template friendly 1 def456 became friendly 2 def456\)"):
        studies.run(study.id)
    assert "friendly 1" in studies.changes(study.id)
    assert studies.view(study.id).study.status == "planned"
    assert backend.answered == []


def test_an_arm_that_has_answered_everything_may_change(studies, backend, plan):
    study = studies.add(plan)
    backend.fails = {("lora", "q1")}
    studies.run(study.id)
    backend.fails, backend.versions = set(), {"prompt": 2}
    studies.run(study.id)
    assert studies.view(study.id).study.status == "answered"


def test_an_arm_that_changes_in_the_middle_ends_the_study_and_its_answer_does_not_count(studies, backend, plan):
    study = studies.add(plan)
    draft, calls = backend.draft, []

    def changing(question, spec):
        calls.append(question.id)
        if len(calls) > 3:
            backend.versions = {"prompt": 2}
        return draft(question, spec)

    backend.draft = changing
    studies.run(study.id)
    view = studies.view(study.id)
    assert view.study.status == "failed" and "became friendly 2" in view.study.message
    assert all(one.answer.arm.template_version == 1 for one in studies.store.answers(study.id))


def test_what_the_same_arm_has_said_before_is_taken_over(studies, backend, plan):
    studies.run(studies.add(plan).id)
    backend.answered.clear()
    formal = StudyArm("formal", ArmSpec("prompt", "formal"))
    again = studies.add(replace(plan, name="next", arms=(*plan.arms, formal)))
    studies.run(again.id)
    assert sorted(backend.answered) == [("formal", "q1"), ("formal", "q2"), ("formal", "q3")]
    assert "6 of them from earlier studies" in studies.view(again.id).study.message
    assert {one.answer.question_id for one in studies.store.answers(again.id)} == {"q1", "q2", "q3"}


def test_what_was_drawn_at_random_is_asked_anew(studies, backend, plan):
    backend.temperature = 0.7
    studies.run(studies.add(plan).id)
    studies.run(studies.add(replace(plan, name="next")).id)
    assert len(backend.answered) == 12


def test_two_names_of_one_arm_are_refused(studies, plan):
    arms = (*plan.arms, StudyArm("prompt", PROMPT))
    with pytest.raises(StudyError, match="'as it is' and 'prompt' are made of the same"):
        studies.add(replace(plan, arms=arms))


def test_an_adapter_that_has_seen_test_questions_is_refused_or_said_with_every_result(studies, around, plan):
    around.seen_questions = 2
    with pytest.raises(StudyError, match="'velomoor' was trained on .* \(2 of these 3;"):
        studies.add(plan)
    study = studies.add(replace(plan, leaks="keep"))
    assert len(study.notes) == 1 and "partly memory" in study.notes[0]
    assert studies.view(study.id).study.notes == study.notes


def test_an_index_that_holds_a_test_question_word_for_word_is_refused(studies, around, plan):
    around.passages = [Passage("p", "faq.md", "FAQ", "Also asked: what does the E-417 on my display mean? Reseat it.")]
    with pytest.raises(StudyError, match=r"The index holds 1 of the 3 test questions .*\(q2\)"):
        studies.add(plan)
    loose = "An E-417 on the display means that the battery sits loosely."
    around.passages = [Passage("p", "faq.md", "FAQ", loose), Passage("s", "faq.md", "FAQ", "on my display")]
    studies.add(plan)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"name": " "}, "needs a name"),
        ({"arms": ()}, "at least two arms"),
        ({"arms": (StudyArm("a", PROMPT), StudyArm("a", LORA))}, "Two of the arms are called 'a'"),
        ({"arms": (StudyArm("as it is", PROMPT), StudyArm("tuned", ArmSpec("lora", "friendly")))}, "needs an adapter"),
        ({"decides": ("tuned", "tuned")}, "two different arms of the study"),
        ({"decides": ("tuned", "other")}, "two different arms of the study"),
        ({"measure": "beauty"}, "no measure 'beauty'"),
        ({"measure": "ratings"}, "none are planned"),
        ({"margin": 0}, "above 0 and below 1"),
        ({"margin": 1.5}, "above 0 and below 1"),
        ({"margin": float("nan")}, "above 0 and below 1"),
        ({"ratings": -1}, "must not be negative"),
        ({"ratings": 1000}, "1,000 ratings are planned"),
        ({"twice": 1.2}, "from 0 to 1"),
        ({"limit": 1}, "at least two questions"),
        ({"prices": Prices(label=-1)}, "A price must be"),
    ],
)
def test_a_plan_that_makes_no_sense_gets_one_sentence(studies, plan, changed, says):
    with pytest.raises(StudyError, match=says):
        studies.add(replace(plan, **changed))
    assert studies.views() == []


def test_questions_without_facts_cannot_be_measured_by_facts(studies, plan, tmp_path):
    file = tmp_path / "own.csv"
    file.write_text("question,answer\nWhere?,Here.\nWhen?,Now.\n")
    with pytest.raises(StudyError, match="'facts' takes facts .* choose one of similarity, rouge_l, chrf, ratings"):
        studies.add(replace(plan, questions=str(file)))
    assert studies.add(replace(plan, questions=str(file), measure="chrf")).questions[0].facts is None


def test_a_name_is_given_once(studies, plan):
    studies.add(plan)
    with pytest.raises(StudyError, match="There is a study 'which' already"):
        studies.add(plan)


def test_nothing_is_fixed_or_run_while_documents_are_being_indexed(studies, around, plan):
    study = studies.add(plan)
    around.state = "indexing 3 of 50"
    with pytest.raises(StudyError, match="indexing 3 of 50"):
        studies.run(study.id)
    with pytest.raises(StudyError, match="indexing 3 of 50"):
        studies.add(replace(plan, name="next"))


def test_what_does_not_exist_is_named(studies, backend, plan):
    for call in (studies.run, studies.stop, studies.remove, studies.view, studies.changes):
        with pytest.raises(UnknownStudy):
            call("nonesuch")
    with pytest.raises(QuestionsError, match="No test questions found"):
        studies.look("/no/such/file")
    backend.draft = lambda question, spec: (_ for _ in ()).throw(UnknownTemplate("There is no template 'x'."))
    with pytest.raises(UnknownTemplate):
        studies.add(plan)


def test_a_removed_study_is_gone_with_its_answers(studies, plan):
    study = studies.add(plan)
    studies.run(study.id)
    studies.remove(study.id)
    assert studies.views() == []
    assert list(studies.runner.folder.iterdir()) == []


def test_the_study_that_needs_an_adapter_is_named(studies, plan):
    assert studies.uses("velomoor") == ""
    studies.add(plan)
    assert studies.uses("velomoor") == "which"
    assert studies.uses("another") == ""


def test_a_plan_is_told_what_it_can_find(studies, plan):
    found = studies.planning(replace(plan, ratings=3, margin=0.1))
    # Cohen: a paired t test finds 0.2 standard deviations with a power of 80% from 198 pairs on; 0.1 / 0.5 = 0.2.
    assert found.questions_needed == found.ratings_needed == 199
    assert found.detectable_score > found.detectable_rating > 0.5, "two questions have facts, three can be rated"
    three = replace(plan, ratings=3, margin=0.1, arms=(*plan.arms, StudyArm("bare", ArmSpec("bare", "friendly"))))
    assert studies.planning(three).ratings_needed == 3 * 199
    assert studies.planning(replace(three, pairs="deciding")).ratings_needed == 199
    assert studies.planning(plan).detectable_rating is None
    assert studies.planning(replace(plan, measure="ratings", ratings=3)).questions_needed is None


def test_an_unexpected_error_ends_the_study_and_is_told(studies, backend, plan):
    study = studies.add(plan)
    backend.error = RuntimeError("a bug")
    studies.run(study.id)
    assert studies.view(study.id).study.status == "failed"
    assert "RuntimeError: a bug" in studies.view(study.id).study.message
    assert not studies.runner.runs(study.id)


def test_a_running_study_says_how_long_it_will_take(studies, backend, plan):
    study = studies.add(plan)
    assert studies.view(study.id).seconds_left is None
    left = []
    studies.run(study.id, lambda done, total, sentence: left.append(studies.view(study.id).seconds_left))
    assert left[0] > 0 and left[-1] == 0
