"""The few-shot curve: examples stand in the prompt, not in the search; smaller counts are among the larger ones."""

from dataclasses import replace

import pytest

from backends.templates import TemplateLibrary
from core.errors import PromptTooLong, StudyError
from core.training import Round
from core.types import Draft, Passage, Turn
from study.experiments.choices import FewShotChoices
from study.experiments.few_shot import run_few_shot
from study.experiments.few_shot_templates import FewShotTemplates
from study.experiments.sentences import few_shot_sentences
from tests.unit.fake_experiments import KnowingBackend, make_parts

CHOICES = FewShotChoices(("transcripts",), counts=(0, 1, 2, 4), seeds=(1, 2))
TEMPLATE = """name: short
messages:
  - system: You are an agent of {company}.
  - history: "{history}"
  - user: |
      Passages: {context}

      Question: {question}
"""


@pytest.fixture
def templates(tmp_path):
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/short.yaml").write_text(TEMPLATE)
    return TemplateLibrary(tmp_path / "prompts", tmp_path / "versions")


def test_examples_stand_before_the_past_turns_and_read_like_questions_without_passages(templates):
    examples = [Round("May I {return} it?", "Yes, in {30} days."), Round("Where?", "Here.")]
    shown = FewShotTemplates(templates, "short", examples, "Velomoor")
    template = shown.get("short")
    past = (Turn("user", "Hi."), Turn("assistant", "Hello."))
    passages = (Passage("p", "returns.md", "Returns", "Within 30 days."),)
    assert shown.render(template, "And then?", past, passages, "Velomoor") == (
        Turn("system", "You are an agent of Velomoor."),
        Turn("user", "Question: May I {return} it?"),
        Turn("assistant", "Yes, in {30} days."),
        Turn("user", "Question: Where?"),
        Turn("assistant", "Here."),
        *past,
        Turn("user", "Passages: [1] Returns\nWithin 30 days.\n\nQuestion: And then?"),
    )


def test_a_template_with_examples_is_another_template(templates):
    examples = [Round("Where?", "Here."), Round("When?", "Now.")]
    base = templates.get("short")
    found = [FewShotTemplates(templates, "short", some, "Velomoor").get("short") for some in (examples, examples[:1])]
    assert [one.name for one in found] == ["short + 2 examples", "short + 1 examples"]
    assert len({base.hash, *(one.hash for one in found)}) == 3
    assert FewShotTemplates(templates, "short", [], "Velomoor").get("short") == base
    assert FewShotTemplates(templates, "other", examples, "Velomoor").get("short") == base


class Shown:
    """Backends that know more facts the more examples they are shown; remembers the examples by seed."""

    def __init__(self, parts, templates, most=99, gain=0.1):
        self.parts, self.most, self.gain = parts, most, gain
        self.draws = []
        plan = parts.store.kept.plan
        arms = tuple(replace(arm, spec=replace(arm.spec, template="short")) for arm in plan.arms)
        parts.store.kept = replace(parts.store.kept, plan=replace(plan, arms=arms))
        self.made = replace(parts, templates=templates, backend_with=self.backend)
        self.asked = []

    def backend(self, templates, retriever):
        shown = templates.get("short").messages
        examples = [turn.text for turn in shown if turn.role == "assistant"]
        self.draws.append(examples)
        shared = KnowingBackend(self.parts.adapters, lambda arm, rows: 0.4 + self.gain * len(examples))
        shared.asked = self.asked
        draft = shared.draft

        def fitting(question, spec):
            if len(examples) > self.most:
                raise PromptTooLong("The message and its template take 9 tokens.")
            made = draft(question, spec)
            return Draft(made.arm, made.prompt, () if len(examples) == 4 else made.passages, made.pieces)

        shared.draft = fitting
        return shared


def run(parts, choices=CHOICES):
    return run_few_shot(parts, "0123456789abcdef", choices, lambda *told: None, lambda: False)


@pytest.fixture
def shown(templates):
    return Shown(make_parts(lambda arm, rows: 0.4), templates)


def test_smaller_counts_are_the_first_of_the_larger_ones_and_seeds_draw_others(shown):
    run(shown.made)
    whole = [draw for draw in shown.draws if len(draw) == 4]
    assert len({draw[0] for draw in whole}) == 2
    assert all(any(draw == one[: len(draw)] for one in whole) for draw in shown.draws)


def test_the_curve_rises_from_the_arm_without_examples_and_is_kept(shown):
    content = run(shown.made)
    means = [point["mean"] for point in content["curve"]["scores"]]
    assert content["curve"]["sizes"] == [0, 1, 2, 4]
    assert means == sorted(means) and means[0] == content["against"]["mean"]
    assert content["curve"]["ahead"][0] == {"mean": 0.0, "low": 0.0, "high": 0.0}
    assert shown.parts.store.kept.experiments["few_shot"] == content
    assert content["sentences"][0].startswith("Examples in the prompt help: +")
    assert content["lost_passages"] == [0, 0, 0, 80] and content["prompts"] == [80] * 4
    assert "80 of these 80 prompts had no room for all passages" in content["sentences"][2]


def test_nothing_is_asked_twice_and_counts_may_be_added(shown):
    run(shown.made, replace(CHOICES, counts=(1, 4)))
    assert len(shown.asked) == 4 * 40
    run(shown.made)
    assert len(shown.asked) == 6 * 40
    assert shown.parts.store.named()["prompt, 4 examples, seed 2"] == 40


def test_counts_that_the_model_cannot_read_are_left_out_and_said(templates):
    few = Shown(make_parts(lambda arm, rows: 0.4), templates, most=2)
    content = run(few.made)
    assert content["curve"]["sizes"] == [0, 1, 2] and content["too_many"] == [4]
    assert "The model cannot read 4 examples beside a question" in content["sentences"][-1]
    none = Shown(make_parts(lambda arm, rows: 0.4), templates, most=0)
    with pytest.raises(StudyError, match="Not even 1 examples fit"):
        run(none.made)


def test_other_examples_in_the_middle_are_refused(shown):
    run(shown.made)
    shown.parts.training.rounds = lambda plan, apart: [Round(f"New {n}?", "Yes.") for n in range(9)]
    with pytest.raises(StudyError, match="begun with other examples"):
        run(shown.made)


def test_rounds_in_the_middle_of_a_conversation_are_no_examples(shown):
    later = Round("And then?", "So.", (Turn("user", "Hi."), Turn("assistant", "Hello.")))
    shown.parts.training.rounds = lambda plan, apart: [later] * 20 + [Round("Where?", "Here.")] * 3
    with pytest.raises(StudyError, match="only 3 of 23 rounds begin a conversation"):
        run(shown.made)


@pytest.mark.parametrize(
    ("ahead", "says"),
    [
        ((0.1, 0.05, 0.15), "help: +10 points of facts [5, 15] with 8 examples."),
        ((-0.1, -0.15, -0.05), "harm: "),
        ((0.0, -0.02, 0.02), "make no difference that matters: "),
        ((0.02, -0.1, 0.12), "help cannot be told: "),
        ((0.02, None, None), "help cannot be told: "),
    ],
)
def test_what_examples_add_in_a_sentence(ahead, says):
    last = dict(zip(("mean", "low", "high"), ahead, strict=True))
    content = {"curve": {"sizes": [0, 8], "ahead": [{}, last]}, "measure": "facts", "against": {"name": "prompt"}}
    content |= {"prompt_tokens": [800, 1900], "lost_passages": [0, 0], "prompts": [40, 40], "too_many": []}
    first, cost = few_shot_sentences(content, 0.05)
    assert says in first
    assert cost == "A prompt with 8 examples has 1,900 tokens in place of 800."
